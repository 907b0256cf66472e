from __future__ import annotations

import os
import re
import time
from functools import partial

import pytest

from saeval.errors import SaevalError
from saeval.workers import start_workers, usable_cores


def test_results_come_in_the_order_of_the_calls():
    slow_then_fast = [
        partial(pow, 3, 1_000_000, 7**20_000),
        *[partial(pow, 3, n) for n in range(7)],
    ]
    with start_workers(2, 8, ()) as workers:
        assert list(workers(slow_then_fast)) == [call() for call in slow_then_fast]
    with start_workers(2, 8, ()) as workers:
        assert os.getpid() not in set(workers([os.getpid] * 8))


@pytest.mark.parametrize(("jobs", "n_calls"), [(1, 100), (8, 7)])
def test_one_job_or_few_calls_start_no_process(jobs, n_calls):
    with start_workers(jobs, n_calls, ()) as workers:
        assert set(workers([os.getpid] * n_calls)) == {os.getpid()}


def test_calls_are_drawn_as_they_are_needed():
    drawn = []

    def calls():
        for number in range(30):
            drawn.append(number)
            yield partial(abs, number)

    with start_workers(2, 30, ()) as workers:
        results = workers(calls())
        assert next(results) == 0
        assert len(drawn) == 4
        assert list(results) == list(range(1, 30))


def test_a_process_that_dies_is_one_sentence():
    calls = [partial(abs, 1), partial(os._exit, 1), *[partial(abs, 1)] * 6]
    start = time.monotonic()
    with (
        pytest.raises(SaevalError, match=re.escape("with a smaller --jobs")),
        start_workers(2, len(calls), ()) as workers,
    ):
        list(workers(calls))
    assert time.monotonic() - start < 20


def test_an_error_of_a_call_arrives_and_ends_the_others():
    calls = [partial(int, "x"), *[partial(time.sleep, 30)] * 7]
    start = time.monotonic()
    with (
        pytest.raises(ValueError, match="invalid literal"),
        start_workers(2, len(calls), ()) as workers,
    ):
        list(workers(calls))
    assert time.monotonic() - start < 20


def test_usable_cores_are_those_of_this_process():
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
