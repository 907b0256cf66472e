"""``saeval report``: the reports of a finished comparison once more."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from saeval.evalsuite.cli.options import CONTEXT

if TYPE_CHECKING:
    from saeval.evalsuite.compare.results import CheckpointSeries, Comparison


@click.command(context_settings=CONTEXT)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def report(folder: Path) -> None:
    """Render the reports of a comparison FOLDER again and print its table.

    \b
    saeval report saeval-runs/base-vs-checkpoint-1a2b3c4d
    """
    from saeval.evalsuite.cli.configs import stderr_progress
    from saeval.evalsuite.compare.folder import rewrite_reports

    print_result(rewrite_reports(folder, stderr_progress()))


def print_result(result: Comparison | CheckpointSeries) -> None:
    """The table of one comparison, or of several."""
    from rich.console import Console

    from saeval.evalsuite.compare.results import Comparison
    from saeval.reports import print_comparison, print_family

    if isinstance(result, Comparison):
        print_comparison(result, Console())
    else:
        print_family(result, Console())
