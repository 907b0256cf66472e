"""What was measured, as lines for a console and as a page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from validity.measure import Key
from validity.promises import CHANCE, Family, Measured, Promise, Status

MARKS: dict[Status, str] = {"holds": "", "shown": "", "outside": " *", "broken": " **broken**"}
_HEAD = """# Validity: what was promised, and what was measured

`make validity` simulates every promise of this page anew (`tests/simulations/validity/`). A cell
is what was measured ± 1.96 Monte Carlo standard errors, and the band that it has to lie in, where
there is one. A star marks an estimate beyond its band that chance explains; **broken** one that
would occur in fewer than {chance:g} of 1,000 runs if the truth lay at the edge of the band, and
then the command exits with 1. Unless said otherwise tests and rules are at 95%, and a rule is a
gate's. `PYTHONPATH=tests/simulations .venv/bin/python -m validity` measures a section alone by the
option that stands below its text, and more data sets by `--datasets`.

"""


def cell(promise: Promise, measured: Measured) -> str:
    """``4.9% ± 0.9 (≤ 5.5%)``."""
    tally = measured.of(promise)
    if not tally.count:
        return "untested" + MARKS[measured.status(promise)]
    error = 1.96 * tally.standard_error
    width = promise.in_words(error) if promise.is_mean else f"{100 * error:.1f}"
    band = f" ({promise.band})" if promise.band else ""
    return f"{promise.in_words(tally.mean)} ± {width}{band}{MARKS[measured.status(promise)]}"


def lines(results: Mapping[Key, Measured], *, only_outside: bool = False) -> Iterator[str]:
    """A line for each promise."""
    for (family, _), measured in results.items():
        for promise in measured.case.promises:
            status = measured.status(promise)
            if only_outside and status in ("holds", "shown"):
                continue
            yield (
                f"{family}: {measured.case.name}: {promise.what}, {promise.quantity}: "
                f"{cell(promise, measured).replace('**', '')} of {measured.datasets:,}"
            )


def broken(results: Mapping[Key, Measured]) -> int:
    """Number of broken promises."""
    return sum(
        measured.status(promise) == "broken"
        for measured in results.values()
        for promise in measured.case.promises
    )


def page(
    families: Mapping[str, Family], results: Mapping[Key, Measured], earlier: str | None
) -> str:
    """The page with the sections of the families that were measured.

    Those of other families stay as they stand in the `earlier` page.
    """
    old = _sections(earlier or "")
    text = _HEAD.format(chance=1000 * CHANCE)
    for name, family in families.items():
        measured = [result for (of, _), result in results.items() if of == name]
        if measured:
            text += "\n".join(_section(name, family, measured)) + "\n"
        else:
            text += old.get(family.title, "")
    return text.rstrip("\n") + "\n"


def _sections(text: str) -> dict[str, str]:
    parts = re.split(r"^## (.*)\n", text, flags=re.MULTILINE)[1:]
    return {
        title: f"## {title}\n{body}" for title, body in zip(parts[::2], parts[1::2], strict=True)
    }


def _section(name: str, family: Family, results: Sequence[Measured]) -> Iterator[str]:
    yield f"## {family.title}"
    yield ""
    yield family.text.strip()
    yield ""
    yield f"`--only {name}`"
    yield ""
    promises = [promise for result in results for promise in result.case.promises]
    quantities = list(dict.fromkeys(promise.quantity for promise in promises))
    yield f"| case | of | {' | '.join(quantities)} | data sets |"
    yield f"|:--|:--|{'--:|' * len(quantities)}--:|"
    for result in results:
        for what in dict.fromkeys(promise.what for promise in result.case.promises):
            cells = {
                promise.quantity: cell(promise, result)
                for promise in result.case.promises
                if promise.what == what
            }
            row = " | ".join(cells.get(quantity, "") for quantity in quantities)
            yield f"| {result.case.name} | {what} | {row} | {result.datasets:,} |"
    yield ""
