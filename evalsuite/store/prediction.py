"""One model's answer to one item, as a line of JSON.

A real line, wrapped::

    {"task": "vitaminc", "item_id": "5ed4de09c9e77c000848ad8f_2",
     "cluster_id": "5ed4de09c9e77c000848ad8f", "target": "FAIL", "prediction": "FAIL",
     "status": "answered", "correct": true, "confidence": 0.95,
     "label_probabilities": {"PASS": 0.02, "FAIL": 0.9, "NA": 0.08},
     "response": "LABEL=FAIL\\nCONF=0.95", "sample_index": 0,
     "usage": {"prompt_tokens": 412, "probe_tokens": 413, "response_tokens": 9,
               "truncated": false},
     "document": {"claim": "Henry Schein has less than 14,000 employees .", "evidence": ["…"]},
     "document_hash": "…", "prompt_hash": "…", "target_hash": "…", "published": null,
     "checksum": "…"}

In a run folder the line ends with a checksum of everything before it, keyed by what the manifest
says decided the answer: a line that was altered, or that comes from another run, is noticed. It
protects from accidents and careless editing, not from somebody who computes it anew.

A line of a task that another program defines ends with that program's scores, each with its range
and direction, so that nothing else is needed to read it; the first is the primary one::

    {"task": "mmlu_anatomy", "item_id": "12", "target": "RIGHT", "prediction": "WRONG",
     "status": "answered", "correct": false, "confidence": 0.61, …,
     "scores": {"acc": {"value": 0.0, "range": [0.0, 1.0], "higher_is_better": true},
                "acc_norm": {"value": 1.0, "range": [0.0, 1.0], "higher_is_better": true}},
     "confidence_normalised": 0.44, "group": "mmlu"}

`prediction` is RIGHT, WRONG, UNKNOWN (abstained) or null (invalid) by its primary score. Where that
is not 0 or 1, nothing is right or wrong: `status` is ``scored`` and `prediction` null. None of the
three keys stands on a line that does not need it.
`saeval.evalsuite.store.general.general_prediction` makes such lines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from saeval.errors import InputError
from saeval.evalsuite.store.hashing import hash_text
from saeval.evalsuite.store.manifest import MANIFEST, RunManifest, read_manifest
from saeval.json_source import first_problem, read_lines
from saeval.terminal_text import quoted

Key = tuple[str, int]
"""Item id and number of the sample."""

PREDICTIONS = "predictions"
"""The folder in a run folder that holds its files of predictions."""

_LEFT_OUT = ("scores", "confidence_normalised", "group")
"""Keys that do not stand on a line where they would be empty."""
_CHECKSUM = re.compile(r', "checksum": "([0-9a-f]{64})"\}$')

Count = Annotated[int, Field(ge=0, le=2**53)]
"""A whole number that no program rounds."""
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Bound = Annotated[float, Field(ge=-1e100, le=1e100, allow_inf_nan=False)]
"""A number of which sums and squares are still numbers."""
ScoreName = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=200)]
"""As lm-eval spells it: the metric, then a comma and the filter unless that is ``none``."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _NullIsAbsent(_Record):
    """A field that may be left out may as well be null."""

    _defaults: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        cls._defaults = tuple(
            name
            for name, field in cls.model_fields.items()
            if not field.is_required() and field.get_default(call_default_factory=True) is not None
        )

    @model_validator(mode="before")
    @classmethod
    def _leave_out_nulls(cls, content: Any) -> Any:
        if isinstance(content, dict):
            nulls = [name for name in cls._defaults if content.get(name, ...) is None]
            if nulls:
                return {key: value for key, value in content.items() if key not in nulls}
        return content


class ShownDocument(_NullIsAbsent):
    """What the model was asked about, kept so that a report can show it.

    An open question stands as the claim, with its right answers and no evidence, and with its
    topic and popularity where the data set says them. Of a question about the model's own answer,
    that answer is not kept again, and two questions are one claim.
    """

    claim: str
    evidence: tuple[str, ...]
    answers: tuple[str, ...] = ()
    topic: str | None = None
    popularity: Annotated[int, Field(ge=-(2**53), le=2**53)] | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> ShownDocument:
        """From a document row of a task."""
        if "first" in row:
            return cls(claim=f"A: {row['first']}\nB: {row['second']}", evidence=())
        if "question" in row:
            return cls(
                claim=row["question"],
                evidence=(),
                answers=tuple(row.get("answers", ())),
                topic=row.get("topic"),
                popularity=row.get("popularity"),
            )
        return cls(claim=row["claim"], evidence=tuple(row["evidence"]))


class Score(_Record):
    """What another program's metric says of one answer.

    Attributes
    ----------
    value
        Within the range.
    range
        Smallest and largest value that any answer could get; None where there is no such bound.
    higher_is_better
        Direction.
    """

    value: Bound
    range: tuple[Bound, Bound] | None = (0.0, 1.0)
    higher_is_better: bool = True

    @model_validator(mode="after")
    def _is_in_range(self) -> Score:
        if self.range is None:
            return self
        low, high = self.range
        if not low < high:
            raise ValueError(f"`range` must ascend, found [{low:g}, {high:g}]")
        if not low <= self.value <= high:
            raise ValueError(
                f"`value` must lie in its `range`, [{low:g}, {high:g}], found {self.value:g}"
            )
        return self


