"""Pinned baselines: a run folder and a record of its files, so that nobody changes it unnoticed.

::

    STORE/NAME/baseline.json               when and by what it was saved, SHA-256 of every file
    STORE/NAME/manifest.json               the run's own, without when and how long it was at work
    STORE/NAME/predictions/<task>.jsonl    in the order of the item ids

The same answers are the same bytes, so a baseline that is committed changes where its answers do.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from saeval.errors import InputError
from saeval.evalsuite.store.manifest import MANIFEST, RunManifest, read_manifest
from saeval.evalsuite.store.prediction import Key, Prediction
from saeval.files import Manifest, write_atomic

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


class BaselineRecord(Manifest):
    """The content of ``baseline.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    SCHEMA: ClassVar[str] = "saeval.baseline/1"

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
        return _pin(content) == self.files[name]


def is_name(name: str) -> bool:
    """Whether a baseline may be called so: also on a disk, in a URL and in a shell."""
    return _NAME.fullmatch(name) is not None and ".." not in name


def check_name(name: str) -> None:
    """Refuse what cannot be the name of a baseline, above all a path."""
    if not is_name(name):
        raise InputError(
            f"baseline {name[:100]!r}: a name is of letters, digits, '.', '_' and '-', begins with "
            "a letter or digit and has no '..'"
        )


def parse_record(content: bytes, where: str) -> BaselineRecord:
    """The content of ``baseline.json``; `where` starts the message of the `InputError`."""
    record = BaselineRecord.parse(content, where)
    if MANIFEST not in record.files:
        raise InputError(f"{where}: pins no {MANIFEST}")
    return record


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
    record = parse_record((folder / RECORD).read_bytes(), f"{where}/{RECORD}")
    for name in record.files:
        if (state := record.state(folder, name)) != "intact":
            what = "is missing" if state == "missing" else "is not what was saved (SHA-256 differs)"
            raise InputError(f"{where}/{name}: {what}; restore it, or save the baseline anew")
    for task in read_manifest(folder).tasks:
        if (name := f"predictions/{task}.jsonl") not in record.files:
            raise InputError(f"{where}/{name}: is not pinned in {RECORD}; save the baseline anew")


def write_baseline(
    folder: Path,
    name: str,
    manifest: RunManifest,
    predictions: Mapping[str, Mapping[Key, Prediction]],
) -> BaselineRecord:
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
    texts = {MANIFEST: manifest.to_json(leave_out=_VARYING)}
    for task in sorted(manifest.tasks):
        answers = predictions[task]
        texts[f"predictions/{task}.jsonl"] = "".join(
            answers[key].to_line() for key in sorted(answers)
        )
    (folder / "predictions").mkdir()
    for file, text in texts.items():
        write_atomic(folder / file, text)
    record = BaselineRecord(
        schema=BaselineRecord.SCHEMA,
        name=name,
        saved=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        saeval=version("saeval"),
        files={file: _pin(text.encode()) for file, text in texts.items()},
    )
    write_atomic(folder / RECORD, record.to_json())
    return record


def store_address() -> str:
    """Where baselines are if nothing else is said."""
    return os.environ.get(VARIABLE) or DEFAULT_STORE


def _pin(content: bytes) -> PinnedFile:
    return PinnedFile(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
