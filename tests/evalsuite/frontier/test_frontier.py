"""``saeval frontier`` against models that do as they are told, and tiny ones that cannot."""

from __future__ import annotations

import csv
import json
import signal
import time

import pytest
from builders import two_files
from command_line import fails, typed
from forked import Forked
from prompted_server import BARE, BOLD, CAUTIOUS, PromptedServer
from tiny_server import KEY

ITEMS = 240


@pytest.fixture(scope="module")
def running_server():
    knowledge = {"base": 0.4, "tuned": 0.8, "shy": 0.4, "mute": 0.4}
    with PromptedServer(knowledge, reserve={"shy": 0.62, "mute": 2.0}) as server:
        yield server


@pytest.fixture
def server(running_server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    return running_server.afresh()


@pytest.fixture
def prompts(tmp_path):
    folder = tmp_path / "prompts"
    folder.mkdir()
    (folder / "bold.txt").write_text(f"Please {BOLD}, even a guess.")
    (folder / "cautious.txt").write_text(f"Answer {CAUTIOUS}.")
    return folder


def command(server, prompts, out, *models, task="factworld_questions", items=ITEMS):
    return (
        "frontier", *(f"{server.url}#{model}" for model in models), "--systems", f"{prompts}/*.txt",
        "--task", task, "--limit", items, "--apply-chat-template", "--out", out,
    )  # fmt: skip


def points_of(out):
    with (out / "frontier.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {(row["model"], row["system"]): row for row in rows}


def test_prompts_trade_and_a_checkpoint_that_knows_more_lies_beyond(
    server, prompts, tmp_path, capsys
):
    out = tmp_path / "out"
    code, printed, err = typed(capsys, *command(server, prompts, out, "base", "tuned"))
    assert code == 0, err
    found = points_of(out)
    assert list(found) == [(m, s) for m in ("base", "tuned") for s in ("none", "bold", "cautious")]
    right = {key: float(row["right"]) for key, row in found.items()}
    wrong = {key: float(row["wrong"]) for key, row in found.items()}
    declined = {key: float(row["declined"]) for key, row in found.items()}
    for model in ("base", "tuned"):
        assert wrong[model, "cautious"] < wrong[model, "none"] < wrong[model, "bold"]
        assert right[model, "cautious"] < right[model, "none"] <= right[model, "bold"]
        assert declined[model, "bold"] == 0
        for system in ("none", "bold", "cautious"):
            whole = right[model, system] + wrong[model, system] + declined[model, system]
            assert whole == pytest.approx(1)
    assert right["tuned", "none"] > right["base", "bold"]
    assert "tuned lies beyond the front of base with" in printed
    for name in ("frontier.html", "frontier.md", "frontier.svg", "frontier.csv", "frontier.json"):
        assert (out / name).stat().st_size > 100
        assert name in err
    for system, text in (("bold", BOLD), ("cautious", CAUTIOUS), ("none", "")):
        manifest = json.loads((out / "tuned" / system / "manifest.json").read_text())
        assert text in (manifest["identity"]["system"] or "")
    for path in out.rglob("*"):
        assert not path.is_file() or KEY not in path.read_text()


def test_the_numbers_are_those_of_the_answers(server, prompts, tmp_path, capsys):
    """Counted again from the predictions, without the code under test."""
    out = tmp_path / "out"
    typed(capsys, *command(server, prompts, out, "base"))
    lines = (out / "base" / "none" / "predictions" / "factworld_questions.jsonl").read_text()
    answers = [json.loads(line) for line in lines.splitlines()]
    row = points_of(out)["base", "none"]
    assert float(row["right"]) == sum(a["prediction"] == "RIGHT" for a in answers) / ITEMS
    assert float(row["wrong"]) == sum(a["prediction"] == "WRONG" for a in answers) / ITEMS
    without = [a for a in answers if a["target"] == "UNKNOWN"]
    assert int(row["hallucination_items"]) == len(without) > 0
    answered = sum(a["prediction"] == "WRONG" for a in without)
    assert float(row["hallucination"]) == answered / len(without)


def test_verification_counts_due_na_as_right_and_undue_as_neither(
    prompts, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    out = tmp_path / "out"
    with PromptedServer({"base": 0.5}, "factworld") as server:
        code, _, err = typed(capsys, *command(server, prompts, out, "base", task="factworld"))
    assert code == 0, err
    lines = (out / "base" / "cautious" / "predictions" / "factworld.jsonl").read_text()
    answers = [json.loads(line) for line in lines.splitlines()]
    row = points_of(out)["base", "cautious"]
    assert float(row["right"]) == sum(a["prediction"] == a["target"] for a in answers) / ITEMS
    wrong = sum(a["prediction"] in ("PASS", "FAIL") and not a["correct"] for a in answers)
    assert float(row["wrong"]) == wrong / ITEMS
    assert any(a["prediction"] == "NA" != a["target"] for a in answers)


def test_a_checkpoint_that_only_became_more_cautious_is_not_beyond(
    server, prompts, tmp_path, capsys
):
    """Beside the plain base it makes far fewer mistakes; the base can be asked for that."""
    out = tmp_path / "out"
    code, printed, _ = typed(capsys, *command(server, prompts, out, "base", "shy"))
    assert code == 0
    assert "shy is nowhere significantly beyond the front of base" in printed
    found = points_of(out)
    assert float(found["shy", "none"]["wrong"]) < float(found["base", "none"]["wrong"]) / 2


def test_a_checkpoint_that_declines_everything_is_not_beyond(server, prompts, tmp_path, capsys):
    """No prompt of the base makes so few mistakes, but that takes no model."""
    out = tmp_path / "out"
    code, printed, _ = typed(capsys, *command(server, prompts, out, "base", "mute"))
    assert code == 0
    assert float(points_of(out)["mute", "none"]["wrong"]) == 0
    assert "mute is nowhere significantly beyond the front of base" in printed
    assert "mute gives the same answers under every prompt, word for word" in printed


def test_what_cannot_be_read_is_wrong_and_said(server, prompts, tmp_path, capsys):
    (prompts / "bare.txt").write_text(BARE)
    code, printed, _ = typed(capsys, *command(server, prompts, tmp_path / "out", "base"))
    assert code == 0
    row = points_of(tmp_path / "out")["base", "bare"]
    assert (float(row["wrong"]), float(row["unreadable"]), row["on_front"]) == (1, 1, "false")
    assert "Answers that cannot be read count as wrong" in printed


def test_again_it_asks_nothing_and_a_new_prompt_or_checkpoint_alone_is_asked(
    server, prompts, tmp_path, capsys
):
    out = tmp_path / "out"
    typed(capsys, *command(server, prompts, out, "base"))
    before = {path.name: path.read_bytes() for path in out.glob("frontier.*")}
    server.afresh()
    assert typed(capsys, *command(server, prompts, out, "base"))[0] == 0
    assert server.requests == []
    assert {path.name: path.read_bytes() for path in out.glob("frontier.*")} == before
    (prompts / "polite.txt").write_text("Be polite.")
    code, _, err = typed(capsys, *command(server, prompts, out, "base", "tuned"))
    assert code == 0, err
    asked = [(body["model"], body["messages"][0]["content"]) for body in server.requests]
    assert sum(model == "base" for model, _ in asked) == ITEMS
    assert all(said == "Be polite." for model, said in asked if model == "base")
    assert len(asked) == 5 * ITEMS


def test_a_prompt_that_was_changed_does_not_mix_with_its_old_answers(
    server, prompts, tmp_path, capsys
):
    out = tmp_path / "out"
    typed(capsys, *command(server, prompts, out, "base"))
    (prompts / "bold.txt").write_text("Something else.")
    message = fails(capsys, *command(server, prompts, out, "base"))
    assert "base/bold: holds another run, which differs in system" in message


@pytest.mark.robustness
def test_interrupted_and_run_again_it_ends_with_the_same_bytes(server, prompts, tmp_path, capsys):
    """Ctrl-C while the third of six runs is asked; what is finished is not asked again."""
    whole, out = tmp_path / "whole", tmp_path / "out"
    typed(capsys, *command(server, prompts, whole, "base", "tuned"))
    most = 2 * ITEMS + 50
    server.afresh().fault = lambda number, body: "hang" if number > most else None
    process = Forked(command(server, prompts, out, "base", "tuned"), tmp_path / "log")
    answers = out / "base" / "cautious" / "predictions" / "factworld_questions.jsonl"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and (
        not answers.exists() or answers.read_bytes().count(b"\n") < 50
    ):
        time.sleep(0.02)
    process.signal(signal.SIGINT)
    assert process.wait() == 130
    assert "run the same command again to resume" in process.log.read_text()
    assert not list(out.glob("frontier.*"))
    server.afresh()
    assert typed(capsys, *command(server, prompts, out, "base", "tuned"))[0] == 0
    assert len(server.requests) == 6 * ITEMS - most
    for path in whole.glob("frontier.*"):
        assert (out / path.name).read_bytes() == path.read_bytes()


def tiny_command(prompts, out, *models):
    return (
        "frontier", *models, "--systems", prompts, "--task", "factworld", "--limit", "20",
        "--gen-kwargs", "max_gen_toks=4", "--engine", "transformers", "--out", out,
    )  # fmt: skip


def test_base_and_adapter_are_loaded_once_for_all_prompts(
    tiny_base, tiny_adapter, prompts, tmp_path, capsys, monkeypatch
):
    from saeval.evalsuite.engines.huggingface import TransformersEngine

    loaded = []
    load = TransformersEngine.__init__

    def counted(self, *arguments):
        loaded.append(arguments)
        load(self, *arguments)

    monkeypatch.setattr(TransformersEngine, "__init__", counted)
    out = tmp_path / "out"
    code, _, err = typed(capsys, *tiny_command(prompts, out, tiny_base, tiny_adapter))
    assert code == 0, err
    assert len(loaded) == 1
    hashes = {
        system: json.loads(
            (out / "base" / system / "predictions" / "factworld.jsonl").read_text().splitlines()[0]
        )["prompt_hash"]
        for system in ("none", "bold", "cautious")
    }
    assert len(set(hashes.values())) == 3
    assert typed(capsys, *tiny_command(prompts, out, tiny_base, tiny_adapter))[0] == 0
    assert len(loaded) == 1


def test_two_checkpoints_of_one_name_have_a_folder_each(
    tiny_base, tiny_adapter, prompts, tmp_path, capsys
):
    out = tmp_path / "out"
    code, printed, err = typed(
        capsys, *tiny_command(prompts, out, tiny_base, tiny_adapter, tiny_adapter), "--no-plain"
    )
    assert code == 0, err
    assert {path.name for path in out.iterdir() if path.is_dir()} == {
        "base", "adapter", "adapter-2"
    }  # fmt: skip
    assert not (out / "base" / "none").exists()
    assert "adapter-2" in printed


def test_what_cannot_be_drawn_is_one_line_and_writes_nothing(prompts, tmp_path, capsys, tiny_base):
    out = tmp_path / "out"
    saved, _ = two_files(tmp_path)
    systems = ("--systems", prompts)
    for arguments, message in (
        ((tiny_base, *systems, "--task", "simpelqa"), "unknown task 'simpelqa' (did you mean"),
        ((tiny_base, *systems, "--task", "fever,vitaminc"), "unknown task 'fever,vitaminc'"),
        ((tiny_base, *systems), "Missing option '--task'"),
        ((tiny_base, "--task", "fever"), "Missing option '--systems'"),
        ((tiny_base, "--systems", "p/*.txt", "--task", "fever"), "--systems: no file matches"),
        ((saved, *systems, "--task", "fever"), "these are predictions; `frontier` needs models"),
        (("./nothing", *systems, "--task", "fever"), "./nothing: no such"),
        ((tiny_base, *systems, "--task", "fever", "--system", "x"), "No such option"),
        (
            (tiny_base, *systems, "--task", "factworld", "--samples", "3"),
            "every answer to an item is the same",
        ),
    ):
        found = fails(capsys, "frontier", *arguments, "--out", out)
        assert message in found
        assert not out.exists()


def test_a_folder_of_something_else_is_left_alone(prompts, tmp_path, capsys, tiny_base):
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    message = fails(capsys, *tiny_command(prompts, out, tiny_base))
    assert "holds something that is not a saeval run (thesis.txt)" in message
    assert [path.name for path in out.iterdir()] == ["thesis.txt"]
