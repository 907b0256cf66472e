"""What a recipe is: everything that decides how a checkpoint is made, but the base model.

A recipe is a YAML file of these fields; `saeval.trainer.recipe.load` reads and checks it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from saeval.trainer.rewards.registry import RewardTerm
from saeval.trainer.rewards.schema import STRICT, RewardSettings

Proportion = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


class RecipePart(BaseModel):
    """A part of a recipe: frozen, without keys that are not known."""

    model_config = STRICT


class PassRateFilter(RecipePart):
    """Which items the base finds just hard enough, by the profile of its own samples.

    Attributes
    ----------
    min_right_share, max_right_share
        Bounds of the share of its samples that are right.
    top_by_variance
        Then keep so many, those whose share is nearest to a half first.
    """

    min_right_share: Proportion = 0.0
    max_right_share: Proportion = 1.0
    top_by_variance: Count | None = None


class DataSource(RecipePart):
    """Items of one task.

    Attributes
    ----------
    task
        As ``saeval tasks list`` names it.
    split
        Which part of its data set.
    count
        So many items; all where neither this nor `per_label` is given.
    per_label
        So many items of each label.
    weight
        Share of the prompts that come from this source, relative to the other sources' weights;
        without weights every item is drawn equally often.
    filter
        Which of them; needs a profile.
    """

    task: str
    split: Literal["train", "validation", "test"] = "train"
    count: Count | None = None
    per_label: dict[str, Count] | None = None
    weight: Positive | None = None
    filter: PassRateFilter | None = None


class DataSettings(RecipePart):
    """The mixture of items that are trained on.

    Attributes
    ----------
    sources
        One for each task, or part of one.
    profile
        File of ``satrain profile``: how often the base answers each item rightly.
    order
        ``shuffled``, or ``easy_first`` by the profile.
    """

    sources: Annotated[tuple[DataSource, ...], Field(min_length=1)]
    profile: str | None = None
    order: Literal["shuffled", "easy_first"] = "shuffled"


class PromptSettings(RecipePart):
    """How `tasks`' prompts are given to the model.

    Attributes
    ----------
    chat_template
        Whether they are put through the model's chat template.
    system
        A system prompt; needs a chat template.
    """

    chat_template: bool = False
    system: str | None = None


class Objective(RecipePart):
    """What supervised fine-tuning teaches, each with its share of the targets.

    Every target is made from the profile: the base's own samples of the item.

    Attributes
    ----------
    abstention
        The right answer to what the base knows, and declining what it does not.
    confidence
        An answer of the base's own with the share of its samples that are right as confidence.
    own_answer
        That share alone, after question and own answer: the task ``confidence``.
    pairwise
        Which of two questions the base is right on more often: the task of that name.
    known_from
        The share of right samples from which `abstention` counts an item as known.
    """

    abstention: NotNegative = 0.0
    confidence: NotNegative = 0.0
    own_answer: NotNegative = 0.0
    pairwise: NotNegative = 0.0
    known_from: Proportion = 0.5

    @property
    def weights(self) -> dict[str, float]:
        """Of those that are taught."""
        names = ("abstention", "confidence", "own_answer", "pairwise")
        return {name: weight for name in names if (weight := getattr(self, name)) > 0}


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
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    kl_beta: NotNegative = 0.0
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

    every: Annotated[int, Field(ge=0)] = 0


class EvaluationSettings(RecipePart):
    """Held-out items during training.

    Attributes
    ----------
    every
        Steps between two evaluations; 0 evaluates only before and after.
    items
        How many per task.
    tasks
        Which; those trained on where not given.
    """

    every: Annotated[int, Field(ge=0)] = 20
    items: Count = 200
    tasks: tuple[str, ...] | None = None


class SavingSettings(RecipePart):
    """Checkpoints that a broken run resumes from, and those that show how it went.

    Attributes
    ----------
    every
        Steps between two to resume from.
    keep
        How many of the latest of these are kept.
    history
        Steps between two that stay, for `saeval compare`; 0 keeps none.
    """

    every: Count = 20
    keep: Count = 2
    history: Annotated[int, Field(ge=0)] = 0


class AlarmSettings(RecipePart):
    """When training has gone wrong; what is not finite always stops it.

    Attributes
    ----------
    abstention_rate_above, abstention_rate_below
        It declines everywhere, or nowhere.
    format_rate_below
        Answers that can be read and state a confidence.
    confidence_spread_below
        Standard deviation of the stated confidence.
    any_right_below
        Share of groups with any right answer.
    kl_above
        Divergence from the base, in nats per token; needs `kl_beta`.
    patience
        For so many steps in a row; so many evaluations, in supervised fine-tuning.
    stop
        Whether an alarm ends the run, after saving.
    """

    abstention_rate_above: Proportion | None = 0.95
    abstention_rate_below: Proportion | None = 0.005
    format_rate_below: Proportion | None = 0.8
    confidence_spread_below: NotNegative | None = 0.01
    any_right_below: Proportion | None = 0.1
    kl_above: Positive | None = None
    patience: Count = 5
    stop: bool = False


class Recipe(RecipePart):
    """A whole recipe.

    Attributes
    ----------
    name, summary, source
        What it is called, in one line what it does, and where its numbers come from.
    backend
        What trains: ``trl-grpo``, ``trl-sft`` or an entry point of ``saeval.trainers``.
    reward, objective
        What is paid for, in reinforcement learning, or taught, in supervised fine-tuning.
    adapter
        LoRA, or null to train every weight.
    seed
        Of the sample, the order and the completions.
    """

    name: str
    summary: str
    source: str
    backend: str = "trl-grpo"
    data: DataSettings
    prompt: PromptSettings = PromptSettings()
    reward: RewardSettings = RewardSettings()  # type: ignore[valid-type]  # made from signatures
    objective: Objective | None = None
    optimisation: OptimisationSettings
    adapter: AdapterSettings | None = AdapterSettings()
    hardware: HardwareSettings = HardwareSettings()
    probing: ProbingSettings = ProbingSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    saving: SavingSettings = SavingSettings()
    alarms: AlarmSettings = AlarmSettings()
    seed: int = 0
    trackers: tuple[Literal["tensorboard", "wandb", "mlflow", "trackio"], ...] = ()

    @property
    def terms(self) -> tuple[RewardTerm, ...]:
        """The components that are paid or logged."""
        terms: tuple[RewardTerm, ...] = self.reward.terms  # type: ignore[attr-defined]
        return terms

    @property
    def supervised(self) -> bool:
        """Whether targets are learnt, and not completions paid for."""
        return self.objective is not None

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that are trained on, each once."""
        return tuple(dict.fromkeys(source.task for source in self.data.sources))

    @property
    def completions_per_step(self) -> int:
        """Over all devices; in supervised fine-tuning there is one target for each prompt."""
        prompts = self.optimisation.prompts_per_step
        return prompts if self.supervised else prompts * self.optimisation.group_size

    @property
    def completions_at_once(self) -> int:
        """How many one device trains on at once."""
        hardware = self.hardware
        return hardware.completions_per_device or self.completions_per_step // hardware.devices

    @property
    def generation_period(self) -> int:
        """Steps from one generation to the next; between two, resuming is not exact."""
        return self.optimisation.steps_per_generation * self.optimisation.iterations
