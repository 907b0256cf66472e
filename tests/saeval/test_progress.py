"""What people see of work that takes long, where nothing can be drawn over."""

from __future__ import annotations

import doctest
import io
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from saeval import progress
from saeval.progress import ConsoleProgress, format_rate


def test_examples_of_docstrings():
    assert doctest.testmod(progress).failed == 0


@given(count=st.integers(0, 10**9), seconds=st.floats(0, 1e9))
def test_a_rate_of_something_is_never_shown_as_zero(count, seconds):
    rate = format_rate(count, seconds)
    if count == 0:
        assert rate == "none yet"
    elif count / max(seconds, 1e-3) * 86400 >= 0.05:
        assert not rate.startswith("0.0 ")


@pytest.fixture
def written():
    return io.StringIO()


@pytest.fixture
def shown(written):
    return ConsoleProgress(Console(file=written, width=200), interval=0.05)


def wait_for(written, text):
    until = time.monotonic() + 10
    while text not in written.getvalue():
        assert time.monotonic() < until, written.getvalue()
        time.sleep(0.01)


def test_a_line_says_how_far_things_are_and_how_long_they_take(shown, written):
    with shown.bars() as bars:
        loading = bars.add("loading base")
        answering = bars.add("base answers", total=500, completed=100)
        waiting = bars.add("checkpoint answers", total=500)
        wait_for(written, "loading base: 0:00:00 so far\n")
        bars.hide(loading)
        wait_for(written, "base answers: 100 of 500, 0:00:00 so far\n")
        bars.advance(answering, 25)
        bars.note(answering, "4% invalid so far")
        wait_for(written, "base answers: 125 of 500, ")
        wait_for(written, " a second, ")
        wait_for(written, " left, 4% invalid so far\n")
        bars.advance(answering, 375)
        wait_for(written, "checkpoint answers: 0 of 500, 0:00:0")
        bars.advance(waiting, 500)
    end = written.getvalue()
    time.sleep(0.15)
    assert written.getvalue() == end  # nothing is said after the end
    assert max(map(len, end.splitlines())) < 120


def test_a_short_work_says_nothing(written):
    with ConsoleProgress(Console(file=written)).bars() as bars:
        bars.advance(bars.add("base answers", total=1))
    assert written.getvalue() == ""


def test_labels_are_no_markup(shown, written):
    with shown.bars() as bars:
        bars.add("[red]x[/red]", total=2)
        wait_for(written, "[red]x[/red]: 0 of 2")


def test_answers_that_come_in_batches_leave_a_true_time(written, monkeypatch):
    """On a terminal; rich by itself would say a second, since a batch comes all at once."""
    clock = time.monotonic
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock() + offset)
    offset = 0.0
    console = Console(file=written, width=200, force_terminal=True)
    with ConsoleProgress(console).bars() as bars:
        answering = bars.add("base answers", total=1000)
        offset = 10.0
        for _ in range(4):
            bars.advance(answering)
    assert "0:41:3" in written.getvalue()  # 996 items at 2.5 s each
