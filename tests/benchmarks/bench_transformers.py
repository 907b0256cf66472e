"""What one reading of a prompt saves with transformers, on a real small model.

::

    make bench-engines
    .venv/bin/python tests/benchmarks/bench_transformers.py --model FOLDER --items 32

Two tables, of ratios that are measured in turns, so that a machine with other work to do does not
favour one side. The first is one loaded engine: a bare loop over ``model.generate`` with the same
prompts, batches, type and number of tokens; saeval's own loop (requests built, answers parsed and
on disk) without label probabilities, and with them; and as it was before: every label by a request
of its own, in float32. The second is whole commands, start included: `saeval run` beside that of
an earlier commit, and `saeval compare` of a base and an adapter beside two runs of lm_eval.

Every answer has the same number of tokens (``min_new_tokens``), so all write as much. CPU time is
that of the process with all its threads; on a busy machine it says more than wall time.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from saeval.evalsuite.config import EngineConfig, RunConfig
from saeval.tasks.task import TASKS_FOLDER

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "evidence" / "engines.md"
BEFORE = "441413e"
"""The commit before a prompt was read once."""
TASK = "factworld"
SYSTEM = " ".join(["You are a careful reader, who settles claims by their evidence alone."] * 7)
"""Makes prompts as long as those of VitaminC: 220 tokens."""


@dataclass(frozen=True)
class Cost:
    """Seconds of wall time and of CPU time."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Goal:
    """A ratio of two ways, and what it should be at most."""

    text: str
    way: str
    beside: str
    most: float


LAYERS = (
    Goal("saeval, no labels, over bare `generate`", "saeval", "bare", 1.10),
    Goal("labels over generation alone", "with labels", "saeval", 1.15),
    Goal("one reading over four in float32, as before", "with labels", "before", 1 / 3),
)
COMMANDS = (
    Goal("`saeval run` over that of commit " + BEFORE, "run", "run before", 1 / 3),
    Goal("`saeval compare` over two runs of lm_eval", "compare", "lm_eval twice", 0.6),
)


def measure(ways: Mapping[str, Callable[[], Cost]], rounds: int) -> list[dict[str, Cost]]:
    """Every way once a round, in one order and then in the other."""
    found = []
    for number in range(rounds):
        names = list(ways)[:: 1 if number % 2 == 0 else -1]
        found.append({name: ways[name]() for name in names})
        for name, cost in found[-1].items():
            click.echo(f"  {name}: {cost.wall:.1f} s ({cost.cpu:.1f} s of CPU)", err=True)
    return found


def timed(work: Callable[[], Any]) -> Cost:
    """Of work in this process."""
    wall, cpu = time.monotonic(), time.process_time()
    work()
    return Cost(time.monotonic() - wall, time.process_time() - cpu)


def command(arguments: Sequence[str | Path], tree: Path, threads: int) -> Cost:
    """Of a command; what it prints is shown only if it fails."""
    environment = os.environ | {
        "PYTHONPATH": str(tree), "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false",
        "OMP_NUM_THREADS": str(threads),
    }  # fmt: skip
    before, wall = os.times(), time.monotonic()
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=tree, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    after = os.times()
    if done.returncode:
        raise click.ClickException(f"{arguments[:4]} failed:\n{done.stderr[-3000:]}")
    cpu = after.children_user - before.children_user
    return Cost(time.monotonic() - wall, cpu + after.children_system - before.children_system)


