"""What saeval uses of TRL: its trainers and their settings."""

from collections.abc import Callable
from typing import Any

from datasets import Dataset
from transformers import PreTrainedTokenizerBase, Trainer, TrainingArguments

class GRPOConfig(TrainingArguments):
    def __init__(self, **settings: Any) -> None: ...

class SFTConfig(TrainingArguments):
    def __init__(self, **settings: Any) -> None: ...

class GRPOTrainer(Trainer):
    def __init__(
        self,
        model: str,
        reward_funcs: list[Callable[..., list[float]]],
        *,
        args: GRPOConfig,
        train_dataset: Dataset,
        processing_class: PreTrainedTokenizerBase,
        peft_config: Any | None = ...,
    ) -> None: ...

class SFTTrainer(Trainer):
    def __init__(
        self,
        model: str,
        *,
        args: SFTConfig,
        train_dataset: Dataset,
        processing_class: PreTrainedTokenizerBase,
        peft_config: Any | None = ...,
    ) -> None: ...
