"""Every kind of PEFT adapter beside its base: right answers of both, or a sentence."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from adapters import SETTINGS, build_adapter, copy_with
from command_line import fails, typed
from peft import PeftModel
from transformers import AutoModelForCausalLM

from saeval.errors import ModelError
from saeval.evalsuite.config import EngineConfig, RunConfig
from saeval.evalsuite.engines import adapter_kinds, registry
from saeval.evalsuite.engines.adapter_kinds import needs_own_base
from saeval.evalsuite.engines.huggingface import TransformersEngine
from saeval.evalsuite.engines.registry import configure_engine
from saeval.evalsuite.models.resolve import resolve_model
from saeval.evalsuite.models.types import LocalModel
from saeval.evalsuite.run.runner import Run, answer_runs
from saeval.evalsuite.run.task_runner import answer_task
from saeval.evalsuite.run.tasks import load_tasks
from saeval.evalsuite.store.manifest import SAME, read_manifest
from saeval.evalsuite.store.prediction import read_predictions
from saeval.evalsuite.store.run_folder import PredictionFile

ASKED = RunConfig(tasks=("factworld",), limit=8, generation={"max_gen_toks": 4})
ENGINE = EngineConfig("transformers", "cpu", "float32", batch_size=4, threads=1)
BESIDE = ("plain", "rslora", "dora", "eva", "head saved", "patterns")
OWN_BASE = {
    "pissa": "init_lora_weights: pissa",
    "olora": "init_lora_weights: olora",
    "bias of all": "bias: all",
    "bias of its layers": "bias: lora_only",
    "tokens": "trainable_token_indices",
    "embeddings": "base_model.model.model.embed_tokens.base_layer.weight in its weights",
}
CHANGE_IT = ("pissa", "olora", "bias of all", "bias of its layers")
REFUSED = {
    "pissa by iterations": r"init_lora_weights: pissa_niter_2 .*path_initial_model_for_weight_conv",
    "corda": r"init_lora_weights: corda .*path_initial_model_for_weight_conversion",
    "loftq": r"init_lora_weights: loftq .*path_initial_model_for_weight_conversion",
    "layers twice": "base and adapter make no model that answers: IndexError",
    "of another base": "its weights are not those of this base",
}


@pytest.fixture(scope="module")
def tasks():
    return tuple(load_tasks(ASKED))


@pytest.fixture(scope="module")
def made(tiny_base, tmp_path_factory):
    """An adapter of any kind, made when it is first asked for."""
    folder = tmp_path_factory.mktemp("adapters")

    def make(kind: str) -> Path:
        path: Path = folder / kind.replace(" ", "-")
        return path if path.exists() else build_adapter(kind, tiny_base, path)

    return make


def by_peft_alone(base: Path, adapter: Path | None, folder: Path, tasks) -> bytes:
    """Answers without any of our loading: PEFT's model on a base that nothing else has touched."""
    engine = TransformersEngine(LocalModel(str(base), base, None), [], ENGINE)
    if adapter is not None:
        model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            engine.lm._model = PeftModel.from_pretrained(model, str(adapter)).eval()
    file = PredictionFile(folder, "factworld")
    answer_task(tasks[0], engine, file, ASKED)
    engine.close()
    return content(file.path)


@pytest.fixture(scope="module")
def alone(tiny_base, tmp_path_factory, tasks, made):
    """Answers of a model that nothing else is loaded with, each asked once."""
    known: dict[str | None, bytes] = {}

    def answers(kind: str | None) -> bytes:
        if kind not in known:
            adapter = None if kind is None else made(kind)
            folder = tmp_path_factory.mktemp("alone")
            known[kind] = by_peft_alone(tiny_base, adapter, folder, tasks)
        return known[kind]

    return answers


def together(models, out, tasks, cache=None):
    """Run folders of models that are asked in one command."""
    found = [resolve_model(str(model)) for model in models]
    engine = configure_engine(ENGINE, found)
    runs = [Run(one, out / str(n), tasks, ASKED) for n, one in enumerate(found)]
    answer_runs(runs, engine, cache=cache)
    return [run.folder for run in runs]


def answers(folder: Path) -> bytes:
    return content(folder / "predictions" / "factworld.jsonl")


def content(path: Path) -> bytes:
    """All lines, without the checksums of their run."""
    return "".join(one.to_line() for one in read_predictions(path)).encode()


def agree(one: bytes, other: bytes) -> bool:
    """Whether they are the same answers: the labels of an adapter that has a base of its own are
    scored apart from its answer, which shows in the last bits and in what was read."""
    pairs = zip(map(json.loads, one.splitlines()), map(json.loads, other.splitlines()), strict=True)
    return all(
        a.pop("label_probabilities") == pytest.approx(b.pop("label_probabilities"), abs=1e-5)
        and a.pop("usage")["response_tokens"] == b.pop("usage")["response_tokens"]
        and a == b
        for a, b in pairs
    )


