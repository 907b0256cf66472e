"""What saeval uses of transformers; whatever is not listed is `Any`."""

from os import PathLike
from typing import Any, Protocol, Self

import torch
from torch import Tensor

def __getattr__(name: str) -> Any: ...

_Path = str | PathLike[str]

class _Encoding(Protocol):
    @property
    def input_ids(self) -> list[int]: ...

class PreTrainedTokenizerBase:
    pad_token_id: int | None
    eos_token_id: int | None
    pad_token: str | None
    eos_token: str | None
    chat_template: str | None

    @classmethod
    def from_pretrained(cls, name: _Path, **options: Any) -> Self: ...
    def __call__(self, text: str, *, add_special_tokens: bool = ...) -> _Encoding: ...
    def __len__(self) -> int: ...
    def apply_chat_template(
        self,
        conversation: list[dict[str, str]],
        *,
        tokenize: bool = ...,
        add_generation_prompt: bool = ...,
    ) -> Any: ...
    def decode(self, token_ids: list[int], *, skip_special_tokens: bool = ...) -> str: ...
    def batch_decode(self, sequences: Tensor, *, skip_special_tokens: bool = ...) -> list[str]: ...
    def add_tokens(self, new_tokens: list[Any]) -> int: ...
    def save_pretrained(self, save_directory: _Path) -> tuple[str, ...]: ...

class Qwen2Tokenizer(PreTrainedTokenizerBase):
    def __init__(
        self,
        vocab: dict[str, int] = ...,
        merges: list[tuple[str, ...]] = ...,
        **options: Any,
    ) -> None: ...

class PretrainedConfig:
    def __getattr__(self, name: str) -> Any: ...

class Qwen2Config(PretrainedConfig):
    def __init__(self, **settings: Any) -> None: ...

class GenerationConfig:
    eos_token_id: int | list[int] | None
    pad_token_id: int | None

    def __init__(self, **settings: Any) -> None: ...

class ModelOutput:
    logits: Tensor

class PreTrainedModel(torch.nn.Module):
    config: Any
    generation_config: GenerationConfig
    @property
    def device(self) -> torch.device: ...
    @classmethod
    def from_pretrained(cls, name: _Path, **options: Any) -> Self: ...
    def __call__(
        self,
        *,
        input_ids: Tensor,
        attention_mask: Tensor = ...,
        logits_to_keep: int = ...,
        use_cache: bool = ...,
    ) -> ModelOutput: ...
    def generate(
        self,
        *,
        input_ids: Tensor,
        attention_mask: Tensor,
        generation_config: GenerationConfig,
    ) -> Tensor: ...
    def save_pretrained(self, save_directory: _Path) -> None: ...

class Qwen2ForCausalLM(PreTrainedModel):
    def __init__(self, config: Qwen2Config) -> None: ...

class AutoModelForCausalLM:
    @classmethod
    def from_pretrained(cls, name: _Path, **options: Any) -> PreTrainedModel: ...

class AutoTokenizer:
    @classmethod
    def from_pretrained(cls, name: _Path, **options: Any) -> PreTrainedTokenizerBase: ...

class TrainerState:
    global_step: int
    is_world_process_zero: bool

class TrainerControl:
    should_save: bool
    should_training_stop: bool

class TrainingArguments:
    output_dir: str
    use_cpu: bool

class TrainerCallback: ...
class PrinterCallback(TrainerCallback): ...

class Trainer:
    model: PreTrainedModel
    model_wrapped: Any
    processing_class: PreTrainedTokenizerBase
    args: TrainingArguments
    state: TrainerState
    accelerator: Any

    def add_callback(self, callback: TrainerCallback) -> None: ...
    def remove_callback(self, callback: type[TrainerCallback]) -> None: ...
    def train(self, resume_from_checkpoint: str | None = ...) -> Any: ...
    def save_model(self, output_dir: str) -> None: ...
