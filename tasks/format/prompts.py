"""The prompts of all kinds of tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

VERIFICATION_INSTRUCTION = """\
Does the evidence support the claim? Judge by the evidence alone, not by what you know.
PASS: the evidence supports the claim.
FAIL: the evidence refutes the claim.
NA: the evidence does not settle it.
Answer in two lines:
LABEL=PASS, FAIL or NA
CONF=the probability that your label is right, 0.00 to 1.00"""


def write_verification_prompt(document: Mapping[str, Any]) -> str:
    """The prompt of fact verification for one document row (``claim`` and ``evidence``).

    The instruction comes first and is the same for every item, so that a server can keep its
    prefix in cache.
    """
    evidence = document["evidence"]
    shown = "\n".join(f"- {passage}" for passage in evidence) if evidence else "- none was found"
    return (
        f"{VERIFICATION_INSTRUCTION}\n\nClaim: {document['claim']}\nEvidence:\n{shown}\n\nAnswer:\n"
    )


QUESTION_INSTRUCTION = """\
Answer the question. Think step by step, then end with two lines:
\\boxed{answer}
CONF=the probability that your boxed answer is right, 0.00 to 1.00
The answer in the box is a name, a number, a date or a few words. If you do not know it, or if the
question has no answer, write \\boxed{Unknown}."""


def write_question_prompt(row: Mapping[str, Any]) -> str:
    """The prompt of an open question for one row (``question``); the instruction comes first."""
    return f"{QUESTION_INSTRUCTION}\n\nQuestion: {row['question']}\n\nAnswer:\n"


def write_choice_prompt(row: Mapping[str, Any]) -> str:
    """The prompt of multiple choice for one row (``question``); the choices are its answers."""
    return f"Question: {row['question']}\nAnswer:"


CONFIDENCE_INSTRUCTION = """\
You were asked the question below and gave the answer below. How certain are you that the answer is
right? Do not answer the question again. End with one line:
CONF=the probability that the answer is right, 0.00 to 1.00"""


def write_confidence_prompt(row: Mapping[str, Any]) -> str:
    """Asks for the certainty of one own answer (``question``, ``answer``)."""
    return (
        f"{CONFIDENCE_INSTRUCTION}\n\nQuestion: {row['question']}\n"
        f"Your answer: {row['answer']}\n\nReply:\n"
    )


PAIRWISE_INSTRUCTION = """\
Which of the two questions below are you more likely to answer correctly? Do not answer them. End
with one line that names the question, \\boxed{A} or \\boxed{B}."""


def write_pairwise_prompt(row: Mapping[str, Any]) -> str:
    """Asks which of two questions (``first``, ``second``) the model is surer to get right."""
    return (
        f"{PAIRWISE_INSTRUCTION}\n\nQuestion A: {row['first']}\nQuestion B: {row['second']}\n\n"
        "Reply:\n"
    )
