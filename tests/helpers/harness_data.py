"""A few rows in the schema of each data set, as copies of the hub's repositories."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Rows = list[dict[str, Any]]
N = range(8)

_ARC: Rows = [
    {
        "id": f"q{i}", "question": f"What is {i} plus {i}?",
        "choices": {"text": [str(2 * i), "a lot", "nothing", f"{i} apples"], "label": list("ABCD")},
        "answerKey": "ABCD"[i % 4],
    }
    for i in N
]  # fmt: skip
_SUMS: Rows = [
    {"question": f"Tom has {i} nuts, buys {i + 1}. How many?", "answer": f"Add.\n#### {2 * i + 1}"}
    for i in N
]
_HELLASWAG: Rows = [
    {
        "ind": i, "activity_label": "Washing [title] up", "ctx_a": f"Ann fills {i} cups.",
        "ctx_b": "she", "ctx": "", "endings": ["dries them.", "sings.", f"breaks {i}.", "goes."],
        "source_id": "s", "split": "val", "split_type": "indomain", "label": str(i % 4),
    }
    for i in N
]  # fmt: skip
_PIQA: Rows = [
    {"goal": f"Cut {i} apples", "sol1": "use a knife", "sol2": "use a spoon", "label": i % 2}
    for i in N
]
_BOOLQ: Rows = [
    {"passage": f"Rome has {i} hills.", "question": "is it Rome", "idx": i, "label": i % 2}
    for i in N
]
_COPA: Rows = [
    {
        "premise": f"Tim ate {i} pies.", "choice1": "He was hungry.", "choice2": "It rained.",
        "question": ["cause", "effect"][i % 2], "idx": i, "label": i % 2,
    }
    for i in N
]  # fmt: skip
_WINOGRANDE: Rows = [
    {
        "sentence": f"Ann gave {i} pens to Sue since _ had many.", "option1": "Ann",
        "option2": "Sue", "answer": "12"[i % 2],
    }
    for i in N
]  # fmt: skip
_SCIQ: Rows = [
    {
        "question": f"What melts at {i} degrees?", "distractor1": "iron", "distractor2": "gold",
        "distractor3": "salt", "correct_answer": "ice", "support": " Ice melts.",
    }
    for i in N
]  # fmt: skip
_OPENBOOK: Rows = [
    {
        "id": str(i), "question_stem": f"{i} suns are", "answerKey": "ABCD"[i % 4],
        "choices": {"text": ["hot", "cold", "wet and green", "flat"], "label": list("ABCD")},
    }
    for i in N
]  # fmt: skip
_MMLU: Rows = [
    {
        "question": f"Which bone is number {i}?", "subject": "anatomy", "answer": i % 4,
        "choices": ["tibia", "ulna", "femur", "skull"],
    }
    for i in N
]  # fmt: skip
_LAMBADA: Rows = [{"text": f"He counted {i} sheep and at last he fell asleep"} for i in N]
_WIKITEXT: Rows = [{"page": f" = Page {i} = \n\n Some words , and {i} more . "} for i in N]
_TRIVIA: Rows = [
    {
        "question": f"Who was king number {i}", "question_id": f"t{i}",
        "answer": {"value": "Max", "aliases": ["Max", f"Max {i}"], "normalized_aliases": ["max"]},
    }
    for i in N
]  # fmt: skip
_NQ: Rows = [{"question": f"who has {i} crowns", "answer": ["Max", f"The Max {i}"]} for i in N]
_TRUTHFUL: Rows = [
    {
        "question": f"What has {i} legs?",
        "mc1_targets": {"choices": ["It depends.", "A dog.", "A fish."], "labels": [1, 0, 0]},
        "mc2_targets": {"choices": ["It depends.", "Dogs.", "Fish."], "labels": [1, 1, 0]},
    }
    for i in N
]  # fmt: skip
_COQA: Rows = [
    {
        "id": str(i), "source": "s", "story": f"Ann has {i} cats.",
        "questions": {"input_text": ["Who?", "How many?"], "turn_id": [1, 2]},
        "answers": {"input_text": ["Ann", str(i)], "turn_id": [1, 2]},
        "additional_answers": {"0": {"input_text": ["Ann", f"{i} cats"], "turn_id": [1, 2]}},
    }
    for i in N
]  # fmt: skip

DATA: dict[tuple[str, str | None], tuple[Rows, tuple[str, ...]]] = {
    ("allenai/ai2_arc", "ARC-Easy"): (_ARC, ("train", "validation", "test")),
    ("allenai/ai2_arc", "ARC-Challenge"): (_ARC[::-1], ("train", "validation", "test")),
    ("openai/gsm8k", "main"): (_SUMS, ("train", "test")),
    ("Rowan/hellaswag", None): (_HELLASWAG, ("train", "validation")),
    ("baber/piqa", None): (_PIQA, ("train", "validation")),
    ("aps/super_glue", "boolq"): (_BOOLQ, ("train", "validation")),
    ("aps/super_glue", "copa"): (_COPA, ("train", "validation")),
    ("allenai/winogrande", "winogrande_xl"): (_WINOGRANDE, ("train", "validation")),
    ("allenai/sciq", None): (_SCIQ, ("train", "validation", "test")),
    ("allenai/openbookqa", "main"): (_OPENBOOK, ("train", "validation", "test")),
    ("cais/mmlu", "anatomy"): (_MMLU, ("dev", "test")),
    ("EleutherAI/lambada_openai", "default"): (_LAMBADA, ("test",)),
    ("EleutherAI/wikitext_document_level", "wikitext-2-raw-v1"): (
        _WIKITEXT, ("train", "validation", "test"),
    ),
    ("mandarjoshi/trivia_qa", "rc.nocontext"): (_TRIVIA, ("train", "validation")),
    ("google-research-datasets/nq_open", None): (_NQ, ("train", "validation")),
    ("truthfulqa/truthful_qa", "multiple_choice"): (_TRUTHFUL, ("validation",)),
    ("EleutherAI/coqa", None): (_COQA, ("train", "validation")),
}  # fmt: skip


def write_harness_data(folder: Path) -> Path:
    """All data sets, each with the card that says which files its parts and splits are."""
    cards: dict[str, list[dict[str, Any]]] = {}
    for (repository, name), (rows, splits) in DATA.items():
        at = folder / repository / (name or "")
        at.mkdir(parents=True, exist_ok=True)
        for split in splits:
            text = "".join(json.dumps(row) + "\n" for row in rows)
            (at / f"{split}.jsonl").write_text(text)
        files = [
            {"split": split, "path": f"{name}/{split}.jsonl" if name else f"{split}.jsonl"}
            for split in splits
        ]
        card = {"config_name": name or "default", "data_files": files}
        cards.setdefault(repository, []).append(card)
    for repository, configs in cards.items():
        text = f"---\nconfigs: {json.dumps(configs)}\n---\n"
        (folder / repository / "README.md").write_text(text)
    return folder
