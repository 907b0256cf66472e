"""The command as people type it: what it prints, what it writes, and how it fails."""

from __future__ import annotations

import json
import re
import resource
import subprocess
from pathlib import Path

import pytest
from builders import prediction, study, study_result, two_files, write_predictions
from command_line import SAEVAL, fails, typed
from general_tasks import lines, write_general

from saeval.evalsuite.cli.main import cli


def test_comparing_two_files_writes_every_report_and_prints_the_table(tmp_path, capsys):
    base, checkpoint = two_files(tmp_path, items=60)
    code, out, err = typed(capsys, "compare", base, checkpoint, "--out", tmp_path / "out")
    assert code == 0
    assert "Accuracy" in out
    for name in ("comparison.json", "report.md", "report.html", "metrics.csv"):
        assert (tmp_path / "out" / name).stat().st_size > 100
        assert name in err
    found = json.loads((tmp_path / "out" / "comparison.json").read_text())
    rows = {(r["metric"], r["label"]): r for r in found["tasks"][0]["metrics"]}
    assert rows["accuracy", None]["base"] == pytest.approx(1 / 3)


def test_the_same_command_gives_the_same_bytes(tmp_path, capsys):
    base, checkpoint = two_files(tmp_path, items=60)
    for out in ("one", "two"):
        assert typed(capsys, "compare", base, checkpoint, "--out", tmp_path / out)[0] == 0
    for name in ("comparison.json", "report.md", "report.html", "metrics.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_report_renders_again_what_was_deleted(tmp_path, capsys):
    out = tmp_path / "out"
    typed(capsys, "compare", *two_files(tmp_path), "--out", out)
    before = (out / "report.html").read_bytes()
    (out / "report.html").unlink()
    code, printed, _ = typed(capsys, "report", out)
    assert code == 0
    assert "Accuracy" in printed
    assert (out / "report.html").read_bytes() == before


def test_the_default_folder_is_the_same_for_the_same_input(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = two_files(tmp_path)
    typed(capsys, "compare", *files)
    typed(capsys, "compare", *files)
    (folder,) = (tmp_path / "saeval-runs").iterdir()
    assert re.fullmatch(r"base-vs-checkpoint-[0-9a-f]{8}", folder.name)


def bad_input(tmp_path: Path) -> dict[str, tuple[list[object], str]]:
    """Arguments to `compare` and what the message must say."""
    base, checkpoint = two_files(tmp_path)
    items = [prediction(i) for i in range(6)]

    def file(name: str, text: str) -> Path:
        (tmp_path / name).write_text(text)
        return tmp_path / name

    def lines(name: str, **changed: object) -> Path:
        bad = prediction(3, **changed)
        return write_predictions(tmp_path / name, [*items[:3], bad, *items[4:]])

    torn = base.read_text().splitlines(keepends=True)
    torn[4] = torn[4][:60] + "\n"
    strange = prediction(0, task="x").to_line().replace('"PASS"', '"MAYBE"')
    nan = base.read_text().replace('"confidence": 0.8', '"confidence": NaN', 1)
    high = base.read_text().replace('"confidence": 0.8', '"confidence": 1.8', 1)
    return {
        "missing file": ([base, tmp_path / "none.jsonl"], r"none.jsonl: no such file"),
        "not JSON": ([base, file("x.json", "{")], r"x.json: not JSON"),
        "torn line in the middle": (
            [base, file("torn.jsonl", "".join(torn))],
            r"torn.jsonl:5: not JSON",
        ),
        "duplicate ids": (
            [base, write_predictions(tmp_path / "d.jsonl", [items[0], items[0]])],
            r"item 'item-000' of task 'fever' occurs twice",
        ),
        "no common ids": (
            [base, write_predictions(tmp_path / "o.jsonl", [prediction(99)])],
            r"no item in common",
        ),
        "other targets": ([base, lines("t.jsonl", target_hash="x")], r"targets differ on 1 of 6"),
        "other prompts": ([base, lines("p.jsonl", prompt_hash="x")], r"prompts differ on 1 of 6"),
        "unknown task": (
            [base, checkpoint, "--tasks", "fevr"],
            r"unknown task 'fevr' \(did you mean fever\?\); .* your own: saeval tasks new$",
        ),
        "task without predictions": (
            [base, checkpoint, "--tasks", "vitaminc"],
            r"base.jsonl: holds no predictions of task vitaminc; it has fever",
        ),
        "unknown model": ([base, "./nothing"], r"./nothing: no such file or folder"),
        "confidence above one": ([base, file("h.jsonl", high)], r"h.jsonl:1: `confidence`: .*1.8"),
        "confidence NaN": ([base, file("n.jsonl", nan)], r"n.jsonl:1: "),
        "empty file": ([base, file("e.jsonl", "")], r"e.jsonl: the file is empty"),
        "empty study": (
            [base, file("fever.json", study([]))],
            r"fever.json: `results`: List should",
        ),
        "not a study": ([base, file("y.json", "[]")], r"y.json: not predictions"),
        "no task in the name": (
            [base, file("z.json", study([study_result(0)]))],
            r"z.json: cannot tell the task",
        ),
        "task that nobody knows": (
            [base, file("u.jsonl", strange)],
            r"u.jsonl: holds predictions of 'x', which is no task saeval knows",
        ),
        "deeply nested": ([base, file("fever_deep.json", "[" * 100_000)], r"deep.json: not JSON"),
        "too few replicates": ([base, checkpoint, "--replicates", "100"], r"not in the range"),
        "options of asking": (
            [base, checkpoint, "--limit", "3"],
            r"--limit: has no effect on answ",
        ),
        "per-label nonsense": ([base, checkpoint, "--per-label", "5"], r"give three counts"),
        "level of one": ([base, checkpoint, "--level", "1"], r"is not in the range"),
    }


CASES = [
    "missing file", "not JSON", "torn line in the middle", "duplicate ids", "no common ids",
    "other targets", "other prompts", "unknown task", "task without predictions", "unknown model",
    "confidence above one", "confidence NaN", "empty file", "empty study", "not a study",
    "no task in the name", "per-label nonsense", "level of one",
]  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_one_line_with_exit_code_2_and_nothing_is_written(case, tmp_path, capsys):
    arguments, message = bad_input(tmp_path)[case]
    before = sorted(p.name for p in tmp_path.iterdir())
    found = fails(capsys, "compare", *arguments, "--out", tmp_path / "out")
    assert re.search(message, found), found
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_a_folder_with_other_content_is_left_alone(tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    message = fails(capsys, "compare", *two_files(tmp_path), "--out", out)
    assert "holds something that is not a saeval run (thesis.txt)" in message
    assert [p.name for p in out.iterdir()] == ["thesis.txt"]


def test_another_comparison_in_the_folder_is_left_alone(tmp_path, capsys):
    base, checkpoint = two_files(tmp_path)
    out = tmp_path / "out"
    typed(capsys, "compare", base, checkpoint, "--out", out)
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    message = fails(capsys, "compare", checkpoint, base, "--out", out)
    assert "holds another run, which differs in base.content" in message
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before


def test_other_statistics_of_the_same_answers_may_replace_the_report(tmp_path, capsys):
    files = two_files(tmp_path)
    for level in ("0.95", "0.9"):
        code, *_ = typed(capsys, "compare", *files, "--out", tmp_path / "out", "--level", level)
        assert code == 0
    found = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert found["settings"]["level"] == 0.9


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "holds no comparison.json"), ("{", "comparison.json: "), ('{"schema": "x"}', "schema")],
)
def test_report_of_something_else(tmp_path, capsys, content, message):
    if content is not None:
        (tmp_path / "comparison.json").write_text(content)
    assert message in fails(capsys, "report", tmp_path)


