"""A sample of what both models got wrong: which items, and the file that keeps them."""

from __future__ import annotations

import json

import numpy as np
from builders import LABELS, prediction, write_predictions
from command_line import typed
from pages import Page

import saeval
from saeval.evalsuite.compare.changed_items import find_changed_predictions
from saeval.evalsuite.compare.changed_items_file import WRONG_ITEMS
from saeval.evalsuite.compare.pairing import pair
from saeval.evalsuite.store.table import PredictionTable
from saeval.stats.compare.changed_items import WRONG_SHOWN
from saeval.tasks.registry import get_task

FEW = {"n_resamples": 1000}


def answers(seed, items=range(120), **changed):
    rng = np.random.default_rng(seed)
    labels = {number: LABELS[rng.integers(3)] for number in range(120)}
    return [prediction(number, labels[number], **changed) for number in items]


def sample(base, checkpoint):
    pairs = pair(get_task("fever"), PredictionTable.of(base), PredictionTable.of(checkpoint))
    return find_changed_predictions(pairs).read_wrong()


def test_both_got_them_wrong_and_their_number_is_known(tmp_path):
    base, checkpoint = answers(1), answers(2)
    found = made(tmp_path)["fever"]
    wrong = {
        one.item_id
        for one, two in zip(base, checkpoint, strict=True)
        if not one.correct and not two.correct
    }
    assert found.n_wrong_items == len(wrong) > WRONG_SHOWN
    shown = {item.item_id for item in found.wrong_items}
    assert len(shown) == WRONG_SHOWN
    assert shown < wrong
    # Not the first of them, and some of them did not change.
    assert shown != set(sorted(wrong)[:WRONG_SHOWN])
    assert {item.base_label == item.checkpoint_label for item in found.wrong_items} == {True, False}


def test_order_and_other_items_do_not_sway_the_choice():
    base, checkpoint = answers(1), answers(2)
    shown = sample(base, checkpoint)
    assert sample(base[::-1], checkpoint[::-1]) == shown
    kept = [n for n in range(120) if n % 2 or f"item-{n:03}" in {i.item_id for i in shown}]
    assert sample(answers(1, kept), answers(2, kept)) == shown


def test_an_item_with_several_samples_is_shown_once():
    base, checkpoint = (
        [p for sample in range(3) for p in answers(seed, sample_index=sample)] for seed in (1, 2)
    )
    shown = [item.item_id for item in sample(base, checkpoint)]
    assert len(set(shown)) == len(shown) == WRONG_SHOWN


def made(folder):
    base = write_predictions(folder / "base.jsonl", answers(1))
    checkpoint = write_predictions(folder / "checkpoint.jsonl", answers(2))
    return saeval.compare(base, checkpoint, **FEW, out=folder / "out")


def page(folder):
    return Page((folder / "report.html").read_text(encoding="utf-8")).text


def test_the_file_keeps_them_and_the_result_does_not(tmp_path, capsys):
    comparison = made(tmp_path)
    out = tmp_path / "out"
    item = comparison["fever"].wrong_items[0]
    assert f"Wrong on both sides: {WRONG_SHOWN} of {comparison['fever'].n_wrong_items}" in page(out)
    assert "wrong_items" not in json.dumps(json.loads((out / "comparison.json").read_text()))
    for model in ("base", "checkpoint"):
        (tmp_path / f"{model}.jsonl").unlink()
    assert saeval.load_comparison(out)["fever"].wrong_items[0] == item
    before = (out / "report.html").read_bytes()
    assert typed(capsys, "report", out)[0] == 0
    assert (out / "report.html").read_bytes() == before


def test_a_folder_of_an_earlier_version_has_them_where_its_predictions_are(tmp_path, capsys):
    made(tmp_path)
    out = tmp_path / "out"
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    (out / WRONG_ITEMS).unlink()
    assert typed(capsys, "report", out)[0] == 0
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} == before
    (out / WRONG_ITEMS).write_bytes(before[WRONG_ITEMS][:-50])
    (tmp_path / "base.jsonl").unlink()
    code, _, err = typed(capsys, "report", out)
    assert code == 0
    assert "Traceback" not in err
    assert "Wrong on both sides" not in page(out)
    assert "Broken: " in page(out)
