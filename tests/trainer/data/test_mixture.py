"""Mixtures: apart from what is evaluated, in the shares asked for, whatever the files' order."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mixtures import data_of, fever, recipe_of, vitaminc, write_rows

from saeval.errors import DataError, RecipeError
from saeval.tasks.data.fingerprint import fingerprint_item
from saeval.tasks.data.loading import load_items
from saeval.tasks.registry import get_task
from saeval.trainer.data.holdout import HOLDOUT_FRACTION
from saeval.trainer.data.mixture import build_mixture
from saeval.trainer.data.rows import TrainingRow
from saeval.trainer.recipe.load import load_recipe

VITAMINC = {"task": "vitaminc"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return data_of(tmp_path)


def who(row: TrainingRow):
    return fingerprint_item(get_task(row.task), json.loads(row.item))


def ids(rows) -> list[str]:
    return [json.loads(row.item)["id"] for row in rows]


def assert_apart(training, holdout) -> None:
    for field in ("id", "text"):
        one, other = ({getattr(who(row), field) for row in rows} for rows in (training, holdout))
        assert not one & other
    one, other = ({c for row in rows for c in who(row).clusters} for rows in (training, holdout))
    assert not one & other


# Few ids, claims, cases and pages, so that training and test collide in every way.
ROWS = st.lists(
    st.tuples(*[st.integers(0, 12)] * 4).map(
        lambda n: vitaminc(
            n[0],
            claim=f"{'The ' * (n[1] % 2)}Claim {n[1] // 2}.",
            case_id=f"{n[2]}",
            page=f"P{n[3]}",
        )
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(train=ROWS, test=ROWS, split=st.sampled_from(["train", "test"]), seed=st.integers(0, 99))
def test_training_and_evaluation_share_no_id_wording_case_or_page(
    tmp_path_factory, train, test, split, seed
):
    folder = tmp_path_factory.mktemp("data")
    write_rows(folder, "vitaminc/train.jsonl", train)
    write_rows(folder, "vitaminc/test.jsonl", test)
    try:
        mixture = build_mixture(
            recipe_of({**VITAMINC, "split": split}), data_dir=str(folder), seed=seed
        )
    except DataError as error:
        if "asked for, only 0 exist" in str(error) or "too few to hold a share" in str(error):
            return
        raise
    assert_apart(mixture.training, mixture.holdout)
    (source,) = mixture.manifest["sources"]
    rows = train if split == "train" else test
    assert source["items"] + sum(source["dropped"].values()) == len(rows)


def test_each_way_to_be_known_is_counted(tmp_path):
    write_rows(tmp_path, "vitaminc/test.jsonl", [vitaminc(number) for number in range(4)])
    train = [
        vitaminc(10),
        vitaminc(11, unique_id="0_1"),
        vitaminc(12, claim="person 1 is 21 years old"),
        vitaminc(13, case_id="case 2"),
        vitaminc(14, page="Person 3"),
    ]
    write_rows(tmp_path, "vitaminc/train.jsonl", train)
    mixture = build_mixture(recipe_of(VITAMINC), data_dir=str(tmp_path))
    assert ids(mixture.training) == ["10_1"]
    assert mixture.manifest["sources"][0]["dropped"] == {"id": 1, "text": 1, "cluster": 2}


def test_the_evaluated_items_of_other_tasks_are_left_out_too(tmp_path):
    data_of(tmp_path)
    write_rows(tmp_path, "vitaminc/dev.jsonl", [vitaminc(5), vitaminc(200)])
    recipe = recipe_of(VITAMINC, evaluation={"tasks": ["vitaminc_dev"]})
    mixture = build_mixture(recipe, data_dir=str(tmp_path))
    assert {row.task for row in mixture.holdout} == {"vitaminc_dev"}
    assert mixture.manifest["sources"][0]["dropped"] == {"id": 1}
    assert "5_1" not in ids(mixture.training)


def test_the_order_of_the_files_does_not_matter(tmp_path):
    sources = ({**VITAMINC, "count": 40}, {"task": "fever", "per_label": {"NA": 10, "PASS": 5}})
    found = []
    for number in range(2):
        folder = data_of(tmp_path / str(number))
        for path in folder.rglob("*.jsonl"):
            lines = path.read_text().splitlines(keepends=True)
            random.Random(number).shuffle(lines)
            path.write_text("".join(lines))
        found.append(build_mixture(recipe_of(*sources), data_dir=str(folder), seed=7))
    assert found[0] == found[1]
    other = build_mixture(recipe_of(*sources), data_dir=str(folder), seed=8)
    assert other.training != found[0].training


def test_counts_are_kept_per_source_and_label(folder):
    wanted = {"NA": 9, "PASS": 4, "FAIL": 1}
    sources = ({**VITAMINC, "per_label": wanted}, {"task": "fever", "count": 11})
    mixture = build_mixture(recipe_of(*sources), data_dir=str(folder))
    assert Counter(row.target for row in mixture.training if row.task == "vitaminc") == wanted
    assert sum(row.task == "fever" for row in mixture.training) == 11
    assert [source["items"] for source in mixture.manifest["sources"]] == [14, 11]
    assert mixture.manifest["sources"][0]["labels"] == wanted
    assert len({row.task for row in mixture.training[:12]}) == 2, "sources are mixed"


def test_two_sources_of_a_task_never_give_the_same_item(folder):
    sources = ({**VITAMINC, "count": 20}, {**VITAMINC, "count": 20})
    mixture = build_mixture(recipe_of(*sources), data_dir=str(folder))
    assert len(set(ids(mixture.training))) == 40
    assert mixture.manifest["sources"][1]["dropped"] == {"in another source": 20}


def test_any_stretch_holds_sources_by_their_weight_and_every_item_comes(folder):
    sources = ({**VITAMINC, "count": 10, "weight": 3}, {"task": "fever", "count": 20, "weight": 1})
    mixture = build_mixture(recipe_of(*sources, optimisation={"steps": 99, "learning_rate": 1}),
                    data_dir=str(folder))  # fmt: skip
    tasks = [row.task for row in mixture.training]
    assert Counter(tasks) == {"vitaminc": 60, "fever": 20}
    for start in range(0, 80, 8):
        assert Counter(tasks[start : start + 8])["vitaminc"] == 6
    assert Counter(Counter(ids(mixture.training)).values()) == {6: 10, 1: 20}


def test_a_tiny_weight_makes_no_endless_mixture(folder):
    sources = ({**VITAMINC, "count": 30, "weight": 1e6}, {"task": "fever", "weight": 1e-6})
    mixture = build_mixture(recipe_of(*sources), data_dir=str(folder))
    assert len(mixture.training) == 91


def test_of_a_split_that_is_evaluated_a_share_is_held_out(tmp_path):
    rows = [vitaminc(number, page=f"P{number // 2}") for number in range(400)]
    write_rows(tmp_path, "vitaminc/test.jsonl", rows)
    recipe = recipe_of({**VITAMINC, "split": "test"}, evaluation={"items": 1000})
    mixture = build_mixture(recipe, data_dir=str(tmp_path))
    assert len(mixture.training) + len(mixture.holdout) == 400
    assert 0.5 * HOLDOUT_FRACTION < len(mixture.holdout) / 400 < 1.5 * HOLDOUT_FRACTION
    assert mixture.manifest["sources"][0]["dropped"] == {"held out": len(mixture.holdout)}
    fewer = write_rows(tmp_path / "fewer", "vitaminc/test.jsonl", rows[:200])
    again = build_mixture(recipe, data_dir=str(fewer))
    assert set(ids(again.holdout)) < set(ids(mixture.holdout))


def test_the_manifest_is_plain_json_without_a_word_of_the_items(folder):
    mixture = build_mixture(recipe_of(VITAMINC, {"task": "fever"}), data_dir=str(folder))
    text = json.dumps(mixture.manifest)
    assert json.loads(text) == mixture.manifest
    assert mixture.manifest["schema"] == "satrain.data/1"
    assert "Person" not in text
    assert "Town" not in text
    training = mixture.manifest["training"]
    assert training["ids"] == sorted({who(row).id for row in mixture.training})
    assert len(training["clusters"]) == 2 * 60, "case and page"


def test_factworld_has_a_training_split():
    mixture = build_mixture(
        recipe_of({"task": "factworld", "count": 500}, evaluation={"items": 300})
    )
    assert_apart(mixture.training, mixture.holdout)
    assert mixture.manifest["sources"][0]["dropped"] == {}


@pytest.mark.parametrize("name", ["qa-both", "ternary"])
def test_the_question_recipes_are_apart_from_what_they_hold_out(name, real_data):
    mixture = build_mixture(load_recipe(name), data_dir=str(real_data))
    assert len(mixture.training) > 3000
    assert len({json.loads(row.item)["id"].split("/")[0] for row in mixture.training}) == 4
    assert_apart(mixture.training, mixture.holdout)


def test_a_mixed_task_is_held_out_as_its_parts_are(real_data):
    recipe = recipe_of(
        {"task": "abstention_mix", "split": "test", "count": 500},
        evaluation={"tasks": ["popqa", "selfaware"], "items": 10_000},
    )
    mixture = build_mixture(recipe, data_dir=str(real_data))
    assert_apart(mixture.training, mixture.holdout)
    held = Counter(row.task for row in mixture.holdout)
    assert 0.15 < held["popqa"] / 2000 < 0.25
    assert 0.15 < held["selfaware"] / 3369 < 0.25


def test_own_evaluated_items_that_cannot_be_loaded_are_said(tmp_path):
    write_rows(tmp_path, "vitaminc/train.jsonl", [vitaminc(number) for number in range(9)])
    recipe = recipe_of(VITAMINC, evaluation={"tasks": ["factworld"]})
    mixture = build_mixture(recipe, data_dir=str(tmp_path))
    assert "no file matches" in mixture.manifest["not_checked"]["vitaminc"]
    with pytest.raises(DataError, match=r"no file matches .*; or name other tasks .*evaluation\.t"):
        build_mixture(recipe_of(VITAMINC), data_dir=str(tmp_path))


def test_too_few_items_are_an_error_that_says_why(folder):
    write_rows(folder, "vitaminc/test.jsonl", [vitaminc(number) for number in range(30)])
    for source, said in (
        ({"count": 31}, "31 items asked for, only 30 exist; 30 are evaluated, by id"),
        ({"per_label": {"NA": 11}}, "11 documents of label NA asked for, only 10 exist; 10 are"),
    ):
        with pytest.raises(DataError, match=said) as caught:
            build_mixture(recipe_of({**VITAMINC, **source}), data_dir=str(folder))
        assert str(caught.value).startswith("data.sources.0 (task vitaminc, split train): ")


def test_a_split_that_does_not_exist_is_a_mistake_in_the_recipe(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(
        "name: a\nsummary: b\nsource: c\ndata:\n  sources:\n    - task: climatefever\n"
        "      split: train\nreward: {correctness: {right: 1}}\n"
        "optimisation: {steps: 1, learning_rate: 1}\n"
    )
    said = ":7: task climatefever has no split train; it has test .of `test`, a share is held out"
    with pytest.raises(RecipeError, match=said):
        load_recipe(str(file))


def test_missing_training_files_are_one_sentence(tmp_path):
    write_rows(tmp_path, "fever/fever_gold_evidence.jsonl", [fever(number) for number in range(9)])
    with pytest.raises(
        DataError, match=r"task fever: no file matches .*fever/\*train\*\.jsonl; put"
    ):
        build_mixture(recipe_of({"task": "fever"}), data_dir=str(tmp_path))


def test_files_of_another_split_are_not_evaluated(tmp_path):
    write_rows(tmp_path, "fever/fever_gold_evidence.jsonl", [fever(number) for number in range(9)])
    write_rows(tmp_path, "fever/fever_gold_evidence_train.jsonl", [fever(20)])
    assert len(load_items(get_task("fever"), tmp_path)) == 9
    assert [d.id for d in load_items(get_task("fever"), tmp_path, split="train")] == ["20"]
    with pytest.raises(DataError, match="popqa has no split train; it has test"):
        load_items(get_task("popqa"), tmp_path, split="train")
