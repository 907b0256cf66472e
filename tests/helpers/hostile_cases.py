# ruff: noqa: E501
"""Every kind of file that is read, as a real one, and the command or reader that meets it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pyarrow
from builders import LABELS, prediction, run_folder, study, study_result, write_predictions
from pyarrow import parquet

from saeval.evalsuite.cli.main import main as saeval
from saeval.evalsuite.compare.changed_items_file import CHANGED_ITEMS
from saeval.evalsuite.compare.folder import load_comparison
from saeval.evalsuite.judge.grades import GradeFile
from saeval.evalsuite.models.resolve import resolve_model
from saeval.evalsuite.models.types import LocalModel
from saeval.evalsuite.run.system_prompts import read_systems
from saeval.evalsuite.store.cache import AnswerCache
from saeval.files import AppendOnlyLog
from saeval.tasks.data.loading import load_items
from saeval.tasks.metacognition.answers import load_own_answers
from saeval.trainer.cli import main as satrain
from saeval.trainer.data.profile import read_profile
from saeval.trainer.recipe.load import FOLDER as RECIPES
from saeval.trainer.run.folder import read_rows
from saeval.trainer.run.manifest import read_training

OLD = Path(__file__).parents[1] / "data" / "folders-0.1.0"
QUICK = ["--replicates", "1000"]


@dataclass(frozen=True)
class Case:
    """A file that is replaced by hostile ones, and what is then done."""

    name: str
    file: Path
    act: Callable[[], object]
    out: Path | None = None


def command(main: Callable[[list[str]], None], *arguments: object) -> Callable[[], None]:
    return lambda: main([str(argument) for argument in arguments])


def make_cases(home: Path) -> list[Case]:
    """All cases in a folder; of every file there is a real one."""
    old, out = home / "old", home / "out"
    shutil.copytree(OLD, old)
    items = [prediction(n, LABELS[n % 3], label_probabilities={"PASS": 0.2, "FAIL": 0.3, "NA": 0.5})
             for n in range(30)]  # fmt: skip
    base = write_predictions(home / "base.jsonl", items)
    other = write_predictions(home / "checkpoint.jsonl", items)
    first, second = run_folder(home / "run"), run_folder(home / "run2", name="other")
    saeval_ = home / "store"
    saeval(["baseline", "save", "main", str(run_folder(home / "run3")), "--store", str(saeval_)])
    _write(home / "fever_a.json", study([study_result(n) for n in range(9)]))
    _write(home / "fever_b.json", study([study_result(n) for n in range(9)]))
    samples = "".join(json.dumps(_sample(n)) + "\n" for n in range(9))
    _write(home / "lm" / "samples_fever_2026-01-01T00-00-00.000.jsonl", samples)
    _write(home / "lm2" / "samples_fever_2026-01-01T00-00-00.000.jsonl", samples)
    _write(home / "policy.yaml", _POLICY)
    shutil.copy(RECIPES / "mixed.yaml", home / "recipe.yaml")
    shutil.copy(RECIPES / "hard-only.yaml", home / "recipe2.yaml")
    _write(home / "ck" / "data.json", json.dumps(
        {"schema": "satrain.data/1", "training": {"ids": ["a"], "texts": ["b"], "clusters": []}}))  # fmt: skip
    _write(home / "ck" / "training.json", json.dumps(_TRAINING))
    _write(home / "ck" / "trainer_state.json", json.dumps({"global_step": 5}))
    for step in (1, 2):
        write_predictions(home / "ck" / f"answers-{step}.jsonl", items)
    _write(home / "adapter" / "adapter_config.json", json.dumps(
        {"base_model_name_or_path": str(home / "model"), "r": 8, "target_modules": ["q"]}))  # fmt: skip
    _write(home / "adapter" / "adapter_model.safetensors", "x")
    for name in ("config.json", "tokenizer.json"):
        _write(home / "model" / name, json.dumps({"architectures": ["X"], "model_type": "x"}))
    _write(home / "model" / "model.safetensors", "x")
    _write(home / "grades.jsonl", json.dumps(
        {"key": "k", "task": "popqa", "item_id": "1", "grade": "CORRECT", "reply": "CORRECT"}) + "\n")  # fmt: skip
    _write(home / "profile.jsonl", "\n".join(map(json.dumps, _PROFILE)) + "\n")
    _write(home / "metrics.jsonl", '{"step": 1, "loss": 0.5}\n{"step": 2, "loss": 0.25}\n')
    _write(
        home / "data" / "fever" / "fever_gold_evidence.jsonl",
        "\n".join(json.dumps(_FEVER | {"id": str(n)}) for n in range(4)),
    )
    _write(home / "prompts" / "one.txt", "Answer well.")
    own = (
        [
            json.loads(line)
            for line in (old / "metacognition/base/predictions")
            .glob("*.jsonl")
            .__next__()
            .read_text()
            .splitlines()
        ]
        if (old / "metacognition/base/predictions").is_dir()
        else []
    )
    _write(home / "own.jsonl", "\n".join(map(json.dumps, own or [_OWN])) + "\n")
    cache = next((old / "cache").glob("*.jsonl"))
    speaker = json.loads(cache.read_text().splitlines()[0])

    def gate(*arguments: object) -> Callable[[], None]:
        return command(saeval, "gate", *arguments, "--out", out, *QUICK, "--github")

    def compare(*arguments: object) -> Callable[[], None]:
        return command(saeval, "compare", *arguments, "--out", out, *QUICK)

    changed = [write_predictions(home / f"{shift}.jsonl",
                                 [prediction(n, LABELS[(n + shift) % 3]) for n in range(30)])
               for shift in (0, 1)]  # fmt: skip
    compared = home / "compared"
    saeval(["compare", *map(str, changed), "--out", str(compared), *QUICK])
    for path in changed:
        path.unlink()
    pinned = saeval_ / "main"
    return [
        Case("predictions", base, gate(base, other), out),
        Case("predictions of a checkpoint", other, compare(base, other), out),
        Case("a study", home / "fever_a.json", compare(home / "fever_a.json", home / "fever_b.json"), out),
        Case("lm-eval samples", next((home / "lm").iterdir()), compare(home / "lm", home / "lm2"), out),
        *_foreign(home, compare, out),
        Case("a run's manifest", first / "manifest.json", compare(first, second), out),
        Case("a run's predictions", first / "predictions" / "fever.jsonl", compare(first, second), out),
        Case("a run's manifest, pinned anew", first / "manifest.json",
             command(saeval, "baseline", "save", "new", first, "--store", out / "store", "--replace"), out),
        Case("a baseline's record", pinned / "baseline.json", command(saeval, "baseline", "show", "main", "--store", saeval_)),
        Case("a baseline's record, listed", pinned / "baseline.json", command(saeval, "baseline", "list", "--store", saeval_)),
        Case("a baseline's manifest", pinned / "manifest.json", command(saeval, "baseline", "show", "main", "--store", saeval_)),
        Case("a policy", home / "policy.yaml", command(saeval, "gate", "--explain", "--policy", home / "policy.yaml")),
        Case("a policy at work", home / "policy.yaml", gate(base, other, "--policy", home / "policy.yaml"), out),
        Case("a recipe", home / "recipe.yaml", command(satrain, "check", home / "recipe.yaml")),
        Case("another recipe", home / "recipe2.yaml", command(satrain, "check", home / "recipe2.yaml")),
        Case("comparison.json", old / "comparison-saved" / "comparison.json", command(saeval, "report", old / "comparison-saved"), old / "comparison-saved"),
        Case("comparison.json, loaded", old / "comparison" / "comparison.json", lambda: load_comparison(old / "comparison")),
        Case("changed_items.parquet", compared / CHANGED_ITEMS, command(saeval, "report", compared)),
        Case("changed_items.parquet, loaded", compared / CHANGED_ITEMS, lambda: load_comparison(compared).changed_items("fever")),
        Case("a comparison's manifest", old / "comparison" / "base" / "manifest.json", lambda: load_comparison(old / "comparison")),
        Case("family.json", old / "series" / "family.json", command(saeval, "report", old / "series"), old / "series"),
        Case("data.json", home / "ck" / "data.json", compare(base, home / "ck" / "answers-1.jsonl"), out),
        Case("training.json", home / "ck" / "training.json", compare(base, home / "ck/answers-1.jsonl", home / "ck/answers-2.jsonl"), out),
        Case("training.json, resumed", home / "ck" / "training.json", lambda: read_training(home / "ck")),
        Case("trainer_state.json", home / "ck" / "trainer_state.json", compare(base, home / "ck/answers-1.jsonl", home / "ck/answers-2.jsonl"), out),
        Case("adapter_config.json", home / "adapter" / "adapter_config.json", lambda: _adapter_content(home / "adapter")),
        Case("config.json", home / "model" / "config.json", lambda: resolve_model(str(home / "model")).content),
        Case("a judge's grades", home / "grades.jsonl", lambda: GradeFile(home / "grades.jsonl").read()),
        Case("a cache", cache, lambda: AnswerCache(cache.parent, speaker)),
        Case("a profile", home / "profile.jsonl", lambda: read_profile(home / "profile.jsonl")),
        Case("a training's metrics", home / "metrics.jsonl", lambda: read_rows(home / "metrics.jsonl")),
        Case("a data set", home / "data" / "fever" / "fever_gold_evidence.jsonl", lambda: load_items("fever", home / "data")),
        Case("a system prompt", home / "prompts" / "one.txt", lambda: read_systems(str(home / "prompts"))),
        Case("a model's own answers", home / "own.jsonl", lambda: load_own_answers("confidence", home / "own.jsonl")),
        Case("a log", home / "metrics.jsonl", lambda: AppendOnlyLog(home / "metrics.jsonl").read()),
    ]  # fmt: skip


def _foreign(home: Path, compare: Callable[..., Callable[[], None]], out: Path) -> Iterator[Case]:
    """A file of every other program and kind of table, met as one of two that are compared."""
    rows = [{"task": "t", "id": n, "target": "a", "prediction": "ab"[n % 2], "confidence": 0.5}
            for n in range(9)]  # fmt: skip
    stats = [{"instance_id": f"i{n}", "stats": [{"name": {"name": "exact_match"}, "mean": n % 2}]}
             for n in range(9)]  # fmt: skip
    records = [
        {"schema_version": "0.2.2", "evaluation_id": "e", "model_id": "m", "evaluation_name": "t",
         "sample_id": f"s{n}", "interaction_type": "single_turn",
         "input": {"raw": "q", "reference": ["a"]}, "output": {"raw": ["a"]},
         "answer_attribution": [], "evaluation": {"score": n % 2, "is_correct": False}}
        for n in range(9)
    ]  # fmt: skip
    results = [{"problem_idx": n, "reward": n % 2, "model_response": "a"} for n in range(9)]
    details = [{"doc": {"query": "q", "choices": ["a", "b"], "gold_index": 0, "id": str(n)},
                "model_response": {"text": [], "logprobs": [-1.0, -2.0]}, "metric": {"acc": n % 2}}
               for n in range(9)]  # fmt: skip
    cells: list[list[object]] = [[*rows[0]], *([*row.values()] for row in rows)]
    table, logged = BytesIO(), BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(rows), table)
    parquet.write_table(pyarrow.Table.from_pylist(details), logged)
    contents: dict[str, str | bytes] = {
        "table.csv": "\n".join(",".join(str(cell) for cell in row) for row in cells),
        "table.jsonl": "\n".join(map(json.dumps, rows)),
        "table.json": json.dumps(rows, indent=1),
        "table.parquet": table.getvalue(),
        "details_t_2026-01-01T00-00-00.parquet": logged.getvalue(),
        "per_instance_stats.json": json.dumps(stats),
        "x_samples.jsonl": "\n".join(map(json.dumps, records)),
        "results.jsonl": "\n".join(map(json.dumps, results)),
    }
    for name, content in contents.items():
        paths = [home / "foreign" / side / name for side in ("a", "b")]
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        yield Case(name, paths[0], compare(*paths), out)


def _adapter_content(folder: Path) -> object:
    model = resolve_model(str(folder))
    return isinstance(model, LocalModel) and model.adapter_content


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _sample(number: int) -> dict[str, object]:
    return {
        "doc_id": number,
        "doc": {"id": str(number), "cluster": None, "claim": "c", "evidence": ["e"],
                "target": LABELS[number % 3]},
        "target": "FAIL",
        "arguments": {},
        "resps": [["LABEL=FAIL\nCONF=0.9"], [["-1.0", "False"]], [["-2.0", "False"]], [["-3.0", "False"]]],
        "filter": "none",
        "doc_hash": "d", "prompt_hash": "p", "target_hash": "t",
    }  # fmt: skip


_POLICY = """level: 0.95
rules:
  - {metric: accuracy, not_worse_by: 0.02}
  - {metric: recall, label: NA, must_improve: true}
  - {metric: invalid_rate, at_most: 0.05}
