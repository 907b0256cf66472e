"""What is wrong with a reward before it has paid for anything.

Each check gives `Finding`\\ s; none of them touches a model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal

from saeval.tasks.format.labels import LABELS
from saeval.tasks.registry import Kind, get_task
from saeval.trainer.check.expected_reward import (
    STATED,
    TIE,
    Action,
    Knowledge,
    Payoffs,
    amount,
    answers_from,
    belief,
)
from saeval.trainer.recipe.schema import Recipe
from saeval.trainer.rewards.registry import Term

Severity = Literal["warning", "note"]

_SURE, _NEARLY = 1.0, 0.9
_HARDLY = 0.02
_DOMINATED = "dominated-right-answer"
_CONFIDENCE_OFF = 0.1
_CHANCES = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
_CHANCES_OF_CONFIDENCE = (0.6, 0.75, 0.9)


@dataclass(frozen=True)
class Finding:
    """Something to know before training.

    Attributes
    ----------
    code
        A short name of what was found.
    text
        What it is, with numbers, and what to do.
    severity
        A ``note`` does not fail ``--strict``.
    """

    code: str
    text: str
    severity: Severity = "warning"


def reward_findings(recipe: Recipe) -> list[Finding]:
    """What the pay-offs of a recipe's reward show, for each kind of task that it trains on.

    Nothing, where there is no reward: supervised fine-tuning has none.
    """
    if not recipe.terms:
        return []
    kinds = dict.fromkeys(get_task(name).kind for name in recipe.tasks)
    found: dict[Finding, None] = {}
    for kind in kinds:
        payoffs = Payoffs(recipe, kind)
        checks: tuple[Iterable[Finding], ...] = (
            constant_components(recipe, kind),
            dominated_answers(payoffs),
            abstention_collapse(payoffs),
            abstention_never_paid(payoffs),
            confidence_findings(payoffs),
            scaled_confidence(recipe, payoffs),
        )
        for check in checks:
            found.update(dict.fromkeys(check))
    return list(found)


def constant_components(recipe: Recipe, kind: Kind) -> Iterator[Finding]:
    """Components that pay all completions of a prompt alike, whatever they say.

    GRPO subtracts the group's mean, so that they change nothing.
    """
    for term in recipe.terms:
        if term.weight != 0 and not any(
            _varies(term, Payoffs(recipe, kind, step))
            for step in (0, recipe.optimisation.steps - 1)
        ):
            yield Finding(
                "constant-in-group",
                f"{term.name} is the same for every completion of a prompt, so it cancels in "
                "GRPO's advantage and trains nothing; leave it out or give it weight 0",
            )


def _varies(term: Term, payoffs: Payoffs) -> bool:
    answers = Knowledge(payoffs.kind, "").answers
    actions = [
        Action(answer, confidence, in_reasoning)
        for answer, confidence, in_reasoning in product(
            answers, (0.0, 0.5, 1.0, None), (False, True)
        )
    ]
    targets = LABELS if payoffs.kind == "verification" else ("RIGHT", "UNKNOWN")
    for target, evidence, likely, others in product(targets, (True, False), LABELS, (0, 1)):
        values = [
            term.value(
                payoffs.completion(
                    action,
                    target=target,
                    evidence=evidence,
                    probabilities=belief(likely, 0.8),
                    others_right=others,
                )
            )
            for action in actions
        ]
        if max(values) - min(values) > TIE:
            return True
    return False


def dominated_answers(payoffs: Payoffs) -> Iterator[Finding]:
    """Right answers, known to be right, that do not pay more than wrong ones."""
    found: dict[str, list[tuple[str, str]]] = {}
    for believes in LABELS if payoffs.kind == "verification" else ("RIGHT", "UNKNOWN"):
        chances = (_SURE, _NEARLY) if payoffs.kind == "verification" else (_SURE,)
        judged = [_dominated(payoffs, Knowledge(payoffs.kind, believes, c)) for c in chances]
        bad = [each for each in judged if each is not None]
        if bad:
            code, text = next((each for each in bad if each[0] == _DOMINATED), bad[0])
            found.setdefault(code, []).append((believes, text))
    for code, texts in found.items():
        (believes, text), *others = texts
        also = f" (likewise on {', '.join(_items(other) for other, _ in others)})" if others else ""
        yield Finding(code, f"on {_items(believes)}, {text}{also}")


def _dominated(payoffs: Payoffs, knowledge: Knowledge) -> tuple[str, str] | None:
    right, pay = payoffs.best(knowledge, knowledge.believes)
    rest = [payoffs.best(knowledge, a) for a in knowledge.answers if a != knowledge.believes]
    other, more = max(rest, key=lambda pair: pair[1])
    said = payoffs.in_words
    if more > pay + TIE:
        sure = "that knows this" if knowledge.chance == _SURE else f"{knowledge.chance:.0%} sure"
        return (
            _DOMINATED,
            f"a model {sure} is paid {amount(more)} for {said(other)} and only {amount(pay)} for "
            f"{said(right)}{_culprit(payoffs, knowledge, right, other)}",
        )
    if more > pay - TIE:
        return (
            "right-answer-unpaid",
            f"{said(right)} is paid {amount(pay)} and {said(other)} as much: nothing teaches the "
            "model which is right",
        )
    return None


def _items(believes: str) -> str:
    names = {"RIGHT": "questions that have an answer", "UNKNOWN": "questions that have none"}
    return names.get(believes, f"{believes} items")


def _culprit(payoffs: Payoffs, knowledge: Knowledge, right: Action, wrong: Action) -> str:
    gains = {
        term.name: payoffs.expected(wrong, knowledge, term)
        - payoffs.expected(right, knowledge, term)
        for term in payoffs.terms
    }
    name = max(gains, key=gains.__getitem__)
    return f": {name} pays {gains[name]:.2f} more for it"


def abstention_collapse(payoffs: Payoffs) -> Iterator[Finding]:
    """Rewards that end in declining everywhere: always, or once the rest of a group declines."""
    believes = "PASS" if payoffs.kind == "verification" else "RIGHT"

    def gain(chance: float, others_decline: bool = False) -> tuple[float, float, float]:
        """What declining pays over the best answer, and both."""
        knowledge = Knowledge(payoffs.kind, believes, chance, others_decline=others_decline)
        declining = payoffs.best(knowledge, knowledge.abstention)[1]
        answers = [a for a in knowledge.answers if a != knowledge.abstention]
        answering = max(payoffs.best(knowledge, answer)[1] for answer in answers)
        return declining - answering, declining, answering

    gains = [gain(chance)[0] for chance in _CHANCES]
    if min(gains) >= -TIE and max(gains) > TIE:
        chance = _CHANCES[gains.index(max(gains))]
        _, declining, answering = gain(chance)
        yield Finding(
            "abstention-collapse",
            f"declining is best whatever a model knows (right {chance:.0%} of the time, it is paid "
            f"{amount(declining)} for declining and {amount(answering)} for its answer): it will "
            "decline everywhere; pay for right answers too",
        )
    elif gain(_NEARLY)[0] < -TIE and gain(_NEARLY, others_decline=True)[0] > TIE:
        _, declining, answering = gain(_NEARLY, others_decline=True)
        yield Finding(
            "abstention-absorbs",
            f"once the rest of a group declines, a model that is right {_NEARLY:.0%} of the time "
            f"is paid {amount(declining)} for declining and {amount(answering)} for its answer: a "
            "policy that declines everywhere stays there; keep the alarm on `any_right`",
        )


def abstention_never_paid(payoffs: Payoffs) -> Iterator[Finding]:
    """Rewards under which a model should guess whatever it does not know."""
    if payoffs.kind != "question":
        return
    start = answers_from(payoffs)
    hardly = Knowledge("question", "RIGHT", _HARDLY)
    guessing, declining = (payoffs.best(hardly, answer)[1] for answer in ("RIGHT", "UNKNOWN"))
    if start is not None and guessing >= declining - TIE:
        yield Finding(
            "abstention-unpaid",
            f"a guess that is right {_HARDLY:.0%} of the time pays {guessing:.2g}, declining "
            f"{declining:.2g}: it never pays to decline what it does not know; charge for wrong "
            "answers or pay for declining",
        )


def confidence_findings(payoffs: Payoffs) -> Iterator[Finding]:
    """Whether stated confidence is paid for, and the honest one the most."""
    for believes in LABELS if payoffs.kind == "verification" else ("RIGHT",):
        for chance in _CHANCES_OF_CONFIDENCE:
            knowledge = Knowledge(payoffs.kind, believes, chance)
            pays = {
                stated: payoffs.expected(Action(believes, stated), knowledge) for stated in STATED
            }
            if max(pays.values()) - min(pays.values()) <= TIE:
                continue
            best = payoffs.best(knowledge, believes)[0].confidence
            if best is None or abs(best - chance) > _CONFIDENCE_OFF:
                said = "none" if best is None else f"{best:.2f}"
                yield Finding(
                    "improper-confidence",
                    f"a model that is right {chance:.0%} of the time with {believes} is paid most "
                    f"for stating {said}: the reward is not proper",
                )
                return
    if not payoffs.heeds_confidence:
        yield Finding(
            "confidence-unpaid",
            "stated confidence is not paid for: nothing makes it honest; add `brier`",
            "note",
        )


def scaled_confidence(recipe: Recipe, payoffs: Payoffs) -> Iterator[Finding]:
    """Proper rewards whose honest answer is lost by dividing by the spread of each group."""
    if recipe.optimisation.scale_rewards != "group":
        return
    for chance in _CHANCES_OF_CONFIDENCE:
        knowledge = Knowledge(
            payoffs.kind, "PASS" if payoffs.kind == "verification" else "RIGHT", chance
        )
        honest = payoffs.best(knowledge, knowledge.believes)[0].confidence
        learnt = payoffs.learnt_confidence(knowledge)
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
