"""Tasks that another program defines: how its answers are written, and what the lines say of them.

A task of ours is known by its name. Of any other (``gsm8k``, ``mmlu_anatomy``) the lines
themselves say everything: each answer has the program's scores with their range and direction.
A task of own data whose task file is not at hand is known by the labels of its lines.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from saeval.errors import InputError
from saeval.evalsuite.store.arrow import floats
from saeval.evalsuite.store.hashing import hash_document, hash_text
from saeval.evalsuite.store.prediction import Prediction, Score, ShownDocument, Usage
from saeval.evalsuite.store.table import PredictionTable
from saeval.stats._core.answers import ScoreDeclaration
from saeval.stats.metrics.scores import RESERVED
from saeval.tasks.kinds import OPEN_QUESTION, VERIFICATION
from saeval.tasks.registry import get_task, list_tasks
from saeval.tasks.task import FunctionSource, Task, TaskKind
from saeval.tasks.types import QUESTION_LABELS
from saeval.terminal_text import quoted

RIGHT, WRONG, ABSTAINED = QUESTION_LABELS.names


@dataclass(frozen=True)
class GeneralTask(Task):
    """A task that another program defines, as the lines of its answers say it.

    Attributes
    ----------
    scores
        What the scores of every item are, the primary one first.
    is_graded
        Whether every answer is right or wrong, and has not only scores.
    abstains
        Whether any model abstained, so that abstaining is an answer of the task.
    has_invalid
        Whether any answer could not be read.
    misses_confidence
        Whether any answer that could have a confidence has none.
    """

    scores: tuple[ScoreDeclaration, ...] = ()
    is_graded: bool = True
    abstains: bool = False
    has_invalid: bool = False
    misses_confidence: bool = False


def general_prediction(
    *,
    task: str,
    item_id: str,
    scores: Mapping[str, Score | float],
    primary: str | None = None,
    status: Literal["answered", "abstained", "invalid"] = "answered",
    question: str = "",
    evidence: Sequence[str] = (),
    gold: Sequence[str] = (),
    topic: str | None = None,
    answer: str | None = None,
    response: str = "",
    confidence: float | None = None,
    confidence_normalised: float | None = None,
    group: str | None = None,
    cluster_id: str | None = None,
    sample_index: int = 0,
    usage: Usage | None = None,
    document_hash: str | None = None,
    prompt_hash: str | None = None,
    target_hash: str | None = None,
) -> Prediction:
    """One answer to an item of a task that another program defines.

    Parameters
    ----------
    task, item_id
        As that program names them.
    scores
        By their names as lm-eval spells them (``acc``, ``exact_match,strict-match``); a number
        alone is a score in [0, 1], higher for better.
    primary
        The score that says whether the answer is right, the first by default. Where it is 0 or 1,
        in [0, 1] and higher for better, the answer is right or wrong; else it is only scored.
    status
        Whether the model abstained or its answer cannot be read; neither is right.
    question, evidence, gold, topic
        What was asked and what is right, for reports.
    answer, response
        The final answer, and all that the model wrote.
    confidence
        The confidence that the model stated, or of multiple choice the probability of the choice
        that it made: the softmax of the choices' log-likelihoods.
    confidence_normalised
        Of multiple choice: the same of the log-likelihoods by length.
    group
        Of tasks that are parts of one (``mmlu``).
    cluster_id
        Items that share it are not independent.
    sample_index
        Of several answers to one item.
    usage
        Tokens that it cost.
    document_hash, prompt_hash, target_hash
        Where the program has them. Without, those of document and target are made from `question`,
        `evidence` and `gold`, and the document has none where there is no question.

    Raises
    ------
    InputError
        If there is no score or none named `primary`.
    pydantic.ValidationError
        If a value is not what it should be (a score out of its range, say).

    Examples
    --------
    >>> prediction = general_prediction(
    ...     task="gsm8k",
    ...     item_id="7",
    ...     scores={"exact_match,strict-match": 0, "exact_match,flexible-extract": 1},
    ...     primary="exact_match,flexible-extract",
    ...     question="2 + 2?",
    ...     gold=["4"],
    ...     answer="4",
    ... )
    >>> prediction.prediction, list(prediction.scores)[0]
    ('RIGHT', 'exact_match,flexible-extract')
    """
    named = {
        name: score if isinstance(score, Score) else Score(value=float(score))
        for name, score in scores.items()
    }
    if not named:
        raise InputError(f"item {quoted(item_id)} of task {quoted(task)} has no score")
    first = next(iter(named)) if primary is None else primary
    if first not in named:
        raise InputError(
            f"item {quoted(item_id)} of task {quoted(task)} has no score {quoted(first)}; it has "
            f"{', '.join(map(quoted, named))}"
        )
    ordered = {first: named.pop(first), **named}
    grade, state = _grade(ordered[first], status)
    document: dict[str, object] = {"question": question, "evidence": list(evidence)}
    return Prediction(
        task=task,
        item_id=item_id,
        cluster_id=cluster_id,
        target=RIGHT,
        prediction=grade,
        status=state,
        correct=grade == RIGHT,
        confidence=confidence,
        response=response,
        sample_index=sample_index,
        usage=usage,
        document=ShownDocument(
            claim=question, evidence=tuple(evidence), answers=tuple(gold), topic=topic
        ),
        document_hash=document_hash or (hash_document(document) if question else None),
        prompt_hash=prompt_hash,
        target_hash=target_hash or hash_text(json.dumps(list(gold), ensure_ascii=False)),
        answer=answer,
        scores=ordered,
        confidence_normalised=confidence_normalised,
        group=group,
    )


def _grade(
    primary: Score, status: Literal["answered", "abstained", "invalid"]
) -> tuple[str | None, Literal["answered", "abstained", "invalid", "scored"]]:
    if primary.range != (0, 1) or not primary.higher_is_better or primary.value not in (0, 1):
        return None, "scored"
    if status == "abstained":
        return ABSTAINED, status
    if status == "invalid":
        return None, status
    return (RIGHT if primary.value == 1 else WRONG), status


def task_of(name: str, tables: Sequence[PredictionTable]) -> Task:
    """The task that predictions are of: a known one, or one made from what the lines say.

    Parameters
    ----------
    name
        Of the task.
    tables
        All predictions that are compared, of both models. With scores on any, the lines say what
        it is, also where a task of that name is known.

    Raises
    ------
    InputError
        If the lines have no scores, there is no task of that name, and their labels are those of no
        kind of own data; or if a score stands on some
        lines only, or means one thing on one line and another on another.
    """
    given = [table for table in tables if len(table)]
    if not any(table.scores for table in given):
        kind = None if name in list_tasks() else _kind_of(given)
        return get_task(name) if kind is None else task_of_kind(name, kind)
    declared = next(table for table in given if table.scores).scores
    if taken := sorted(RESERVED & set(declared)):
        raise InputError(
            f"task {quoted(name)}: the score {quoted(taken[0])} has the name of a metric of "
            "saeval's own, which is made from confidences; give it another name"
        )
    for table in given:
        _check_all_have(name, table, declared)
    return GeneralTask(
        name=name,
        summary=f"{name}, as another program defines it",
        kind=_KIND,
        source=FunctionSource(_no_items),
        scores=tuple(_declaration(name, score, given) for score in declared),
        is_graded=not any("scored" in table.distinct("status") for table in given),
        abstains=any("abstained" in table.distinct("status") for table in given),
        has_invalid=any("invalid" in table.distinct("status") for table in given),
        misses_confidence=any(_misses_confidence(table) for table in given),
    )


def task_of_answer(answer: Prediction) -> Task:
    """`task_of` of one answer."""
    if not answer.scores and answer.task in list_tasks():
        return get_task(answer.task)
    return task_of(answer.task, [PredictionTable.of([answer])])


def is_known(name: str, predictions: PredictionTable) -> bool:
    """Whether `task_of` has an answer: by its name, scores or labels."""
    return name in list_tasks() or bool(predictions.scores) or _kind_of([predictions]) is not None


def _kind_of(tables: Sequence[PredictionTable]) -> TaskKind | None:
    """The kind of own data that has the labels of lines without scores."""
    labels = {
        label
        for table in tables
        for column in ("target", "prediction")
        for label in table.distinct(column)
    } - {None}
    kinds = (VERIFICATION, OPEN_QUESTION)
    return next((kind for kind in kinds if labels and labels <= set(kind.labels.names)), None)


def _check_all_have(name: str, table: PredictionTable, declared: Sequence[str]) -> None:
    """Stop at a line that has other scores than the first."""
    for score in dict.fromkeys((*declared, *table.scores)):
        lacks = table.score(score).is_null().to_numpy(zero_copy_only=False)
        odd = ~lacks if score not in declared else lacks
        if not odd.any():
            continue
        line = table.read(np.flatnonzero(odd)[:1])[0]
        raise InputError(
            f"task {quoted(name)}: the score {quoted(score)} stands on some items only "
            f"({quoted(line.item_id)} has {', '.join(map(quoted, line.scores)) or 'none'}); "
            "give every item of both models the same scores, or leave out those without"
        )


def _misses_confidence(table: PredictionTable) -> bool:
    lacks = table.is_null("confidence") & (table.codes("status", ["abstained"]) < 0)
    return bool(lacks.any())


def task_of_kind(name: str, kind: TaskKind) -> Task:
    """A task of own data whose task file is not at hand."""
    return Task(name, f"{name}, of own data", kind, FunctionSource(_no_items))


def describe_score(score: Score | ScoreDeclaration) -> str:
    """``in [0, 1], higher for better``."""
    better = "higher" if score.higher_is_better else "lower"
    if score.range is None:
        return f"unbounded, {better} for better"
    return f"in [{score.range[0]:g}, {score.range[1]:g}], {better} for better"


def _declaration(name: str, score: str, tables: Sequence[PredictionTable]) -> ScoreDeclaration:
    """What a score is, which must be the same on every line."""
    first: ScoreDeclaration | None = None
    for table in tables:
        low, high = (floats(table.score(score, end)) for end in ("low", "high"))
        direction = np.asarray(table.score(score, "higher_is_better"), dtype=np.bool_)
        if first is None:
            limits = None if np.isnan(low[0]) else (float(low[0]), float(high[0]))
            first = ScoreDeclaration(score, limits, bool(direction[0]), False)
        same = direction == first.higher_is_better
        for end, limit in zip((low, high), first.range or (np.nan, np.nan), strict=True):
            same &= np.isnan(end) if np.isnan(limit) else end == limit
        if not same.all():
            line = table.read(np.flatnonzero(~same)[:1])[0]
            raise InputError(
                f"task {quoted(name)}: the score {quoted(score)} is "
                f"{describe_score(first)} on some items and {describe_score(line.scores[score])} "
                f"on {quoted(line.item_id)}; give every item and both models one range and one "
                "direction"
            )
    assert first is not None
    is_binary = first.range == (0, 1) and all(
        np.isin(floats(table.score(score)), (0, 1)).all() for table in tables
    )
    return replace(first, is_binary=bool(is_binary))


def _not_ours(*_: Any) -> Any:
    raise InputError("the task is of another program; saeval reads its answers and does not ask it")


def _no_items() -> Sequence[Any]:
    return ()


_KIND = TaskKind(
    name="general",
    labels=QUESTION_LABELS,
    write_prompt=_not_ours,
    parse=_not_ours,
    render_answer=_not_ours,
    gold_answers=lambda row: row.get("answers", ()),
)