def test_the_table_has_every_kind():
    assert {*BESIDE, *OWN_BASE, *REFUSED} == {*SETTINGS, "loftq", "of another base"}
    assert len({*BESIDE, *OWN_BASE, *REFUSED}) == 17


@pytest.mark.parametrize("kind", [*BESIDE, *OWN_BASE])
def test_base_and_adapters_answer_as_each_would_alone(
    kind, tiny_base, tiny_adapter, made, alone, tasks, tmp_path
):
    """The kind first, a plain adapter and the base after it, and all come from one command."""
    adapter = made(kind)
    assert needs_own_base(adapter) == OWN_BASE.get(kind)
    plain = made("plain") if kind != "plain" else tiny_adapter
    own, other, base = together([adapter, plain, tiny_base], tmp_path, tasks)
    assert answers(base) == alone(None)
    if kind in OWN_BASE:
        assert agree(answers(own), alone(kind))
    else:
        assert answers(own) == alone(kind)
    assert answers(own) != answers(base)
    if kind != "plain":
        assert answers(other) == alone("plain")
    proven = read_manifest(own).proof
    assert proven.ended
    assert proven.own_base == (kind in OWN_BASE)
    assert proven.floor == SAME
    assert set(proven.base_moved.values()) == {0.0}
    assert proven.distance_to_base > 1e-3
    assert read_manifest(base).proof.base_moved.keys() == (
        {"again", "with_adapters", "after_adapters", "end"}
    )
    assert len(read_manifest(base).proof.base_weights) == 64


def test_all_kinds_that_share_a_base_in_one_command(tiny_base, made, alone, tasks, tmp_path):
    models = [tiny_base, *map(made, BESIDE)]
    for kind, folder in zip((None, *BESIDE), together(models, tmp_path, tasks), strict=True):
        assert answers(folder) == alone(kind), kind


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_had_from_its_files_is_refused(kind, tiny_base, made, tasks, tmp_path):
    with pytest.raises(ModelError, match=REFUSED[kind]) as error:
        together([tiny_base, made(kind)], tmp_path, tasks)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.glob("1/predictions/*"))


def test_a_weight_of_the_base_in_an_adapters_file_stays_with_the_adapter(
    tiny_base, made, alone, tasks, tmp_path
):
    """PEFT loads it into the base, whatever the configuration says."""
    name = "base_model.model.model.layers.0.self_attn.q_proj.base_layer.bias"
    adapter = copy_with(made("plain"), tmp_path / "smuggler", **{name: torch.full((128,), 9.0)})
    assert needs_own_base(adapter) == f"{name} in its weights"
    own, base = together([adapter, tiny_base], tmp_path, tasks)
    assert answers(base) == alone(None)
    assert agree(answers(own), by_peft_alone(tiny_base, adapter, tmp_path / "alone", tasks))
    assert answers(own) != alone("plain")


@pytest.mark.parametrize("holds_weights", [True, False])
@pytest.mark.parametrize("kind", CHANGE_IT)
@pytest.mark.filterwarnings("ignore:Careful, disabling adapter layers with bias")
def test_a_kind_that_the_lists_get_wrong_is_caught_by_the_proof(
    kind, holds_weights, tiny_base, made, tasks, tmp_path, monkeypatch
):
    """By the content of the base's weights, and where no engine holds any, by its answers."""
    monkeypatch.setattr(adapter_kinds, "needs_own_base", lambda adapter: None)
    if not holds_weights:
        monkeypatch.delattr(TransformersEngine, "hash_base_weights")
    message = "loading changed weights" if holds_weights else "answers base prompts .* than alone"
    cache = tmp_path / "cache"
    with pytest.raises(ModelError, match=rf"{message}|answers base prompts"):
        together([tiny_base, made(kind)], tmp_path / "out", tasks, cache)
    assert not cache.exists() or not list(cache.iterdir())
    assert not list(tmp_path.glob("out/*/predictions/*.jsonl"))


def test_a_change_too_small_for_the_probes_is_caught_by_the_weights(
    tiny_base, made, tasks, tmp_path, monkeypatch
):
    real = TransformersEngine._load_adapter

    def load_and_touch(self, path):
        real(self, path)
        weight = self.lm._model.base_model.model.model.norm.weight
        weight.data[0] = torch.nextafter(weight.data[0], torch.tensor(9.0))

    monkeypatch.setattr(TransformersEngine, "_load_adapter", load_and_touch)
    with pytest.raises(ModelError, match="loading changed weights of the base"):
        together([tiny_base, made("plain")], tmp_path, tasks)