def test_asking_a_model_needs_tasks_and_predictions_cannot_be_asked(tmp_path, capsys, tiny_base):
    base, _ = two_files(tmp_path)
    assert "--tasks is needed" in fails(capsys, "compare", tiny_base, base)
    assert "`run` needs a model to ask" in fails(capsys, "run", base, "--tasks", "fever")
    assert "Missing option '--tasks'" in fails(capsys, "run", tiny_base)


def test_data_that_is_not_there(tmp_path, capsys, tiny_base):
    arguments = ("run", tiny_base, "--tasks", "fever", "--out", tmp_path / "out")
    assert "no file matches" in fails(capsys, *arguments, "--data-dir", tmp_path)
    (tmp_path / "fever").mkdir()
    (tmp_path / "fever" / "fever_gold_evidence.jsonl").write_text("")
    assert "the data set is empty" in fails(capsys, *arguments, "--data-dir", tmp_path)
    message = fails(capsys, "run", tiny_base, "--tasks", "factworld", "--per-label", "9999,1,1")
    assert "9999 documents of label NA asked for" in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--device", "gpu"], "--device gpu: torch cannot use it here"),
        (["--dtype", "fp16"], "--dtype fp16: no such type; give float32"),
        (["--gen-kwargs", "max_gen_toks=abc"], "max_gen_toks must be a whole number"),
        (["--gen-kwargs", "max_gen_toks"], "--gen-kwargs: cannot read 'max_gen_toks'"),
        (["--gen-kwargs", "max_gen_tok=5"], "the model cannot answer with these settings"),
    ],
)
def test_settings_that_cannot_work(options, message, tmp_path, capsys, tiny_base):
    arguments = ("run", tiny_base, "--tasks", "factworld", "--limit", "2", "--out", tmp_path / "o")
    code, _, err = typed(capsys, *arguments, *options)
    assert code == 2
    assert message in err
    assert "Traceback" not in err


