"""Another program's scores: the tests that they get, and what must not change a digit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saeval.stats._core.answers import Answers, ScoreDeclaration, paired_answers
from saeval.stats.compare.config import StatsConfig
from saeval.stats.compare.score_rows import normalised_rows, score_rows, stratified_difference
from saeval.stats.compare.task import compare_task
from saeval.stats.inference.means import mean_difference
from saeval.stats.inference.proportions import mcnemar, tango_interval

ACC = ScoreDeclaration("acc", (0.0, 1.0), True, True)
F1 = ScoreDeclaration("f1", (0.0, 1.0), True, False)
PPL = ScoreDeclaration("perplexity", None, False, False)


def _pairs(base, after, scores, cluster=None, stratum=None, graded=True, **more):
    """Both models' scores by name; the first is the primary."""
    primary = scores[0].name
    sides = []
    for side, own in enumerate((base, after)):
        values = {name: np.asarray(v, dtype=float) for name, v in own.items()}
        wrong = (values[primary] == 0).astype(int) if graded else np.zeros(len(values[primary]))
        confidence = np.full(len(wrong), np.nan)
        sides.append(
            Answers(
                wrong.astype(int),
                more.get("confidence", (confidence, confidence))[side],
                None,
                values,
                more.get("normalised", (None, None))[side],
            )
        )
    return paired_answers(
        ("RIGHT", "WRONG"),
        None,
        np.zeros(len(sides[0].predicted), dtype=int),
        *sides,
        cluster,
        stratum,
        "WRONG",
        scores=tuple(scores),
        is_graded=graded,
    )


def _binary(lost, won, same_right, same_wrong):
    base = [1] * lost + [0] * won + [1] * same_right + [0] * same_wrong
    after = [0] * lost + [1] * won + [1] * same_right + [0] * same_wrong
    return base, after


def test_a_binary_score_has_mcnemar_and_tango():
    base, after = _binary(40, 22, 100, 60)
    (row,) = score_rows(_pairs({"acc": base}, {"acc": after}, [ACC]), 0.95)
    assert row.pvalue == mcnemar(40, 22).pvalue_mid
    limits = tango_interval(40, 22, 222, confidence_level=0.95)
    assert (row.confidence_interval.low, row.confidence_interval.high) == (limits.low, limits.high)
    assert row.difference == pytest.approx((22 - 40) / 222)
    assert (row.method, row.headline, row.higher_is_better) == ("mcnemar-mid-p", True, True)


def test_a_real_score_has_the_paired_t():
    rng = np.random.default_rng(1)
    base, after = rng.uniform(0, 1, 150), rng.uniform(0, 1, 150)
    (row,) = score_rows(_pairs({"f1": base}, {"f1": after}, [F1], graded=False), 0.95)
    test = mean_difference(base, after)
    assert (row.pvalue, row.confidence_interval) == (test.pvalue, test.confidence_interval)


def test_few_changes_of_a_bounded_score_are_held_to_its_bounds_and_others_say_that_they_are_not():
    base = np.full(100, 0.5)
    after = base.copy()
    after[0] = 0.49
    (row,) = score_rows(_pairs({"f1": base}, {"f1": after}, [F1], graded=False), 0.95)
    assert row.confidence_interval.low < -0.02, "one loss in fifty could have stayed unseen"
    (row,) = score_rows(
        _pairs({"perplexity": base}, {"perplexity": after}, [PPL], graded=False), 0.95
    )
    assert row.declaration.range is None
    assert "no bounds" in row.declaration.definition
    assert row.higher_is_better is False


