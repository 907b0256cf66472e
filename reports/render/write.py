"""Every report of a comparison into one folder."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from saeval.reports.render.csv import to_csv
from saeval.reports.render.html import to_html
from saeval.reports.render.json import to_json
from saeval.reports.render.markdown import to_markdown
from saeval.stats.compare.results import Comparison


def write_reports(comparison: Comparison, folder: Path) -> list[Path]:
    """Write ``comparison.json``, ``report.md``, ``report.html`` and ``metrics.csv``.

    Parameters
    ----------
    comparison
        What to report.
    folder
        Made if it does not exist. A report of the same name is replaced in one step, so a reader
        or a crash meets the old one or the new one, never half of it.

    Returns
    -------
    list of Path
        The files, in the order above. All are made before the first is written.
    """
    texts = {
        "comparison.json": to_json(comparison),
        "report.md": to_markdown(comparison),
        "report.html": to_html(comparison),
        "metrics.csv": to_csv(comparison),
    }
    folder.mkdir(parents=True, exist_ok=True)
    return [write_file(folder / name, text) for name, text in texts.items()]


def write_file(path: Path, text: str) -> Path:
    """Replace a file in one step, on disk: the old text or the new one, never half of it."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes the file private; a report is as readable as any other new file.
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
