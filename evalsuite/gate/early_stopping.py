"""The rules of a gate while the checkpoint answers: what is held to what, and when to stop."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from saeval.errors import InputError
from saeval.evalsuite.compare.comparison import PredictionsByTask
from saeval.evalsuite.compare.pairing import PairedPredictions, pair, to_arrays
from saeval.evalsuite.gate.policy import Policy
from saeval.evalsuite.models.training_data import TrainingData, load_training_data
from saeval.evalsuite.models.types import AnyModel, SavedPredictions
from saeval.evalsuite.run.tasks import LoadedTask
from saeval.evalsuite.store.prediction import Key, Prediction, read_predictions
from saeval.evalsuite.store.run_folder import PredictionFile
from saeval.stats.compare.metric_table import RULES
from saeval.stats.gate.decide import Held, Skipped, look
from saeval.stats.gate.rules import Rule
from saeval.stats.gate.sequential import Seen
from saeval.tasks.registry import get_task

SMALLEST_BATCH = 64
"""Items asked between two looks, and a tenth of those asked where that is more."""


@dataclass(frozen=True)
class _Watched:
    """A task that is asked: its items in order, the unit of each, and the base's answers."""

    asked: LoadedTask
    targets: Set[str]
    units: tuple[str, ...]
    rules: tuple[Rule, ...]


