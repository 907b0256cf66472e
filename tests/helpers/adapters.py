"""One adapter of every kind that PEFT knows, each with weights that training might have left."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model, initialize_lora_eva_weights
from peft.tuners.lora.config import CordaConfig
from peft.tuners.lora.corda import preprocess_corda
from transformers import AutoModelForCausalLM

from saeval.trainer.demo.tiny_model import build_random_adapter, build_tiny_model

LAYERS = ["q_proj", "v_proj", "up_proj"]
TOKENS = torch.arange(40, 60).reshape(1, 20)
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "plain": {},
    "rslora": {"use_rslora": True},
    "dora": {"use_dora": True},
    "pissa": {"init_lora_weights": "pissa"},
    "pissa by iterations": {"init_lora_weights": "pissa_niter_2"},
    "olora": {"init_lora_weights": "olora"},
    "eva": {"init_lora_weights": "eva"},
    "corda": {"init_lora_weights": "corda", "corda_config": CordaConfig(corda_method="kpm")},
    "bias of all": {"bias": "all"},
    "bias of its layers": {"bias": "lora_only"},
    "head saved": {"modules_to_save": ["lm_head"]},
    "layers twice": {"layer_replication": [[0, 2], [1, 2]]},
    "patterns": {"rank_pattern": {"q_proj": 4}, "alpha_pattern": {"v_proj": 32}},
    "embeddings": {"target_modules": ["q_proj", "embed_tokens"]},
    "tokens": {"trainable_token_indices": list(range(20, 60))},
}
"""By name: what is not as in a plain LoRA."""


def build_adapter(kind: str, base: Path, folder: Path, *, trained: bool = True) -> Path:
    """Save an adapter of a kind of `SETTINGS`, "loftq" or "of another base"."""
    if kind == "of another base":
        other = build_tiny_model(folder.with_name("other"), layers=3)
        return rename_base(build_random_adapter(other, folder, scale=0.3), base)
    if kind == "loftq":  # which needs a library for quantised weights to be made
        path = build_random_adapter(base, folder, scale=0.3) / "adapter_config.json"
        loftq = {"init_lora_weights": "loftq", "loftq_config": {"loftq_bits": 4, "loftq_iter": 1}}
        path.write_text(json.dumps(json.loads(path.read_text()) | loftq))
        return folder
    model: Any = AutoModelForCausalLM.from_pretrained(base)
    plain = {"r": 8, "lora_alpha": 16, "target_modules": LAYERS, "task_type": "CAUSAL_LM"}
    settings: dict[str, Any] = {**plain, **SETTINGS[kind]}
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        config = LoraConfig(**settings)
        if kind == "corda":
            preprocess_corda(model, config, run_model=lambda: model(TOKENS))
        adapted = get_peft_model(model, config)
        if kind == "eva":
            initialize_lora_eva_weights(adapted, [{"input_ids": TOKENS}] * 3)
        with torch.no_grad():
            for parameter in adapted.parameters():
                if trained and parameter.requires_grad:
                    parameter.add_(torch.randn(parameter.shape) * 0.1)
        adapted.save_pretrained(str(folder))
    return folder


def rename_base(adapter: Path, base: Path) -> Path:
    """Say in an adapter's configuration that it belongs to another base."""
    path = adapter / "adapter_config.json"
    content = json.loads(path.read_text()) | {"base_model_name_or_path": str(base)}
    path.write_text(json.dumps(content))
    return adapter


def copy_with(adapter: Path, folder: Path, **tensors: torch.Tensor) -> Path:
    """A copy of an adapter with further tensors in its file."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(adapter, folder)
    file = folder / "adapter_model.safetensors"
    save_file(load_file(file) | tensors, file)
    return folder
