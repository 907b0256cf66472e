"""What a task file says of one's own data.

It is a task file of lm-eval with one entry for us under ``metadata``::

    task: claims
    class: !function saeval.tasks.lm_eval.own.OwnTask
    metadata:
      version: 1
      saeval:
        kind: verification
        data: claims.csv
        columns: {claim: claim, evidence: context, label: verdict}
        labels: {PASS: [Supports], FAIL: [Refutes], NA: [NEI]}

`data` lies in the folder of the task file or below it; `hub` names a data set of the hub instead.
A column may be a list of columns where several make up one thing (passages of evidence, choices).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from typing_extensions import Self

from saeval.errors import DataError, YamlError
from saeval.json_source import read_text, validate
from saeval.suggest import did_you_mean
from saeval.tasks.types import VERIFICATION_LABELS
from saeval.terminal_text import one_line, quoted
from saeval.yaml_source import parse_yaml

HARNESS_CLASS = "saeval.tasks.lm_eval.own.OwnTask"
SUFFIXES = (".yaml", ".yml")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,79}")

Kind = Literal["verification", "question", "multiple_choice"]
AnswerForm = Literal["letter", "index", "number", "text"]

COLUMNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "verification": (("claim", "evidence", "label"), ("id", "cluster")),
    "question": (("question", "answer"), ("topic", "id", "cluster")),
    "multiple_choice": (("question", "choices", "answer"), ("id", "cluster")),
}
"""Of each kind: what must be mapped to a column, and what may be."""
SEVERAL = {"evidence", "choices", "answer"}
"""What several columns may make up."""

Text = Annotated[str, Field(min_length=1, max_length=1000)]


class Definition(BaseModel):
    """What stands under ``metadata: saeval:``.

    Attributes
    ----------
    kind
        ``verification``, ``question`` or ``multiple_choice``.
    data
        A file, or a folder that `datasets` saved, relative to the task file.
    hub, config
        Instead of `data`: a data set of the hub, and which part of it.
    split
        Of a folder or data set that holds several.
    columns
        The column that holds each thing a task of this kind needs.
    labels
        Of verification: the values in the data that mean PASS, FAIL and NA.
    separator
        Of questions: what stands between several right answers in one cell.
    answer_is
        Of multiple choice: whether the answer is a letter, an index from 0, a number from 1, or
        the text of the right choice.
    summary
        One line on the data.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: Kind
    data: Text | None = None
    hub: Text | None = None
    config: Text | None = None
    split: Text | None = None
    columns: dict[str, Text | list[Text]]
    labels: dict[str, list[str]] | None = None
    separator: Text | None = None
    answer_is: AnswerForm | None = None
    summary: Annotated[str, Field(max_length=300)] = ""

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        needed, optional = COLUMNS[self.kind]
        for name, column in self.columns.items():
            if name not in needed + optional:
                hint = did_you_mean(name, needed + optional)
                raise ValueError(
                    f"`columns` of kind {self.kind} have no {quoted(name, 40)}; {hint}"
                )
            if isinstance(column, list) and name not in SEVERAL:
                raise ValueError(f"`columns.{name}` must be one column")
        if missing := [name for name in needed if name not in self.columns]:
            raise ValueError(f"`columns.{missing[0]}` is missing: kind {self.kind} needs it")
        if (self.data is None) == (self.hub is None):
            raise ValueError("`data` (a file or folder) or `hub` (a data set) is needed, not both")
        for setting, kind in (
            ("labels", "verification"),
            ("separator", "question"),
            ("answer_is", "multiple_choice"),
        ):
            given = getattr(self, setting) is not None
            if given and self.kind != kind:
                raise ValueError(f"`{setting}` has no meaning for kind {self.kind}")
            if not given and self.kind == kind and setting != "separator":
                raise ValueError(f"`{setting}` is missing: kind {kind} needs it")
        self._check_labels()
        return self

    def _check_labels(self) -> None:
        seen: dict[str, str] = {}
        for label, values in (self.labels or {}).items():
            if label not in VERIFICATION_LABELS.names:
                allowed = ", ".join(VERIFICATION_LABELS.names)
                raise ValueError(f"`labels` have no {quoted(label, 40)}; they are {allowed}")
            for value in values:
                if value in seen:
                    raise ValueError(
                        f"`labels`: {quoted(value, 40)} stands for {seen[value]} and for {label}"
                    )
                seen[value] = label
        if self.labels is not None and not seen:
            raise ValueError("`labels` name no value of the data")

    @property
    def label_of(self) -> dict[str, str]:
        """The label that each value in the data means."""
        return {value: label for label, values in (self.labels or {}).items() for value in values}


