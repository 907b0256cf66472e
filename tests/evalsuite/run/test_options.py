"""How models are asked: twice, several times, with a system prompt, alike, and at what cost."""

from __future__ import annotations

import json
import re
import time

import pytest
from builders import prediction, write_predictions
from command_line import fails, typed

from saeval.errors import PairingError
from saeval.evalsuite.compare.pairing import pair, to_arrays
from saeval.evalsuite.compare.settings import check_same_settings
from saeval.evalsuite.config import EngineConfig
from saeval.evalsuite.engines.huggingface import TransformersEngine
from saeval.evalsuite.store.manifest import read_manifest
from saeval.evalsuite.store.prediction import Usage, read_predictions
from saeval.evalsuite.store.table import PredictionTable
from saeval.tasks.registry import get_task

ASK = ("--tasks", "factworld", "--limit", "20", "--gen-kwargs", "max_gen_toks=8")
DRAWN = ("--tasks", "factworld", "--limit", "6", "--samples", "3")
AT_RANDOM = "max_gen_toks=6,do_sample=true,temperature=1.0"


@pytest.fixture(scope="module")
def asked_twice(tiny_base, tiny_adapter, tmp_path_factory):
    from click.testing import CliRunner

    from saeval.evalsuite.cli.main import cli

    out = tmp_path_factory.mktemp("asked") / "out"
    options = ["--aa", "--price", "0.5,1.5", "--replicates", "1000", "--out", str(out)]
    command = ["compare", str(tiny_base), str(tiny_adapter), *ASK, *options]
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == 0, result.output
    return out, result.output


def test_an_aa_run_asks_the_base_again_and_stands_beside_every_difference(asked_twice):
    out, printed = asked_twice
    first, again = (
        list(read_predictions(out / name / "predictions" / "factworld.jsonl"))
        for name in ("base", "base-again")
    )
    orders = [[p.item_id for p in predictions] for predictions in (first, again)]
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1])
    rows = json.loads((out / "comparison.json").read_text())["tasks"][0]["metrics"]
    assert {row["noise"] for row in rows if row["metric"] == "accuracy"} == {0.0}
    assert re.search(r"Metric +Base +Ckpt. +Diff. +A/A +95% interval", printed)
    assert "…" not in printed.split("factworld")[1].split("A/A is")[0], "no number is cut off"
    for text in (printed, *((out / f"report.{end}").read_text() for end in ("html", "md"))):
        words = " ".join(text.split())
        assert "A/A is the same difference between the base and the base asked again." in words


def test_tokens_money_and_time_are_kept(asked_twice):
    out, printed = asked_twice
    answers = list(read_predictions(out / "base" / "predictions" / "factworld.jsonl"))
    read = sum(answer.usage.prompt_tokens for answer in answers)
    written = sum(answer.usage.response_tokens for answer in answers)
    probed = sum(answer.usage.probe_tokens for answer in answers)
    assert 0 < probed < read, "the prompt is read once"
    cost = json.loads((out / "comparison.json").read_text())["base"]["cost"]
    assert cost == {
        "items": 20, "prompt_tokens": read, "probe_tokens": probed, "response_tokens": written,
        "truncated": 0, "money": pytest.approx((0.5 * (read + probed) + 1.5 * written) / 1e6),
    }  # fmt: skip
    said = f"{read:,} tokens read (and {probed:,} for label probabilities), {written:,} written"
    assert said in (out / "report.html").read_text()
    (session,) = read_manifest(out / "base").sessions
    assert (session.items, session.from_cache) == (20, 0)
    assert set(session.seconds) == {"load", "prove", "answer"}
    assert re.search(r"base: 20 items, [\d.]+ a second \(load", printed)


def test_the_rate_that_is_said_is_of_the_answers_alone(tiny_base, tmp_path, capsys, monkeypatch):
    real = TransformersEngine.answer

    def slow(self, requests):
        for request in real(self, requests):
            time.sleep(0.05)
            yield request

    monkeypatch.setattr(TransformersEngine, "answer", slow)
    out = tmp_path / "run"
    _, printed, err = typed(capsys, "run", tiny_base, *ASK, "--out", out)
    (session,) = read_manifest(out).sessions
    assert session.seconds["answer"] >= 20 * 0.05
    said = re.search(r"20 items, ([\d.]+) a second", printed + err)
    assert said
    assert float(said[1]) == pytest.approx(20 / session.seconds["answer"], abs=0.06)


