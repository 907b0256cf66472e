"""Tests, intervals and metrics of two models on the same items: arrays in, frozen results out.

Names are loaded when they are first used; importing this package loads no NumPy.

>>> from saeval.stats import mcnemar
>>> mcnemar(28, 85).pvalue_mid < 1e-6
True
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from saeval.stats._core.answers import Answers, PairedAnswers, paired_answers
    from saeval.stats._core.influence import DifferenceTest
    from saeval.stats._core.interval import Interval
    from saeval.stats._core.wilson import wilson_interval
    from saeval.stats.bootstrap.paired import PairedBootstrap, paired_bootstrap
    from saeval.stats.bootstrap.winner import select_best
    from saeval.stats.checkpoints.series import checkpoint_series
    from saeval.stats.compare.config import StatsConfig
    from saeval.stats.compare.metric_comparison import MetricComparison
    from saeval.stats.compare.results import Comparison, TaskComparison
    from saeval.stats.compare.scores import ScoreComparison, compare_scores
    from saeval.stats.compare.task import adjust_family, compare_task
    from saeval.stats.frontier.pareto import pareto_front
    from saeval.stats.inference.aurc import aurc_difference
    from saeval.stats.inference.auroc import auroc_difference, auroc_interval
    from saeval.stats.inference.confidence_sequence import confidence_sequence
    from saeval.stats.inference.equivalence import equivalence_test
    from saeval.stats.inference.means import mean_difference, proportion_interval
    from saeval.stats.inference.multiplicity import adjust_pvalues, max_t_pvalues
    from saeval.stats.inference.permutation import swap_tests
    from saeval.stats.inference.power import (
        minimum_detectable_difference,
        power_of_difference,
        required_items,
    )
    from saeval.stats.inference.power_of_estimates import (
        design_effect,
        power_of_estimate,
        smallest_estimate,
    )
    from saeval.stats.inference.proportions import mcnemar, tango_interval, tango_score
    from saeval.stats.inference.std import compare_std
    from saeval.stats.inference.symmetry import bowker, stuart_maxwell
    from saeval.stats.metrics.agreement import grader_agreement
    from saeval.stats.metrics.aurc import aurc
    from saeval.stats.metrics.brier_decomposition import brier_decomposition
    from saeval.stats.metrics.confidence import (
        auroc,
        brier_score,
        expected_calibration_error,
        levene,
        reliability,
        risk_coverage,
    )
    from saeval.stats.metrics.metric import Metric
    from saeval.stats.metrics.pass_at_k import pass_at_k
    from saeval.stats.metrics.registry import (
        get_metric,
        list_metrics,
        register_metric,
        unregister_metric,
    )
    from saeval.stats.metrics.selective import auarc, augrc

__all__ = [
    "Answers",
    "Comparison",
    "DifferenceTest",
    "Interval",
    "Metric",
    "MetricComparison",
    "PairedAnswers",
    "PairedBootstrap",
    "ScoreComparison",
    "StatsConfig",
    "TaskComparison",
    "adjust_family",
    "adjust_pvalues",
    "auarc",
    "augrc",
    "aurc",
    "aurc_difference",
    "auroc",
    "auroc_difference",
    "auroc_interval",
    "bowker",
    "brier_decomposition",
    "brier_score",
    "checkpoint_series",
    "compare_scores",
    "compare_std",
    "compare_task",
    "confidence_sequence",
    "design_effect",
    "equivalence_test",
    "expected_calibration_error",
    "get_metric",
    "grader_agreement",
    "levene",
    "list_metrics",
    "max_t_pvalues",
    "mcnemar",
    "mean_difference",
    "minimum_detectable_difference",
    "paired_answers",
    "paired_bootstrap",
    "pareto_front",
    "pass_at_k",
    "power_of_difference",
    "power_of_estimate",
    "proportion_interval",
    "register_metric",
    "reliability",
    "required_items",
    "risk_coverage",
    "select_best",
    "smallest_estimate",
    "stuart_maxwell",
    "swap_tests",
    "tango_interval",
    "tango_score",
    "unregister_metric",
    "wilson_interval",
]

_MODULES = {
    "_core.interval": ("Interval",),
    "_core.wilson": ("wilson_interval",),
    "metrics.aurc": ("aurc",),
    "_core.answers": (
        "Answers",
        "PairedAnswers",
        "paired_answers",
    ),
    "_core.influence": ("DifferenceTest",),
    "bootstrap.paired": (
        "PairedBootstrap",
        "paired_bootstrap",
    ),
    "bootstrap.winner": ("select_best",),
    "checkpoints.series": ("checkpoint_series",),
    "compare.config": ("StatsConfig",),
    "compare.metric_comparison": ("MetricComparison",),
    "compare.results": (
        "Comparison",
        "TaskComparison",
    ),
    "compare.scores": (
        "ScoreComparison",
        "compare_scores",
    ),
    "compare.task": (
        "adjust_family",
        "compare_task",
    ),
    "frontier.pareto": ("pareto_front",),
    "inference.aurc": ("aurc_difference",),
    "inference.auroc": (
        "auroc_difference",
        "auroc_interval",
    ),
    "inference.confidence_sequence": ("confidence_sequence",),
    "inference.equivalence": ("equivalence_test",),
    "inference.means": (
        "mean_difference",
        "proportion_interval",
    ),
    "inference.multiplicity": (
        "adjust_pvalues",
        "max_t_pvalues",
    ),
    "inference.permutation": ("swap_tests",),
    "inference.power": (
        "minimum_detectable_difference",
        "power_of_difference",
        "required_items",
    ),
    "inference.power_of_estimates": (
        "design_effect",
        "power_of_estimate",
        "smallest_estimate",
    ),
    "inference.proportions": (
        "mcnemar",
        "tango_interval",
        "tango_score",
    ),
    "inference.std": ("compare_std",),
    "inference.symmetry": (
        "bowker",
        "stuart_maxwell",
    ),
    "metrics.agreement": ("grader_agreement",),
    "metrics.brier_decomposition": ("brier_decomposition",),
    "metrics.confidence": (
        "auroc",
        "brier_score",
        "expected_calibration_error",
        "levene",
        "reliability",
        "risk_coverage",
    ),
    "metrics.metric": ("Metric",),
    "metrics.pass_at_k": ("pass_at_k",),
    "metrics.registry": (
        "get_metric",
        "list_metrics",
        "register_metric",
        "unregister_metric",
    ),
    "metrics.selective": (
        "auarc",
        "augrc",
    ),
}
"""Where each name is defined."""


def __getattr__(name: str) -> object:
    from importlib import import_module

    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
