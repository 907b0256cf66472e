"""Train a tiny base and a checkpoint that knows better when to say NA, without any download.

::

    $ python -m trainer.demo --out runs/demo
    runs/demo/base         a model that hardly ever says NA
    runs/demo/checkpoint   a LoRA adapter on it, trained on true labels
    runs/demo/training.json
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from trainer.demo_settings import Settings

MANIFEST = "training.json"

OnStep = Callable[[], None]


def train(out: Path, settings: Settings, console: Console) -> dict[str, Any]:
    """Train both models into `out` and return the manifest, which is written last."""
    # Imported here, so that --help needs no torch.
    import torch
    from transformers.utils import logging

    from trainer.demo_stages import train_base, train_checkpoint

    logging.disable_progress_bar()
    # So small a model gains little from a second thread, and waits for it on a busy machine.
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    out.mkdir(parents=True, exist_ok=True)
    (out / MANIFEST).unlink(missing_ok=True)
    # Absolute, because the adapter's config names its base.
    base, checkpoint = (out / "base").resolve(), (out / "checkpoint").resolve()
    runs: dict[str, Callable[[OnStep], dict[str, Any]]] = {
        "base": partial(train_base, base, settings),
        "checkpoint": partial(train_checkpoint, base, checkpoint, settings),
    }
    manifest: dict[str, Any] = {"version": 1, "settings": settings.as_json(), "stages": {}}
    with Progress(console=console) as progress:
        for name, run in runs.items():
            bar = progress.add_task(name, total=settings.stage_steps[name])
            wall, cpu = time.perf_counter(), time.process_time()
            outcome = run(partial(progress.advance, bar))
            manifest["stages"][name] = {
                "wall_seconds": round(time.perf_counter() - wall, 1),
                "cpu_seconds": round(time.process_time() - cpu, 1),
                **outcome,
            }
    unfinished = out / f"{MANIFEST}.part"
    unfinished.write_text(json.dumps(manifest, indent=1) + "\n")
    unfinished.replace(out / MANIFEST)
    return manifest


def finished(out: Path, settings: Settings) -> dict[str, Any] | None:
    """Return the manifest of a complete training with the same settings, or None."""
    try:
        manifest: dict[str, Any] = json.loads((out / MANIFEST).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return manifest if manifest.get("settings") == settings.as_json() else None


def _table(manifest: dict[str, Any]) -> Table:
    table = Table(title="Held-out documents")
    for heading in ("", "accuracy", "NA recall", "NA rate", "Brier", "seconds"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, stage in manifest["stages"].items():
        numbers = stage["held_out"]["all"]
        table.add_row(
            name,
            *(f"{numbers[key]:.3f}" for key in ("accuracy", "na_recall", "na_rate", "brier")),
            f"{stage['wall_seconds']:.0f}",
        )
    return table


@click.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder for base, checkpoint and training.json.",
)
@click.option("--seed", default=0, show_default=True, help="Of the data, weights and order.")
def main(out: Path, seed: int) -> None:
    """Train a tiny base and a checkpoint that knows better when to say NA."""
    settings = Settings(seed=seed)
    console = Console()
    manifest = finished(out, settings)
    if manifest is not None:
        console.print(f"{out} is complete; delete {out / MANIFEST} to train again.")
    else:
        try:
            manifest = train(out, settings, console)
        except KeyboardInterrupt:
            click.echo(
                f"Interrupted; {out} is not complete. The same command starts anew.", err=True
            )
            raise SystemExit(130) from None
    console.print(_table(manifest))


if __name__ == "__main__":
    main()
