"""Which column of a table holds what.

Typed as ``id=qid,target=label,prediction=pred,confidence=conf,task=:fever,score.f1=f1_col``: on the
left what it is, on the right the column; ``:TEXT`` is the same text for every row. ``:lower`` or
``:higher`` behind the column of a score (``score.length=words:lower``) says what is better. A name
with a comma or an equals sign stands in quotes. What is not typed is found by its usual names.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from saeval.errors import InputError
from saeval.evalsuite.importers.imported import NotReadError
from saeval.suggest import did_you_mean
from saeval.terminal_text import quoted

NAMES: Mapping[str, tuple[str, ...]] = {
    "task": (),
    "model": (),
    "id": ("item_id",),
    "target": ("label", "gold"),
    "prediction": ("pred",),
    "response": (),
    "status": (),
    "confidence": ("conf",),
    "label_probabilities": (),
    "cluster": ("cluster_id",),
    "sample": ("sample_index", "epoch"),
    "claim": (),
    "question": (),
    "evidence": (),
    "answers": (),
    "topic": (),
    "popularity": (),
    "document_hash": (),
    "prompt_hash": (),
    "target_hash": (),
}
"""What a column can hold, and the names that it is found by besides its own."""
_CONSTANT = ("task", "model")
SCORE = "score."
"""Begins the key and the usual name of a column with a score."""
_BETTER = {":lower": False, ":higher": True}


@dataclass(frozen=True)
class Columns:
    """What was said of the columns: those of keys and scores, and what is the same in every row.

    `present` are all columns of the table that they are bound to, `higher_is_better` the scores of
    which that was said.
    """

    named: Mapping[str, str] = field(default_factory=dict)
    constant: Mapping[str, str] = field(default_factory=dict)
    present: tuple[str, ...] = ()
    higher_is_better: Mapping[str, bool] = field(default_factory=dict)

    def __str__(self) -> str:
        named = [
            f"{key}={_spell(column + self._better(key))}" for key, column in self.named.items()
        ]
        constant = [f"{key}={_spell(':' + text)}" for key, text in self.constant.items()]
        return ",".join([*named, *constant])

    def _better(self, key: str) -> str:
        said = self.higher_is_better.get(key)
        return next((text for text, better in _BETTER.items() if better is said), "")

    def with_task(self, task: str | None) -> Columns:
        """With a task for every row, if one is named."""
        if task is None:
            return self
        if "task" in self.named or "task" in self.constant:
            raise InputError("the task is named twice: by `task` and among `columns`")
        return replace(self, constant={**self.constant, "task": task})

    def bind(self, present: Iterable[str], where: str) -> Columns:
        """With the usual names of the columns that a table has, and none that it has not.

        Raises
        ------
        InputError
            If a column is not there, or two could be meant; it names those that are.
        """
        available = list(present)
        if twice := sorted({name for name in available if available.count(name) > 1}):
            raise InputError(f"{where}: two columns are named {quoted(twice[0])}")
        for key, column in self.named.items():
            if column not in available:
                bound = Columns(present=tuple(available))
                raise NotReadError(f"{where}: {_missing(key, column, bound.listed)}")
        named = dict(self.named)
        for key, others in NAMES.items():
            if key in named or key in self.constant:
                continue
            found = [name for name in (key, *others) if name in available]
            if key in found:
                found = [key]
            if len(found) > 1:
                raise InputError(
                    f"{where}: {' and '.join(map(quoted, found))} could both be the {key}; say "
                    f"which: --columns {key}={found[0]}"
                )
            if found:
                named[key] = found[0]
        usual = [name for name in available if name.startswith(SCORE) and name != SCORE]
        named |= {name: name for name in usual if name not in named}
        return replace(self, named=named, present=tuple(available))

    @property
    def listed(self) -> str:
        """The columns of the table, for messages."""
        shown = ", ".join(quoted_name(name) for name in self.present[:20])
        return f"{shown}, …" if len(self.present) > 20 else shown or "none"

    def has(self, key: str) -> bool:
        """Whether every row says it."""
        return key in self.named or key in self.constant

    def values(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """What a row holds, by key."""
        return {**{key: row.get(name) for key, name in self.named.items()}, **self.constant}


def parse_columns(given: str | Mapping[str, str] | Columns | None) -> Columns:
    """What was typed, or a mapping of the same.

    Raises
    ------
    InputError
        If it cannot be read.

    Examples
    --------
    >>> columns = parse_columns("id=qid,target='gold label',task=:fever,score.f1=f1")
    >>> columns.named["target"], columns.constant["task"], str(columns)
    ('gold label', 'fever', "id=qid,target='gold label',score.f1=f1,task=:fever")
    """
    if isinstance(given, Columns):
        return given
    pairs = _split(given) if isinstance(given, str) else list((given or {}).items())
    named: dict[str, str] = {}
    constant: dict[str, str] = {}
    better: dict[str, bool] = {}
    for key, value in pairs:
        if not isinstance(key, str) or not isinstance(value, str):
            raise InputError("columns: expected names of columns by what they hold")
        if key not in NAMES and not (key.startswith(SCORE) and key != SCORE):
            raise InputError(
                f"columns: {quoted(key)} is nothing that a column can hold; "
                f"{did_you_mean(key, [*NAMES, 'score.NAME'])}"
            )
        if key in named or key in constant:
            raise InputError(f"columns: {key} is given twice")
        if value.startswith(":") and len(value) > 1:
            if key not in _CONSTANT:
                raise InputError(f"columns: {key} cannot be the same in every row; name its column")
            constant[key] = value[1:]
        elif value.strip(":"):
            column, colon, direction = value.rpartition(":")
            if key.startswith(SCORE) and column and colon + direction in _BETTER:
                better[key], value = _BETTER[colon + direction], column
            named[key] = value
        elif value:
            raise InputError(f"columns: {key} has no text behind the colon; give {key}=:NAME")
        else:
            raise InputError(f"columns: {key} has no column; give {key}=COLUMN")
    return Columns(named, constant, higher_is_better=better)


def _split(text: str) -> list[tuple[str, str]]:
    words = shlex.shlex(text, posix=True)
    words.whitespace, words.whitespace_split, words.commenters = ",", True, ""
    try:
        parts = [part.strip() for part in words]
    except ValueError as error:
        raise InputError(f"columns: a quote is not closed in {quoted(text)}") from error
    pairs = [part.partition("=") for part in parts if part]
    if not pairs or not all(key and equals for key, equals, _ in pairs):
        raise InputError(
            f"columns: cannot read {quoted(text)}; give id=COLUMN,target=COLUMN,prediction=COLUMN"
        )
    return [(key.strip(), value.strip()) for key, _, value in pairs]


def quoted_name(name: str) -> str:
    """A column's name for messages: as it is where it is a plain word."""
    return name if re.fullmatch(r"[\w.-]{1,40}", name) else quoted(name, 40)


def _missing(key: str, column: str, listed: str) -> str:
    message = f"there is no column {quoted(column)}; it has {listed}"
    if key in _CONSTANT:
        message += f"; where that is the {key} of all rows, write {key}=:{column}"
    return message


def _spell(text: str) -> str:
    return f"'{text}'" if any(sign in text for sign in ',= "') else text
