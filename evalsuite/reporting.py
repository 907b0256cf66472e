"""Where the reports of a comparison go, and making them once more."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from evalsuite.errors import InputError
from stats.comparison import FAMILY_SCHEMA_VERSION, Comparison

COMPARISON = "comparison.json"
INDEX = "family.json"


def report_command(folder: Path) -> None:
    """``saeval report``: the reports of a finished comparison once more."""
    names = list(_read_index(folder / INDEX)) if (folder / INDEX).is_file() else ["checkpoint"]
    homes = homes_of(folder, names)
    comparisons = [_read_comparison(home) for home in homes.values()]
    report_comparisons(comparisons, homes, folder, Console(stderr=True))


def homes_of(folder: Path, names: Sequence[str]) -> dict[str, Path]:
    """Where each checkpoint's reports go: the folder itself if there is only one."""
    return {names[0]: folder} if len(names) == 1 else {name: folder / name for name in names}


def report_comparisons(
    comparisons: Sequence[Comparison],
    homes: Mapping[str, Path],
    folder: Path,
    console: Console,
) -> None:
    """Write the reports of one comparison or of several, and print them."""
    from reports import print_comparison, print_family, write_family, write_reports
    from stats.family import family

    if len(comparisons) == 1:
        written = write_reports(comparisons[0], folder)
        print_comparison(comparisons[0], Console())
    else:
        together = family(comparisons)
        written = write_family(together, homes, folder)
        print_family(together, Console())
    for path in written:
        console.print(f"Wrote {escape(str(path))}", highlight=False, soft_wrap=True)


def _read_index(path: Path) -> dict[str, str]:
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        if index["schema"] != FAMILY_SCHEMA_VERSION:
            raise InputError(f"{path}: schema {index['schema']!r} is not {FAMILY_SCHEMA_VERSION!r}")
        return dict(index["comparisons"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not an index of comparisons ({error})") from error


def _read_comparison(folder: Path) -> Comparison:
    from reports import from_json

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
