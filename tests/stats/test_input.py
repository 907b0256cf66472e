"""What public functions are given: what they would bend silently, they refuse in one sentence."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import LABELS

from saeval import stats
from saeval.stats._core import arrays as check
from saeval.stats.gate.rules import Rule
from saeval.stats.inference.bounded_mean import bounded_mean

N = 24
RIGHT = np.arange(N) % 3 > 0
STATED = np.linspace(0.2, 0.9, N)
CLUSTER = np.arange(N) // 3
COUNTS = np.arange(N) % 4


TARGET = RIGHT.astype(int)


def _pairs(target=TARGET, cluster=CLUSTER, predicted=COUNTS, confidence=STATED):
    answers = stats.Answers(predicted, confidence)
    return stats.paired_answers(LABELS, "NA", target, answers, answers, cluster)


def _best(differences, replicates):
    return stats.select_best(differences, replicates, higher_is_better=True)


def _agreement(default, judge):
    return stats.grader_agreement(LABELS, default, judge)


def _replicates(replicates):
    return stats.max_t_pvalues({"a": 0.1}, {"a": replicates})


REAL, OUTCOME, GROUP, WHOLE = "real", "outcome", "group", "whole"
FUNCTIONS = {
    "auarc": (stats.auarc, {"correct": (RIGHT, OUTCOME), "confidence": (STATED, REAL)}),
    "augrc": (stats.augrc, {"correct": (RIGHT, OUTCOME), "confidence": (STATED, REAL)}),
    "aurc": (stats.aurc, {"correct": (RIGHT, OUTCOME), "confidence": (STATED, REAL)}),
    "auroc": (stats.auroc, {"correct": (RIGHT, OUTCOME), "confidence": (STATED, REAL)}),
    "brier_score": (stats.brier_score, {"correct": (RIGHT, OUTCOME), "confidence": (STATED, REAL)}),
    "brier_decomposition": (
        stats.brier_decomposition,
        {"correct": (RIGHT, OUTCOME), "confidence": (STATED, REAL)},
    ),
    "expected_calibration_error": (
        stats.expected_calibration_error,
        {"correct": (RIGHT, OUTCOME), "confidence": (STATED, REAL)},
    ),
    "reliability": (stats.reliability, {"correct": (RIGHT, OUTCOME), "confidence": (STATED, REAL)}),
    "risk_coverage": (
        stats.risk_coverage,
        {"correct": (RIGHT, OUTCOME), "confidence": (STATED, REAL)},
    ),
    "auroc_interval": (
        stats.auroc_interval,
        {"correct": (RIGHT, OUTCOME), "confidence": (STATED, REAL), "cluster": (CLUSTER, GROUP)},
    ),
    **{
        name: (
            function,
            {
                "base_correct": (RIGHT, OUTCOME),
                "base_confidence": (STATED, REAL),
                "checkpoint_correct": (~RIGHT, OUTCOME),
                "checkpoint_confidence": (STATED**2, REAL),
                "cluster": (CLUSTER, GROUP),
            },
        )
        for name, function in (
            ("auroc_difference", stats.auroc_difference),
            ("aurc_difference", stats.aurc_difference),
        )
    },
    **{
        name: (
            function,
            {"base": (STATED, REAL), "checkpoint": (STATED**2, REAL), "cluster": (CLUSTER, GROUP)},
        )
        for name, function in (
            ("mean_difference", stats.mean_difference),
            ("compare_scores", stats.compare_scores),
            ("compare_std", stats.compare_std),
            ("design_effect", stats.design_effect),
            ("equivalence_test", partial(stats.equivalence_test, margin=0.1)),
        )
    },
    "levene": (
        partial(stats.levene, center="median"),
        {"base": (STATED, REAL), "checkpoint": (STATED**2, REAL)},
    ),
    "proportion_interval": (
        stats.proportion_interval,
        {"happened": (RIGHT, OUTCOME), "cluster": (CLUSTER, GROUP)},
    ),
    "bounded_mean": (
        partial(bounded_mean, lower=-1, upper=1),
        {"values": (STATED, REAL), "cluster": (CLUSTER, GROUP)},
    ),
    "confidence_sequence": (
        partial(stats.confidence_sequence, lower=0, upper=1, largest=1),
        {"sums": (STATED, REAL), "counts": (np.ones(N), REAL)},
    ),
    "pass_at_k": (
        partial(stats.pass_at_k, k=2),
        {"correct": (COUNTS, WHOLE), "samples": (COUNTS + 4, WHOLE)},
    ),
    "pareto_front": (stats.pareto_front, {"wrong": (STATED, REAL), "right": (STATED**2, REAL)}),
    "grader_agreement": (_agreement, {"default": (COUNTS, WHOLE), "judge": (COUNTS, WHOLE)}),
    "select_best": (
        _best,
        {"differences": (STATED[:2], REAL), "replicates": (np.ones((9, 2)), REAL)},
    ),
    "max_t_pvalues": (_replicates, {"replicates": (STATED, REAL)}),
    "bowker": (stats.bowker, {"table": (np.eye(3), REAL)}),
    "stuart_maxwell": (stats.stuart_maxwell, {"table": (np.eye(3), REAL)}),
    "paired_answers": (
        _pairs,
        {
            "target": (TARGET, WHOLE),
            "predicted": (COUNTS, WHOLE),
            "confidence": (STATED, REAL),
            "cluster": (CLUSTER, GROUP),
        },
    ),
}
NO_ARRAYS = {
    "adjust_family", "adjust_pvalues", "checkpoint_series", "compare_task", "get_metric",
    "list_metrics", "mcnemar", "minimum_detectable_difference", "paired_bootstrap",
    "power_of_difference", "register_metric", "required_items", "swap_tests", "tango_interval",
    "tango_score", "unregister_metric", "wilson_interval",
    "power_of_estimate", "smallest_estimate",
}  # fmt: skip
"""Functions of numbers, or of what `paired_answers` checked."""


def spoilt(valid, kind):
    """The same array with something in it that could be taken for what it is not."""
    array = np.asarray(valid)

    def with_first(value):
        changed = array.astype(object)
        changed[(0,) * changed.ndim] = value
        return changed

    yield np.ma.masked_array(array, mask=np.arange(array.size).reshape(array.shape) == 1)
    yield array.astype(str) if kind != GROUP else array.astype(complex)
    yield array.astype(complex)
    yield array[None]
    yield array.tolist()[0]
    yield [[1, 2], [3]]
    yield []
    yield with_first("0.5")
    yield with_first(math.inf)
    yield with_first(1 + 1j)
    if kind in (GROUP, WHOLE):
        yield array + 0.5
        yield array.astype(float)
        yield np.where(np.arange(N) == 0, np.nan, array)
        yield with_first(None)
    if kind in (OUTCOME,):
        yield array + 0.5
        yield np.where(np.arange(N) == 0, np.nan, array)


CASES = [
    pytest.param(name, argument, number, id=f"{name}-{argument}-{number}")
    for name, (_, arguments) in FUNCTIONS.items()
    for argument, (valid, kind) in arguments.items()
    for number in range(len(list(spoilt(valid, kind))))
    if (argument, number) not in (("samples", 4),)  # one number serves for all items
]


def test_every_public_function_of_arrays_is_tested():
    functions = {name for name in stats.__all__ if not name[0].isupper()}
    assert functions - NO_ARRAYS == set(FUNCTIONS) - {"bounded_mean"}


@pytest.mark.parametrize(("name", "argument", "number"), CASES)
def test_what_would_be_bent_is_refused_in_one_sentence(name, argument, number):
    function, arguments = FUNCTIONS[name]
    values = {key: valid for key, (valid, _) in arguments.items()}
    function(**values)
    values[argument] = list(spoilt(*arguments[argument]))[number]
    with pytest.raises(ValueError, match=f"`[^`]*{argument}") as refused:
        function(**values)
    assert "\n" not in str(refused.value)


@given(
    st.lists(st.integers(-(2**62), 2**62), min_size=N, max_size=N),
    st.randoms(use_true_random=False),
)
def test_names_of_clusters_change_nothing(names, random):
    distinct = list(dict.fromkeys(names))
    pages = list(range(len(distinct)))
    random.shuffle(pages)
    as_text = {name: f"page {page}" for name, page in zip(distinct, pages, strict=True)}
    by_number = stats.mean_difference(STATED, STATED**2, cluster=names)
    by_text = stats.mean_difference(STATED, STATED**2, cluster=[as_text[name] for name in names])
    assert by_number.clusters == len(distinct)
    assert by_text.clusters == len(distinct)
    if by_number.pvalue is not None:
        assert by_text.pvalue == pytest.approx(by_number.pvalue, rel=1e-9)


@given(st.lists(st.text(max_size=3), min_size=1, max_size=9))
def test_groups_are_one_for_each_name(names):
    code = check.groups("cluster", names)
    assert sorted(set(code.tolist())) == list(range(len(set(names))))
    assert all((code[i] == code[j]) == (names[i] == names[j])
               for i in range(len(names)) for j in range(len(names)))  # fmt: skip


@pytest.mark.parametrize(
    ("cluster", "found"),
    [
        ([0.5] * N, "float"),
        ([1, *"a" * (N - 1)], "int and str"),
        ([None, *range(N - 1)], "NoneType and int"),
        ([True] * N, "bool"),
        (np.arange(N).astype("datetime64[D]"), "datetime64"),
    ],
)
def test_clusters_that_are_no_names_are_refused(cluster, found):
    with pytest.raises(
        ValueError, match=r"^`cluster` must hold integers or strings.* found " + found
    ):
        stats.mean_difference(STATED, STATED, cluster=cluster)


@given(st.sampled_from([0.5, 2.5, math.nan, math.inf, -1, -math.inf, "3", None, True]))
def test_counts_are_whole(count):
    for function, arguments in (
        (stats.mcnemar, (count, 3)),
        (stats.mcnemar, (3, count)),
        (stats.tango_interval, (count, 3, 30)),
        (stats.tango_interval, (2, 3, count)),
        (stats.tango_score, (2, count, 30, 0.0)),
        (stats.wilson_interval, (count, 30)),
        (stats.wilson_interval, (1, count)),
        (partial(stats.power_of_difference, discordant_rate=0.2), (count, 0.1)),
        (partial(stats.minimum_detectable_difference, discordant_rate=0.2), (count,)),
        (partial(stats.paired_bootstrap, _pairs()), ()),
    ):
        options = {} if arguments else {"n_resamples": count}
        with pytest.raises(ValueError, match=r"^`"):
            function(*arguments, **options)


def test_names_of_methods_are_known():
    with pytest.raises(
        ValueError, match=r"^`method` must be 'holm' or 'fdr_bh', found 'bonferroni'$"
    ):
        stats.adjust_pvalues([0.1], method="bonferroni")
    with pytest.raises(ValueError, match=r"^`center` must be 'median' or 'mean', found 'mode'$"):
        stats.levene(STATED, STATED, center="mode")


@given(st.sampled_from([math.inf, -math.inf, math.nan]))
def test_limits_and_settings_are_finite(value):
    with pytest.raises(ValueError, match=r"^`limit` must be finite"):
        Rule("accuracy", None, "not_worse_by", value)
    with pytest.raises(ValueError, match=r"^`bounds` must be finite"):
        stats.Metric("x", "x", "x", "mean", bounds=(0, value))
    with pytest.raises(ValueError, match=r"^`confidence_level` must lie"):
        stats.StatsConfig(confidence_level=value)
    with pytest.raises(ValueError, match=r"^`n_resamples` must be a whole number"):
        stats.StatsConfig(n_resamples=value)
    with pytest.raises(ValueError, match=r"^`differences\['a'\]` must be finite|^`replicates"):
        stats.max_t_pvalues({"a": math.inf}, {"a": STATED})
    with pytest.raises(ValueError, match="must be finite"):
        bounded_mean(STATED, lower=0, upper=math.inf)
