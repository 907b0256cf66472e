"""Whether predictions that exist answer what another model is asked, or what it was asked."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from saeval.errors import PairingError
from saeval.evalsuite.config import RunConfig, format_options, options_of_identity
from saeval.evalsuite.models.types import SavedPredictions
from saeval.evalsuite.run.tasks import LoadedTask, build_prompt
from saeval.evalsuite.store.hashing import hash_text
from saeval.evalsuite.store.manifest import RunManifest
from saeval.evalsuite.store.prediction import Prediction, ShownDocument
from saeval.terminal_text import one_line

_SETTINGS = ("samples", "apply_chat_template", "system", "num_fewshot", "fewshot_as_multiturn")
_SAMPLING = ("limit", "per_label", "seed")
_PROMPTS_BUILT = 4
"""Of each task: one sentence stands in all its prompts or in none."""
_LONGEST = 60

Settings = Mapping[str, Any]
"""How a model was asked: `identity` and `tasks` of its run's manifest."""


@dataclass(frozen=True)
class _Difference:
    """What differs, and what to type to ask as it was asked there; None if no option does that."""

    text: str
    remedy: str | None = None


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
            differences = _compare(recorded_settings(manifest), now) if strictly else []
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
                    raise self._stale([_Difference(text)])

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
                raise self._stale([_Difference(f"{text} ({ids})")])
            if not common:
                raise PairingError(
                    f"{self.saved.argument}: its answers to task {task.name} are to other "
                    "documents than this sample: no item in common; use the same task version, "
                    "data, --limit, --per-label and --seed"
                )

    def _find_missing_items(self, tasks: Sequence[LoadedTask], now: Settings) -> list[_Difference]:
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
        options = _compare_options({"identity": self.saved.identity}, now, _SAMPLING)
        return [*options, _Difference("; ".join(texts), "" if options else None)]

    def _stale(self, differences: Sequence[_Difference]) -> PairingError:
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


def check_same_settings(runs: Mapping[str, Settings]) -> None:
    """Stop if models whose predictions exist were asked in different ways.

    Parameters
    ----------
    runs
        By model argument: how it was asked.

    Raises
    ------
    PairingError
        Naming the first setting that differs.
    """
    if not runs:
        return
    (first, reference), *others = runs.items()
    for argument, settings in others:
        if differences := _compare(reference, settings, here="here"):
            raise PairingError(
                f"{first} and {argument} were asked in different ways: {differences[0].text}; ask "
                "both alike, or compare all the same with --allow-mismatch (in Python "
                "allow_mismatch=True)"
            )


def planned_settings(tasks: Sequence[LoadedTask], config: RunConfig) -> Settings:
    """How models will be asked, as the manifests of their runs will say."""
    return {
        "identity": config.identity(),
        "tasks": {task.name: task.facts().model_dump() for task in tasks},
    }


def recorded_settings(manifest: RunManifest) -> Settings:
    """How a model was asked, by the manifest of its run."""
    return manifest.model_dump(include={"identity", "tasks"}, exclude_unset=True)


def _compare(there: Settings, now: Settings, *, here: str = "now") -> list[_Difference]:
    """In settings, and in version, instruction and generation of the tasks that both have."""
    differences = _compare_options(there, now, _SETTINGS, here=here)
    generation = _compare_options(there, now, ("gen_kwargs",))
    remedy = generation[0].remedy if generation else None
    tasks_there, tasks_now = there.get("tasks", {}), now.get("tasks", {})
    for name in [name for name in tasks_now if name in tasks_there]:
        differences += _compare_task(name, tasks_there[name], tasks_now[name], here, remedy)
    return differences


def _compare_task(
    name: str, there: Settings, now: Settings, here: str, remedy: str | None
) -> list[_Difference]:
    differences = []
    if _differs(old := there.get("version"), new := now.get("version")):
        text = f"task {name} is version {old} there and version {new} {here}"
        differences.append(_Difference(text))
    if _differs(old := there.get("num_fewshot"), new := now.get("num_fewshot")):
        text = f"task {name} has {old} examples there and {new} {here}"
        differences.append(_Difference(text, f"give --num-fewshot {old}"))
    elif _differs(old := there.get("lm_eval"), new := now.get("lm_eval")):
        differences.append(_Difference(f"lm-eval is {old} there and {new} {here}"))
    elif _differs(there.get("prompt"), now.get("prompt")):
        differences.append(_Difference(f"the instruction of task {name} is another {here}"))
    if _differs(there.get("content"), now.get("content")):
        differences.append(_Difference(f"the data of task {name} is not the same {here}"))
    old, new = there.get("generation") or {}, now.get("generation") or {}
    if old and new and old != new:
        only_old, only_new = (
            ", ".join(f"{key}={value}" for key, value in own.items() if other.get(key) != value)
            for own, other in ((old, new), (new, old))
        )
        text = (
            f"generation in task {name} is {only_old or 'less'} there and "
            f"{only_new or 'less'} {here}"
        )
        differences.append(_Difference(text, remedy))
    return differences


def _differs(old: object, new: object) -> bool:
    """Where both sides say it."""
    return None not in (old, new) and old != new


def _compare_options(
    there: Settings, now: Settings, names: Sequence[str], *, here: str = "now"
) -> list[_Difference]:
    """Options that were typed in another way, where both sides say how."""
    old = options_of_identity(there.get("identity", {}))
    new = options_of_identity(now.get("identity", {}))
    differences = []
    for name in names:
        if name in old and name in new and old[name] != new[name]:
            option = f"--{name.replace('_', '-')}"
            text = f"{option} is {_show(old[name])} there and {_show(new[name])} {here}"
            typed = format_options({name: old[name]})
            remedy = f"give {typed}" if typed else f"leave out {option}"
            differences.append(_Difference(text, remedy))
    return differences


def _show(value: object) -> str:
    if value is None or value is False:
        return "not given"
    return "given" if value is True else one_line(str(value), _LONGEST)
