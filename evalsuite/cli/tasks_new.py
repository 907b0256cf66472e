"""``saeval tasks new``: a task file for one's own data."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from saeval.errors import InputError
from saeval.evalsuite.cli.options import CONTEXT

if TYPE_CHECKING:
    from saeval.tasks.own.survey import Question


@click.command("new", context_settings=CONTEXT)
@click.argument("data")
@click.option(
    "--kind",
    type=click.Choice(["verification", "question", "multiple_choice"]),
    help="What the rows are.",
)
@click.option(
    "--map",
    "columns",
    metavar="NAME=COLUMN,…",
    multiple=True,
    help="Columns: claim, evidence, label; question, answer, topic; question, choices, answer "
    "(choices=A+B+C+D for several columns); and id, cluster.",
)
@click.option(
    "--labels",
    metavar="LABEL=VALUE,…",
    multiple=True,
    help="What the label column's values mean: PASS=Supports,FAIL=Refutes,NA=NEI.",
)
@click.option("--separator", metavar="TEXT", help="Between several right answers in one cell.")
@click.option(
    "--answer-is",
    type=click.Choice(["letter", "index", "number", "text"]),
    help="How the right choice is named; an index is from 0, a number from 1.",
)
@click.option("--split", help="Of a folder or hub data set that holds several.")
@click.option("--config", metavar="NAME", help="Which part of a hub data set.")
@click.option("--name", help="Name of the task.  [default: that of the file]")
@click.option(
    "--out",
    metavar="TASK.yaml",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The task file; its card lies beside it.  [default: beside the data]",
)
@click.option("--replace", is_flag=True, help="Write over a task file that is there.")
def new_task(
    data: str,
    kind: str | None,
    columns: tuple[str, ...],
    labels: tuple[str, ...],
    answer_is: str | None,
    split: str | None,
    config: str | None,
    replace: bool,
    **options: Any,
) -> None:
    """Make a task of your own data: CSV, JSON(L), Parquet, a saved `datasets` folder, a hub id.

    It looks at the columns, asks at a terminal what they do not tell, and writes a task file for
    --tasks and a card.

    \b
    saeval tasks new claims.csv --map claim=claim,evidence=context,label=verdict
    saeval compare BASE CHECKPOINT --tasks ./claims.yaml
    """
    from saeval.files import write_atomic
    from saeval.hub import is_hub_id
    from saeval.json_source import validate
    from saeval.tables import read_hub_rows, read_rows
    from saeval.tasks.own.definition import Definition
    from saeval.tasks.own.items import to_items
    from saeval.tasks.own.survey import Table, describe_data, parse_pairs, refuse
    from saeval.tasks.own.write import relative_data, render_card, render_task_file

    path = Path(data)
    on_hub = not path.exists() and is_hub_id(data) and not path.suffix
    if not on_hub and config is not None:
        raise InputError("--config has no meaning for data that is no data set of the hub")
    out, name = _place(path, on_hub, options["out"], options["name"])
    _check_free(out, name, replace)
    rows = list(read_hub_rows(data, config, split) if on_hub else read_rows(path, split))
    if not rows:
        raise InputError(f"{data}: has no rows")
    found = describe_data(
        Table(data, rows),
        kind=kind,
        columns=dict(parse_pairs(columns, "--map")),
        labels=parse_pairs(labels, "--labels"),
        answer_is=answer_is,
        ask=_ask if sys.stdin.isatty() and sys.stdout.isatty() else refuse,
    )
    source = {"hub": data} if on_hub else {"data": relative_data(path, out.parent)}
    settings = {
        "kind": found.pop("kind"),
        **source,
        **({"config": config} if config else {}),
        **({"split": split} if split else {}),
        **found,
        **({"separator": options["separator"]} if options["separator"] else {}),
    }
    definition = validate(Definition, settings, data, InputError)
    items = to_items(definition, rows, data)
    settings["summary"] = f"{path.name}: {len(items)} items, {_counted(items)}"
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(out.with_suffix(".md"), render_card(name, definition, items, path.name))
    write_atomic(out, render_task_file(name, settings, path.name))
    _say(out, data, definition, items)


def _place(path: Path, on_hub: bool, out: Path | None, name: str | None) -> tuple[Path, str]:
    """Where the task file goes, and the name of its task."""
    from saeval.tasks.own.definition import NAME, SUFFIXES
    from saeval.tasks.own.write import make_name

    if out is not None and out.suffix not in SUFFIXES:
        raise InputError(f"--out: {out} must end in .yaml")
    if name is not None and not NAME.fullmatch(name):
        raise InputError(
            f"--name: {name!r}: a name begins with a letter and holds letters, digits, _ and -"
        )
    name = name or make_name(out.stem if out is not None else path.absolute().stem)
    return out or (Path() if on_hub else path.parent) / f"{name}.yaml", name


def _check_free(out: Path, name: str, replace: bool) -> None:
    from saeval.tasks.registry import is_built_in

    if is_built_in(name):
        raise InputError(f"there is already a task {name}; choose another name with --name")
    for file in (out, out.with_suffix(".md")):
        if file.exists() and not replace:
            raise InputError(f"{file} is there already; name another file with --out, or --replace")


def _ask(question: Question) -> str:
    answer: str = click.prompt(question.text, type=click.Choice(question.choices))
    return answer


def _counted(items: Any) -> str:
    counts = Counter(item.target for item in items)
    return ", ".join(f"{count} {label}" for label, count in counts.most_common())


def _say(out: Path, data: str, definition: Any, items: Any) -> None:
    print(f"{data}: {len(items)} items, {_counted(items)}")
    print(f"  kind     {definition.kind}")
    for name, column in definition.columns.items():
        print(f"  {name:8} column {column if isinstance(column, str) else ' + '.join(column)}")
    for label, values in (definition.labels or {}).items():
        print(f"  {label:8} {', '.join(values)}")
    if definition.answer_is:
        print(f"  answers  by {definition.answer_is}")
    shown = out if out.parent != Path() else f"./{out}"
    print(f"Wrote {out} and {out.with_suffix('.md')}. Next:")
    print(f"  saeval tasks validate {shown}")
    print(f"  saeval compare BASE CHECKPOINT --tasks {shown}")
