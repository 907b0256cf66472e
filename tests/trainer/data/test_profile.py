"""Profiles: what the base knows, and what is chosen by it."""

from __future__ import annotations

import doctest
import json
from pathlib import Path

import pytest
from mixtures import data_of, recipe_of

from saeval.errors import DataError
from saeval.hub import model_content
from saeval.tasks.factworld.world import generate_claims
from saeval.tasks.registry import get_task
from saeval.trainer.cli import main
from saeval.trainer.data import profile as module
from saeval.trainer.data.base_sampler import make_entry
from saeval.trainer.data.mixture import build_mixture
from saeval.trainer.data.profile import Profile, filter_by_pass_rate, hash_prompt, read_profile
from saeval.trainer.data.rows import make_training_row
from saeval.trainer.demo.tiny_model import build_tiny_model
from saeval.trainer.recipe.data_settings import PassRateFilter, PromptSettings
from saeval.trainer.recipe.schema import Recipe

SAMPLES = 4
ITEMS = generate_claims("train", 9)


def test_examples_are_true():
    outcome = doctest.testmod(module)
    assert outcome.attempted > 0
    assert outcome.failed == 0


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        (PassRateFilter(), [0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1]),
        (PassRateFilter(max_right_share=0.5), [0, 0.125, 0.25, 0.375, 0.5]),
        (
            PassRateFilter(min_right_share=0.25, max_right_share=0.75),
            [0.25, 0.375, 0.5, 0.625, 0.75],
        ),
        (PassRateFilter(top_by_variance=3), [0.375, 0.5, 0.625]),
        (PassRateFilter(top_by_variance=2), [0.375, 0.5]),
        (PassRateFilter(max_right_share=0.25, top_by_variance=1), [0.25]),
        (PassRateFilter(min_right_share=0.9, top_by_variance=5), [1]),
    ],
)
def test_the_band_and_then_the_greatest_variance(wanted, kept):
    share = {item.id: number / 8 for number, item in enumerate(ITEMS)}
    found = filter_by_pass_rate(ITEMS, lambda item: share[item.id], wanted)
    assert [share[item.id] for item in found] == kept


def test_an_entry_counts_what_the_task_reads():
    item = next(item for item in ITEMS if item.target == "NA")
    row = make_training_row(get_task("factworld"), item, PromptSettings())
    said = ["LABEL=NA\nCONF=0.9", "LABEL=PASS\nCONF=0.5", "LABEL=PASS", "no idea"]
    found = make_entry("factworld/1", row, said)
    assert (found.right, found.abstained, found.invalid, found.confidence) == (1, 1, 1, 0.7)
    assert make_entry("factworld/1", row, ["…"]).confidence is None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return data_of(tmp_path)


def written(path: Path, recipe: Recipe, folder: Path, **header) -> Path:
    """A profile of every item of the recipe's source; item i is right i modulo 5 times of 4."""
    data = recipe_of({"task": "vitaminc"}).data
    mixture = build_mixture(recipe.model_copy(update={"data": data}), data_dir=str(folder))
    first = {
        "schema": "satrain.profile/1",
        "base": "./base",
        "content": "abc",
        "items": len(mixture.training),
        "prompt": recipe.prompt.model_dump(),
        "sampling": {
            "samples": SAMPLES,
            "temperature": recipe.optimisation.temperature,
            "max_completion_length": recipe.optimisation.max_completion_length,
            "seed": 0,
        },
    } | header
    lines = [first]
    for row in mixture.training:
        number = json.loads(row.item)["id"]
        right = int(number.split("_")[0]) % 5
        lines.append(
            {"item": f"vitaminc/{number}", "prompt": hash_prompt(row), "right": right,
             "abstained": 0, "invalid": 0, "confidence": None}
        )  # fmt: skip
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def filtered(path: Path, **wanted) -> Recipe:
    return recipe_of({"task": "vitaminc"} | wanted, profile=str(path))


def rights(mixture) -> list[int]:
    return [int(json.loads(row.item)["id"].split("_")[0]) % 5 for row in mixture.training]


def test_a_filter_keeps_the_just_hard_enough_ones(folder, tmp_path):
    path = written(tmp_path / "p.jsonl", recipe_of({"task": "vitaminc"}), folder)
    half = build_mixture(filtered(path, filter={"max_right_share": 0.5}), data_dir=str(folder))
    assert sorted(set(rights(half))) == [0, 1, 2]
    assert half.manifest["sources"][0]["dropped"] == {"filtered": 24}
    top = build_mixture(filtered(path, filter={"top_by_variance": 12}), data_dir=str(folder))
    assert rights(top) == [2] * 12
    labels = {"NA": 4, "PASS": 2}
    some = build_mixture(filtered(path, filter={"max_right_share": 0.25}, per_label=labels),
                 data_dir=str(folder))  # fmt: skip
    assert some.manifest["sources"][0]["labels"] == labels
    assert set(rights(some)) <= {0, 1}
    with pytest.raises(DataError, match=r"30 items asked for, only 24 exist; 36 are too easy"):
        build_mixture(
            filtered(path, filter={"max_right_share": 0.25}, count=30), data_dir=str(folder)
        )


def test_the_easy_ones_come_first(folder, tmp_path):
    path = written(tmp_path / "p.jsonl", recipe_of({"task": "vitaminc"}), folder)
    recipe = recipe_of({"task": "vitaminc"}, profile=str(path), order="easy_first")
    found = rights(build_mixture(recipe, data_dir=str(folder)))
    assert found == sorted(found, reverse=True)
    both = recipe_of({"task": "vitaminc"}, {"task": "fever"}, profile=str(path), order="easy_first")
    with pytest.raises(DataError, match="needs a profile of every item; 60 of 120 have none"):
        build_mixture(both, data_dir=str(folder))


