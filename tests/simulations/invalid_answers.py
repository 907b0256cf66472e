"""What mends a model whose answers cannot be parsed: examples in the prompt, or a format warm-up.

::

    $ python tests/simulations/invalid_answers.py MODEL --data-dir FOLDER --out FOLDER

asks a real model with a chat template some items of a task in the ways that saeval's advice names,
in its order, and prints a table of ``docs/evidence/invalid-answers.md``. Each way is a run folder
under ``--out``: the same command resumes, and asks nothing twice.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import saeval
from saeval.stats._core.wilson import wilson_interval
from saeval.trainer.run.manifest import TRAINING, TrainingManifest
from saeval.trainer.run.train import train

FORM: dict[str, dict[str, Any]] = {
    "prompt as text": {},
    "chat template": {"apply_chat_template": True},
    "chat template, 3 examples": {"apply_chat_template": True, "num_fewshot": 3},
}
"""How the model is asked, by what the table calls it."""


@click.command()
@click.argument("model", type=click.Path(exists=True, file_okay=False))
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--data-dir", type=click.Path(exists=True, file_okay=False))
@click.option("--task", "tasks", multiple=True, default=("vitaminc_dev", "popqa"))
@click.option("--limit", type=int, default=16, show_default=True)
@click.option("--tokens", type=int, default=48, show_default=True)
@click.option("--dtype", default="auto", show_default=True)
@click.option("--threads", type=int, default=0, help="CPU threads; 0 as saeval chooses.")
@click.option("--skip-warm-up", is_flag=True, help="Ask the model alone.")
def main(
    model: str,
    out: Path,
    data_dir: str | None,
    tasks: tuple[str, ...],
    limit: int,
    tokens: int,
    dtype: str,
    threads: int,
    skip_warm_up: bool,
) -> None:
    """Ask MODEL in every way, and print how many answers could not be parsed."""
    print("| task | asked | invalid | 95% interval | right | mean response, tokens |")
    print("|---|---|---|---|---|---|")
    ways = [(name, model, form) for name, form in FORM.items()]
    if not skip_warm_up:
        checkpoint = out / "warm-up"
        if not (checkpoint / "adapter_model.safetensors").is_file():  # one that was stopped will do
            train("format-warm-up", model, checkpoint)
        training = TrainingManifest.read(checkpoint / TRAINING)
        name = f"after format-warm-up, {training.step} of {training.steps} steps"
        ways.append((name, str(checkpoint), FORM["chat template"]))
    for task in tasks:
        for name, answering, form in ways:
            folder = out / f"{task} {name}".replace(", ", " ").replace(" ", "-")
            run = saeval.run(
                answering,
                tasks=task,
                limit=limit,
                data_dir=data_dir,
                generation={"max_gen_toks": tokens},
                label_probabilities=False,
                dtype=dtype,
                threads=threads,
                out=folder,
                **form,
            )
            answers = list(run.predictions[task].values())
            invalid = sum(answer.status == "invalid" for answer in answers)
            right = sum(answer.correct for answer in answers)
            used = [answer.usage.response_tokens for answer in answers if answer.usage]
            interval = wilson_interval(invalid, len(answers))
            print(
                f"| {task} | {name} | {invalid} of {len(answers)} "
                f"| {interval.low:.0%} to {interval.high:.0%} "
                f"| {right} | {sum(used) / len(used):.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
