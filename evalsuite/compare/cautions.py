"""What a reader must be told of two models before their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from saeval.evalsuite.compare.describe import describe_engine
from saeval.evalsuite.models.types import AnyModel, SavedPredictions, ServedModel
from saeval.evalsuite.store.baselines import RECORD
from saeval.evalsuite.store.manifest import TaskFacts
from saeval.terminal_text import one_line


def model_cautions(base: AnyModel, checkpoint: AnyModel) -> tuple[str, ...]:
    """Sentences on what the two models are."""
    models = (base, checkpoint)
    cautions = [
        model.caution
        for model in models
        if not isinstance(model, SavedPredictions) and model.caution
    ]
    cautions += [
        caution
        for model in models
        if isinstance(model, SavedPredictions)
        for caution in model.cautions
    ]
    if isinstance(base, ServedModel) != isinstance(checkpoint, ServedModel) and not any(
        isinstance(model, SavedPredictions) for model in models
    ):
        cautions.append(
            "One model was asked on a server and one here: whether they share a base is not known, "
            "and differences of the two engines are in the numbers."
        )
        return tuple(cautions)
    base_content, base_adapter = _contents(base)
    content, adapter = _contents(checkpoint)
    if base_content is not None and content is not None:
        if adapter is not None and base_content != content:
            cautions.append(
                "The checkpoint is an adapter on another model than BASE: the differences are "
                "those of the two base models as well."
            )
        if base_adapter is not None and adapter is None and base_content == content:
            cautions.append("BASE is an adapter on CHECKPOINT: are the two swapped?")
    return tuple(cautions)


def checksum_notes(models: Iterable[AnyModel]) -> list[str]:
    """A note on each run folder in which an altered answer would not be noticed."""
    return [
        f"{model.argument}: its answers have no checksums (saeval 0.1 wrote none), so that one "
        "that was altered cannot be told"
        for model in models
        if isinstance(model, SavedPredictions)
        and model.manifest is not None
        and model.manifest.checksums is None
        and not any((file.parent.parent / RECORD).is_file() for file in model.files)
    ]


def import_notes(models: Iterable[AnyModel]) -> list[str]:
    """What was read of the files of other programs, and what was not, a line for each file."""
    saved = [model for model in models if isinstance(model, SavedPredictions)]
    return [line for model in saved for line in (*model.notes, *model.cautions)]


def engine_cautions(base: Mapping[str, Any], checkpoint: Mapping[str, Any]) -> tuple[str, ...]:
    """A caution if two runs, of which these are the identities, had two engines."""
    engines = describe_engine(base), describe_engine(checkpoint)
    if None in engines or engines[0] == engines[1]:
        return ()
    return (
        f"BASE was answered by {engines[0]} and the checkpoint by {engines[1]}: differences of the "
        "two engines are in the numbers.",
    )


def left_out_notes(tasks: Mapping[str, TaskFacts]) -> tuple[str, ...]:
    """A sentence for each reason why metrics of lm-eval's tasks are not in the report."""
    reasons: dict[str, list[str]] = {}
    for name, facts in tasks.items():
        left_out = (facts.model_extra or {}).get("left_out")
        for metric, reason in left_out.items() if isinstance(left_out, dict) else ():
            reasons.setdefault(one_line(str(reason), 100), []).append(
                f"{metric} of {name}" if len(tasks) > 1 else str(metric)
            )
    return tuple(
        f"Not compared, since each {reason}: {one_line(', '.join(metrics), 300)}."
        for reason, metrics in reasons.items()
    )


def _contents(model: AnyModel) -> tuple[str | None, str | None]:
    """Contents of the (base) model and of the adapter, as far as they are known."""
    if isinstance(model, SavedPredictions):
        identity = model.identity.get("model", {})
        return identity.get("content"), identity.get("adapter_content")
    return model.content, model.adapter_content