def test_without_a_profile_a_filter_says_how_to_make_one(folder):
    recipe = recipe_of({"task": "vitaminc", "filter": {}})
    with pytest.raises(
        DataError, match=r"sources\.0 .*make a profile with `satrain profile RECIPE"
    ):
        build_mixture(recipe, data_dir=str(folder))


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ({"items": 61}, "is not finished: it has 60 of 61 items"),
        ({"content": "other"}, r"is of another base \(\./base\)"),
        (
            {"prompt": {"chat_template": True, "system": None}},
            "`prompt` was .*true.* and is .*false",
        ),
        (
            {
                "sampling": {
                    "samples": 4,
                    "temperature": 0.3,
                    "max_completion_length": 512,
                    "seed": 0,
                }
            },
            r"`optimisation\.temperature` was 0\.3 and is 1\.0 in the recipe",
        ),
        ({"schema": "satrain.profile/2"}, r"p\.jsonl:1: not a line of a profile: `schema`"),
    ],
)
def test_a_profile_of_something_else_is_refused(folder, tmp_path, header, said):
    path = written(tmp_path / "p.jsonl", recipe_of({"task": "vitaminc"}), folder, **header)
    with pytest.raises(DataError, match=said):
        build_mixture(filtered(path, filter={}), data_dir=str(folder), base_content="abc")


def test_garbled_and_missing_profiles_are_named(folder, tmp_path):
    path = written(tmp_path / "p.jsonl", recipe_of({"task": "vitaminc"}), folder)
    whole = path.read_text()
    for text, said in (
        (
            whole.replace('"right": 1', '"right": 9', 1),
            r"p\.jsonl:\d+: item .* more answers than the 4",
        ),
        (whole + whole.splitlines(keepends=True)[3], r"p\.jsonl:62: item .* occurs twice"),
        (
            whole.replace('"invalid"', '"invald"', 1),
            r"p\.jsonl:2: not a line of a profile: field `invalid`",
        ),
        ("", r"p\.jsonl:1: not a line of a profile"),
    ):
        path.write_text(text)
        with pytest.raises(DataError, match=said):
            read_profile(path)
    with pytest.raises(DataError, match=r"none: no such profile; make it with `satrain profile"):
        read_profile(tmp_path / "none")
    path.write_text(whole.replace('"prompt": "', '"prompt": "f', 60))
    with pytest.raises(DataError, match=r"was asked in other words or is another document"):
        build_mixture(filtered(path, filter={}), data_dir=str(folder))


RECIPE = """\
name: small
summary: A small one
source: test
data:
  sources:
    - {task: factworld, per_label: {NA: 2, PASS: 1}, filter: {max_right_share: 0.9}}
reward: {correctness: {right: 1}}
optimisation: {steps: 2, learning_rate: 1, max_completion_length: 6}
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    return build_tiny_model(tmp_path_factory.mktemp("tiny") / "base")


def profiled(recipe: Path, base: Path, out: Path, *more: str) -> int:
    arguments = ["profile", str(recipe), "--base", str(base), "--out", str(out), "--samples", "3"]
    try:
        main([*arguments, "--batch-size", "5", *more])
    except SystemExit as leaving:
        return int(leaving.code or 0)
    return 0


def test_the_base_is_sampled_and_a_broken_run_goes_on(tmp_path, base, capsys):
    recipe, out = tmp_path / "mine.yaml", tmp_path / "p.jsonl"
    recipe.write_text(RECIPE)
    assert profiled(recipe, base, out) == 0
    assert "12 items × 3 samples: 0.0% right" in capsys.readouterr().out
    whole = out.read_text()
    found = read_profile(out)
    assert isinstance(found, Profile)
    assert found.header.content == model_content(base)
    assert {key.split("/")[0] for key in found.entries} == {"factworld"}
    assert all(entry.invalid == 3 for entry in found.entries.values())
    assert found.header.sampling.max_completion_length == 6
    # A crash in the middle of the second batch and of a line.
    out.write_text("".join(whole.splitlines(keepends=True)[:8]) + '{"item": "factw')
    with pytest.raises(DataError, match="not finished: it has 7 of 12"):
        read_profile(out).check(found_recipe(recipe, out), None)
    assert profiled(recipe, base, out) == 0
    assert out.read_text() == whole
    mixture = build_mixture(found_recipe(recipe, out), base_content=model_content(base))
    assert mixture.manifest["sources"][0]["labels"] == {"NA": 2, "PASS": 1}
    # Other settings never go into the same file.
    capsys.readouterr()
    assert profiled(recipe, base, out, "optimisation.temperature=0.5") == 2
    assert (
        "p.jsonl: is a profile with another sampling; choose another --out"
        in capsys.readouterr().err
    )
    assert out.read_text() == whole
    # A larger pool goes on from what is known.
    assert profiled(recipe, base, out, "--pool", "5") == 0
    assert len(read_profile(out).entries) == 15
    assert set(whole.splitlines()[1:]) < set(out.read_text().splitlines())


def found_recipe(recipe: Path, profile: Path) -> Recipe:
    from saeval.trainer.recipe.load import load_recipe

    return load_recipe(str(recipe), [f"data.profile={profile}"])


def test_a_base_that_is_not_there_is_said_before_anything_is_written(tmp_path, capsys):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(RECIPE)
    (tmp_path / "empty").mkdir()
    assert profiled(recipe, tmp_path / "empty", tmp_path / "p.jsonl") == 2
    assert "no configuration in" in capsys.readouterr().err
    assert not (tmp_path / "p.jsonl").exists()