class OwnTaskFile(BaseModel):
    """A task file that was read: its name, version and what it says of the data."""

    model_config = ConfigDict(frozen=True)

    path: Path
    name: str
    version: int
    definition: Definition

    @property
    def data(self) -> Path | None:
        """The file or folder of the data; None where it comes from the hub.

        Raises
        ------
        DataError
            If it leads out of the folder of the task file.
        """
        if self.definition.data is None:
            return None
        return data_path(self.path.parent, self.definition.data)


def data_path(folder: Path, data: str) -> Path:
    """Where data lies, which must be in the folder of the task file or below it.

    Raises
    ------
    DataError
        If it is not.
    """
    path = folder / data
    if "\0" in data or not path.resolve().is_relative_to(folder.resolve()):
        raise DataError(
            f"{quoted(data)} lies outside {folder.resolve()}, the folder of the task file; put "
            "the data there or below it"
        )
    return path


def names_task_file(given: str) -> bool:
    """Whether what was given as a task is the path of a task file, not a task's name."""
    return given.endswith(SUFFIXES)


def is_own_task_file(path: Path) -> bool:
    """Whether a YAML file says how one's own data is asked, with ``metadata: saeval:``.

    A file that cannot be read here may yet be a task of lm-eval.
    """
    try:
        content = _read(path)
    except DataError:
        return False
    metadata = content.get("metadata") if isinstance(content, dict) else None
    return isinstance(metadata, dict) and "saeval" in metadata


def read_task_file(path: Path) -> OwnTaskFile:
    """Read a task file; its data is not looked at.

    Raises
    ------
    DataError
        If it is not there or no task file; one sentence says what and where.
    """
    content = _read(path)
    if not isinstance(content, dict):
        raise DataError(f"{path}: is no task file; write one with `saeval tasks new DATA`")
    name, metadata = content.get("task"), content.get("metadata")
    if not isinstance(metadata, dict) or "saeval" not in metadata:
        raise DataError(
            f"{path}: is no task file of saeval: `metadata: saeval:` is missing; write one with "
            "`saeval tasks new DATA`"
        )
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise DataError(
            f"{path}: `task` must be a name that begins with a letter and holds letters, digits, "
            f"_ and -, found {quoted(name, 40)}"
        )
    if content.get("class") != HARNESS_CLASS:
        raise DataError(f"{path}: `class` must be !function {HARNESS_CLASS}")
    if strange := [key for key in content if key not in ("task", "class", "metadata", "tag")]:
        raise DataError(
            f"{path}: there is no key {quoted(strange[0], 40)} in a task file of saeval; the keys "
            "are task, tag, class and metadata"
        )
    version = metadata.get("version", 1)
    if not isinstance(version, int) or isinstance(version, bool):
        raise DataError(
            f"{path}: `metadata.version` must be a whole number, found {quoted(version, 40)}"
        )
    where = f"{path}: `metadata.saeval`"
    definition = validate(Definition, metadata["saeval"], where, DataError)
    return OwnTaskFile(path=path, name=name, version=version, definition=definition)


def _read(path: Path) -> Any:
    try:
        return parse_yaml(read_text(path, DataError), str(path), functions=True)[0]
    except FileNotFoundError:
        raise DataError(
            f"{path}: no such task file; write one with `saeval tasks new DATA`"
        ) from None
    except OSError as error:
        raise DataError(f"{one_line(str(path), 200)}: cannot be read ({error.strerror})") from error
    except ValueError as error:  # a name with a null character
        raise DataError(f"{quoted(str(path))}: is no file name ({error})") from error
    except YamlError as error:
        raise DataError(str(error)) from error