class Usage(_NullIsAbsent):
    """Tokens that an item cost, all its samples together; on the first sample only."""

    prompt_tokens: Count
    probe_tokens: Count = 0
    response_tokens: Count
    truncated: bool = False


class PublishedReading(_NullIsAbsent):
    """How a published study read the same response, where its file says so."""

    label: str | None = None
    confidence: Probability | None = None
    valid: bool


class Prediction(_NullIsAbsent):
    """One answer; see the module for an example."""

    task: str
    item_id: str
    cluster_id: str | None = None
    target: str
    prediction: str | None = None
    status: Literal["answered", "abstained", "invalid", "scored"]
    correct: bool
    confidence: Probability | None = None
    label_probabilities: dict[str, Probability] | None = None
    response: str
    sample_index: Count = 0
    usage: Usage | None = None
    document: ShownDocument
    document_hash: str | None = None
    prompt_hash: str | None = None
    target_hash: str
    answer: str | None = None
    right_in_reasoning: bool = False
    published: PublishedReading | None = None
    scores: dict[ScoreName, Score] = Field(default_factory=dict)
    confidence_normalised: Probability | None = None
    group: str | None = None
    checksum: str | None = Field(default=None, exclude=True, repr=False)
    """Of a line that somebody has written anew: no more than another field, and not kept."""

    @model_validator(mode="after")
    def _is_consistent(self) -> Prediction:
        if (self.prediction is None) != (self.status in ("invalid", "scored")):
            raise ValueError("`prediction` must be null exactly when `status` is invalid or scored")
        if self.status == "scored" and not self.scores:
            raise ValueError("`scores` must hold a score when `status` is scored")
        if self.correct != (self.prediction == self.target):
            raise ValueError("`correct` must say whether `prediction` equals `target`")
        if self.scores and self.status == "answered":
            name, score = next(iter(self.scores.items()))
            if self.correct != (score.value == 1):
                raise ValueError(f"`correct` must say whether the score {quoted(name)} is 1")
        if self.label_probabilities is not None:
            total = sum(self.label_probabilities.values())
            if abs(total - 1) > 1e-6:
                raise ValueError(f"`label_probabilities` must sum to 1, found {total:.6g}")
        return self

    @property
    def is_graded(self) -> bool:
        """Whether the answer is right or wrong, and has not only scores."""
        return self.status != "scored"

    @property
    def key(self) -> Key:
        """Item id and number of the sample."""
        return self.item_id, self.sample_index

    def to_line(self, key: str | None = None) -> str:
        """The prediction as one line of JSON, newline included, with a checksum if there is a key.

        Parameters
        ----------
        key
            Of the checksums of a task in a run folder (`checksum_key`).
        """
        content = self.model_dump(mode="json")
        for name in _LEFT_OUT:
            if not content[name] and content[name] != 0:
                del content[name]
        line = json.dumps(content, ensure_ascii=False)
        if key is not None:
            line = f'{line[:-1]}, "checksum": "{hash_text(key + line)}"}}'
        return line + "\n"


def checksum_key(path: Path) -> str | None:
    """What the checksums of a file are keyed by: everything that decided the answers in it.

    None where the file is in no run folder, or in one whose lines have no checksums: a baseline,
    which pins whole files, or a folder of saeval 0.1.
    """
    manifest = manifest_beside(path)
    if manifest is None or manifest.checksums is None or path.stem not in manifest.tasks:
        return None
    facts = manifest.tasks[path.stem].model_dump(mode="json", exclude_unset=True)
    return hash_text(json.dumps([manifest.identity, path.stem, facts], sort_keys=True))


def manifest_beside(path: Path) -> RunManifest | None:
    """Of the run folder that a file of predictions is in; None if it is in none."""
    folder = path.parent.parent
    if path.parent.name != PREDICTIONS or not (folder / MANIFEST).is_file():
        return None
    try:
        return read_manifest(folder)
    except InputError:  # of somebody else; whoever needs ours reads it and says what is wrong
        return None


def parse_line(text: str, where: str, key: str | None = None) -> Prediction:
    """Read one line of a file that is given; errors as those of `parse_kept_line`."""
    prediction = parse_kept_line(text, where, key)
    if prediction.document_hash is None:
        raise InputError(f"{where}: `document_hash` must be a text; pairing rests on it")
    return prediction


def parse_kept_line(text: str, where: str, key: str | None = None) -> Prediction:
    """Read one line; `where` (file and line) starts the message of the `InputError`.

    With the key of a run folder, its checksum must fit.
    """
    text = text.rstrip("\n")
    if found := _CHECKSUM.search(text):
        text = text[: found.start()] + "}"
    if key is not None and (found is None or found[1] != hash_text(key + text)):
        raise InputError(
            f"{where}: its checksum does not fit: the line or {MANIFEST} was altered after it was "
            "written, or the line is of another run; restore the file, or remove it and run the "
            "same command again"
        )
    try:
        return Prediction.model_validate_json(text)
    except ValidationError as error:
        raise InputError(f"{where}: {first_problem(error)}") from error


def read_predictions(path: Path) -> Iterator[Prediction]:
    """The predictions of a JSON-lines file; the first bad line is an `InputError`.

    Of a file in a run folder, every line must be as it was written.
    """
    key = checksum_key(path)
    for where, line in read_lines(path):
        yield parse_line(line, where, key)
