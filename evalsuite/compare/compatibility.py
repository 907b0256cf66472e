"""What can be known to be wrong before a model is asked, and what a reader must be warned of."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from saeval.errors import PairingError
from saeval.evalsuite.config import RunConfig, format_options, options_of_identity
from saeval.evalsuite.models.types import AnyModel, SavedPredictions, ServedModel
from saeval.evalsuite.run.tasks import LoadedTask, build_prompt
from saeval.evalsuite.store.hashing import hash_document, hash_text
from saeval.evalsuite.store.manifest import RunManifest
from saeval.reports.sanitize import one_line

_SETTINGS = ("samples", "apply_chat_template", "system")
_SAMPLING = ("limit", "per_label", "seed")
_PROMPTS_BUILT = 4
"""Of each task: one sentence stands in all its prompts or in none."""
_SHOWN = 60

How = Mapping[str, Any]
"""How a model was asked: `identity` and `tasks` of its run's manifest."""


@dataclass(frozen=True)
class _Difference:
    """What differs, and what to type to ask as it was asked there; None if no option does that."""

    text: str
    instead: str | None = None


@dataclass(frozen=True)
class ExistingPredictions:
    """Answers that exist and that another model, about to be asked, will be held against.

    `options` are those of now, as a person types them.
    """

    saved: SavedPredictions
    options: str

    def check(self, asked: Sequence[LoadedTask], config: RunConfig, *, strictly: bool) -> None:
        """Stop if these are no answers to what is about to be asked.

        Parameters
        ----------
        asked, questions
            What is asked now. It may be less than what was answered.
        strictly
            Whether settings, task versions and prompts count. Documents always do, and so do items
            that were not answered.

        Raises
        ------
        PairingError
            Before the first question, rather than after the last, saying what differs, what to
            type instead and how to have them anew.
        """
        if (manifest := self.saved.manifest) is not None:
            now = run_settings(asked, config)
            there = how_run(manifest)
            found = [*(_differences(there, now) if strictly else ()), *self._missing(asked, now)]
            if found:
                raise self._stale(found)
        self._check_documents(asked)

    def check_prompts(
        self,
        asked: Sequence[LoadedTask],
        config: RunConfig,
        chat_template: Callable[..., Any],
    ) -> None:
        """Stop if the first prompts of a task are others than those that were answered.

        That needs the engine's `chat_template`, so it comes later than `check`.

        Raises
        ------
        PairingError
            Naming the task.
        """
        for task in asked:
            known = self.saved.predictions[task.name]
            both = [
                (hash_text(build_prompt(task, document, config, chat_template)), kept)
                for document in task.documents[:_PROMPTS_BUILT]
                if (answer := known.get((document["id"], 0))) and (kept := answer.prompt_hash)
            ]
            if any(now != there for now, there in both):
                text = f"the prompts of task {task.name} are others now"
                if config.apply_chat_template:
                    text += ", by the chat template of the model that is asked"
                raise self._stale([_Difference(text)])

    def _check_documents(self, asked: Sequence[LoadedTask]) -> None:
        for task in asked:
            known = self.saved.predictions[task.name]
            common = [document for document in task.documents if (document["id"], 0) in known]
            differ = [
                document["id"]
                for document in common
                if hash_document(document) != known[document["id"], 0].document_hash
            ]
            if differ:
                ids = one_line(", ".join(differ[:5]), _SHOWN)
                text = f"{len(differ)} of {len(common)} documents of task {task.name} have changed"
                raise self._stale([_Difference(f"{text} ({ids})")])
            if not common:
                raise PairingError(
                    f"{self.saved.argument}: its answers to task {task.name} are to other "
                    "documents than this sample: no item in common; use the same task version, "
                    "data, --limit, --per-label and --seed"
                )

    def _missing(self, asked: Sequence[LoadedTask], now: How) -> list[_Difference]:
        """Items that would be asked for nothing, and the options that choose them."""
        texts = []
        for task in asked:
            known = self.saved.predictions[task.name]
            if missing := sum((item, 0) not in known for item in task.ids):
                texts.append(
                    f"{missing} of {len(task.ids)} items of task {task.name} are not there"
                )
        if not texts:
            return []
        options = _of_options({"identity": self.saved.identity}, now, _SAMPLING)
        return [*options, _Difference("; ".join(texts), "" if options else None)]

    def _stale(self, found: Sequence[_Difference]) -> PairingError:
        mended = [difference.instead for difference in found]
        instead = ", ".join(dict.fromkeys(one for one in mended if one))
        give = f"{instead}, or " if instead and None not in mended else ""
        return PairingError(
            f"{self.saved.argument}: is stale: {'; '.join(d.text for d in found[:4])}; "
            f"{give}answer it anew: {one_line(self._anew())}"
        )

    def _anew(self) -> str:
        """The command that gives such answers to the questions of now."""
        manifest = self.saved.manifest
        model = shlex.quote(manifest.model.argument) if manifest and manifest.model else "MODEL"
        if self.saved.baseline is None:
            return f"saeval run {model} {self.options}"
        return f"saeval baseline save {self.saved.baseline} {model} {self.options} --replace"


def run_settings(asked: Sequence[LoadedTask], config: RunConfig) -> How:
    """How models will be asked, as the manifests of their runs will say."""
    return {
        "identity": config.identity(),
        "tasks": {task.name: task.facts().model_dump() for task in asked},
    }


def how_run(manifest: RunManifest) -> How:
    """How a model was asked, by the manifest of its run."""
    return manifest.model_dump(include={"identity", "tasks"}, exclude_unset=True)


