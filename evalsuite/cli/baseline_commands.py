"""``saeval baseline``: pin the answers of a base, list what is pinned, and show it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from saeval.errors import InputError
from saeval.evalsuite.cli.configs import to_keywords
from saeval.evalsuite.cli.run import summarize_run
from saeval.evalsuite.compare.describe import describe_settings
from saeval.evalsuite.config import (
    ANSWERING_DEFAULTS,
    LOADING_DEFAULTS,
    format_options,
    list_given_options,
    options_of_identity,
)
from saeval.evalsuite.models.resolve import resolve_model
from saeval.evalsuite.models.types import SavedPredictions
from saeval.evalsuite.run.model_run import run
from saeval.evalsuite.store.baseline_stores import (
    BaselineStore,
    fetch_baseline,
    open_store,
    read_record,
)
from saeval.evalsuite.store.baselines import (
    PREFIX,
    RECORD,
    VARIABLE,
    BaselineRecord,
    check_intact,
    parse_record,
    pin_run,
    read_whole,
    store_address,
)
from saeval.evalsuite.store.manifest import MANIFEST, RunManifest, read_manifest
from saeval.progress import ConsoleProgress, GuardedConsole
from saeval.terminal_text import one_line, printable


def save_command(
    name: str, argument: str, address: str, replace: bool, options: Mapping[str, Any]
) -> None:
    """``saeval baseline save``: pin answers that exist, or ask a model and pin its answers."""
    console = GuardedConsole(stderr=True)
    store = open_store(address)
    there = None if replace else read_record(store, name)
    model = resolve_model(argument)
    if not isinstance(model, SavedPredictions):
        if not options["tasks"]:
            raise InputError("--tasks is needed to ask a model; see `saeval tasks list`")
        if there is not None:
            raise _exists(store, there)
        progress = ConsoleProgress(console)
        answered = run(model, progress=progress, **to_keywords(options))
        for line in summarize_run(answered):
            progress.log(line)
        model = resolve_model(answered)
    elif ignored := list_given_options(
        options, {"tasks": None, **ANSWERING_DEFAULTS, "cache": None, **LOADING_DEFAULTS}
    ):
        raise InputError(f"{ignored}: has no effect on answers that exist already; leave it out")
    if not isinstance(model, SavedPredictions) or model.manifest is None:
        raise InputError(
            f"{argument}: only a run folder says how its answers were had; `saeval run` makes one"
        )
    pinned = pin_run(name, model.manifest, model.predictions)
    if there is not None and there.files != pinned.record.files:
        raise _exists(store, there)
    known = there is not None and _is_intact(store, name)
    if not known:
        with console.status(escape(f"saving {name} in {store.address}")):
            store.put(pinned)
    what = f"{name} in {store.address}: {_tasks(model.manifest)}, {_size(pinned.record.size)}"
    _say(console, f"{'Is pinned already:' if known else 'Saved'} {what}")
    where = "" if address == store_address() else f"{VARIABLE}={shlex.quote(address)} "
    asked = options_of_identity(model.identity)
    again = format_options({"tasks": tuple(model.manifest.tasks), **asked})
    _say(console, f"Use it: {where}saeval gate {PREFIX}{name} CHECKPOINT {again}")


def list_command(address: str) -> None:
    """``saeval baseline list``: a line for each."""
    store = open_store(address)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("Name", "Model", "Tasks", "Saved (UTC)"):
        table.add_column(title, overflow="fold")
    table.add_column("Size", justify="right")
    names = store.names()
    for name in names:
        try:
            table.add_row(*map(_plain, _row(store, name)))
        except (InputError, FileNotFoundError) as error:
            table.add_row(_plain(name), "", _plain(str(error)))
    if names:
        GuardedConsole().print(table)
    else:
        _say(
            GuardedConsole(), f"No baselines in {store.address}; `saeval baseline save` makes one."
        )


def show_command(name: str, address: str) -> None:
    """``saeval baseline show``: how the answers were had, and whether the files are intact."""
    store = open_store(address)
    where = f"{store.address}/{name}"
    lines, problem = read_whole(
        lambda: fetch_baseline(store, name), partial(_describe, where=where)
    )
    width = max(len(title) for title, _ in lines)
    for title, text in lines:
        _say(GuardedConsole(), f"{title:{width}}  {one_line(text)}")
    if problem is not None:
        raise problem


def _describe(folder: Path, where: str) -> tuple[list[tuple[str, str]], InputError | None]:
    """What is shown of a baseline, and what is wrong with it."""
    record = parse_record((folder / RECORD).read_bytes(), f"{where}/{RECORD}")
    lines = [("baseline", f"{record.name}, saved {record.saved} by saeval {record.saeval}")]
    if record.state(folder, MANIFEST) == "intact":
        lines += _of_manifest(read_manifest(folder))
    for file, pinned in record.files.items():
        state = record.state(folder, file)
        shown = state if state == "intact" else state.upper()
        lines.append((f"file {file}", f"{shown}, {_size(pinned.bytes)}, SHA-256 {pinned.sha256}"))
    try:
        check_intact(folder, where)
    except InputError as error:
        return lines, error
    return lines, None


def _of_manifest(manifest: RunManifest) -> list[tuple[str, str]]:
    """Who answered, how it was asked and what."""
    model = manifest.model_identity
    packages = manifest.environment.get("packages", {})
    facts = {
        "answered": manifest.created,
        "model": f"{model['name']} ({manifest.model.argument})"
        if manifest.model
        else model["name"],
        "content": model["content"],
        "adapter content": model.get("adapter_content"),
        "engine": None,
        "items": None,
        "generation": "the tasks' own",
        "samples per item": "1",
        "chat template": "not applied",
        "system prompt": "none",
        **describe_settings(manifest.identity),
        "packages": ", ".join(f"{package} {number}" for package, number in packages.items()),
        "git commit": manifest.git_commit,
    }
    for task, known in manifest.tasks.items():
        settings = known.generation.items()
        generation = ", ".join(f"{key}={value}" for key, value in settings if value != [])
        facts[f"task {task}"] = (
            f"version {known.version}, {known.items:,} items, {generation}, "
            f"documents {known.documents}"
        )
    return [(title, str(text)) for title, text in facts.items() if text]


def _row(store: BaselineStore, name: str) -> tuple[str, str, str, str, str]:
    record = read_record(store, name)
    if record is None:
        raise InputError("was removed")
    where = f"{store.address}/{name}/{MANIFEST}"
    if not record.pins(MANIFEST, content := store.read(name, MANIFEST)):
        raise InputError(f"{where}: is not what was saved")
    manifest = RunManifest.parse(content, where)
    saved = record.saved[:16].replace("T", " ")
    return name, manifest.model_identity["name"], _tasks(manifest), saved, _size(record.size)


def _is_intact(store: BaselineStore, name: str) -> bool:
    try:
        check_intact(store.folder(name), name)
    except InputError:
        return False
    return True


def _exists(store: BaselineStore, record: BaselineRecord) -> InputError:
    return InputError(
        f"baseline {record.name!r} is in {store.address} already (saved {record.saved}); give "
        "--replace to put this in its place, or choose another name"
    )


def _tasks(manifest: RunManifest) -> str:
    return ", ".join(f"{task} ({facts.items:,} items)" for task, facts in manifest.tasks.items())


def _size(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 1e5 else f"{size / 1e3:,.1f} kB"


def _plain(text: str) -> str:
    return escape(one_line(text))


def _say(console: Console, text: str) -> None:
    console.print(escape(printable(text)), highlight=False, soft_wrap=True)
