from __future__ import annotations

import numpy as np
import pytest
from builders import prediction

from saeval.errors import PairingError
from saeval.evalsuite.compare.changed_items import find_changed_predictions
from saeval.evalsuite.compare.pairing import pair, pairing_caution, to_arrays
from saeval.evalsuite.compare.results import ComparedPredictions
from saeval.evalsuite.compare.statistics import prepare_comparison
from saeval.evalsuite.store.table import PredictionTable
from saeval.stats.compare.config import StatsConfig
from saeval.stats.compare.results import ModelDescription
from saeval.tasks.registry import get_task

FEVER = get_task("fever")


def side(*predictions):
    return PredictionTable.of(predictions)


def test_items_pair_by_id_whatever_their_order():
    base = side(prediction(2), prediction(0), prediction(1))
    checkpoint = side(prediction(1, "FAIL"), prediction(2), prediction(0))
    found = pair(FEVER, base, checkpoint)
    assert found.base.ids() == ["item-000", "item-001", "item-002"]
    assert found.checkpoint.ids() == found.base.ids()


def test_items_of_one_side_are_counted_and_named():
    found = pair(FEVER, side(prediction(0), prediction(1)), side(prediction(1), prediction(2)))
    assert found.unpaired.base_only_examples == ("item-000",)
    assert found.unpaired.checkpoint_only == 1


def test_no_common_item_is_an_error():
    with pytest.raises(PairingError, match=r"no item in common .*'item-000' and 'item-001'"):
        pair(FEVER, side(prediction(0)), side(prediction(1)))


@pytest.mark.parametrize(
    ("field", "what"),
    [("document_hash", "documents"), ("prompt_hash", "prompts"), ("target_hash", "targets")],
)
def test_a_mismatch_stops_and_names_the_items(field, what):
    checkpoint = side(prediction(0), prediction(1, **{field: "other"}))
    with pytest.raises(PairingError, match=rf"{what} differ on 1 of 2 items \(item-001\)"):
        pair(FEVER, side(prediction(0), prediction(1)), checkpoint)


def test_prompts_may_differ_by_request_and_targets_never():
    base = side(prediction(0))
    assert pair(FEVER, base, side(prediction(0, prompt_hash="x")), allow_mismatch=True)
    with pytest.raises(PairingError, match="targets differ"):
        pair(FEVER, base, side(prediction(0, target_hash="x")), allow_mismatch=True)


def test_arrays_carry_invalid_missing_confidence_and_probabilities():
    probabilities = {"NA": 0.5, "PASS": 0.25, "FAIL": 0.25}
    base = side(prediction(0, None), prediction(1, "FAIL", label_probabilities=probabilities))
    arrays = to_arrays(pair(FEVER, base, side(prediction(0), prediction(1))))
    assert arrays.base.predicted.tolist() == [3, 1]
    assert np.isnan(arrays.base.confidence).tolist() == [True, False]
    assert arrays.base.label_probabilities[1].tolist() == [0.25, 0.25, 0.5]
    assert arrays.checkpoint.label_probabilities is None


def test_clusters_count_only_if_every_item_has_one_and_some_share_it():
    def arrays(*clusters):
        items = [prediction(i, cluster_id=c) for i, c in enumerate(clusters)]
        return to_arrays(pair(FEVER, side(*items), side(*items)))

    assert arrays("a", "b", "a").cluster.tolist() == [0, 1, 0]
    assert arrays("a", "b", "c").cluster is None
    assert arrays("a", None, "a").cluster is None


def test_broken_items_are_shown_before_mended_and_others():
    base = side(prediction(0, "PASS"), prediction(1, "PASS"), prediction(2, "PASS"), prediction(3))
    checkpoint = side(
        prediction(0, "NA"), prediction(1, "FAIL"), prediction(2, "FAIL"), prediction(3)
    )
    changed = find_changed_predictions(pair(FEVER, base, checkpoint))
    assert len(changed.rows) == 3
    assert [item.item_id for item in changed.read_shown()] == ["item-000", "item-001", "item-002"]


def test_tasks_of_one_side_only_are_named_and_no_common_task_is_an_error():
    model = ModelDescription("m", "m", {})
    options = {
        "base_model": model,
        "checkpoint_model": model,
        "settings": StatsConfig(0.95, 100, 0),
    }
    both = side(*[prediction(i) for i in range(6)])
    prepared = prepare_comparison(
        ComparedPredictions({"fever": both, "vitaminc": both}, {"fever": both}), **options
    )
    found = prepared.finish([call() for call in prepared.calls])
    assert found.warnings == ("Task vitaminc has predictions of one model only.",)
    with pytest.raises(PairingError, match=r"no task in common: base has fever; .* vitaminc"):
        prepare_comparison(ComparedPredictions({"fever": both}, {"vitaminc": both}), **options)


def test_a_prompt_hash_on_one_side_only_is_a_mismatch():
    with pytest.raises(PairingError, match="prompts differ on 1 of 1"):
        pair(FEVER, side(prediction(0, prompt_hash=None)), side(prediction(0, prompt_hash="x")))


def hashless(number, **changed):
    return prediction(number, document_hash=None, prompt_hash=None, **changed)


def test_documents_without_hashes_are_compared_by_what_both_sides_have():
    hashed = side(prediction(0), prediction(1))
    by_text = pair(FEVER, side(hashless(0), hashless(1)), hashed)
    assert "documents were compared by their texts and prompts were not" in pairing_caution(by_text)
    no_text = {"document": {"claim": "", "evidence": []}}
    by_target = pair(FEVER, side(hashless(0, **no_text), hashless(1, **no_text)), hashed)
    assert "by item id and target alone" in pairing_caution(by_target)
    assert pairing_caution(pair(FEVER, hashed, hashed)) is None
    other = side(hashless(0, document={"claim": "Another.", "evidence": []}), hashless(1))
    with pytest.raises(PairingError, match=r"documents differ on 1 of 2.*allow_mismatch=True"):
        pair(FEVER, other, hashed)
    with pytest.raises(PairingError, match="targets differ"):
        pair(FEVER, side(hashless(0, target_hash="x")), hashed)
