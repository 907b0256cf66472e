"""Supervised fine-tuning by TRL on targets from the base's own samples; only they are learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from datasets import Dataset
from trl import SFTConfig, SFTTrainer

from saeval.errors import BackendError
from saeval.trainer.backends.policy_model import TokenIds, tokenize_prompt
from saeval.trainer.backends.protocol import Checkpoint, TrainingCallbacks, TrainingPlan
from saeval.trainer.backends.trl_common import (
    load_tokenizer,
    model_arguments,
    repeat_rows,
    run_trainer,
    trainer_arguments,
)
from saeval.trainer.data.rows import TrainingRow

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

IGNORED = -100
"""A label that counts for nothing: the loss is of the completion alone."""


class SftBackend:
    """Supervised fine-tuning by TRL's `SFTTrainer`."""

    def train(self, plan: TrainingPlan, callbacks: TrainingCallbacks) -> Checkpoint:
        """Train as planned; see `saeval.trainer.backends.protocol.Backend`."""
        # TRL counts the tokens of this process alone: after a break, too few.
        return run_trainer(
            plan, callbacks, lambda: _trainer(plan), unlogged=frozenset({"num_tokens"})
        )


def _trainer(plan: TrainingPlan) -> SFTTrainer:
    recipe = plan.recipe
    tokenizer = load_tokenizer(plan.base_folder, recipe)
    return SFTTrainer(
        **model_arguments(plan),
        args=SFTConfig(
            **trainer_arguments(plan),
            train_sampling_strategy="sequential",
            max_length=None,  # a target that is cut off teaches something else
        ),
        train_dataset=_dataset(plan, tokenizer),
        processing_class=tokenizer,
    )


def _dataset(plan: TrainingPlan, tokenizer: PreTrainedTokenizerBase) -> Dataset:
    """As many rows as all steps take, as tokens: prompts as they are evaluated."""
    optimisation = plan.recipe.optimisation
    rows = []
    for row in plan.training:
        prompt_ids = tokenize_prompt(tokenizer, row.prompt)
        completion_ids = completion_tokens(tokenizer, row)
        labels = [IGNORED] * len(prompt_ids) + completion_ids
        rows.append({"input_ids": [*prompt_ids, *completion_ids], "labels": labels})
    return repeat_rows(Dataset.from_list(rows), optimisation.steps * optimisation.prompts_per_step)


def completion_tokens(tokenizer: PreTrainedTokenizerBase, row: TrainingRow) -> TokenIds:
    """A row's completion, as it would be sampled, with what ends the model's turn.

    Raises
    ------
    BackendError
        If the row has no completion, or the tokenizer nothing to end one with.
    """
    if row.completion is None:
        raise BackendError("a training row has no completion; see `objective` in the recipe")
    end = ""
    if not isinstance(row.prompt, str):
        turn = {"role": "assistant", "content": row.completion}
        conversation = str(tokenizer.apply_chat_template([*row.prompt, turn], tokenize=False))
        end = conversation.rpartition(row.completion)[2].strip()
    if not (end or tokenizer.eos_token):
        raise BackendError("the base's tokenizer has no end token, so that no answer would end")
    text = row.completion + (end or str(tokenizer.eos_token))
    return list(tokenizer(text, add_special_tokens=False).input_ids)
