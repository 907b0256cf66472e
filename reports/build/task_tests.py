"""The tests of a task in detail: treatments of invalid answers, McNemar, symmetry, spread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from saeval.reports.build.cells import cells_of
from saeval.reports.document import Block, Cell, Column, Facts, Only, Paragraph, Part, Row, Table
from saeval.reports.text.metric_names import TREATMENTS
from saeval.reports.text.numbers import (
    MISSING,
    format_count,
    format_difference,
    format_interval,
    format_level,
    format_pvalue,
    format_small_pvalue,
    format_value,
    format_value_range,
)
from saeval.stats._core.interval import Proportion
from saeval.stats._core.results import McNemar
from saeval.stats.compare.abstention import has_invalid
from saeval.stats.compare.confidence_std import PairedStd
from saeval.stats.compare.invalid import InvalidTreatment
from saeval.stats.compare.missing_confidence import MissingConfidence
from saeval.stats.compare.model_result import ModelResult
from saeval.stats.compare.results import TaskComparison
from saeval.stats.compare.transitions import Transitions
from saeval.stats.metrics.registry import get_metric


def detail_parts(task: TaskComparison, level: float) -> Iterator[Block]:
    """Every test, each with a title of its own."""
    title = "Accuracy by treatment of invalid answers"
    if has_invalid(task):
        yield treatment_part(title, task.invalid_treatments, level)
    if task.missing_confidence is not None:
        yield _missing_confidence(task.missing_confidence, level)
    if task.mcnemar is None or task.transitions is None:
        return
    note = _flip_rates(task.transitions, level)
    if task.clusters is not None:
        note = (
            "McNemar’s test and the treatments’ intervals take items as independent, which in "
            f"clusters they are not; the headline’s do not. {note}"
        )
    yield Part("McNemar and flips", (mcnemar_facts(task.mcnemar), Paragraph(note, "note")))
    yield Part("Symmetry of the label changes", (_symmetry(task.transitions),))
    if task.std is not None:
        yield Part("Spread of confidence, paired", (_spread(task.std),))
    if task.levene:
        yield _levene(task)
    yield Only("html", (Part("Each model alone", (_each_alone(task),)),))


def treatment_part(title: str, treatments: Sequence[InvalidTreatment], level: float) -> Part:
    """Accuracy under several ways to count invalid answers."""
    columns = (
        Column("Treatment"),
        *map(Column, ("Items", "Base", "Checkpoint", "Difference")),
        Column(f"{format_level(level)} interval"),
    )
    rows = tuple(
        Row(
            cells_of(
                TREATMENTS.get(treatment.treatment, treatment.treatment),
                format_count(treatment.items),
                format_value(treatment.base, "proportion"),
                format_value(treatment.checkpoint, "proportion"),
                format_difference(treatment.difference, "proportion"),
                format_interval(treatment.interval, "proportion"),
            )
        )
        for treatment in treatments
    )
    return Part(title, (Table(columns, rows),))


def _missing_confidence(treatments: Sequence[MissingConfidence], level: float) -> Part:
    """Metrics of confidence under several ways to count what was left out."""
    columns = (
        Column("Metric"),
        Column("Missing confidences"),
        *map(Column, ("Items", "Base", "Checkpoint", "Difference")),
        Column(f"{format_level(level)} interval"),
    )
    rows = tuple(
        Row(
            cells_of(
                get_metric(treatment.metric).title,
                treatment.treatment,
                format_count(treatment.items),
                format_value(treatment.base, get_metric(treatment.metric).scale),
                format_value(treatment.checkpoint, get_metric(treatment.metric).scale),
                format_difference(treatment.difference, get_metric(treatment.metric).scale),
                format_interval(treatment.interval, get_metric(treatment.metric).scale),
            )
        )
        for treatment in treatments
    )
    return Part("Confidence by treatment of what was left out", (Table(columns, rows),))


def mcnemar_facts(test: McNemar) -> Facts:
    """Both counts and every p."""
    return Facts(
        (
            ("Right with the base only", format_count(test.base_only)),
            ("Right with the checkpoint only", format_count(test.checkpoint_only)),
            ("p, mid-p", format_small_pvalue(test.pvalue_mid)),
            ("p, exact", format_small_pvalue(test.pvalue_exact)),
            ("p, asymptotic", format_small_pvalue(test.pvalue_asymptotic)),
            ("p, continuity-corrected", format_small_pvalue(test.pvalue_corrected)),
            ("χ², continuity-corrected", f"{test.statistic_corrected:.3f}"),
        )
    )


def transition_table(task: TaskComparison) -> Part:
    """How often each base label became each checkpoint label."""
    transitions = task.transitions
    if transitions is None:
        return Part("", ())
    table = count_table(transitions.labels, transitions.labels, transitions.counts)
    return Part("Labels from base (rows) to checkpoint (columns)", (table,))


def count_table(
    rows: Sequence[str], columns: Sequence[str], counts: Sequence[Sequence[int]], corner: str = ""
) -> Table:
    """Counts of rows × columns."""
    return Table(
        (Column(corner), *map(Column, columns)),
        tuple(
            Row((Cell(name), *cells_of(*map(format_count, numbers))), strong=True)
            for name, numbers in zip(rows, counts, strict=True)
        ),
    )


def _flip_rates(transitions: Transitions, level: float) -> str:
    def text(name: str, rate: Proportion) -> str:
        shown = f"{name} {format_value(rate.value, 'proportion')}"
        if rate.interval is None:
            return shown
        limits = format_value_range(rate.interval, "proportion")
        return f"{shown} ({format_level(level)} Wilson interval {limits})"

    negative = text("Negative-flip rate (right to wrong)", transitions.negative_flip_rate)
    positive = text("positive-flip rate (wrong to right)", transitions.positive_flip_rate)
    return f"{negative}, {positive}."


def _symmetry(transitions: Transitions) -> Facts:
    return Facts(
        (
            (
                "Bowker, as many from one label to another as back, p",
                format_small_pvalue(transitions.bowker_pvalue),
            ),
            (
                "Stuart–Maxwell, the same proportions of labels, p",
                format_small_pvalue(transitions.stuart_maxwell_pvalue),
            ),
        )
    )


def _spread(spread: PairedStd) -> Facts:
    return Facts(
        (
            (
                "Standard deviation, base and checkpoint",
                f"{spread.base_std:.3f}, {spread.checkpoint_std:.3f}",
            ),
            ("p of their ratio", format_small_pvalue(spread.log_ratio_pvalue)),
            ("p, paired Brown–Forsythe", format_small_pvalue(spread.brown_forsythe_pvalue)),
        )
    )


def _levene(task: TaskComparison) -> Part:
    rows = tuple(
        Row(cells_of(test.center, _number(test.statistic), format_pvalue(test.pvalue)))
        for test in task.levene
    )
    note = (
        "It takes the two models’ confidences for independent samples, which on the same items "
        "they are not. The paired tests stand beside it."
    )
    table = Table((Column("Centre"), Column("Statistic"), Column("p")), rows)
    return Part("Levene, spread of confidence", (table, Paragraph(note, "note")))


def _each_alone(task: TaskComparison) -> Table:
    def counts(model: ModelResult) -> tuple[str, ...]:
        numbers = (model.answered, model.abstained, model.invalid, model.stated_confidence)
        return tuple(map(format_count, numbers))

    def scores(model: ModelResult) -> tuple[str, ...]:
        return tuple(
            map(
                _number,
                (
                    model.ece_10,
                    model.ece_15,
                    model.brier_miscalibration,
                    model.brier_discrimination,
                    model.brier_uncertainty,
                    model.auarc,
                    model.augrc,
                ),
            )
        )

    names = (
        "Answered", "Abstained", "Invalid",
        "With a probability of the choice" if task.confidence_is_own else "Stated a confidence",
        "Classic ECE, 10 bins",
        "Classic ECE, 15 bins", "Brier: miscalibration (CORP)", "Brier: discrimination",
        "Brier: uncertainty", "AUARC", "AUGRC",
    )  # fmt: skip
    columns = (counts(model) + scores(model) for model in (task.base, task.checkpoint))
    rows = (Row(cells_of(*row)) for row in zip(names, *columns, strict=True))
    return Table((Column(""), Column("Base"), Column("Checkpoint")), tuple(rows))


def _number(value: float | None) -> str:
    return MISSING if value is None else f"{value:.3f}"
