"""The questions that the study was made for, answered in sentences by its numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from study.knowledge import Knowledge
from study.tables import Row, find_row, metric_cell, number_cell

_ALPHA = 0.05
_CHANCE = 0.5


def answers(
    to_base: Sequence[Row], to_warm_up: Sequence[Row], knowledge: Sequence[Knowledge]
) -> Iterator[str]:
    """A paragraph for each question."""
    yield from _significant(to_base, to_warm_up)
    yield from _own_probabilities(knowledge)
    if to_base:
        yield from _stated(to_base)
    if to_warm_up:
        yield from _format(to_base, to_warm_up)


def _significant(to_base: Sequence[Row], to_warm_up: Sequence[Row]) -> Iterator[str]:
    for title, rows in (
        ("From the base to the checkpoints", to_base),
        ("From the warm-up to GRPO", to_warm_up),
    ):
        if not rows:
            continue
        better, worse, other, untold = [], [], [], 0
        for row in rows:
            if row["headline"] != "true" or not row["p_holm"]:
                continue
            if float(row["p_holm"]) >= _ALPHA:
                untold += 1
                continue
            of = "" if row["checkpoint_name"] == "checkpoint" else f", {row['checkpoint_name']}"
            name = f"{row['metric']} {row['label']}".strip()
            shown = f"{name} on {row['task']}{of} ({metric_cell(row)})"
            if not row["higher_is_better"]:
                other.append(shown)
            elif (float(row["difference"]) > 0) == (row["higher_is_better"] == "true"):
                better.append(shown)
            else:
                worse.append(shown)
        tested = len(better) + len(worse) + len(other) + untold
        yield f"**{title}.** {untold} of {tested} headline quantities that could be tested show no"
        yield "significant change (Holm's p at 5%).\n"
        for word, listed in (("Better", better), ("Worse", worse), ("Changed", other)):
            if listed:
                yield f"- {word}: {'; '.join(listed)}."
        yield ""


def _own_probabilities(knowledge: Sequence[Knowledge]) -> Iterator[str]:
    told, untold = [], []
    for row in knowledge:
        if row.auroc is None or row.group.endswith("has an answer"):
            continue
        value, low, high = row.auroc
        shown = f"{row.group} ({row.shots} examples) {value:.2f} [{low:.2f}, {high:.2f}]"
        (told if low > _CHANCE or high < _CHANCE else untold).append(shown)
    yield "**Is the base's AUROC near .5?** By its own probabilities:\n"
    yield f"- apart from .5: {'; '.join(told) or 'nowhere'};"
    yield f"- not told from .5: {'; '.join(untold) or 'nowhere'}.\n"
    yield "Over several relations together, part of it is which relation is asked.\n"


def _stated(to_base: Sequence[Row]) -> Iterator[str]:
    yield "**Does the stated confidence say anything?** Its AUROC, where any is stated:\n"
    seen = False
    for row in to_base:
        if row["metric"] == "auroc" and row["checkpoint"]:
            seen = True
            spread = find_row(to_base, row["task"], "confidence_std", row["checkpoint_name"])
            wide = number_cell(spread, "checkpoint") if spread else "–"
            value = number_cell(row, "checkpoint")
            yield f"- {row['task']}, {row['checkpoint_name']}: {value}, spread {wide}"
    if not seen:
        yield "- nowhere: no model stated a confidence with right and with wrong answers."
    yield ""


def _format(to_base: Sequence[Row], to_warm_up: Sequence[Row]) -> Iterator[str]:
    yield "**Are the gains those of the format alone?** Accuracy, and invalid answers:\n"
    yield "| task | base | after the warm-up | after GRPO | GRPO − warm-up |\n|:--|:--|:--|:--|:--|"
    for task in dict.fromkeys(row["task"] for row in to_warm_up):
        for metric in ("accuracy", "acc"):
            last = find_row(to_warm_up, task, metric, "checkpoint")
            first = find_row(to_base, task, metric, "warm-up")
            if last is None or first is None or not last["difference"]:
                continue
            before = find_row(to_base, task, "invalid_rate", "warm-up")
            after = find_row(to_warm_up, task, "invalid_rate", "checkpoint")
            cells = [
                _with_invalid(first, before, "base"),
                _with_invalid(last, after, "base"),
                _with_invalid(last, after, "checkpoint"),
                number_cell(last, "difference", sign=True),
            ]
            yield f"| {task} | {' | '.join(cells)} |"
    yield ""


def _with_invalid(accuracy: Row, invalid: Row | None, side: str) -> str:
    """``12.5% (100.0% invalid)``."""
    unread = f" ({100 * float(invalid[side]):.1f}% invalid)" if invalid and invalid[side] else ""
    return f"{100 * float(accuracy[side]):.1f}%{unread}"
