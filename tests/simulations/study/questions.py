"""PopQA cut in two by the wording of its questions: what is trained on, and what is compared.

The relations that are kept are those of which the base answered three questions in twenty rightly,
and two at least, of the part that is trained on. What is compared played no part in that choice.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from saeval.files import write_atomic
from saeval.tasks.data.loading import load_items
from saeval.tasks.registry import get_task
from saeval.tasks.types import Item
from study.relations import RELATIONS, find_relation
from study.selection import KNOWN, KNOWN_TRAIN

LEAST_RIGHT = 2
LEAST_ACCURACY = 0.15
_TRAINED = 0.45
"""Of the wordings; the rest is compared."""


def is_trained(item: Item) -> bool:
    """Whether a question is in the part that is trained on: a hash of its cluster decides."""
    digest = hashlib.sha256(f"study:{item.as_row()['cluster']}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32 < _TRAINED


def choose_relations(rows: Iterable[dict[str, object]]) -> list[str]:
    """Of the measured groups of PopQA, the relations that the base knows something of.

    Examples
    --------
    >>> rows = [{"group": "popqa: sport", "items": 20, "right": 7},
    ...         {"group": "popqa: author", "items": 90, "right": 4}]
    >>> choose_relations(rows)
    ['sport']
    """
    chosen = []
    for row in rows:
        right, items = int(str(row["right"])), int(str(row["items"]))
        relation = str(row["group"]).removeprefix("popqa: ")
        if relation in RELATIONS and right >= LEAST_RIGHT and right >= LEAST_ACCURACY * items:
            chosen.append(relation)
    return chosen


def write_tables(folder: Path, items: Sequence[Item], relations: Sequence[str]) -> dict[str, int]:
    """The questions of both parts as tables; how many there are in each."""
    counts = {}
    for name, trained in ((KNOWN_TRAIN, True), (KNOWN, False)):
        rows = [
            row
            for item in items
            if is_trained(item) == trained
            and find_relation((row := item.as_row())["question"]) in relations
        ]
        lines = [
            json.dumps(
                {
                    "id": row["id"],
                    "question": row["question"],
                    "answer": row["answers"],
                    "topic": find_relation(row["question"]),
                    "cluster": row["cluster"],
                }
            )
            for row in rows
        ]
        write_atomic((folder / name).with_suffix(".jsonl"), "".join(f"{line}\n" for line in lines))
        counts[name] = len(rows)
    return counts


@click.command()
@click.option("--knowledge", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--data-dir", envvar="SAEVAL_DATA", type=click.Path(exists=True), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(knowledge: Path, data_dir: str, out: Path) -> None:
    """Write the tables, and a task file for each by ``saeval tasks new``."""
    out.mkdir(parents=True, exist_ok=True)
    relations = choose_relations(json.loads((knowledge / "popqa.json").read_text("utf-8")))
    if not relations:
        raise click.ClickException("the base knows nothing of PopQA; see the measured groups")
    counts = write_tables(out, load_items(get_task("popqa"), data_dir), relations)
    for name in counts:
        table = (out / name).with_suffix(".jsonl")
        command = [sys.executable, "-m", "saeval", "tasks", "new", str(table), "--replace"]
        command += ["--kind", "question", "--out", str(out / name), "--map"]
        command += ["question=question,answer=answer,topic=topic,id=id,cluster=cluster"]
        subprocess.run(command, check=True)
    write_atomic(
        out / "popqa_known.json", json.dumps({"relations": relations, "questions": counts}) + "\n"
    )


if __name__ == "__main__":
    main()
