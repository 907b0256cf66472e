"""What is trained on, one row at a time, and how a completion of it is read.

A row of `fever`, as `make_training_row` makes it::

    prompt   "Does the evidence support the claim? …\\n\\nClaim: …\\nEvidence:\\n- …\\n…"
    task     "fever"
    item     {"id": "96622", "cluster": null, "claim": …, "evidence": […], "target": "FAIL", …}
    target   "FAIL"
    cluster  null

Prompts are written by `saeval.tasks.format.prompts` and responses are read by the task's own
reader, so that what is trained is what `saeval` evaluates.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from saeval.tasks.registry import get_task
from saeval.tasks.task import Task
from saeval.tasks.types import Item
from saeval.trainer.recipe.data_settings import PromptSettings
from saeval.trainer.rewards.completion import Completion, Group

Messages = tuple[dict[str, str], ...]
"""A conversation, as chat templates take it: each with ``role`` and ``content``."""


@dataclass(frozen=True)
class TrainingRow:
    """One item to be trained on.

    Attributes
    ----------
    prompt
        Text, or messages for the model's chat template.
    task
        Name of the task.
    item
        The item's row as JSON, from which responses are read; text, because the rows of several
        tasks differ in their fields and make one table.
    target
        The right prediction.
    cluster
        Items that share it are not independent; None where the task has no such grouping.
    completion
        What is to be said, in supervised fine-tuning; None where completions are sampled.
    """

    prompt: str | Messages
    task: str
    item: str
    target: str
    cluster: str | None
    completion: str | None = None

    def as_row(self) -> dict[str, Any]:
        """The fields as the plain types a `datasets.Dataset` keeps."""
        plain = self.prompt if isinstance(self.prompt, str) else list(self.prompt)
        return {**asdict(self), "prompt": plain}


def make_training_row(task: Task, item: Item, prompt: PromptSettings) -> TrainingRow:
    """An item as a recipe's prompt settings ask it.

    Examples
    --------
    >>> from saeval.tasks.registry import get_task
    >>> task = get_task("factworld")
    >>> row = make_training_row(task, task.source.load()[0], PromptSettings(chat_template=True))
    >>> [message["role"] for message in row.prompt]
    ['user']
    """
    row = item.as_row()
    text = task.write_prompt(row)
    shown: str | Messages = text
    if prompt.chat_template is True:
        system = () if prompt.system is None else ({"role": "system", "content": prompt.system},)
        shown = (*system, {"role": "user", "content": text})
    return TrainingRow(
        prompt=shown,
        task=task.name,
        item=json.dumps(row, ensure_ascii=False),
        target=item.target,
        cluster=item.cluster,
    )


def read_completions(
    task_name: str,
    item: str,
    responses: Sequence[str],
    *,
    step: int,
    steps: int,
    probabilities: Mapping[str, float] | None = None,
    likelihoods: Sequence[float] | None = None,
) -> list[Completion]:
    """All responses to one prompt, read and counted.

    Parameters
    ----------
    task_name, item
        Of the `TrainingRow`.
    responses
        The whole group: a part of it would be counted wrongly.
    step, steps
        Optimisation steps done, and how many there will be.
    probabilities
        The policy's probability of each label, if probed.
    likelihoods
        Log-probability of each response under the policy, if measured.

    Examples
    --------
    >>> item = '{"id": "1", "claim": "…", "evidence": ["…"], "target": "NA"}'
    >>> responses = ["LABEL=NA\\nCONF=0.5", "LABEL=PASS\\nCONF=0.9"]
    >>> [each.is_correct for each in read_completions("fever", item, responses, step=0, steps=9)]
    [True, False]
    """
    task, row = get_task(task_name), json.loads(item)
    read = [
        Completion(
            reading=task.parse(row, response),
            target=row["target"],
            abstention=task.labels.abstention,
            evidence=bool(row.get("evidence")),
            probabilities=probabilities,
            step=step,
            steps=steps,
        )
        for response in responses
    ]
    group = Group(len(read), sum(completion.answered_correctly for completion in read))
    ranks: Sequence[int | None] = [None] * len(read)
    if likelihoods is not None:
        order = sorted(range(len(read)), key=lambda place: -likelihoods[place])
        ranks = [order.index(place) for place in range(len(read))]
    return [
        replace(completion, group=group, likelihood_rank=rank)
        for completion, rank in zip(read, ranks, strict=True)
    ]
