# ruff: noqa: E501
"""Logs of lighteval, HELM, NeMo Evaluator and Every Eval Ever, made by their published schemas."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

import saeval
from saeval.errors import InputError

TIME = "2026-01-15T10-30-00.000000"
N = 12


def write(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1))
    return path


def lines(rows: list[dict[str, object]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def lighteval(folder: Path, model: str, n_right: int, *, former: bool = False) -> Path:
    """``details_…parquet`` of multiple choice, current or former schema."""
    rows = []
    for n in range(N):
        logprobs = [-0.1, -2.4] if n < n_right else [-1.5, -0.3]
        choices, metrics = [" A", " B"], {"acc": int(n < n_right), "acc_norm": 1.0}
        current = {
            "doc": {"query": f"Q{n}", "choices": choices, "gold_index": 0, "id": str(n),
                    "task_name": "mmlu:anatomy|0", "instruction": ""},
            "model_response": {"input": f"Question: Q{n}", "text": [], "logprobs": logprobs,
                               "input_tokens": [1, 2]},
            "metric": metrics,
        }  # fmt: skip
        old = {
            "example": f"Q{n}", "instruction": "", "full_prompt": f"Question: Q{n}", "gold": [],
            "choices": choices, "gold_index": [0], "predictions": logprobs, "metrics": metrics,
            "num_asked_few_shots": 0, "truncated": [0],
        }  # fmt: skip
        rows.append(old if former else current)
    path = folder / "details" / model / TIME / f"details_lighteval|mmlu:anatomy|0_{TIME}.parquet"
    path.parent.mkdir(parents=True)
    parquet.write_table(pa.Table.from_pylist(rows), path)
    return folder


def helm(folder: Path, model: str, n_right: int) -> Path:
    """A run folder of multiple choice with a perturbed copy of every instance."""

    def stat(name: str, value: float) -> dict[str, object]:
        return {"name": {"name": name, "split": "test"}, "count": 1, "sum": value, "mean": value}

    stats, states = [], []
    for n in range(N):
        for perturbation in (None, {"name": "misspelling", "robustness": True}):
            about = {"perturbation": perturbation} if perturbation else {}
            own = {"instance_id": f"id{n}", "train_trial_index": 0, **about}
            right = float(n < n_right)
            stats.append({**own, "stats": [stat("exact_match", right), stat("max_prob", 0.75)]})
            stats.append({**own, "stats": [stat("num_output_tokens", 9), stat("f1_score", right)]})
            states.append({
                "instance": {"id": f"id{n}", "input": {"text": f"Q{n}"}, "split": "test", **about,
                             "references": [{"output": {"text": "yes"}, "tags": ["correct"]},
                                            {"output": {"text": "no"}, "tags": []}]},
                "train_trial_index": 0, "request": {"model": model, "prompt": f"Question: Q{n}"},
                "output_mapping": {"A": "yes", "B": "no"}, "num_train_instances": 0,
                "result": {"success": True, "completions": [{"text": " A" if right else " B"}]},
            })  # fmt: skip
    run = folder / "runs" / "v1" / "boolq:mode=mc"
    spec = {"name": f"boolq:mode=mc,model={model.replace('/', '_')}",
            "adapter_spec": {"method": "multiple_choice_joint", "model": model}}  # fmt: skip
    write(run / "per_instance_stats.json", stats)
    write(run / "scenario_state.json", {"adapter_spec": {"model": model}, "request_states": states})
    write(run / "run_spec.json", spec)
    write(run / "stats.json", [])
    return folder


def nemo(folder: Path, model: str, n_right: int) -> Path:
    """A bundle with two repeats of every problem, one of which was never asked."""
    rows = [
        {"problem_idx": n, "repeat": r, "reward": float(n < n_right),
         "scorer_rewards": {"scorer:judge": 0.5}, "model_response": f"It is {n}.",
         "extracted_answer": str(n), "expected_answer": str(n if n < 6 else n + 1),
         "scoring_details": {"method": "exact"}, "metadata": {"question": f"Q{n}", "category": "x"}}
        for n in range(N) for r in range(2)
    ]  # fmt: skip
    rows[-1] |= {"reward": 0.0, "scoring_details": {"error_category": "infra_error"}}
    run_id = "eval-20260115T103000Z-gsm8k"
    bundle = {
        "run_id": run_id, "config_hash": "sha256:0", "sdk_version": "0.3", "timestamp": "2026",
        "config": {"model": model, "repeats": 2},
        "benchmark": {"name": "gsm8k", "samples": N, "repeats": 2, "scores": {}}, "n_results": 2 * N,
    }  # fmt: skip
    write(folder / "gsm8k" / f"{run_id}.json", bundle)
    write(folder / "gsm8k" / "results.jsonl", lines(rows))
    return folder


def eee(folder: Path, model: str, n_right: int) -> Path:
    """Records of two metrics, one of which is lower for better, beside their aggregate."""
    rows = [
        {"schema_version": "0.2.2", "evaluation_id": "e", "model_id": model,
         "evaluation_name": "trivia", "evaluation_result_id": result, "sample_id": f"s{n}",
         "interaction_type": "single_turn", "input": {"raw": f"Q{n}", "reference": ["Rome"]},
         "output": {"raw": ["It is Rome."]}, "evaluation": {"score": score, "is_correct": score > 0},
         "answer_attribution": [{"turn_idx": 0, "source": "output.raw", "extracted_value": "Rome",
                                 "extraction_method": "regex", "is_terminal": True}],
         "metadata": {"saeval.confidence": "0.9", "abstained": str(n == 11).lower()}}
        for n in range(N) for result, score in (("r1", float(n < n_right)), ("r2", 3.0 * n))
    ]  # fmt: skip
    metrics = {"r1": {"metric_id": "exact-match", "min_score": 0, "max_score": 1,
                      "lower_is_better": False},
               "r2": {"metric_id": "latency", "min_score": 0, "max_score": 100,
                      "lower_is_better": True}}  # fmt: skip
    results = [{"evaluation_result_id": k, "metric_config": v} for k, v in metrics.items()]
    uuid = "3f2b8c9e-0000-4000-8000-000000000000"
    write(folder / f"{uuid}.json", {"evaluation_id": "e", "evaluation_results": results})
    write(folder / f"{uuid}_samples.jsonl", lines(rows))
    return folder


SOURCES = {
    "lighteval": (lighteval, "mmlu:anatomy", ["acc", "acc_norm"]),
    "lighteval, former": (
        lambda *a: lighteval(*a, former=True), "mmlu:anatomy", ["acc", "acc_norm"]),
    "HELM": (helm, "boolq:mode=mc", ["exact_match", "f1_score"]),
    "NeMo Evaluator": (nemo, "gsm8k", ["reward", "judge"]),
    "Every Eval Ever": (eee, "trivia", ["exact-match", "latency"]),
}  # fmt: skip


def test_every_row_of_the_documentations_table_has_a_test():
    """The last cell of each row names one, and there are rows for all sources."""
    root = Path(__file__).parents[3]
    page = (root / "docs" / "reference" / "logs.md").read_text(encoding="utf-8")
    rows = [line for line in page.split("## A folder")[0].splitlines() if line.startswith("| ")]
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    named = [row.rstrip(" |").rpartition("`test_")[2].rstrip("`") for row in rows[1:]]
    assert len(named) == 7
    assert all(f"def test_{name}(" in tests for name in named)


@pytest.mark.parametrize("source", SOURCES)
def test_a_log_is_read_paired_and_compared(source, tmp_path):
    make, task, scores = SOURCES[source]
    base = make(tmp_path / "a", "org/base", 5)
    checkpoint = make(tmp_path / "b", "org/tuned", 9)
    write(tmp_path / "a" / "README.md", "About these logs")
    comparison = saeval.compare(base, checkpoint, n_resamples=1000)
    result = comparison[task]
    assert comparison.base.name == "org/base"
    assert result.items == (2 * N - 1 if source == "NeMo Evaluator" else N)
    assert result["accuracy"].checkpoint > result["accuracy"].base
    read = saeval.read_predictions(base)
    answer = next(iter(read.predictions[task].values()))
    assert list(answer.scores) == scores
    assert answer.document.claim == "Q0"
    assert any("README.md: a text that begins 'About" in caution for caution in read.cautions)
    unread = [caution for caution in read.cautions if "left out" not in caution]
    assert len(unread) == 1  # and not the files that belong to the logs
    assert any("README.md" in warning for warning in comparison.warnings)


def test_choices_give_a_confidence_and_references_an_answer(tmp_path):
    read = saeval.read_predictions(lighteval(tmp_path / "l", "m", 5)).predictions["mmlu:anatomy"]
    weights = [math.exp(-0.1), math.exp(-2.4)]
    assert read["0", 0].confidence == pytest.approx(weights[0] / sum(weights))
    assert (read["0", 0].answer, read["9", 0].answer, read["9", 0].correct) == (" A", " B", False)
    read = saeval.read_predictions(helm(tmp_path / "h", "m", 5)).predictions["boolq:mode=mc"]
    assert (read["id0", 0].answer, read["id9", 0].answer) == ("yes", "no")
    assert (read["id0", 0].confidence, read["id0", 0].document.answers) == (0.75, ("yes",))


def test_what_is_left_out_is_said(tmp_path):
    cautions = saeval.read_predictions(helm(tmp_path / "h", "m", 5)).cautions
    assert any("24 perturbed instances" in caution for caution in cautions)
    assert any("the statistics max_prob, num_output_tokens" in caution for caution in cautions)
    cautions = saeval.read_predictions(nemo(tmp_path / "n", "m", 5)).cautions
    assert any("1 answers that were never given or graded" in caution for caution in cautions)


def test_abstentions_ranges_and_directions_of_every_eval_ever(tmp_path):
    read = saeval.read_predictions(eee(tmp_path, "m", 5)).predictions["trivia"]
    assert (read["s11", 0].status, read["s11", 0].confidence) == ("abstained", 0.9)
    latency = read["s3", 0].scores["latency"]
    assert (latency.value, latency.range, latency.higher_is_better) == (9, (0, 100), False)
    next(tmp_path.glob("*-*.json")).unlink()
    with pytest.raises(InputError, match="sample 's0' of 'trivia' has the score 'score' twice"):
        saeval.read_predictions(tmp_path)


def test_a_bundle_and_its_results_are_the_same(tmp_path):
    folder = nemo(tmp_path, "m", 5) / "gsm8k"
    by_bundle, by_results = (
        saeval.read_predictions(next(folder.glob(name))) for name in ("eval-*", "results.jsonl")
    )
    assert by_bundle.predictions == by_results.predictions
    assert by_bundle.name == by_results.name == "m"
    (folder / "results.jsonl").unlink()
    with pytest.raises(InputError, match=r"a NeMo Evaluator bundle without its results.jsonl"):
        saeval.read_predictions(next(folder.glob("eval-*")))


def test_of_several_logs_of_one_model_and_task_the_last_is_taken(tmp_path):
    lighteval(tmp_path, "m", 5)
    later = TIME.replace("15T", "16T")
    old = next(tmp_path.rglob("*.parquet"))
    new = old.parents[1] / later / old.name.replace(TIME, later)
    lighteval(tmp_path / "x", "m", 9)
    new.parent.mkdir()
    next((tmp_path / "x").rglob("*.parquet")).rename(new)
    read = saeval.read_predictions(tmp_path)
    assert sum(p.correct for p in read.predictions["mmlu:anatomy"].values()) == 9
    assert any(TIME in c and "an earlier log of mmlu:anatomy by m" in c for c in read.cautions)


@pytest.mark.parametrize(
    ("make", "name", "change", "message"),
    [
        (helm, "per_instance_stats.json", ("id7", 7), r"\d+: `instance_id`: .* valid string"),
        (helm, "per_instance_stats.json", ("exact_match", 7), r"stats.0.name.name"),
        (nemo, "results.jsonl", ("It is 3.", 7), r"results.jsonl:7: `model_response`"),
        (eee, "*_samples.jsonl", ("Q3", 7), r"samples.jsonl:7: `input.raw`"),
    ],
)
def test_a_bad_value_is_named(make, name, change, message, tmp_path):
    path = next(make(tmp_path, "m", 5).rglob(name))
    old, new = map(json.dumps, change)
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InputError, match=message):
        saeval.read_predictions(path)


def test_a_folder_without_predictions_says_what_is_in_it(tmp_path):
    write(tmp_path / "notes.md", "# Notes")
    (tmp_path / "runs.db").write_bytes(b"SQLite format 3\x00" + bytes(99))
    write(tmp_path / "config.yaml", "a: 1")
    with pytest.raises(saeval.ModelError) as error:
        saeval.read_predictions(tmp_path)
    assert "notes.md: a text that begins '# Notes'; runs.db: a SQLite file" in str(error.value)


@pytest.mark.parametrize(
    ("make", "name", "old", "new", "message"),
    [
        (helm, "scenario_state.json", "Question: Q3", "Q: Q3", "prompts differ on 1 of 12 items"),
        (
            helm,
            "scenario_state.json",
            '"text": "Q3"',
            '"text": "Q?"',
            "documents differ on 1 of 12",
        ),
        (
            nemo,
            "results.jsonl",
            '"expected_answer": "3"',
            '"expected_answer": "8"',
            "targets differ",
        ),
        (eee, "*_samples.jsonl", '"trivia"', '"quiz"', "no task in common: base has trivia"),
    ],
)
def test_what_was_asked_differently_is_not_compared(make, name, old, new, message, tmp_path):
    base, other = make(tmp_path / "a", "base", 5), make(tmp_path / "b", "tuned", 5)
    path = next(other.rglob(name))
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(saeval.SaevalError, match=message):
        saeval.compare(base, other, out=tmp_path / "out", n_resamples=1000)
    assert not (tmp_path / "out").exists()
