"""Sentences about a frontier, for every format."""

from __future__ import annotations

from collections.abc import Sequence

from saeval.reports.sanitize import shortened
from saeval.reports.text.numbers import format_difference, format_pvalue, format_value, join_words
from saeval.stats.frontier.results import BeyondFront, Dominance, Frontier, Point, Relation

RELATIONS: dict[Relation, str] = {
    "dominates": "✓ dominates",
    "dominated": "✗ is dominated",
    "trade": "⇄ trades",
    "noise": "~ not detected",
    "untested": "– untested",
}

HOW_TO_READ = (
    "Every item is answered rightly, wrongly, or not at all, so a model under a prompt is a point. "
    "A front joins the prompts of one model that no other prompt of it matches in one proportion "
    "and beats in the other; it is an estimate. Filled points are on the front of their model. On "
    "the dashed line right and wrong answers are all there is."
)
HOW_TESTED = (
    "Differences are checkpoint − base on the same items. Dominates: no worse in either proportion "
    "by estimate, and significantly better in one; trades: better in one, worse in the other, at "
    "least one significantly. Holm’s p is over every test of this table."
)
HOW_BEYOND = (
    "Beyond the base’s front: against every prompt of the base, and against abstaining on "
    "everything, more right or fewer wrong answers (intersection–union test; Holm’s p over the "
    "checkpoints’ points)."
)
HOW_USEFUL = (
    "A right answer earns 1, a wrong one costs λ, none earns 0; each model under its best "
    "prompt, which was chosen on these items. The difference is from the base under its own."
)


_NAME = 40
_NAMES_TOGETHER = 3


def right_is(frontier: Frontier) -> str:
    """What counts as right and as wrong in this kind of task."""
    if frontier.kind == "question":
        return (
            "Right: the right answer, among all items; abstention earns nothing, even where it is "
            "due. Wrong: any other answer, also to a question that has none, and what cannot be "
            "parsed."
        )
    return (
        "Right: the right verdict among all items, NA where it is due included. Wrong: a wrong "
        "PASS or FAIL, also where NA was due, and what cannot be parsed; an NA that was not due is "
        "neither."
    )


def sentences(frontier: Frontier) -> tuple[str, ...]:
    """Each model's front, then of every checkpoint whether it lies beyond the base's."""
    fronts = [_front(frontier, model.name) for model in frontier.models]
    verdicts = [_verdict(frontier, model.name) for model in frontier.models[1:]]
    return (*fronts, *verdicts)


def together(names: Sequence[str], limit: int) -> str:
    """Names of points in one place, each cut to `limit` characters."""
    shown = [shortened(name, limit) for name in names[:_NAMES_TOGETHER]]
    more = len(names) - len(shown)
    return " = ".join(shown) + (f" = {more} more" if more else "")


def _front(frontier: Frontier, model: str) -> str:
    places: dict[tuple[int, int], list[Point]] = {}
    for point in frontier.points:
        if point.model == model and point.on_front:
            places.setdefault((point.wrong.count, point.right.count), []).append(point)
    named = [
        f"{together([point.system for point in points], _NAME)} ({_proportions(points[0])})"
        for _, points in sorted(places.items())
    ]
    return f"{_short(model)}: the front is {join_words(named)}."


def _verdict(frontier: Frontier, model: str) -> str:
    """Of the checkpoint's own front, which is where one would run it."""
    front = {point.system for point in frontier.points if point.model == model and point.on_front}
    tested = [point for point in frontier.beyond if point.model == model and point.system in front]
    pairs = [pair for pair in frontier.dominances if pair.model == model and pair.system in front]
    base, checkpoint = _short(frontier.models[0].name), _short(model)
    if all(point.pvalue is None for point in tested):
        return f"{checkpoint}: too few items to say whether a prompt takes {base} there."
    if beyond := [point for point in tested if point.beyond]:
        return (
            f"{checkpoint} lies beyond the front of {base} with {_named(beyond)}: no prompt of "
            f"{base} is as often right with no more wrong answers."
        )
    nowhere = f"{checkpoint} is nowhere significantly beyond the front of {base}"
    if losing := [pair for pair in pairs if pair.relation == "dominated"]:
        return f"{nowhere}, and a prompt buys more: {_loss(losing[0], base)}."
    return f"{nowhere}: a prompt may have bought the same."


def _named(beyond: list[BeyondFront]) -> str:
    return join_words(
        [
            f"{_short(point.system)} (Holm’s p {format_pvalue(point.pvalue_holm)})"
            for point in beyond
        ]
    )


def _loss(pair: Dominance, base: str) -> str:
    return (
        f"{base} with {_short(pair.base_system)} dominates it with {_short(pair.system)} "
        f"(checkpoint − base: right {format_difference(pair.right.difference, 'proportion')}, "
        f"wrong {format_difference(pair.wrong.difference, 'proportion')})"
    )


def _proportions(point: Point) -> str:
    return (
        f"{format_value(point.right.value, 'proportion')} right, "
        f"{format_value(point.wrong.value, 'proportion')} wrong"
    )


def _short(name: str) -> str:
    return shortened(name, _NAME)
