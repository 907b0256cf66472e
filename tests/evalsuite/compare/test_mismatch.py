"""Why two models' predictions cannot be compared, as data, is what `compare` says it is."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any

import pytest
from builders import prediction
from general_tasks import lines
from hypothesis import given, settings
from hypothesis import strategies as st

import saeval
from saeval.evalsuite.compare.mismatch import (
    Items,
    Mismatch,
    ScoreMismatch,
    SettingMismatch,
    find_mismatch,
)
from saeval.evalsuite.models.types import SavedPredictions
from saeval.evalsuite.store.manifest import RunManifest
from saeval.evalsuite.store.prediction import Prediction, Score, Usage
from saeval.evalsuite.store.table import PredictionTable, by_task
from saeval.tasks.registry import get_task, list_tasks

N_ITEMS = 8


def side(
    name: str,
    predictions: Iterable[Prediction],
    identity: dict[str, Any] | None = None,
    **task: Any,
) -> SavedPredictions:
    """A run if it has an `identity`; `task` are facts of the task fever in its manifest."""
    manifest = None
    if identity is not None:
        manifest = RunManifest.model_validate(
            {
                "schema": RunManifest.SCHEMA,
                "kind": "run",
                "identity": {"model": {"name": name}, **identity},
                "tasks": {"fever": {"items": N_ITEMS, **task}},
            }
        )
    tables = by_task([PredictionTable.of(predictions)], name)
    return SavedPredictions(name, name, (), tables, manifest)


def answers(*spoiled: tuple[int, dict[str, Any]], task: str = "fever") -> list[Prediction]:
    """Answers to all items, some of which are not as the others."""
    changes = dict(spoiled)
    return [prediction(i, "PASS", task=task, **changes.get(i, {})) for i in range(N_ITEMS)]


def cut(is_cut: bool) -> dict[str, Any]:
    return {"usage": Usage(prompt_tokens=9, response_tokens=1, truncated=is_cut)}


def refusal(base: SavedPredictions, checkpoint: SavedPredictions, **options: Any) -> str | None:
    """Why `compare` does not compare them; None where it does."""
    try:
        saeval.compare(base, checkpoint, n_resamples=100, **options)
    except saeval.PairingError as error:
        return str(error)
    return None


def check_agrees(
    base: SavedPredictions, checkpoint: SavedPredictions, *, limit: int = 100, **options: Any
) -> Mismatch | None:
    """The mismatch, which is there just where `compare` refuses the pair, for the same reason."""
    found = find_mismatch(base, checkpoint, limit=limit, **options)
    assert (found and found.reason) == refusal(base, checkpoint, **options)
    if found is not None:
        assert json.loads(json.dumps(asdict(found)))["reason"] == found.reason
    return found


NOTHING = Items(0, ())


def test_what_can_be_compared_has_no_mismatch():
    assert check_agrees(side("a", answers()), side("b", answers()[1:])) is None


@pytest.mark.parametrize(
    ("aspect", "change"),
    [
        ("documents", {"document_hash": "other"}),
        ("prompts", {"prompt_hash": "other"}),
        ("targets", {"target_hash": "other"}),
        ("documents", {"document_hash": None, "document": {"claim": "Other.", "evidence": []}}),
    ],
)
def test_items_that_differ_are_counted_and_named(aspect, change):
    spoiled = [(number, change) for number in (6, 2, 4)]
    mismatch = check_agrees(side("a", answers()), side("b", answers(*spoiled)[1:]))
    (task,) = mismatch.tasks
    assert (task.task, task.base, task.checkpoint, task.common) == ("fever", 8, 7, 7)
    assert getattr(task, aspect) == Items(3, ("item-002", "item-004", "item-006"))
    others = {"documents", "prompts", "targets", "truncated"} - {aspect}
    assert all(getattr(task, other) == NOTHING for other in others)
    assert (task.base_only, task.checkpoint_only) == (Items(1, ("item-000",)), NOTHING)
    assert task.reason == mismatch.reason


def test_all_that_differs_is_found_and_not_only_what_the_sentence_names():
    base = side("a", [*answers((1, cut(True)), (5, cut(True))), *answers(task="vitaminc")])
    spoiled = (0, {"prompt_hash": "x"}), (1, cut(False) | {"target_hash": "x"}), (5, cut(True))
    checkpoint = side(
        "b", [*answers(*spoiled), *answers((3, {"document_hash": "x"}), task="vitaminc")]
    )
    mismatch = check_agrees(base, checkpoint)
    fever, vitaminc = mismatch.tasks
    assert fever.prompts == Items(1, ("item-000",))
    assert fever.targets == fever.truncated == Items(1, ("item-001",))
    assert vitaminc.documents == Items(1, ("item-003",))
    assert mismatch.reason == fever.reason
    assert fever.reason.startswith("task fever: prompts differ on 1 of 8 items (item-000); ")
    assert vitaminc.reason.startswith("task vitaminc: documents differ on 1 of 8 items")


def test_what_may_differ_where_that_is_allowed_is_still_shown():
    base, checkpoint = side("a", answers()), side("b", answers((0, {"prompt_hash": "x"})))
    assert check_agrees(base, checkpoint, allow_mismatch=True) is None
    checkpoint = side("b", answers((0, {"prompt_hash": "x"}), (1, {"target_hash": "x"})))
    mismatch = check_agrees(base, checkpoint, allow_mismatch=True)
    (task,) = mismatch.tasks
    assert task.reason.startswith("task fever: targets differ on 1 of 8 items (item-001); ")
    assert task.prompts == Items(1, ("item-000",))


def test_no_more_ids_than_the_limit_are_named():
    other = side("b", answers(*[(i, {"prompt_hash": "x"}) for i in range(N_ITEMS)])[:-1])
    (task,) = find_mismatch(side("a", answers()), other, limit=3).tasks
    assert task.prompts == Items(7, ("item-000", "item-001", "item-002"))


def test_an_item_with_several_answers_is_named_once():
    def sampled(*samples: int, **changed: Any) -> list[Prediction]:
        return [prediction(i, sample_index=k, **changed) for k in samples for i in range(N_ITEMS)]

    other = side("b", sampled(0, 1, prompt_hash="x"))
    (task,) = check_agrees(side("a", sampled(0, 1, 2)), other, limit=2).tasks
    assert (task.base, task.checkpoint, task.common) == (24, 16, 16)
    assert task.prompts == Items(16, ("item-000", "item-001"))
    assert task.base_only == Items(8, ("item-000", "item-001"))


def test_tasks_of_one_side_are_named():
    base = side("a", [*answers(), *answers(task="vitaminc")])
    other = side("b", answers(task="scifact"))
    mismatch = check_agrees(base, other)
    assert mismatch.reason == "no task in common: base has fever, vitaminc; checkpoint has scifact"
    assert mismatch.base_only_tasks == ("fever", "vitaminc")
    assert mismatch.checkpoint_only_tasks == ("scifact",)
    assert mismatch.tasks == ()


def test_no_item_in_common_names_those_of_each():
    other = side("b", [prediction(i) for i in range(20, 24)])
    (task,) = check_agrees(side("a", answers()), other, limit=1).tasks
    assert (task.common, task.base_only, task.checkpoint_only) == (
        0, Items(8, ("item-000",)), Items(4, ("item-020",)),
    )  # fmt: skip
    assert "no item in common (8 and 4 items" in task.reason


def test_tasks_about_own_answers_are_refused_with_their_reason():
    own = next(name for name in list_tasks() if get_task(name).asks_about_own_answers)
    mismatch = check_agrees(side("a", answers(task=own)), side("b", answers(task=own)))
    assert mismatch.tasks[0].reason == mismatch.reason


def test_what_forbids_a_whole_task_is_said_before_items_of_another():
    base = side("a", [*answers(), *answers(task="confidence")])
    other = side("b", [*answers((0, {"target_hash": "x"})), *answers(task="confidence")])
    mismatch = check_agrees(base, other)
    assert [task.reason.split(":")[0] for task in mismatch.tasks] == [
        "task fever",
        "task confidence",
    ]
    assert mismatch.reason == mismatch.tasks[1].reason


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({"acc": 1}, (("exact_match", "in [0, 1], higher for better", None),
                      ("acc", None, "in [0, 1], higher for better"))),
        ({"exact_match": Score(value=1, range=(0, 10))},
         (("exact_match", "in [0, 1], higher for better", "in [0, 10], higher for better"),)),
        ({"exact_match": Score(value=7, range=None, higher_is_better=False)},
         (("exact_match", "in [0, 1], higher for better", "unbounded, lower for better"),)),
    ],
)  # fmt: skip
def test_scores_that_differ_are_described(other, expected):
    base = side("a", lines("gsm8k", [{"exact_match": 1}] * 30))
    mismatch = check_agrees(base, side("b", lines("gsm8k", [other] * 30)))
    (task,) = mismatch.tasks
    assert task.scores == tuple(ScoreMismatch(*each) for each in expected)
    assert task.prompts == task.documents == NOTHING


def test_a_group_is_one_task():
    def group(prompt: str) -> list[Prediction]:
        return [
            line
            for name in ("mmlu_a", "mmlu_b")
            for line in lines(name, [{"acc": 1}] * 20, group="mmlu", prompt_hash=prompt)
        ]

    (task,) = check_agrees(side("a", group("x")), side("b", group("y")), limit=1).tasks
    assert (task.task, task.prompts) == ("mmlu", Items(40, ("mmlu_a/00000",)))


def test_settings_that_differ_have_the_values_of_both_and_a_remedy():
    sampling = {"limit": 8, "per_label": None, "seed": 43}
    base = side(
        "a", answers(), {"system": None, "samples": 1, "sampling": sampling},
        version=1, generation={"until": ["\n"], "max_gen_toks": 8},
    )  # fmt: skip
    other = side(
        "b", answers(), {"system": "Be brief.", "sampling": sampling | {"seed": 7}},
        version=2, generation={"until": ["\n"], "max_gen_toks": 9},
    )  # fmt: skip
    mismatch = check_agrees(base, other)
    assert mismatch.settings == (
        SettingMismatch(
            None, "system", None, "Be brief.",
            "--system is not given there and Be brief. here", "leave out --system",
        ),
        SettingMismatch(
            "fever", "version", 1, 2, "task fever is version 1 there and version 2 here", None
        ),
        SettingMismatch(
            "fever", "generation", {"max_gen_toks": 8}, {"max_gen_toks": 9},
            "generation in task fever is max_gen_toks=8 there and max_gen_toks=9 here", None,
        ),
    )  # fmt: skip
    (seed,) = mismatch.sampling
    assert (seed.name, seed.base, seed.checkpoint) == ("seed", 43, 7)
    assert mismatch.tasks[0].reason is None
    assert check_agrees(base, other, allow_mismatch=True) is None


def test_two_runs_of_one_name_are_not_taken_for_one():
    base, other = side("run", answers(), {"system": None}), side("run", answers(), {"system": "x"})
    assert check_agrees(base, other).settings[0].name == "system"


CHANGES = st.sampled_from(
    [
        {},
        {},
        {},
        {"document_hash": None},
        {"document_hash": None, "prompt_hash": None},
        {"document_hash": "x"},
        {"document_hash": None, "document": {"claim": "Other.", "evidence": []}},
        {"prompt_hash": "x"},
        {"target_hash": "x"},
        cut(True),
        cut(False),
        None,
    ]
)
"""Of an item: what differs from the other items; None where it was not asked."""
TASKS = st.sampled_from(
    [
        ["fever"],
        ["fever"],
        ["fever", "vitaminc"],
        ["vitaminc", "fever"],
        ["vitaminc"],
        ["fever", "confidence"],
    ]
)
IDENTITIES = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {},
        optional={
            "system": st.sampled_from([None, "x"]),
            "samples": st.sampled_from([1, 2]),
            "chat_template": st.booleans(),
        },
    ),
)


@st.composite
def sides(draw: st.DrawFn, name: str) -> SavedPredictions:
    predictions = [
        prediction(number, "PASS", task=task, **change)
        for task in draw(TASKS)
        for number, change in enumerate(draw(st.lists(CHANGES, min_size=2, max_size=2)))
        if change is not None
    ]
    identity = draw(IDENTITIES)
    made = side(name, predictions or [prediction(9)], identity)
    if identity is None:
        return made
    version = draw(st.sampled_from([None, 1, 2]))
    fever = made.manifest.tasks["fever"].model_copy(update={"version": version})
    return replace(made, manifest=made.manifest.model_copy(update={"tasks": {"fever": fever}}))


@settings(max_examples=150)
@given(sides("a"), sides("b"), st.booleans())
def test_it_agrees_with_compare_on_whatever_differs(base, checkpoint, allow_mismatch):
    check_agrees(base, checkpoint, allow_mismatch=allow_mismatch)
