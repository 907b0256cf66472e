"""What is wrong with a reward before it has paid for anything.

Each check gives `Finding`\\ s; none of them touches a model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product

from saeval.tasks.registry import get_task
from saeval.tasks.task import TaskKind
from saeval.tasks.types import VERIFICATION_LABELS
from saeval.trainer.checks.expected_reward import (
    STATED,
    TIE,
    Action,
    ExpectedRewards,
    Knowledge,
    answering_threshold,
    format_pay,
    label_beliefs,
)
from saeval.trainer.checks.findings import Finding
from saeval.trainer.recipe.schema import Recipe
from saeval.trainer.rewards.terms import RewardTerm

_SURE, _NEARLY = 1.0, 0.9
_HARDLY = 0.02
_DOMINATED = "dominated-right-answer"
_CONFIDENCE_OFF = 0.1
_CHANCES = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
_CHANCES_OF_CONFIDENCE = (0.6, 0.75, 0.9)


def check_reward(recipe: Recipe) -> list[Finding]:
    """What the expected rewards of a recipe show, for each kind of task that it trains on.

    Nothing, where there is no reward: supervised fine-tuning has none.
    """
    if not recipe.terms:
        return []
    kinds = dict.fromkeys(get_task(name).kind for name in recipe.tasks)
    findings: dict[Finding, None] = {}
    for kind in kinds:
        rewards = ExpectedRewards(recipe, kind)
        checks: tuple[Iterable[Finding], ...] = (
            check_constant_components(recipe, kind),
            check_dominated_answers(rewards),
            check_abstention_collapse(rewards),
            check_unpaid_abstention(rewards),
            check_confidence(rewards),
            check_scaled_confidence(recipe, rewards),
        )
        for check in checks:
            findings.update(dict.fromkeys(check))
    return list(findings)


def check_constant_components(recipe: Recipe, kind: TaskKind) -> Iterator[Finding]:
    """Components that pay all completions of a prompt alike, whatever they say.

    GRPO subtracts the group's mean, so that they change nothing.
    """
    for term in recipe.terms:
        if term.weight != 0 and not any(
            _varies(term, ExpectedRewards(recipe, kind, step))
            for step in (0, recipe.optimisation.steps - 1)
        ):
            yield Finding(
                "constant-in-group",
                f"{term.name} is the same for every completion of a prompt, so it cancels in "
                "GRPO's advantage and trains nothing; leave it out or give it weight 0",
            )


def _varies(term: RewardTerm, rewards: ExpectedRewards) -> bool:
    answers = Knowledge(rewards.kind, "").answers
    actions = [
        Action(answer, confidence, in_reasoning)
        for answer, confidence, in_reasoning in product(
            answers, (0.0, 0.5, 1.0, None), (False, True)
        )
    ]
    targets = rewards.kind.labels.targets
    for target, evidence, likely, others in product(
        targets, (True, False), VERIFICATION_LABELS.names, (0, 1)
    ):
        values = [
            term.value(
                rewards.completion(
                    action,
                    target=target,
                    evidence=evidence,
                    probabilities=label_beliefs(likely, 0.8),
                    others_right=others,
                )
            )
            for action in actions
        ]
        if max(values) - min(values) > TIE:
            return True
    return False


def check_dominated_answers(rewards: ExpectedRewards) -> Iterator[Finding]:
    """Right answers, known to be right, that do not pay more than wrong ones."""
    by_code: dict[str, list[tuple[str, str]]] = {}
    for believes in rewards.kind.labels.targets:
        chances = (_SURE,) if rewards.kind.is_open_ended else (_SURE, _NEARLY)
        judgements = [_dominated(rewards, Knowledge(rewards.kind, believes, c)) for c in chances]
        failures = [judgement for judgement in judgements if judgement is not None]
        if failures:
            code, text = next(
                (judgement for judgement in failures if judgement[0] == _DOMINATED), failures[0]
            )
            by_code.setdefault(code, []).append((believes, text))
    for code, texts in by_code.items():
        (believes, text), *others = texts
        also = f" (likewise on {', '.join(_items(other) for other, _ in others)})" if others else ""
        yield Finding(code, f"on {_items(believes)}, {text}{also}")


def _dominated(rewards: ExpectedRewards, knowledge: Knowledge) -> tuple[str, str] | None:
    right, pay = rewards.best(knowledge, knowledge.believes)
    others = [rewards.best(knowledge, a) for a in knowledge.answers if a != knowledge.believes]
    other, other_pay = max(others, key=lambda pair: pair[1])
    describe = rewards.describe
    if other_pay > pay + TIE:
        sure = "that knows this" if knowledge.chance == _SURE else f"{knowledge.chance:.0%} sure"
        return (
            _DOMINATED,
            f"a model {sure} is paid {format_pay(other_pay)} for {describe(other)} and only "
            f"{format_pay(pay)} for {describe(right)}{_culprit(rewards, knowledge, right, other)}",
        )
    if other_pay > pay - TIE:
        return (
            "right-answer-unpaid",
            f"{describe(right)} is paid {format_pay(pay)} and {describe(other)} as much: nothing "
            "teaches the model which is right",
        )
    return None


def _items(believes: str) -> str:
    names = {"RIGHT": "questions that have an answer", "UNKNOWN": "questions that have none"}
    return names.get(believes, f"{believes} items")


def _culprit(rewards: ExpectedRewards, knowledge: Knowledge, right: Action, wrong: Action) -> str:
    gains = {
        term.name: rewards.expected(wrong, knowledge, term)
        - rewards.expected(right, knowledge, term)
        for term in rewards.terms
    }
    name = max(gains, key=gains.__getitem__)
    return f": {name} pays {gains[name]:.2f} more for it"


def check_abstention_collapse(rewards: ExpectedRewards) -> Iterator[Finding]:
    """Rewards that end in abstaining everywhere: always, or once the rest of a group abstains."""
    believes = rewards.kind.labels.names[0]

    def gain(chance: float, others_decline: bool = False) -> tuple[float, float, float]:
        """What abstaining pays over the best answer, and both."""
        knowledge = Knowledge(rewards.kind, believes, chance, others_decline=others_decline)
        declining = rewards.best(knowledge, knowledge.abstention)[1]
        answers = [a for a in knowledge.answers if a != knowledge.abstention]
        answering = max(rewards.best(knowledge, answer)[1] for answer in answers)
        return declining - answering, declining, answering

    gains = [gain(chance)[0] for chance in _CHANCES]
    if min(gains) >= -TIE and max(gains) > TIE:
        chance = _CHANCES[gains.index(max(gains))]
        _, declining, answering = gain(chance)
        yield Finding(
            "abstention-collapse",
            f"declining is best whatever a model knows (right {chance:.0%} of the time, it is paid "
            f"{format_pay(declining)} for declining and {format_pay(answering)} for its answer): "
            "it will decline everywhere; pay for right answers too",
        )
    elif gain(_NEARLY)[0] < -TIE and gain(_NEARLY, others_decline=True)[0] > TIE:
        _, declining, answering = gain(_NEARLY, others_decline=True)
        yield Finding(
            "abstention-absorbs",
            f"once the rest of a group declines, a model that is right {_NEARLY:.0%} of the time "
            f"is paid {format_pay(declining)} for declining and {format_pay(answering)} for its "
            "answer: a policy that declines everywhere stays there; keep the alarm on `any_right`",
        )


def check_unpaid_abstention(rewards: ExpectedRewards) -> Iterator[Finding]:
    """Rewards under which a model should guess whatever it does not know."""
    if not rewards.kind.is_open_ended:
        return
    start = answering_threshold(rewards)
    hardly = Knowledge(rewards.kind, "RIGHT", _HARDLY)
    guessing, declining = (rewards.best(hardly, answer)[1] for answer in ("RIGHT", "UNKNOWN"))
    if start is not None and guessing >= declining - TIE:
        yield Finding(
            "abstention-unpaid",
            f"a guess that is right {_HARDLY:.0%} of the time pays {guessing:.2g}, declining "
            f"{declining:.2g}: it never pays to decline what it does not know; charge for wrong "
            "answers or pay for declining",
        )


def check_confidence(rewards: ExpectedRewards) -> Iterator[Finding]:
    """Whether stated confidence is paid for, and the honest one the most."""
    for believes in _believed_answers(rewards.kind):
        for chance in _CHANCES_OF_CONFIDENCE:
            knowledge = Knowledge(rewards.kind, believes, chance)
            pays = {
                stated: rewards.expected(Action(believes, stated), knowledge) for stated in STATED
            }
            if max(pays.values()) - min(pays.values()) <= TIE:
                continue
            best = rewards.best(knowledge, believes)[0].confidence
            if best is None or abs(best - chance) > _CONFIDENCE_OFF:
                stated_best = "none" if best is None else f"{best:.2f}"
                yield Finding(
                    "improper-confidence",
                    f"a model that is right {chance:.0%} of the time with {believes} is paid most "
                    f"for stating {stated_best}: the reward is not proper",
                )
                return
    if not rewards.depends_on_confidence:
        yield Finding(
            "confidence-unpaid",
            "stated confidence is not paid for: nothing makes it honest; add `brier`",
            "note",
        )


def _believed_answers(kind: TaskKind) -> tuple[str, ...]:
    """The targets that a model can be more or less sure of."""
    labels = kind.labels
    if kind.abstention_is_verdict:
        return labels.targets
    return tuple(label for label in labels.targets if label != labels.abstention)


def check_scaled_confidence(recipe: Recipe, rewards: ExpectedRewards) -> Iterator[Finding]:
    """Proper rewards whose honest answer is lost by dividing by the spread of each group."""
    if recipe.optimisation.scale_rewards != "group":
        return
    for chance in _CHANCES_OF_CONFIDENCE:
        knowledge = Knowledge(rewards.kind, rewards.kind.labels.names[0], chance)
        honest = rewards.best(knowledge, knowledge.believes)[0].confidence
        learnt = rewards.learnt_confidence(knowledge)
        if honest is None or learnt is None:
            continue
        if abs(learnt - honest) > _CONFIDENCE_OFF:
            yield Finding(
                "scaled-confidence",
                f"a model that is right {chance:.0%} of the time is paid most for stating "
                f"{honest:.2f} and will learn {learnt:.2f}: GRPO divides by the spread of each "
                "group, so that only which way a reward rises counts; set "
                "`optimisation.scale_rewards: none`",
            )
            return
