"""A gate's verdict, with the comparison that was held to the policy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from saeval.errors import InputError
from saeval.evalsuite.compare.notebook import format_number, html_table
from saeval.evalsuite.compare.results import Comparison
from saeval.stats.gate import results

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Gate(results.Gate):
    """A checkpoint held to a policy: `saeval.gate` returns it.

    All of `saeval.stats.gate.results.Gate`, and the comparison.

    Examples
    --------
    >>> gate = saeval.gate("base.jsonl", "checkpoint.jsonl")              # doctest: +SKIP
    >>> gate.verdict                                                      # doctest: +SKIP
    'REGRESSION'
    >>> gate.to_frame().query("verdict == 'REGRESSION'")                  # doctest: +SKIP
    """

    compared: Comparison | None = field(
        default=None, repr=False, compare=False, metadata={"serialized": False}
    )

    @property
    def comparison(self) -> Comparison:
        """What was held to the policy."""
        if self.compared is None:
            raise InputError("the comparison of this gate is not at hand")
        return self.compared

    def to_frame(self) -> pd.DataFrame:
        """One row per rule and task.

        Returns
        -------
        pandas.DataFrame
            Columns ``task, metric, label, rule, limit, tier, verdict, estimate, low, high,
            pvalue_pass, pvalue_regression, pvalue_holm, items, method, decided_after,
            items_to_decide, note``.
        """
        import pandas as pd

        return pd.DataFrame([_to_row(result) for result in self.results])

    def _repr_html_(self) -> str:
        rows = [_to_cells(result) for result in self.results]
        title = f"{self.verdict}: {self.checkpoint} against {self.base} by {self.policy}"
        return html_table(title, _HEADS, rows)


_HEADS = ("task", "rule", "verdict", "estimate", "interval", "note")


def _to_cells(result: results.RuleResult) -> tuple[str, ...]:
    from saeval.reports.text.gate import demand, rule_name

    ends = "–"
    if (interval := result.interval) is not None:
        ends = f"[{format_number(interval.low)}, {format_number(interval.high)}]"
    return (
        result.task,
        f"{rule_name(result.rule)} {demand(result.rule)}",
        result.verdict if result.rule.is_blocking else f"{result.verdict} ({result.rule.tier})",
        format_number(result.estimate),
        ends,
        result.note or "",
    )


def _to_row(result: results.RuleResult) -> dict[str, object]:
    rule, interval = result.rule, result.interval
    return {
        "task": result.task,
        "metric": rule.metric,
        "label": rule.label,
        "rule": rule.kind,
        "limit": rule.limit,
        "tier": rule.tier,
        "verdict": result.verdict,
        "estimate": result.estimate,
        "low": None if interval is None else interval.low,
        "high": None if interval is None else interval.high,
        "pvalue_pass": result.pvalue_pass,
        "pvalue_regression": result.pvalue_regression,
        "pvalue_holm": result.pvalue_holm,
        "items": result.items,
        "method": result.method,
        "decided_after": result.decided_after,
        "items_to_decide": result.items_to_decide,
        "note": result.note,
    }
