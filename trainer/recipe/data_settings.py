"""What a recipe says of its data: sources, filters, prompts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from saeval.trainer.recipe.fields import Count, Positive, RecipePart
from saeval.trainer.rewards.parameters import Proportion


class PassRateFilter(RecipePart):
    """Which items the base finds just hard enough, by the profile of its own samples.

    Attributes
    ----------
    min_right_share, max_right_share
        Bounds of the proportion of its samples that are right.
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
        How many of the prompts come from this source, relative to the other sources' weights;
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
        File of ``satrain profile``: how often the base answers each item correctly.
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
        Whether they are put through the model's chat template; ``auto`` where it has one.
    system
        A system prompt; needs a chat template.
    """

    chat_template: bool | Literal["auto"] = False
    system: str | None = None
