"""Measures every promise, and exits with 1 if one is broken.

::

    make validity                            # all, 2,000 data sets each; docs/evidence/validity.md
    PYTHONPATH=tests/simulations .venv/bin/python -m validity --only looks --datasets 20000
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import click
from rich.console import Console

from saeval.progress import progress_bar
from validity import report
from validity.measure import FAMILIES, FinishedBlocks, Key, load_families, measure, planned
from validity.promises import Case, Measured

QUICK_DATASETS = 300


@click.command()
@click.option("--datasets", default=2_000, show_default=True, help="Data sets per case.")
@click.option("--only", multiple=True, metavar="NAME", help="A family (repeat for several).")
@click.option("--case", "named", metavar="TEXT", help="Only cases with this in their name.")
@click.option("--quick", is_flag=True, help=f"A few cases, {QUICK_DATASETS} data sets, no page.")
@click.option("--jobs", default=2, show_default=True, help="Processes.")
@click.option("--list", "listed", is_flag=True, help="Show families and cases; measure nothing.")
@click.option(
    "--families",
    "folder",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    default=FAMILIES,
    help="Folder with a file for each family.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("docs/evidence/validity.md"),
    show_default=True,
    help="The page; sections that are not measured stay.",
)
@click.option(
    "--finished",
    "store",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("validity-runs"),
    show_default=True,
    help="Where finished blocks are kept, so that an interrupted run goes on.",
)
def main(
    datasets: int,
    only: tuple[str, ...],
    named: str | None,
    quick: bool,
    jobs: int,
    listed: bool,
    folder: Path,
    out: Path,
    store: Path,
) -> None:
    """Measure how often every test, interval and verdict errs."""
    families = load_families(folder)
    if unknown := set(only) - set(families):
        raise click.UsageError(
            f"no family {', '.join(sorted(unknown))}; there are {', '.join(families)}"
        )
    cases: dict[Key, Case] = {
        (name, case.key): case
        for name, family in families.items()
        if not only or name in only
        for case in family.cases
        if (case.quick or not quick) and (named or "") in case.key
    }
    if not cases:
        raise click.UsageError("no case is left")
    if listed:
        for (name, case_name), case in cases.items():
            click.echo(f"{name}: {case_name}{' (quick)' if case.quick else ''}")
        return
    number = QUICK_DATASETS if quick else datasets
    finished = None if quick else FinishedBlocks(store)
    results: dict[Key, Measured] = {}
    interrupted = False
    with progress_bar(Console(stderr=True)) as bars:
        bar = bars.add_task("data sets", total=len(planned(cases, number)))
        try:
            for so_far in measure(
                cases,
                number,
                jobs=jobs,
                folder=folder,
                finished=finished,
                advance=lambda: bars.advance(bar),
            ):
                results = so_far
        except KeyboardInterrupt:
            interrupted = True
    measured = {key: result for key, result in results.items() if result.datasets}
    for line in report.lines(measured):
        click.echo(line)
    if interrupted:
        click.echo(f"Interrupted; what is finished is in {store}, and the same command goes on.")
        sys.exit(130)
    if not quick and named is None:
        earlier = out.read_text(encoding="utf-8") if out.exists() else None
        out.write_text(report.page(families, measured, earlier), encoding="utf-8")
        click.echo(f"Wrote {out}")
    if count := report.broken(measured):
        click.echo(f"\n{count} {'promise is' if count == 1 else 'promises are'} broken:")
    for line in report.lines(measured, only_outside=True):
        click.echo(line)
    sys.exit(1 if count else 0)


if __name__ == "__main__":
    # A shell starts what it puts into the background deaf to Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main()
