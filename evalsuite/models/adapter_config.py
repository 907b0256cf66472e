"""An adapter's ``adapter_config.json`` as PEFT writes it, read and checked in this one place.

PEFT checks little of what it reads, so what is no setting of an adapter would come out as an
answer, an allocation without end, or an error of its own. Settings that are not named here are
kept; see `saeval.evalsuite.engines.adapter_kinds` for what becomes of them.
"""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationInfo, field_validator

from saeval.errors import ModelError
from saeval.json_source import parse_object, read_bytes, validate

_LARGEST_RANK = 2**16
_REPEAT = re.compile(r"[*+{]")
_FEW_REPEATS = 4
_SECONDS = 5
_MATCH = "import re, sys; [re.fullmatch(sys.argv[1], name) for name in sys.argv[2:]]"
_NAMES = (
    "model.layers.10.self_attn.q_proj",
    "base_model.model.model.language_model.layers.10.mlp.experts.7.down_proj.lora_embedding_A!",
)
"""Names as modules have them, the last of a kind that patterns do not match."""
_TASK_TYPES = ("CAUSAL_LM", "SEQ_CLS", "SEQ_2_SEQ_LM", "TOKEN_CLS", "QUESTION_ANS",
               "FEATURE_EXTRACTION")  # fmt: skip


def _rule(rule: str, is_kept: Callable[[Any], bool]) -> PlainValidator:
    """One sentence for what may be of several types, and the value as it stands in the file."""

    def check(value: object) -> object:
        if not is_kept(value):
            raise ValueError(f"expected {rule}")
        return value

    return PlainValidator(check)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_list(value: object, is_item: Callable[[object], bool]) -> bool:
    return isinstance(value, list) and all(map(is_item, value))


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_pattern(value: object) -> bool:
    try:
        if not isinstance(value, str) or not re.compile(value):
            return False
    except (re.error, OverflowError, RecursionError):
        return False
    return (len(_REPEAT.findall(value)) <= _FEW_REPEATS and ")" not in value) or _is_fast(value)


def _is_fast(pattern: str) -> bool:
    """Whether it matches a name in seconds and not in years; nothing stops `re` but its process."""
    command = [sys.executable, "-I", "-S", "-c", _MATCH, pattern, *_NAMES]
    try:
        return subprocess.run(command, timeout=_SECONDS, check=False).returncode == 0
    except (subprocess.TimeoutExpired, ValueError):  # ValueError: a zero byte
        return False


def _is_by_pattern(value: object, is_item: Callable[[object], bool]) -> bool:
    return isinstance(value, dict) and all(
        _is_pattern(name) and is_item(item) for name, item in value.items()
    )


_Modules = Annotated[
    str | list[str] | None,
    _rule(
        "names of modules in a list, null, or a regular expression that matches in seconds",
        lambda value: value is None or _is_pattern(value) or _is_list(value, _is_text),
    ),
]
_Number = Annotated[float, _rule("a finite number", _is_finite)]


class AdapterConfig(BaseModel):
    """What an adapter's configuration says, every setting as it stands there.

    Settings that are not named here are kept as pydantic keeps what it does not know.
    """

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    peft_type: str = "LORA"
    task_type: Annotated[
        str | None,
        _rule(
            f"{', '.join(_TASK_TYPES)} or null",
            lambda value: value is None or (isinstance(value, str) and value in _TASK_TYPES),
        ),
    ] = None
    base_model_name_or_path: str | None = None
    revision: str | None = None
    auto_mapping: dict[str, Any] | None = None
    peft_version: str | None = None
    inference_mode: bool = False
    r: int = Field(default=8, ge=0, le=_LARGEST_RANK)
    lora_alpha: _Number = 8
    lora_dropout: _Number = 0.0
    bias: str = "none"
    fan_in_fan_out: bool = False
    use_rslora: bool = False
    use_dora: bool = False
    lora_bias: bool = False
    ensure_weight_tying: bool = False
    target_modules: _Modules = None
    exclude_modules: _Modules = None
    layers_pattern: _Modules = None
    modules_to_save: list[str] | None = None
    target_parameters: list[str] | None = None
    layers_to_transform: Annotated[
        int | list[int] | None,
        _rule(
            "a whole number, a list of them or null",
            lambda value: value is None or _is_whole(value) or _is_list(value, _is_whole),
        ),
    ] = None
    layer_replication: Annotated[
        list[list[int]] | None,
        _rule(
            "pairs of whole numbers or null",
            lambda value: (
                value is None
                or _is_list(value, lambda pair: _is_list(pair, _is_whole) and len(pair) == 2)
            ),
        ),
    ] = None
    rank_pattern: dict[str, Any] | None = None
    alpha_pattern: Annotated[
        dict[str, float] | None,
        _rule(
            "finite numbers by name or regular expression, or null",
            lambda value: value is None or _is_by_pattern(value, _is_finite),
        ),
    ] = None
    init_lora_weights: Annotated[
        bool | str | None,
        _rule(
            "true, false, null or the name of an initialisation",
            lambda value: value is None or isinstance(value, bool | str),
        ),
    ] = True
    trainable_token_indices: Annotated[
        list[int] | dict[str, list[int]] | None,
        _rule(
            "a list of token numbers, such lists by name, or null",
            lambda value: (
                value is None
                or _is_list(value, _is_whole)
                or (isinstance(value, dict) and all(_is_list(v, _is_whole) for v in value.values()))
            ),
        ),
    ] = None
    loftq_config: dict[str, Any] | None = None
    eva_config: dict[str, Any] | None = None
    corda_config: dict[str, Any] | None = None

    @field_validator("r", "bias", "rank_pattern")
    @classmethod
    def _check_lora(cls, value: Any, info: ValidationInfo) -> Any:
        """Of LoRA; other kinds write other things under these names."""
        if info.data.get("peft_type") != "LORA":
            return value
        if info.field_name == "r" and value < 1:
            raise ValueError("expected a rank of 1 or more")
        if info.field_name == "bias" and value not in ("none", "all", "lora_only"):
            raise ValueError("expected none, all or lora_only")
        if info.field_name == "rank_pattern" and not _is_by_pattern(value or {}, _is_rank):
            raise ValueError("expected ranks by name or regular expression, or null")
        return value

    @property
    def settings(self) -> dict[str, Any]:
        """What the file holds, by name."""
        return {name: getattr(self, name) for name in sorted(self.model_fields_set)}

    @property
    def ranks(self) -> list[int]:
        """Of the layers of a LoRA."""
        return [self.r, *(self.rank_pattern or {}).values()]


def _is_rank(value: object) -> bool:
    return isinstance(value, int) and _is_whole(value) and 0 < value <= _LARGEST_RANK


def read_adapter_config(adapter: Path) -> AdapterConfig:
    """The configuration in an adapter's folder.

    Raises
    ------
    ModelError
        Naming the file and the setting.
    """
    path = adapter / "adapter_config.json"
    content = parse_object(read_bytes(path, ModelError), str(path), ModelError, nan=True)
    return validate(AdapterConfig, content, str(path), ModelError)