def test_the_end_of_a_run_is_proven_and_what_it_cannot_prove_is_set_aside(
    tiny_base, alone, tasks, tmp_path, monkeypatch
):
    """A base that changes while it answers: no cache, no verdict, and the same command goes on."""
    real = TransformersEngine._answer

    def answer_and_drift(self, batch):
        real(self, batch)
        if any(request.generations for request in batch):
            self.lm._model.lm_head.weight.data[:] *= 1.5

    cache = tmp_path / "cache"
    monkeypatch.setattr(TransformersEngine, "_answer", answer_and_drift)
    with pytest.raises(ModelError, match=r"at the end of the run otherwise .* were set aside in"):
        together([tiny_base], tmp_path / "out", tasks, cache)
    folder = tmp_path / "out" / "0"
    assert [path.read_bytes() for path in cache.glob("*.jsonl")] in ([], [b""])
    assert answers(folder) == b""
    assert (folder / "predictions/factworld.rejected").read_bytes().count(b"\n") == 8
    assert not read_manifest(folder).proof.ended
    monkeypatch.setattr(TransformersEngine, "_answer", real)
    together([tiny_base], tmp_path / "out", tasks, cache)
    assert answers(folder) == alone(None)
    assert read_manifest(folder).proof.ended
    (kept,) = cache.glob("*.jsonl")
    assert kept.read_bytes().count(b"\n") == 9


def test_answers_beside_an_adapter_that_changes_its_base_are_kept_for_the_base_alone(
    tiny_base, made, alone, tmp_path, capsys
):
    """What went wrong once: the cache gave a later run of the base the answers of a changed one."""
    asked = (
        "--tasks", "factworld", "--limit", "8", "--gen-kwargs", "max_gen_toks=4", "--batch-size",
        "4", "--cache", tmp_path / "cache",
    )  # fmt: skip
    command = ("compare", tiny_base, made("pissa"), *asked, "--replicates", "1000")
    code, _, err = typed(capsys, *command, "--out", tmp_path / "both")
    assert code == 0, err
    code, _, err = typed(capsys, "run", tiny_base, *asked, "--out", tmp_path / "later")
    assert code == 0, err
    assert "8 of them from the cache" in err
    assert answers(tmp_path / "both" / "base") == answers(tmp_path / "later") == alone(None)


def test_an_unfinished_proof_is_no_finished_run(tiny_base, tasks, tmp_path, capsys):
    (folder,) = together([tiny_base], tmp_path, tasks)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["proof"]["ended"] = False
    (folder / "manifest.json").write_text(json.dumps(manifest))
    message = fails(capsys, "compare", folder, folder)
    assert "was cut short before its model was proven" in message
    together([tiny_base], tmp_path, tasks)
    assert read_manifest(folder).proof.ended


def test_an_adapter_that_answers_otherwise_at_the_end_is_stopped(
    made, tiny_base, tasks, tmp_path, monkeypatch
):
    real = TransformersEngine._answer

    def answer_and_drift(self, batch):
        real(self, batch)
        if any(request.generations and request.adapter for request in batch):
            for name, parameter in self.lm._model.named_parameters():
                if "lora_B" in name:
                    parameter.data[:] *= 2

    monkeypatch.setattr(TransformersEngine, "_answer", answer_and_drift)
    with pytest.raises(ModelError, match="answers with the adapter at the end of the run otherwis"):
        together([tiny_base, made("plain")], tmp_path, tasks)
    assert read_manifest(tmp_path / "0").proof.ended, "the base's own run had come to its end"
    assert answers(tmp_path / "1") == b""


class EagerEngine(TransformersEngine):
    """Loads its adapters with the base, as an engine of someone else's may."""

    loads_adapters_when_asked = False

    def __init__(self, model, adapters, config):
        super().__init__(model, adapters, config)
        for adapter in adapters:
            self._load_adapter(adapter)


def test_an_engine_that_loads_adapters_at_once_is_held_to_a_base_without(
    tiny_base, made, alone, tasks, tmp_path, monkeypatch
):
    """Of which it cannot be asked later what the base was before them."""
    monkeypatch.setattr(registry, "_engines", registry._engines | {"eager": EagerEngine})
    monkeypatch.setitem(globals(), "ENGINE", replace(ENGINE, name="eager"))
    own, base = together([made("plain"), tiny_base], tmp_path / "sound", tasks)
    assert (answers(own), answers(base)) == (alone("plain"), alone(None))
    monkeypatch.setattr(adapter_kinds, "needs_own_base", lambda adapter: None)
    with pytest.raises(ModelError, match="answers base prompts a second time otherwise than alone"):
        together([tiny_base, made("pissa")], tmp_path / "changed", tasks)
