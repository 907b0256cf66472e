"""What to ask of an engine that gives next-token log-probabilities, for those of whole labels.

The log-probability of a label is the sum over its tokens, each read from the next-token
distribution after what precedes it. One request gives the distribution after a prefix; where the
token that follows is prescribed, the same request gives the one after that token as well, so that a
label of two tokens costs no second reading of its prefix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Tokens = tuple[int, ...]


@dataclass(frozen=True)
class Step:
    """One request: what is read, which tokens are scored, and the token that must follow, if any.

    `prefixes` are those whose next-token distributions it gives, one after another.
    """

    prefix: Tokens
    wanted: tuple[int, ...]
    forced: int | None = None

    @property
    def prefixes(self) -> tuple[Tokens, ...]:
        """Those whose next-token distributions it gives, one after another."""
        longer = () if self.forced is None else ((*self.prefix, self.forced),)
        return (self.prefix, *longer)


def distinct_prefixes(labels: Sequence[tuple[Tokens, Tokens]]) -> dict[Tokens, set[int]]:
    """Every prefix of every label, and the tokens whose probability is wanted after it."""
    wanted: dict[Tokens, set[int]] = {}
    for prefix, label in labels:
        for position, token in enumerate(label):
            wanted.setdefault(prefix + label[:position], set()).add(token)
    return wanted


def plan_steps(labels: Sequence[tuple[Tokens, Tokens]], *, may_force: bool) -> list[Step]:
    """The fewest requests that give what is wanted after every prefix, two prefixes at most each.

    Parameters
    ----------
    labels
        Each as what precedes it and its own tokens.
    may_force
        Whether a request may prescribe its next token. Which token the model would have taken is
        then not known.

    Examples
    --------
    >>> [step.prefixes for step in plan_steps([((7,), (1, 2)), ((7,), (3,))], may_force=True)]
    [((7,), (7, 1))]
    """
    left = distinct_prefixes(labels)
    steps = []
    for prefix in sorted(left, key=len):
        if prefix not in left:
            continue
        wanted = left.pop(prefix)
        children = [token for token in wanted if (*prefix, token) in left]
        # The one with no more than its own prefix below it: longer ones pair up among themselves.
        forced = min(children, key=lambda t: (_depth(left, (*prefix, t)), t), default=None)
        if forced is None or not may_force:
            steps.append(Step(prefix, tuple(sorted(wanted))))
        else:
            wanted |= left.pop((*prefix, forced))
            steps.append(Step(prefix, tuple(sorted(wanted)), forced))
    return steps


def _depth(left: Mapping[Tokens, set[int]], prefix: Tokens) -> int:
    return sum(other[: len(prefix)] == prefix for other in left)


def sum_label(
    scores: Mapping[Tokens, Mapping[int, float]],
    greedy: Mapping[Tokens, int | None],
    prefix: Tokens,
    label: Tokens,
) -> tuple[float, bool | None]:
    """A label's log-probability, and whether all its tokens are the likeliest; None if unknown."""
    steps = [(prefix + label[:at], token) for at, token in enumerate(label)]
    total = sum(scores[before][token] for before, token in steps)
    likeliest = [greedy[before] for before, _ in steps]
    if any(own not in (None, token) for own, (_, token) in zip(likeliest, steps, strict=True)):
        return total, False
    return total, None if None in likeliest else True
