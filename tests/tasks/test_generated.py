"""The group `retention`, and data sets of reasoning-gym."""

from __future__ import annotations

from itertools import pairwise

import pytest

from saeval.errors import InputError
from saeval.tasks.lm_eval.generated import load_generated
from saeval.tasks.lm_eval.reasoning_gym import load_reasoning_gym
from saeval.tasks.retention.items import TASKS, is_right, make_items


@pytest.mark.parametrize("task", TASKS)
def test_items_are_the_same_whatever_the_number_and_each_answer_is_right_for_its_own(task):
    items = make_items(task, seed=43)
    assert items[:20] == make_items(task, seed=43, count=20)
    assert items[:20] != make_items(task, seed=44, count=20)
    assert len({item.question for item in items}) > 150
    for item in items:
        assert is_right(task, item.answer, f"So:\n<answer>{item.answer}</answer>")
        assert is_right(task, item.answer, item.answer)
        assert not is_right(task, item.answer, "")
        assert not is_right(task, item.answer, f"<answer>{item.answer}9</answer>")
    wrong = sum(is_right(task, one.answer, other.answer) for one, other in pairwise(items))
    assert wrong < len(items) / 5


def test_known_items_stay_as_they_are():
    """What a run of another day is paired with."""
    assert [
        (i.question, i.answer) for i in make_items("retention_arithmetic", seed=43, count=2)
    ] == [
        ("What is 62 * 8?", "496"),
        ("What is 79 * 7?", "553"),
    ]


def test_the_group_is_three_tasks_of_the_harness_scored_by_their_own_check():
    found = load_generated("retention", seed=43, limit=3)
    assert [(own.task.config.task, own.group) for own in found] == [(t, "retention") for t in TASKS]
    for own in found:
        row = next(iter(own.task.eval_docs))
        assert own.task.process_results(row, [row["answer"]]) == {"acc": 1.0}
        assert own.task.process_results(row, ["<answer>x</answer>"]) == {"acc": 0.0}
        prompt = own.task.fewshot_context(row, num_fewshot=0)
        assert prompt.startswith(row["question"])


def test_reasoning_gym_scores_by_its_own_rule_and_says_its_version():
    pytest.importorskip("reasoning_gym")
    (own,) = load_generated("reasoning_gym:basic_arithmetic", seed=1, limit=4)
    rows = list(own.task.eval_docs)
    assert own.task.config.task == "reasoning_gym_basic_arithmetic"
    assert str(own.task.VERSION).count(".") == 2
    for row in rows:
        assert own.task.process_results(row, [f"<answer>{row['answer']}</answer>"]) == {"acc": 1.0}
    long = load_reasoning_gym("reasoning_gym:basic_arithmetic", seed=1, limit=8)
    assert [row["question"] for row in long.rows[:4]] == [row["question"] for row in rows]


@pytest.mark.parametrize(
    "name", ["binary_matrix", "countdown", "puzzle24", "n_queens", "polynomial_multiplication"]
)
def test_what_a_model_answers_is_never_run(name):
    """These data sets give the answer to `eval` or to sympy's parser, which evaluates it."""
    pytest.importorskip("reasoning_gym")
    with pytest.raises(InputError, match="scores an answer by running it as code"):
        load_generated(f"reasoning_gym:{name}", seed=1, limit=1)


def test_an_unknown_data_set_has_a_suggestion():
    pytest.importorskip("reasoning_gym")
    with pytest.raises(InputError, match="did you mean basic_arithmetic"):
        load_generated("reasoning_gym:basic_aritmetic", seed=1, limit=1)
