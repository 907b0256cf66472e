from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from strategies import LABELS, simulated

from saeval.stats._core.answers import Answers, JointAnswers, joint_answers
from saeval.stats.bootstrap.paired import paired_bootstrap, resampled_metrics
from saeval.stats.checkpoints.best import best_checkpoint
from saeval.stats.checkpoints.results import NoBestError
from saeval.stats.compare.config import StatsConfig

QUICK = StatsConfig(confidence_level=0.95, n_resamples=400, seed=0)
ACCURACY = ("accuracy", None)


def run(n=400, accuracies=(0.5, 0.55, 0.7, 0.6), seed=0, cluster=None) -> JointAnswers:
    """A base and its checkpoints, by their accuracies."""
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 3, n)

    def answers(accuracy: float) -> Answers:
        predicted = np.where(rng.random(n) < accuracy, target, (target + rng.integers(1, 3, n)) % 3)
        return Answers(predicted, rng.choice([0.5, 0.8, 0.9], n))

    return JointAnswers(LABELS, "NA", target, tuple(map(answers, accuracies)), cluster)


def accuracy(answers: JointAnswers) -> np.ndarray:
    return np.array([(model.predicted == answers.target).mean() for model in answers.models])


def test_two_models_resampled_jointly_are_the_joint_bootstrap():
    pairs = simulated(150, 0, clusters=40)
    bootstrap = paired_bootstrap(pairs, n_resamples=50, rng=3)
    base, checkpoint = resampled_metrics(joint_answers([pairs]), n_resamples=50, rng=3)
    for key, replicates in bootstrap.base_replicates.items():
        np.testing.assert_array_equal(base.replicates[key], replicates)
        np.testing.assert_array_equal(
            checkpoint.replicates[key], bootstrap.checkpoint_replicates[key]
        )


def test_a_model_that_is_there_twice_has_the_same_replicates_twice():
    answers = run()
    twice = replace(answers, models=(*answers.models, answers.models[1]))
    models = resampled_metrics(twice, n_resamples=60)
    for key, replicates in models[1].replicates.items():
        np.testing.assert_array_equal(models[-1].replicates[key], replicates)


def test_the_best_by_accuracy_with_its_difference_and_the_others():
    answers = run()
    values = accuracy(answers)
    best = best_checkpoint({"t": answers}, {"t": ACCURACY}, ["a", "b", "c"], QUICK)
    assert best.chosen == "b"
    assert best.base == pytest.approx(values[0])
    assert best.difference == pytest.approx(values[2] - values[0])
    assert [c.value for c in best.candidates] == pytest.approx(values[1:].tolist())
    assert best.interval == best.candidates[1].interval
    assert (best.items, best.tasks, best.left_out) == (400, ("t",), ())
    assert [c.maybe_best for c in best.candidates] == [False, True, False]


def test_replicates_vary_as_the_paired_difference_does():
    answers = run(n=600)
    best = best_checkpoint(
        {"t": answers}, {"t": ACCURACY}, ["a", "b", "c"], replace(QUICK, n_resamples=8000)
    )
    right = np.array([model.predicted == answers.target for model in answers.models]).astype(float)
    for index, candidate in enumerate(best.candidates, start=1):
        error = (right[index] - right[0]).std() / np.sqrt(600)
        # The simultaneous constant of three: between one comparison's and Bonferroni's.
        assert 1.96 * error < candidate.interval.high - candidate.difference < 2.42 * error


def test_clusters_are_resampled_whole():
    alone = run(n=400)
    cluster = np.repeat(np.arange(100), 4)
    together = replace(
        alone,
        target=alone.target[:100].repeat(4),
        models=tuple(
            Answers(model.predicted[:100].repeat(4), model.confidence[:100].repeat(4))
            for model in alone.models
        ),
        cluster=cluster,
    )
    names, wide = ["a", "b", "c"], replace(QUICK, n_resamples=4000)
    width = [
        np.mean([c.interval.high - c.interval.low for c in best.candidates])
        for best in (
            best_checkpoint({"t": answers}, {"t": ACCURACY}, names, wide)
            for answers in (alone, together)
        )
    ]
    assert width[1] == pytest.approx(2 * width[0], rel=0.15)


def test_several_tasks_count_alike_whatever_their_sizes():
    tasks = {"small": run(100, seed=1), "large": run(900, seed=2)}
    best = best_checkpoint(tasks, dict.fromkeys(tasks, ACCURACY), ["a", "b", "c"], QUICK)
    values = np.mean([accuracy(answers) for answers in tasks.values()], axis=0)
    assert [c.value for c in best.candidates] == pytest.approx(values[1:].tolist())
    assert best.items == 1000


def test_the_lower_brier_score_is_the_better_one_on_the_items_all_were_confident_on():
    answers = run()
    silent = replace(answers.models[3], confidence=np.where(np.arange(400) < 100, np.nan, 0.8))
    answers = replace(answers, models=(*answers.models[:3], silent))
    best = best_checkpoint({"t": answers}, {"t": ("brier", None)}, ["a", "b", "c"], QUICK)
    right = answers.models[2].predicted == answers.target
    score = ((answers.models[2].confidence - right) ** 2)[100:].mean()
    assert (best.chosen, best.items, best.higher_is_better) == ("b", 300, False)
    assert best.candidates[1].value == pytest.approx(score)
    assert best.corrected >= best.difference


def test_a_checkpoint_without_a_value_is_left_out_and_named():
    answers = run()
    never = Answers(np.zeros(400, dtype=np.int64), np.full(400, 0.5))
    answers = replace(answers, models=(*answers.models, never))
    key = ("precision", "NA")
    best = best_checkpoint({"t": answers}, {"t": key}, ["a", "b", "c", "never NA"], QUICK)
    assert best.left_out == ("never NA",)
    assert [c.name for c in best.candidates] == ["a", "b", "c"]


@pytest.mark.parametrize("few", [True, False])
def test_without_enough_items_or_a_value_there_is_no_best(few):
    answers = run(19 if few else 400)
    key = ACCURACY
    if not few:
        answers = replace(answers, target=np.zeros(400, dtype=np.int64))
        key = ("recall", "NA")
    with pytest.raises(NoBestError, match="no task has a value of the base on 20 items or more"):
        best_checkpoint({"t": answers}, {"t": key}, ["a", "b", "c"], QUICK)


def test_answers_to_other_items_cannot_be_put_together():
    first, second = simulated(50, 0), simulated(50, 1)
    with pytest.raises(ValueError, match="same items"):
        joint_answers([first, second])
    with pytest.raises(ValueError, match="must not be empty"):
        joint_answers([])