def test_samples_differ_come_again_and_are_clustered_by_item(tiny_base, tmp_path, capsys):
    found = []
    for name in ("one", "two"):
        out = tmp_path / name
        command = ("run", tiny_base, *DRAWN, "--gen-kwargs", AT_RANDOM, "--out", out)
        assert typed(capsys, *command)[0] == 0
        found.append(list(read_predictions(out / "predictions" / "factworld.jsonl")))
    assert found[0] == found[1]
    assert [p.key for p in found[0][:4]] == [(found[0][0].item_id, i) for i in range(3)] + [
        (found[0][3].item_id, 0)
    ]
    assert any(len({p.response for p in found[0][i : i + 3]}) == 3 for i in range(0, 18, 3))
    keyed = PredictionTable.of(found[0])
    arrays = to_arrays(pair(get_task("factworld"), keyed, keyed))
    assert len(arrays) == 18
    assert arrays.cluster is not None
    assert arrays.cluster.max() + 1 <= 6


def test_an_interrupted_run_of_samples_is_completed(tiny_base, tmp_path, capsys):
    command = ("run", tiny_base, *DRAWN, "--gen-kwargs", AT_RANDOM, "--out")
    assert typed(capsys, *command, tmp_path / "whole")[0] == 0
    whole = (tmp_path / "whole" / "predictions" / "factworld.jsonl").read_bytes()
    part = tmp_path / "whole" / "predictions" / "factworld.jsonl"
    part.write_bytes(b"".join(whole.splitlines(keepends=True)[:7]))
    assert typed(capsys, *command, tmp_path / "whole")[0] == 0
    assert part.read_bytes() == whole


@pytest.mark.parametrize("as_file", [False, True])
def test_a_system_prompt_is_asked_with_and_kept(tiny_base, tmp_path, capsys, as_file):
    given = "Answer only if you are sure."
    if as_file:
        (tmp_path / "system.txt").write_text(given + "\n")
        given = str(tmp_path / "system.txt")
    command = ("run", tiny_base, *ASK, "--limit", "4")
    assert typed(capsys, *command, "--out", tmp_path / "plain")[0] == 0
    assert typed(capsys, *command, "--system", given, "--out", tmp_path / "told")[0] == 0
    plain, told = (
        next(read_predictions(tmp_path / name / "predictions" / "factworld.jsonl"))
        for name in ("plain", "told")
    )
    assert plain.prompt_hash != told.prompt_hash
    identity = read_manifest(tmp_path / "told").identity
    assert identity["system"] == "Answer only if you are sure."


def test_runs_that_were_asked_differently_are_refused(tiny_base, tmp_path, capsys):
    short = ("run", tiny_base, *ASK, "--limit", "4", "--out", tmp_path / "short")
    assert typed(capsys, *short)[0] == 0
    message = fails(
        capsys, "compare", tmp_path / "short", tiny_base, *ASK[:2], "--limit", "4",
        "--gen-kwargs", "max_gen_toks=9", "--out", tmp_path / "out",
    )  # fmt: skip
    assert "is stale: generation in task factworld is max_gen_toks=8 there and max_gen_t" in message
    assert "give --gen-kwargs max_gen_toks=8, or answer it anew: saeval run " in message
    assert not (tmp_path / "out").exists()


def test_unknown_settings_are_not_held_against_a_run():
    check_same_settings([("a", {"identity": {"samples": 1}}), ("b", {"identity": {}})])
    check_same_settings([])
    with pytest.raises(PairingError, match="--system is not given there and x here"):
        check_same_settings(
            [("a", {"identity": {"system": None}}), ("b", {"identity": {"system": "x"}})]
        )


def test_saved_runs_of_two_versions_of_a_task_are_refused():
    one, two = ({"tasks": {"fever": {"version": number}}} for number in (1, 2))
    with pytest.raises(PairingError, match="task fever is version 1 there and version 2 here"):
        check_same_settings([("a", one), ("b", two)])


def test_a_prompt_cut_for_one_model_only_is_refused():
    def side(truncated):
        usage = Usage(prompt_tokens=9, response_tokens=1, truncated=truncated)
        return PredictionTable.of([prediction(0, usage=usage)])

    with pytest.raises(PairingError, match=r"1 prompts were cut to fit one model and not the"):
        pair(get_task("fever"), side(True), side(False))
    assert pair(get_task("fever"), side(True), side(True))
    assert pair(get_task("fever"), side(True), side(False), allow_mismatch=True)


def test_cut_prompts_are_counted_in_the_report(tiny_base, tiny_adapter, tmp_path, capsys):
    code, printed, _ = typed(
        capsys, "compare", tiny_base, tiny_adapter, *ASK, "--model-args", "max_length=60",
        "--replicates", "1000", "--out", tmp_path / "out",
    )  # fmt: skip
    assert code == 0
    cost = json.loads((tmp_path / "out" / "comparison.json").read_text())["base"]["cost"]
    assert 0 < cost["truncated"] <= 20
    assert f"{cost['truncated']} of 20 items had the beginning of their prompt cut" in printed


