r"""Worked examples before a question of one of saeval's own tasks (``--num-fewshot``).

The instruction, which all prompts of a task begin with, stands once. As text::

    Does the evidence support the claim? …

    Claim: The pine anchor was owned by Welser.
    …
    Answer:
    LABEL=PASS
    CONF=0.97

    Claim: the one that is asked
    …
    Answer:

As turns of a conversation, every question is what the user says and every answer the model's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from saeval.errors import DataError, InputError
from saeval.evalsuite.config import RunConfig
from saeval.tasks.data.examples import make_examples
from saeval.tasks.registry import get_task

_BETWEEN = "\n\n"


@dataclass(frozen=True)
class ShownExamples:
    """What stands before a question.

    Attributes
    ----------
    instruction
        What every prompt of the task begins with, to its blank line.
    turns
        Of each example the question without the instruction, and the answer.
    opening
        What the next question would begin with: where it is written, an answer has ended. Empty
        where questions have no common beginning.
    multiturn
        Whether they are turns of a conversation.
    """

    instruction: str
    turns: tuple[tuple[str, str], ...]
    opening: str
    multiturn: bool

    def as_text(self, prompt: str) -> str:
        """A prompt with the examples in it."""
        shown = "".join(f"{question}{answer}{_BETWEEN}" for question, answer in self.turns)
        return f"{self.instruction}{shown}{prompt.removeprefix(self.instruction)}"

    def as_messages(self, prompt: str, system: str | None) -> list[dict[str, str]]:
        """A conversation that ends with the prompt."""
        messages = [] if system is None else [{"role": "system", "content": system}]
        if not self.multiturn:
            return [*messages, {"role": "user", "content": self.as_text(prompt)}]
        questions = [*(question for question, _ in self.turns)]
        asked = [*questions, prompt.removeprefix(self.instruction)]
        asked[0] = self.instruction + asked[0]
        for question, (_, answer) in zip(asked, self.turns, strict=False):
            messages.append({"role": "user", "content": question})
            messages.append({"role": "assistant", "content": answer})
        return [*messages, {"role": "user", "content": asked[-1]}]


def check_example_options(config: RunConfig) -> None:
    """Stop where ``--fewshot-as-multiturn`` would do nothing.

    Raises
    ------
    InputError
        Saying what it needs.
    """
    if config.fewshot_as_multiturn and not config.apply_chat_template:
        raise InputError("--fewshot-as-multiturn: has no effect without --apply-chat-template")


def show_examples(
    name: str,
    config: RunConfig,
    documents: Sequence[Mapping[str, Any]],
    write_prompt: Callable[[Mapping[str, Any]], str],
    blank: Mapping[str, Any],
) -> ShownExamples | None:
    """The worked examples of a task that a configuration asks for; None if it asks for none.

    Parameters
    ----------
    name
        Of the task.
    config
        How many, and in which form.
    documents
        That are evaluated; none of them becomes an example.
    write_prompt
        The task's prompt of a document.
    blank
        A document with nothing in it, by which the instruction is known.

    Raises
    ------
    InputError
        If the task has no such examples.
    """
    if not config.num_fewshot:
        return None
    try:
        examples = make_examples(get_task(name), config.num_fewshot, documents)
    except DataError as error:
        raise InputError(f"--num-fewshot {config.num_fewshot}: {error}") from error
    prompts = [write_prompt(example.row) for example in examples]
    common = _common_beginning([*prompts, write_prompt(blank)])
    head, separator, opening = common.rpartition(_BETWEEN)
    instruction = head + separator
    multiturn = config.fewshot_as_multiturn
    return ShownExamples(
        instruction,
        tuple(
            (prompt.removeprefix(instruction), example.response)
            for prompt, example in zip(prompts, examples, strict=True)
        ),
        opening.strip() if separator else "",
        config.apply_chat_template if multiturn is None else multiturn,
    )


def _common_beginning(texts: Sequence[str]) -> str:
    first, last = min(texts), max(texts)
    pairs = enumerate(zip(first, last, strict=False))
    return first[: next((place for place, (a, b) in pairs if a != b), len(first))]