def layer_ways(
    model: Path, config: RunConfig, threads: int, folder: Path
) -> dict[str, Callable[[], Cost]]:
    """The same prompts on one engine that is loaded already."""
    import torch

    from saeval.evalsuite.engines.huggingface import TransformersEngine
    from saeval.evalsuite.engines.registry import resolve_engine_config
    from saeval.evalsuite.models.types import LocalModel
    from saeval.evalsuite.run.open_requests import OpenRequests
    from saeval.evalsuite.run.task_runner import answer_task
    from saeval.evalsuite.run.tasks import load_tasks
    from saeval.evalsuite.store.run_folder import PredictionFile

    (task,) = load_tasks(config)
    options = resolve_engine_config(
        EngineConfig("transformers", "cpu", "bfloat16", threads=threads)
    )
    engine = TransformersEngine(LocalModel("model", model), [], options)
    earlier = TransformersEngine(LocalModel("model", model), [], replace(options, dtype="float32"))
    earlier.lm.__dict__["_can_share"] = False
    tokens = (config.generation or {})["max_gen_toks"]
    tokenizer = engine.lm.tokenizer
    tokenizer.padding_side = "left"

    def bare() -> None:
        left = OpenRequests(task, engine, config, set())
        while left:
            for batch in left.take():
                prompts = [request.generations[0].args[0] for request in batch]
                encoded = tokenizer(prompts, return_tensors="pt", padding=True)
                with torch.inference_mode():
                    written = engine.lm.model.generate(
                        **encoded, max_new_tokens=tokens, min_new_tokens=tokens, do_sample=False,
                        pad_token_id=tokenizer.pad_token_id,
                    )  # fmt: skip
                width = encoded["input_ids"].shape[1]
                tokenizer.batch_decode(written[:, width:], skip_special_tokens=True)

    def ours(asking: TransformersEngine, *, labels: bool) -> None:
        asked = replace(config, label_probabilities=labels)
        with tempfile.TemporaryDirectory(dir=folder) as out:
            answer_task(task, asking, PredictionFile(Path(out), task.name), asked)

    timed(bare)  # the first time is slower
    return {
        "bare": lambda: timed(bare),
        "saeval": lambda: timed(lambda: ours(engine, labels=False)),
        "with labels": lambda: timed(lambda: ours(engine, labels=True)),
        "before": lambda: timed(lambda: ours(earlier, labels=True)),
    }


def command_ways(
    model: Path, adapter: Path, config: RunConfig, threads: int, folder: Path, before: Path
) -> dict[str, Callable[[], Cost]]:
    """Whole commands, each into a new folder."""
    generation = ",".join(f"{key}={value}" for key, value in (config.generation or {}).items())
    system = folder / "system.txt"
    system.write_text(SYSTEM, encoding="utf-8")
    asked: list[str | Path] = [
        "--tasks", TASK, "--limit", str(config.limit), "--system", system,
        "--gen-kwargs", generation, "--engine", "transformers", "--threads", str(threads),
    ]  # fmt: skip

    def out() -> Path:
        return Path(tempfile.mkdtemp(dir=folder))

    def run(tree: Path) -> Cost:
        arguments = ["-m", "saeval", "run", model, *asked, "--out", out()]
        return command(arguments, tree, threads)

    def compare() -> Cost:
        arguments = ["-m", "saeval", "compare", model, adapter, *asked, "--out", out()]
        return command(arguments, ROOT, threads)

    def lm_eval(peft: str) -> Cost:
        arguments = [
            "-m", "lm_eval", "run", "--model", "hf", "--device", "cpu", "--batch_size", "16",
            "--model_args", f"pretrained={model},dtype=bfloat16{peft}",
            "--include_path", TASKS_FOLDER, "--tasks", TASK, "--limit", str(config.limit),
            "--system_instruction", SYSTEM, "--gen_kwargs", generation,
            "--log_samples", "--output_path", out(),
        ]  # fmt: skip
        return command(arguments, ROOT, threads)

    def twice() -> Cost:
        costs = [lm_eval(""), lm_eval(f",peft={adapter}")]
        return Cost(sum(cost.wall for cost in costs), sum(cost.cpu for cost in costs))

    return {
        "run": lambda: run(ROOT),
        "run before": lambda: run(before),
        "compare": compare,
        "lm_eval twice": twice,
    }


