"""What two items are recognised by."""

from __future__ import annotations

import doctest

from saeval.tasks.data import fingerprint as module
from saeval.tasks.data.fingerprint import data_sets, identity
from saeval.tasks.registry import get_task


def row(**changed):
    return {
        "id": "1",
        "cluster": None,
        "claim": "The sky is blue.",
        "evidence": ["[Sky] …"],
    } | changed


def test_examples_are_true():
    outcome = doctest.testmod(module)
    assert outcome.attempted > 0
    assert outcome.failed == 0


def test_tasks_of_one_data_set_know_each_others_items():
    here, there = get_task("vitaminc"), get_task("vitaminc_dev")
    assert identity(here, row(cluster="c")) == identity(there, row(cluster="c"))
    mix, popqa = get_task("abstention_mix"), get_task("popqa")
    question = {"question": "Who is it?", "answers": []}
    one = identity(popqa, {"id": "7", "cluster": "c", **question})
    two = identity(mix, {"id": "popqa/7", "cluster": "popqa/c", **question})
    assert one == two
    assert data_sets(mix) == ("simpleqa", "popqa", "selfaware", "triviaqa")


def test_other_data_sets_share_wording_only():
    one, two = identity(get_task("fever"), row()), identity(get_task("climatefever"), row())
    assert one.text == two.text
    assert one.id != two.id


def test_only_vitaminc_is_clustered_by_page():
    case, page = identity(get_task("vitaminc"), row(cluster="c")).clusters
    other = identity(get_task("vitaminc"), row(id="2", cluster="d"))
    assert other.clusters[1] == page != case
    assert other.unit == page
    assert identity(get_task("fever"), row()).clusters == ()


def test_hashes_stay_the_same_from_version_to_version():
    """Those of vitaminc/1, "sky is blue", vitaminc/c and vitaminc/page/sky, by sha256sum."""
    found = identity(get_task("vitaminc"), row(cluster="c"))
    assert found == module.Identity(
        "e9ecedcd2cfdbf2e", "0a5430681e15ce77", ("4581d2f50a8b3893", "093ced43c2b43103")
    )
