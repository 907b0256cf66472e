"""The table of the first answer, and each finding as a case that would be misread without it."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from comparisons import quiet, task, with_row

from saeval.stats._core.answers import Answers, paired_answers
from saeval.stats._core.interval import Interval
from saeval.stats.compare.abstention import informedness
from saeval.stats.compare.config import StatsConfig
from saeval.stats.compare.cost import cost_of
from saeval.stats.compare.direction import direction_of
from saeval.stats.compare.knowledge import answer_of, knowledge_of, with_answers
from saeval.stats.compare.metric_comparison import Equivalence, mean_row
from saeval.stats.compare.task import adjust_family, compare_task
from saeval.stats.inference.equivalence import equivalence_test

LABELS = ("PASS", "FAIL", "NA")
LEVEL = 0.95
NOTHING = ("unchanged", "not detected")

TABLE = [
    # abstention, stated, own, answer
    ("better", "better", "better", "yes"),
    ("unchanged", "unchanged", "better", "yes"),
    ("refuses more", "unchanged", "better", "yes"),
    ("worse", "better", "better", "cannot tell"),
    ("better", "worse", "better", "cannot tell"),
    ("better", "more honest", "worse", "only says so"),
    ("unchanged", "better", "worse", "only says so"),
    ("unchanged", "more honest", "worse", "only says so"),
    ("unchanged", "unchanged", "worse", "lost"),
    ("refuses more", "unchanged", "worse", "lost"),
    ("worse", "worse", "worse", "lost"),
    ("refuses more", "better", "untested", "only refuses more"),
    ("refuses more", "unchanged", "unchanged", "only refuses more"),
    ("refuses more", "worse", "untested", "lost"),
    ("worse", "unchanged", "untested", "lost"),
    ("unchanged", "worse", "unchanged", "lost"),
    ("better", "worse", "untested", "cannot tell"),
    ("worse", "better", "unchanged", "cannot tell"),
    ("unchanged", "contradictory", "unchanged", "cannot tell"),
    ("better", "unchanged", "contradictory", "cannot tell"),
    ("better", "unchanged", "unchanged", "yes"),
    ("better", "unchanged", "untested", "yes"),
    ("untested", "better", "untested", "yes"),
    ("unchanged", "better", "unchanged", "only says so"),
    ("unchanged", "more honest", "not detected", "only says so"),
    ("unchanged", "more honest", "untested", None),
    ("unchanged", "less honest", "unchanged", None),
    ("untested", "untested", "untested", None),
]


@pytest.mark.parametrize(("abstention", "stated", "own", "answer"), TABLE)
def test_the_answer_is_that_of_the_table(abstention, stated, own, answer):
    assert answer_of(abstention, stated, own) == answer


ABSTENTION = ("better", "worse", "refuses more", *NOTHING, "untested")
CONFIDENCE = (
    "better", "worse", "more honest", "less honest", "contradictory", *NOTHING, "untested",
)  # fmt: skip
EVERY = list(product(ABSTENTION, CONFIDENCE, CONFIDENCE))


def test_no_findings_that_contain_a_loss_are_a_yes_or_a_no():
    for found in EVERY:
        if "worse" in found:
            assert answer_of(*found) not in ("yes", None), found


def test_a_yes_needs_better_abstention_own_probabilities_or_stated_confidence_alone():
    for abstention, stated, own in EVERY:
        if answer_of(abstention, stated, own) == "yes":
            alone = stated == "better" and own == "untested"
            assert "better" in (abstention, own) or alone, (abstention, stated, own)


def test_lost_own_probabilities_are_never_a_gain():
    answers = {answer_of(a, s, "worse") for a, s in product(ABSTENTION, CONFIDENCE)}
    assert answers == {"lost", "only says so"}


def test_nothing_found_is_a_no_only_where_an_improvement_is_ruled_out():
    found = quiet(task())
    assert knowledge_of(found, LEVEL).answer == "no"
    wide = with_row(found, "auroc", values=(0.5, 0.52), limits=(-0.08, 0.12), p=1.0)
    assert knowledge_of(wide, LEVEL).answer == "cannot tell"
    assert knowledge_of(wide, LEVEL).of("stated confidence").finding == "not detected"


def abstaining(recall, refusals, width=0.02):
    found = with_row(
        quiet(task()), "recall", "NA",
        values=(0.3, 0.3 + recall), limits=(recall - width, recall + width), p=0.001,
    )  # fmt: skip
    return with_row(
        found, "false_abstention_rate",
        values=(0.1, 0.1 + refusals), limits=(refusals - width, refusals + width),
        p=0.001 if abs(refusals) > width else 1.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("recall", "refusals", "finding", "answer"),
    [
        (0.2, 0.0, "better", "yes"),
        (0.2, 0.05, "better", "yes"),
        (0.1, 0.12, "refuses more", "only refuses more"),
        (0.1, 0.09, "refuses more", "only refuses more"),
        (-0.2, 0.0, "worse", "lost"),
        (-0.2, -0.2, "unchanged", "no"),
        (0.0, 0.1, "refuses more", "only refuses more"),
        (0.0, -0.1, "unchanged", "no"),
    ],
)
def test_abstention_is_better_only_if_it_rises_more_where_it_is_right(
    recall, refusals, finding, answer
):
    found = knowledge_of(abstaining(recall, refusals), LEVEL)
    assert found.of("abstention").finding == finding
    assert found.answer == answer


@pytest.mark.parametrize(("recall", "answer"), [(0.0, "no"), (0.04, "cannot tell")])
def test_to_answer_rightly_what_was_abstained_from_is_knowledge_and_not_knowing_better(
    recall, answer
):
    learned = with_row(
        abstaining(recall, -0.1, width=0.045), "accuracy",
        values=(0.6, 0.7), limits=(0.05, 0.15), p=0.001,
    )  # fmt: skip
    found = knowledge_of(learned, LEVEL)
    assert found.of("abstention").finding == "answers more"
    assert found.answer == answer


def test_the_interval_of_informedness_has_the_width_of_both():
    found = informedness(abstaining(0.2, 0.05, width=0.03))
    assert found.gain - found.cost == pytest.approx(0.15)
    assert found.high - found.low == pytest.approx(2 * 0.03 * np.sqrt(2))


def test_a_gain_of_answers_that_could_not_be_read_is_no_knowledge():
    found = abstaining(0.2, 0.0)
    found = with_row(found, "invalid_rate", values=(0.2, 0.0), limits=(-0.25, -0.15), p=0.001)
    k = 3
    base = [list(row) for row in found.base.confusion]
    after = [list(row) for row in found.checkpoint.confusion]
    base[2][k], after[2][k] = base[2][k] + 40, 0
    after[2][2] = base[2][2] + 20
    found = replace(
        found,
        base=replace(found.base, confusion=tuple(map(tuple, base))),
        checkpoint=replace(found.checkpoint, confusion=tuple(map(tuple, after))),
    )
    read = knowledge_of(found, LEVEL)
    assert read.of("abstention").finding == "not detected"
    assert read.of("abstention").reasons == ("readable answers only",)
    assert read.answer != "yes"


def test_a_checkpoint_that_cannot_be_parsed_has_no_answer():
    found = abstaining(0.2, 0.0)
    found = replace(found, checkpoint=replace(found.checkpoint, invalid=found.items // 2 + 1))
    assert knowledge_of(found, LEVEL).answer == "cannot tell"
    assert knowledge_of(found, LEVEL).reasons == ("cannot be parsed",)


def test_confidence_that_is_only_closer_to_accuracy_is_no_yes():
    """A constant confidence can be honest on average, and tells no answer from another."""
    rng = np.random.default_rng(3)
    n = 8000
    target = rng.integers(0, 3, n)
    right = rng.random(n) < 0.6
    predicted = np.where(right, target, (target + 1) % 3)
    other = np.where(rng.random(n) < 0.6, target, (target + 1) % 3)
    found = compared(target, (predicted, np.full(n, 0.99)), (other, np.full(n, 0.6)))
    read = found.knowledge
    assert read.of("stated confidence").finding == "more honest"
    assert read.answer == "no"


def compared(target, base, checkpoint, probabilities=(None, None)):
    pairs = paired_answers(
        LABELS, "NA", target,
        *(Answers(*answers, own) for answers, own in zip((base, checkpoint), probabilities,
                                                         strict=True)),
    )  # fmt: skip
    config = StatsConfig(n_resamples=500, seed=0)
    return with_answers(adjust_family([compare_task("case", pairs, config)]), LEVEL)[0]


def own(predicted, given):
    """Rows of probabilities that give the label written as much as `given` says."""
    rows = np.repeat(((1 - given) / 2)[:, None], 3, axis=1)
    rows[np.arange(len(predicted)), predicted] = given
    return rows


def models(rng, n=900):
    target = np.arange(n) % 3
    right = rng.random(n) < 0.6
    return target, right, np.where(right, target, (target + 1) % 3)


def telling(right, rng, strength):
    return np.clip(0.55 + strength * np.where(right, 1, -1) + rng.normal(0, 0.1, len(right)), 0, 1)


def test_better_words_over_lost_probabilities_are_only_said():
    rng = np.random.default_rng(5)
    target, right, predicted = models(rng)
    before, after = telling(right, rng, 0.1), telling(right, rng, 0.0)
    said = telling(right, rng, 0.0), telling(right, rng, 0.15)
    found = compared(
        target,
        (predicted, said[0]),
        (predicted, said[1]),
        (own(predicted, before), own(predicted, after)),
    )
    assert found.knowledge.of("stated confidence").finding == "better"
    assert found.knowledge.of("own probabilities").finding == "worse"
    assert found.knowledge.answer == "only says so"
    alone = compared(
        target,
        (predicted, said[0]),
        (predicted, said[0]),
        (own(predicted, before), own(predicted, after)),
    )
    assert alone.knowledge.answer == "lost"
    unchanged = compared(
        target,
        (predicted, said[0]),
        (predicted, said[1]),
        (own(predicted, before), own(predicted, before)),
    )
    assert unchanged.knowledge.answer == "only says so"
    unmeasured = compared(target, (predicted, said[0]), (predicted, said[1]))
    assert unmeasured.knowledge.answer == "yes"
    both = compared(
        target,
        (predicted, said[0]),
        (predicted, said[1]),
        (own(predicted, after), own(predicted, before)),
    )
    assert both.knowledge.answer == "yes"


def test_own_probabilities_are_in_holms_family():
    rng = np.random.default_rng(6)
    target, right, predicted = models(rng)
    given = own(predicted, telling(right, rng, 0.1))
    answers = (predicted, np.full(len(target), 0.7))
    found = compared(target, answers, answers, (given, given))
    for name in ("own_auroc", "own_brier"):
        assert found.metric(name).headline
        assert found.metric(name).pvalue_holm is not None
    assert found.metric("own_auroc").base == found.label_probabilities.metrics[0].base


def test_a_difference_of_auroc_that_other_items_make_is_seen_on_the_items_answered_alike():
    """The confidence is the same; the checkpoint only becomes right where it was high."""
    rng = np.random.default_rng(7)
    target, right, predicted = models(rng, 1500)
    confidence = np.round(rng.random(1500), 2)
    mended = np.where(~right & (confidence > 0.5), target, predicted)
    found = compared(target, (predicted, confidence), (mended, confidence))
    assert direction_of(found.metric("auroc"), LEVEL) == "better"
    assert found.metric("auroc_alike").difference == 0
    assert found.metric("auroc_alike").items < 1500
    reasons = found.knowledge.of("stated confidence").reasons
    assert reasons == ("alike not confirmed", "honesty disagrees")
    assert found.knowledge.answer == "yes"


def test_better_order_of_louder_claims_is_no_finding():
    """Confidence tells right from wrong better, and claims far more than is right."""
    rng = np.random.default_rng(11)
    target, right, predicted = models(rng)
    before = np.clip(telling(right, rng, 0.02), 0.01, 0.99)
    louder = np.clip(0.9 + 0.05 * np.where(right, 1, -1) + rng.normal(0, 0.02, 900), 0, 1)
    found = compared(target, (predicted, before), (predicted, louder))
    assert direction_of(found.metric("auroc"), LEVEL) == "better"
    assert found.knowledge.of("stated confidence").finding == "contradictory"
    assert found.knowledge.answer == "cannot tell"


def test_confidence_left_out_more_often_is_no_better_confidence():
    """The checkpoint is the base that keeps silent where it is wrong and was unsure."""
    rng = np.random.default_rng(12)
    target, right, predicted = models(rng)
    stated = telling(right, rng, 0.02)
    said = telling(right, rng, 0.1)
    said[~right & (rng.random(900) < 0.5)] = np.nan
    found = compared(target, (predicted, stated), (predicted, said))
    read = found.knowledge.of("stated confidence")
    assert direction_of(found.metric("auroc"), LEVEL) == "better"
    assert (read.finding, read.reasons[-1]) == ("contradictory", "missing more often")
    assert found.knowledge.answer == "cannot tell"
    assert found.cost.worst.metric == "confidence_missing"


def test_auroc_on_items_answered_alike_is_that_of_those_items():
    rng = np.random.default_rng(8)
    target, right, predicted = models(rng)
    other = np.where(rng.random(900) < 0.2, target, predicted)
    first, second = telling(right, rng, 0.1), telling(right, rng, 0.05)
    found = compared(target, (predicted, first), (other, second))
    alike = (predicted == target) == (other == target)
    row = found.metric("auroc_alike")
    assert row.items == alike.sum()
    pairs = right[alike][:, None] & ~right[alike][None, :]
    for value, stated in ((row.base, first[alike]), (row.checkpoint, second[alike])):
        above = (stated[:, None] > stated) + 0.5 * (stated[:, None] == stated)
        assert value == pytest.approx(above[pairs].mean())


def test_a_class_that_pays_for_another_is_named_and_tested():
    found = with_row(
        abstaining(0.3, 0.0), "recall", "FAIL", values=(0.8, 0.55), limits=(-0.3, -0.2), p=0.001
    )
    paid = cost_of(found, LEVEL)
    assert paid.significant
    assert (paid.worst.metric, paid.worst.label) == ("recall", "FAIL")
    assert paid.worst.loss == pytest.approx(0.25)
    assert [item.label for item in paid.fell] == ["FAIL"]
    assert all(found.metric("recall", label).headline for label in LABELS)


def test_the_largest_loss_is_named_though_it_is_not_significant():
    found = with_row(
        quiet(task()), "recall", "PASS", values=(0.8, 0.7), limits=(-0.22, 0.02), p=0.2
    )
    paid = cost_of(found, LEVEL)
    assert not paid.significant
    assert (paid.worst.metric, paid.worst.label) == ("recall", "PASS")
    assert paid.worst.loss_not_ruled_out == pytest.approx(0.22)


def test_where_nothing_fell_the_largest_loss_left_open_is_named():
    found = quiet(task())
    for row in found.metrics:
        if row.headline and row.higher_is_better is not None:
            gain = 0.01 if row.higher_is_better else -0.01
            found = with_row(
                found, row.metric, row.label,
                values=(0.5, 0.5 + gain), limits=(gain - 0.02, gain + 0.02), p=1.0,
            )  # fmt: skip
    found = with_row(found, "recall", "FAIL", values=(0.5, 0.51), limits=(-0.09, 0.11), p=1.0)
    worst = cost_of(found, LEVEL).worst
    assert (worst.label, worst.loss_not_ruled_out) == ("FAIL", 0.09)


@pytest.mark.parametrize(
    ("limits", "reading"),
    [
        ((-0.088, 0.088), "not detected"),
        ((-0.04, 0.04), "equivalent"),
        (None, "not detected"),
        ((-0.05, 0.01), "not detected"),
    ],
)
def test_no_difference_is_equivalent_only_if_the_interval_lies_within_the_margin(limits, reading):
    row = task().metric("accuracy")
    interval = None if limits is None else Interval(*limits, "x")
    row = replace(row, difference=0.0, pvalue=1.0, pvalue_holm=1.0)
    tested = replace(row, equivalence=Equivalence(0.05, interval))
    assert direction_of(tested, LEVEL) == reading
    untested = replace(row, equivalence=None, confidence_interval=interval)
    assert direction_of(untested, LEVEL) == reading


def test_what_did_not_vary_has_no_interval_of_no_width():
    row = mean_row(("brier", None), np.full(50, 0.2), np.full(50, 0.2), None, LEVEL, False)
    assert row.difference == 0
    assert row.confidence_interval is None
    n = 300
    target = np.arange(n) % 3
    predicted = np.where(target == 0, 1, target)
    answers = (predicted, np.full(n, 0.7))
    found = compared(target, answers, answers)
    precision = found.metric("precision", "NA")
    assert (precision.base, precision.checkpoint) == (1, 1)
    limits = precision.confidence_interval
    assert limits.low < -0.03 < 0.03 < limits.high, "a hundred right answers are no certainty"
    assert direction_of(precision, LEVEL) == "equivalent", "within the margin of five points"
    assert found.metric("confidence_std").confidence_interval is None


def test_equivalent_is_what_two_one_sided_tests_at_the_margin_say():
    target = np.zeros(300, int)
    predicted, after = np.repeat([1, 0], [100, 200]), np.repeat([0, 1, 0], [3, 98, 199])
    found = compared(target, (predicted, np.full(300, 0.7)), (after, np.full(300, 0.7)))
    row = found.metric("accuracy")
    right, right_after = predicted == target, after == target
    for margin in (0.02, 0.025, 0.0299, 0.05):
        shown = replace(row.equivalence, margin=margin).is_shown
        test = equivalence_test(right, right_after, margin=margin)
        assert shown == test.equivalent, margin
    limits, looser = row.confidence_interval, row.equivalence.interval
    assert limits.low < looser.low < looser.high < limits.high


def test_the_margin_is_a_setting():
    assert StatsConfig().margin_of("accuracy") == 0.05
    assert StatsConfig(equivalence_margin=0.03).margin_of("brier") == 0.012
    with pytest.raises(ValueError, match="`equivalence_margin` must lie between 0 and 1"):
        StatsConfig(equivalence_margin=1.0)
    own = StatsConfig(equivalence_margin=0.03, equivalence_margins={"brier": 0.01})
    assert (own.margin_of("brier"), own.margin_of("accuracy")) == (0.01, 0.03)
    with pytest.raises(
        ValueError, match="`equivalence_margins` must be positive, found 0 of auroc"
    ):
        StatsConfig(equivalence_margins={"auroc": 0})
