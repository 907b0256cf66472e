"""Folders of version 0.1.0 (``tests/data/folders-0.1.0/make.sh``): read, resumed and reported."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from pathlib import Path

import pytest
from command_line import typed

from saeval.errors import InputError
from saeval.evalsuite.engines.huggingface import TransformersEngine
from saeval.evalsuite.models.resolve import resolve_model
from saeval.evalsuite.store.baselines import BaselineRecord, check_intact
from saeval.evalsuite.store.hashing import hash_text
from saeval.evalsuite.store.manifest import RunManifest, read_manifest
from saeval.evalsuite.store.run_folder import read_run
from saeval.trainer.demo.tiny_model import build_random_adapter, build_tiny_model

OLD = Path(__file__).parents[2] / "data" / "folders-0.1.0"
MANIFESTS = sorted(str(path.relative_to(OLD)) for path in OLD.rglob("manifest.json"))
BOTH = (
    "--tasks", "factworld,factworld_questions", "--limit", "6", "--gen-kwargs", "max_gen_toks=12"
)  # fmt: skip
ONE = ("--tasks", "factworld", *BOTH[2:])
FEW = ("--replicates", "1000")


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    """The models of then, built anew; another version of torch may build others."""
    folder: Path = tmp_path_factory.mktemp("old") / "models"
    base = build_tiny_model(folder / "base")
    build_random_adapter(base, folder / "adapter", scale=0.3)
    build_random_adapter(base, folder / "adapter2", scale=0.3, seed=7)
    return folder


@pytest.fixture
def old(models, tmp_path, monkeypatch) -> Path:
    """A copy of the old folders in which the models' hashes are those of the models built anew."""
    shutil.copytree(OLD, tmp_path, dirs_exist_ok=True)
    shutil.copytree(models, tmp_path / "models")
    monkeypatch.chdir(tmp_path)
    hashes = {}
    for folder, name in (
        ("run", "base"),
        ("run-adapter", "adapter"),
        ("series/adapter2", "adapter2"),
    ):
        run = folder if "/" not in folder else f"{folder}/checkpoint"
        identity = read_manifest(Path(run)).model_identity
        model = resolve_model(f"models/{name}")
        hashes[identity["content"]] = model.content
        if identity["adapter_content"]:
            hashes[identity["adapter_content"]] = model.adapter_content
    for path in (path for path in tmp_path.rglob("*") if path.suffix in (".json", ".jsonl", ".md")):
        if "models" not in path.parts and "baselines" not in path.parts:
            text = path.read_text(encoding="utf-8")
            for then, now in hashes.items():
                text = text.replace(then, now)
            path.write_text(text, encoding="utf-8")
    for path in list(Path("cache").glob("*.jsonl")):
        path.rename(path.with_stem(hash_text(path.read_text().splitlines()[0])))
    return tmp_path


@pytest.fixture
def nothing_is_asked(monkeypatch):
    monkeypatch.setattr(TransformersEngine, "__init__", lambda *_: pytest.fail("a model is loaded"))


def reports(folder: Path) -> dict[str, bytes]:
    """Every report in a folder by its name; pages and pictures are not kept of then."""
    kept = (".md", ".csv", ".json", ".xml")
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.suffix in kept and path.name != "manifest.json"
    }


def changed(before: dict[str, bytes], after: dict[str, bytes]) -> list[str]:
    """Data that lack a number that they had; what reports say in words may change."""
    return [
        name
        for name, content in before.items()
        if not name.endswith(".md")
        and (
            lost_numbers(measured(name, content), measured(name, after[name]))
            if name.endswith(("comparison.json", "metrics.csv", "metacognition.json"))
            else content != after[name]
        )
    ]


def measured(name: str, content: bytes) -> str:
    """A report without what belongs to the family of tests, which has grown."""
    text = content.decode()
    if name.endswith("metrics.csv"):
        adjusted = ("p_max_t", "p_holm", "p_bh")
        rows = csv.DictReader(io.StringIO(text))
        return "\n".join(str({k: v for k, v in row.items() if k not in adjusted}) for row in rows)
    return re.sub(r'"(?:p_max_t|p_holm|p_bh|tests_in_family)": [^\n]*', "", text)


def lost_numbers(before: str, after: str) -> list[str]:
    """Numbers that are not in `after`, not even with more digits or fewer."""

    def numbers(text: str) -> set[str]:
        return set(re.findall(r"\d+(?:\.\d+)?(?:e-?\d+)?", text.replace(",", "")))

    def places(number: str) -> int:
        return len(number.partition(".")[2])

    def same(one: str, other: str) -> bool:
        digits = min(places(one), places(other))
        return abs(float(one) - float(other)) <= 0.51 * 10**-digits if digits else one == other

    found = numbers(after)
    return [n for n in numbers(before) - found if not any(same(n, other) for other in found)]


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_is_written_with_the_bytes_that_were_read(name):
    text = (OLD / name).read_text(encoding="utf-8")
    assert RunManifest.read(OLD / name).to_json() == text


