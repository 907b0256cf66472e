"""What a recipe says of training: objective, optimisation, adapter, hardware, probing."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from saeval.trainer.recipe.fields import Count, NonNegativeInt, Positive, RecipePart
from saeval.trainer.rewards.parameters import Amount, Proportion


class Objective(RecipePart):
    """What supervised fine-tuning teaches, each with its share of the targets.

    Every target but those of `format` is made from the profile: the base's own samples of the item.

    Attributes
    ----------
    format
        The right answer in the task's own format, with a confidence drawn at random; needs no
        profile.
    abstention
        The right answer to what the base knows, and an abstention from what it does not.
    confidence
        An answer of the base's own with the proportion of its samples that are right as confidence.
    own_answer
        That share alone, after question and own answer: the task ``confidence``.
    pairwise
        Which of two questions the base is right on more often: the task of that name.
    known_from
        The proportion of right samples from which `abstention` counts an item as known.
    format_abstentions
        The proportion of answerable open questions that `format` abstains from.
    """

    format: Amount = 0.0
    abstention: Amount = 0.0
    confidence: Amount = 0.0
    own_answer: Amount = 0.0
    pairwise: Amount = 0.0
    known_from: Proportion = 0.5
    format_abstentions: Proportion = 0.25

    @property
    def weights(self) -> dict[str, float]:
        """Of those that are taught."""
        names = ("format", "abstention", "confidence", "own_answer", "pairwise")
        return {name: weight for name in names if (weight := getattr(self, name)) > 0}

    @property
    def needs_profile(self) -> bool:
        """Whether any target is made from the base's own samples."""
        return bool(self.weights.keys() - {"format"})


class OptimisationSettings(RecipePart):
    """How the policy is sampled and updated.

    Attributes
    ----------
    steps
        Optimisation steps.
    prompts_per_step, group_size
        Prompts in one step, and completions of each.
    temperature
        Of the completions; in supervised fine-tuning of the profile's samples.
    max_completion_length
        In tokens.
    learning_rate, schedule, warmup_steps
        The rate, how it falls, and in how many steps it rises first.
    kl_beta
        Weight of the divergence from the base; 0 keeps no reference model.
    clip_epsilon
        Clip of the probability ratio.
    max_grad_norm
        Clip of the gradient's norm.
    scale_rewards
        What a reward's distance from its group's mean is divided by, as TRL names it: the spread
        of its ``group``, that of the whole ``batch``, or ``none``.
    iterations
        How often the completions of one generation are gone through.
    steps_per_generation
        How many optimisation steps the completions of one generation are spread over.
    """

    steps: Count
    prompts_per_step: Count = 32
    group_size: Annotated[int, Field(ge=2)] = 8
    temperature: Positive = 1.0
    max_completion_length: Count = 512
    learning_rate: Positive
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    warmup_steps: NonNegativeInt = 0
    kl_beta: Amount = 0.0
    clip_epsilon: Positive = 0.2
    max_grad_norm: Positive = 1.0
    scale_rewards: Literal["group", "batch", "none"] = "group"
    iterations: Count = 1
    steps_per_generation: Count = 1


class AdapterSettings(RecipePart):
    """A LoRA adapter.

    Attributes
    ----------
    rank, alpha, dropout
        As PEFT takes them.
    targets
        Modules that get one: ``all-linear``, or their names.
    """

    rank: Count = 32
    alpha: Count = 64
    dropout: Proportion = 0.0
    targets: Literal["all-linear"] | tuple[str, ...] = "all-linear"


class VllmSettings(RecipePart):
    """vLLM as what samples the completions, on GPUs.

    Attributes
    ----------
    mode
        ``colocate`` beside the training on each of its GPUs, or ``server``: one that
        ``trl vllm-serve`` has started on others.
    memory_share
        Of each GPU's memory, in ``colocate``.
    server_url
        Where the server listens, in ``server``.
    """

    mode: Literal["colocate", "server"] = "colocate"
    memory_share: Proportion = 0.3
    server_url: str = "http://127.0.0.1:8000"


class HardwareSettings(RecipePart):
    """How the work is spread; it changes no result beyond rounding.

    Attributes
    ----------
    devices
        How many share each step.
    completions_per_device
        How many completions one device trains on at once; a device's whole share of a step where
        not given. Lower it when memory runs out.
    vllm
        What samples the completions; transformers where not given.
    """

    devices: Count = 1
    completions_per_device: Count | None = None
    vllm: VllmSettings | None = None


class ProbingSettings(RecipePart):
    """Label probabilities of the current policy.

    Attributes
    ----------
    every
        Steps between two probings; 0 never probes. Rewards that need them need 1.
    """

    every: NonNegativeInt = 0
