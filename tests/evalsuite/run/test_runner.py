"""Real (tiny) models asked for real: the engine, the chunks, and agreement with plain lm_eval."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from saeval.errors import ModelError, RunFolderError
from saeval.evalsuite.config import EngineConfig, RunConfig
from saeval.evalsuite.engines.adapter_check import check_adapter_applied
from saeval.evalsuite.engines.huggingface import TransformersEngine
from saeval.evalsuite.models.resolve import resolve_model
from saeval.evalsuite.models.types import LocalModel
from saeval.evalsuite.run.runner import Run, answer_runs
from saeval.evalsuite.run.task_runner import answer_task
from saeval.evalsuite.run.tasks import build_request, load_tasks
from saeval.evalsuite.store.prediction import read_predictions
from saeval.evalsuite.store.run_folder import PredictionFile
from saeval.tasks.task import TASKS_FOLDER

ASKED = RunConfig(tasks=("factworld",), limit=20, generation={"max_gen_toks": 12})
OPTIONS = EngineConfig(device="cpu", dtype="float32", batch_size=2, threads=1, name="transformers")


@pytest.fixture(scope="module")
def factworld():
    return load_tasks(ASKED)[0]


@pytest.fixture(scope="module")
def engine(tiny_base, tiny_adapter):
    loaded = TransformersEngine(
        LocalModel(str(tiny_base), tiny_base, None), [tiny_adapter], OPTIONS
    )
    yield loaded
    loaded.close()


def run(model: Path, folder: Path, config: RunConfig = ASKED) -> Path:

    local = resolve_model(str(model))
    assert isinstance(local, LocalModel)
    answer_runs([Run(local, folder, tuple(load_tasks(config)), config)], OPTIONS)
    return folder / "predictions" / "factworld.jsonl"


def test_base_rows_of_a_shared_engine_are_those_of_the_base_alone(
    engine, factworld, tiny_base, tiny_adapter, tmp_path
):
    """Base, adapter, base again on one engine; then the base on an engine without adapters."""
    files = {}
    for name, adapter in (("base", None), ("adapter", tiny_adapter), ("again", None)):
        files[name] = PredictionFile(tmp_path / name, "factworld")
        answer_task(factworld, engine, files[name], ASKED, adapter=adapter)
    alone = run(tiny_base, tmp_path / "alone")
    assert files["base"].path.read_bytes() == files["again"].path.read_bytes()
    assert list(read_predictions(files["base"].path)) == list(read_predictions(alone))
    assert files["base"].path.read_bytes() != files["adapter"].path.read_bytes()


def plain_lm_eval(model_args: str):
    """The same task under the harness's own loop, with a samples log as users have it."""
    import lm_eval
    from lm_eval.tasks import TaskManager

    return lm_eval.simple_evaluate(
        model="hf",
        model_args=model_args + ",dtype=float32",
        tasks=["factworld"],
        task_manager=TaskManager(include_path=str(TASKS_FOLDER), include_defaults=False),
        limit=20,
        batch_size=2,
        device="cpu",
        gen_kwargs="max_gen_toks=12",
        bootstrap_iters=0,
        log_samples=True,
    )["samples"]["factworld"]


@pytest.mark.parametrize("which", ["base", "adapter"])
def test_prompts_hashes_and_answers_equal_plain_lm_eval(which, tiny_base, tiny_adapter, tmp_path):
    model = tiny_base if which == "base" else tiny_adapter
    arguments = f"pretrained={tiny_base}" + (f",peft={tiny_adapter}" if which == "adapter" else "")
    samples = plain_lm_eval(arguments)
    ours = list(read_predictions(run(model, tmp_path)))
    assert len(ours) == len(samples) == 20
    by_id = {sample["doc"]["id"]: sample for sample in samples}
    for mine in ours:
        theirs = by_id[mine.item_id]
        assert mine.document_hash == theirs["doc_hash"]
        assert mine.prompt_hash == theirs["prompt_hash"]
        assert mine.target_hash == theirs["target_hash"]
        assert mine.response == theirs["resps"][0][0]
        logprobs = [resps[0][0] for resps in theirs["resps"][1:]]
        total = sum(math.exp(value) for value in logprobs)
        for value, probability in zip(logprobs, mine.label_probabilities.values(), strict=True):
            assert probability == pytest.approx(math.exp(value) / total, abs=1e-5)


