"""Items that the checkpoint was trained on, and the comparison without them."""

from __future__ import annotations

from saeval.evalsuite.compare.pairing import PairedPredictions
from saeval.evalsuite.models.training_data import TrainingData
from saeval.stats._core.answers import PairedAnswers
from saeval.stats.compare.contamination import Overlap, compare_clean


def compare_without_training_items(
    pairs: PairedPredictions, arrays: PairedAnswers, training: TrainingData | None, level: float
) -> Overlap | None:
    """Which of the paired items were trained on, and the comparison without them.

    Parameters
    ----------
    pairs, arrays
        The same pairs twice.
    training
        None where it is not known.
    level
        Confidence level.
    """
    if training is None:
        return None
    return compare_clean(
        arrays,
        pairs.base.ids(),
        [training.shared(pairs.task, prediction) for prediction in pairs.base.values()],
        level,
    )
