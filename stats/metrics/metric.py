"""The declaration of a metric: title, definition, direction, kind, and the value of each item."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy.typing as npt

    from saeval.stats._core.answers import Answers, PairedAnswers
    from saeval.stats._core.arrays import BoolArray

Kind = Literal["proportion", "mean", "auroc", "aurc", "std", "counts"]
Scale = Literal["proportion", "score"]
MetricKey = tuple[str, str | None]
"""Name of a metric, and the class it is of (``("recall", "NA")``) or None."""


@dataclass(frozen=True)
class Metric:
    """A metric of one model's answers, declared once for tables, gates, JSON and reports.

    Attributes
    ----------
    name
        As in JSON and in a gate's policy: ``macro_f1``.
    title
        As people read it; ``{label}`` stands for the class that the metric is of.
    definition
        One line that says what it is.
    kind
        What decides how two models are compared: ``proportion`` (of items on which something
        happened), ``mean`` (over items), ``auroc``, ``aurc``, ``std`` (of the confidence) or
        ``counts`` (any function of the confusion counts, tested by permutation and bootstrap).
    higher_is_better
        None where neither direction is good in itself.
    scale
        A proportion is written in per cent and its difference in percentage points; a score not.
    headline
        Whether it belongs to the family of tests and the short table.
    values
        Of a proportion or a mean: the value of each item for one model, shape (n,), NaN where the
        item does not count; True and False, or 1 and 0, for a proportion. None for the metrics
        that are computed from counts or from several samples of an item.
    items
        Which items can show it, shape (n,), given the label that it is of; None for all.
    bounds
        Smallest and largest value of an item, which a confidence sequence needs.
    needs_confidence
        Whether it rests on the items where both models stated a confidence.
    needs_abstention
        Whether it exists only where one of the labels abstains.
    labelled
        Whether it is of one class, which the title names.
    has_difference
        False for what happened between the models, which base and checkpoint do not have apart.
    headline_of_abstention
        Whether it is a headline where its label is the one that abstains.
    neutral_in_open_questions
        Whether neither direction is good where a wrong answer is worse than none.
    best_at_zero
        Whether a signed metric is best at 0, like overconfidence. A comparison then takes lower
        for better where the mean of both models is shown to be above 0, higher where it is
        shown to be below, and neither where it is not shown; a gate's rules keep
        `higher_is_better`.
    source
        Reference for the definition.

    Examples
    --------
    A metric of one's own: how often an answer is given with full confidence.

    >>> from saeval.stats import Metric
    >>> certain = Metric(
    ...     name="certain_rate",
    ...     title="Certain",
    ...     definition="Answers given with a confidence of 95% or more.",
    ...     kind="proportion",
    ...     scale="proportion",
    ...     values=lambda pairs, answers: answers.confidence >= 0.95,
    ... )
    >>> certain.title
    'Certain'
    """

    name: str
    title: str
    definition: str
    kind: Kind
    higher_is_better: bool | None = None
    scale: Scale = "score"
    headline: bool = False
    values: Callable[[PairedAnswers, Answers], npt.ArrayLike] | None = None
    items: Callable[[PairedAnswers, str | None], BoolArray] | None = None
    bounds: tuple[float, float] = (0.0, 1.0)
    needs_confidence: bool = False
    needs_abstention: bool = False
    labelled: bool = False
    has_difference: bool = True
    headline_of_abstention: bool = False
    neutral_in_open_questions: bool = False
    best_at_zero: bool = False
    source: str = ""

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise ValueError(f"`name` must be letters, digits and underscores, found {self.name!r}")
        if not -math.inf < self.bounds[0] < self.bounds[1] < math.inf:
            raise ValueError(f"`bounds` must be finite and ascend, found {self.bounds}")
        if self.values is not None and self.kind not in ("proportion", "mean"):
            raise ValueError(f"`values` are of a proportion or a mean, found kind {self.kind!r}")

    def direction(self, *, open_questions: bool) -> bool | None:
        """Whether higher is better in a task; None where neither direction is.

        In open questions (where a wrong answer has a label of its own) abstaining instead of
        answering wrongly is what training for abstention is for, also where the item has an
        answer; the right answers lost by it show in the correct rate.
        """
        return None if open_questions and self.neutral_in_open_questions else self.higher_is_better

    def is_headline(self, label: str | None, abstention: str | None) -> bool:
        """Whether the row of a label is a headline in a task with this abstaining label."""
        return self.headline or (self.headline_of_abstention and label == abstention)

    def title_for(self, label: str | None) -> str:
        """The title, its placeholder filled."""
        return self.title.format(label=label or "abstention")
