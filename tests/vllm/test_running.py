"""`saeval compare` on vLLM: one command for a base and two adapters, killed and resumed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from command_line import SAEVAL

from saeval.evalsuite.store.prediction import read_predictions
from saeval.trainer.demo.tiny_model import build_tiny_model

pytest.importorskip("vllm")

ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


def command(base, adapters, out, engine="vllm", limit=120):
    return [
        str(SAEVAL), "compare", str(base), *map(str, adapters), "--tasks", "factworld",
        "--limit", str(limit), "--gen-kwargs", "max_gen_toks=16", "--replicates", "1000",
        "--out", str(out), "--engine", engine,
        # Few at a time: answers of one length finish together, and a kill must come in between.
        *(["--model-args", "max_model_len=1024,max_num_seqs=8"] if engine == "vllm" else []),
    ]  # fmt: skip


def answers(folder: Path):
    path = folder / "predictions" / "factworld.jsonl"
    return {prediction.key: prediction for prediction in read_predictions(path)}


def assert_same_answers(found, wanted):
    assert found.keys() == wanted.keys()
    for key, one in found.items():
        other = wanted[key]
        assert one.prompt_hash == other.prompt_hash
        strip = "\N{REPLACEMENT CHARACTER}"  # bytes of an unfinished character, which vLLM keeps
        assert one.response.rstrip(strip) == other.response.rstrip(strip)
        assert one.label_probabilities == pytest.approx(other.label_probabilities, abs=1e-4)


def run(arguments):
    done = subprocess.run(arguments, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done


def test_a_base_and_two_adapters_in_one_command_killed_and_resumed(models, tmp_path):
    base, adapters = models
    run(command(base, adapters, tmp_path / "wanted", "transformers"))
    killed = tmp_path / "killed"
    process = subprocess.Popen(
        command(base, adapters, killed),
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    first = killed / "first" / "checkpoint" / "predictions" / "factworld.jsonl"
    while process.poll() is None and not (first.exists() and first.stat().st_size):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = first.read_bytes()
    kept = kept[: kept.rfind(b"\n") + 1]
    assert 0 < kept.count(b"\n") < 120, "the kill came too late to mean anything"
    run(command(base, adapters, killed))
    assert first.read_bytes().startswith(kept), "what was finished was not asked again"
    for place in ("base", "first/checkpoint", "second/checkpoint"):
        assert_same_answers(answers(killed / place), answers(tmp_path / "wanted" / place))


def test_a_checkpoint_that_is_no_adapter_runs_after_the_base_is_released(models, tmp_path):
    base, _ = models
    full = build_tiny_model(tmp_path / "full", seed=3)
    run(command(base, [full], tmp_path / "wanted", "transformers", limit=20))
    run(command(base, [full], tmp_path / "found", limit=20))
    found, wanted = tmp_path / "found", tmp_path / "wanted"
    for place in ("base", "checkpoint"):
        assert_same_answers(answers(found / place), answers(wanted / place))
    manifest = json.loads((found / "base" / "manifest.json").read_text())
    assert manifest["identity"]["engine"]["name"] == "vllm"