def check_same_settings(asked: Mapping[str, How]) -> None:
    """Stop if two models whose answers exist were asked in different ways.

    Parameters
    ----------
    asked
        By model argument: the manifest of its run.

    Raises
    ------
    PairingError
        Naming the first setting that differs.
    """
    if not asked:
        return
    (first, reference), *others = asked.items()
    for argument, manifest in others:
        for difference in _differences(reference, manifest, here="here"):
            raise PairingError(
                f"{first} and {argument} were asked in different ways: {difference.text}; ask both "
                "alike, or compare all the same with --allow-mismatch"
            )


def _differences(there: How, now: How, *, here: str = "now") -> list[_Difference]:
    """In settings, and in version, instruction and generation of the tasks that both have."""
    found = _of_options(there, now, _SETTINGS, here=here)
    mend = _of_options(there, now, ("gen_kwargs",))
    instead = mend[0].instead if mend else None
    earlier, later = there.get("tasks", {}), now.get("tasks", {})
    for name in [name for name in later if name in earlier]:
        one, other = earlier[name].get("version"), later[name].get("version")
        if None not in (one, other) and one != other:
            text = f"task {name} is version {one} there and version {other} {here}"
            found.append(_Difference(text))
        one, other = earlier[name].get("prompt"), later[name].get("prompt")
        if None not in (one, other) and one != other:
            found.append(_Difference(f"the instruction of task {name} is another {here}"))
        one, other = earlier[name].get("generation", {}), later[name].get("generation", {})
        if one and other and one != other:
            both = [
                ", ".join(f"{k}={v}" for k, v in settings.items() if unlike.get(k) != v) or "less"
                for settings, unlike in ((one, other), (other, one))
            ]
            text = f"generation in task {name} is {both[0]} there and {both[1]} {here}"
            found.append(_Difference(text, instead))
    return found


def _of_options(
    there: How, now: How, names: Sequence[str], *, here: str = "now"
) -> list[_Difference]:
    """Options that were typed in another way, where both sides say how."""
    one, other = (
        options_of_identity(there.get("identity", {})),
        options_of_identity(now.get("identity", {})),
    )
    found = []
    for name in names:
        if name in one and name in other and one[name] != other[name]:
            option = f"--{name.replace('_', '-')}"
            text = f"{option} is {_shown(one[name])} there and {_shown(other[name])} {here}"
            typed = format_options({name: one[name]})
            found.append(_Difference(text, f"give {typed}" if typed else f"leave out {option}"))
    return found


def _shown(value: object) -> str:
    if value is None or value is False:
        return "not given"
    return "given" if value is True else one_line(str(value), _SHOWN)


def describe_settings(identity: Mapping[str, Any]) -> dict[str, str]:
    """How a model was asked, for the report; nothing where it is not known."""
    found = {}
    if engine := _engine(identity):
        found["engine"] = engine
    if (sampling := identity.get("sampling")) is not None:
        chosen = {k: v for k, v in sampling.items() if v is not None}
        found["items"] = ", ".join(f"{k} {v}" for k, v in chosen.items())
    if generation := identity.get("generation"):
        found["generation"] = ", ".join(f"{k}={v}" for k, v in generation.items())
    if identity.get("samples", 1) > 1:
        found["samples per item"] = str(identity["samples"])
    if identity.get("chat_template"):
        found["chat template"] = "applied"
    if system := identity.get("system"):
        found["system prompt"] = str(system)
    return found


def model_cautions(base: AnyModel, checkpoint: AnyModel) -> tuple[str, ...]:
    """Sentences on the two models that belong above the numbers."""
    found = [
        m.caution for m in (base, checkpoint) if not isinstance(m, SavedPredictions) and m.caution
    ]
    if isinstance(base, ServedModel) != isinstance(checkpoint, ServedModel) and not any(
        isinstance(model, SavedPredictions) for model in (base, checkpoint)
    ):
        found.append(
            "One model was asked on a server and one here: whether they share a base is not known, "
            "and differences of the two engines are in the numbers."
        )
        return tuple(found)
    first, second = _contents(base), _contents(checkpoint)
    if None not in (first[0], second[0]):
        if second[1] is not None and first[0] != second[0]:
            found.append(
                "The checkpoint is an adapter on another model than BASE: the differences are "
                "those of the two base models as well."
            )
        if first[1] is not None and second[1] is None and first[0] == second[0]:
            found.append("BASE is an adapter on CHECKPOINT: are the two swapped?")
    return tuple(found)


def engine_cautions(base: Mapping[str, Any], checkpoint: Mapping[str, Any]) -> tuple[str, ...]:
    """A caution if two runs, of which these are the identities, had two engines."""
    one, other = _engine(base), _engine(checkpoint)
    if None in (one, other) or one == other:
        return ()
    return (
        f"BASE was answered by {one} and the checkpoint by {other}: differences of the two engines "
        "are in the numbers.",
    )


def _engine(identity: Mapping[str, Any]) -> str | None:
    if not (engine := identity.get("engine")):
        return None
    return " ".join([engine["name"], *(str(v) for k, v in engine.items() if k != "name")])


def _contents(model: AnyModel) -> tuple[str | None, str | None]:
    """Contents of the (base) model and of the adapter, as far as they are known."""
    if isinstance(model, SavedPredictions):
        known = model.identity.get("model", {})
        return known.get("content"), known.get("adapter_content")
    return model.content, model.adapter_content
