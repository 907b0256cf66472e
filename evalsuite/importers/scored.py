"""Scores of other programs, which say a number and seldom its range."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from saeval.errors import InputError
from saeval.evalsuite.store.prediction import Score

_LOWER_IS_BETTER = re.compile(
    r"(?:^|[^a-z])(?:wer|cer|ter|mer|wil|perplexity|ppl|loss|nll|bits_per_byte|error|brier\w*|ece"
    r"|toxic\w*|edit_distance|rank)(?:$|[^a-z])",
    re.IGNORECASE,
)


class ScoreReader:
    """Makes scores of a file's numbers: in [0, 1] where all of a name are, else without a range.

    Lower is better where `higher_is_better` or else the name says so (``wer``, ``perplexity``,
    ``brier_score``), else higher.
    """

    def __init__(self, higher_is_better: Mapping[str, bool] | None = None) -> None:
        self._higher_is_better = higher_is_better or {}
        self._outside: set[str] = set()

    def see(self, name: str, value: float) -> None:
        """Take note of a number before any is made a score."""
        if not 0 <= value <= 1:
            self._outside.add(name)

    def score(self, name: str, value: float) -> Score:
        """The number as a score."""
        bounds = None if name in self._outside else (0.0, 1.0)
        better = self._higher_is_better.get(name, _LOWER_IS_BETTER.search(name) is None)
        return Score(value=value, range=bounds, higher_is_better=better)


def common_scores(items: Sequence[Mapping[str, float]], where: str) -> list[str]:
    """The scores that every item has, in the order of the first item.

    Raises
    ------
    InputError
        If there is none.
    """
    common = [name for name in items[0] if all(name in item for item in items)] if items else []
    if not common:
        raise InputError(f"{where}: its items have no score in common")
    return common
