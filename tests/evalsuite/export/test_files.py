"""Exports of files that need no tool, and what all exports have in common."""

from __future__ import annotations

import errno
import json
from dataclasses import replace

import pandas as pd
import pytest
from builders import run_folder, write_predictions
from command_line import fails, typed
from exported import HOSTILE, SECRET, compared, general_answers, numbers, own_answers

import saeval
from saeval.errors import DiskFullError, InputError
from saeval.evalsuite.export import lm_eval, record, registry

FILES = ("lm-eval", "eee", "parquet")


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    return compared(tmp_path_factory.mktemp("own"))


@pytest.fixture(scope="module")
def gated(tmp_path_factory):
    return compared(tmp_path_factory.mktemp("gated"), gated=True)


@pytest.fixture(scope="module")
def general(tmp_path_factory):
    return compared(tmp_path_factory.mktemp("general"), general_answers)


def everything(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def one(folder, pattern):
    (found,) = folder.glob(pattern)
    return found


@pytest.mark.parametrize("folder", ["comparison", "general"])
def test_lm_eval_has_the_numbers_of_the_comparison_to_the_digit(folder, request, tmp_path):
    folder = request.getfixturevalue(folder)
    saeval.export(folder, "lm-eval", out=tmp_path / "out")
    for role in ("base", "checkpoint"):
        results = json.loads(one(tmp_path / "out", f"{role}/*/results_*.json").read_text())
        for task, metric, label, row in numbers(folder):
            if task == "pooled" or row[role] is None:
                continue
            key = metric if label is None else f"{metric}.{label}"
            assert results["results"][task][f"{key},none"] == row[role]
            if interval := row[f"{role}_interval"]:
                assert results["results"][task][f"{key}_low,none"] == interval["low"]
                assert results["results"][task][f"{key}_high,none"] == interval["high"]
        (accuracy,) = (
            row for row in results["saeval"]["metrics"] if row["metric"] == "accuracy"
        ) if folder.parent.name.startswith("own") else [None]  # fmt: skip
        if accuracy:
            (expected,) = (row for _, metric, _, row in numbers(folder) if metric == "accuracy")
            assert (accuracy["pvalue"], accuracy["pvalue_holm"]) == (
                expected["p"],
                expected["p_holm"],
            )


def test_lm_eval_samples_are_read_back_as_the_answers_that_they_are(comparison, tmp_path):
    saeval.export(comparison, "lm-eval", out=tmp_path / "out")
    for shift, role in enumerate(("base", "checkpoint")):
        back = saeval.read_predictions(str(tmp_path / "out" / role)).predictions["fever"]
        for answer in own_answers(shift):
            read = back[answer.key]
            for label, share in (answer.label_probabilities or {}).items():
                assert read.label_probabilities[label] == pytest.approx(share, rel=1e-12)
            same = {"label_probabilities": None, "response": "", "confidence": None}
            assert read.model_copy(update=same) == answer.model_copy(update=same)
            assert read.response == answer.response


def test_lm_eval_samples_have_the_fields_of_its_own(comparison, tmp_path):
    saeval.export(comparison, "lm-eval", out=tmp_path / "out")
    line = one(tmp_path / "out", "base/*/samples_fever_*.jsonl").read_text().splitlines()[0]
    assert list(json.loads(line)) == [
        "doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics",
        "doc_hash", "prompt_hash", "target_hash", "acc", "abstained", "invalid",
    ]  # fmt: skip


def test_scores_of_other_programs_stand_by_metric_and_filter(general, tmp_path):
    saeval.export(general, "lm-eval", out=tmp_path / "out")
    lines = one(tmp_path / "out", "base/*/samples_gsm8k_*.jsonl").read_text().splitlines()
    assert len(lines) == 80
    back = saeval.read_predictions(str(tmp_path / "out" / "base")).predictions
    assert sorted(back) == ["gsm8k", "mmlu_anatomy", "summaries"]
    for answer in general_answers(0):
        read = back[answer.task][answer.key]
        values = {name: score.value for name, score in answer.scores.items()}
        assert {name: score.value for name, score in read.scores.items()} == values
        assert (read.group, read.response) == (answer.group, answer.response)
        assert read.document.answers == answer.document.answers
        if answer.task != "summaries":
            assert (read.prediction, read.correct) == (answer.prediction, answer.correct)


def test_every_eval_ever_is_read_back(general, tmp_path):
    saeval.export(general, "eee", out=tmp_path / "out")
    for path in sorted(tmp_path.glob("out/data/mmlu_anatomy/unknown/base/*_samples.jsonl")):
        back = saeval.read_predictions(str(path)).predictions["mmlu_anatomy"]
        answers = [a for a in general_answers(0) if a.task == "mmlu_anatomy"]
        assert len(back) == len(answers)
        for answer in answers:
            read = back[answer.key]
            assert (read.correct, read.confidence) == (answer.correct, answer.confidence)


def test_every_eval_ever_has_the_numbers_and_what_it_has_no_fields_for(comparison, tmp_path):
    saeval.export(comparison, "eee", out=tmp_path / "out")
    files = sorted((tmp_path / "out").glob("data/fever/*/*/*[!s].json"))
    assert len(files) == 2
    for path in files:
        aggregate = json.loads(path.read_text())
        role = aggregate["source_metadata"]["additional_details"]["saeval.role"]
        found = {
            r["evaluation_result_id"]: r["score_details"] for r in aggregate["evaluation_results"]
        }
        for _, metric, label, row in numbers(comparison):
            key = metric if label is None else f"{metric}.{label}"
            if row[role] is None:
                assert key not in found
                continue
            assert found[key]["score"] == row[role]
            if interval := row[f"{role}_interval"]:
                stated = found[key]["uncertainty"]["confidence_interval"]
                assert (stated["lower"], stated["upper"]) == (interval["low"], interval["high"])
            if row["p"] is not None:
                assert float(found[key]["details"]["saeval.p"]) == row["p"]
        detailed = aggregate["detailed_evaluation_results"]
        lines = (tmp_path / "out" / detailed["file_path"]).read_text().splitlines()
        assert len(lines) == detailed["total_rows"] == 40
        for line, answer in zip(lines, own_answers(int(role == "checkpoint")), strict=True):
            instance = json.loads(line)
            assert instance["evaluation"]["is_correct"] == answer.correct
            assert float(instance["metadata"]["confidence"]) == answer.confidence
            assert instance["metadata"]["abstained"] == str(answer.prediction == "NA").lower()


@pytest.mark.parametrize("folder", ["comparison", "general", "gated"])
def test_parquet_has_a_row_per_metric_and_answer(folder, request, tmp_path):
    folder = request.getfixturevalue(folder)
    saeval.export(folder, "parquet", out=tmp_path / "out")
    metrics = pd.read_parquet(tmp_path / "out" / "metrics.parquet").to_dict("records")
    expected = list(numbers(folder))
    assert len(metrics) == len(expected)
    for found, (task, metric, label, row) in zip(metrics, expected, strict=True):
        assert (found["task"], found["metric"]) == (task, metric)
        assert (None if pd.isna(found["label"]) else found["label"]) == label
        for ours, theirs in (("base", "base"), ("difference", "difference"), ("pvalue", "p")):
            assert (None if pd.isna(found[ours]) else found[ours]) == row[theirs]
    answers = pd.read_parquet(tmp_path / "out" / "answers.parquet")
    if folder.parent.name.startswith("general"):
        assert HOSTILE in set(answers["response"])
        assert set(answers.loc[answers["task"] == "mmlu_anatomy", "group"]) == {"mmlu"}
        assert len(answers) == 2 * 3 * 40
    else:
        assert answers["confidence"].tolist() == [
            answer.confidence for shift in (0, 1) for answer in own_answers(shift)
        ]
    if folder.parent.name.startswith("gated"):
        rules = json.loads((folder / "gate.json").read_text())["results"]
        table = pd.read_parquet(tmp_path / "out" / "rules.parquet")
        assert table["verdict"].tolist() == [rule["verdict"] for rule in rules]
        passing = [None if pd.isna(p) else p for p in table["pvalue_pass"]]
        assert passing == [rule["p_pass"] for rule in rules]


def test_a_run_is_exported_with_its_values_and_intervals(tmp_path):
    run = run_folder(tmp_path / "run", items=40)
    saeval.export(run, "lm-eval")
    home = run / "export" / "lm-eval"
    results = json.loads(one(home, "model/qwen/results_*.json").read_text())
    assert results["results"]["fever"]["accuracy,none"] == 1
    assert results["results"]["fever"]["accuracy_low,none"] == pytest.approx(0.912, abs=1e-3)
    assert "difference" not in results["saeval"]["metrics"][0]
    assert saeval.read_predictions(str(home / "model")).predictions.keys() == {"fever"}
    assert saeval.read_predictions(str(run)).predictions.keys() == {"fever"}


@pytest.mark.parametrize("target", FILES)
def test_what_is_there_is_let_be_and_what_is_another_is_not_overwritten(target, gated, tmp_path):
    out = tmp_path / "out"
    assert saeval.export(gated, target, out=out).written
    before = everything(out)
    assert not saeval.export(gated, target, out=out).written
    assert everything(out) == before
    page = one(out, "pages/gate.md")
    page.write_text("changed")
    with pytest.raises(InputError, match="was changed since; give --replace"):
        saeval.export(gated, target, out=out)
    assert saeval.export(gated, target, out=out, replace=True).written
    assert everything(out) == before
    assert {path.name for path in tmp_path.iterdir()} == {"out", ".out.saeval-lock"}
    with pytest.raises(InputError, match="holds another export, of compared; give --replace"):
        saeval.export(gated, "eee" if target != "eee" else "parquet", out=out)


def test_a_folder_of_somebody_else_is_never_replaced(comparison, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all of it")
    with pytest.raises(InputError, match="holds something that is no export of saeval"):
        saeval.export(comparison, "eee", out=tmp_path / "mine", replace=True)
    assert everything(tmp_path / "mine") == {"thesis.txt": b"all of it"}


@pytest.mark.parametrize("error", [ValueError("bug"), OSError(errno.ENOSPC, "no space", "f")])
def test_an_export_that_fails_leaves_nothing_and_keeps_what_was_there(
    error, comparison, tmp_path, monkeypatch
):
    saeval.export(comparison, "lm-eval", out=tmp_path / "out")
    before = everything(tmp_path / "out")
    real = lm_eval._samples

    def fail(answers):
        yield next(real(answers))
        raise error

    monkeypatch.setattr(lm_eval, "_samples", fail)
    for place in ("out", "new"):
        with pytest.raises(DiskFullError if isinstance(error, OSError) else ValueError):
            saeval.export(comparison, "lm-eval", out=tmp_path / place, replace=True)
    assert everything(tmp_path / "out") == before
    assert not (tmp_path / "new").exists()
    assert not list(tmp_path.glob(".*partial*"))


def test_what_a_killed_export_left_is_removed(comparison, tmp_path):
    for left in (".out.saeval-partial", ".out.saeval-old"):
        (tmp_path / left / "base").mkdir(parents=True)
        (tmp_path / left / "base" / "half").write_text("{")
    saeval.export(comparison, "lm-eval", out=tmp_path / "out")
    assert "base/half" not in everything(tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"out", ".out.saeval-lock"}


@pytest.mark.parametrize("target", FILES)
def test_keys_and_passwords_are_not_exported(target, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    base = [replace_response(answer, f"the key is {SECRET}") for answer in own_answers(0)]
    files = [
        write_predictions(tmp_path / "base.jsonl", base),
        write_predictions(tmp_path / "checkpoint.jsonl", own_answers(1)),
    ]
    folder = tmp_path / "compared"
    saeval.compare(*files, out=folder, n_resamples=1000)
    tree = json.loads((folder / "comparison.json").read_text())
    tree["base"]["facts"]["server"] = "https://me:hunter2hunter2@host/v1?api_key=abcdefgh"
    (folder / "comparison.json").write_text(json.dumps(tree))
    out = tmp_path / "out"
    saeval.export(folder, target, out=out)
    for name, content in everything(out).items():
        assert SECRET.encode() not in content, name
        if not name.startswith("pages/"):
            assert b"hunter2" not in content, name
            assert b"abcdefgh" not in content, name
    assert b"[hidden]" in b"".join(everything(out).values())


def replace_response(answer, response):
    return answer.model_copy(update={"response": response})


@pytest.mark.parametrize("target", FILES)
def test_names_lead_nowhere(target, comparison, tmp_path):
    found = record.read_record(comparison)
    for name in ["../../escape", "a/b\\c:d", "..", "", "\u202e", "x" * 5000]:
        models = tuple(replace(model, name=name, source=name) for model in found.models)
        out = tmp_path / "in" / "out"
        destination = registry.Destination(str(out), out, "saeval", True)
        registry.find_target(target).load()(replace(found, models=models), destination)
        assert {path.name for path in tmp_path.iterdir()} == {"in"}
        assert {path.name for path in out.parent.iterdir()} == {"out", ".out.saeval-lock"}


def test_pages_and_verdict_go_along(gated, tmp_path):
    saeval.export(gated, "lm-eval", out=tmp_path / "out")
    for name in ("report.html", "comparison.json", "junit.xml", "gate.json", "metrics.csv"):
        there = (tmp_path / "out" / "pages" / name).read_bytes()
        assert there == (gated / name).read_bytes()
    results = json.loads(one(tmp_path / "out", "base/*/results_*.json").read_text())
    verdict = json.loads((gated / "gate.json").read_text())["verdict"]
    assert results["saeval"]["saeval.verdict"] == verdict


def test_without_its_answers_the_numbers_are_exported(tmp_path):
    folder = compared(tmp_path)
    (tmp_path / "base.jsonl").unlink()
    found = saeval.export(folder, "parquet", out=tmp_path / "out")
    assert "its answers are left out, since the files that were compared are gone" in found.notes[0]
    assert not (tmp_path / "out" / "answers.parquet").exists()
    with pytest.raises(InputError, match="its answers are left out"):
        saeval.export(folder, "lm-eval", out=tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_bad_input_is_one_sentence(capsys, comparison, tmp_path):
    cases = {
        ("nowhere", "--to", "eee"): "no such folder",
        (tmp_path, "--to", "eee"): "holds no finished run, comparison or gate",
        (comparison, "--to", "mlflo"): "no such target; did you mean mlflow?",
        (comparison, "--to", "excel"): "known: lm-eval, inspect, mlflow, wandb, trackio, eee",
    }
    for typed_words, sentence in cases.items():
        assert sentence in fails(capsys, "export", *typed_words)
    (tmp_path / "gate.json").write_text("{")
    for name in ("comparison.json", "manifest.json"):
        (tmp_path / name).write_bytes((comparison / name).read_bytes())
    assert "gate.json: not a gate" in fails(capsys, "export", tmp_path, "--to", "eee")
    unfinished = run_folder(tmp_path / "run", items=30)
    lines = (unfinished / "predictions" / "fever.jsonl").read_text().splitlines(keepends=True)
    (unfinished / "predictions" / "fever.jsonl").write_text("".join(lines[:-1]))
    assert "the run is not finished" in fails(capsys, "export", unfinished, "--to", "eee")
    (tmp_path / "file").write_text("")
    message = fails(capsys, "export", comparison, "--to", "eee", "--out", tmp_path / "file")
    assert "exists and is no folder" in message
    message = fails(capsys, "export", comparison, "--to", "eee", "--out", tmp_path / "file" / "x")
    assert "cannot be written" in message
    assert not list(tmp_path.glob("export"))


def test_no_permission_is_one_sentence(comparison, tmp_path, monkeypatch):
    def refuse(folder):
        raise PermissionError(errno.EACCES, "Permission denied", str(folder))

    monkeypatch.setattr("saeval.evalsuite.export.place.make_folder", refuse)
    with pytest.raises(
        InputError, match=r"cannot be written \(Permission denied\); choose another"
    ):
        saeval.export(comparison, "eee", out=tmp_path / "out")


def test_a_missing_extra_is_named(capsys, comparison, monkeypatch):
    monkeypatch.setattr("saeval.extras.find_spec", lambda module: None)
    for target in registry.TARGETS:
        if target.extra is not None:
            message = fails(capsys, "export", comparison, "--to", target.name)
            assert f"pip install 'saeval[{target.extra}]'" in message


def test_the_command_says_where_it_is(capsys, comparison, tmp_path):
    words = ("export", comparison, "--to", "parquet", "--out", tmp_path / "out")
    code, out, err = typed(capsys, *words)
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == f"Exported to {tmp_path / 'out'}"
    assert "  answers.parquet" in out.splitlines()
    code, out, _ = typed(capsys, *words)
    assert (code, out.splitlines()[0]) == (
        0,
        f"Is there already (--replace writes it anew): {tmp_path / 'out'}",
    )


def test_identity_is_of_all_that_is_exported(comparison):
    found = record.read_record(comparison)
    (base, checkpoint) = found.models
    changes = [
        replace(found, name="other"),
        replace(found, pages={}),
        replace(found, models=(base,)),
        replace(found, models=(replace(base, facts={"a": "b"}), checkpoint)),
        replace(found, models=(replace(base, answers={}), checkpoint)),
    ]
    assert len({found.identity, *(changed.identity for changed in changes)}) == 6