class GateStoppingRule:
    """Attends a comparison for a gate (`saeval.evalsuite.compare.plan.StoppingRule`).

    Parameters
    ----------
    policy
        The rules.
    until_decided
        Whether to stop as soon as the rules are decided.
    samples
        Answers per item.
    allow_mismatch
        As `compare` takes it.
    """

    def __init__(
        self, policy: Policy, *, until_decided: bool, samples: int, allow_mismatch: bool
    ) -> None:
        self.policy, self.until_decided = policy, until_decided
        self._samples, self._allow_mismatch = samples, allow_mismatch
        self._tasks: dict[str, _Watched] = {}
        self._base: PredictionsByTask | Path = {}
        self._folder = Path()
        self._broken = False
        self._training: TrainingData | None = None

    def check(self, tasks: Sequence[str], checkpoint: AnyModel) -> None:
        """Find what is wrong with the policy for these tasks."""
        self.policy.check_tasks(tasks)
        for name in tasks:
            self.policy.rules_for(name, get_task(name).labels)
        if self.until_decided and isinstance(checkpoint, SavedPredictions):
            raise InputError(
                "--until-decided asks the checkpoint batch by batch; give a CHECKPOINT that can be "
                "asked, not predictions"
            )
        self._training = load_training_data(checkpoint)

    def begin(
        self, tasks: Sequence[LoadedTask], base: PredictionsByTask | Path, checkpoint: Path
    ) -> None:
        """Remember what is asked, where the base's answers are and the checkpoint's will be."""
        self._base, self._folder = base, checkpoint
        for task in tasks:
            targets = {task.harness_task.doc_to_target(document) for document in task.documents}
            rules, _ = self.policy.rules_for(task.name, targets)
            units = tuple(d["cluster"] or d["id"] for d in task.documents)
            self._tasks[task.name] = _Watched(task, targets, units, rules)

    def more(self, task: LoadedTask) -> int | None:
        """None for all that are left; else the size of the next batch, 0 once it is decided."""
        if not self.until_decided:
            return None
        if self._broken:
            return 0
        rules = self._tasks[task.name].rules
        seen = self.seen(task.name)
        self._broken = any(found.verdict == "REGRESSION" for found in seen.values())
        decided = {number for number, found in seen.items() if found.verdict is not None}
        if self._broken or len(decided) == len(rules):
            return 0
        return max(SMALLEST_BATCH, len(self._answers(task.name)) // (10 * self._samples))

    def answered(self) -> PredictionsByTask:
        """The checkpoint's answers to the tasks that it was asked anything of."""
        every = {name: self._answers(name) for name in self._tasks}
        return {name: answers for name, answers in every.items() if answers}

    def seen(self, name: str, *, intervals: bool = False) -> dict[int, Seen]:
        """What the answers so far decide of a task's rules, by their place."""
        if not self.until_decided or name not in self._tasks:
            return {}
        task, answers = self._tasks[name], self._answers(name)
        whole = set(self._whole_units(task, answers))
        clean = self._not_trained_on(name, answers)
        counted = {key: answer for key, answer in clean.items() if key[0] in whole}
        if not counted:
            return {}
        pairs = self._pairs(name, counted)
        unit_of = dict(zip(task.asked.ids, _numbered(task.units), strict=True))
        unit = np.array([unit_of[prediction.item_id] for prediction in pairs.base])
        order = np.argsort(unit, kind="stable")
        sizes = np.unique(list(unit_of.values()), return_counts=True)[1]
        watched = sum(rule.is_mean for other in self._tasks.values() for rule in other.rules)
        return look(
            task.rules,
            to_arrays(pairs).subset(order),
            unit[order],
            largest=int(sizes.max()) * self._samples,
            level=self.policy.level,
            watched=watched,
            intervals=intervals,
        )

    def held(
        self, tasks: Sequence[str], base: PredictionsByTask, checkpoint: PredictionsByTask
    ) -> tuple[list[Held], list[Skipped]]:
        """Every task with its answers, its rules and what was seen of them.

        Items that the checkpoint was trained on are left out and counted.

        Raises
        ------
        InputError
            If it was trained on all items of a task.
        """
        held: list[Held] = []
        left_out: list[Skipped] = []
        for name in tasks:
            clean = self._not_trained_on(name, base[name])
            if not clean:
                raise InputError(
                    f"task {name}: the checkpoint was trained on every item; gate it on others"
                )
            answers = self._not_trained_on(name, checkpoint.get(name, {}))
            watched = self._tasks.get(name)
            pairs = None
            targets = set() if watched is None else watched.targets
            if answers:
                found = pair(get_task(name), clean, answers, allow_mismatch=self._allow_mismatch)
                pairs = to_arrays(found)
                targets = targets or {prediction.target for prediction in found.base}
            rules, skipped = self.policy.rules_for(name, targets)
            left_out += skipped
            if watched is None:
                planned = 0 if pairs is None else len(pairs)
                trained_on = len(checkpoint.get(name, {})) - len(answers)
            else:
                asked = set(watched.asked.ids)
                planned = sum(item in asked for item, _ in clean)
                trained_on = len(asked) * self._samples - planned
            seen = self.seen(name, intervals=True)
            if all(prediction.confidence is None for prediction in clean.values()):
                silent = [rule for rule in rules if self._general_of_confidence(name, rule)]
                left_out += [
                    Skipped(name, rule, "the base states no confidence") for rule in silent
                ]
                kept = [number for number, rule in enumerate(rules) if rule not in silent]
                rules = tuple(rules[number] for number in kept)
                seen = {place: seen[number] for place, number in enumerate(kept) if number in seen}
            held.append(Held(name, pairs, rules, planned, seen, trained_on))
        return held, left_out

    def _not_trained_on(
        self, name: str, answers: Mapping[Key, Prediction]
    ) -> Mapping[Key, Prediction]:
        """Answers to items that the checkpoint's training has nothing in common with."""
        if self._training is None:
            return answers
        task, training = get_task(name), self._training
        return {key: p for key, p in answers.items() if training.shared(task, p) is None}

    def _general_of_confidence(self, name: str, rule: Rule) -> bool:
        own = rule in self.policy.of_task.get(name, ())
        return not own and rule.metric in RULES and RULES[rule.metric].of_confidence

    def _answers(self, name: str) -> Mapping[Key, Prediction]:
        """The checkpoint's answers so far."""
        path = PredictionFile(self._folder, name).path
        return {p.key: p for p in read_predictions(path)} if path.is_file() else {}

    def _pairs(self, name: str, answers: Mapping[Key, Prediction]) -> PairedPredictions:
        base = self._base
        if isinstance(base, Path):
            path = PredictionFile(base, name).path
            base = {name: {p.key: p for p in read_predictions(path)}}
        return pair(get_task(name), base[name], answers, allow_mismatch=self._allow_mismatch)

    def _whole_units(self, task: _Watched, answers: Mapping[Key, Prediction]) -> list[str]:
        """Ids of the first items, as far as all of their units are answered in full."""
        asked = itertools.takewhile(
            lambda item: all((item, sample) in answers for sample in range(self._samples)),
            task.asked.ids,
        )
        ids = list(asked)
        if len(ids) < len(task.units):
            while ids and task.units[len(ids) - 1] == task.units[len(ids)]:
                ids.pop()
        return ids


def _numbered(units: Sequence[str]) -> list[int]:
    """0, 1, 2, … in the order of their first mention."""
    number: dict[str, int] = {}
    return [number.setdefault(unit, len(number)) for unit in units]
