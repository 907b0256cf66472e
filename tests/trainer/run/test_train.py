"""`satrain run`: every recipe trains, and what it leaves behind is a checkpoint."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from training import SMALL, train, weights
from transformers import AutoModelForCausalLM, AutoTokenizer

from saeval.errors import ModelError, RewardError, RunFolderError, SaevalError
from saeval.evalsuite.models.resolve import resolve_model
from saeval.evalsuite.models.types import LocalModel
from saeval.hub import model_content
from saeval.trainer.cli import cli
from saeval.trainer.recipe.load import list_recipes, load_recipe
from saeval.trainer.run.folder import read_rows

NOT_PICKLED = {".json", ".jsonl", ".yaml", ".safetensors", ".jinja", ".html", ".png", ""}


@pytest.fixture(scope="module")
def finished(answering_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a recipe that probes, evaluated on the way."""
    out = tmp_path_factory.mktemp("finished") / "checkpoint"
    changes = ("optimisation.steps=4", "evaluation.every=2", "saving.every=2", "saving.history=2")
    assert train(answering_base, out, "mixed", *changes) == 0
    return out


@pytest.mark.slow
@pytest.mark.parametrize("name", [it for it in list_recipes() if not load_recipe(it).supervised])
def test_every_recipe_trains(name: str, answering_base: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert train(answering_base, out, name, "optimisation.steps=2") == 0
    recipe = load_recipe(name)
    rows = read_rows(out / "metrics.jsonl")
    assert [row["step"] for row in rows] == [1, 2]
    for term in recipe.terms:
        assert f"rewards/{term.name}/mean" in rows[0]
    assert {"abstention_rate", "format_rate", "any_right", "accuracy"} <= rows[0].keys()
    assert (out / "adapter_model.safetensors").exists() == (recipe.adapter is not None)
    assert ("kl" in rows[0]) == (recipe.optimisation.kl_beta > 0)
    assert ("probed/target" in rows[0]) == (recipe.probing.every > 0)


@pytest.mark.slow
def test_it_trains_on_real_items(answering_base: Path, real_data: Path, tmp_path: Path) -> None:
    out, tasks = tmp_path / "out", ("fever", "vitaminc", "climatefever")
    sources = ", ".join(f"{{task: {task}, split: test, count: 8}}" for task in tasks)
    command = ["run", "mixed", "--base", str(answering_base), "--out", str(out)]
    changes = (*SMALL, f"data.sources=[{sources}]", "optimisation.steps=2")
    cli([*command, "--data-dir", str(real_data), *changes], standalone_mode=False)
    (row,) = (row for row in read_rows(out / "evaluation.jsonl") if row["step"] == 2)
    assert row["tasks"].keys() == {"fever", "vitaminc_dev", "climatefever"}
    data = json.loads((out / "data.json").read_text())
    assert [source["items"] for source in data["sources"]] == [8, 8, 8]


def test_the_checkpoint_is_what_compare_takes(finished: Path, answering_base: Path) -> None:
    model = resolve_model(str(finished))
    assert isinstance(model, LocalModel)
    assert model.adapter == finished
    training = json.loads((finished / "training.json").read_text())
    assert training["base"]["content"] == model.content == model_content(answering_base)
    assert training["finished"]
    assert training["step"] == training["steps"] == 4


def test_checkpoints_in_between_are_what_compare_takes(
    finished: Path, answering_base: Path
) -> None:
    steps = sorted((finished / "history").iterdir())
    assert [path.name for path in steps] == ["step-2", "step-4"]
    for step, path in zip((2, 4), steps, strict=True):
        model = resolve_model(str(path))
        assert isinstance(model, LocalModel)
        assert (model.adapter, model.content) == (path, model_content(answering_base))
        training = json.loads((path / "training.json").read_text())
        assert training["step"] == step
        assert (path / "data.json").read_bytes() == (finished / "data.json").read_bytes()
        assert {file.suffix for file in path.iterdir()} <= NOT_PICKLED
    assert weights(steps[1]) == weights(finished) != weights(steps[0])


def test_keeping_them_changes_no_weight(
    finished: Path, answering_base: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    changes = ("optimisation.steps=4", "evaluation.every=2", "saving.every=2")
    assert train(answering_base, out, "mixed", *changes) == 0
    assert weights(out) == weights(finished)
    assert not (out / "history").exists()


def test_the_checkpoint_loads_and_differs_from_its_base(
    finished: Path, answering_base: Path
) -> None:
    base = AutoModelForCausalLM.from_pretrained(answering_base)
    ids = AutoTokenizer.from_pretrained(finished)("LABEL=", return_tensors="pt").input_ids
    with torch.no_grad():
        before = base(ids).logits
        after = PeftModel.from_pretrained(base, finished)(ids).logits
    assert (before - after).abs().max() > 1e-3


def test_nothing_is_pickled_or_left_over(finished: Path) -> None:
    assert {path.suffix for path in finished.rglob("*")} <= NOT_PICKLED
    assert not (finished / ".resume").exists()


def test_the_base_is_named_as_it_was(finished: Path, answering_base: Path) -> None:
    config = json.loads((finished / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(answering_base)


def test_the_recipe_beside_it_trains_the_same_again(
    finished: Path, answering_base: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again"
    assert train(answering_base, again, str(finished / "recipe.yaml"), "optimisation.steps=4") == 0
    assert weights(again) == weights(finished)


def test_held_out_items_are_evaluated_before_during_and_after(finished: Path) -> None:
    rows = read_rows(finished / "evaluation.jsonl")
    assert [row["step"] for row in rows] == [0, 2, 4]
    assert rows[0]["items"] == rows[0]["tasks"]["factworld"]["items"] == 4
    assert 0 <= rows[-1]["accuracy"] <= 1


def test_a_finished_run_is_left_alone(finished: Path, answering_base: Path) -> None:
    before = weights(finished), (finished / "metrics.jsonl").read_text()
    changes = ("optimisation.steps=4", "evaluation.every=2", "saving.every=2")
    assert train(answering_base, finished, "mixed", *changes) == 0
    assert (weights(finished), (finished / "metrics.jsonl").read_text()) == before


def test_the_page_shows_the_numbers_and_loads_nothing(finished: Path) -> None:
    page = (finished / "run.html").read_text()
    assert "<svg" in page
    assert "Held-out items" in page
    assert "src=" not in page
    assert (finished / "curves.png").stat().st_size > 10_000


def test_a_batch_of_parts_trains_alike(answering_base: Path, tmp_path: Path) -> None:
    """`hardware` changes nothing beyond rounding."""
    changes = ("optimisation.steps=2",)
    train(answering_base, tmp_path / "whole", "mixed", *changes)
    train(
        answering_base, tmp_path / "parts", "mixed", *changes, "hardware.completions_per_device=4"
    )
    whole, parts = (
        PeftModel.from_pretrained(
            AutoModelForCausalLM.from_pretrained(answering_base), tmp_path / it
        )
        for it in ("whole", "parts")
    )
    for one, other in zip(whole.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)


def test_a_folder_of_another_recipe_is_refused(finished: Path, answering_base: Path) -> None:
    before = weights(finished)
    with pytest.raises(RunFolderError, match=r"another recipe \(optimisation.steps was 4, now 5\)"):
        train(answering_base, finished, "mixed", "optimisation.steps=5")
    assert weights(finished) == before


def test_a_folder_of_something_else_is_refused(answering_base: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(RunFolderError, match="not a run of satrain"):
        train(answering_base, tmp_path, "mixed")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_base_that_is_not_there_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nowhere: no such local file or folder"):
        train(tmp_path / "nowhere", tmp_path / "out", "mixed")
    assert not (tmp_path / "out").exists()


def test_an_adapter_of_another_program_is_no_base(finished: Path, tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        shutil.copyfile(finished / name, adapter / name)
    with pytest.raises(ModelError, match="is an adapter"):
        train(adapter, tmp_path / "out", "mixed")


def test_missing_data_leaves_nothing(answering_base: Path, tmp_path: Path) -> None:
    command = ["run", "mixed", "--base", str(answering_base), "--out", str(tmp_path / "out")]
    with pytest.raises(Exception, match="fever") as caught:
        cli([*command, "--data-dir", str(tmp_path)], standalone_mode=False)
    assert type(caught.value).__name__ == "DataError"
    assert not (tmp_path / "out").exists()


def test_groups_that_devices_would_split_are_refused(answering_base: Path, tmp_path: Path) -> None:
    with pytest.raises(SaevalError, match="no multiple of the group size 4"):
        train(answering_base, tmp_path / "out", "mixed", "hardware.devices=4")
    assert not (tmp_path / "out").exists()


def test_more_devices_than_it_was_started_on_are_refused(
    answering_base: Path, tmp_path: Path
) -> None:
    with pytest.raises(SaevalError, match="started on 1 devices"):
        train(answering_base, tmp_path / "out", "mixed", "hardware.devices=2")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("hardware.vllm={mode: colocate}", "vLLM is not available"),
        ("trackers=[trackio]", "trackio is not installed"),
    ],
)
def test_a_library_that_is_missing_is_named(
    change: str, said: str, answering_base: Path, tmp_path: Path
) -> None:
    library = "vllm" if "vllm" in change else "trackio"
    if find_spec(library) is not None:
        pytest.skip(f"{library} is installed")
    with pytest.raises(SaevalError, match=said):
        train(answering_base, tmp_path / "out", "correctness-brier", change)


def test_memory_that_runs_out_says_what_to_lower(
    answering_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from saeval.trainer.backends.policy_model import PolicyModel

    def full(*_: object) -> list[str]:
        torch.empty(1 << 50)
        raise AssertionError

    monkeypatch.setattr(PolicyModel, "label_probabilities", full)
    with pytest.raises(SaevalError, match=r"lower hardware\.completions_per_device"):
        train(answering_base, tmp_path / "out", "mixed", "optimisation.steps=2")


def test_weights_that_are_spoilt_stop_it(answering_base: Path, tmp_path: Path) -> None:
    changes = ("optimisation.steps=6", "optimisation.learning_rate=1e30")
    with pytest.raises(SaevalError, match=r"lower .?optimisation\.learning_rate"):
        train(answering_base, tmp_path / "out", "correctness-brier", *changes)


def test_an_alarm_stops_it_and_the_checkpoint_is_whole(
    answering_base: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    alarms = (
        "alarms.confidence_spread_below=1",
        "alarms.format_rate_below=null",
        "alarms.abstention_rate_below=null",
        "alarms.patience=2",
        "alarms.stop=true",
    )
    assert train(answering_base, out, "mixed", "optimisation.steps=6", *alarms) == 4
    training = json.loads((out / "training.json").read_text())
    assert (training["step"], training["finished"]) == (2, False)
    assert [alarm["name"] for alarm in training["alarms"]] == ["confidence"]
    assert isinstance(resolve_model(str(out)), LocalModel)


def test_a_reward_that_is_not_finite_stops_it_with_its_name(
    answering_base: Path, tmp_path: Path
) -> None:
    changes = ("optimisation.steps=6", "reward.log_score={scale: 1e200, missing: -1e200}")
    with pytest.raises(RewardError, match="reward component log_score: is -inf"):
        train(answering_base, tmp_path / "out", "correctness-brier", *changes)


def test_a_component_of_no_weight_is_logged_and_changes_nothing(
    answering_base: Path, tmp_path: Path
) -> None:
    for name, change in (("with", ["reward.exploration={bonus: 1, weight: 0}"]), ("without", [])):
        train(answering_base, tmp_path / name, "correctness-brier", "optimisation.steps=2", *change)
    assert weights(tmp_path / "with") == weights(tmp_path / "without")
    rows = read_rows(tmp_path / "with" / "metrics.jsonl")
    assert all("rewards/exploration/mean" in row for row in rows)


def test_how_rewards_are_scaled_decides_the_weights(answering_base: Path, tmp_path: Path) -> None:
    found = set()
    for scaled in ("group", "batch", "none"):
        out = tmp_path / scaled
        change = f"optimisation.scale_rewards={scaled}"
        assert train(answering_base, out, "correctness-brier", change, "optimisation.steps=3") == 0
        found.add(weights(out))
    assert len(found) == 3


def test_rare_right_answers_are_ranked_by_likelihood(answering_base: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    changes = ("optimisation.steps=3", "reward.unlikeliness.strength=0.5")
    assert train(answering_base, out, "correctness-brier", *changes) == 0
    rows = read_rows(out / "metrics.jsonl")
    assert any(row["rewards/unlikeliness/mean"] < 0 for row in rows)


def test_completions_of_one_generation_train_several_steps(
    answering_base: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    changes = (
        "optimisation.steps=4",
        "optimisation.steps_per_generation=2",
        "optimisation.iterations=2",
        "hardware.completions_per_device=4",
    )
    assert train(answering_base, out, "correctness-brier", *changes) == 0
    rows = read_rows(out / "metrics.jsonl")
    # Rewards are computed where completions are generated, once in four steps.
    assert ["reward" in row for row in rows] == [True, False, False, False]
