"""The steps of a study: commands of the product, each with the folder that it fills.

Every command resumes what it left unfinished, and a step that is finished is not begun again.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from saeval.files import write_atomic
from study.selection import Selection
from study.sizes import CPU, GPU, Rates, Size

SYSTEM_PROMPTS = {
    "cautious": "Answer only if you are sure. If you are not sure, write \\boxed{Unknown}.",
    "bold": "Always give your best guess. Never write \\boxed{Unknown}.",
}


@dataclass(frozen=True)
class Hardware:
    """What a study runs on.

    Attributes
    ----------
    asking, training
        Options of commands that ask models, and changes to recipes.
    rates
        For the plan.
    """

    asking: tuple[str, ...]
    training: tuple[str, ...]
    rates: Rates


HARDWARE = {
    # 32 completions at once would need more memory than a small machine has.
    "cpu": Hardware((), ("hardware.completions_per_device=8",), CPU),
    # vLLM answers for base and adapters in one engine, and samples for TRL beside its training.
    "gpu": Hardware(
        ("--engine", "vllm", "--model-args", "tensor_parallel_size=1"),
        ("hardware.vllm.mode=colocate", "hardware.completions_per_device=64"),
        GPU,
    ),
}


@dataclass(frozen=True)
class Step:
    """One step.

    Attributes
    ----------
    name
        Also of the file that says that it is finished.
    arguments
        Of ``python -m``.
    seconds
        That it is expected to take.
    output
        A file that keeps what the command prints.
    """

    name: str
    arguments: tuple[str, ...]
    seconds: float
    output: Path | None = None

    @property
    def command(self) -> str:
        """As a person types it."""
        shown = [
            argument if argument.replace("-", "").isalnum() else _quoted(argument)
            for argument in self.arguments
        ]
        names = {"saeval": "saeval", "saeval.trainer": "satrain"}
        program = names.get(self.arguments[0], f"python -m {self.arguments[0]}")
        return " ".join([program, *shown[1:]])


def _quoted(argument: str) -> str:
    return f"'{argument}'" if any(sign in argument for sign in " {[\\") else argument


def plan_steps(
    out: Path,
    size: Size,
    selection: Selection,
    hardware: Hardware,
    *,
    base: Path | None,
    has_data: bool,
) -> list[Step]:
    """All steps in their order.

    Parameters
    ----------
    out
        Folder of the study.
    size, selection, hardware
        How much, of what, on what.
    base
        Another base than SmolLM2-135M-Instruct.
    has_data
        Whether there are real data sets; the commands find them by ``SAEVAL_DATA``.
    """
    rates, model = hardware.rates, base or out / "base"
    warm_up, grpo = out / "warm-up", out / "grpo"
    chat = ("--apply-chat-template", "--gen-kwargs", f"max_gen_toks={size.response_tokens}")
    asked = (*chat, *hardware.asking, "--quiet", "--brief")
    steps = []
    if base is None:
        arguments = ("saeval.trainer.study.base_model", "--out", str(model))
        steps.append(Step("base", arguments, 2 * rates.start))
    knowledge = ("study.knowledge", str(model), "--questions", ",".join(selection.questions))
    knowledge += ("--claims", ",".join(selection.claims), "--limit", str(size.knowledge_items))
    steps.append(
        Step(
            "knowledge",
            (*knowledge, "--out", str(out / "knowledge")),
            rates.start
            + size.knowledge_items
            * (
                (len(selection.questions) + 7) * rates.short
                + 2 * len(selection.claims) * rates.long
            ),
        )
    )
    if has_data:
        arguments = ("study.questions", "--knowledge", str(out / "knowledge"))
        steps.append(Step("questions", (*arguments, "--out", str(out / "tasks")), rates.start))
    steps.append(
        Step(
            "warm-up",
            (
                *("saeval.trainer", "run", "format-warm-up", "--base", str(model)),
                *("--out", str(warm_up), f"optimisation.steps={size.warm_up_steps}"),
                "evaluation.items=4",
            ),
            rates.start + 8 * size.warm_up_steps * rates.taught + 16 * rates.long,
        )
    )
    steps.append(
        Step(
            "grpo",
            (
                *("saeval.trainer", "run", "recommended-questions", "--base", str(warm_up)),
                *("--out", str(grpo), f"data.sources={selection.sources}"),
                *("prompt.chat_template=true", f"optimisation.steps={size.grpo_steps}"),
                f"optimisation.prompts_per_step={size.prompts_per_step}",
                f"optimisation.group_size={size.group_size}",
                f"optimisation.max_completion_length={size.response_tokens}",
                *("optimisation.learning_rate=2e-4", "saving.every=4", "evaluation.every=0"),
                *(f"evaluation.tasks=[{selection.main}]", "evaluation.items=8"),
                *hardware.training,
            ),
            2 * rates.start + size.completions * rates.completion,
        )
    )
    n_long = sum(
        task in ("fever", "vitaminc", "climatefever", "retention") for task in selection.compared
    )
    n_short = len(selection.compared) - n_long
    steps.append(
        Step(
            "compare",
            (
                *("saeval", "compare", str(model), str(warm_up), str(grpo), "--tasks"),
                *(",".join(selection.compared), "--limit", str(size.items), *asked),
                *("--out", str(out / "compared")),
            ),
            rates.start + 3 * size.items * (n_short * rates.short + n_long * rates.long),
        )
    )
    runs = (out / "compared" / name / "checkpoint" for name in ("warm-up", "grpo"))
    against = out / "against-warm-up"
    steps.append(
        Step(
            "compare-with-warm-up",
            ("saeval", "compare", *map(str, runs), "--quiet", "--brief", "--out", str(against)),
            rates.start,
        )
    )
    power = ("saeval", "power", "--comparison", str(against), "--items", str(size.items))
    steps.append(Step("power", power, rates.start / 2, output=out / "power.txt"))
    steps.append(
        Step(
            "frontier",
            (
                *("saeval", "frontier", str(warm_up), str(grpo), "--systems", str(out / "prompts")),
                *("--task", selection.main, "--limit", str(size.prompt_items), *asked),
                *("--out", str(out / "frontier")),
            ),
            rates.start + 6 * size.prompt_items * rates.short,
        )
    )
    steps.append(
        Step(
            "metacognition",
            (
                *("saeval", "metacognition", str(warm_up), str(grpo), "--tasks", selection.main),
                *("--limit", str(size.metacognition_items), *asked),
                *("--out", str(out / "metacognition")),
            ),
            rates.start + 6 * size.metacognition_items * rates.short,
        )
    )
    return steps


@dataclass(frozen=True)
class Outcome:
    """What became of a step: the command, its exit code, and how long it took."""

    command: str
    exit_code: int
    seconds: float
    message: str = ""


def read_outcome(out: Path, step: Step) -> Outcome | None:
    """Of an earlier run; None where it was not finished, or was another command."""
    path = out / "steps" / f"{step.name}.json"
    if not path.is_file():
        return None
    outcome = Outcome(**json.loads(path.read_text(encoding="utf-8")))
    return outcome if outcome.command == step.command else None


def run_step(out: Path, step: Step) -> Outcome:
    """Run a step to its end and note how it went.

    A signal that ends the command ends the study, and nothing is noted.
    """
    started = time.monotonic()
    process = subprocess.run(
        [sys.executable, "-m", *step.arguments],
        stdout=subprocess.PIPE if step.output else None,
        stderr=subprocess.PIPE if step.output else None,
        text=True,
    )
    if process.returncode < 0 or process.returncode > 128:
        raise KeyboardInterrupt
    if step.output is not None:
        write_atomic(step.output, process.stdout + process.stderr)
    spent, earlier = round(time.monotonic() - started, 1), read_outcome(out, step)
    outcome = Outcome(step.command, process.returncode, spent + (earlier.seconds if earlier else 0))
    write_atomic(out / "steps" / f"{step.name}.json", json.dumps(vars(outcome), indent=1) + "\n")
    return outcome


def write_prompts(folder: Path, prompts: Sequence[tuple[str, str]]) -> None:
    """System prompts, a file each."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in prompts:
        write_atomic(folder / f"{name}.txt", text + "\n")