def test_a_folder_that_cannot_be_written(tmp_path, capsys, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path / "out"))

    monkeypatch.setattr(Path, "mkdir", refuse)
    message = fails(capsys, "compare", *two_files(tmp_path), "--out", tmp_path / "out")
    assert message == f"Error: {tmp_path / 'out'}: Permission denied"


def test_answers_to_other_documents_are_found_before_a_model_is_asked(
    tmp_path, capsys, tiny_base, monkeypatch
):
    from saeval.evalsuite.engines.huggingface import TransformersEngine

    monkeypatch.setattr(TransformersEngine, "__init__", lambda *a: pytest.fail("model loaded"))
    saved = write_predictions(tmp_path / "s.jsonl", [prediction(0, task="factworld")])
    message = fails(capsys, "compare", saved, tiny_base, "--tasks", "factworld", "--limit", "5")
    assert "are to other documents than this sample: no item in common" in message


def test_an_adapter_on_another_base_is_cautioned_against(tmp_path, tiny_base, tiny_adapter):
    from saeval.evalsuite.compare.cautions import model_cautions
    from saeval.evalsuite.models.resolve import resolve_model
    from saeval.trainer.demo.tiny_model import build_tiny_model

    own, adapter = resolve_model(str(tiny_base)), resolve_model(str(tiny_adapter))
    other = resolve_model(str(build_tiny_model(tmp_path / "other", seed=5)))
    assert model_cautions(own, adapter) == ()
    assert "another model than BASE" in model_cautions(other, adapter)[0]
    assert "swapped" in model_cautions(adapter, own)[0]


@pytest.mark.parametrize("command", sorted(cli.commands))
def test_every_command_has_help_with_an_example(command, capsys):
    _, out, _ = typed(capsys, command, "--help")
    if command != "tasks":
        assert f"saeval {command}" in out.split("Options:")[0].split("\n", 2)[2]


def test_task_cards_and_path_are_printed(capsys):
    assert "# climatefever" in typed(capsys, "tasks", "show", "climatefever")[1]
    path = Path(typed(capsys, "tasks", "path")[1].strip())
    assert (path / "datasets" / "fever" / "fever.yaml").is_file()
    assert "unknown task" in fails(capsys, "tasks", "show", "none")


