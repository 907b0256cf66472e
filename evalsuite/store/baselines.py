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
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from saeval.errors import InputError
from saeval.evalsuite.store.manifest import MANIFEST, RunManifest, read_manifest
from saeval.evalsuite.store.prediction import Key, Prediction
from saeval.files import Manifest

RECORD = "baseline.json"
PREFIX = "baseline:"
"""Of a model argument that names a baseline."""
VARIABLE = "SAEVAL_BASELINES"
DEFAULT_STORE = "saeval-baselines"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_VARYING = ("command", "sessions", "checksums", "parquet")
"""Of a run's manifest: what differs although the answers are the same; the record has checksums."""

_LOOKS = 50
_LOOKS_FOR_NONE = 3
_PAUSE = 0.02

T = TypeVar("T")
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


@dataclass(frozen=True)
class Baseline:
    """A baseline to be saved: its record, and the contents of the files that it pins."""

    record: BaselineRecord
    contents: Mapping[str, bytes]


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


def pin_run(
    name: str, manifest: RunManifest, predictions: Mapping[str, Mapping[Key, Prediction]]
) -> Baseline:
    """A baseline of a finished run.

    Parameters
    ----------
    name
        Of the baseline.
    manifest, predictions
        Of the run.
    """
    texts = {MANIFEST: manifest.to_json(leave_out=_VARYING)}
    for task in sorted(manifest.tasks):
        answers = predictions[task]
        texts[f"predictions/{task}.jsonl"] = "".join(
            answers[key].to_line() for key in sorted(answers)
        )
    contents = {file: text.encode() for file, text in texts.items()}
    record = BaselineRecord(
        schema=BaselineRecord.SCHEMA,
        name=name,
        saved=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        saeval=version("saeval"),
        files={file: _pin(content) for file, content in contents.items()},
    )
    return Baseline(record, contents)


def read_whole(find: Callable[[], Path], read: Callable[[Path], T]) -> T:
    """Read a baseline as it was at one time, also while another process replaces it.

    Parameters
    ----------
    find
        Where it is now.
    read
        Is given that, again and again until nothing has changed meanwhile.
    """
    for _ in range(_LOOKS):
        failure: OSError | InputError | None = None
        before = _record_in(folder := _find_again(find))
        try:
            result = read(folder)
        except (OSError, InputError) as error:
            failure = error
        if before is not None and before == _record_in(_find_again(find)):
            if failure is not None:
                raise failure
            return result
        time.sleep(random.uniform(0, _PAUSE))
    raise InputError(f"{_find_again(find)}: is replaced again and again; wait for that to end")


def _find_again(find: Callable[[], Path]) -> Path:
    """Where it is; asked again where it is nowhere, since it may be on its way just then."""
    for _ in range(_LOOKS_FOR_NONE):
        try:
            return find()
        except InputError:
            time.sleep(_PAUSE)
    return find()


def _record_in(folder: Path) -> bytes | None:
    try:
        return (folder / RECORD).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def store_address() -> str:
    """Where baselines are if nothing else is said."""
    return os.environ.get(VARIABLE) or DEFAULT_STORE


def _pin(content: bytes) -> PinnedFile:
    return PinnedFile(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
