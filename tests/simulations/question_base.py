"""A tiny base for open questions: it has learnt some answers by heart and guesses the rest.

::

    python tests/simulations/question_base.py --out demo/question-base

Of the 1,500 questions of `factworld_questions` it is taught the answers that it was told. Where
there is nothing to know it is taught one of three answers that fit, so that it always says
something likely. It hardly ever declines, and states nearly the same confidence throughout. The
prompt's instruction is made one token, as the tiny model's tokenizer does with that of claims.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from random import Random

import click
import torch
from rich.progress import Progress
from tokenizers import AddedToken
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from saeval.tasks.factworld.questions import generate_questions
from saeval.tasks.format.prompts import QUESTION_INSTRUCTION, write_question_prompt
from saeval.tasks.kinds import OPEN_QUESTION
from saeval.tasks.types import Question
from saeval.trainer.demo.supervised import Example, fit, sample_batches
from saeval.trainer.demo.tiny_model import build_tiny_model

QUESTIONS, STEPS, BATCH, LEARNING_RATE = 1500, 1200, 48, 2e-3
ANSWER_WEIGHT = 6.0
PASSES = 40
GUESSES, DECLINED, OTHER_CONFIDENCE = 3, 0.06, 0.2
KNOWN_CONFIDENCE, GUESSED_CONFIDENCE = (0.90, 0.95), (0.85, 0.90)


def targets(questions: list[Question], rng: Random) -> list[tuple[Question, str, float]]:
    """What is to be said to each question, `PASSES` times with other guesses."""
    fitting: dict[str, set[str]] = defaultdict(set)
    for question in questions:
        fitting[_wording(question)].update(question.answers)
    everything = sorted(set().union(*fitting.values()))
    found = []
    for question in questions * PASSES:
        guesses = (sorted(fitting[_wording(question)]) or everything)[:GUESSES]
        answer = question.answers[0] if question.answers else rng.choice(guesses)
        if rng.random() < DECLINED:
            answer = str(OPEN_QUESTION.abstention_answer)
        confidence = rng.choice(KNOWN_CONFIDENCE if question.answers else GUESSED_CONFIDENCE)
        if rng.random() < OTHER_CONFIDENCE:
            confidence = rng.randrange(1, 17) / 20
        found.append((question, answer, confidence))
    return found


def _wording(question: Question) -> str:
    """How a question begins: the relation that it asks for."""
    return " ".join(question.question.split()[:3])


def make(folder: Path, progress: Progress, steps: int = STEPS) -> None:
    """Train and save it with its tokenizer."""
    build_tiny_model(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens([AddedToken(QUESTION_INSTRUCTION, normalized=False, special=False)])
    model = AutoModelForCausalLM.from_pretrained(folder)
    model.resize_token_embeddings(len(tokenizer))
    rng = Random("question base")

    def tokens(text: str) -> list[int]:
        return list(tokenizer(text, add_special_tokens=False).input_ids)

    box = len(tokens("\\boxed{"))
    examples = [
        Example(
            tokens(write_question_prompt(question.as_row())),
            [*tokens(OPEN_QUESTION.render_answer(answer, confidence)), tokenizer.eos_token_id],
            box,
        )
        for question, answer, confidence in targets(generate_questions(QUESTIONS), rng)
    ]
    bar = progress.add_task("base for questions", total=steps)
    fit(
        model,
        sample_batches(examples, BATCH, rng),
        pad=tokenizer.pad_token_id,
        steps=steps,
        learning_rate=LEARNING_RATE,
        label_weight=ANSWER_WEIGHT,
        on_step=lambda: progress.advance(bar),
    )
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)


@click.command()
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True)
def main(out: Path) -> None:
    """Make the base, three minutes; one that is complete is left alone."""
    done = out / "complete"
    if done.is_file():
        return
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    logging.disable_progress_bar()
    with Progress() as progress:
        make(out, progress)
    done.touch()


if __name__ == "__main__":
    main()
