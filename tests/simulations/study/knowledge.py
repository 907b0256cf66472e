"""Where a base model knows anything: its answers with a few examples, and its own probabilities.

An open question is asked after five solved ones, in plain text; what is right is what the task's
grader says, and the model's own confidence is the probability of the first token of its answer. A
claim is asked as the task asks it, without examples and after one of each label, and its answer is
the likeliest label. A group is a relation of PopQA, or a whole task.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from saeval.files import write_atomic
from saeval.stats import auroc_interval, wilson_interval
from saeval.tasks.data.loading import load_items
from saeval.tasks.data.sampling import sample_items
from saeval.tasks.format.prompts import write_verification_prompt
from saeval.tasks.grading.match import matches_gold
from saeval.tasks.registry import get_task
from saeval.tasks.types import VERIFICATION_LABELS, Item
from study.relations import find_relation

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

    def complete(self, prompts: Sequence[str]) -> Iterator[tuple[str, float]]:
        """The line that follows each prompt, greedily, and the probability of its first token."""
        for start in range(0, len(prompts), _BATCH):
            batch = self._tokenizer(
                list(prompts[start : start + _BATCH]), padding=True, return_tensors="pt"
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
            for text, probability in zip(texts, first, strict=True):
                yield text.strip("\n").split("\n")[0].strip(), probability

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
        answers.append(Answered(task, label == item.target, probabilities[label], item.group))
    return answers


def measure(
    base: Path,
    out: Path,
    *,
    data_dir: str | None,
    limit: int,
    dtype: str,
    questions: Sequence[str],
    claims: Sequence[str],
    on_task: Callable[[str], None],
) -> list[Knowledge]:
    """Ask everything; what is known of a task is kept in `out` and not asked again."""
    model: BaseModel | None = None
    rows: list[Knowledge] = []
    for kind, task in [("question", name) for name in questions] + [("claim", n) for n in claims]:
        kept = out / f"{task}.json"
        if not kept.is_file():
            on_task(task)
            model = model or BaseModel(base, dtype)
            write_atomic(kept, json.dumps(_measure_task(model, kind, task, data_dir, limit)))
        rows += [Knowledge(**row) for row in json.loads(kept.read_text(encoding="utf-8"))]
    return rows


def _measure_task(
    model: BaseModel, kind: str, task: str, data_dir: str | None, limit: int
) -> list[dict[str, Any]]:
    items = sample_items(load_items(get_task(task), data_dir), seed=1)
    if kind == "question":
        asked = items[: limit * (4 if task == "popqa" else 1)]
        found = summarise(ask_questions(model, task, asked), len(SOLVED))
        if any(not item.as_row().get("answers") for item in asked):
            found += summarise(ask_answerable(model, task, asked), len(SOLVED))
    else:
        solved = [
            next(item for item in items if item.target == label)
            for label in VERIFICATION_LABELS.names
        ]
        asked = [item for item in items if item not in solved][:limit]
        found = summarise(ask_claims(model, task, asked, ()), 0)
        found += summarise(ask_claims(model, task, asked[: limit // 2], solved), len(solved))
    return [asdict(row) for row in found]
