"""Engines that answer wrongly without a word: the proof must stop them.

vLLM keeps one engine per process at a time, so these are not in the module of the sound one.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from settings_vllm import ON_VLLM, local, probes

pytest.importorskip("vllm")

from saeval.errors import ModelError
from saeval.evalsuite.engines.adapter_check import check_adapter_applied
from saeval.evalsuite.engines.vllm import VLLMEngine


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"max_loras": 2}, "answers base prompts in a batch with adapters otherwise than alone"),
        ({"lora_target_modules": ["lm_head"]}, "the adapter changes nothing"),
    ],
)
def test_the_proof_catches_an_engine_that_mixes_up_or_leaves_out_adapters(
    broken, message, models, factworld
):
    base, adapters = models
    engine = VLLMEngine(
        local(base), adapters, replace(ON_VLLM, model_args={**ON_VLLM.model_args, **broken})
    )
    try:
        with pytest.raises(ModelError, match=message):
            check_adapter_applied(engine, adapters, probes(engine, factworld), "float32")
    finally:
        engine.close()
