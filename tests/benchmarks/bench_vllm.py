"""What saeval costs over bare vLLM on the CPU: answers, label probabilities, the proof.

::

    make bench-engines MODEL=FOLDER
    .venv-vllm/bin/python tests/benchmarks/bench_vllm.py --model FOLDER --items 64

One engine, the same prompts and settings in turn, the prefix cache emptied before each: a single
call of ``LLM.generate``; saeval without label probabilities (requests built, answers parsed and on
disk); saeval with them. Shown are the best of several rounds, in wall time and in processor time,
which other processes on the machine disturb less, and the tokens that the engine computed. Then an
adapter is made, and the proof of base and adapter is timed beside a hundred answers.
"""

from __future__ import annotations

import gc
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from saeval.evalsuite.config import RunConfig
    from saeval.evalsuite.engines.vllm import VLLMEngine
    from saeval.evalsuite.run.tasks import LoadedTask

LENGTH = 1024
MOST_OVER_GENERATE = 0.10
MOST_FOR_LABELS = 0.15
N_PROBES = 4
HUNDRED = 100


@dataclass
class Cost:
    """The least that one way took, in seconds, and the tokens that the engine computed for it."""

    wall: float = float("inf")
    processor: float = float("inf")
    tokens: int = 0

    def take(self, way: Callable[[], int]) -> None:
        """Try it once more; it returns the tokens."""
        wall, processor = time.monotonic(), time.process_time()
        self.tokens = way()
        self.wall = min(self.wall, time.monotonic() - wall)
        self.processor = min(self.processor, time.process_time() - processor)


class Bench:
    """One engine, asked in three ways."""

    def __init__(self, model: Path, asked: RunConfig, dtype: str, folder: Path) -> None:
        from saeval.evalsuite.run.tasks import load_tasks

        self.asked = asked
        self.folder = folder
        self.engine = load(model, [], dtype)
        (self.task,) = load_tasks(asked)
        self._computed = 0
        step = self.engine._engine.step

        def counted() -> Any:
            outputs = step()
            for output in outputs:
                if output.finished:
                    read = len(output.prompt_token_ids) - (output.num_cached_tokens or 0)
                    self._computed += read + len(output.outputs[0].token_ids)
            return outputs

        self.engine._engine.step = counted

    def bare(self) -> int:
        """A single call of ``LLM.generate`` with the prompts as texts."""
        from vllm import SamplingParams

        settings = dict(self.task.generation)
        parameters = SamplingParams(
            temperature=0, max_tokens=settings["max_gen_toks"], stop=settings.get("until", [])
        )
        outputs = self.engine.lm.model.generate(self.prompts, parameters, use_tqdm=False)
        return sum(
            len(o.prompt_token_ids) - (o.num_cached_tokens or 0) + len(o.outputs[0].token_ids)
            for o in outputs
        )

    @property
    def prompts(self) -> list[str]:
        """As saeval writes them."""
        from saeval.evalsuite.run.tasks import build_prompt

        template = self.engine.chat_template
        return [build_prompt(self.task, d, self.asked, template) for d in self.task.documents]

    def saeval(self, number: int, *, labels: bool) -> int:
        """All items into a file, with label probabilities or without."""
        from saeval.evalsuite.run.task_runner import answer_task
        from saeval.evalsuite.store.run_folder import PredictionFile

        self._computed = 0
        file = PredictionFile(self.folder / f"{number} {labels}", self.task.name)
        answer_task(self.task, self.engine, file, replace(self.asked, label_probabilities=labels))
        return self._computed

    def forget(self) -> None:
        """Empty the prefix cache."""
        self.engine.lm.model.reset_prefix_cache()


def load(model: Path, adapters: list[Path], dtype: str) -> VLLMEngine:
    """The engine as saeval loads it."""
    from saeval.evalsuite.config import EngineConfig
    from saeval.evalsuite.engines.vllm import VLLMEngine
    from saeval.evalsuite.models.types import LocalModel

    config = EngineConfig("vllm", "cpu", dtype, model_args={"max_model_len": LENGTH})
    return VLLMEngine(LocalModel(str(model), model, None), adapters, config)


