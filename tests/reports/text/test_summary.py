"""One test per claim that the words can make."""

from __future__ import annotations

from dataclasses import replace

import pytest
from comparisons import (
    EVERY_CASE,
    comparison,
    identical_comparison,
    quiet,
    task,
    with_row,
    with_treatments,
)

from saeval.reports.text.summary import in_words
from saeval.stats._core.interval import Interval
from saeval.stats.compare.results import Unpaired

NO_BETTER = "it knows no better what it does not know"
BETTER_BOTH_WAYS = ((0.08, 0.05, 0.11), (0.07, 0.04, 0.1), (0.07, 0.04, 0.1))


def better_accuracy(found):
    return with_row(found, "accuracy", values=(0.6, 0.68), limits=(0.05, 0.11), p=0.001)


def text_of(words):
    return " ".join(
        [
            words.headline,
            *words.summary,
            *words.cautions,
            *(s for t in words.tasks for s in t.sentences),
        ]
    )


def test_a_gain_beyond_noise_is_named_with_its_numbers():
    found = with_treatments(better_accuracy(quiet(task())), *BETTER_BOTH_WAYS)
    words = in_words(comparison(found))
    assert words.headline == f"Better on fever: {NO_BETTER}."
    assert words.tasks[0].verdict == "better"
    assert words.summary[0] == "Significantly better: accuracy (60.0% → 68.0%)."
    assert words.summary[1].startswith("No headline metric is significantly worse.")
    assert (
        "Accuracy rose: 60.0% → 68.0% (+8.0 pp, 95% interval +5.0 to +11.0 pp, Holm p = 0.001)."
        in (words.tasks[0].sentences)
    )
    assert "the accuracy gain is not just format" in text_of(words)


def test_a_gain_counts_by_holms_p_not_by_the_raw_one():
    found = better_accuracy(quiet(task()))
    rows = tuple(
        replace(row, pvalue=0.001, pvalue_holm=0.2) if row.metric == "accuracy" else row
        for row in found.metrics
    )
    words = in_words(comparison(replace(found, metrics=rows)))
    assert words.tasks[0].verdict == "noise"
    assert words.headline == f"Nothing detected on fever: {NO_BETTER}."


def test_a_small_p_whose_interval_holds_zero_is_noise():
    found = with_row(quiet(task()), "accuracy", values=(0.6, 0.62), limits=(0.0, 0.04), p=0.001)
    assert in_words(comparison(found)).tasks[0].verdict == "noise"


def test_a_loss_is_worse_and_says_so_first():
    found = with_row(quiet(task()), "accuracy", values=(0.6, 0.5), limits=(-0.13, -0.07), p=0.001)
    words = in_words(comparison(found))
    assert words.headline == (f"Worse on fever: {NO_BETTER}; accuracy fell (60.0% → 50.0%).")
    assert words.summary[0].startswith("Significantly worse: accuracy (60.0% → 50.0%).")
    assert "Accuracy fell: 60.0% → 50.0%" in text_of(words)


def test_better_in_one_way_and_worse_in_another_is_mixed():
    found = better_accuracy(quiet(task()))
    found = with_row(found, "ece_squared_debiased", values=(0.1, 0.14), limits=(0.02, 0.06), p=0.01)
    words = in_words(comparison(found))
    assert words.headline == f"Mixed on fever: {NO_BETTER}."
    assert words.summary[:2] == (
        "Significantly better: accuracy (60.0% → 68.0%).",
        "Significantly worse: calibration error ECE² (0.100 → 0.140). "
        "13 of 15 tested differences are not significant.",
    )


def test_both_error_directions_and_format_are_always_counted():
    words = in_words(comparison(task()))
    for words_said in (" ".join(words.summary), " ".join(words.tasks[0].sentences)):
        assert "NA items" in words_said
        assert "answerable items" in words_said
        assert "invalid responses" in words_said


