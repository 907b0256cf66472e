"""A command killed before every file event, and run again: what is lost, what is left lying about.

An event is whatever changes a file or folder below the command's own: opened for writing, renamed,
removed, made, cut, synced; of lines that are appended, the moment when half of them are written.
Python's audit hook sees them, so none depends on luck. Native code (safetensors, torch.save) is
seen by what Python does before and after.
"""

from __future__ import annotations

import importlib
import json
import math
import mmap
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from random import randint
from typing import Any, BinaryIO

from forked import Forked

from saeval.evalsuite.cli.main import main
from saeval.files import AppendOnlyLog

CHANGES = {"os.rename": 2, "os.remove": 1, "os.mkdir": 1, "os.rmdir": 1, "os.truncate": 1,
           "os.link": 2, "os.symlink": 2, "os.chmod": 1}  # fmt: skip
"""Audited events, and how many of their arguments are paths."""
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_DESCRIBING = ("manifest.json", "baseline.json", "training.json", "metrics.jsonl")
VARYING = {"created", "saved", "sessions", "seconds", "step_time"}
"""What may differ in these: when it was, how long it took, and in how many goes."""


@dataclass(frozen=True)
class Killed:
    """A command to be killed.

    Attributes
    ----------
    name
        In the table.
    arguments
        With paths as seen from `folder`.
    command
        ``saeval``, if it is not another.
    prepare
        Fills the folder that the command is started in.
    check
        Looks at the folder after a kill, and raises where something is broken.
    unlike
        Names of files that only show what others hold, with times: pages, pictures.
    """

    name: str
    arguments: Sequence[str]
    command: Callable[[list[str]], object] = main
    prepare: Callable[[Path], object] = lambda folder: None
    check: Callable[[Path], object] = lambda folder: None
    unlike: Sequence[str] = ()


@dataclass(frozen=True)
class Outcome:
    """What killing a command came to, over all points that were tried."""

    name: str
    events: int
    tried: int
    litter: tuple[str, ...]
    differing: tuple[str, ...]

    @property
    def row(self) -> str:
        """Of a Markdown table."""
        litter, differing = len(self.litter), len(self.differing)
        return f"| `{self.name}` | {self.events} | {self.tried} | {litter} | {differing} |"


def kill_everywhere(
    killed: Killed,
    scratch: Path,
    *,
    at_most: int | None = None,
    tell: Callable[[str], object] = lambda line: None,
) -> Outcome:
    """Kill a command before each of its file events, every time from the start.

    Parameters
    ----------
    killed
        The command.
    scratch
        An empty folder.
    at_most
        How many events to try, evenly spread from a random one on; all if None.
    tell
        Is given a line after every event, and one for each file that is left or differs.
    """
    whole = scratch / "whole"
    counter = mmap.mmap(-1, 8)
    code = _run(replace(killed, command=_listing_modules(killed, scratch)), whole, counter)
    for module in (scratch / "modules").read_text().split():  # once, and not in every process
        with suppress(Exception):
            importlib.import_module(module)
    n_events = int.from_bytes(counter[:8], "little")
    expected = _contents(whole, killed)
    litter: list[str] = []
    differing: list[str] = []
    every = 1 if at_most is None else math.ceil(n_events / at_most)
    points = range(randint(1, every), n_events + 1, every)
    began, n_killed = time.monotonic(), 0
    for done, point in enumerate(points, start=1):
        folder = scratch / "killed"
        died = _run(killed, folder, counter, point)
        # How often data is forced to the disk depends on time: it may have ended before that event.
        assert died in (-signal.SIGKILL, code), f"{killed.name}: event {point}: exit code {died}"
        n_killed += died == -signal.SIGKILL
        killed.check(folder)
        again = _run(killed, folder, counter)
        said = (scratch / "log").read_text()
        assert again == code, f"{killed.name}: event {point}: {again}, not {code}: {said}"
        found = _contents(folder, killed)
        left = [f"{point}: {name}" for name in sorted(found.keys() - expected.keys())]
        apart = [
            f"{point}: {name}" for name in sorted(expected) if found.get(name) != expected[name]
        ]
        litter += left
        differing += apart
        shutil.rmtree(folder)
        pace = (time.monotonic() - began) / done
        tell(f"{killed.name}: {done} of {len(points)} events, {pace:.1f} s each")
        for line in left + apart:
            tell(f"{killed.name}: event {line}")
    return Outcome(killed.name, n_events, n_killed, tuple(litter), tuple(differing))


