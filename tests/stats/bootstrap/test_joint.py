from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from strategies import LABELS

from saeval.stats._core.answers import Answers, paired_answers
from saeval.stats.bootstrap.joint import generator_of, joint_bootstrap
from saeval.stats.bootstrap.paired import paired_bootstrap

RNG = np.random.default_rng(0)
PAIRS = paired_answers(
    LABELS,
    "NA",
    RNG.integers(0, 3, 400),
    *(Answers(RNG.integers(0, 4, 400), RNG.choice([0.5, 0.9, np.nan], 400)) for _ in range(2)),
)


def drawn(pairs=PAIRS, task="fever", n_resamples=20, seed=3):
    return joint_bootstrap(task, pairs, n_resamples=n_resamples, seed=seed)


def test_it_is_drawn_once_for_the_same_pairs_and_settings():
    again = dataclasses.replace(PAIRS, target=PAIRS.target.copy())
    assert drawn() is drawn(again)


@pytest.mark.parametrize(
    "other",
    [
        {"task": "halueval"},
        {"n_resamples": 21},
        {"seed": 4},
        {"pairs": dataclasses.replace(PAIRS, abstention=None)},
        {"pairs": dataclasses.replace(PAIRS, cluster=np.arange(400) // 2)},
        {"pairs": dataclasses.replace(PAIRS, stratum=np.arange(400) // 200)},
        {"pairs": dataclasses.replace(PAIRS, base=PAIRS.checkpoint)},
    ],
)
def test_another_task_seed_or_answer_is_drawn_anew(other):
    assert drawn(**other) is not drawn()


def test_what_is_kept_is_what_would_be_drawn():
    kept, fresh = drawn(), paired_bootstrap(PAIRS, n_resamples=20, rng=generator_of("fever", 3))
    for key, values in fresh.checkpoint_replicates.items():
        np.testing.assert_array_equal(kept.checkpoint_replicates[key], values)