@pytest.mark.parametrize("kept", [0, 1, 7, 8, 13, 19])
def test_an_interrupted_run_ends_with_the_bytes_of_an_uninterrupted_one(
    kept, engine, factworld, tmp_path
):
    """Whatever number of lines survived, and with half a line more behind them."""
    whole = PredictionFile(tmp_path / "whole", "factworld")
    answer_task(factworld, engine, whole, ASKED)
    lines = whole.path.read_bytes().splitlines(keepends=True)
    part = PredictionFile(tmp_path / "part", "factworld")
    part.path.write_bytes(b"".join(lines[:kept]) + lines[kept][:100])
    finished = []
    answer_task(factworld, engine, part, ASKED, on_item=finished.append)
    assert part.path.read_bytes() == whole.path.read_bytes()
    assert len(finished) == 20 - kept


def test_a_finished_run_is_not_asked_again(tiny_base, tmp_path, monkeypatch):
    run(tiny_base, tmp_path)
    monkeypatch.setattr(TransformersEngine, "__init__", lambda *a: pytest.fail("model loaded"))
    run(tiny_base, tmp_path)


def test_another_model_in_the_same_folder_is_refused(tiny_base, tiny_adapter, tmp_path):
    run(tiny_base, tmp_path)
    before = (tmp_path / "predictions" / "factworld.jsonl").read_bytes()
    with pytest.raises(RunFolderError, match=r"holds another run, which differs in model\."):
        run(tiny_adapter, tmp_path)
    assert (tmp_path / "predictions" / "factworld.jsonl").read_bytes() == before


def test_the_proof_passes_for_a_real_adapter_and_stops_an_empty_one(
    engine, factworld, tiny_base, tiny_adapter, tmp_path
):
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    def probes(adapter):
        return [build_request(factworld, i, engine, ASKED, adapter) for i in range(3)]

    check_adapter_applied(engine, [tiny_adapter], probes, "float32")

    untrained = get_peft_model(
        AutoModelForCausalLM.from_pretrained(tiny_base),
        LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"),
    )
    untrained.save_pretrained(tmp_path / "untrained")
    with pytest.raises(ModelError, match="the adapter changes nothing"):
        run(tmp_path / "untrained", tmp_path / "out")
    assert not list((tmp_path / "out" / "predictions").glob("*.jsonl"))


def test_an_adapter_of_another_shape_is_one_sentence(tiny_base, tiny_adapter, tmp_path):
    from saeval.trainer.demo.tiny_model import build_tiny_model

    other = build_tiny_model(tmp_path / "other", hidden_size=64)
    misfit = tmp_path / "misfit"
    shutil.copytree(tiny_adapter, misfit)
    config = json.loads((misfit / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = str(other)
    (misfit / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="cannot be loaded: RuntimeError") as error:
        run(misfit, tmp_path / "out")
    assert "\n" not in str(error.value)


def test_a_broken_model_is_one_sentence(tiny_base, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(tiny_base, broken)
    (broken / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelError, match=r"broken: cannot be loaded") as error:
        run(broken, tmp_path / "out")
    assert "\n" not in str(error.value)


def test_the_chat_template_changes_the_prompt(engine, factworld):
    plain = build_request(factworld, 0, engine, ASKED).generations[0].args[0]
    engine.lm.tokenizer.chat_template = (
        "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
        "{% if add_generation_prompt %}<assistant>{% endif %}"
    )
    request = build_request(factworld, 0, engine, replace(ASKED, apply_chat_template=True))
    (generation,), loglikelihoods = request.generations, request.loglikelihoods
    assert generation.args[0] == f"<user>{plain}<assistant>"
    assert loglikelihoods[0].args[0].endswith("<assistant>LABEL=")