def _listing_modules(killed: Killed, scratch: Path) -> Callable[[list[str]], object]:
    def command(arguments: list[str]) -> object:
        try:
            return killed.command(arguments)
        finally:
            (scratch / "modules").write_text("\n".join(sys.modules))

    return command


def _run(killed: Killed, folder: Path, counter: mmap.mmap, point: int | None = None) -> int:
    """Run the command in a folder, made if missing; SIGKILL before the event of that number."""
    if not folder.exists():
        (folder / "tmp").mkdir(parents=True)
        killed.prepare(folder)

    def first() -> None:
        os.chdir(folder)
        tempfile.tempdir = str(folder / "tmp")
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache-home")
        os.environ["MPLCONFIGDIR"] = str(folder.parent / "matplotlib")  # its fonts are not ours
        _watch(folder, counter, point)

    return Forked(killed.arguments, folder.parent / "log", first, killed.command).wait(300)


def _watch(folder: Path, counter: mmap.mmap, point: int | None) -> None:
    """Count what changes files below a folder in this process, and die before number `point`."""
    counter[:8] = bytes(8)
    home = f"{folder.resolve()}/"

    def count(before_dying: Callable[[], object] = lambda: None) -> None:
        n_events = int.from_bytes(counter[:8], "little") + 1
        counter[:8] = n_events.to_bytes(8, "little")
        if n_events == point:
            before_dying()
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            paths, is_change = arguments[:1], bool((arguments[2] or 0) & _WRITING)
        else:
            paths, is_change = arguments[: CHANGES.get(event, 0)], event in CHANGES
        if not is_change:
            return
        within = arguments[-1] if event in ("os.remove", "os.rmdir", "os.mkdir") else -1
        if any(_absolute(path, within).startswith(home) for path in paths):
            count()

    fsync, write_lines = os.fsync, AppendOnlyLog._write

    def sync(descriptor: Any) -> None:
        if os.path.realpath(f"/proc/self/fd/{descriptor}").startswith(home.rstrip("/")):
            count()
        fsync(descriptor)

    def write(self: AppendOnlyLog, file: BinaryIO, lines: Iterable[str]) -> None:
        lines = list(lines)
        if lines:
            text = "".join(lines).encode()
            count(lambda: file.write(text[: -len(lines[-1].encode()) // 2]))
        write_lines(self, file, lines)

    os.fsync = sync  # type: ignore[assignment]
    AppendOnlyLog._write = write  # type: ignore[method-assign]
    sys.addaudithook(hook)


def _absolute(path: object, within: object) -> str:
    if isinstance(path, int):
        return os.readlink(f"/proc/self/fd/{path}")
    name = os.fsdecode(path) if isinstance(path, (str, bytes, os.PathLike)) else ""
    if isinstance(within, int) and within >= 0 and not os.path.isabs(name):
        return os.path.join(os.readlink(f"/proc/self/fd/{within}"), name)
    return os.path.abspath(name)


def _contents(folder: Path, killed: Killed) -> dict[str, object]:
    """Every file and folder below, without what may differ; locks stay, and are empty."""
    return dict(_listed(folder, killed))


def _listed(folder: Path, killed: Killed) -> Iterator[tuple[str, object]]:
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.name.endswith(".lock"):
            continue
        if path.is_dir():
            yield name, "folder"
        elif path.name in killed.unlike:
            yield name, "not compared"
        elif path.name in _DESCRIBING:
            text = path.read_text(encoding="utf-8")
            texts = text.splitlines() if path.suffix == ".jsonl" else [text]
            yield name, [_without_times(json.loads(text)) for text in texts]
        else:
            yield name, path.read_bytes()


def _without_times(content: Any) -> Any:
    if isinstance(content, dict):
        return {k: _without_times(v) for k, v in content.items() if k not in VARYING}
    return content
