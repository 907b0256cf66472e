"""What two models answered on the same items, as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from saeval.stats._core import arrays as check
from saeval.stats._core.arrays import BoolArray, FloatArray, IntArray
from saeval.stats._core.counted import Count, number_of, number_where, those


@dataclass(frozen=True)
class ScoreDeclaration:
    """What another program's score of each answer is.

    Attributes
    ----------
    name
        As that program spells it: ``exact_match,strict-match``.
    range
        Smallest and largest value; None where there is no bound.
    higher_is_better
        Direction.
    is_binary
        Whether every value of both models is 0 or 1.
    """

    name: str
    range: tuple[float, float] | None
    higher_is_better: bool
    is_binary: bool


@dataclass(frozen=True)
class Answers:
    """One model's answers.

    Attributes
    ----------
    predicted
        Shape (n,): index into the task's labels, or their number for an invalid answer.
    confidence
        Shape (n,): stated probability of being right, NaN where none was stated.
    label_probabilities
        Shape (n, k): the model's own probabilities of the labels, rows of NaN where they were
        not probed; None if they never were.
    scores
        Another program's scores by name, each of shape (n,), NaN where an item has none.
    confidence_normalised
        Shape (n,): of multiple choice, the probability of the choice that is likeliest by length,
        NaN without; None if no item has one.
    """

    predicted: IntArray
    confidence: FloatArray
    label_probabilities: FloatArray | None = None
    scores: Mapping[str, FloatArray] = field(default_factory=dict)
    confidence_normalised: FloatArray | None = None

    def subset(self, items: IntArray) -> Answers:
        """The answers to some items, by index."""
        probabilities, normalised = self.label_probabilities, self.confidence_normalised
        return Answers(
            self.predicted[items],
            self.confidence[items],
            None if probabilities is None else probabilities[items],
            {name: values[items] for name, values in self.scores.items()},
            None if normalised is None else normalised[items],
        )


@dataclass(frozen=True)
class PairedAnswers:
    """Base and checkpoint on the same items in the same order.

    Attributes
    ----------
    labels
        The task's classes, fixed by the task and never inferred from the data.
    abstention
        The label that says "I cannot tell", or None.
    target
        Shape (n,): index of the right label.
    base, checkpoint
        The answers.
    cluster
        Shape (n,): integer group of items that are not independent; None if all are.
    stratum
        Shape (n,): integer group whose size is fixed when resampling (the task, in a pooled
        comparison); None for one stratum.
    wrong
        In open questions the label of a wrong answer, which is never a target; else None.
    scores
        What the scores of both models are, the primary one first; empty for a task of ours.
    is_graded
        Whether answers are right or wrong; False where they have scores alone, and `target` and
        `predicted` mean nothing.
    count
        Shape (n,): how many items each row stands for, which are then independent; None for one
        each.
    """

    labels: tuple[str, ...]
    abstention: str | None
    target: IntArray
    base: Answers
    checkpoint: Answers
    cluster: IntArray | None = None
    stratum: IntArray | None = None
    wrong: str | None = None
    scores: tuple[ScoreDeclaration, ...] = ()
    is_graded: bool = True
    count: Count = None

    def __len__(self) -> int:
        """Number of rows; see `items`."""
        return len(self.target)

    @property
    def items(self) -> int:
        """Number of items that the rows stand for."""
        return number_of(self.target, self.count)

    @property
    def models(self) -> tuple[Answers, ...]:
        """Base and checkpoint."""
        return self.base, self.checkpoint

    @property
    def base_correct(self) -> BoolArray:
        """Shape (n,): whether the base is right; an invalid answer never is."""
        return np.asarray(self.base.predicted == self.target)

    @property
    def checkpoint_correct(self) -> BoolArray:
        """Shape (n,): whether the checkpoint is right."""
        return np.asarray(self.checkpoint.predicted == self.target)

    @property
    def discordant(self) -> tuple[int, int]:
        """Items that only the base answered correctly, and items that only the checkpoint did."""
        base, checkpoint = self.base_correct, self.checkpoint_correct
        return (
            number_where(base & ~checkpoint, self.count),
            number_where(~base & checkpoint, self.count),
        )

    @property
    def both_confident(self) -> BoolArray:
        """Shape (n,): whether both models stated a confidence."""
        return np.asarray(~np.isnan(self.base.confidence) & ~np.isnan(self.checkpoint.confidence))

    @property
    def stated(self) -> StatedAnswers:
        """The rows where both models stated a confidence."""
        rows = self.both_confident
        return StatedAnswers(
            self.base_correct[rows],
            self.base.confidence[rows],
            self.checkpoint_correct[rows],
            self.checkpoint.confidence[rows],
            None if self.cluster is None else self.cluster[rows],
            those(self.count, rows),
        )

    def subset(self, items: IntArray) -> PairedAnswers:
        """The pairs of some rows, by index."""
        return replace(
            self,
            target=self.target[items],
            base=self.base.subset(items),
            checkpoint=self.checkpoint.subset(items),
            cluster=None if self.cluster is None else self.cluster[items],
            stratum=None if self.stratum is None else self.stratum[items],
            count=those(self.count, items),
        )


@dataclass(frozen=True)
class StatedAnswers:
    """What both models stated where both stated a confidence, and whether they were right.

    Attributes
    ----------
    base_right, checkpoint_right
        Shape (n,): whether each model is right.
    base, checkpoint
        Shape (n,): their confidences.
    cluster, count
        Those of `PairedAnswers`, shape (n,) or None.
    """

    base_right: BoolArray
    base: FloatArray
    checkpoint_right: BoolArray
    checkpoint: FloatArray
    cluster: IntArray | None
    count: Count

    @property
    def models(self) -> tuple[tuple[BoolArray, FloatArray], tuple[BoolArray, FloatArray]]:
        """Correctness and confidence of base and checkpoint."""
        return (self.base_right, self.base), (self.checkpoint_right, self.checkpoint)

    @property
    def items(self) -> int:
        """Number of items."""
        return number_of(self.base, self.count)


@dataclass(frozen=True)
class JointAnswers:
    """Several models on the same items in the same order; see `PairedAnswers`.

    `models` has two or more.
    """

    labels: tuple[str, ...]
    abstention: str | None
    target: IntArray
    models: tuple[Answers, ...]
    cluster: IntArray | None = None
    stratum: IntArray | None = None
    wrong: str | None = None

    def __len__(self) -> int:
        return len(self.target)

    @property
    def all_confident(self) -> BoolArray:
        """Shape (n,): whether every model stated a confidence."""
        return np.asarray(~np.isnan([a.confidence for a in self.models]).any(axis=0))


def lacks_confidence(pairs: PairedAnswers | JointAnswers, answers: Answers) -> BoolArray:
    """Shape (n,): whether a model owed a confidence and stated none that can be used.

    In open questions an abstention owes none, because it is no verdict that could be right.
    """
    lacking = np.isnan(answers.confidence)
    if pairs.wrong is not None and pairs.abstention is not None:
        lacking &= answers.predicted != pairs.labels.index(pairs.abstention)
    return lacking


def joint_answers(comparisons: Sequence[PairedAnswers]) -> JointAnswers:
    """One base and the checkpoints of several comparisons, the base first.

    Raises
    ------
    ValueError
        If `comparisons` is empty, or they are not of the same items and base answers, or of counts.
    """
    if not comparisons:
        raise ValueError("`comparisons` must not be empty")
    first = comparisons[0]
    if any(pairs.count is not None for pairs in comparisons):
        raise ValueError("`comparisons` must have a row for each item, not counts of items")
    for pairs in comparisons[1:]:
        same = (
            pairs.labels == first.labels
            and np.array_equal(pairs.target, first.target)
            and np.array_equal(pairs.base.predicted, first.base.predicted)
            and np.array_equal(pairs.base.confidence, first.base.confidence, equal_nan=True)
        )
        if not same:
            raise ValueError("`comparisons` must be of the same items with the same base answers")
    return JointAnswers(
        first.labels,
        first.abstention,
        first.target,
        (first.base, *(pairs.checkpoint for pairs in comparisons)),
        first.cluster,
        first.stratum,
        first.wrong,
    )


def paired_answers(
    labels: tuple[str, ...],
    abstention: str | None,
    target: npt.ArrayLike,
    base: Answers,
    checkpoint: Answers,
    cluster: npt.ArrayLike | None = None,
    stratum: npt.ArrayLike | None = None,
    wrong: str | None = None,
    scores: tuple[ScoreDeclaration, ...] = (),
    is_graded: bool = True,
    count: npt.ArrayLike | None = None,
) -> PairedAnswers:
    """Check two models' answers to the same items and pair them.

    Parameters
    ----------
    labels
        The k classes of the task.
    abstention
        The class that abstains, or None.
    target
        Shape (n,): index of the right class.
    base, checkpoint
        Answers of shape (n,); a prediction of k is invalid, a confidence of NaN not stated.
    cluster
        Shape (n,): group of items that are not independent, integers or strings; None if all are.
    stratum
        Shape (n,): group whose size is fixed when resampling, integers or strings; None for one
        stratum.
    wrong
        In open questions the class of a wrong answer, which is never a target; else None.
    scores
        What the scores of the answers are; empty where they have none.
    is_graded
        Whether answers are right or wrong, and have not only scores.
    count
        Shape (n,): how many items each row stands for, where `cluster` is None; None for one each.
        A group-by of a hundred million answers is then compared in the time of its groups.

    Returns
    -------
    PairedAnswers

    Raises
    ------
    ValueError
        If the arrays differ in length or hold values out of range, or the labels do not fit; the
        message names the argument and the rule.

    Notes
    -----
    Arrays are taken as they are, without a copy: whole numbers of any width, so that ``int8`` will
    do for labels, and confidences in double precision.

    Examples
    --------
    Five hundred thousand pairs, grouped by target, both labels and both confidences, are five rows.

    >>> from saeval.stats import StatsConfig, compare_task
    >>> base = Answers(np.array([0, 0, 1, 0, 2]), np.array([0.9, 0.8, 0.9, 0.9, 0.7]))
    >>> checkpoint = Answers(np.array([0, 2, 1, 2, 2]), np.array([0.9, 0.5, 0.9, 0.6, 0.8]))
    >>> count = np.array([200_000, 50_000, 100_000, 30_000, 120_000])
    >>> target = np.array([0, 0, 1, 2, 2])
    >>> pairs = paired_answers(("PASS", "FAIL", "NA"), "NA", target, base, checkpoint, count=count)
    >>> result = compare_task("claims", pairs, StatsConfig(n_resamples=200))
    >>> result.items, round(result.metric("accuracy").difference, 3)
    (500000, -0.04)
    """
    if len(set(labels)) != len(labels) or len(labels) < 2:
        raise ValueError(f"`labels` must be two or more different classes, found {labels}")
    if abstention is not None and abstention not in labels:
        raise ValueError(f"`abstention` must be one of `labels`, found {abstention!r}")
    if wrong is not None and (wrong not in labels or wrong == abstention):
        raise ValueError(f"`wrong` must be one of `labels` beside `abstention`, found {wrong!r}")
    checked_target = check.classes("target", target, len(labels))
    if wrong is not None and (checked_target == labels.index(wrong)).any():
        raise ValueError(f"`target` must never be {wrong!r}, the label of a wrong answer")
    models = []
    for name, answers in (("base", base), ("checkpoint", checkpoint)):
        predicted = check.classes(f"{name}.predicted", answers.predicted, len(labels) + 1)
        confidence = check.confidences(f"{name}.confidence", answers.confidence, missing=True)
        arrays = {"target": checked_target, f"{name}.predicted": predicted}
        check.same_length(**arrays, **{f"{name}.confidence": confidence})
        probabilities = answers.label_probabilities
        if probabilities is not None:
            argument = f"{name}.label_probabilities"
            probabilities = check.real(argument, check.plain_array(argument, probabilities))
            _check_probabilities(name, probabilities, len(checked_target), len(labels))
        normalised = answers.confidence_normalised
        if normalised is not None:
            argument = f"{name}.confidence_normalised"
            normalised = check.confidences(argument, normalised, missing=True)
            check.same_length(**{f"{name}.confidence": confidence, argument: normalised})
        own = {
            score.name: _scores(f"{name}.scores", answers.scores, score, len(checked_target))
            for score in scores
        }
        models.append(Answers(predicted, confidence, probabilities, own, normalised))
    groups = {}
    for name, group in (("cluster", cluster), ("stratum", stratum)):
        if group is not None:
            array = check.groups(name, group)
            check.same_length(target=checked_target, **{name: array})
            groups[name] = array
    _, number = check.clusters_or_counts(cluster, count, target=checked_target)
    return PairedAnswers(
        labels,
        abstention,
        checked_target,
        models[0],
        models[1],
        groups.get("cluster"),
        groups.get("stratum"),
        wrong,
        scores,
        is_graded,
        number,
    )


def _scores(
    argument: str, given: Mapping[str, FloatArray], score: ScoreDeclaration, items: int
) -> FloatArray:
    if score.name not in given:
        raise ValueError(f"`{argument}` must hold {score.name!r}")
    values = check.real(argument, check.plain_array(argument, given[score.name]))
    if values.shape != (items,):
        raise ValueError(f"`{argument}` must have shape {(items,)}, found {values.shape}")
    known = values[~np.isnan(values)]
    low, high = (-np.inf, np.inf) if score.range is None else score.range
    if np.isinf(known).any() or ((known < low) | (known > high)).any():
        raise ValueError(f"`{argument}` of {score.name!r} must be finite and in its range")
    if score.is_binary and not np.isin(known, (0, 1)).all():
        raise ValueError(f"`{argument}` of {score.name!r} must be 0 or 1")
    return values


def _check_probabilities(name: str, probabilities: FloatArray, items: int, classes: int) -> None:
    argument = f"{name}.label_probabilities"
    if probabilities.shape != (items, classes):
        raise ValueError(
            f"`{argument}` must have shape {(items, classes)}, found {probabilities.shape}"
        )
    probed = probabilities[~np.isnan(probabilities).any(axis=1)]
    if ((probed < 0) | (probed > 1)).any() or not np.allclose(probed.sum(axis=1), 1, atol=1e-6):
        raise ValueError(f"`{argument}` must hold rows in [0, 1] that sum to 1")
