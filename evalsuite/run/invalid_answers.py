"""Why a model's answers cannot be parsed, and what would mend it, the cheapest first.

A chat template that was not applied and room for the answer cost nothing to try. Worked examples
(``--num-fewshot``) cost tokens in every prompt; a format warm-up costs some minutes of training,
and gives a checkpoint that answers in the format without examples
(``docs/evidence/invalid-answers.md``).
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saeval.evalsuite.models.types import AnyModel, LocalModel
from saeval.evalsuite.store.prediction import Prediction
from saeval.evalsuite.store.table import PredictionTable
from saeval.hub import has_chat_template
from saeval.reports.sanitize import shortened
from saeval.tasks.data.examples import EXEMPLIFIED
from saeval.tasks.format.response import ends_in_reasoning
from saeval.tasks.registry import get_task, list_tasks

FIRST_ANSWERS = 16
"""So many answers tell whether a run is worth going on with."""

_EXAMPLES = 2
_EXAMPLES_SHOWN = 3
_EXAMPLE_LENGTH = 80
_RECOUNT = 2
"""Tokens that may be lost where a response is cut and tokenised anew."""


@dataclass(frozen=True)
class Asked:
    """How answers were asked for, as far as it bears on their form.

    Attributes
    ----------
    max_tokens
        The longest response, in tokens; None where it is not known.
    chat_template
        Whether the model's chat template was applied; None where that is not known.
    has_chat_template
        Whether the model has one; None where that is not known.
    num_fewshot
        Worked examples before each question.
    base
        The model, or an adapter's base, as ``satrain`` takes it; None where it is not at hand.
    """

    max_tokens: int | None = None
    chat_template: bool | None = None
    has_chat_template: bool | None = None
    num_fewshot: int = 0
    base: str | None = None

    @classmethod
    def of(
        cls, model: AnyModel, identity: Mapping[str, Any], generation: Mapping[str, Any]
    ) -> Asked:
        """From the model, the identity of its run (empty if unknown), and a task's settings."""
        if not identity:
            return cls()
        longest = generation.get("max_gen_toks")
        has = base = None
        if isinstance(model, LocalModel):
            base = model.argument if model.adapter is None else str(model.folder)
            has = has_chat_template(model.folder) or (
                model.adapter is not None and has_chat_template(model.adapter)
            )
        return cls(
            longest if isinstance(longest, int) else None,
            bool(identity.get("chat_template")),
            has,
            identity.get("num_fewshot") or 0,
            base,
        )


def explain_invalid_answers(
    name: str, answers: Sequence[Prediction], asked: Asked, *, first: bool = False
) -> str | None:
    """A sentence on why most of a model's answers to a task cannot be parsed; None if they can.

    Parameters
    ----------
    name
        Of the model, for people.
    answers
        To one task.
    asked
        How they were asked for.
    first
        Whether they are the first of a run that goes on.
    """
    invalid = [answer for answer in answers if answer.status == "invalid"]
    if 2 * len(invalid) <= len(answers):
        return None
    reason, option = _reason(invalid, asked)
    examples = dict.fromkeys(repr(shortened(a.response, _EXAMPLE_LENGTH)) for a in invalid)
    shown = " and ".join(list(examples)[:_EXAMPLES])
    which = f"the first {len(answers)}" if first else f"{len(answers):,}"
    return (
        f"{name}, {answers[0].task}: {len(invalid):,} of {which} answers cannot be parsed: "
        f"{reason}. {option}. Such as {shown}."
    )


def explain_invalid_table(name: str, answers: PredictionTable, asked: Asked) -> str | None:
    """`explain_invalid_answers` of columns, which reads whole answers where it must alone."""
    if 2 * int((answers.codes("status", ["invalid"]) == 0).sum()) <= len(answers):
        return None
    return explain_invalid_answers(name, list(answers.values()), asked)


def _reason(invalid: Sequence[Prediction], asked: Asked) -> tuple[str, str]:
    """Why most of them are invalid, and what to do about it."""
    task = invalid[0].task
    is_cut = _most(invalid, lambda answer: _is_cut(answer, asked.max_tokens))
    cut = f"they were cut at the limit of {asked.max_tokens} tokens"
    if is_cut and (longer := _longer_limit(task, asked.max_tokens or 1)):
        return cut, f"Let them end: --gen-kwargs max_gen_toks={longer}"
    if _most(invalid, lambda answer: ends_in_reasoning(answer.response)):
        return (
            "their reasoning does not end",
            "Give it more room: --gen-kwargs max_gen_toks=8192; or end it: --model-args "
            "enable_thinking=false",
        )
    template, others = "--apply-chat-template", _teach(task, asked)
    if asked.has_chat_template and not asked.chat_template:
        return "the model's chat template was not applied", f"Apply it: {template}; then {others}"
    if is_cut:
        what = cut
    elif _most(invalid, lambda answer: not answer.response.strip()):
        what = "they are empty"
    elif invalid[0].scores:
        what = "the task's filter finds no answer in them"
    else:
        what = f"they hold no {_wanted(task)}"
    if asked.chat_template is False and asked.has_chat_template is None:
        return what, f"If it is a chat model, ask it as one: {template}; then {others}"
    return what, others[0].upper() + others[1:]


def _longer_limit(task: str, limit: int) -> int | None:
    """A limit that might let answers end; None if they had the task's own room, and more."""
    if task not in list_tasks():
        return 4 * limit
    enough = get_task(task).kind.max_response_tokens
    return min(4 * limit, enough) if limit < enough else None


def _teach(task: str, asked: Asked) -> str:
    """Worked examples where there are none yet, then a format warm-up."""
    if task not in list_tasks() or get_task(task).kind.name not in EXEMPLIFIED:
        return "show it the form in a system prompt (--system), or train it to keep to it"
    base = asked.base or "BASE"
    out = f"{Path(base).name}-warm-up"
    command = f"satrain run format-warm-up --base {shlex.quote(base)} --out {shlex.quote(out)}"
    train = f"train it to keep to the form: {command}"
    if asked.num_fewshot:
        return train
    return f"show it worked examples: --num-fewshot {_EXAMPLES_SHOWN}; if it needs more, {train}"


def _most(answers: Sequence[Prediction], holds: Callable[[Prediction], bool]) -> bool:
    return 2 * sum(map(holds, answers)) > len(answers)


def _is_cut(answer: Prediction, max_tokens: int | None) -> bool:
    if max_tokens is None or answer.usage is None:
        return False
    return answer.usage.response_tokens >= max_tokens - _RECOUNT


def _wanted(task: str) -> str:
    """The form of an answer, as the prompt asks for it."""
    if task not in list_tasks():  # of own data, whose task file is not at hand
        return "answer in the form that was asked for"
    kind = get_task(task).kind
    if kind.is_open_ended:
        return "\\boxed{…}"
    form = kind.render_answer(kind.labels.names[0], 0.72)
    return f"answer such as {' '.join(form.split())}"
