"""What a PEFT adapter does to the base that it is loaded into, by its configuration and its file.

Most kinds add something that can be switched off: base and adapters then share one loaded model.
Some overwrite weights of the base or rebuild it, and get it for themselves. Some cannot be had from
their files at all: PEFT computes a base anew on loading that is not the one of the training.

Of settings that are not known here nothing is believed: they get a base for themselves, and no
vLLM. That the lists are right for the PEFT at hand is not believed either; see
`saeval.evalsuite.engines.adapter_check`.
"""

from __future__ import annotations

import importlib
import warnings
from dataclasses import fields
from pathlib import Path
from typing import Any

from saeval.errors import ModelError
from saeval.evalsuite.models.adapter_config import AdapterConfig, read_adapter_config
from saeval.extras import require_extra
from saeval.json_source import quoted_path
from saeval.terminal_text import one_line, quoted
from saeval.weights import read_tensor_shapes

_DESCRIPTIVE = frozenset(
    {
        *("task_type", "peft_type", "peft_version", "auto_mapping", "base_model_name_or_path"),
        *("revision", "inference_mode", "lora_dropout"),
        # These only say where or how the weights came to be.
        *("eva_config", "corda_config", "lora_ga_config", "loftq_config", "megatron_config"),
        *("megatron_core", "qalora_group_size", "velora_config"),
    }
)
"""Settings that do not change what a loaded adapter computes."""
_SWITCHED_OFF = _DESCRIPTIVE | frozenset(
    {
        *("r", "lora_alpha", "target_modules", "exclude_modules", "layers_to_transform"),
        *("layers_pattern", "fan_in_fan_out", "use_rslora", "use_dora", "lora_bias"),
        *("rank_pattern", "alpha_pattern", "modules_to_save", "ensure_weight_tying"),
        *("init_lora_weights", "bias"),
    }
)
"""Settings of LoRA that leave base and other adapters as they are; of the last two, some values."""
_PLAIN_STARTS = (True, False, None, "gaussian", "eva", "orthogonal", "mica")
"""Values of ``init_lora_weights`` that only say what the adapter's own weights began as."""
_REPRODUCIBLE_STARTS = ("pissa", "olora")
"""Those that take a part out of the base on loading, the same part every time."""
_NOTHING: tuple[Any, ...] = (None, False, [], {}, "", "none")
"""Values of settings that are not used."""
_CONVERSION = (
    "convert it to a plain LoRA with PEFT's save_pretrained(…, "
    "path_initial_model_for_weight_conversion=…)"
)
_MERGE = "merge it into a model (PEFT's merge_and_unload)"
_IN_VLLM = _DESCRIPTIVE | frozenset(
    {
        *("r", "lora_alpha", "target_modules", "exclude_modules", "layers_to_transform"),
        *("layers_pattern", "use_rslora", "rank_pattern", "alpha_pattern", "init_lora_weights"),
    }
)


def needs_own_base(adapter: Path) -> str | None:
    """The setting or weight for which an adapter needs a base for itself, or None.

    Its loading may change the base, or PEFT loads no other adapter beside it.
    """
    config = read_adapter_config(adapter)
    if config.peft_type != "LORA":
        return f"peft_type: {config.peft_type}"
    if config.init_lora_weights not in _PLAIN_STARTS:
        return f"init_lora_weights: {config.init_lora_weights}"
    if config.bias != "none":
        return f"bias: {config.bias}"
    if unknown := _given(config) - _SWITCHED_OFF:
        return min(unknown)
    return _base_weight_in_file(adapter, config)


def check_adapter_kind(adapter: Path, engine: str) -> None:
    """Stop if an engine cannot answer as PEFT would with this adapter alone.

    Raises
    ------
    ModelError
        Naming the setting, and how to convert the adapter.
    """
    config = read_adapter_config(adapter)
    start = config.init_lora_weights
    if config.peft_type == "LORA" and start not in (*_PLAIN_STARTS, *_REPRODUCIBLE_STARTS):
        raise ModelError(
            f"{adapter / 'adapter_config.json'}: with init_lora_weights: {start} the base that it "
            "was trained on is not in its files, and another one is computed on loading; where it "
            f"was trained, {_CONVERSION}"
        )
    _check_ranks(adapter, config)
    if engine == "transformers":
        _check_for_peft(adapter, config)
    if engine == "vllm":
        _check_for_vllm(adapter, config)


