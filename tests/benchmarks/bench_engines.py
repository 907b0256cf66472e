"""What a paired run costs: one vLLM engine for base and adapter beside two lm_eval runs.

::

    make bench-engines
    .venv-vllm/bin/python tests/benchmarks/bench_engines.py --items 400

Two tables. The first is wall time of whole commands, start included, and whether the answers are
the same. The second is the time of answering alone on one engine that is loaded already: our engine
(requests built, answers given back one by one, parsed and on disk) beside a single call of
``LLM.generate`` with the same tokens and settings.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from saeval.evalsuite.store.prediction import Prediction, read_predictions
from saeval.tasks.task import TASKS_FOLDER

LENGTH = 1024
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "HF_HUB_OFFLINE": "1",
    "VLLM_CPU_KVCACHE_SPACE": "2",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
}
LM_EVAL = """
from saeval.evalsuite.engines.vllm import _lm_eval_class
_lm_eval_class()  # lm-eval does not know vLLM's CPU build by its name
from lm_eval.__main__ import cli_evaluate
cli_evaluate()
"""


def timed(command: list[str]) -> float:
    """Seconds of wall time; what it prints is shown only if it fails."""
    before = time.monotonic()
    done = subprocess.run(
        command, env=os.environ | ENVIRONMENT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise click.ClickException(f"{command[:3]} failed:\n{done.stderr[-3000:]}")
    return time.monotonic() - before


def saeval(base: Path, adapter: Path, items: int, tokens: int, out: Path) -> float:
    """`saeval compare` on one engine."""
    return timed(
        [
            str(Path(sys.executable).with_name("saeval")), "compare", str(base), str(adapter),
            "--tasks", "factworld", "--limit", str(items), "--engine", "vllm",
            "--gen-kwargs", f"max_gen_toks={tokens}", "--model-args", f"max_model_len={LENGTH}",
            "--out", str(out),
        ]
    )  # fmt: skip


def lm_eval(base: Path, adapter: Path | None, items: int, tokens: int, out: Path) -> float:
    """One `lm_eval` run of the same task, as its users start it."""
    arguments = f"pretrained={base},dtype=float32,enforce_eager=True,max_model_len={LENGTH}"
    if adapter is not None:
        targets = json.loads((adapter / "adapter_config.json").read_text())["target_modules"]
        names = " ".join(sorted({name.rpartition(".")[2] for name in targets}))
        arguments = json.dumps(
            {
                "pretrained": str(base), "dtype": "float32", "enforce_eager": True,
                "max_model_len": LENGTH, "lora_local_path": str(adapter),
                "lora_target_modules": names.split(),
            }
        )  # fmt: skip
    return timed(
        [
            sys.executable, "-c", LM_EVAL, "run", "--model", "vllm", "--model_args", arguments,
            "--include_path", str(TASKS_FOLDER), "--tasks", "factworld", "--limit", str(items),
            "--gen_kwargs", f"max_gen_toks={tokens}", "--log_samples", "--output_path", str(out),
        ]
    )  # fmt: skip


def differing(ours: list[Prediction], folder: Path) -> int:
    """How many answers are not those of an lm_eval run."""
    (path,) = folder.rglob("samples_factworld_*.jsonl")
    theirs = {
        sample["doc"]["id"]: sample["resps"][0][0]
        for sample in map(json.loads, path.read_text().splitlines())
    }
    assert theirs.keys() == {answer.item_id for answer in ours}
    return sum(answer.response != theirs[answer.item_id] for answer in ours)


def layers(base: Path, items: int, tokens: int, folder: Path) -> tuple[float, float]:
    """Seconds of our layers and of the bare engine for the same requests, the faster of three."""
    from vllm import SamplingParams, TokensPrompt

    from saeval.evalsuite.config import EngineConfig, RunConfig
    from saeval.evalsuite.engines.vllm import VLLMEngine
    from saeval.evalsuite.models.types import LocalModel
    from saeval.evalsuite.run.task_runner import answer_task
    from saeval.evalsuite.run.tasks import load_tasks
    from saeval.evalsuite.store.run_folder import PredictionFile

    asked = RunConfig(("factworld",), limit=items, generation={"max_gen_toks": tokens})
    (task,) = load_tasks(asked)
    options = EngineConfig("vllm", "cpu", "float32", model_args={"max_model_len": LENGTH})
    engine = VLLMEngine(LocalModel(str(base), base, None), [], options)
    seen: list[tuple[Any, Any]] = []
    queue = engine._engine.add_request

    def watched(key: str, prompt: Any, parameters: Any, **rest: Any) -> Any:
        seen.append((prompt, parameters))
        return queue(key, prompt, parameters, **rest)

    engine._engine.add_request = watched
    ours, bare = [], []
    for number in range(3):
        seen.clear()
        engine.lm.model.reset_prefix_cache()
        before = time.monotonic()
        answer_task(task, engine, PredictionFile(folder / str(number), task.name), asked)
        ours.append(time.monotonic() - before)
        prompts = [TokensPrompt(prompt_token_ids=list(p["prompt_token_ids"])) for p, _ in seen]
        parameters: list[SamplingParams] = [p.clone() for _, p in seen]
        engine.lm.model.reset_prefix_cache()
        before = time.monotonic()
        engine.lm.model.generate(prompts, parameters, use_tqdm=False)
        bare.append(time.monotonic() - before)
    engine.close()
    return min(ours), min(bare)


@click.command()
@click.option("--items", default=300, show_default=True)
@click.option("--tokens", default=16, show_default=True, help="Tokens per answer.")
def main(items: int, tokens: int) -> None:
    """Measure and print both tables."""
    os.environ.update(ENVIRONMENT)
    from saeval.trainer.demo.tiny_model import build_random_adapter, build_tiny_model

    folder = Path(tempfile.mkdtemp(prefix="bench-engines-"))
    base = build_tiny_model(folder / "base")
    adapter = build_random_adapter(base, folder / "adapter", scale=0.3)
    larger = build_tiny_model(folder / "larger", hidden_size=512, layers=8, heads=8)
    one = saeval(base, adapter, items, tokens, folder / "ours")
    two = [lm_eval(base, None, items, tokens, folder / "lm-base")]
    two.append(lm_eval(base, adapter, items, tokens, folder / "lm-adapter"))
    unequal = [
        differing(
            list(read_predictions(folder / "ours" / name / "predictions" / "factworld.jsonl")), lm
        )
        for name, lm in (("base", folder / "lm-base"), ("checkpoint", folder / "lm-adapter"))
    ]
    click.echo(f"\n{items} items, {tokens} tokens each, base and adapter, statistics included")
    click.echo("| command | wall time | ratio |\n|:--|--:|--:|")
    click.echo(f"| two lm_eval runs | {sum(two):.1f} s | 1 |")
    click.echo(f"| saeval compare | {one:.1f} s | {one / sum(two):.2f} |")
    click.echo(f"Answers that differ: {unequal[0]} of the base, {unequal[1]} of the adapter.")
    click.echo(f"\n{items} items, engine loaded, best of three")
    click.echo("| model | LLM.generate | saeval, parsed and on disk | ratio |\n|:--|--:|--:|--:|")
    for name, model in (("0.5 M parameters", base), ("25 M parameters", larger)):
        ours, bare = layers(model, items, tokens, folder / "layers" / name)
        click.echo(f"| {name} | {bare:.2f} s | {ours:.2f} s | {ours / bare:.2f} |")


if __name__ == "__main__":
    main()
