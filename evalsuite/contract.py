"""What can be known to be wrong before a model is asked, and what a reader must be warned of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalsuite.errors import PairingError
from evalsuite.hashing import hash_document
from evalsuite.models import AnyModel, LocalModel, SavedPredictions
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


def cautions(base: AnyModel, checkpoint: AnyModel) -> tuple[str, ...]:
    """Sentences on the two models that belong above the numbers."""
    found = [
        m.caution for m in (base, checkpoint) if not isinstance(m, SavedPredictions) and m.caution
    ]
    if isinstance(checkpoint, LocalModel) and checkpoint.adapter is not None:
        content = base.base_content if isinstance(base, SavedPredictions) else base.content
        if content is not None and content != checkpoint.content:
            found.append(
                "The checkpoint is an adapter on another model than BASE: the differences are "
                "those of the two base models as well."
            )
    if (
        isinstance(base, LocalModel)
        and isinstance(checkpoint, LocalModel)
        and base.adapter is not None
        and checkpoint.adapter is None
        and base.content == checkpoint.content
    ):
        found.append("BASE is an adapter on CHECKPOINT: are the two swapped?")
    return tuple(found)