def test_aa_needs_a_base_that_can_be_asked(tiny_adapter, tmp_path, capsys):
    saved = write_predictions(tmp_path / "base.jsonl", [prediction(i) for i in range(3)])
    message = fails(capsys, "compare", saved, saved, "--aa", "--out", tmp_path / "out")
    assert "--aa asks the base twice" in message


@pytest.mark.parametrize("price", ["1", "a,b", "-1,2", "nan,1"])
def test_a_price_that_is_none(price, tmp_path, capsys):
    saved = write_predictions(tmp_path / "base.jsonl", [prediction(0)])
    assert "price" in fails(capsys, "compare", saved, saved, "--price", price).lower()


@pytest.mark.parametrize(
    ("gpu", "installed", "chosen"),
    [(True, True, "vllm"), (True, False, "transformers"), (False, True, "transformers")],
)
def test_the_default_engine_is_vllm_where_it_and_a_gpu_are(gpu, installed, chosen, monkeypatch):
    import torch

    from saeval.evalsuite.engines import registry

    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(torch, "empty", lambda *_, **__: None)
    monkeypatch.setattr(registry, "find_spec", lambda name: object() if installed else None)
    assert registry.resolve_engine_config(EngineConfig()).name == chosen


def test_an_engine_that_is_not_installed(tiny_base, tmp_path, capsys, monkeypatch):
    from saeval.evalsuite.engines import registry

    monkeypatch.setattr(registry, "find_spec", lambda name: None)
    out = tmp_path / "out"
    message = fails(capsys, "run", tiny_base, *ASK, "--engine", "vllm", "--out", out)
    assert "vLLM is not installed here; pip install 'saeval[vllm]'" in message
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--samples", "3"), "--samples 3: without --gen-kwargs do_sample=true"),
        (("--gen-kwargs", "temperature=0.7"), "temperature has no effect without do_sample=true"),
        (("--gen-kwargs", "do_sample=true"), "do_sample=true needs a temperature"),
        (("--system", "prompts/sytem.txt"), "there is no file 'prompts/sytem.txt'"),
        (("--system", "sytem.md"), "there is no file 'sytem.md'"),
    ],
)
def test_settings_that_would_silently_do_nothing_are_refused(
    options, message, tiny_base, tmp_path, capsys
):
    command = ("run", tiny_base, "--tasks", "factworld", "--limit", "4", *options)
    assert message in fails(capsys, *command, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_report_says_how_the_models_were_asked(tiny_base, tiny_adapter, tmp_path, capsys):
    out = tmp_path / "out"
    command = ("compare", tiny_base, tiny_adapter, *DRAWN, "--gen-kwargs", AT_RANDOM)
    more = ("--system", "Answer only if sure.", "--replicates", "1000", "--out", out)
    assert typed(capsys, *command, *more)[0] == 0
    for model in ("base", "checkpoint"):
        facts = json.loads((out / "comparison.json").read_text())[model]["facts"]
        assert facts["engine"] == "transformers cpu float32"
        assert facts["items"] == "seed 43, limit 6"
        assert facts["samples per item"] == "3"
        assert facts["system prompt"] == "Answer only if sure."
        assert "temperature=1.0" in facts["generation"]
    assert "system prompt: Answer only if sure." in (out / "report.html").read_text()


def test_tasks_that_share_items_are_not_pooled(tiny_base, tiny_adapter, tmp_path, capsys):
    out = tmp_path / "out"
    tasks = ("--tasks", "factworld,factworld_residents", "--limit", "30")
    command = ("compare", tiny_base, tiny_adapter, *tasks, "--gen-kwargs", "max_gen_toks=4")
    code, printed, _ = typed(capsys, *command, "--replicates", "1000", "--out", out)
    assert code == 0
    assert "Tasks factworld and factworld_residents ask some items in common" in printed
    assert json.loads((out / "comparison.json").read_text())["pooled"] is None


def test_swapped_run_folders_are_noticed(tiny_base, tiny_adapter, tmp_path, capsys):
    for name, model in (("base", tiny_base), ("tuned", tiny_adapter)):
        assert typed(capsys, "run", model, *ASK, "--out", tmp_path / name)[0] == 0
    command = ("compare", tmp_path / "tuned", tmp_path / "base", "--replicates", "1000")
    _, printed, _ = typed(capsys, *command, "--out", tmp_path / "out")
    assert "BASE is an adapter on CHECKPOINT: are the two swapped?" in printed
