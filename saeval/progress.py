"""Progress of what takes long: to a console, or to nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import IO, Protocol, cast

from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress
from rich.segment import Segment

from saeval.terminal_text import GuardedStream, message_line, one_line, printable


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


class _ConsoleBars:
    def __init__(self, bars: RichProgress) -> None:
        self._bars = bars

    def add(self, label: str, *, total: int | None = None, completed: int = 0) -> int:
        return self._bars.add_task(escape(one_line(label)), total=total, completed=completed)

    def advance(self, bar: int, steps: int = 1) -> None:
        self._bars.advance(TaskID(bar), steps)

    def hide(self, bar: int) -> None:
        self._bars.update(TaskID(bar), visible=False)


class ConsoleProgress:
    """Shows progress on a console; texts are shown as they are, not parsed as markup."""

    def __init__(self, console: Console) -> None:
        self.console = console

    @contextmanager
    def bars(self) -> Iterator[Bars]:
        with progress_bar(self.console) as bars:
            yield _ConsoleBars(bars)

    @contextmanager
    def status(self, text: str) -> Iterator[Callable[[str], None]]:
        with self.console.status(escape(one_line(text))) as status:
            yield lambda text: status.update(escape(one_line(text)))

    def log(self, message: str) -> None:
        self.console.print(escape(message_line(message)), highlight=False, soft_wrap=True)


def progress_bar(console: Console, *more: ProgressColumn) -> RichProgress:
    """Steps done, time used, an estimate of the time left, and further columns."""
    return RichProgress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        *more,
        console=console,
    )
