"""Did you mean …?"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def closest(name: str, known: Iterable[str], *, cutoff: float = 0.5) -> str | None:
    """The known name that is most like `name`; None if none is like it."""
    return next(iter(get_close_matches(name, list(known), n=1, cutoff=cutoff)), None)


def all_close(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> list[str]:
    """The known names that are like `name`, three at most, the nearest first."""
    return get_close_matches(name, list(known), n=3, cutoff=cutoff)


def did_you_mean(name: str, known: Iterable[str], *, cutoff: float = 0.5) -> str:
    """``did you mean fever?`` where a known name is close, else ``known: …`` with all of them.

    Examples
    --------
    >>> did_you_mean("fevr", ["fever", "popqa"])
    'did you mean fever?'
    >>> did_you_mean("xyz", ["fever", "popqa"])
    'known: fever, popqa'
    """
    names = list(known)
    near = closest(name, names, cutoff=cutoff)
    return f"did you mean {near}?" if near else f"known: {', '.join(names)}"
