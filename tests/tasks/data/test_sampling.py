from __future__ import annotations

import random
from collections import Counter

import pytest

from saeval.errors import DataError
from saeval.tasks.data.sampling import parse_per_label, sample_items
from saeval.tasks.types import Claim, make_question


def documents(count: int = 60) -> list[Claim]:
    labels = ("PASS", "FAIL", "NA")
    return [
        Claim(f"d{i}", None, f"Claim {i}", (), labels[i % 3], labels[i % 3]) for i in range(count)
    ]


def ids(chosen: list[Claim]) -> list[str]:
    return [document.id for document in chosen]


def test_the_order_depends_on_the_seed_and_not_on_the_file():
    shuffled = documents()
    random.Random(0).shuffle(shuffled)
    assert ids(sample_items(documents(), seed=43)) == ids(sample_items(shuffled, seed=43))
    assert ids(sample_items(documents(), seed=43)) != ids(sample_items(documents(), seed=44))


def test_the_order_is_the_same_on_every_machine():
    """SHA-256 of seed and id decides; a change here would break every stored run."""
    assert ids(sample_items(documents(6), seed=43)) == ["d5", "d0", "d1", "d3", "d4", "d2"]


def test_a_smaller_sample_is_the_beginning_of_a_larger_one():
    assert ids(sample_items(documents(), limit=10)) == ids(sample_items(documents(), limit=30))[:10]


def test_parts_of_a_mixture_take_turns():
    def part(document):
        return "rare" if int(document.id[1:]) % 5 == 0 else "common"

    order = sample_items(documents(), group_of=part)
    assert sorted(ids(order)) == sorted(ids(documents()))
    assert Counter(map(part, order[:8])) == {"rare": 4, "common": 4}
    assert [d for d in order if part(d) == "rare"] == [
        d for d in sample_items(documents()) if part(d) == "rare"
    ]


def test_per_label_counts_are_kept():
    chosen = sample_items(documents(), per_label={"NA": 9, "PASS": 2, "FAIL": 1})
    assert sorted(d.target for d in chosen) == ["FAIL"] + ["NA"] * 9 + ["PASS"] * 2


def test_labels_without_a_count_are_left_out():
    assert {d.target for d in sample_items(documents(), per_label={"NA": 3})} == {"NA"}


def test_labels_that_the_task_does_not_have_are_named():
    with pytest.raises(DataError, match="label RIGHT asked for; the labels are FAIL, NA, PASS"):
        sample_items(documents(), per_label={"RIGHT": 3})


def test_questions_are_sampled_by_their_own_labels():
    questions = [make_question(f"Q{i}?", ("A",) * (i % 2), source_label="x") for i in range(20)]
    chosen = sample_items(questions, per_label=parse_per_label("RIGHT=2,UNKNOWN=3"))
    assert sorted(q.target for q in chosen) == ["RIGHT"] * 2 + ["UNKNOWN"] * 3


def test_more_than_there_are_is_an_error():
    with pytest.raises(DataError, match="30 documents of label NA asked for, only 20 exist"):
        sample_items(documents(), per_label={"NA": 30})


def test_counts_are_read_in_the_studies_order_or_by_name():
    assert parse_per_label("500,250,100") == {"NA": 500, "PASS": 250, "FAIL": 100}
    assert parse_per_label("FAIL=1, NA=2") == {"FAIL": 1, "NA": 2}


@pytest.mark.parametrize("text", ["500", "500,250", "a,b,c", "NA=1,NA=2", "NA=-1", "", "1,2,3,4"])
def test_other_counts_are_refused(text):
    with pytest.raises(ValueError, match="give three counts in the order NA,PASS,FAIL"):
        parse_per_label(text)


def test_refused_documents_are_passed_over_until_there_are_enough():
    asked = []

    def keep(document):
        asked.append(document.id)
        return int(document.id[1:]) % 2 == 0

    kept = sample_items(documents(), accept=keep, per_label={"NA": 5, "PASS": 1})
    everything = [d for d in sample_items(documents()) if int(d.id[1:]) % 2 == 0]
    assert [d for d in kept if d.target == "NA"] == [d for d in everything if d.target == "NA"][:5]
    assert len(kept) == 6
    assert len(asked) < 40, "it stops when there are enough"
    with pytest.raises(DataError, match="11 documents of label NA asked for, only 10 exist"):
        sample_items(documents(), accept=keep, per_label={"NA": 11})
