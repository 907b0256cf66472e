"""Where the looks at checkpoints are recorded: a file, unless the caller keeps them elsewhere.

A line of the file, wrapped::

    {"schema": "saeval.look/2", "data": "9f2c…", "sequence": "9f2c…", "number": 1, "model": "51aa…",
     "base": "c0de…", "rules": "7b1e…", "run": null, "answers": {"fever": {"1c9a0f3e…": "88b2…"}}}

It holds hashes alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from saeval.errors import InputError, SaevalError
from saeval.files import AppendOnlyLog
from saeval.json_source import first_problem

VARIABLE = "SAEVAL_LOOKS"
SCHEMA: Literal["saeval.look/2"] = "saeval.look/2"
"""Lines of the schema before it named items by other hashes: they are known by the model alone."""


class LookLine(BaseModel):
    """What is kept of a look; written by ``model_dump_json(by_alias=True)``.

    Attributes
    ----------
    schema_
        ``schema`` where it is written.
    data
        Of all answers that were looked at.
    sequence
        Of all looks at one checkpoint: the `data` of the first.
    number
        Of the look, from 1.
    model, base, rules, run
        See `saeval.evalsuite.gate.looks.Looked`.
    answers
        By task and item: the answers of the checkpoint that it is recognised by.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)
    schema_: Literal["saeval.look/1", "saeval.look/2"] = Field(alias="schema")
    data: str
    sequence: str
    number: int = Field(ge=1)
    model: str | None
    base: str
    rules: str
    run: str | None
    answers: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class KnownLooks:
    """The looks that are recorded, in their order, and a function that records one more."""

    lines: Sequence[LookLine]
    append: Callable[[LookLine], None]


class RecordUnavailableError(Exception):
    """A record cannot be read or written: the gate goes on, and says that nothing is known."""


class LookRecord(Protocol):
    """A record of looks."""

    def open(self) -> AbstractContextManager[KnownLooks]:
        """The record, which nobody else opens until it is closed.

        What is appended is kept once it is closed without an error. Each look is one `open`, so
        that two gates at one time take two numbers.

        Raises
        ------
        RecordUnavailableError
            If a gate may go on without it; any other error ends the gate.
        """


class LookFile:
    """A record of looks as a file of lines, for several processes.

    Parameters
    ----------
    path
        It and its folder are made if they are missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def open(self) -> Iterator[KnownLooks]:
        """See `LookRecord`.

        Raises
        ------
        InputError
            If the file holds something else.
        RecordUnavailableError
            If it cannot be read or written.
        """
        with self._available():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path.with_name(f".{self.path.name}.taking"))
            lock.acquire()
        try:
            with self._available():
                log = AppendOnlyLog(self.path, shared=True)
                lines = _read(log)

            def append(line: LookLine) -> None:
                with self._available():
                    log.append([line.model_dump_json(by_alias=True) + "\n"])

            yield KnownLooks(lines, append)
        finally:
            lock.release()

    @contextmanager
    def _available(self) -> Iterator[None]:
        try:
            yield
        except InputError:
            raise
        except (OSError, NotImplementedError, SaevalError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise RecordUnavailableError(f"{self.path}: {reason}") from error


def find_record(given: str | os.PathLike[str] | LookRecord | None) -> LookRecord:
    """A record that is given, or the file `looks_path`."""
    if given is None or isinstance(given, (str, os.PathLike)):
        return LookFile(looks_path(given))
    return given


def looks_path(path: str | os.PathLike[str] | None) -> Path:
    """Where looks are recorded: as given, as ``SAEVAL_LOOKS`` says, or in the user's state."""
    if path is not None:
        return Path(path)
    if named := os.environ.get(VARIABLE):
        return Path(named)
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "saeval" / "looks.jsonl"


def _read(log: AppendOnlyLog) -> list[LookLine]:
    lines = []
    for number, text in enumerate(log.read(), start=1):
        try:
            lines.append(LookLine.model_validate_json(text))
        except ValidationError as error:
            raise InputError(
                f"{log.path}:{number}: no record of a look: {first_problem(error)}; move the file "
                "away, or name another by --looks"
            ) from None
    return lines