tasks:
  fever:
    rules:
      - {metric: accuracy, not_worse_by: 0.01}
"""
_TRAINING = {
    "schema": "satrain.run/1", "recipe": "mixed", "backend": "trl-grpo", "checkpoint": "adapter",
    "base": {"argument": "b", "content": "c"},
    "data": {"content": "d", "training": 5, "held_out": 2},
    "reward_version": 1, "packages": {"trl": "1"}, "seed": 0, "steps": 9, "step": 3,
    "finished": False, "seconds": 1.5, "alarms": [], "metrics": {},
}  # fmt: skip
_PROFILE = [
    {"schema": "satrain.profile/1", "base": "./base", "content": "9f", "items": 1,
     "prompt": {"chat_template": False, "system": None},
     "sampling": {"samples": 16, "temperature": 0.3, "max_completion_length": 512, "seed": 0}},
    {"item": "fever/1", "prompt": "5a", "right": 5, "abstained": 2, "invalid": 1, "confidence": 0.7,
     "answer": "FAIL"},
]  # fmt: skip
_FEVER = {"claim": "c", "label": "SUPPORTS", "evidence": [["E", 0, "e"]], "id": "1"}
_OWN = {
    "task": "triviaqa", "item_id": "tc_2", "cluster_id": None, "target": "RIGHT",
    "prediction": "WRONG", "status": "answered", "correct": False, "confidence": 0.9,
    "sample_index": 0, "answer": "Paris", "document": {"claim": "Who?"},
}  # fmt: skip
