"""``saeval report``: the reports of a finished comparison once more."""

from __future__ import annotations

from pathlib import Path

import click

from saeval.evalsuite.cli.options import CONTEXT


@click.command(context_settings=CONTEXT)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def report(folder: Path) -> None:
    """Render the reports of a comparison FOLDER again and print its table.

    \b
    saeval report saeval-runs/base-vs-checkpoint-1a2b3c4d
    """
    from saeval.evalsuite.cli.configs import stderr_progress
    from saeval.evalsuite.compare.folder import rewrite_reports
    from saeval.reports import print_result

    print_result(rewrite_reports(folder, stderr_progress()))
