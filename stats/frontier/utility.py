"""Each model's best prompt at a given penalty for a wrong answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from saeval.stats._core.arrays import IntArray
from saeval.stats.frontier.pareto import Outcomes
from saeval.stats.frontier.results import Utility
from saeval.stats.inference.means import mean_difference

PENALTIES = (0.0, 1.0, 2.0, 4.0)
"""What a wrong answer costs where a right one earns 1."""


def utilities(
    outcomes: Mapping[str, Sequence[Outcomes]],
    cluster: IntArray | None,
    confidence_level: float,
    penalties: Sequence[float] = PENALTIES,
) -> tuple[Utility, ...]:
    """For every penalty λ, each model's best prompt by right − λ · wrong.

    Parameters
    ----------
    outcomes
        By model, the base first; all of the same items in the same order.
    cluster, confidence_level
        As in `points`.
    penalties
        Values of λ. The first of equally good prompts is taken.

    Notes
    -----
    +1 for a right answer, 0 for none and −λ for a wrong one is the reward of [1]_. In the plane
    it is the point that a line of slope λ meets first, coming from above at the left.

    References
    ----------
    .. [1] Honesty over accuracy: trustworthy language models through Reinforced Hesitation
       (2025), arXiv:2511.11500.
    """
    best_prompts = []
    for penalty in penalties:
        base: npt.NDArray[np.float64] | None = None
        for model, prompts in outcomes.items():
            values = [outcomes.right - penalty * outcomes.wrong for outcomes in prompts]
            best = int(np.argmax([value.mean() for value in values]))
            value = values[best]
            own = mean_difference(
                np.zeros(len(value)), value, cluster=cluster, confidence_level=confidence_level
            )
            paired = None
            if base is not None:
                paired = mean_difference(
                    base, value, cluster=cluster, confidence_level=confidence_level
                )
            else:
                base = value
            best_prompts.append(
                Utility(
                    penalty,
                    model,
                    prompts[best].system,
                    float(value.mean()),
                    own.confidence_interval,
                    paired.difference if paired else None,
                    paired.confidence_interval if paired else None,
                )
            )
    return tuple(best_prompts)
