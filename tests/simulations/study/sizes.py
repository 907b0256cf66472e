"""How much of everything a study takes, and how long that takes on two quiet cores."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """The numbers of a study.

    Attributes
    ----------
    knowledge_items
        Asked of each task to see where the base knows anything; of each relation half as many.
    warm_up_steps
        Of eight answers in the tasks' format each.
    grpo_steps, prompts_per_step, group_size
        Of the reinforcement learning.
    items
        Compared of each task.
    prompt_items, metacognition_items
        Asked under each system prompt, and about the model's own answers.
    response_tokens
        The most that a model may say; an answer in the format has about twenty.
    """

    knowledge_items: int
    warm_up_steps: int
    grpo_steps: int
    prompts_per_step: int
    group_size: int
    items: int
    prompt_items: int
    metacognition_items: int
    response_tokens: int = 40

    @property
    def completions(self) -> int:
        """Sampled in all of the reinforcement learning."""
        return self.grpo_steps * self.prompts_per_step * self.group_size


SIZES = {
    # A check that every step runs: nothing can be learnt, or seen, from it.
    "smoke": Size(4, 2, 2, 4, 2, 6, 4, 6, response_tokens=24),
    # Twenty minutes on two quiet cores, and two and a half hours.
    "small": Size(20, 16, 5, 8, 4, 20, 20, 20),
    "full": Size(60, 32, 24, 12, 8, 150, 110, 110),
    # A quarter of an hour on one H200, its start included.
    "gpu": Size(200, 48, 120, 32, 8, 500, 300, 300),
}


@dataclass(frozen=True)
class Rates:
    """Seconds for one of something.

    Attributes
    ----------
    start
        Of a command that loads the model.
    short, long
        One question, or one claim with its evidence, read and answered.
    taught
        One example of supervised fine-tuning.
    completion
        One completion of reinforcement learning: sampled, scored and learnt from.
    """

    start: float
    short: float
    long: float
    taught: float
    completion: float


CPU = Rates(start=15, short=0.5, long=1.0, taught=1.5, completion=2.0)
"""SmolLM2-135M on two cores with bfloat16 arithmetic, for answers, and float32, for training."""
GPU = Rates(start=25, short=0.01, long=0.02, taught=0.01, completion=0.01)
"""Expected of one H200 and not measured."""
