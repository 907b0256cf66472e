"""What a recipe is: everything that decides how a checkpoint is made, but the base model.

A recipe is a YAML file of these fields; `saeval.trainer.recipe.load` reads and checks it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from saeval.hub import has_chat_template
from saeval.trainer.recipe.data_settings import DataSettings, PromptSettings
from saeval.trainer.recipe.fields import FolderName, RecipePart
from saeval.trainer.recipe.run_settings import AlarmSettings, EvaluationSettings, SavingSettings
from saeval.trainer.recipe.training_settings import (
    AdapterSettings,
    HardwareSettings,
    Objective,
    OptimisationSettings,
    ProbingSettings,
)
from saeval.trainer.rewards.schema import RewardField, build_empty_reward
from saeval.trainer.rewards.terms import RewardTerm


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

    name: FolderName
    summary: str
    source: str
    backend: str = "trl-grpo"
    data: DataSettings
    prompt: PromptSettings = PromptSettings()
    reward: RewardField = Field(default_factory=build_empty_reward)
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

    def for_base(self, folder: Path) -> Recipe:
        """This recipe with ``prompt.chat_template: auto`` as the model in `folder` has one."""
        if self.prompt.chat_template != "auto":
            return self
        prompt = self.prompt.model_copy(update={"chat_template": has_chat_template(folder)})
        return self.model_copy(update={"prompt": prompt})

    @property
    def terms(self) -> tuple[RewardTerm, ...]:
        """The components that are paid or logged."""
        return self.reward.terms

    @property
    def supervised(self) -> bool:
        """Whether targets are learnt, and not completions paid for."""
        return self.objective is not None

    @property
    def needs_profile(self) -> bool:
        """Whether its targets are made from the base's own samples."""
        return self.objective is not None and self.objective.needs_profile

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
