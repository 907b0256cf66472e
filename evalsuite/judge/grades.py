"""A judge's grades: kept as they come, and put in the place of the default grader's.

::

    COMPARISON/judge.jsonl       one line per grade, in the order of their coming
    CACHE/judge-<judge>.jsonl    the same across comparisons, one file per judge

A grade's key is the hash of the judge and the whole prompt. So no grade is ever taken for
another judge's, or for another response's, and the same prompt is asked once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from saeval.errors import InputError, ModelError, RunFolderError
from saeval.evalsuite.models.served import parse_served_model
from saeval.evalsuite.models.types import ServedModel
from saeval.evalsuite.store.hashing import hash_text
from saeval.evalsuite.store.prediction import Prediction
from saeval.files import AppendOnlyLog
from saeval.json_source import first_problem
from saeval.stats._core.results import GraderAgreement
from saeval.stats.metrics.agreement import grader_agreement
from saeval.tasks.grading.judge_prompt import (
    PREDICTION_OF_GRADE,
    PROMPT_VERSION,
    Grade,
    needs_judge,
    write_judge_prompt,
)
from saeval.tasks.registry import get_task
from saeval.terminal_text import quoted

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
        """What decides a grade beside the response."""
        return {"model": self.name, "prompt_version": PROMPT_VERSION}

    @property
    def description(self) -> str:
        """For a report's settings."""
        return f"{self.name}, prompt version {PROMPT_VERSION}"

    def key(self, prompt: str) -> str:
        """Of the grade of a prompt."""
        return hash_text(json.dumps([self.identity(), prompt]))

    def file_in(self, cache: Path) -> Path:
        """Where a cache keeps this judge's grades."""
        return cache / f"judge-{self.key('')[:16]}.jsonl"


def parse_judge(argument: str) -> Judge:
    """A model of a server as a judge."""
    if not re.match(r"https?://", argument, re.IGNORECASE):
        raise InputError(
            f"--judge {quoted(argument)}: give a model of a server, such as "
            "http://127.0.0.1:8000/v1#model"
        )
    try:
        model = parse_served_model(argument)
    except ModelError as error:
        raise InputError(f"--judge: {error}") from error
    if model.other_urls:
        raise InputError(f"--judge {quoted(argument)}: a judge is asked on one server; name one")
    return Judge(model)


class GradeFile:
    """Grades on disk, appended to and never rewritten; several processes may share it."""

    def __init__(self, path: Path) -> None:
        self._log = AppendOnlyLog(path, shared=True)

    def read(self) -> dict[str, GradeRecord]:
        """All grades by key.

        Of two grades of one prompt, which two processes may have asked for, the first counts.
        """
        records: dict[str, GradeRecord] = {}
        for number, line in enumerate(self._log.read(), start=1):
            try:
                record = GradeRecord.model_validate_json(line)
            except ValidationError as error:
                raise self._changed(number, first_problem(error)) from error
            records.setdefault(record.key, record)
        return records

    def append(self, record: GradeRecord) -> None:
        """Add one grade."""
        self._log.append([json.dumps(record.model_dump(mode="json"), ensure_ascii=False) + "\n"])

    def _changed(self, number: int, problem: str) -> RunFolderError:
        return RunFolderError(
            f"{self._log.path}:{number}: {problem}; the file was changed from outside, remove it "
            "and its verdicts will be asked for again"
        )


@dataclass(frozen=True)
class GradedPredictions:
    """One model's predictions as a judge grades them; None where it gave no grade."""

    predictions: tuple[Prediction | None, ...]
    agreement: GraderAgreement


@dataclass(frozen=True)
class Grades:
    """A judge and its grades by key."""

    judge: Judge
    records: Mapping[str, GradeRecord]

    def grade(
        self, predictions: Sequence[Prediction], labels: tuple[str, ...], level: float
    ) -> GradedPredictions:
        """One model's predictions as the judge grades them, and its agreement with ours.

        Parameters
        ----------
        predictions
            Of one task of open questions, as the default grader reads them.
        labels
            Of the task.
        level
            Confidence level of the intervals of agreement.
        """
        graded: list[Prediction | None] = []
        default, judge, unscored = [], [], []
        for prediction in predictions:
            if (prompt := judge_prompt_of(prediction)) is None:
                graded.append(prediction)
                continue
            record = self.records.get(self.judge.key(prompt))
            regraded = _regrade(prediction, record.grade) if record and record.grade else None
            graded.append(regraded)
            if regraded is None:
                unscored.append(prediction.item_id)
            default.append(_label_index(prediction, labels))
            judge.append(_label_index(regraded, labels))
        agreement = grader_agreement(
            labels,
            default,
            judge,
            not_judged=len(graded) - len(default),
            unscored_examples=tuple(unscored[:_EXAMPLES]),
            confidence_level=level,
        )
        return GradedPredictions(tuple(graded), agreement)


def judge_prompt_of(prediction: Prediction) -> str | None:
    """What the judge is asked about a prediction; None if it is not asked."""
    document = prediction.document
    if not needs_judge(document.answers, prediction.response):
        return None
    return write_judge_prompt(document.claim, document.answers, prediction.response)


def _regrade(prediction: Prediction, grade: Grade) -> Prediction:
    label, status = PREDICTION_OF_GRADE[grade]
    changed = {"prediction": label, "status": status, "correct": label == prediction.target}
    return prediction.model_copy(update=changed)


def _label_index(prediction: Prediction | None, labels: tuple[str, ...]) -> int:
    """Of its label; the number of labels if it has none."""
    if prediction is None or prediction.prediction is None:
        return len(labels)
    return labels.index(prediction.prediction)


def check_has_open_questions(tasks: Sequence[str]) -> None:
    """Stop if no task has open questions, since a judge would have nothing to grade."""
    if not any(get_task(name).kind.is_open_ended for name in tasks):
        raise InputError(
            f"--judge: there is no open question to grade in {', '.join(tasks)}; leave it out"
        )
