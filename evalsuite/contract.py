"""What can be known to be wrong before a model is asked, and what a reader must be warned of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalsuite.errors import PairingError
from evalsuite.hashing import hash_document
from evalsuite.models import AnyModel, SavedPredictions, ServedModel
from evalsuite.predictions import Key, Prediction
from evalsuite.runner import AskedTask

_ASKED_ALIKE = {
    "generation": "--gen-kwargs",
    "samples": "--samples",
    "chat_template": "--apply-chat-template",
    "system": "--system",
}
"""Settings of a run that must be the same for both models, and the option that sets each."""


def check_documents(
    asked: Sequence[AskedTask], saved: Mapping[str, Mapping[Key, Prediction]], argument: str
) -> None:
    """Stop if answers that exist are to other documents than those about to be asked.

    Raises
    ------
    PairingError
        Before the first question, rather than after the last.
    """
    for task in asked:
        known = saved.get(task.name, {})
        common = [document for document in task.documents if (document["id"], 0) in known]
        differ = [
            document["id"]
            for document in common
            if hash_document(document) != known[document["id"], 0].document_hash
        ]
        if not common or differ:
            what = f"{len(differ)} of {len(common)} items differ ({', '.join(differ[:5])})"
            raise PairingError(
                f"{argument}: its answers to task {task.name} are to other documents than this "
                f"sample: {what if common else 'no item in common'}; use the same task version, "
                "data, --limit, --per-label and --seed"
            )


def check_asked_alike(asked: Mapping[str, Mapping[str, Any]]) -> None:
    """Stop if two models were, or would be, asked in different ways.

    Parameters
    ----------
    asked
        By model argument: the identity of its run, as in its manifest.

    Raises
    ------
    PairingError
        Naming the first setting that differs.
    """
    if not asked:
        return
    (first, reference), *others = asked.items()
    for argument, identity in others:
        for name, option in _ASKED_ALIKE.items():
            one, other = reference.get(name), identity.get(name)
            if one != other and name in reference and name in identity:
                raise PairingError(
                    f"{first} and {argument} were asked in different ways: {option} is {one!r} "
                    f"there and {other!r} here; ask both alike, or compare all the same with "
                    "--allow-mismatch"
                )


def asked_in_words(identity: Mapping[str, Any]) -> dict[str, str]:
    """How a model was asked, for the report; nothing where it is not known."""
    found = {}
    if engine := identity.get("engine"):
        arguments = {k: v for k, v in engine.items() if k != "name"}
        found["engine"] = " ".join([engine["name"], *(str(value) for value in arguments.values())])
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


def cautions(base: AnyModel, checkpoint: AnyModel) -> tuple[str, ...]:
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


def _contents(model: AnyModel) -> tuple[str | None, str | None]:
    """Contents of the (base) model and of the adapter, as far as they are known."""
    if isinstance(model, SavedPredictions):
        known = model.manifest["identity"]["model"] if model.manifest else {}
        return known.get("content"), known.get("adapter_content")
    return model.content, model.adapter_content
