"""Where the reports of a comparison go, and making them once more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from saeval.errors import InputError
from saeval.stats.checkpoints.results import Best
from saeval.stats.compare.results import Comparison

COMPARISON = "comparison.json"
INDEX = "family.json"


def report_command(folder: Path) -> None:
    """``saeval report``: the reports of a finished comparison once more."""
    from saeval.reports.render.series_index import Index, read_index

    index = Index({"checkpoint": ""})
    if (folder / INDEX).is_file():
        try:
            index = read_index((folder / INDEX).read_text(encoding="utf-8"))
        except (ValueError, UnicodeDecodeError) as error:
            raise InputError(f"{folder / INDEX}: {str(error).splitlines()[0]}") from error
    homes = checkpoint_folders(folder, list(index.comparisons))
    report_comparisons(
        [_read_comparison(home) for home in homes.values()],
        homes,
        folder,
        Console(stderr=True),
        steps=index.steps,
        best=index.best,
        notes=index.notes,
    )


def checkpoint_folders(folder: Path, names: Sequence[str]) -> dict[str, Path]:
    """Where each checkpoint's reports go: the folder itself if there is only one."""
    return {names[0]: folder} if len(names) == 1 else {name: folder / name for name in names}


def report_comparisons(
    comparisons: Sequence[Comparison],
    homes: Mapping[str, Path],
    folder: Path,
    console: Console,
    *,
    steps: tuple[int, ...] | None = None,
    best: Best | None = None,
    notes: tuple[str, ...] = (),
) -> None:
    """Write the reports of one comparison or of several, and print them.

    `steps`, `best` and `notes` are those of `saeval.stats.compare.results.Family`.
    """
    from saeval.reports import print_comparison, print_family, write_family, write_reports
    from saeval.stats.checkpoints.series import family

    if len(comparisons) == 1:
        written = write_reports(comparisons[0], folder)
        print_comparison(comparisons[0], Console())
    else:
        together = family(comparisons, steps, best, notes)
        written = write_family(together, homes, folder)
        print_family(together, Console())
    for path in written:
        console.print(f"Wrote {escape(str(path))}", highlight=False, soft_wrap=True)


def _read_comparison(folder: Path) -> Comparison:
    from saeval.reports import from_json

    path = folder / COMPARISON
    if not path.is_file():
        raise InputError(
            f"{folder}: holds no {COMPARISON}; give the folder of a comparison (a frontier or "
            "metacognition is rendered again by giving its command again, which asks nothing anew)"
        )
    try:
        return from_json(path.read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {str(error).splitlines()[0]}") from error
