"""`satrain run` on a tiny model and the made-up world, in this process or one of its own."""

from __future__ import annotations

import multiprocessing
import sys
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from saeval.tasks.registry import get_task
from saeval.trainer.cli import cli, main
from saeval.trainer.recipe.load import load_recipe
from saeval.trainer.run.folder import read_rows

SMALL = (
    "optimisation.prompts_per_step=2",
    "optimisation.group_size=4",
    "optimisation.temperature=1",
    "optimisation.max_completion_length=12",
    "optimisation.learning_rate=1e-3",
    "evaluation.items=4",
    "evaluation.every=0",
    "alarms.first_batch_parsable_below=null",
)
"""Sizes for a tiny model, and a learning rate at which each step changes its weights."""

HEAVY = ("adapter_model.safetensors", "model.safetensors")


def arguments(base: Path, out: Path, recipe: str, *changes: str) -> list[str]:
    """Of ``satrain``; the made-up world takes the place of the recipe's data."""
    question = any(get_task(task).kind.is_open_ended for task in load_recipe(recipe).tasks)
    task, split = ("factworld_questions", "test") if question else ("factworld", "train")
    data = (
        f"data.sources=[{{task: {task}, split: {split}, count: 24}}]",
        f"evaluation.tasks=[{task}]",
    )
    supervised = load_recipe(recipe).supervised
    small = [change for change in SMALL if not (supervised and "group_size" in change)]
    return ["run", recipe, "--base", str(base), "--out", str(out), *data, *small, *changes]


def train(base: Path, out: Path, recipe: str, *changes: str) -> int:
    """Train in this process and return the exit code; errors are raised."""
    code = cli(arguments(base, out, recipe, *changes), standalone_mode=False)
    return code if isinstance(code, int) else 0


_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [f"saeval.trainer.{it}" for it in ("run.train", "backends.trl_grpo", "backends.trl_sft")]
)


def start(base: Path, out: Path, recipe: str, *changes: str) -> ForkServerProcess:
    """Train in a process of its own, forked from one that has imported all; see `shown`."""
    command = arguments(base, out, recipe, *changes)
    process = _FORKS.Process(target=_satrain, args=(command, _log(out)))
    process.start()
    return process


def shown(process: ForkServerProcess, out: Path, *, timeout: float = 60) -> str:
    """What a process that was started had printed by its end."""
    process.join(timeout)
    return _log(out).read_text(encoding="utf-8")


def _log(out: Path) -> Path:
    return out.with_name(f"{out.name}.log")


def _satrain(command: list[str], log: Path) -> None:
    with log.open("w", encoding="utf-8", buffering=1) as sys.stdout:
        sys.stderr = sys.stdout
        main(command)


def weights(out: Path) -> bytes:
    """Of the checkpoint, bit by bit."""
    (path,) = (out / name for name in HEAVY if (out / name).is_file())
    return path.read_bytes()


def wait_for(process: ForkServerProcess, out: Path, step: int) -> None:
    """Until that step is done."""
    metrics = out / "metrics.jsonl"
    while not (metrics.is_file() and metrics.read_bytes().count(b"\n") >= step):
        assert process.is_alive(), shown(process, out)
        time.sleep(0.005)


def without_times(path: Path) -> list[dict[str, object]]:
    return [{key: row[key] for key in row if key != "step_time"} for row in read_rows(path)]


def history(out: Path) -> dict[str, bytes]:
    """Every file of the checkpoints in between, by its path."""
    kept = out / "history"
    return {str(p.relative_to(kept)): p.read_bytes() for p in kept.rglob("*") if p.is_file()}


def same(out: Path, unbroken: Path) -> None:
    """Whether a run that was broken off is the same as one that was not; asserts."""
    assert weights(out) == weights(unbroken)
    for name in ("metrics.jsonl", "evaluation.jsonl"):
        assert without_times(out / name) == without_times(unbroken / name)
    one, other = history(out), history(unbroken)
    assert one.keys() == other.keys()
    for name, content in other.items():
        assert one[name] == content, name
    assert not (out / ".resume").exists()