def test_help_takes_under_a_third_of_a_cpu_second():
    """The time of three runs together, so that one slow disk read does not decide."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(3):
        subprocess.run([SAEVAL, "--help"], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / 3 < 0.3


def test_items_of_two_labels_only_and_few_of_them_do_not_crash(tmp_path, capsys):
    """No NA item, and too few items to test anything: untested, never better or worse."""
    items = [i for i in range(12) if i % 3 != 2]
    base = write_predictions(tmp_path / "b.jsonl", [prediction(i) for i in items])
    checkpoint = write_predictions(
        tmp_path / "c.jsonl", [prediction(i, "FAIL", confidence=0.9) for i in items]
    )
    code, out, _ = typed(capsys, "compare", base, checkpoint, "--out", tmp_path / "out")
    assert code == 0
    assert "Too few items" in out
    found = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert all(row["p"] is None for row in found["tasks"][0]["metrics"])


def test_several_checkpoints_are_compared_together_and_rendered_again(tmp_path, capsys):
    base, checkpoint = two_files(tmp_path, items=60)
    other = write_predictions(tmp_path / "other.jsonl", [prediction(i, "NA") for i in range(60)])
    out = tmp_path / "out"
    code, printed, _ = typed(capsys, "compare", base, checkpoint, other, other, "--out", out)
    assert code == 0
    assert "other" in printed
    names = ["checkpoint", "other", "other-2"]
    assert list(json.loads((out / "family.json").read_text())["comparisons"]) == names
    found = [json.loads((out / name / "comparison.json").read_text()) for name in names]
    rows = [r for c in found for t in c["tasks"] for r in t["metrics"] if r["headline"]]
    tested = [r["p"] for r in rows if r["p"] is not None]
    smallest = min(tested)
    assert min(r["p_holm"] for r in rows if r["p"] == smallest) == pytest.approx(
        min(1, smallest * len(tested))
    )
    before = {p: p.read_bytes() for p in out.rglob("*") if p.suffix in (".html", ".json", ".csv")}
    (out / "report.html").unlink()
    assert typed(capsys, "report", out)[0] == 0
    assert {p: p.read_bytes() for p in before} == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--items", "1000"], r"1,000 items find a difference of 3\.\d\d points"),
        (["--difference", "0.02"], r"2,9\d\d items are needed"),
        (["--items", "1000", "--difference", "0.02"], r"found with probability 3\d\.\d%"),
    ],
)
def test_power_answers_what_was_left_open(arguments, message, capsys):
    code, out, _ = typed(capsys, "power", *arguments)
    assert code == 0
    assert re.search(message, out), out


def test_power_of_nothing_or_the_impossible_is_a_usage_error(capsys):
    assert "give --items, --difference or both" in fails(capsys, "power")
    impossible = ("power", "--difference", "0.5", "--discordant-rate", "0.1")
    assert "discordant_rate" in fails(capsys, *impossible)


def test_power_plans_by_tasks_of_another_program(tmp_path, capsys):
    """Which have no AUROC."""
    scores = ([{"acc": float(n % k == 0)} for n in range(60)] for k in (3, 2))
    base, checkpoint = (
        write_general(tmp_path / f"{name}.jsonl", lines("gsm8k", answered))
        for name, answered in zip(("base", "checkpoint"), scores, strict=True)
    )
    out = tmp_path / "out"
    assert typed(capsys, "compare", base, checkpoint, "--out", out)[0] == 0
    code, said, err = typed(capsys, "power", "--comparison", out, "--items", 5000)
    assert code == 0, err
    assert re.search(r"gsm8k: 5,000 items find a difference of \d+\.\d\d points", said), said


def test_power_plans_by_a_finished_comparison(tmp_path, capsys):
    base, checkpoint = two_files(tmp_path, items=60)
    out = tmp_path / "out"
    assert typed(capsys, "compare", base, checkpoint, "--out", out)[0] == 0
    code, said, _ = typed(capsys, "power", "--comparison", out, "--items", 5000)
    assert code == 0
    assert re.search(r"fever: 5,000 items find a difference of \d+\.\d\d points", said), said
    simulated = ("--policy", "built-in", "--simulations", 3)
    code, said, _ = typed(capsys, "power", "--comparison", out, *simulated)
    assert code == 0
    assert re.search(r"would say PASS \d+%, REGRESSION \d+%, INCONCLUSIVE \d+%", said), said
    assert "fever, Accuracy not worse by 3 pp: PASS" in said
    assert "--policy needs --comparison" in fails(capsys, "power", "--policy", "gate.yaml")