def table(title: str, goals: Sequence[Goal], rounds: Sequence[Mapping[str, Cost]]) -> Iterator[str]:
    """Medians over the rounds."""
    yield f"## {title}\n"
    yield "| way | wall | CPU |\n|:--|--:|--:|"
    for name in rounds[0]:
        wall, cpu = (
            statistics.median(getattr(r[name], f) for r in rounds) for f in ("wall", "cpu")
        )
        yield f"| {name} | {wall:.1f} s | {cpu:.1f} s |"
    yield "\n| ratio | wall | CPU | goal | |\n|:--|--:|--:|--:|:--|"
    for goal in goals:
        wall, cpu = (
            statistics.median(getattr(r[goal.way], f) / getattr(r[goal.beside], f) for r in rounds)
            for f in ("wall", "cpu")
        )
        is_limited = goal.most < float("inf")
        verdict = ("met" if cpu <= goal.most else "missed") if is_limited else ""
        limit = f"≤ {goal.most:.2f}" if is_limited else "none"
        yield f"| {goal.text} | {wall:.2f} | {cpu:.2f} | {limit} | {verdict} |"
    yield ""


def build_adapter(model: Path, folder: Path) -> Path:
    """A LoRA adapter of noise."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16)
    config = LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM")
    adapted = get_peft_model(base, config)
    generator = torch.Generator().manual_seed(0)
    for name, weights in adapted.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weights, std=0.05, generator=generator)
    adapted.save_pretrained(folder)
    return folder


@contextmanager
def earlier_commit(folder: Path) -> Iterator[Path]:
    """The files of the commit before, from this repository's history."""
    tree = folder / "before"
    git = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*git, "add", "--detach", str(tree), BEFORE], check=True, capture_output=True)
    try:
        yield tree
    finally:
        subprocess.run([*git, "remove", "--force", str(tree)], check=True, capture_output=True)


def model_folder(given: Path | None) -> Path:
    """The model that was given, else SmolLM2, made once."""
    if given is not None:
        return given.resolve()
    folder = ROOT / "bench-data" / "smollm2"
    made = [sys.executable, "-m", "saeval.trainer.study.base_model", "--out", str(folder)]
    subprocess.run(made, check=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    return folder


@click.command()
@click.option("--model", type=click.Path(exists=True, path_type=Path), help="[default: SmolLM2]")
@click.option("--items", default=32, show_default=True)
@click.option("--tokens", default=16, show_default=True, help="Tokens per answer.")
@click.option("--rounds", default=3, show_default=True)
@click.option("--threads", default=0, help="[default: the cores]")
@click.option("--commands/--no-commands", default=True, help="Also the second table.")
@click.option("--page", is_flag=True, help="Write docs/evidence/engines.md.")
def main(
    model: Path | None,
    items: int,
    tokens: int,
    rounds: int,
    threads: int,
    commands: bool,
    page: bool,
) -> None:
    """Measure and print both tables."""
    from saeval.evalsuite.engines.hardware import count_threads
    from saeval.weights import stored_type

    folder = Path(tempfile.mkdtemp(prefix="bench-transformers-"))
    threads = threads or count_threads()
    loads = [os.getloadavg()[0]]
    base = model_folder(model)
    generation = {"max_gen_toks": tokens, "min_new_tokens": tokens}
    config = RunConfig((TASK,), limit=items, system=SYSTEM, generation=generation)
    lines = list(
        table(
            "One engine, loaded", LAYERS, measure(layer_ways(base, config, threads, folder), rounds)
        )
    )
    loads.append(os.getloadavg()[0])
    if commands:
        adapter = build_adapter(base, folder / "adapter")
        with earlier_commit(folder) as before:
            ways = command_ways(base, adapter, config, threads, folder, before)
            lines += table("Whole commands", COMMANDS, measure(ways, max(1, rounds - 1)))
        loads.append(os.getloadavg()[0])
    settings = (
        f"{items} items of about 220 tokens, {tokens} tokens each, weights stored as "
        f"{stored_type(base)}, {threads} threads, {rounds} rounds in turns; load of the machine "
        f"{min(loads):.1f} to {max(loads):.1f}. Goals are held against CPU time."
    )
    text = "\n".join(["# A real model on transformers\n", settings + "\n", *lines])
    click.echo(text)
    if page:
        PAGE.write_text(
            "<!-- Written by tests/benchmarks/bench_transformers.py --page -->\n" + text,
            encoding="utf-8",
        )


if __name__ == "__main__":
    main()
