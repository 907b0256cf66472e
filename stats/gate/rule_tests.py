"""A rule's two tests, with what a confidence that was left out could hide."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

from saeval.stats._core.answers import PairedAnswers, lacks_confidence
from saeval.stats._core.cells import unique_cells
from saeval.stats._core.counted import mean
from saeval.stats.bootstrap.joint import joint_bootstrap
from saeval.stats.bootstrap.paired import PairedBootstrap
from saeval.stats.gate.margins import Bootstrap, difference_against, value_against
from saeval.stats.gate.rules import Rule
from saeval.stats.inference.one_sided import LimitTest
from saeval.stats.metrics.missing_confidence import (
    at_worst,
    can_be_bounded,
    excess_at_worst,
    is_confidence_missing_in_one,
    value_at_worst,
)
from saeval.stats.metrics.registry import own_metrics

Speaks = Literal["PASS", "REGRESSION"]
VERDICTS: tuple[Speaks, Speaks] = ("PASS", "REGRESSION")
_ROUNDING = 1e-12


@dataclass(frozen=True)
class RuleTest:
    """A rule's test on what was stated, and its p values with what was left out at its worst.

    Attributes
    ----------
    test
        On the items where both models stated a confidence, or on all for other metrics.
    at_worst
        One-sided p values of PASS and of REGRESSION with the missing confidences where they speak
        most against it; None where none that matters is missing.
    missing
        Shares of the base's and of the checkpoint's answers without a confidence.
    """

    rule: Rule
    test: LimitTest
    at_worst: tuple[float, float] | None = None
    missing: tuple[float, float] = (0.0, 0.0)

    @property
    def stated(self) -> tuple[float | None, float | None]:
        """One-sided p values that speak for PASS and for REGRESSION, of what was stated."""
        return _pvalues(self.rule, self.test)

    @property
    def pvalues(self) -> tuple[float | None, float | None]:
        """The same, whatever the missing confidences are: the larger of each."""
        good, bad = self.stated
        if self.at_worst is None or good is None or bad is None:
            return good, bad
        return max(good, self.at_worst[0]), max(bad, self.at_worst[1])

    def silence(self, alpha: float) -> str | None:
        """Why missing confidences leave open what those stated would decide, if they do."""
        for stated, worst in zip(self.stated, self.at_worst or (), strict=False):
            if stated is not None and stated <= alpha + _ROUNDING < worst:
                base, checkpoint = (f"{share:.1%}" for share in self.missing)
                return (
                    f"confidence is missing on {base} of the base's and {checkpoint} of the "
                    "checkpoint's answers, and what is missing could turn the verdict"
                )
        return None


def rule_test(
    rule: Rule,
    pairs: PairedAnswers,
    cells: PairedAnswers,
    *,
    confidence_level: float,
    bootstrap: Bootstrap,
    bootstrap_of: Callable[[PairedAnswers], Bootstrap],
) -> RuleTest:
    """The tests of a rule.

    Parameters
    ----------
    rule, pairs, confidence_level
        What is tested, on which answers, at which one-sided level.
    cells
        The unique cells of the answers, which serve all metrics but a user's own: that may look at
        anything.
    bootstrap
        Of these answers.
    bootstrap_of
        Makes that of others, where missing confidences are put in.
    """
    against = difference_against if rule.of_difference else value_against

    def test(answers: PairedAnswers, draw: Bootstrap) -> LimitTest:
        return against(
            rule.key, answers, rule.threshold, confidence_level=confidence_level, bootstrap=draw
        )

    is_own = rule.metric in own_metrics()
    stated = test(pairs if is_own else cells, bootstrap)
    if not is_bounded(rule, pairs):
        return RuleTest(rule, stated)
    missing = [mean(lacks_confidence(pairs, answers), pairs.count) for answers in pairs.models]
    pvalues = [1.0, 1.0]
    if can_be_bounded(rule.key):
        for place, speaks in enumerate(VERDICTS):
            extreme = extreme_answers(rule, pairs, speaks)
            if not is_own:
                extreme = unique_cells(extreme)
            pvalue = _pvalues(rule, test(extreme, bootstrap_of(extreme)))[place]
            pvalues[place] = 1.0 if pvalue is None else pvalue
    return RuleTest(rule, stated, (pvalues[0], pvalues[1]), (missing[0], missing[1]))


def is_bounded(rule: Rule, pairs: PairedAnswers) -> bool:
    """Whether confidences are missing that the rule's metric rests on."""
    if not rule.definition.needs_confidence:
        return False
    if rule.of_difference:
        return is_confidence_missing_in_one(pairs)
    return bool(lacks_confidence(pairs, pairs.checkpoint).any())


def extreme_answers(rule: Rule, pairs: PairedAnswers, speaks: Speaks) -> PairedAnswers:
    """The answers with the missing confidences where they speak most against a verdict."""
    if rule.of_difference:
        return excess_at_worst(
            rule.key,
            pairs,
            against="checkpoint" if speaks == "PASS" else "base",
            higher_is_better=rule.good_is_above,
        )
    return value_at_worst(rule.key, pairs, high=rule.good_is_above != (speaks == "PASS"))


def answers_at_worst(rule: Rule, pairs: PairedAnswers, speaks: Speaks) -> PairedAnswers:
    """As `extreme_answers`, with everything that is missing and not the excess alone.

    What is in excess depends on all answers, and a bet must know nothing of those to come.
    """
    if rule.of_difference:
        return at_worst(
            rule.key,
            pairs,
            against="checkpoint" if speaks == "PASS" else "base",
            higher_is_better=rule.good_is_above,
        )
    return extreme_answers(rule, pairs, speaks)


def bootstrap_of(task: str, pairs: PairedAnswers | None, n_resamples: int, seed: int) -> Bootstrap:
    """That of `saeval.stats.compare.task.compare_task`, drawn at most once."""

    @cache
    def draw() -> PairedBootstrap:
        if pairs is None:
            raise ValueError("`pairs` are needed to draw from")
        return joint_bootstrap(task, unique_cells(pairs), n_resamples=n_resamples, seed=seed)

    return draw


def _pvalues(rule: Rule, test: LimitTest) -> tuple[float | None, float | None]:
    if rule.good_is_above:
        return test.pvalue_above, test.pvalue_below
    return test.pvalue_below, test.pvalue_above
