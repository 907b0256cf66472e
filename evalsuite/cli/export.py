"""``saeval export``: a finished folder given to another tool."""

from __future__ import annotations

import click

from saeval.evalsuite.cli.options import CONTEXT


@click.command(context_settings=CONTEXT)
@click.argument("folder")
@click.option(
    "--to",
    metavar="TOOL",
    required=True,
    help="lm-eval, inspect, mlflow, wandb, trackio, eee (Every Eval Ever) or parquet.",
)
@click.option(
    "--out",
    metavar="PLACE",
    help="Of files, the folder to write. Of mlflow, the address of its store or server (http://…, "
    "sqlite:///…). Of wandb and trackio, the folder of theirs.  [default: FOLDER/export/TOOL; the "
    "tool's own]",
)
@click.option(
    "--project",
    metavar="NAME",
    default="saeval",
    show_default=True,
    help="Experiment of mlflow, project of wandb and trackio.",
)
@click.option("--replace", is_flag=True, help="Write an export anew that is there already.")
def export(folder: str, to: str, out: str | None, project: str, replace: bool) -> None:
    """Give a finished run, comparison or gate FOLDER to another tool.

    It gets metrics with intervals and p values, the verdict, every answer, and the reports, with
    the numbers as they are. Nothing is there before all of it is, and an export that is there is
    let be. wandb and trackio get what they keep on this machine; nothing is sent.

    \b
    saeval export saeval-runs/base-vs-checkpoint-1a2b3c4d --to lm-eval
    saeval export saeval-runs/base-vs-checkpoint-1a2b3c4d --to mlflow --out http://localhost:5000
    """
    from saeval.evalsuite.export import export as give
    from saeval.progress import GuardedConsole
    from saeval.terminal_text import one_line

    found = give(folder, to, out=out, project=project, replace=replace)
    what = "Exported to" if found.written else "Is there already (--replace writes it anew):"
    console = GuardedConsole()
    lines = [f"{what} {found.place}", *(f"  {entry}" for entry in found.entries), *found.notes]
    for line in lines:
        console.print(one_line(line) if line[:1] != " " else f"  {one_line(line)}", markup=False,
                      highlight=False, soft_wrap=True)  # fmt: skip
