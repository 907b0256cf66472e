"""GRPO by TRL: LoRA or every weight, on a CPU, a GPU, or several under ``accelerate launch``."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

from saeval.hub import has_chat_template
from saeval.trainer.backends.group_rewards import GroupRewards
from saeval.trainer.backends.policy_model import PolicyModel
from saeval.trainer.backends.protocol import Checkpoint, TrainingCallbacks, TrainingPlan
from saeval.trainer.backends.trl_common import (
    accumulation_steps,
    load_tokenizer,
    model_arguments,
    repeat_rows,
    run_trainer,
    trainer_arguments,
)
from saeval.trainer.checks.first_batch import PROMPTS, judge_answers
from saeval.trainer.recipe.schema import Recipe


class GrpoBackend:
    """Group relative policy optimisation by TRL's `GRPOTrainer`."""

    def train(self, plan: TrainingPlan, callbacks: TrainingCallbacks) -> Checkpoint:
        """Train as planned; see `saeval.trainer.backends.protocol.Backend`."""
        rewards = GroupRewards(plan.recipe)

        def probe(policy: PolicyModel) -> None:
            rewards.policy = policy

        return run_trainer(
            plan,
            callbacks,
            lambda: _trainer(plan, rewards),
            probe,
            find_problem=lambda policy: _judge_first_batch(plan, policy),
        )


def _judge_first_batch(plan: TrainingPlan, policy: PolicyModel) -> str | None:
    """Why the policy's answers to the first prompts teach nothing; None if they do."""
    recipe, rows = plan.recipe, plan.training[:PROMPTS]
    least = recipe.alarms.first_batch_parsable_below
    if least is None:
        return None
    responses = policy.sample_responses(
        [row.prompt for row in rows],
        recipe.optimisation.group_size,
        temperature=recipe.optimisation.temperature,
        max_new_tokens=recipe.optimisation.max_completion_length,
        seed=recipe.seed,
    )
    finding = judge_answers(
        recipe,
        rows,
        responses,
        least_parsable=least,
        base=plan.base,
        has_chat_template=has_chat_template(plan.base_folder),
        is_warm=plan.adapter is not None,
    )
    if finding is None:
        return None
    return (
        f"training has not begun: {finding.text}; to begin all the same: "
        "alarms.first_batch_parsable_below=null"
    )


def _trainer(plan: TrainingPlan, rewards: GroupRewards) -> GRPOTrainer:
    recipe = plan.recipe
    return GRPOTrainer(
        **model_arguments(plan),
        args=_settings(plan, rewards.weights),
        reward_funcs=rewards.functions,
        train_dataset=_dataset(plan),
        processing_class=load_tokenizer(plan.base_folder, recipe),
    )


def _settings(plan: TrainingPlan, weights: Sequence[float]) -> GRPOConfig:
    """The recipe in TRL's words; what a recipe does not say is TRL's default."""
    recipe = plan.recipe
    optimisation = recipe.optimisation
    return GRPOConfig(
        **trainer_arguments(plan),
        steps_per_generation=accumulation_steps(recipe) * optimisation.steps_per_generation,
        num_generations=optimisation.group_size,
        num_iterations=optimisation.iterations,
        max_completion_length=optimisation.max_completion_length,
        temperature=optimisation.temperature,
        beta=optimisation.kl_beta,
        epsilon=optimisation.clip_epsilon,
        scale_rewards=optimisation.scale_rewards,
        reward_weights=list(weights),
        **_sampler(recipe),
    )


def _sampler(recipe: Recipe) -> dict[str, Any]:
    vllm = recipe.hardware.vllm
    if vllm is None:
        return {"use_vllm": False}
    return {
        "use_vllm": True,
        "vllm_mode": vllm.mode,
        "vllm_gpu_memory_utilization": vllm.memory_share,
        "vllm_server_base_url": vllm.server_url if vllm.mode == "server" else None,
    }


def _dataset(plan: TrainingPlan) -> Dataset:
    """As many rows as all generations take."""
    recipe = plan.recipe
    prompts = recipe.optimisation.prompts_per_step * recipe.optimisation.steps_per_generation
    rows = [
        {"prompt": row["prompt"], "task": row["task"], "item": row["item"]}
        for row in (row.as_row() for row in plan.training)
    ]
    return repeat_rows(
        Dataset.from_list(rows),
        prompts * ceil(recipe.optimisation.steps / recipe.generation_period),
    )
