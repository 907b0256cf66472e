"""How the numbers were made and what they mean, for the end of a report."""

from __future__ import annotations

from collections.abc import Iterator

from saeval.reports.text.metric_names import metric_definition, metric_name
from saeval.reports.text.numbers import format_count, format_items, format_level, join_words
from saeval.stats.compare.results import Comparison, ModelDescription
from saeval.terminal_text import one_line

METHODS: dict[str, str] = {
    "mcnemar-mid-p": "McNemar mid-p",
    "paired-bootstrap": "paired bootstrap p",
    "paired-t": "paired t",
    "stratified-t": "t stratified by subject, every item counting the same",
    "stratified-cluster-t": "t stratified by subject, cluster-robust, every item counting the same",
    "cr3-t": "cluster-robust t (CR3)",
    "delong-z": "DeLong by influence functions",
    "delong-cr3-t": "DeLong by influence functions, cluster-robust (CR3)",
    "smoothed-delong-z": "DeLong with four pseudo-items, as confidence hardly varies",
    "smoothed-delong-cr3-t": "DeLong with four pseudo-items, as confidence hardly varies, "
    "cluster-robust (CR3)",
    "jackknife-t": "jackknife t",
    "mover-auroc": "MOVER of beta limits, as errors are few",
    "mover-auroc-cr3": "MOVER of beta limits, as errors or clusters are few",
    "smoothed-mover-auroc": "MOVER of beta limits with four pseudo-items, as confidence hardly "
    "varies and errors are few",
    "smoothed-mover-auroc-cr3": "MOVER of beta limits with four pseudo-items, as confidence hardly "
    "varies and errors or clusters are few",
    "mover-beta": "MOVER of beta limits",
    "mover-korn-graubard": "MOVER of Korn–Graubard limits (clusters)",
    "jackknife-cr3-t": "jackknife t, cluster-robust (CR3)",
    "smoothed-jackknife-t": "jackknife t with four pseudo-items, as confidence hardly varies",
    "smoothed-jackknife-cr3-t": "jackknife t with four pseudo-items, as confidence hardly varies, "
    "cluster-robust (CR3)",
    "jackknife-cluster-t": "jackknife t, leaving out clusters",
    "tango-score": "Tango score interval",
    "percentile-bootstrap": "percentile bootstrap interval",
    "cluster-percentile-bootstrap": "cluster percentile bootstrap interval",
    "wilson": "Wilson interval",
}


def settings_lines(comparison: Comparison) -> list[tuple[str, str]]:
    """Name and value of everything a reader needs to make the numbers again."""
    settings = comparison.settings
    lines = [
        ("Base", _model(comparison.base)),
        ("Checkpoint", _model(comparison.checkpoint)),
        *_costs(comparison),
        ("Confidence level", format_level(settings.confidence_level)),
        ("Bootstrap replicates", format_count(settings.n_resamples)),
        ("Seed", str(settings.seed)),
        *([("Judge", settings.judge)] if settings.judge else []),
        ("saeval", f"{comparison.saeval_version}, {comparison.schema}"),
    ]
    return [(name, one_line(text)) for name, text in lines]


def _costs(comparison: Comparison) -> Iterator[tuple[str, str]]:
    for who, model in (("base", comparison.base), ("checkpoint", comparison.checkpoint)):
        if (cost := model.cost) is not None:
            probed = f" (and {format_count(cost.probe_tokens)} for label probabilities)"
            money = "" if cost.money is None else f", {cost.money:,.4g} at the prices given"
            yield (
                f"Cost of {who}",
                f"{format_items(cost.items)}, {format_count(cost.prompt_tokens)} tokens "
                f"read{probed if cost.probe_tokens else ''}, {format_count(cost.response_tokens)} "
                f"written{money}",
            )


def _model(model: ModelDescription) -> str:
    facts = "".join(f"; {name}: {fact}" for name, fact in model.facts.items())
    return f"{model.name} ({model.source}{facts})"


def methods(comparison: Comparison) -> list[str]:
    """One sentence per pair of test and interval: which metrics use them."""
    users: dict[str, dict[str, None]] = {}
    for task in comparison.tasks:
        for row in task.metrics:
            if row.method is None or not row.headline:
                continue
            used = [METHODS.get(row.method, row.method)]
            if row.confidence_interval is not None and row.confidence_interval.method != row.method:
                method = row.confidence_interval.method
                used.append(METHODS.get(method, method))
            name = metric_name(row, task.abstention)
            users.setdefault(" and ".join(used), {})[name] = None
    sentences = [f"{one_line(join_words(list(names)))}: {how}." for how, names in users.items()]
    own = sum(row.pvalue_holm is not None for task in comparison.tasks for row in task.metrics)
    if comparison.tests_in_family:
        others = " and checkpoint" if comparison.tests_in_family > own else ""
        sentences.append(
            f"Holm and Benjamini–Hochberg adjust over {_tests(comparison.tests_in_family)}: "
            f"every headline metric of every task{others}. Max-T adjusts over those of one task."
        )
    return sentences


def _tests(count: int) -> str:
    return f"{format_count(count)} {'test' if count == 1 else 'tests'}"


def definitions(comparison: Comparison) -> list[tuple[str, str]]:
    """One line for each metric shown; per-class metrics once, of the class that abstains.

    A metric of confidence that some tasks state and of others is the model's own has a line for
    each.
    """
    lines: dict[str, dict[str, None]] = {}
    for task in comparison.tasks:
        abstention = task.abstention
        for row in task.metrics:
            if row.label in (None, abstention):
                name = one_line(metric_name(row, abstention))
                text = metric_definition(row, abstention, bool(task.confidence_is_own))
                lines.setdefault(name, {})[one_line(text)] = None
    return [(name, text) for name, texts in lines.items() for text in texts]
