"""Finished folders to export, and their numbers to hold an export to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from builders import prediction

import saeval
from saeval.evalsuite.store.general import general_prediction
from saeval.evalsuite.store.prediction import Prediction, Score

HOSTILE = "<script>alert(1)</script> [red] ]]> \x00 \x1b[2J \u202e @x {{7*7}} '\"\n::error::\t=1+1"
SECRET = "sk-only-for-tests-0123456789"


def own_answers(shift: int, items: int = 40) -> list[Prediction]:
    """Answers to a task of ours, with own probabilities, and one that is hostile."""
    found = []
    for i in range(items):
        label = ("PASS", "FAIL", "NA")[(i * (1 + shift) + i // 7) % 3]
        top = 0.5 + ((i * 7 + shift) % 43) / 100
        shares = {name: (1 - top) / 2 for name in ("PASS", "FAIL", "NA")} | {label: top}
        found.append(
            prediction(
                i,
                label,
                confidence=round(0.05 + ((i * 11 + shift) % 90) / 100, 2),
                label_probabilities=shares,
                answer=label,
                response=f"LABEL={label}\nCONF=0.{5 + (i * 11 + shift) % 90:02}",
            )
        )
    return found


def general_answers(shift: int, items: int = 40) -> list[Prediction]:
    """Answers to tasks of another program: several filters, a real score, a group."""
    found = []
    for i in range(items):
        right = float((i * 7 + shift) % 3 > 0)
        about: Any = {"question": f"Question {i}?", "gold": [str(i)], "item_id": str(i)}
        found.append(
            general_prediction(
                task="gsm8k",
                scores={"exact_match,strict-match": right, "exact_match,flexible-extract": 1.0},
                answer=str(i) if right else "none",
                response=f"So {i}.",
                prompt_hash=f"prompt {i}",
                **about,
            )
        )
        found.append(
            general_prediction(
                task="summaries",
                scores={"rouge1": Score(value=(i % 10) / 10 + shift / 100)},
                response=HOSTILE if i == 3 else "A text.",
                **about,
            )
        )
        found.append(
            general_prediction(
                task="mmlu_anatomy",
                group="mmlu",
                scores={"acc": right, "acc_norm": 1 - right},
                answer="A",
                confidence=0.3 + shift / 10 + i / 100,
                confidence_normalised=0.25,
                **about,
            )
        )
    return found


def compared(folder: Path, answers: Any = own_answers, *, gated: bool = False) -> Path:
    """A finished comparison or gate in a folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, shift in (("base", 0), ("checkpoint", 1)):
        lines = "".join(answer.to_line() for answer in answers(shift))
        (folder / f"{name}.jsonl").write_text(lines)
    both = folder / "base.jsonl", folder / "checkpoint.jsonl"
    out = folder / "compared"
    if gated:
        saeval.gate(*both, out=out, n_resamples=1000, looks=folder / "looks.jsonl")
    else:
        saeval.compare(*both, out=out, n_resamples=1000)
    return out


def numbers(folder: Path) -> Iterator[tuple[str, str, str | None, dict[str, Any]]]:
    """Task, metric, label and row of everything in a ``comparison.json``."""
    tree = json.loads((folder / "comparison.json").read_text())
    tasks = tree["tasks"] + ([tree["pooled"]] if tree["pooled"] else [])
    for task in tasks:
        for row in task["metrics"]:
            yield task["task"], row["metric"], row["label"], row


def tracked_numbers(folder: Path) -> dict[str, dict[str, float]]:
    """What tracking tools must hold, by role and key, from ``comparison.json`` alone."""
    found: dict[str, dict[str, float]] = {"comparison": {}, "base": {}, "checkpoint": {}}
    parts = {"p": "p", "p_holm": "p_holm", "difference": "difference"}
    for task, metric, label, row in numbers(folder):
        key = f"{task}/{metric}" if label is None else f"{task}/{metric}.{label}"
        for role in ("base", "checkpoint"):
            found[role][f"{key}.items"] = float(row["items"])
            if row[role] is not None:
                found[role][key] = row[role]
                found["comparison"][f"{key}.{role}"] = row[role]
            if (interval := row[f"{role}_interval"]) is not None:
                found[role] |= {f"{key}.low": interval["low"], f"{key}.high": interval["high"]}
        found["comparison"][f"{key}.items"] = float(row["items"])
        for column, part in parts.items():
            if row[column] is not None:
                found["comparison"][f"{key}.{part}"] = row[column]
        if (interval := row["difference_interval"]) is not None:
            found["comparison"][f"{key}.difference_low"] = interval["low"]
            found["comparison"][f"{key}.difference_high"] = interval["high"]
    return found
