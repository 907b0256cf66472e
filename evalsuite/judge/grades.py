"""A judge's verdicts: kept as they come, and put in the place of the default grader's.

::

    COMPARISON/judge.jsonl       one line per verdict, in the order of their coming
    CACHE/judge-<judge>.jsonl    the same across comparisons, one file per judge

A verdict's key is the hash of the judge and the whole prompt. So no verdict is ever taken for
another judge's, or for another response's, and the same prompt is asked once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from saeval.errors import EngineError, InputError, RunFolderError
from saeval.evalsuite.compare.pairing import PairedPredictions
from saeval.evalsuite.models.types import ServedModel
from saeval.evalsuite.store.hashing import hash_text
from saeval.evalsuite.store.prediction import Prediction
from saeval.files import AppendOnlyLog, first_problem
from saeval.stats.compare.results import GraderAgreement, JudgeAgreement
from saeval.stats.compare.task import INVALID_LABEL
from saeval.stats.metrics.agreement import UNSCORED, grader_agreement
from saeval.tasks.grading.judge_prompt import (
    PROMPT_VERSION,
    READING,
    Grade,
    judge_prompt,
    needs_judge,
)
from saeval.tasks.registry import get_task

GRADES_FILE = "judge.jsonl"
_EXAMPLES = 5


class GradeRecord(BaseModel):
    """One reply of a judge, and the grade it was read as; None if it names none.

    `task` and `item_id` are of the first response that it was asked about.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    task: str
    item_id: str
    grade: Grade | None
    reply: str


@dataclass(frozen=True)
class Judge:
    """Who grades: a model of a server, asked with a version of the prompt."""

    model: ServedModel

    @property
    def name(self) -> str:
        """Where it is and what it is called there."""
        return f"{self.model.url}#{self.model.name}"

    def identity(self) -> dict[str, object]:
        """What decides a verdict beside the response."""
        return {"model": self.name, "prompt_version": PROMPT_VERSION}

    @property
    def description(self) -> str:
        """For a report's settings."""
        return f"{self.name}, prompt version {PROMPT_VERSION}"

    def key(self, prompt: str) -> str:
        """Of the verdict on a prompt."""
        return hash_text(json.dumps([self.identity(), prompt]))

    def file_in(self, cache: Path) -> Path:
        """Where a cache keeps this judge's verdicts."""
        return cache / f"judge-{self.key('')[:16]}.jsonl"


class GradeFile:
    """Verdicts on disk, appended to and never rewritten; several processes may share it."""

    def __init__(self, path: Path) -> None:
        self._log = AppendOnlyLog(path, shared=True)

    def read(self) -> dict[str, GradeRecord]:
        """All verdicts by key, but for a last line that a crash tore.

        Of two verdicts on one prompt, which two processes may have asked for, the first counts.

        Raises
        ------
        RunFolderError
            If a line before the last is no verdict.
        """
        found: dict[str, GradeRecord] = {}
        for number, line in enumerate(self._log.read(), start=1):
            try:
                verdict = GradeRecord.model_validate_json(line)
            except ValidationError as error:
                raise self._changed(number, first_problem(error)) from error
            found.setdefault(verdict.key, verdict)
        return found

    def append(self, verdict: GradeRecord) -> None:
        """Add one verdict, after cutting off a line that a crash tore."""
        self._log.append([json.dumps(verdict.model_dump(mode="json"), ensure_ascii=False) + "\n"])

    def _changed(self, number: int, problem: str) -> RunFolderError:
        return RunFolderError(
            f"{self._log.path}:{number}: {problem}; the file was changed from outside, remove it "
            "and its verdicts will be asked for again"
        )


@dataclass(frozen=True)
class Grades:
    """A judge and its verdicts by key."""

    judge: Judge
    known: Mapping[str, GradeRecord]

    def graded(
        self, pairs: PairedPredictions, level: float
    ) -> tuple[PairedPredictions, JudgeAgreement]:
        """The pairs as the judge grades them, and how far it agrees with the default grader.

        A pair with a response that the judge was asked about and gave no grade is left out.

        Parameters
        ----------
        pairs
            Of a task of open questions, as the default grader reads them.
        level
            Confidence level of the intervals of agreement.

        Raises
        ------
        EngineError
            If more than half of the responses have no grade, or no pair is left.
        """
        base, of_base = self._side(pairs.base, pairs.task.labels, level)
        checkpoint, of_checkpoint = self._side(pairs.checkpoint, pairs.task.labels, level)
        kept = [(b, c) for b, c in zip(base, checkpoint, strict=True) if b and c]
        judged = sum(map(sum, (*of_base.counts, *of_checkpoint.counts)))
        unscored = sum(row[-1] for side in (of_base, of_checkpoint) for row in side.counts)
        if not kept or unscored > judged / 2:
            raise EngineError(
                f"task {pairs.task.name}: the judge {self.judge.name} gave no grade that can be "
                f"read on {unscored} of {judged} responses, too many to compare what is left; see "
                f"its replies in {GRADES_FILE}, and take another judge"
            )
        graded = replace(
            pairs, base=tuple(b for b, _ in kept), checkpoint=tuple(c for _, c in kept)
        )
        return graded, JudgeAgreement(
            default_labels=(*pairs.task.labels, INVALID_LABEL),
            judge_labels=(*pairs.task.labels, UNSCORED),
            left_out=len(base) - len(kept),
            base=of_base,
            checkpoint=of_checkpoint,
        )

    def _side(
        self, predictions: tuple[Prediction, ...], labels: tuple[str, ...], level: float
    ) -> tuple[list[Prediction | None], GraderAgreement]:
        """One model's predictions as the judge grades them; None without a grade."""
        found: list[Prediction | None] = []
        default, judge, unscored = [], [], []
        for prediction in predictions:
            prompt = judge_prompt_of(prediction)
            if prompt is None:
                found.append(prediction)
                continue
            verdict = self.known.get(self.judge.key(prompt))
            graded = _as_graded(prediction, verdict.grade) if verdict and verdict.grade else None
            found.append(graded)
            if graded is None:
                unscored.append(prediction.item_id)
            default.append(_index(prediction, labels))
            judge.append(_index(graded, labels))
        return found, grader_agreement(
            labels,
            default,
            judge,
            not_asked=len(found) - len(default),
            unscored_examples=tuple(unscored[:_EXAMPLES]),
            level=level,
        )


def judge_prompt_of(prediction: Prediction) -> str | None:
    """What the judge is asked about a prediction; None if it is not asked."""
    document = prediction.document
    if not needs_judge(document.answers, prediction.response):
        return None
    return judge_prompt(document.claim, document.answers, prediction.response)


def _as_graded(prediction: Prediction, grade: Grade) -> Prediction:
    label, status = READING[grade]
    changed = {"prediction": label, "status": status, "correct": label == prediction.target}
    return prediction.model_copy(update=changed)


def _index(prediction: Prediction | None, labels: tuple[str, ...]) -> int:
    """Of its label; the number of labels if it has none."""
    if prediction is None or prediction.prediction is None:
        return len(labels)
    return labels.index(prediction.prediction)


def check_has_open_questions(tasks: Sequence[str]) -> None:
    """Stop if no task has open questions, since a judge would have nothing to grade."""
    if not any(get_task(name).kind == "question" for name in tasks):
        raise InputError(
            f"--judge: there is no open question to grade in {', '.join(tasks)}; leave it out"
        )
