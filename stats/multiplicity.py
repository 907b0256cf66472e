"""Several tests at once: adjusted p values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np


def adjusted_p(
    p: Sequence[float | None], *, method: Literal["holm", "fdr_bh"]
) -> tuple[float | None, ...]:
    """Holm's family-wise or Benjamini–Hochberg's false-discovery adjustment; None stays None.

    Examples
    --------
    >>> adjusted_p([0.01, None, 0.04], method="holm")
    (0.02, None, 0.04)
    """
    from statsmodels.stats.multitest import multipletests

    known = [value for value in p if value is not None]
    if not known:
        return tuple(p)
    if not all(0 <= value <= 1 for value in known):
        raise ValueError("`p` must lie in [0, 1]")
    adjusted = iter(np.asarray(multipletests(known, method=method)[1]).tolist())
    return tuple(None if value is None else next(adjusted) for value in p)
