"""Runs to a server of the record, and back."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from saeval.errors import InputError
from saeval.evalsuite.client.addresses import parse_record_address
from saeval.evalsuite.client.client import Client
from saeval.evalsuite.client.files import Heard, run_files
from saeval.evalsuite.client.wire import RunInfo
from saeval.evalsuite.models.convert import convert
from saeval.evalsuite.models.resolve import resolve_model
from saeval.evalsuite.models.training_data import find_training_data
from saeval.evalsuite.models.types import Model, SavedPredictions
from saeval.evalsuite.store.baselines import RECORD
from saeval.evalsuite.store.manifest import MANIFEST, RunManifest
from saeval.evalsuite.store.parquet_predictions import write_rows
from saeval.evalsuite.store.parquet_rows import rows_of
from saeval.evalsuite.store.paths import RUNS, TRAINING_DATA, readable
from saeval.evalsuite.store.prediction import PREDICTIONS, Prediction
from saeval.evalsuite.store.run_files import parquet_path, pin, write_manifest
from saeval.files import make_folder, sync_folder
from saeval.json_source import parse_json, read_bytes
from saeval.progress import SILENT, Progress
from saeval.terminal_text import one_line

_AT_ONCE = 4096
_LONGEST_LIST, _LONGEST_TEXT = 20, 50_000
"""Of what is said in short of a checkpoint's training data."""
_LONGEST_NAME = 500


def push(
    run: Model,
    *,
    server: str | Client | None = None,
    name: str | None = None,
    recipe: str | None = None,
    seed: int | None = None,
    step: int | None = None,
    progress: Progress = SILENT,
) -> RunInfo:
    """Send a run to a server of the record; what it has of it is not sent again.

    Parameters
    ----------
    run
        A finished run folder, the ``base/`` or ``checkpoint/`` of a comparison, or predictions of
        any kind that `compare` takes. They are packed into Parquet first.
    server
        Its address, or a `Client`; None for that of ``SAEVAL_SERVER``.
    name
        For people; None for the model's.
    recipe, seed, step
        What the checkpoint was trained by.
    progress
        Receives progress; silent by default.

    Returns
    -------
    RunInfo
        ``queued`` until the server has checked it: see `Client.wait_for`.

    Raises
    ------
    InputError
        If there is nothing to send, or any of it is bad.
    SaevalError
        If the server does not take it.

    Examples
    --------
    >>> saeval.push("runs/base", server="https://evals.example").id       # doctest: +SKIP
    '1f0c9a5be2d84c07b1a3'
    """
    with (
        nullcontext(server) if isinstance(server, Client) else Client(server) as client,
        tempfile.TemporaryDirectory(prefix="saeval-push-") as place,
    ):
        saved, files = pack(run, Path(place) / "run", progress)
        total = sum(path.stat().st_size for path in files.values())
        with _bar(progress, f"sending {saved.name}", total) as heard:
            return client.upload_run(
                files,
                name or one_line(saved.name, _LONGEST_NAME) or "run",
                recipe=recipe,
                seed=seed,
                step=step,
                training=training_in_short(files.get(TRAINING_DATA)),
                heard=heard,
            )


def pull(
    run: str,
    *,
    out: str | Path | None = None,
    client: Client | None = None,
    progress: Progress = SILENT,
) -> Path:
    """Fetch a run of a server as a run folder: the files that were sent, each of them verified.

    Parameters
    ----------
    run
        Its address, ``URL/runs/ID``, or that of a baseline.
    out
        The folder to make, where nothing may be; None for one named after the run in
        ``saeval-runs``.
    client
        Of the server; None for one with the token of ``SAEVAL_TOKEN`` or ``saeval login``.
    progress
        Receives progress; silent by default.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InputError
        If `out` is there, or what comes is not what the server says.
    SaevalError
        If the server does not give it.

    Examples
    --------
    >>> saeval.pull("https://evals.example/baselines/main", out="main")   # doctest: +SKIP
    """
    address = parse_record_address(run)
    if address is None:
        raise InputError(f"{run}: is no run of a server; give URL/runs/ID or URL/baselines/NAME")
    if client is None:
        with Client(address.server) as client:
            return pull(run, out=out, client=client, progress=progress)
    named = address.name
    info = client.run(named) if address.kind == "runs" else client.baseline(named).run
    folder = Path(out) if out is not None else RUNS / f"{readable(info.name)}-{info.id[:8]}"
    if folder.exists():
        raise InputError(f"{folder}: is there already; choose another --out")
    make_folder(folder.parent)
    total = sum(task.bytes for task in info.tasks) or None
    with (
        tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as place,
        _bar(progress, f"fetching {info.name}", total) as heard,
    ):
        new = Path(place) / "run"
        client.download_run(info, new, heard)
        sync_folder(new)
        new.rename(folder)
    sync_folder(folder.parent)
    return folder


