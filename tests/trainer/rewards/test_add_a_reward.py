"""The worked example of a further reward: one that charges for overconfidence."""

from __future__ import annotations

import pytest

from saeval.errors import RecipeError
from saeval.trainer.checks.check import check
from saeval.trainer.recipe.load import load_recipe
from saeval.trainer.rewards import registry
from saeval.trainer.rewards.completion import Completion
from saeval.trainer.rewards.example import make_completion
from saeval.trainer.rewards.registry import register_reward
from saeval.trainer.rewards.terms import compute_values


# [example]
def overconfidence(completion: Completion, *, above: float = 0.5, penalty: float = 1.0) -> float:
    """Charge for a stated confidence above a bound in a wrong answer.

    Examples
    --------
    >>> overconfidence(make_completion("FAIL", 0.9, target="PASS"), above=0.7)
    -0.2
    >>> overconfidence(make_completion("PASS", 0.9, target="PASS"), above=0.7)
    0.0
    """
    confidence = completion.reading.confidence or 0.0
    excess = 0.0 if completion.is_correct else max(0.0, confidence - above)
    return round(-penalty * excess, 12) + 0.0


# [end]
RECIPE = """\
name: careful
summary: Correctness, less a charge for overconfidence
source: an example
data:
  sources:
    - {task: factworld_residents, count: 100}
reward:
  correctness: {}
  overconfidence: {weight: 0.5, above: 0.7}
optimisation: {steps: 10, prompts_per_step: 4, group_size: 4, learning_rate: 1e-5}
"""


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setattr(registry, "_registered", dict(registry._registered))
    register_reward(overconfidence)


def test_it_pays_what_it_says(registered):
    assert overconfidence(make_completion("FAIL", 0.9, target="PASS"), above=0.7) == -0.2
    assert overconfidence(make_completion("PASS", 0.9, target="PASS"), above=0.7) == 0
    assert overconfidence(make_completion(None, target="PASS")) == 0


def test_a_recipe_pays_it_and_check_looks_at_it(registered, tmp_path):
    path = tmp_path / "careful.yaml"
    path.write_text(RECIPE)
    recipe = load_recipe(str(path))
    terms = recipe.terms
    wrong = [make_completion("FAIL", 0.9, target="PASS")]
    assert compute_values(terms, wrong) == {"correctness": [0.0], "overconfidence": [-0.2]}
    assert all(finding.code for finding in check(recipe))


def test_a_recipe_that_mistypes_it_is_told_so(registered, tmp_path):
    path = tmp_path / "careful.yaml"
    path.write_text(RECIPE.replace("overconfidence:", "overconfidense:"))
    with pytest.raises(RecipeError, match="overconfidence"):
        load_recipe(str(path))