def test_clusters_widen_the_interval():
    base, after = _binary(40, 10, 100, 50)
    pairs = _pairs({"acc": base}, {"acc": after}, [ACC])
    clustered = replace(pairs, cluster=np.arange(200) // 10)
    (alone,), (own,) = score_rows(pairs, 0.95), score_rows(clustered, 0.95)
    assert own.method == "cr3-t"
    assert _width(own) > _width(alone)


def _width(row):
    return row.confidence_interval.high - row.confidence_interval.low


def test_strata_take_out_what_differs_between_them():
    """A subject that gains all and one that loses all: each is certain, and so is their sum."""
    base = np.repeat([0.0, 1.0, 1.0], [50, 50, 50])
    after = np.repeat([1.0, 0.0, 1.0], [50, 50, 50])
    after[[3, 60, 120]] = base[[3, 60, 120]]
    stratum = np.repeat([0, 1, 2], 50)
    test = stratified_difference(base, after, stratum=stratum)
    plain = mean_difference(base, after)
    assert test.difference == pytest.approx(plain.difference)
    assert test.standard_error < plain.standard_error / 3


def test_one_stratum_is_the_paired_t():
    rng = np.random.default_rng(2)
    base, after = rng.uniform(0, 1, 80), rng.uniform(0, 1, 80)
    test = stratified_difference(base, after, stratum=np.zeros(80, dtype=int))
    plain = mean_difference(base, after)
    assert test.pvalue == pytest.approx(plain.pvalue)
    assert test.standard_error == pytest.approx(plain.standard_error)


def test_a_stratum_of_one_item_shows_no_variance():
    stratum = np.array([0] * 40 + [1])
    assert stratified_difference(np.zeros(41), np.ones(41), stratum=stratum) is None


def test_the_stratified_interval_holds_its_level():
    """Simulated: subjects of very different differences, 30 items each."""
    rng = np.random.default_rng(3)
    chances = rng.uniform(0.1, 0.9, (12, 2))
    truth = (chances[:, 1] - chances[:, 0]).mean()
    stratum = np.repeat(np.arange(12), 30)
    held = 0
    for _ in range(400):
        base, after = (rng.random(360) < np.repeat(chances[:, side], 30) for side in (0, 1))
        test = stratified_difference(base.astype(float), after.astype(float), stratum=stratum)
        held += test.confidence_interval.low <= truth <= test.confidence_interval.high
    assert 0.92 <= held / 400 <= 0.98


@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=30, max_size=80),
    st.randoms(use_true_random=False),
)
def test_order_changes_nothing_and_exchanging_the_models_changes_the_sign(items, random):
    base, after = zip(*items, strict=True)
    (row,) = score_rows(_pairs({"acc": base}, {"acc": after}, [ACC]), 0.95)
    shuffled = random.sample(items, len(items))
    base, after = zip(*shuffled, strict=True)
    assert score_rows(_pairs({"acc": base}, {"acc": after}, [ACC]), 0.95) == (row,)
    (other,) = score_rows(_pairs({"acc": after}, {"acc": base}, [ACC]), 0.95)
    assert other.difference == -row.difference
    assert other.pvalue == row.pvalue


def test_multiple_choice_has_the_metrics_of_both_confidences():
    rng = np.random.default_rng(4)
    acc, norm = rng.integers(0, 2, 200), rng.integers(0, 2, 200)
    scores = [ACC, ScoreDeclaration("acc_norm", (0.0, 1.0), True, True)]
    stated, by_length = rng.uniform(0.2, 1, 200), rng.uniform(0.2, 1, 200)
    pairs = _pairs(
        {"acc": acc, "acc_norm": norm},
        {"acc": norm, "acc_norm": acc},
        scores,
        confidence=(stated, stated),
        normalised=(by_length, by_length),
    )
    rows = {row.metric: row for row in normalised_rows(pairs, 0.95)}
    assert rows.keys() == {"auroc_normalised", "brier_normalised", "overconfidence_normalised"}
    assert rows["brier_normalised"].base == pytest.approx(((by_length - norm) ** 2).mean())
    found = compare_task("arc", pairs, StatsConfig(n_resamples=200))
    assert found["brier"].base == pytest.approx(((stated - acc) ** 2).mean())
    assert found.confidence_is_own


def test_what_a_task_does_not_have_has_no_row():
    base, after = _binary(30, 20, 100, 50)
    found = compare_task(
        "gsm8k", _pairs({"acc": base}, {"acc": after}, [ACC]), StatsConfig(n_resamples=200)
    )
    assert [row.metric for row in found.metrics] == ["acc"]
    assert found["accuracy"] is found["acc"]
    assert found.warnings == ()


def test_answers_with_scores_alone_are_neither_right_nor_wrong():
    rng = np.random.default_rng(5)
    base, after = rng.uniform(0, 1, 200), rng.uniform(0, 1, 200)
    found = compare_task(
        "squad",
        _pairs({"f1": base}, {"f1": after}, [F1], graded=False),
        StatsConfig(n_resamples=200),
    )
    assert [row.metric for row in found.metrics] == ["f1"]
    assert (found.mcnemar, found.transitions, found.labels) == (None, None, ())
    assert found.n_changed_items == 200
    with pytest.raises(KeyError):
        found.metric("accuracy")
