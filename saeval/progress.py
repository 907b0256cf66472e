"""Progress of what takes long: to a console, or to nobody."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from threading import Event, RLock, Thread
from typing import IO, Protocol, cast

from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress
from rich.segment import Segment
from rich.text import Text

from saeval.terminal_text import GuardedStream, message_line, one_line, printable

_SLOW = 2.0
"""Seconds after which it is worth saying how much longer something takes."""


class GuardedConsole(Console):
    """A console that shows text from outside as text: no escape sequence but rich's own."""

    @property
    def file(self) -> IO[str]:
        """Where it writes to."""
        file = super().file
        return cast(IO[str], file.styled) if isinstance(file, GuardedStream) else file

    @file.setter
    def file(self, file: IO[str]) -> None:
        self._file = file

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterator[Segment]:
        """What is shown, with every character of a text replaced that cannot be."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else printable(text), style, control)


class Bars(Protocol):
    """Bars that are shown together, each known by a number."""

    def add(self, label: str, *, total: int | None = None, completed: int = 0) -> int:
        """A new bar; without a total it only says that something is going on."""

    def advance(self, bar: int, steps: int = 1) -> None:
        """So many more steps are done."""

    def note(self, bar: int, text: str) -> None:
        """What is to be read beside the bar from now on."""

    def hide(self, bar: int) -> None:
        """The bar is no longer needed."""


class Progress(Protocol):
    """Receives the progress of a computation; `SILENT` drops it."""

    def bars(self) -> AbstractContextManager[Bars]:
        """Bars, as long as the context lasts."""

    def status(self, text: str) -> AbstractContextManager[Callable[[str], None]]:
        """A line that stands as long as the context lasts, and a function that changes it."""

    def log(self, message: str) -> None:
        """A line that stays."""


class _Silent:
    def add(self, label: str, *, total: int | None = None, completed: int = 0) -> int:
        return 0

    def advance(self, bar: int, steps: int = 1) -> None:
        pass

    def note(self, bar: int, text: str) -> None:
        pass

    def hide(self, bar: int) -> None:
        pass

    @contextmanager
    def bars(self) -> Iterator[Bars]:
        yield self

    @contextmanager
    def status(self, text: str) -> Iterator[Callable[[str], None]]:
        yield lambda text: None

    def log(self, message: str) -> None:
        pass


SILENT: Progress = _Silent()
"""Drops all progress."""


@dataclass
class _Bar:
    label: str
    total: int | None
    completed: int
    since: float
    note: str = ""
    steps: int = 0
    hidden: bool = False

    def seconds_left(self, now: float) -> float | None:
        """At the speed of its steps so far; None before the first."""
        if self.total is None or not self.steps:
            return None
        return (self.total - self.completed) * (now - self.since) / self.steps

    def line(self, now: float) -> str:
        """Where it stands: done, speed, time left, and what is to be said beside it."""
        spent = now - self.since
        if self.total is None:
            return f"{self.label}: {_format_duration(spent)} so far"
        parts = [f"{self.completed:,} of {self.total:,}"]
        if (left := self.seconds_left(now)) is not None:
            parts += [format_rate(self.steps, spent), f"{_format_duration(left)} left"]
        else:
            parts.append(f"{_format_duration(spent)} so far")
        return f"{self.label}: " + ", ".join([*parts, *([self.note] if self.note else [])])


class _Ledger:
    """How far every bar is, and since when."""

    def __init__(self) -> None:
        self._bars: list[_Bar] = []
        self._latest = time.monotonic()
        self._at_work: _Bar | None = None
        self._lock = RLock()

    def add(self, label: str, *, total: int | None = None, completed: int = 0) -> int:
        with self._lock:
            self._bars.append(_Bar(label, total, completed, time.monotonic()))
            return len(self._bars) - 1

    def advance(self, bar: int, steps: int = 1) -> None:
        with self._lock:
            own = self._bars[bar]
            if own is not self._at_work:  # it began where another ended
                own.since = max(own.since, self._latest)
                own.steps = 0
            self._at_work = own
            own.completed += steps
            own.steps += steps
            self._latest = time.monotonic()

    def note(self, bar: int, text: str) -> None:
        with self._lock:
            self._bars[bar].note = text

    def hide(self, bar: int) -> None:
        with self._lock:
            self._bars[bar].hidden = True
            self._latest = time.monotonic()


class _ConsoleBars(_Ledger):
    """The bars of rich, but for the time left.

    Rich measures speed between steps. Answers come in batches, between whose members there is no
    time at all: after a batch of sixteen it says that the rest takes a second.
    """

    def __init__(self, bars: RichProgress) -> None:
        super().__init__()
        self._shown = bars

    def add(self, label: str, *, total: int | None = None, completed: int = 0) -> int:
        bar = super().add(label, total=total, completed=completed)
        self._shown.add_task(
            escape(one_line(label)),
            total=total,
            completed=completed,
            note="",
            bar=self._bars[bar],
        )
        return bar

    def advance(self, bar: int, steps: int = 1) -> None:
        super().advance(bar, steps)
        self._shown.advance(TaskID(bar), steps)

    def note(self, bar: int, text: str) -> None:
        super().note(bar, text)
        self._shown.update(TaskID(bar), note=escape(text))

    def hide(self, bar: int) -> None:
        super().hide(bar)
        self._shown.update(TaskID(bar), visible=False)


class _TimeLeft(ProgressColumn):
    def render(self, task: Task) -> Text:
        left = task.fields["bar"].seconds_left(time.monotonic())
        text = "-:--:--" if left is None else _format_duration(left)
        return Text(text, style="progress.remaining")


class _Lines(_Ledger):
    """Bars as lines, one every so often, for where nothing can be drawn over."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__()
        self._say = say

    def say_where_it_stands(self) -> None:
        """One line: of the bar that moved last, or of the first that has not begun."""
        with self._lock:
            open_bars = [
                bar
                for bar in self._bars
                if not bar.hidden and (bar.total is None or bar.completed < bar.total)
            ]
            if not open_bars:
                return
            shown = self._at_work if self._at_work in open_bars else None
            unmeasured = next((bar for bar in open_bars if bar.total is None), open_bars[0])
            self._say((shown or unmeasured).line(time.monotonic()))


