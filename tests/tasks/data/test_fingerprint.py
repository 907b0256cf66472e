"""What two items are recognised by."""

from __future__ import annotations

import doctest

from saeval.tasks.data import fingerprint as module
from saeval.tasks.data.fingerprint import fingerprint_item, list_datasets
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
    assert fingerprint_item(here, row(cluster="c")) == fingerprint_item(there, row(cluster="c"))
    mix, popqa = get_task("abstention_mix"), get_task("popqa")
    question = {"question": "Who is it?", "answers": []}
    one = fingerprint_item(popqa, {"id": "7", "cluster": "c", **question})
    two = fingerprint_item(mix, {"id": "popqa/7", "cluster": "popqa/c", **question})
    assert one == two
    assert list_datasets(mix) == ("simpleqa", "popqa", "selfaware", "triviaqa")


def test_other_data_sets_share_wording_only():
    one, two = (
        fingerprint_item(get_task("fever"), row()),
        fingerprint_item(get_task("climatefever"), row()),
    )
    assert one.text == two.text
    assert one.id != two.id


def test_only_vitaminc_is_clustered_by_page():
    case, page = fingerprint_item(get_task("vitaminc"), row(cluster="c")).clusters
    other = fingerprint_item(get_task("vitaminc"), row(id="2", cluster="d"))
    assert other.clusters[1] == page != case
    assert other.unit == page
    assert fingerprint_item(get_task("fever"), row()).clusters == ()


def test_hashes_stay_the_same_from_version_to_version():
    """Those of vitaminc/1, "sky is blue", vitaminc/c and vitaminc/page/sky, by sha256sum."""
    found = fingerprint_item(get_task("vitaminc"), row(cluster="c"))
    assert found == module.Fingerprint(
        "e9ecedcd2cfdbf2e", "0a5430681e15ce77", ("4581d2f50a8b3893", "093ced43c2b43103")
    )
