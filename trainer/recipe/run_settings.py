"""What a recipe says of a run: evaluation, saving, alarms."""

from __future__ import annotations

from saeval.trainer.recipe.fields import Count, NonNegativeInt, Positive, RecipePart
from saeval.trainer.rewards.parameters import Amount, Proportion


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

    every: NonNegativeInt = 20
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
    history: NonNegativeInt = 0


class AlarmSettings(RecipePart):
    """When training has gone wrong; what is not finite always stops it.

    Attributes
    ----------
    abstention_rate_above, abstention_rate_below
        It abstains everywhere, or nowhere.
    format_rate_below
        Answers that are valid and state a confidence.
    confidence_spread_below
        Standard deviation of the stated confidence.
    any_right_below
        Proportion of groups with any right answer.
    kl_above
        Divergence from the base, in nats per token; needs `kl_beta`.
    first_batch_parsable_below
        Proportion of valid answers to some prompts before the first step; below it, or where every
        group's rewards are equal, training does not begin. Null does not ask.
    patience
        For so many steps in a row; so many evaluations, in supervised fine-tuning.
    stop
        Whether an alarm ends the run, after saving.
    """

    abstention_rate_above: Proportion | None = 0.95
    abstention_rate_below: Proportion | None = 0.005
    format_rate_below: Proportion | None = 0.8
    confidence_spread_below: Amount | None = 0.01
    any_right_below: Proportion | None = 0.1
    kl_above: Positive | None = None
    first_batch_parsable_below: Proportion | None = 0.2
    patience: Count = 5
    stop: bool = False
