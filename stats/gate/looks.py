"""Gating a checkpoint again after more answers: what each look may spend of α."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_SHARE = 0.8
_NEXT = 1 - FIRST_SHARE


def look_share(number: int) -> float:
    """The share of α that a look may spend: 0.8, 0.16, 0.032, …, which sum to 1.

    Parameters
    ----------
    number
        1 for the first look.

    Raises
    ------
    ValueError
        If it is less than 1.

    Notes
    -----
    Whoever gates again until a verdict comes errs with the sum of what the looks err with, at most,
    whatever decides when to look and how many answers are added. The first look has most of it,
    because most checkpoints are looked at once.

    Examples
    --------
    >>> [round(look_share(number), 3) for number in (1, 2, 3)]
    [0.8, 0.16, 0.032]
    """
    if number < 1:
        raise ValueError(f"`number` must be 1 or more, found {number}")
    return FIRST_SHARE * _NEXT ** (number - 1)


@dataclass(frozen=True)
class Look:
    """Which look at a checkpoint a gate was, and what it could spend.

    Attributes
    ----------
    number
        1 for the first.
    alpha
        The error probability of this look's verdicts; those of all looks sum to 1 − level.
    among
        Number of checkpoints that share α.
    checkpoints
        Checkpoints gated against this base by rules on these metrics, this one included; each
        of them has an α of its own.
    note
        Why earlier looks are not known, where they are not.
    """

    number: int
    alpha: float
    among: int = 1
    checkpoints: int = 1
    note: str | None = None