def test_error_counts_are_those_of_the_confusion_table():
    found = task()
    base, checkpoint = found.base.confusion, found.checkpoint.confusion
    missed = " → ".join(str(sum(rows[2]) - rows[2][2]) for rows in (base, checkpoint))
    refused = f"{base[0][2] + base[1][2]} → {checkpoint[0][2] + checkpoint[1][2]}"
    sentence = next(s for s in in_words(comparison(found)).tasks[0].sentences if "error" in s)
    assert f"missed NA items {missed} of {found.targets[2]}" in sentence
    assert f"answered NA on answerable items {refused} of {sum(found.targets[:2])}" in sentence


def test_a_gain_that_vanishes_on_items_valid_on_both_sides_is_only_format():
    found = better_accuracy(quiet(task()))
    found = with_row(found, "invalid_rate", values=(0.1, 0.02), limits=(-0.1, -0.06), p=0.001)
    found = with_treatments(found, (0.08, 0.05, 0.11), (0.002, -0.02, 0.02), (0.01, -0.01, 0.03))
    words = in_words(comparison(found))
    assert words.headline == f"Better only in format on fever: {NO_BETTER}."
    assert any("the accuracy gain is only format" in caution for caution in words.cautions)
    assert any("the accuracy gain is only format" in s for s in words.tasks[0].sentences)


def with_recall_and_refusals(recall, refusals):
    found = quiet(task())
    found = with_row(
        found,
        "recall",
        "NA",
        values=(0.3, 0.3 + recall),
        limits=(recall - 0.02, recall + 0.02),
        p=0.001,
    )
    return with_row(
        found,
        "false_abstention_rate",
        values=(0.1, 0.1 + refusals),
        limits=(refusals - 0.02, refusals + 0.02),
        p=0.001,
    )


def test_a_recall_gain_that_costs_as_many_refusals_is_only_refusing_more():
    words = in_words(comparison(with_recall_and_refusals(0.1, 0.12)))
    assert words.tasks[0].verdict == "refuses more"
    assert words.headline.startswith(
        "Only refuses more on fever: it refuses more and knows no better"
    )
    assert any("is only refusing more: +10.0 pp" in caution for caution in words.cautions)


def test_a_recall_gain_that_costs_some_refusals_is_partly_refusing_more():
    words = in_words(comparison(with_recall_and_refusals(0.2, 0.05)))
    assert words.tasks[0].verdict == "mixed"
    assert any("is partly refusing more" in caution for caution in words.cautions)


def test_fewer_refusals_bought_with_recall_is_abstaining_less():
    found = with_recall_and_refusals(-0.2, -0.1)
    found = replace(found, checkpoint=replace(found.checkpoint, invalid=found.base.invalid))
    words = in_words(comparison(found))
    assert any("it abstains less everywhere" in caution for caution in words.cautions)


def test_a_checkpoint_that_nearly_always_abstains_is_called_out():
    found = quiet(task())
    always = replace(found.checkpoint, abstained=290, answered=10)
    words = in_words(comparison(replace(found, checkpoint=always)))
    assert any("answers NA to 96.7% of all items" in caution for caution in words.cautions)


def test_treatments_that_disagree_in_sign_are_a_caution():
    found = with_treatments(quiet(task()), (0.03, 0.01, 0.05), (-0.02, -0.04, 0.0), (0.01, 0, 0.02))
    caution = next(c for c in in_words(comparison(found)).cautions if "how invalid answers" in c)
    assert "+3.0 pp if they are wrong" in caution
    assert "−2.0 pp if only items valid on both sides count" in caution
    assert caution.endswith("and the sign changes.")


def test_treatments_that_disagree_in_size_are_a_caution():
    found = with_treatments(
        quiet(task()), (0.08, 0.05, 0.1), (0.03, 0.01, 0.05), (0.06, 0.04, 0.09)
    )
    caution = next(c for c in in_words(comparison(found)).cautions if "how invalid answers" in c)
    assert "sign" not in caution


def test_treatments_that_agree_are_no_caution():
    found = with_treatments(quiet(task()), *BETTER_BOTH_WAYS)
    assert not [c for c in in_words(comparison(found)).cautions if "how invalid answers" in c]


@pytest.mark.parametrize(("shortcut", "said"), [(0.994, True), (0.68, False), (None, False)])
def test_an_evidence_shortcut_above_chance_is_a_caution(shortcut, said):
    found = replace(quiet(task()), evidence_shortcut=shortcut)
    cautions = in_words(comparison(found)).cautions
    assert any("without evidence" in caution for caution in cautions) is said


