"""Make the demonstration's base: a tiny model that hardly ever says NA, without any download.

::

    $ python -m saeval.trainer.demo --out demo/base
    $ satrain run demo --base demo/base --out demo/checkpoint
    $ saeval compare demo/base demo/checkpoint --tasks factworld_residents
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import click

from saeval.command_line import run_command_line
from saeval.files import write_atomic
from saeval.progress import GuardedConsole, progress_bar

MANIFEST = "demo.json"
"""What the base was made with; written last, so that it stands for a complete model."""


@click.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder for the model.",
)
@click.option("--seed", default=0, show_default=True, help="Of the data, weights and order.")
def main(out: Path, seed: int) -> None:
    """Make a tiny model that hardly ever says NA and is always sure of itself."""
    # Imported here, so that --help needs no torch.
    import torch
    from transformers.utils import logging

    from saeval.trainer.demo.base import DemoConfig, train_base

    settings = DemoConfig(seed=seed)
    manifest, content = out / MANIFEST, json.dumps(settings.as_json(), indent=1) + "\n"
    if manifest.is_file() and manifest.read_text(encoding="utf-8") == content:
        print(f"{out} is complete; delete it to train it again.")
        return
    manifest.unlink(missing_ok=True)
    logging.disable_progress_bar()
    # So small a model gains little from a second thread, and waits for it on a busy machine.
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        with progress_bar(GuardedConsole()) as progress:
            bar = progress.add_task("base", total=settings.steps)
            train_base(out, settings, partial(progress.advance, bar))
    finally:
        torch.set_flush_denormal(False)
    write_atomic(manifest, content)


if __name__ == "__main__":
    run_command_line(main, when_interrupted="Interrupted. The same command starts anew.")
