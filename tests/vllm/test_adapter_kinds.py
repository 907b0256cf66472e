"""Every kind of PEFT adapter on vLLM: the answers of PEFT, or a sentence before any is asked."""

from __future__ import annotations

import re

import pytest
from adapters import SETTINGS, build_adapter
from settings_vllm import ON_TRANSFORMERS, ON_VLLM, local, probes

pytest.importorskip("vllm")

from saeval.errors import ModelError
from saeval.evalsuite.engines.adapter_check import check_adapter_applied, label_scores
from saeval.evalsuite.engines.huggingface import TransformersEngine
from saeval.evalsuite.engines.registry import configure_engine
from saeval.evalsuite.engines.vllm import VLLMEngine
from saeval.evalsuite.models.types import LocalModel
from saeval.evalsuite.store.probe_scores import distance

TAKEN = ("plain", "rslora", "eva", "patterns")
REFUSED = {
    "dora": "use_dora",
    "pissa": "init_lora_weights: pissa",
    "pissa by iterations": "init_lora_weights: pissa_niter_2",
    "olora": "init_lora_weights: olora",
    "corda": "init_lora_weights: corda",
    "bias of all": "bias: all",
    "bias of its layers": "bias: lora_only",
    "head saved": "modules_to_save",
    "layers twice": "layer_replication",
    "embeddings": "embed_tokens.base_layer.weight in its weights",
    "tokens": "trainable_token_indices",
    "loftq": "init_lora_weights: loftq",
}


@pytest.fixture(scope="module")
def made(models, tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapters")
    return {
        kind: build_adapter(kind, models[0], folder / kind.replace(" ", "-"))
        for kind in (*SETTINGS, "loftq")
    }


def test_the_table_has_every_kind_but_another_base(made):
    assert {*TAKEN, *REFUSED} == made.keys()


def test_what_it_takes_it_answers_as_peft_alone(made, models, factworld):
    base = models[0]
    adapters = [made[kind] for kind in TAKEN]
    expected = {}
    for adapter in (None, *adapters):
        engine = TransformersEngine(local(base), [adapter] if adapter else [], ON_TRANSFORMERS)
        expected[adapter] = label_scores(engine, probes(engine, factworld)(adapter))
        engine.close()
    configure_engine(ON_VLLM, [LocalModel(str(one), base, one) for one in adapters])
    engine = VLLMEngine(local(base), adapters, ON_VLLM)
    try:
        proof = check_adapter_applied(engine, adapters, probes(engine, factworld), "float32")
        for adapter in (None, *adapters):
            found = label_scores(engine, probes(engine, factworld)(adapter))
            assert distance(found, expected[adapter]) < 1e-4, adapter
            proof.check_end(adapter)
        assert all(moved < 1e-4 for moved in proof.record(None, ended=True).base_moved.values())
    finally:
        engine.close()
    apart = [distance(expected[None], expected[adapter]) for adapter in adapters]
    assert min(apart) > 1e-2


@pytest.mark.parametrize("kind", REFUSED)
def test_what_it_would_answer_otherwise_is_refused(kind, made, models):
    model = LocalModel(str(made[kind]), models[0], made[kind])
    with pytest.raises(ModelError, match=re.escape(REFUSED[kind])) as error:
        configure_engine(ON_VLLM, [model])
    assert "\n" not in str(error.value)
