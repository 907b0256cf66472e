"""A recipe's reward as TRL asks for it: one function for each component, read once for all.

TRL logs every function alone as ``rewards/NAME/mean`` and pays their sum by weights. The first one
that it calls with a batch reads the batch; the others find it read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from saeval.errors import RewardError
from saeval.tasks.registry import get_task
from saeval.trainer.backends.policy_model import PolicyModel, Prompt, TokenIds
from saeval.trainer.data.rows import read_completions
from saeval.trainer.recipe.schema import Recipe
from saeval.trainer.rewards.completion import Completion
from saeval.trainer.rewards.diagnostics import diagnose_batch
from saeval.trainer.rewards.terms import compute_values

if TYPE_CHECKING:
    from transformers import TrainerState

LogMetric = Callable[[str, float], None]


class TrlRewardFunction(Protocol):
    """What TRL calls: keyword arguments in, one number for each completion out."""

    __name__: str

    def __call__(self, **batch: Any) -> list[float]: ...


class GroupRewards:
    """The reward functions of a recipe.

    Attributes
    ----------
    policy
        What is probed; set before training begins.
    """

    policy: PolicyModel

    def __init__(self, recipe: Recipe) -> None:
        self._recipe, self._terms = recipe, recipe.terms
        needs = {need for term in self._terms for need in term.component.requires}
        self._ranked = "likelihood_rank" in needs
        self._batch: Any = None
        self._values: dict[str, list[float]] = {}

    @property
    def weights(self) -> list[float]:
        """Of the functions; 0 is computed and logged, and not paid."""
        return [term.weight for term in self._terms]

    @property
    def functions(self) -> list[TrlRewardFunction]:
        """One for each component, with its name."""
        return [self._function(term.name) for term in self._terms]

    def _function(self, name: str) -> TrlRewardFunction:
        def component(**batch: Any) -> list[float]:
            # The very list, which is held on to: another batch cannot be taken for it.
            if self._batch is not batch["completions"]:
                self._values = self._read(**batch)
                self._batch = batch["completions"]
            return self._values[name]

        component.__name__ = name
        return component

    def _read(
        self,
        *,
        prompts: Sequence[Prompt],
        completions: Sequence[Any],
        completion_ids: Sequence[TokenIds],
        task: Sequence[str],
        item: Sequence[str],
        trainer_state: TrainerState,
        log_metric: LogMetric,
        **_: Any,
    ) -> dict[str, list[float]]:
        size, step = self._recipe.optimisation.group_size, trainer_state.global_step
        starts = range(0, len(completions), size)
        for start in starts:
            if len(completions) % size or len(set(item[start : start + size])) > 1:
                raise RewardError(
                    f"a group of {size} completions is not whole on its device, so that what is "
                    "counted in it would be wrong"
                )
        responses = [_text(completion) for completion in completions]
        likelihoods = self.policy.log_likelihoods(prompts, completion_ids) if self._ranked else None
        probed = self._probe([prompts[at] for at in starts], [task[at] for at in starts], step)
        parsed: list[Completion] = []
        for start, probabilities in zip(starts, probed, strict=True):
            group = slice(start, start + size)
            parsed += read_completions(
                task[start],
                item[start],
                responses[group],
                step=step,
                steps=self._recipe.optimisation.steps,
                probabilities=probabilities,
                likelihoods=None if likelihoods is None else likelihoods[group],
            )
        component_values = compute_values(self._terms, parsed)
        for name, value in _metrics(parsed, self._totals(component_values)).items():
            log_metric(name, value)
        return component_values

    def _probe(
        self, prompts: Sequence[Prompt], tasks: Sequence[str], step: int
    ) -> list[dict[str, float] | None]:
        """The label probabilities of each prompt that has labels, if it is time to probe."""
        every = self._recipe.probing.every
        probed: list[dict[str, float] | None] = [None] * len(prompts)
        places = [
            place for place, task in enumerate(tasks) if get_task(task).kind.has_label_probabilities
        ]
        if every and step % every == 0 and places:
            by_prompt = self.policy.label_probabilities([prompts[place] for place in places])
            for place, probabilities in zip(places, by_prompt, strict=True):
                probed[place] = probabilities
        return probed

    def _totals(self, component_values: dict[str, list[float]]) -> list[float]:
        """What each completion is paid."""
        columns = [
            [term.weight * value for value in component_values[term.name]] for term in self._terms
        ]
        return [sum(row) for row in zip(*columns, strict=True)]


def classify_outcome(completion: Completion) -> str:
    """``right`` (to abstain where it is due, too), ``wrong``, ``declined`` or ``invalid``."""
    if completion.is_correct:
        return "right"
    if completion.abstained:
        return "declined"
    return "invalid" if completion.reading.status == "invalid" else "wrong"


def _metrics(completions: Sequence[Completion], totals: Sequence[float]) -> dict[str, float]:
    """Numbers of a batch that are logged and never paid.

    The diagnostics of `saeval.trainer.rewards.diagnostics`, and ``accuracy``; ``outcome/NAME``,
    the share
    of completions; ``reward_when/NAME``, their mean reward; ``probed/target``, the mean probability
    of the right label.
    """
    metrics = {
        **diagnose_batch(completions),
        "accuracy": sum(each.is_correct for each in completions) / len(completions),
    }
    outcomes = [classify_outcome(completion) for completion in completions]
    for name in ("right", "wrong", "declined", "invalid"):
        paid = [total for total, mine in zip(totals, outcomes, strict=True) if mine == name]
        metrics[f"outcome/{name}"] = len(paid) / len(completions)
        if paid:
            metrics[f"reward_when/{name}"] = sum(paid) / len(paid)
    probed = [
        each.probabilities[each.target] for each in completions if each.probabilities is not None
    ]
    if probed:
        metrics["probed/target"] = sum(probed) / len(probed)
    return metrics


def _text(completion: Any) -> str:
    """What was said: as text, or as the last message of a conversation."""
    return str(completion if isinstance(completion, str) else completion[-1]["content"])