def _check_ranks(adapter: Path, config: AdapterConfig) -> None:
    """PEFT makes room for what the settings say before it looks at the weights."""
    shapes = read_tensor_shapes(adapter / "adapter_model.safetensors")
    largest = max((max(s, default=0) for name, s in shapes.items() if "lora_" in name), default=0)
    for rank in config.ranks if config.peft_type == "LORA" and largest else ():
        if rank > largest:
            setting = "r" if rank == config.r else "rank_pattern"
            raise ModelError(
                f"{adapter / 'adapter_config.json'}: `{setting}`: {rank} is no rank of its weights"
            )


def _check_for_peft(adapter: Path, config: AdapterConfig) -> None:
    """PEFT leaves out settings that it does not know, and the adapter is another one."""
    require_extra("run", "peft")
    import peft
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    path, version = adapter / "adapter_config.json", peft.__version__
    kinds: dict[Any, Any] = {str(k.value): v for k, v in PEFT_TYPE_TO_CONFIG_MAPPING.items()}
    if config.peft_type not in kinds:
        raise ModelError(
            f"{path}: `peft_type`: {quoted(config.peft_type)} is no kind of adapter that the "
            f"installed PEFT {version} knows; upgrade PEFT, or {_MERGE}"
        )
    known = {field.name for field in fields(kinds[config.peft_type])}
    if unknown := _given(config) - known:
        raise ModelError(
            f"{path}: `{quoted_path([min(unknown)])}` is no setting that the installed PEFT "
            f"{version} knows, and would be left out; upgrade PEFT, or {_MERGE}"
        )
    settings = {name: value for name, value in config.settings.items() if name in known}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on training and versions
            kinds[config.peft_type](**settings)
    except Exception as error:  # whatever its rules for one setting beside another are
        reason = one_line(str(error), 200)
        raise ModelError(
            f"{path}: PEFT refuses its settings: {type(error).__name__}: {reason}"
        ) from error


def _check_for_vllm(adapter: Path, config: AdapterConfig) -> None:
    reason = needs_own_base(adapter)
    if reason is None and (unknown := _given(config) - _IN_VLLM):
        reason = min(unknown)
    patterns = [name for name in ("rank_pattern", "alpha_pattern") if getattr(config, name)]
    if reason is None and patterns and not _vllm_reads(patterns[0]):
        reason = patterns[0]
    if reason is not None:
        convertible = config.init_lora_weights in _REPRODUCIBLE_STARTS
        remedy = f"{_CONVERSION}, or {_MERGE}" if convertible else _MERGE
        raise ModelError(
            f"{adapter}: vLLM does not answer as PEFT does with {reason}; use --engine "
            f"transformers, or {remedy}"
        )


def _vllm_reads(setting: str) -> bool:
    helper = importlib.import_module("vllm.lora.peft_helper")
    return setting in helper.PEFTHelper.__dataclass_fields__


def _given(config: AdapterConfig) -> set[str]:
    """Settings that say anything."""
    return {name for name, value in config.settings.items() if value not in _NOTHING}


def _base_weight_in_file(adapter: Path, config: AdapterConfig) -> str | None:
    """A weight in the adapter's file that PEFT loads into the base, such as saved embeddings."""
    saved = config.modules_to_save or ()
    for name in read_tensor_shapes(adapter / "adapter_model.safetensors"):
        parts = name.split(".")
        is_own = any(part.startswith(("lora_", "trainable_tokens_")) for part in parts)
        if not is_own and not any(part in saved for part in parts):
            return f"{name} in its weights"
    return None