class ConsoleProgress:
    """Shows progress on a console; texts are shown as they are, not parsed as markup.

    Where the console is no terminal, a line says every `interval` seconds how far things are.
    """

    def __init__(self, console: Console, *, interval: float = 30.0) -> None:
        self.console = console
        self._interval = interval

    @contextmanager
    def bars(self) -> Iterator[Bars]:
        if self.console.is_terminal:
            note = TextColumn("{task.fields[note]}")
            with progress_bar(self.console, note, left=_TimeLeft()) as bars:
                yield _ConsoleBars(bars)
            return
        lines, ended = _Lines(self.log), Event()

        def say() -> None:
            while not ended.wait(self._interval):
                lines.say_where_it_stands()

        speaker = Thread(target=say, daemon=True)
        speaker.start()
        try:
            yield lines
        finally:
            ended.set()
            speaker.join()

    @contextmanager
    def status(self, text: str) -> Iterator[Callable[[str], None]]:
        with self.console.status(escape(one_line(text))) as status:
            yield lambda text: status.update(escape(one_line(text)))

    def log(self, message: str) -> None:
        self.console.print(escape(message_line(message)), highlight=False, soft_wrap=True)


@contextmanager
def slow_steps(progress: Progress, label: str, total: int) -> Iterator[Callable[[], None]]:
    """A function to call after each of some steps: a bar shows them if they take two seconds."""
    started, done, bar = time.monotonic(), 0, 0
    bars: Bars | None = None
    with ExitStack() as shown:
        shown.enter_context(progress.status(label))

        def advance() -> None:
            nonlocal bar, bars, done
            done += 1
            if bars is not None:
                bars.advance(bar)
            elif done < total and time.monotonic() - started > _SLOW:
                shown.close()
                bars = shown.enter_context(progress.bars())
                bar = bars.add(label, total=total, completed=done)

        yield advance


def progress_bar(
    console: Console, *more: ProgressColumn, left: ProgressColumn | None = None
) -> RichProgress:
    """Steps done, time used, an estimate of the time left (or `left`), and further columns."""
    return RichProgress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        left or TimeRemainingColumn(),
        *more,
        console=console,
    )


def format_rate(count: int, seconds: float) -> str:
    """How many a second, or a minute, an hour or a day where that is less than one.

    Examples
    --------
    >>> format_rate(30, 10), format_rate(2, 60), format_rate(0, 10)
    ('3.0 a second', '2.0 a minute', 'none yet')
    """
    if count <= 0:
        return "none yet"
    rate = count / max(seconds, 1e-3)
    for unit, length in (("second", 1), ("minute", 60), ("hour", 3600)):
        if rate * length >= 1:
            return f"{rate * length:,.1f} a {unit}"
    return f"{rate * 86400:,.1f} a day"


def _format_duration(seconds: float) -> str:
    """``1:02:03``; to the second."""
    return str(timedelta(seconds=round(seconds)))
