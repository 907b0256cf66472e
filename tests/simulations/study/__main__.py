"""The study: ``make study``, or ``PYTHONPATH=tests/simulations python -m study --out FOLDER``.

A base that cannot answer in the format, taught the format, taught by reinforcement to decline what
it does not know; compared, set beside a cautious system prompt, and asked about itself. The plan is
printed first; the same command goes on where it was broken off.
"""

from __future__ import annotations

import os
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click
from packaging.version import Version

from saeval.command_line import run_command_line
from saeval.errors import SaevalError
from saeval.files import Manifest, lock_folder, write_atomic
from saeval.tasks.data.loading import DATA_VARIABLE, find_data_folder
from study.page import write_page
from study.selection import select
from study.sizes import SIZES
from study.steps import (
    HARDWARE,
    SYSTEM_PROMPTS,
    Hardware,
    Step,
    plan_steps,
    read_outcome,
    run_step,
    write_prompts,
)

MANIFEST = "study.json"
OLDEST_VLLM, NEWEST_VLLM = Version("0.22.0"), Version("0.31.0")
"""Between which TRL 1.16 samples by vLLM beside its training."""
_SAMPLER = "hardware.vllm."
_MAY_FAIL = ("power", "frontier", "metacognition")
"""Steps without which the page can be written; it says that they failed."""


class StudyManifest(Manifest):
    """Of what a folder is a study."""

    SCHEMA = "saeval.study/1"

    size: str
    hardware: str
    base: str | None
    data: bool


@click.command()
@click.option("--size", type=click.Choice(list(SIZES)), default="small", show_default=True)
@click.option("--hardware", type=click.Choice(list(HARDWARE)), default="cpu", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the study.")
@click.option("--data-dir", envvar="SAEVAL_DATA", help="Data sets as local files.")
@click.option("--base", type=click.Path(exists=True, path_type=Path), help="Another base model.")
@click.option("--page", type=click.Path(path_type=Path), help="[default: study.md in --out]")
@click.option("--dry-run", is_flag=True, help="Print the plan and stop.")
@click.option("--page-only", is_flag=True, help="Write the page of what is finished and stop.")
def main(
    size: str,
    hardware: str,
    out: Path,
    data_dir: str | None,
    base: Path | None,
    page: Path | None,
    dry_run: bool,
    page_only: bool,
) -> None:
    """Run the study and write its page."""
    data = find_data_folder(data_dir)
    if data is not None:  # for the commands of the steps
        os.environ[DATA_VARIABLE] = str(data)
    chosen = SIZES[size]
    needed = chosen.grpo_steps * chosen.prompts_per_step
    selection = select(data, out / "tasks", count=max(8, needed // 3), wide=size != "small")
    steps = plan_steps(
        out, chosen, selection, HARDWARE[hardware], base=base, has_data=data is not None
    )
    print_plan(out, size, steps, has_data=data is not None)
    if dry_run:
        return
    if not page_only:
        check_hardware(hardware)
    manifest = StudyManifest(
        schema=StudyManifest.SCHEMA,
        size=size,
        hardware=hardware,
        base=None if base is None else str(base),
        data=data is not None,
    )
    where = page or out / "study.md"
    if page_only:
        click.echo(f"Wrote {write_page(out, steps, where, manifest.model_dump())}")
        return
    with lock_folder(out, manifest=MANIFEST, what="a study", busy="another process studies there"):
        begin(out, manifest)
        write_prompts(out / "prompts", list(SYSTEM_PROMPTS.items()))
        for step in steps:
            run(out, step)
        written = write_page(out, steps, where, manifest.model_dump())
    click.echo(f"Wrote {written}")


def print_plan(out: Path, size: str, steps: list[Step], *, has_data: bool) -> None:
    """What is left to do, and how long it is expected to take."""
    if not has_data:
        click.echo("No real data (--data-dir or SAEVAL_DATA): made-up tasks only.")
    left = [step for step in steps if read_outcome(out, step) is None]
    for step in steps:
        state = minutes(step.seconds) if step in left else "finished"
        click.echo(f"{step.name:<22}{state:>10}  {step.command}")
    total = minutes(sum(step.seconds for step in left))
    click.echo(f"{size}: {total} expected on two quiet cores or one GPU; the same command resumes")


def find_hardware(name: str) -> Hardware:
    """What the study runs on; without vLLM as TRL's sampler where TRL does not know the version."""
    hardware = HARDWARE[name]
    try:
        installed = Version(Version(version("vllm")).base_version)
    except PackageNotFoundError:  # the plan can be looked at all the same
        return hardware
    if name == "cpu" or OLDEST_VLLM <= installed <= NEWEST_VLLM:
        return hardware
    click.echo(f"TRL does not know vLLM {installed}: transformers samples the completions.")
    kept = tuple(change for change in hardware.training if not change.startswith(_SAMPLER))
    return replace(hardware, training=kept)


def minutes(seconds: float) -> str:
    """As a plan shows them."""
    return f"{seconds / 60:.1f} min"


def check_hardware(hardware: str) -> None:
    """Stop before anything is made where there is no GPU.

    Raises
    ------
    SaevalError
        If one is needed and not there.
    """
    if hardware == "gpu":
        import torch

        if not torch.cuda.is_available():
            raise SaevalError("--hardware gpu: torch finds no GPU here; use --hardware cpu")


def begin(out: Path, manifest: StudyManifest) -> None:
    """Say what the folder is of, or refuse one of something else.

    Raises
    ------
    SaevalError
        If it is.
    """
    path = out / MANIFEST
    if path.is_file():
        earlier = StudyManifest.read(path)
        if earlier != manifest:
            raise SaevalError(
                f"{out}: is a study of size {earlier.size} on {earlier.hardware} with other "
                "settings; choose another --out"
            )
        return
    (out / "steps").mkdir(exist_ok=True)
    write_atomic(path, manifest.to_json())


def run(out: Path, step: Step) -> None:
    """Run a step unless it is finished.

    Raises
    ------
    SaevalError
        If it fails and the page needs it.
    """
    earlier = read_outcome(out, step)
    if earlier is not None and earlier.exit_code == 0:
        return
    click.echo(f"\n== {step.name}\n{step.command}")
    outcome = run_step(out, step)
    click.echo(f"== {step.name}: {minutes(outcome.seconds)}")
    if outcome.exit_code and step.name not in _MAY_FAIL:
        raise SaevalError(f"the step {step.name} failed with exit code {outcome.exit_code}")


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    run_command_line(main, when_interrupted="Interrupted. The same command goes on.")
