"""Whether predictions that exist answer what another model is about to be asked."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from saeval.errors import PairingError
from saeval.evalsuite.compare.settings import (
    SAMPLING,
    Difference,
    Settings,
    compare_options,
    compare_settings,
    planned_settings,
    recorded_settings,
)
from saeval.evalsuite.config import RunConfig
from saeval.evalsuite.models.types import SavedPredictions
from saeval.evalsuite.run.tasks import LoadedTask, build_prompt
from saeval.evalsuite.store.hashing import hash_text
from saeval.evalsuite.store.prediction import Prediction, ShownDocument
from saeval.terminal_text import one_line

_PROMPTS_BUILT = 4
"""Of each task: one sentence stands in all its prompts or in none."""
_LONGEST = 60


@dataclass(frozen=True)
class ExistingPredictions:
    """Predictions that exist, and that those of another model are to be paired with.

    `options` are those of now, as a person types them.
    """

    saved: SavedPredictions
    options: str

    def check(self, tasks: Sequence[LoadedTask], config: RunConfig, *, strictly: bool) -> None:
        """Stop if these do not answer what is about to be asked.

        Parameters
        ----------
        tasks, config
            What is about to be asked. It may be less than what was answered.
        strictly
            Whether settings, task versions and prompts count. Documents always do, and so do items
            that were not answered.

        Raises
        ------
        PairingError
            Before the first request, rather than after the last: what differs, what to type
            instead, and how to have the predictions anew.
        """
        if (manifest := self.saved.manifest) is not None:
            now = planned_settings(tasks, config)
            differences: list[Difference] = []
            if strictly:
                differences += compare_settings(recorded_settings(manifest), now)
            differences += self._find_missing_items(tasks, now)
            if differences:
                raise self._stale(differences)
        self._check_documents(tasks)

    def check_prompts(
        self, tasks: Sequence[LoadedTask], config: RunConfig, chat_template: Callable[..., Any]
    ) -> None:
        """Stop if the first prompts of a task are others than those that were answered.

        It needs the engine's `chat_template`, so it comes later than `check`.
        """
        for task in tasks:
            answered = self.saved.predictions[task.name]
            for document in task.documents[:_PROMPTS_BUILT]:
                prediction = answered.get((document["id"], 0))
                if prediction is None or prediction.prompt_hash is None:
                    continue
                prompt = build_prompt(task, document, config, chat_template)
                if hash_text(prompt) != prediction.prompt_hash:
                    text = f"the prompts of task {task.name} are others now"
                    if config.apply_chat_template:
                        text += ", by the chat template of the model that is asked"
                    raise self._stale([Difference(text)])

    def _check_documents(self, tasks: Sequence[LoadedTask]) -> None:
        for task in tasks:
            answered = self.saved.predictions[task.name]
            common = [document for document in task.documents if (document["id"], 0) in answered]
            changed = [
                document["id"]
                for document in common
                if _has_changed(task, document, answered[document["id"], 0])
            ]
            if changed:
                ids = one_line(", ".join(changed[:5]), _LONGEST)
                text = f"{len(changed)} of {len(common)} documents of task {task.name} have changed"
                raise self._stale([Difference(f"{text} ({ids})")])
            if not common:
                raise PairingError(
                    f"{self.saved.argument}: its answers to task {task.name} are to other "
                    "documents than this sample: no item in common; use the same task version, "
                    "data, --limit, --per-label and --seed"
                )

    def _find_missing_items(self, tasks: Sequence[LoadedTask], now: Settings) -> list[Difference]:
        """Items that would be asked in vain, and the options that choose them."""
        texts = []
        for task in tasks:
            answered = self.saved.predictions[task.name]
            if n_missing := sum((item, 0) not in answered for item in task.ids):
                texts.append(
                    f"{n_missing} of {len(task.ids)} items of task {task.name} are not there"
                )
        if not texts:
            return []
        options = compare_options({"identity": self.saved.identity}, now, SAMPLING)
        return [*options, Difference("; ".join(texts), "" if options else None)]

    def _stale(self, differences: Sequence[Difference]) -> PairingError:
        remedies = [difference.remedy for difference in differences]
        remedy = ""
        if None not in remedies and (given := list(dict.fromkeys(filter(None, remedies)))):
            remedy = f"{', '.join(given)}, or "
        texts = "; ".join(difference.text for difference in differences[:4])
        return PairingError(
            f"{self.saved.argument}: is stale: {texts}; {remedy}answer it anew: "
            f"{one_line(self._command())}"
        )

    def _command(self) -> str:
        """What gives such predictions for the questions of now."""
        manifest = self.saved.manifest
        model = shlex.quote(manifest.model.argument) if manifest and manifest.model else "MODEL"
        if self.saved.baseline is None:
            return f"saeval run {model} {self.options}"
        return f"saeval baseline save {self.saved.baseline} {model} {self.options} --replace"


def _has_changed(task: LoadedTask, document: dict[str, Any], prediction: Prediction) -> bool:
    """By its hash; by what is shown of it where a prediction has none."""
    if prediction.document_hash is not None:
        return task.hash_of(document) != prediction.document_hash
    now, then = ShownDocument.of(document), prediction.document
    return (bool(then.claim) and now.claim != then.claim) or (
        bool(then.evidence) and now.evidence != then.evidence
    )
