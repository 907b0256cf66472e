"""The example of docs/how-to/compare-with-prompts.md: made-up models whose truth is known.

::

    $ make frontier-example
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import click
from prompted_server import BOLD, CAUTIOUS, PromptedServer

from saeval.evalsuite.cli.main import main as saeval

POLICY = Path(__file__).parents[2] / "docs" / "reference" / "policies" / "questions.yaml"
TASK, ITEMS = "factworld_questions", 600
KNOWLEDGE = {"base": 0.45, "shy": 0.45, "tuned": 0.70}
RESERVE = {"shy": 0.62}
PROMPTS = {
    "polite": "Please be polite.",
    "bold": f"Please {BOLD}, even a guess.",
    "cautious": f"Answer {CAUTIOUS}.",
}


@click.command()
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True)
def main(out: Path) -> None:
    """Print the frontier, what a comparison of two says without a prompt, and two gates."""
    os.environ.setdefault("OPENAI_API_KEY", "none")
    folder = out / "prompts"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in PROMPTS.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    with PromptedServer(KNOWLEDGE, reserve=RESERVE) as server:
        models = {name: f"{server.url}#{name}" for name in KNOWLEDGE}
        asked = ["--limit", str(ITEMS), "--apply-chat-template"]
        prompts = ["--systems", str(folder), "--task", TASK, "--out", str(out / "frontier")]
        saeval(["frontier", *models.values(), *prompts, *asked])
        pair = [models["base"], models["shy"], "--tasks", TASK, "--out", str(out / "comparison")]
        saeval(["compare", *pair, *asked])
        for name in ("tuned", "shy"):
            gated = [models["base"], models[name], "--tasks", TASK, "--policy", str(POLICY)]
            with suppress(SystemExit):  # 1 is a REGRESSION
                saeval(["gate", *gated, "--apply-chat-template", "--out", str(out / name)])


if __name__ == "__main__":
    main()
