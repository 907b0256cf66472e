"""What a reward pays for each way to answer, before anything is trained.

A model is described by what it believes and how often it is right about it. Its policy's label
probabilities are its beliefs, and the rest of its group behaves as it says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise, product
from math import copysign

from saeval.tasks.task import TaskKind
from saeval.tasks.types import QUESTION_LABELS, VERIFICATION_LABELS
from saeval.trainer.recipe.schema import Recipe
from saeval.trainer.rewards.completion import Completion, Group
from saeval.trainer.rewards.example import make_completion
from saeval.trainer.rewards.terms import RewardTerm, compute_reward

STATED = tuple(number / 20 for number in range(21))
"""Confidences that a completion may state: 0, 0.05, … 1."""

TIE = 1e-9
"""Expected rewards that differ by no more are the same."""


@dataclass(frozen=True)
class Action:
    """One way to answer.

    Attributes
    ----------
    answer
        For verification a label. For questions ``RIGHT``, the answer the model thinks right;
        ``WRONG``, another on purpose; or ``UNKNOWN``. None is invalid.
    confidence
        As stated, or None if it is left out.
    in_reasoning
        Whether the right answer stands in the reasoning.
    """

    answer: str | None
    confidence: float | None
    in_reasoning: bool = False


@dataclass(frozen=True)
class Knowledge:
    """What the model believes about an item, and how the rest of its group acts on it.

    Attributes
    ----------
    kind
        Of the task.
    believes
        For verification a label; the other two share what is left of `chance`. For questions
        ``RIGHT``, it has an answer, or ``UNKNOWN``, it knows that there is none.
    chance
        How often it is right.
    others_decline
        Whether the other completions of the group abstain, and do not say what it believes.
    """

    kind: TaskKind
    believes: str
    chance: float = 1.0
    others_decline: bool = False

    @property
    def abstention(self) -> str:
        """The answer that abstains."""
        return self.kind.labels.abstention

    @property
    def answers(self) -> tuple[str | None, ...]:
        """All it can say."""
        return (*self.kind.labels.names, None)


class ExpectedRewards:
    """The expected rewards of one recipe for tasks of one kind, at one step.

    Parameters
    ----------
    recipe
        Whose reward pays.
    kind
        Of the tasks.
    step
        Optimisation steps done; the last one by default, when every warm-up is over.
    """

    def __init__(self, recipe: Recipe, kind: TaskKind, step: int | None = None) -> None:
        self.terms = recipe.terms
        self.kind = kind
        self.group_size = recipe.optimisation.group_size
        self.steps = recipe.optimisation.steps
        self.step = self.steps - 1 if step is None else step

    @cached_property
    def depends_on_confidence(self) -> bool:
        """Whether two stated confidences of one answer are ever paid differently."""
        for believes, chance in product(self.kind.labels.targets, (0.75, 1.0)):
            knowledge = Knowledge(self.kind, believes, chance)
            for answer in knowledge.answers[:-1]:
                pays = [self.expected(Action(answer, stated), knowledge) for stated in STATED]
                if max(pays) - min(pays) > TIE:
                    return True
        return False

    def describe(self, action: Action) -> str:
        """An action with its confidence, where that matters."""
        if action.answer is None:
            return "an unreadable answer"
        if action.confidence is None:
            return f"{action.answer} without CONF"
        return (
            f"{action.answer} CONF={action.confidence:.2f}"
            if self.depends_on_confidence
            else action.answer
        )

    def completion(
        self,
        action: Action,
        *,
        target: str,
        evidence: bool = True,
        probabilities: Mapping[str, float] | None = None,
        others_right: int = 0,
    ) -> Completion:
        """A completion that does `action`, among others of which so many are right."""
        completion = make_completion(
            action.answer,
            action.confidence if action.answer is not None else None,
            target=target,
            evidence=evidence and self.kind.has_evidence,
            probabilities=probabilities,
            rank=self.group_size // 2,
            in_reasoning=action.in_reasoning,
            step=self.step,
            steps=self.steps,
        )
        right = others_right + completion.answered_correctly
        return replace(completion, group=Group(self.group_size, right))

    def expected(
        self, action: Action, knowledge: Knowledge, term: RewardTerm | None = None
    ) -> float:
        """What `action` pays on average to a model of such knowledge, in all or by one term."""
        total = 0.0
        for chance, completion in self._outcomes(action, knowledge):
            if chance > 0:
                pays = compute_reward((term,) if term else self.terms, completion)
                total += chance * pays
        return total

    def best(self, knowledge: Knowledge, answer: str | None) -> tuple[Action, float]:
        """The confidence that pays most with an answer: of equals the stated, honest one."""
        honest = knowledge.chance if answer == knowledge.believes else 1 - knowledge.chance
        stated = sorted({*STATED, honest}, key=lambda confidence: abs(confidence - honest))
        actions = [Action(answer, confidence) for confidence in (*stated, None)]
        pays = [self.expected(action, knowledge) for action in actions]
        top = max(pays)
        first = next(place for place, pay in enumerate(pays) if pay >= top - TIE)
        return actions[first], top

    def learnt_confidence(self, knowledge: Knowledge) -> float | None:
        """The confidence that GRPO ends at if it divides by the spread of each group's rewards.

        Completions of a group that give the same answer differ in their confidence only. Divided by
        their spread, a group where more confidence gains a little counts as much as one where it
        costs a lot: of the reward's slope only the sign is left. None where no confidence is
        better than another.
        """
        height, heights = 0.0, [0.0]
        for low, high in pairwise(STATED):
            for (chance, before), (_, after) in zip(
                self._outcomes(Action(knowledge.believes, low), knowledge),
                self._outcomes(Action(knowledge.believes, high), knowledge),
                strict=True,
            ):
                change = compute_reward(self.terms, after) - compute_reward(self.terms, before)
                if abs(change) > TIE:
                    height += copysign(chance, change)
            heights.append(round(height, 9))
        if len(set(heights)) == 1:
            return None
        return STATED[heights.index(max(heights))]

    def ranking(self, knowledge: Knowledge) -> list[tuple[Action, float]]:
        """The best way to give each answer, best first; of equals the believed one first."""
        ranking = [self.best(knowledge, answer) for answer in knowledge.answers]
        ranking.sort(key=lambda pair: (-round(pair[1], 9), pair[0].answer != knowledge.believes))
        return ranking

    def _outcomes(self, action: Action, knowledge: Knowledge) -> Iterator[tuple[float, Completion]]:
        others = 0 if knowledge.others_decline else self.group_size - 1
        chance = knowledge.chance
        if not self.kind.is_open_ended:
            beliefs = label_beliefs(knowledge.believes, chance)
            for target, probability in beliefs.items():
                right = (
                    others if target == knowledge.believes != VERIFICATION_LABELS.abstention else 0
                )
                yield (
                    probability,
                    self.completion(
                        action,
                        target=target,
                        probabilities=beliefs,
                        others_right=right,
                    ),
                )
        elif knowledge.believes == QUESTION_LABELS.abstention:
            wrong = replace(action, answer="WRONG") if action.answer == "RIGHT" else action
            yield 1.0, self.completion(wrong, target="UNKNOWN")
        else:
            none_right = (1 - chance) ** others
            given = [(1.0, action)]
            if action.answer == "RIGHT":
                given = [(chance, action), (1 - chance, replace(action, answer="WRONG"))]
            for probability, gives in given:
                for share, right in ((none_right, 0), (1 - none_right, others)):
                    yield (
                        probability * share,
                        self.completion(gives, target="RIGHT", others_right=right),
                    )


def format_pay(pay: float) -> str:
    """With two decimals, and no minus before nothing."""
    return f"{pay:.2f}".replace("-0.00", "0.00")


def label_beliefs(label: str, chance: float) -> dict[str, float]:
    """`chance` for one label, the rest evenly for the others."""
    rest = (1 - chance) / (len(VERIFICATION_LABELS.names) - 1)
    return {other: chance if other == label else rest for other in VERIFICATION_LABELS.names}


def answering_threshold(rewards: ExpectedRewards) -> float | None:
    """The chance of being right from which answering a question pays more than abstaining.

    None if it never does; 0 if it always does.
    """
    answer_pays = [
        share / 100 for share in range(1, 101) if _answering_gains(rewards, share / 100) > TIE
    ]
    if not answer_pays:
        return None
    low, high = answer_pays[0] - 0.01, answer_pays[0]
    if low < TIE:
        return 0.0
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (low, middle) if _answering_gains(rewards, middle) > 0 else (middle, high)
    return high


def _answering_gains(rewards: ExpectedRewards, chance: float) -> float:
    knowledge = Knowledge(rewards.kind, "RIGHT", chance)
    return rewards.best(knowledge, "RIGHT")[1] - rewards.best(knowledge, "UNKNOWN")[1]
