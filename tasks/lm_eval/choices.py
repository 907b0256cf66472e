"""What the log-likelihoods of multiple choice say: the choice made, and how sure of it they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Choice:
    """The likeliest choice of an item.

    Attributes
    ----------
    index
        Its place among the choices; the first of several that are equal, as in lm-eval's ``acc``.
    confidence
        Its probability: softmax over the choices' log-likelihoods.
    normalised
        Of the choice that is likeliest by length (lm-eval's ``acc_norm``): the same over
        log-likelihoods divided by the choices' lengths in characters; None if one has no length.
    """

    index: int
    confidence: float
    normalised: float | None


def choose(log_likelihoods: Sequence[float], choices: Sequence[str]) -> Choice:
    """The choice that log-likelihoods make.

    Parameters
    ----------
    log_likelihoods
        One per choice, in nats.
    choices
        Their texts.

    Raises
    ------
    ValueError
        If there is not one finite number per choice.

    Examples
    --------
    >>> choice = choose([-1.0, -2.0], ["no", "yes, it is"])
    >>> choice.index, round(choice.confidence, 4), round(choice.normalised, 4)
    (0, 0.7311, 0.5744)

    The second is the less likely in all, but not by character: −2/10 is more than −1/2.
    """
    if len(log_likelihoods) != len(choices) or not all(map(math.isfinite, log_likelihoods)):
        raise ValueError(
            f"expected {len(choices)} finite log-likelihoods, found {list(log_likelihoods)}"
        )
    top = max(log_likelihoods)
    normalised = None
    if all(choices):
        by_length = [
            value / len(text) for value, text in zip(log_likelihoods, choices, strict=True)
        ]
        normalised = _largest_share(by_length)
    return Choice(list(log_likelihoods).index(top), _largest_share(log_likelihoods), normalised)


def _largest_share(values: Sequence[float]) -> float:
    """The largest probability of their softmax."""
    top = max(values)
    return 1 / math.fsum(math.exp(value - top) for value in values)
