"""Where a base model knows anything: its answers with a few examples, and its own probabilities.

An open question is asked after five solved ones, in plain text; what is right is what the task's
grader says, and the model's own confidence is the probability of the first token of its answer. A
claim is asked as the task asks it, without examples and after one of each label, and its answer is
the likeliest label. A group is a relation of PopQA, or a whole task. Of PopQA only what is trained
on is asked, as its relations are chosen by what is found here.

::

    $ PYTHONPATH=tests/simulations python -m study.knowledge ./smollm2 --questions popqa,triviaqa
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click

from saeval.files import write_atomic
from saeval.stats import auroc_interval, wilson_interval
from saeval.tasks.data.loading import load_items
from saeval.tasks.data.sampling import sample_items
from saeval.tasks.format.prompts import write_verification_prompt
from saeval.tasks.grading.match import matches_gold
from saeval.tasks.registry import get_task
from saeval.tasks.types import VERIFICATION_LABELS, Item
from study.questions import is_trained
from study.relations import RELATIONS, find_relation

SOLVED = (
    ("What is the capital of Portugal?", "Lisbon"),
    ("Who wrote the novel Don Quixote?", "Miguel de Cervantes"),
    ("What sport does Serena Williams play?", "tennis"),
    ("In what country is Mount Fuji?", "Japan"),
    ("What colour is an emerald?", "green"),
)
_ANSWER_TOKENS = 12
_BATCH = 16


@dataclass(frozen=True)
class Answered:
    """One item: whether the answer was right, and the model's own probability of it."""

    group: str
    correct: bool
    confidence: float
    cluster: str | None


@dataclass(frozen=True)
class Knowledge:
    """What a model knows of one group.

    Attributes
    ----------
    group, shots
        Of which items, and after how many solved examples.
    items, right
        Numbers of items and of right answers.
    accuracy, auroc
        Each with the ends of its interval; `auroc` is None where nothing or everything is right.
    """

    group: str
    shots: int
    items: int
    right: int
    accuracy: tuple[float, float, float]
    auroc: tuple[float, float, float] | None


def summarise(answers: Sequence[Answered], shots: int) -> list[Knowledge]:
    """One row for each group, in the order of their names."""
    groups: dict[str, list[Answered]] = defaultdict(list)
    for answer in answers:
        groups[answer.group].append(answer)
    return [_summarise_group(group, groups[group], shots) for group in sorted(groups)]


def _summarise_group(group: str, answers: Sequence[Answered], shots: int) -> Knowledge:
    correct = [answer.correct for answer in answers]
    right, items = sum(correct), len(correct)
    proportion = wilson_interval(right, items)
    estimate = auroc_interval(correct, [answer.confidence for answer in answers])
    interval = estimate.confidence_interval
    auroc = None
    if estimate.value is not None and interval is not None:
        auroc = (estimate.value, interval.low, interval.high)
    return Knowledge(
        group, shots, items, right, (right / items, proportion.low, proportion.high), auroc
    )