def test_wide_intervals_without_a_finding_are_too_few_items():
    found = with_row(quiet(task()), "accuracy", values=(0.5, 0.55), limits=(-0.08, 0.18), p=1.0)
    words = in_words(comparison(found))
    assert words.headline == f"Too few items to tell on fever: {NO_BETTER}."
    assert any("anywhere from −8.0 to +18.0 pp fits" in caution for caution in words.cautions)
    assert "Too few items to tell about accuracy" in words.tasks[0].sentences[0]


def test_identical_models_are_no_difference_at_all():
    words = in_words(identical_comparison())
    assert words.headline.startswith("No difference at all: the checkpoint gives the base's label")
    assert words.summary == ()
    assert all(entry.verdict == "identical" for entry in words.tasks)
    assert any("check that it was applied" in caution for caution in words.cautions)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ((0.45, 0.55), "no better than a coin"),
        ((0.2, 0.9), "is not shown to tell right from wrong"),
        ((0.6, 0.7), "does tell right from wrong"),
        ((0.3, 0.4), "more confidence when wrong than when right"),
    ],
)
def test_confidence_is_judged_by_the_interval_of_its_auroc(limits, said):
    found = quiet(task())
    rows = tuple(
        replace(row, checkpoint_interval=Interval(*limits, "x")) if row.metric == "auroc" else row
        for row in found.metrics
    )
    assert said in text_of(in_words(comparison(replace(found, metrics=rows))))


def test_without_confidences_nothing_is_said_about_them():
    sentences = in_words(EVERY_CASE["no confidences"]()).tasks[0].sentences
    assert (
        "Confidence: no confidence stated by one of the models, so nothing can be said about it."
        in sentences
    )


def test_more_spread_without_more_discrimination_is_not_knowledge():
    found = with_row(
        quiet(task()), "confidence_std", values=(0.1, 0.2), limits=(0.05, 0.15), p=0.01
    )
    words = in_words(comparison(found))
    assert words.tasks[0].verdict == "noise"
    assert any("spread alone is not knowledge" in caution for caution in words.cautions)
    assert "confidence SD +0.100 (higher)" in text_of(words)


def test_a_pooled_gain_that_one_task_makes_is_said_to_be_that():
    gain, none = better_accuracy(quiet(task("a"))), quiet(task("b"))
    pooled = better_accuracy(quiet(task("pooled")))
    words = in_words(comparison(gain, none, pooled=pooled))
    assert words.headline == f"Better on a; nothing detected on b: {NO_BETTER}."
    assert any("comes from a; it is not significant on b" in caution for caution in words.cautions)


def test_unpaired_items_and_warnings_are_cautions():
    found = replace(quiet(task()), unpaired=Unpaired(3, 0, ("x",), ()))
    words = in_words(replace(comparison(found), warnings=("Pairing was forced.",)))
    assert words.cautions[0] == "Pairing was forced."
    assert any("3 items have only the base's answer" in caution for caution in words.cautions)


@pytest.mark.parametrize("case", EVERY_CASE)
def test_words_are_a_pure_function_with_a_short_first_paragraph(case):
    found = EVERY_CASE[case]()
    words = in_words(found)
    assert words == in_words(found)
    assert len(words.summary) <= 4
    assert "None" not in text_of(words)
    assert "nan" not in text_of(words)


def test_counts_are_summed_over_tasks_without_a_pooled_block():
    found = comparison(task("a"), task("b"))
    sentence = next(s for s in in_words(found).summary if s.startswith("Over all 600 items"))
    base, checkpoint = (2 * m.invalid for m in (found.tasks[0].base, found.tasks[0].checkpoint))
    assert f"invalid responses {base} → {checkpoint}" in sentence


def test_no_finding_in_few_items_is_not_an_all_clear():
    found = with_row(quiet(task()), "accuracy", values=(0.5, 0.55), limits=(-0.08, 0.18), p=1.0)
    assert (
        in_words(comparison(found))
        .summary[0]
        .startswith("No headline metric is significantly worse, but so few items rule little out.")
    )
