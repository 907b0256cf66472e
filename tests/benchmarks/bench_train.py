"""A step of `satrain run` beside a step of plain TRL with the same reward, on a tiny model.

::

    $ make bench-train

Both train the same recipe from the same seed in turns in one process, and the processor's seconds
are counted, so that a busy machine changes little. Plain TRL gets the reward as one function that
reads a completion and adds the components up; `satrain` reads groups, pays each component by a
function of its own, logs the diagnostics, and writes and shows each step. The first step of each is
left out. Targets: 1.05 without probing, 1.2 with it.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from saeval.trainer.backends.protocol import TrainingPlan
from saeval.trainer.run.observer import TrainingObserver
from saeval.trainer.run.recorder import Recorder
from saeval.trainer.run.train import _initial_training

STEPS, SKIPPED, ROUNDS = 9, 1, 3
RECIPE = f"""
name: bench
summary: The recommended reward on the made-up world
source: satrain
data:
  sources:
    - task: factworld
      count: 400
reward:
  correctness:
    right: 1
    wrong: -1
  brier:
    scale: 1
  format_error:
    penalty: 0.5
optimisation:
  steps: {STEPS}
  prompts_per_step: 32
  group_size: 8
  max_completion_length: 16
  learning_rate: 1e-4
evaluation:
  every: 0
  items: 1
saving:
  every: 1000
alarms:
  first_batch_parsable_below: null
"""


class Timed(Recorder):
    """Records as `satrain run` does, and when each step was over."""

    def __init__(self, plan: TrainingPlan) -> None:
        plan.out.mkdir()
        training = _initial_training(plan)
        super().__init__(plan.recipe, plan.out, (), training, TrainingObserver())
        self.ends: list[float] = []

    def on_step(self, step: int, metrics: Mapping[str, float]) -> bool:
        stop = super().on_step(step, metrics)
        self.ends.append(time.process_time())
        return stop


def satrain(plan: TrainingPlan) -> list[float]:
    """When each step of our backend was over."""
    from saeval.trainer.backends.trl_grpo import GrpoBackend

    recorder = Timed(plan)
    GrpoBackend().train(plan, recorder)
    return recorder.ends


def plain(plan: TrainingPlan) -> list[float]:
    """When each step of TRL alone was over."""
    from transformers import PrinterCallback, TrainerCallback
    from trl import GRPOTrainer

    from saeval.tasks.registry import get_task
    from saeval.trainer.backends import trl_common, trl_grpo
    from saeval.trainer.rewards.completion import Completion
    from saeval.trainer.rewards.terms import compute_reward

    terms = plan.recipe.terms

    def paid(completions: list[str], task: list[str], item: list[str], **_: Any) -> list[float]:
        found = []
        for completion, name, row in zip(completions, task, item, strict=True):
            asked, document = get_task(name), json.loads(row)
            reading = asked.parse(document, completion)
            found.append(
                compute_reward(
                    terms, Completion(reading, document["target"], asked.labels.abstention)
                )
            )
        return found

    trainer = GRPOTrainer(
        model=str(plan.base_folder),
        args=trl_grpo._settings(plan, [1.0]),
        reward_funcs=paid,
        train_dataset=trl_grpo._dataset(plan),
        processing_class=trl_common.load_tokenizer(plan.base_folder, plan.recipe),
        peft_config=trl_common.make_lora_config(plan.recipe),
    )
    ends: list[float] = []

    class Ends(TrainerCallback):
        def on_log(self, *_: Any, logs: dict[str, float], **__: Any) -> None:
            if "loss" in logs:
                ends.append(time.process_time())

    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Ends)
    trainer.train()
    return ends


@click.command()
def main() -> None:
    """Print the seconds of a step and the ratios."""
    import torch
    from transformers.utils import logging

    from saeval.trainer.data.mixture import build_mixture
    from saeval.trainer.demo.base import DemoConfig, train_base
    from saeval.trainer.recipe.load import load_recipe

    torch.set_num_threads(1)
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "bench.yaml").write_text(RECIPE, encoding="utf-8")
        base = folder / "base"
        train_base(
            base,
            DemoConfig(documents=600, clean_steps=60, biased_steps=1),
            lambda: None,
        )
        recipe = load_recipe(str(folder / "bench.yaml"))
        probing = load_recipe(str(folder / "bench.yaml"), ["probing.every=1"])
        rows, number = build_mixture(recipe).training, count()

        def plan(wanted: Any, name: str) -> TrainingPlan:
            return TrainingPlan(
                wanted, str(base), base, folder / f"{name}-{next(number)}", rows, ()
            )

        runs: dict[str, Callable[[], list[float]]] = {
            "plain TRL": lambda: plain(plan(recipe, "plain")),
            "satrain": lambda: satrain(plan(recipe, "ours")),
            "satrain, probing every step": lambda: satrain(plan(probing, "probing")),
        }
        seconds: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(ROUNDS):
            for name, run in runs.items():
                ends = run()[SKIPPED - 1 :]
                seconds[name] += [after - before for before, after in pairwise(ends)]
    table = Table(title=f"One step: 32 prompts × 8 completions, {ROUNDS} × {STEPS - SKIPPED} steps")
    for heading in ("", "median CPU seconds", "of plain TRL"):
        table.add_column(heading, justify="right" if heading else "left")
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    for name, median in medians.items():
        table.add_row(name, f"{median:.3f}", f"{median / medians['plain TRL']:.3f}")
    Console().print(table)


if __name__ == "__main__":
    main()