def test_runs_and_baselines_are_read():
    run = read_run(OLD / "run")
    assert {task: len(answers) for task, answers in run.predictions.items()} == {
        "factworld": 6, "factworld_questions": 6,
    }  # fmt: skip
    assert run.manifest.model_identity["name"] == "base"
    with pytest.raises(InputError, match="not finished: 3 of 6 answers of task factworld;"):
        read_run(OLD / "interrupted-run")
    with pytest.raises(InputError, match="this is a comparison, not a run"):
        read_run(OLD / "comparison")
    baseline = OLD / "baselines" / "main"
    check_intact(baseline, "main")
    text = (baseline / "baseline.json").read_text()
    assert BaselineRecord.read(baseline / "baseline.json").to_json() == text
    assert read_run(baseline).predictions == run.predictions


def test_an_interrupted_run_goes_on_behind_what_was_kept(old, capsys):
    answers = Path("interrupted-run/predictions/factworld.jsonl")
    kept = answers.read_bytes()
    kept = kept[: kept.rfind(b"\n") + 1]
    assert typed(capsys, "run", "models/base", *BOTH, "--out", "interrupted-run")[0] == 0
    assert answers.read_bytes().startswith(kept)
    resumed, whole = read_run(Path("interrupted-run")), read_run(Path("run"))
    assert resumed.manifest.sessions[-1].items == 9
    for task, predictions in whole.predictions.items():
        prompts = {key: prediction.prompt_hash for key, prediction in predictions.items()}
        assert prompts == {k: p.prompt_hash for k, p in resumed.predictions[task].items()}


def test_answers_of_an_old_cache_are_taken(old, capsys):
    assert typed(capsys, "run", "models/base", *BOTH, "--cache", "cache", "--out", "again")[0] == 0
    again, before = read_run(Path("again")), read_run(Path("run"))
    assert again.manifest.sessions[-1].from_cache == 12
    assert again.predictions == before.predictions


COMMANDS = {
    "comparison": ("compare", "models/base", "models/adapter", *ONE, "--aa", *FEW),
    "series": ("compare", "models/base", "models/adapter", "models/adapter2", *ONE, *FEW),
    "comparison-saved": ("compare", "run", "run-adapter", *FEW),
    "gate": ("gate", "run", "run-adapter", "--allow-inconclusive", *FEW),
    "gate-until-decided": (
        "gate", "run", "models/adapter", *ONE, "--until-decided", "--allow-inconclusive", *FEW,
    ),
    "frontier": (
        "frontier", "models/base", "models/adapter", "--systems", "prompts/*.txt",
        "--task", "factworld_questions", *BOTH[2:],
    ),
    "metacognition": (
        "metacognition", "models/base", "models/adapter", "--tasks", "factworld_questions",
        "--limit", "12", *BOTH[4:], *FEW,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_the_same_command_asks_nothing_and_gives_the_same_reports(
    name, old, capsys, nothing_is_asked
):
    before = reports(Path(name))
    code, _, err = typed(capsys, *COMMANDS[name], "--out", name)
    assert code == (
        1 if json.loads(before.get("gate.json", b"{}")).get("verdict") == "REGRESSION" else 0
    ), err
    after = reports(Path(name))
    assert before.keys() <= after.keys()
    # The built-in policy has more rules now, and bounds are those of a first look.
    verdicts = {"gate.json", "gate.md", "junit.xml"}
    assert set(changed(before, after)) - verdicts == set()
    if "gate.json" in before:
        then, now = (json.loads(found["gate.json"])["results"] for found in (before, after))
        kept = {(r["task"], r["rule"]["metric"], r["rule"]["label"]): r["estimate"] for r in now}
        for r in then:
            found = kept[r["task"], r["rule"]["metric"], r["rule"]["label"]]
            assert found == pytest.approx(r["estimate"], abs=1e-9)


@pytest.mark.parametrize("name", ["comparison-saved", "series"])
def test_reports_are_rendered_again(name, old, capsys):
    before = reports(Path(name))
    for file in before:
        if file.endswith((".md", ".csv")):
            (Path(name) / file).unlink()
    assert typed(capsys, "report", name)[0] == 0
    after = reports(Path(name))
    assert changed(before, after) == []
    assert (Path(name) / "report.html").is_file()