class BaseModel:
    """A base model and its tokenizer, in the dtype that the processor is fast with."""

    def __init__(self, folder: Path, dtype: str) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self._torch = torch
        self._tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
        self._model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype))
        self._model.eval()

    def complete(self, prompts: Sequence[str]) -> list[tuple[str, float]]:
        """The line that follows each prompt, greedily, and the probability of its first token."""
        results: list[tuple[str, float]] = [("", 0.0)] * len(prompts)
        order = sorted(range(len(prompts)), key=lambda place: len(prompts[place]))
        for start in range(0, len(prompts), _BATCH):
            places = order[start : start + _BATCH]
            batch = self._tokenizer(
                [prompts[place] for place in places], padding=True, return_tensors="pt"
            )
            with self._torch.inference_mode():
                made = self._model.generate(
                    **batch,
                    max_new_tokens=_ANSWER_TOKENS,
                    do_sample=False,
                    output_logits=True,
                    return_dict_in_generate=True,
                )
            first = made.logits[0].float().softmax(-1).max(-1).values.tolist()
            texts = self._tokenizer.batch_decode(
                made.sequences[:, batch.input_ids.shape[1] :], skip_special_tokens=True
            )
            for place, text, probability in zip(places, texts, first, strict=True):
                results[place] = (text.strip("\n").split("\n")[0].strip(), probability)
        return results

    def label_probabilities(self, prompts: Sequence[Any]) -> list[dict[str, float]]:
        """Of PASS, FAIL and NA after ``LABEL=``; a prompt is text or a conversation."""
        from saeval.trainer.backends.policy_model import PolicyModel

        policy = PolicyModel(self._model, self._tokenizer, batch_size=_BATCH // 2)
        return policy.label_probabilities(prompts)


def ask_questions(model: BaseModel, task: str, items: Sequence[Item]) -> list[Answered]:
    """Answer open questions after `SOLVED`; those without an answer are not asked."""
    rows = [row for item in items if (row := item.as_row()).get("answers")]
    solved = "".join(f"Question: {question}\nAnswer: {answer}\n\n" for question, answer in SOLVED)
    prompts = [f"{solved}Question: {row['question']}\nAnswer:" for row in rows]
    return [
        Answered(
            f"popqa: {find_relation(row['question'])}" if task == "popqa" else task,
            matches_gold(answer, row["answers"], row["question"]),
            probability,
            row.get("cluster"),
        )
        for row, (answer, probability) in zip(rows, model.complete(prompts), strict=True)
    ]


def ask_answerable(model: BaseModel, task: str, items: Sequence[Item]) -> list[Answered]:
    """Whether the first token's probability tells questions that have an answer from others."""
    solved = "".join(f"Question: {question}\nAnswer: {answer}\n\n" for question, answer in SOLVED)
    rows = [item.as_row() for item in items]
    prompts = [f"{solved}Question: {row['question']}\nAnswer:" for row in rows]
    return [
        Answered(f"{task}: has an answer", bool(row.get("answers")), probability, None)
        for row, (_, probability) in zip(rows, model.complete(prompts), strict=True)
    ]


def ask_claims(
    model: BaseModel, task: str, items: Sequence[Item], solved: Sequence[Item]
) -> list[Answered]:
    """The likeliest label of each claim, after solved ones if there are any."""
    turns = [
        turn
        for item in solved
        for turn in (
            {"role": "user", "content": write_verification_prompt(item.as_row())},
            {"role": "assistant", "content": f"LABEL={item.target}\nCONF=0.90"},
        )
    ]
    prompts = [
        [*turns, {"role": "user", "content": write_verification_prompt(item.as_row())}]
        for item in items
    ]
    answers = []
    for item, probabilities in zip(items, model.label_probabilities(prompts), strict=True):
        label = max(VERIFICATION_LABELS.names, key=probabilities.__getitem__)
        answers.append(Answered(task, label == item.target, probabilities[label], item.cluster))
    return answers


def measure_task(
    model: BaseModel, kind: str, task: str, data_dir: str | None, limit: int
) -> list[Knowledge]:
    """Ask items of one task; `kind` is ``question`` or ``claim``."""
    items = sample_items(load_items(get_task(task), data_dir), seed=1)
    if kind == "question":
        asked = items[:limit]
        if task == "popqa":
            asked = sample_items(
                items,
                limit=limit * len(RELATIONS) // 2,
                group_of=lambda item: find_relation(item.as_row()["question"]),
                accept=is_trained,
            )
        answers = ask_questions(model, task, asked)
        rows = summarise(answers, len(SOLVED))
        if len(rows) > 1:
            together = [replace(answer, group=f"{task}: all of these") for answer in answers]
            rows += summarise(together, len(SOLVED))
        if any(not item.as_row().get("answers") for item in asked):
            rows += summarise(ask_answerable(model, task, asked), len(SOLVED))
        return rows
    solved = [
        next(item for item in items if item.target == label) for label in VERIFICATION_LABELS.names
    ]
    asked = [item for item in items if item not in solved][:limit]
    rows = summarise(ask_claims(model, task, asked, ()), 0)
    return rows + summarise(ask_claims(model, task, asked[: limit // 2], solved), len(solved))


def names(text: str) -> list[str]:
    """Names between commas."""
    return [name for name in text.split(",") if name]


@click.command()
@click.argument("base", type=click.Path(exists=True, path_type=Path))
@click.option("--questions", type=names, default="", help="Tasks of open questions.")
@click.option("--claims", type=names, default="", help="Tasks of fact verification.")
@click.option("--limit", default=200, show_default=True, help="Of each; half as many per relation.")
@click.option("--dtype", default="bfloat16", show_default=True)
@click.option("--data-dir", envvar="SAEVAL_DATA", help="Data sets as local files.")
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(
    base: Path,
    questions: list[str],
    claims: list[str],
    limit: int,
    dtype: str,
    data_dir: str | None,
    out: Path,
) -> None:
    """Measure where BASE knows anything; a task that is in --out is not asked again."""
    out.mkdir(parents=True, exist_ok=True)
    model: BaseModel | None = None
    for kind, tasks in (("question", questions), ("claim", claims)):
        for task in tasks:
            kept = out / f"{task}.json"
            if not kept.is_file():
                model = model or BaseModel(base, dtype)
                measured = measure_task(model, kind, task, data_dir, limit)
                write_atomic(kept, json.dumps([asdict(row) for row in measured], indent=1) + "\n")
            for row in read_knowledge(kept):
                print(describe(row), flush=True)


def read_knowledge(path: Path) -> list[Knowledge]:
    """What was found of one task."""
    return [Knowledge(**row) for row in json.loads(path.read_text(encoding="utf-8"))]


def describe(row: Knowledge) -> str:
    """One line of a Markdown table: group, examples, items, accuracy, AUROC."""
    low, high = row.accuracy[1:]
    accuracy = f"{row.accuracy[0]:.1%} [{100 * low:.1f}, {100 * high:.1f}]"
    auroc = "–" if row.auroc is None else "{:.2f} [{:.2f}, {:.2f}]".format(*row.auroc)
    return f"| {row.group} | {row.shots} | {row.items} | {accuracy} | {auroc} |"


if __name__ == "__main__":
    main()
