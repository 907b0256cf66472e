"""Rows of one's own data as items; what is wrong with one names its place and column."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from saeval.errors import DataError
from saeval.suggest import did_you_mean
from saeval.tables import PlacedRow, read_hub_rows, read_rows
from saeval.tasks.own.definition import Definition, OwnTaskFile
from saeval.tasks.types import (
    ChoiceQuestion,
    Claim,
    Item,
    hash_wording,
    make_question,
    number_repeated_ids,
)
from saeval.terminal_text import quoted

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SHOWN = 12
"""So many allowed values are named."""


def load_own_items(file: OwnTaskFile) -> list[Item]:
    """All items of a task file's data, in the order of its rows.

    Raises
    ------
    DataError
        If the data cannot be read, a column is missing, or a row cannot be asked; file, row and
        column are named, with the values that are allowed.
    """
    definition = file.definition
    if definition.hub is not None:
        rows = read_hub_rows(definition.hub, definition.config, definition.split)
        where = definition.hub
    else:
        path = file.data
        assert path is not None  # the definition has one of the two
        if not path.exists():
            raise DataError(f"{path}: no such file or folder; {file.path} names it as `data`")
        rows, where = read_rows(path, definition.split), str(path)
    return to_items(definition, rows, where)


def to_items(definition: Definition, rows: Iterable[PlacedRow], where: str) -> list[Item]:
    """Rows as items; without a column of ids, an item's id is a hash of its wording."""
    items: list[Item] = []
    places: dict[str, str] = {}
    for place, row in rows:
        item = _Reader(definition, place, row).read()
        if "id" in definition.columns and (earlier := places.get(item.id)):
            raise DataError(
                f"{place}: column {quoted(definition.columns['id'], 40)}: the id "
                f"{quoted(item.id, 40)} stands in {earlier} already; give each row an id of its "
                "own, or map no id"
            )
        places[item.id] = place
        items.append(item)
    if not items:
        raise DataError(f"{where}: has no rows")
    return items if "id" in definition.columns else _numbered(items)


def _numbered(items: list[Item]) -> list[Item]:
    """Rows with the same wording are items of one cluster."""
    counts = Counter(item.id for item in items)
    together = [
        replace(item, cluster=item.id) if counts[item.id] > 1 and item.cluster is None else item
        for item in items
    ]
    return number_repeated_ids(together)


def hash_items(items: Iterable[Item]) -> str:
    """SHA-256 of items, whatever their order: what a task's data says."""
    lines = sorted(json.dumps(item.as_row(), sort_keys=True, default=str) for item in items)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


class _Reader:
    """One row, read by a definition."""

    def __init__(self, definition: Definition, place: str, row: Mapping[str, Any]) -> None:
        self.definition, self.place, self.row = definition, place, row

    def read(self) -> Item:
        cluster = self._optional("cluster")
        identifier = self._optional("id")
        if "id" in self.definition.columns and identifier is None:
            raise self._error("id", "is empty; give each row an id of its own, or map no id")
        if self.definition.kind == "verification":
            return self._claim(identifier, cluster)
        if self.definition.kind == "question":
            return self._question(identifier, cluster)
        return self._choices(identifier, cluster)

    def _claim(self, identifier: str | None, cluster: str | None) -> Claim:
        claim, evidence = self._text("claim"), tuple(self._texts("evidence"))
        value, labels = self._text("label"), self.definition.label_of
        if value not in labels:
            allowed = ", ".join(map(repr, list(labels)[:_SHOWN]))
            raise self._error("label", f"{quoted(value, 40)} is none of {allowed} (`labels`)")
        return Claim(
            id=identifier or hash_wording("\n".join((claim, *evidence))),
            cluster=cluster,
            claim=claim,
            evidence=evidence,
            target=labels[value],
            source_label=value,
        )

    def _question(self, identifier: str | None, cluster: str | None) -> Item:
        answers, separator = self._texts("answer"), self.definition.separator
        if separator is not None:
            answers = [part for answer in answers for part in answer.split(separator)]
        return make_question(
            self._text("question"),
            answers,
            id=identifier,
            cluster=cluster,
            topic=self._optional("topic"),
            source_label="answerable" if any(map(str.strip, answers)) else "unanswerable",
        )

    def _choices(self, identifier: str | None, cluster: str | None) -> ChoiceQuestion:
        question, choices = self._text("question"), tuple(self._texts("choices"))
        if len(choices) < 2 or len(set(choices)) < len(choices):
            raise self._error("choices", "needs at least two choices, each another")
        value = self._text("answer")
        gold = self._gold(value, choices)
        return ChoiceQuestion(
            id=identifier or hash_wording("\n".join((question, *choices))),
            cluster=cluster,
            question=question,
            choices=choices,
            gold=gold,
            answers=(choices[gold],),
            target="RIGHT",
        )

    def _gold(self, value: str, choices: tuple[str, ...]) -> int:
        n = len(choices)
        allowed = {
            "letter": list(LETTERS[:n]),
            "index": [str(index) for index in range(n)],
            "number": [str(index + 1) for index in range(n)],
            "text": list(choices),
        }[self.definition.answer_is or "text"]
        shown = value.upper() if self.definition.answer_is == "letter" else value
        if shown not in allowed:
            names = ", ".join(quoted(a, 40) for a in allowed[:_SHOWN])
            raise self._error("answer", f"{quoted(value, 40)} is none of {names} (`answer_is`)")
        return allowed.index(shown)

    def _text(self, name: str) -> str:
        texts = self._texts(name)
        if not texts:
            raise self._error(name, "is empty")
        if len(texts) > 1:
            raise self._error(name, "must hold one text, found a list")
        return texts[0]

    def _optional(self, name: str) -> str | None:
        if name not in self.definition.columns:
            return None
        return next(iter(self._texts(name)), None)

    def _texts(self, name: str) -> list[str]:
        """The texts of a column or several, without empty ones."""
        columns = self.definition.columns[name]
        texts: list[str] = []
        for column in [columns] if isinstance(columns, str) else columns:
            if column not in self.row:
                known = did_you_mean(column, map(str, self.row))
                raise DataError(f"{self.place}: has no column {quoted(column, 40)}; {known}")
            value = self.row[column]
            for part in value if isinstance(value, list | tuple) else [value]:
                if isinstance(part, dict | list):
                    raise self._error(name, f"must hold text, found {quoted(part, 40)}")
                texts.append(to_text(part))
        return [text for text in texts if text]

    def _error(self, name: str, what: str) -> DataError:
        columns = self.definition.columns[name]
        shown = columns if isinstance(columns, str) else "+".join(columns)
        return DataError(f"{self.place}: column {quoted(shown, 60)} {what}")


def to_text(value: object) -> str:
    """A cell as text; an empty one, and one that is not a number, are empty text."""
    missing = value is None or (isinstance(value, float) and value != value)
    return "" if missing else str(value).strip()
