"""Pinned baselines: a run folder and a record of its files, so that nobody changes it unnoticed.

::

    STORE/NAME/baseline.json               when and by what it was saved, SHA-256 of every file
    STORE/NAME/manifest.json               the run's own, without when and how long it was at work
    STORE/NAME/predictions/<task>.jsonl    in the order of the item ids

The same answers are the same bytes, so a baseline that is committed changes where its answers do.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from saeval.errors import InputError
from saeval.evalsuite.store.prediction import Key, Prediction
from saeval.evalsuite.store.run_folder import MANIFEST, read_manifest
from saeval.files import first_problem, write_atomic

RECORD = "baseline.json"
PREFIX = "baseline:"
"""Of a model argument that names a baseline."""
VARIABLE = "SAEVAL_BASELINES"
DEFAULT_STORE = "saeval-baselines"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_VARYING = ("command", "sessions")
"""Of a run's manifest: what differs although the answers are the same."""

FileName = Annotated[str, Field(pattern=r"^(manifest\.json|predictions/\w[\w.-]*\.jsonl)$")]
State = Literal["intact", "changed", "missing"]


class PinnedFile(BaseModel):
    """What a file of a baseline was when it was saved."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    bytes: Annotated[int, Field(ge=0)]


class Record(BaseModel):
    """The content of ``baseline.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_: Annotated[Literal["saeval.baseline/1"], Field(alias="schema")]
    name: str
    saved: str
    saeval: str
    files: dict[FileName, PinnedFile]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.bytes for file in self.files.values())

    def state(self, folder: Path, name: str) -> State:
        """Whether one of the files is still what was saved."""
        path = folder / name
        if not path.is_file():
            return "missing"
        return "intact" if self.pins(name, path.read_bytes()) else "changed"

    def pins(self, name: str, content: bytes) -> bool:
        """Whether this is the content of one of the files."""
        return _pinned(content) == self.files[name]


def is_name(name: str) -> bool:
    """Whether a baseline may be called so: also on a disk, in a URL and in a shell."""
    return _NAME.fullmatch(name) is not None and ".." not in name


def check_name(name: str) -> None:
    """Refuse what cannot be the name of a baseline, above all a path.

    Raises
    ------
    InputError
        Saying what a name is.
    """
    if not is_name(name):
        raise InputError(
            f"baseline {name[:100]!r}: a name is of letters, digits, '.', '_' and '-', begins with "
            "a letter or digit and has no '..'"
        )


def read_record(content: bytes, where: str) -> Record:
    """The content of ``baseline.json``; `where` starts the message of the `InputError`."""
    try:
        found = Record.model_validate_json(content)
    except ValidationError as error:
        raise InputError(f"{where}: {first_problem(error)}") from error
    if MANIFEST not in found.files:
        raise InputError(f"{where}: pins no {MANIFEST}")
    return found


def check_intact(folder: Path, where: str) -> None:
    """Refuse a baseline of which anything is not as it was saved.

    Parameters
    ----------
    folder
        With ``baseline.json``.
    where
        What to call the folder in messages.

    Raises
    ------
    InputError
        Naming the file.
    """
    record = read_record((folder / RECORD).read_bytes(), f"{where}/{RECORD}")
    for name in record.files:
        if (state := record.state(folder, name)) != "intact":
            what = "is missing" if state == "missing" else "is not what was saved (SHA-256 differs)"
            raise InputError(f"{where}/{name}: {what}; restore it, or save the baseline anew")
    tasks = read_manifest(folder)["tasks"]
    for task in tasks:
        if (name := f"predictions/{task}.jsonl") not in record.files:
            raise InputError(f"{where}/{name}: is not pinned in {RECORD}; save the baseline anew")


def write_baseline(
    folder: Path,
    name: str,
    manifest: Mapping[str, Any],
    predictions: Mapping[str, Mapping[Key, Prediction]],
) -> Record:
    """Write a baseline into an empty folder, its record last.

    Parameters
    ----------
    folder
        Exists.
    name
        Of the baseline.
    manifest, predictions
        Of a finished run.
    """
    kept = {key: value for key, value in manifest.items() if key not in _VARYING}
    texts = {MANIFEST: json.dumps(kept, indent=2, ensure_ascii=False) + "\n"}
    for task in sorted(manifest["tasks"]):
        answers = predictions[task]
        texts[f"predictions/{task}.jsonl"] = "".join(
            answers[key].to_line() for key in sorted(answers)
        )
    (folder / "predictions").mkdir()
    for file, text in texts.items():
        write_atomic(folder / file, text)
    record = Record.model_validate(
        {
            "schema": "saeval.baseline/1",
            "name": name,
            "saved": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "saeval": version("saeval"),
            "files": {file: _pinned(text.encode()) for file, text in texts.items()},
        }
    )
    write_atomic(folder / RECORD, record.model_dump_json(by_alias=True, indent=2) + "\n")
    return record


def store_address() -> str:
    """Where baselines are if nothing else is said."""
    return os.environ.get(VARIABLE) or DEFAULT_STORE


def _pinned(content: bytes) -> PinnedFile:
    return PinnedFile(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
