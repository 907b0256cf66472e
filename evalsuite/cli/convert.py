"""``saeval convert``: predictions in the other file format."""

from __future__ import annotations

from pathlib import Path

import click

from saeval.evalsuite.cli.options import CONTEXT, columns_option


@click.command(context_settings=CONTEXT)
@click.argument("source")
@click.option(
    "--out",
    metavar="PLACE",
    type=click.Path(path_type=Path),
    required=True,
    help="The file to write, or of a run the folder; nothing may be there yet.",
)
@click.option(
    "--to",
    type=click.Choice(["parquet", "jsonl"]),
    help="The format.  [default: by the ending of PLACE; of a run, the one that it does not have]",
)
@columns_option
@click.option("--quiet", is_flag=True, help="No progress.")
def convert(source: str, out: Path, to: str | None, columns: str | None, quiet: bool) -> None:
    """Write predictions as Parquet, or as JSON lines, with nothing lost.

    SOURCE is a finished run folder, which is converted whole with its manifest and checksums, the
    folder of a run's shards, which become one run folder, or a file of predictions of any kind that
    `saeval compare` reads. Parquet takes a ninth of the room
    and a quarter of the time to read. Lines that saeval wrote, and run folders, come back byte for
    byte.

    \b
    saeval convert runs/base --out runs/base-parquet
    saeval convert base.jsonl --out base.parquet
    saeval convert base.parquet --out base.jsonl
    """
    from saeval.evalsuite.cli.output import progress_of
    from saeval.evalsuite.models.convert import convert as write
    from saeval.evalsuite.models.predictions import with_columns

    progress = progress_of({"quiet": quiet, "json": False, "brief": False})
    (given,) = with_columns((source,), columns)
    write(given, out, to=to, progress=progress)  # type: ignore[arg-type]
    progress.log(f"Wrote {out}")
