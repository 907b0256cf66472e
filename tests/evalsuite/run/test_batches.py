"""Batches of like length, cut at places that depend on the documents alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saeval.evalsuite.config import RunConfig
from saeval.evalsuite.engines.base import Request, cut_batches
from saeval.evalsuite.run.batches import BYTES_PER_TOKEN, FIRST_BATCH, plan_batches, split_first
from saeval.evalsuite.run.task_runner import answer_task
from saeval.evalsuite.run.tasks import LoadedTask, load_tasks
from saeval.evalsuite.store.prediction import read_predictions
from saeval.evalsuite.store.run_folder import PredictionFile

LENGTHS = st.lists(st.integers(0, 4000), max_size=120)
CONFIG = RunConfig(tasks=("factworld",), limit=60)


class WritingEngine:
    """Answers every prompt alike, in batches, and keeps which ones."""

    batch_size = 8
    chat_template: Callable[..., Any] = staticmethod(str)

    def __init__(self, batch_tokens: int = 0) -> None:
        self.batch_tokens = batch_tokens
        self.batches: list[list[str]] = []

    def answer(self, requests: Sequence[Request]) -> Iterator[Request]:
        """A batch at a time."""
        for batch in cut_batches(requests, self.batch_size):
            self.batches.append([request.generations[0].doc["id"] for request in batch])
            for request in batch:
                for instance in request.generations:
                    instance.resps.append("LABEL=NA\nCONF=0.5")
                for instance in request.loglikelihoods:
                    instance.resps.append((-1.0, False))
            yield from batch

    def close(self) -> None:
        """Nothing to release."""


@pytest.fixture(scope="module")
def task() -> LoadedTask:
    return load_tasks(CONFIG)[0]


@given(LENGTHS, st.integers(1, 20), st.integers(0, 3000), st.booleans(), st.booleans())
def test_every_document_is_in_one_batch_within_the_limits(
    lengths: list[int], size: int, tokens: int, by_length: bool, again: bool
) -> None:
    batches = plan_batches(lengths, size, tokens, by_length=by_length, again=again)
    places = [place for batch in split_first(batches) for place in batch]
    assert sorted(places) == list(range(len(lengths)))
    assert by_length or places == sorted(places)
    for batch in batches:
        padded = len(batch) * max(lengths[place] for place in batch) / BYTES_PER_TOKEN
        assert len(batch) == 1 or (len(batch) <= size and (not tokens or padded <= tokens))
    assert not by_length or not lengths or len(split_first(batches)[0]) <= max(FIRST_BATCH, 1)


def test_little_of_a_batch_is_padding() -> None:
    lengths = [(place * 7919) % 1000 + 1 for place in range(1000)]

    def padding(batches: list[list[int]]) -> float:
        read = sum(len(batch) * max(lengths[place] for place in batch) for batch in batches)
        return 1 - sum(lengths) / read

    assert padding(plan_batches(lengths, 16, by_length=True)) < 0.02
    assert padding(plan_batches(lengths, 16, by_length=False)) > 0.4


def test_batches_come_in_no_order_of_length() -> None:
    """What a stopped run has answered is no sample of short documents."""
    batches = plan_batches(list(range(1600)), 16, by_length=True)
    first = [place for batch in batches[:20] for place in batch]
    assert 500 < sum(first) / len(first) < 1100


@pytest.mark.parametrize("count", [17, 20, 24, 31, 32, 40, 64, 100])
def test_a_second_asking_has_other_batches(count: int) -> None:
    lengths = list(range(count))
    once, again = (
        {frozenset(batch) for batch in plan_batches(lengths, 8, by_length=True, again=again)}
        for again in (False, True)
    )
    assert len(once & again) <= 1


@pytest.mark.parametrize("kept", [1, 4, 5, 30, 59])
def test_a_run_that_was_cut_short_goes_on_with_its_batches(
    task: LoadedTask, tmp_path: Path, kept: int
) -> None:
    engine, whole = WritingEngine(2000), PredictionFile(tmp_path / "whole", "factworld")
    answer_task(task, engine, whole, CONFIG)
    assert len(engine.batches[0]) == FIRST_BATCH
    lines = whole.path.read_bytes().splitlines(keepends=True)
    resumed, part = WritingEngine(2000), PredictionFile(tmp_path / "part", "factworld")
    part.path.parent.mkdir(parents=True, exist_ok=True)
    part.path.write_bytes(b"".join(lines[:kept]))
    answer_task(task, resumed, part, CONFIG)
    assert part.path.read_bytes() == whole.path.read_bytes()
    assert resumed.batches == engine.batches[-len(resumed.batches) :]


def test_where_one_may_stop_at_any_time_the_first_documents_are_asked_first(tmp_path: Path) -> None:
    """A look of a sequential test sees the first items of the drawn order, never the shortest."""
    shuffled = replace(CONFIG, shuffled=True)
    drawn = load_tasks(shuffled)[0]
    looks = iter([10, 12, 0])
    file = PredictionFile(tmp_path, "factworld")
    engine = WritingEngine()
    answer_task(drawn, engine, file, shuffled, n_next_items=lambda task: next(looks))
    answered = [prediction.item_id for prediction in read_predictions(file.path)]
    assert answered == drawn.ids[:32]  # 10 and 12, each rounded up to whole batches


def test_neighbours_of_one_batch_and_adapter_are_answered_together() -> None:
    requests = [Request([], [], [], Path("a") if number > 5 else None) for number in range(8)]
    for number, request in enumerate(requests):
        request.batch = number // 4
    assert [len(batch) for batch in cut_batches(requests, 3)] == [3, 1, 2, 2]