def pack(
    run: Model, folder: Path, progress: Progress = SILENT
) -> tuple[SavedPredictions, dict[str, Path]]:
    """A run as files in Parquet: those that it has, or new ones in a folder.

    Parameters
    ----------
    run
        What is packed.
    folder
        Made if it is needed.
    progress
        Receives progress.

    Raises
    ------
    InputError
        If there is nothing to pack, or any of it is bad.
    """
    saved = resolve_model(run)
    if not isinstance(saved, SavedPredictions):
        raise InputError(f"{saved.argument}: is a model; `saeval run` asks it, and makes a run")
    if not any(map(len, saved.predictions.values())):
        raise InputError(f"{saved.argument}: holds no answers")
    if saved.manifest is None:
        _pack_answers(run, saved, folder, progress)
        files = run_files(folder)
    elif saved.shards:
        _pack_run(saved, saved.manifest, folder, progress)
        files = run_files(folder)
    elif saved.files and all(path.suffix == ".parquet" for path in saved.files):
        own = saved.files[0].parent.parent
        files = {MANIFEST: own / MANIFEST}
        files |= {path.relative_to(own).as_posix(): path for path in saved.files}
    elif (own := saved.files[0].parent.parent) and not (own / RECORD).is_file():
        files = run_files(convert(own, folder, to="parquet", progress=progress))
    else:
        _pack_run(saved, saved.manifest, folder, progress)
        files = run_files(folder)
    if (training := find_training_data(saved)) is not None:
        files[TRAINING_DATA] = training
    return saved, files


def _pack_run(
    saved: SavedPredictions, manifest: RunManifest, folder: Path, progress: Progress
) -> None:
    make_folder(folder / PREDICTIONS)
    write_manifest(folder, manifest.model_copy(update={"parquet": {}}))
    total = sum(map(len, saved.predictions.values()))
    with _bar(progress, f"packing {saved.name}", total) as heard:
        for task, table in saved.predictions.items():
            _write(parquet_path(folder, task), table.values(), heard)
            pin(folder, task)


def _pack_answers(run: Model, saved: SavedPredictions, folder: Path, progress: Progress) -> None:
    """Answers of another program: a file for each task."""
    make_folder(folder / PREDICTIONS)
    names: set[str] = set()
    if len(saved.predictions) == 1 and isinstance(run, (str, Path)) and Path(run).is_file():
        (task,) = saved.predictions
        convert(run, folder / PREDICTIONS / _file_name(task, names), progress=progress)
        return
    total = sum(map(len, saved.predictions.values()))
    with _bar(progress, f"packing {saved.name}", total) as heard:
        for task, table in saved.predictions.items():
            _write(folder / PREDICTIONS / _file_name(task, names), table.values(), heard)


def _file_name(task: str, taken: set[str]) -> str:
    name = "task-" + readable(task).encode("ascii", "replace").decode().replace("?", "-")
    while name.lower() in taken:
        name += "-"
    taken.add(name.lower())
    return f"{name}.parquet"


def _write(path: Path, answers: Iterable[Prediction], heard: Heard) -> None:
    listed = iter(answers)

    def rows() -> Iterator[Any]:
        while part := list(islice(listed, _AT_ONCE)):
            yield rows_of(part)
            heard(len(part))

    write_rows(path, rows())


def training_in_short(path: Path | None) -> Mapping[str, Any] | None:
    """What a checkpoint was trained on, without the hashes of its items."""
    if path is None:
        return None
    content = parse_json(read_bytes(path), str(path), nan=True)
    if not isinstance(content, dict):
        return None
    short = {key: _shortened(own) for key, own in content.items()}
    if len(json.dumps(short)) > _LONGEST_TEXT:
        return {key: own for key, own in short.items() if isinstance(own, (int, float))}
    return short


def _shortened(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _shortened(own) for key, own in content.items()}
    if isinstance(content, list) and len(content) > _LONGEST_LIST:
        return f"{len(content)} entries"
    return None if isinstance(content, float) and not math.isfinite(content) else content


@contextmanager
def _bar(progress: Progress, label: str, total: int | None) -> Iterator[Heard]:
    with progress.bars() as bars:
        bar = bars.add(label, total=total)
        yield partial(bars.advance, bar)