def measure(bench: Bench, rounds: int) -> tuple[Cost, Cost, Cost]:
    """Bare generation, saeval without label probabilities, and with them."""
    bare, plain, labels = Cost(), Cost(), Cost()
    bench.bare()  # the first requests of a process are slower
    for number in range(rounds):
        for cost, way in (
            (bare, bench.bare),
            (plain, lambda number=number: bench.saeval(number, labels=False)),
            (labels, lambda number=number: bench.saeval(number, labels=True)),
        ):
            bench.forget()
            cost.take(way)
    return bare, plain, labels


def prove(engine: VLLMEngine, task: LoadedTask, asked: RunConfig, adapter: Path) -> float:
    """Seconds that the proof of a base and an adapter takes."""
    from saeval.evalsuite.engines.adapter_check import check_adapter_applied
    from saeval.evalsuite.run.tasks import build_probe_request

    def probe(own: Path | None) -> list[Any]:
        return [build_probe_request(task, i, engine, asked, own) for i in range(N_PROBES)]

    before = time.monotonic()
    check_adapter_applied(engine, [adapter], probe, "bfloat16")
    return time.monotonic() - before


def answer_hundred(engine: VLLMEngine, task: LoadedTask, asked: RunConfig, adapter: Path) -> float:
    """Seconds that a hundred answers take, half of them the adapter's."""
    from saeval.evalsuite.run.tasks import build_request

    requests = [
        build_request(task, index % len(task.documents), engine, asked, own)
        for index in range(HUNDRED // 2)
        for own in (None, adapter)
    ]
    engine.lm.model.reset_prefix_cache()
    before = time.monotonic()
    list(engine.answer(requests))
    return time.monotonic() - before


def show(name: str, cost: Cost, beside: Cost | None, most: float | None) -> None:
    """A row: seconds, ratios, tokens, and the goal."""
    ratios = "| | "
    if beside is not None:
        ratios = f"| {cost.wall / beside.wall:.2f} | {cost.processor / beside.processor:.2f} "
    goal = "" if most is None else f"≤ {1 + most:.2f}"
    seconds = f"{cost.wall:.2f} s | {cost.processor:.2f} s"
    click.echo(f"| {name} | {seconds} {ratios}| {cost.tokens:,} | {goal} |")


@click.command()
@click.option("--model", type=click.Path(path_type=Path, exists=True), help="A model folder.")
@click.option("--dtype", default="bfloat16", show_default=True)
@click.option("--items", default=64, show_default=True)
@click.option("--tokens", default=16, show_default=True, help="Tokens per answer.")
@click.option("--rounds", default=3, show_default=True)
@click.option("--chat/--no-chat", default=False, help="Put prompts through the chat template.")
def main(model: Path | None, dtype: str, items: int, tokens: int, rounds: int, chat: bool) -> None:
    """Measure and print."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from saeval.evalsuite.config import RunConfig
    from saeval.trainer.demo.tiny_model import build_random_adapter, build_tiny_model

    folder = Path(tempfile.mkdtemp(prefix="bench-vllm-"))
    base = model or build_tiny_model(folder / "base", hidden_size=512, layers=8, heads=8)
    asked = RunConfig(
        ("factworld",), limit=items, generation={"max_gen_toks": tokens}, apply_chat_template=chat
    )
    bench = Bench(base, asked, dtype, folder / "answers")
    bare, plain, labels = measure(bench, rounds)
    click.echo(f"\n{items} items, {tokens} tokens each, {dtype}, best of {rounds}")
    click.echo("| what | wall | processor | wall ratio | processor ratio | tokens | goal |")
    click.echo("|:--|--:|--:|--:|--:|--:|:--|")
    show("bare LLM.generate", bare, None, None)
    show("saeval, no label probabilities", plain, bare, MOST_OVER_GENERATE)
    show("saeval with label probabilities", labels, plain, MOST_FOR_LABELS)
    bench.engine.close()
    del bench
    gc.collect()
    adapter = folder / "adapter"
    build_random_adapter(base, adapter, scale=0.3)
    names = json.loads((adapter / "adapter_config.json").read_text())["target_modules"]
    engine = load(base, [adapter], dtype)
    from saeval.evalsuite.run.tasks import load_tasks

    (task,) = load_tasks(replace(asked, limit=HUNDRED // 2))
    first = prove(engine, task, asked, adapter)
    hundred = answer_hundred(engine, task, asked, adapter)
    engine.close()
    click.echo(f"\nAdapter on {', '.join(sorted(names))}")
    click.echo(f"| proof of base and adapter | {first:.2f} s |")
    click.echo(f"| a hundred answers | {hundred:.2f} s |")


if __name__ == "__main__":
    main()
