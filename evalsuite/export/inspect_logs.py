"""Logs of Inspect, written by inspect_ai's own writer: one per model and task.

::

    OUT/2026-01-02T03-04-05+00-00_fever_base.eval
    OUT/pages/report.html, …

Several answers to one item are its epochs. The confidence that a model stated, its label
probabilities and the hashes are metadata of a sample's score; the interval of a metric is metadata
of the metric, and what was compared is metadata of the log.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saeval.evalsuite.export.lm_eval import export_files
from saeval.evalsuite.export.record import ModelRecord, Record
from saeval.evalsuite.export.registry import Destination, Export
from saeval.evalsuite.export.tables import (
    metric_rows,
    read_as,
    rule_rows,
    scores_of,
    settings_of,
)
from saeval.evalsuite.export.texts import cleaned, metric_key, name_part, unique_keys
from saeval.evalsuite.store.prediction import Prediction
from saeval.tasks.registry import get_task, list_tasks

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog, EvalMetric, EvalSample

SCORER = "saeval"
"""Under which the samples' scores and the metrics stand."""


def export(record: Record, destination: Destination) -> Export:
    """Write a log of every model and task, and the pages."""
    return export_files("inspect", record.with_answers(), destination, _write)


def _write(record: Record, folder: Path) -> None:
    from inspect_ai.log import write_eval_log

    stamp = record.created.isoformat(timespec="seconds").replace(":", "-")
    logs = [
        (f"{stamp}_{name_part(task)}_{model.role}.eval", _log(record, model, task, answers))
        for model in record.models
        for task, answers in model.answers.items()
    ]
    for name, (_, log) in zip(unique_keys(name for name, _ in logs), logs, strict=True):
        write_eval_log(log, str(folder / name))


def _log(record: Record, model: ModelRecord, task: str, answers: Sequence[Prediction]) -> EvalLog:
    from inspect_ai.log import (
        EvalConfig,
        EvalDataset,
        EvalLog,
        EvalResults,
        EvalScore,
        EvalSpec,
        EvalStats,
    )

    created = record.created.isoformat(timespec="seconds")
    items = list(dict.fromkeys(answer.item_id for answer in answers))
    identifier = f"{record.identity[:16]}{model.role}{name_part(task)}"
    spec = EvalSpec(
        eval_id=identifier,
        run_id=record.identity[:22],
        task_id=identifier,
        created=created,
        task=task,
        task_version=_version(task),
        dataset=EvalDataset(name=task, samples=len(items), sample_ids=[cleaned(i) for i in items]),
        model=model.name or "unnamed",
        config=EvalConfig(epochs=max((a.sample_index for a in answers), default=0) + 1),
        metadata={
            **settings_of(record),
            "role": model.role,
            "source": model.source,
            "facts": dict(model.facts),
            "metrics": [row for row in metric_rows(record) if row["task"] in (task, "pooled")],
            "rules": []
            if record.gate is None
            else [row for row in rule_rows(record.gate) if row["task"] == task],
        },
    )
    score = EvalScore(
        name=SCORER,
        scorer=SCORER,
        scored_samples=len(answers),
        metrics=dict(_metrics(record, model, task)),
    )
    is_graded = all(answer.is_graded for answer in answers)
    return EvalLog(
        version=2,
        status="success",
        eval=spec,
        results=EvalResults(
            total_samples=len(answers), completed_samples=len(answers), scores=[score]
        ),
        stats=EvalStats(started_at=created, completed_at=created),
        samples=[_sample(answer, is_graded) for answer in answers],
    )


def _metrics(record: Record, model: ModelRecord, task: str) -> Iterator[tuple[str, EvalMetric]]:
    from inspect_ai.log import EvalMetric

    compared = record.task(task)
    for row in () if compared is None else compared.metrics:
        value, interval = model.value(row), model.interval(row)
        if value is None:
            continue
        metadata: dict[str, Any] = {"items": row.items}
        if interval is not None:
            metadata |= {"low": interval.low, "high": interval.high, "method": interval.method}
        key = metric_key(row)
        yield key, EvalMetric(name=key, value=value, metadata=metadata)


def _sample(answer: Prediction, is_graded: bool) -> EvalSample:
    from inspect_ai.log import EvalSample
    from inspect_ai.model import ChatMessageAssistant, ChatMessageUser, ModelOutput
    from inspect_ai.scorer import Score

    question = "\n\n".join(map(cleaned, (answer.document.claim, *answer.document.evidence)))
    response = cleaned(answer.response)
    return EvalSample(
        id=cleaned(answer.item_id),
        epoch=answer.sample_index + 1,
        input=question,
        target=[cleaned(text) for text in answer.document.answers] or answer.target,
        messages=[ChatMessageUser(content=question), ChatMessageAssistant(content=response)],
        output=ModelOutput.from_content("saeval", response),
        scores={
            SCORER: Score(
                value=_grade(answer, is_graded),
                answer=answer.prediction if answer.answer is None else cleaned(answer.answer),
                metadata=read_as(answer),
            )
        },
        metadata={} if answer.cluster_id is None else {"cluster": cleaned(answer.cluster_id)},
    )


def _grade(answer: Prediction, is_graded: bool) -> str | float:
    """Inspect's letters: correct, incorrect, or no answer; a score where that is all there is."""
    if not is_graded:
        return next(iter(scores_of(answer).values()))
    if answer.correct:
        return "C"
    return "N" if answer.status == "abstained" else "I"


def _version(task: str) -> int | str:
    return get_task(task).version if task in list_tasks() else 0
