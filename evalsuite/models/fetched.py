"""Runs and baselines of a server as model arguments: fetched once, verified each time."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path

from filelock import FileLock

from saeval.errors import InputError
from saeval.evalsuite.client.addresses import RecordAddress
from saeval.evalsuite.client.client import Client
from saeval.evalsuite.client.files import check_files, hash_file
from saeval.evalsuite.client.wire import RunInfo
from saeval.evalsuite.models.run_files import read_run_files
from saeval.evalsuite.models.types import SavedPredictions
from saeval.files import LOCK, make_folder


def read_fetched_run(argument: str, address: RecordAddress) -> SavedPredictions:
    """The run or baseline of a server that an argument names.

    Its files are kept by their content in the user's cache, so that they are fetched once.

    Raises
    ------
    InputError
        If the server refused the run, or what comes is not what it says.
    SaevalError
        If there is no such run, or the server cannot be reached.
    """
    folder, run = fetch_run(address)
    return read_run_files(folder, run.files, argument, run.model.name)


def fetch_run(address: RecordAddress) -> tuple[Path, RunInfo]:
    """The folder of a run or baseline of a server, in the user's cache; errors as those above."""
    with Client(address.server) as client:
        if address.kind == "runs":
            run = client.run(address.name)
        else:
            run = client.baseline(address.name).run
        if run.state == "refused":
            raise InputError(f"{address}: the server refused the run: {run.reason}")
        return _fetch(client, run), run


def _fetch(client: Client, run: RunInfo) -> Path:
    """The folder of a run in the cache, in which every file is what its name on the server says."""
    check_files(client.server, run.files)
    content = json.dumps(sorted(run.files.items())).encode()
    folder = _cache() / hashlib.sha256(content).hexdigest()[:40]
    make_folder(folder.parent)
    with FileLock(folder.with_name(f".{folder.name}{LOCK}")):
        if _is_intact(folder, run):
            os.utime(folder)
            return folder
        shutil.rmtree(folder, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetching-") as place:
            client.download_run(run, Path(place) / "run")
            (Path(place) / "run").rename(folder)
    return folder


def _is_intact(folder: Path, run: RunInfo) -> bool:
    return all(
        (folder / name).is_file() and hash_file(folder / name) == sha256
        for name, sha256 in run.files.items()
    )


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "saeval" / "fetched"
