"""What a table of one's own is, as far as its columns tell, and what only its owner can say."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from saeval.errors import InputError
from saeval.suggest import did_you_mean
from saeval.tables import PlacedRow
from saeval.tasks.own.definition import COLUMNS, SEVERAL
from saeval.tasks.own.items import LETTERS, to_text
from saeval.tasks.types import VERIFICATION_LABELS
from saeval.terminal_text import one_line, quoted

KINDS = {
    "verification": "claims with evidence, to be called PASS, FAIL or NA",
    "question": "questions to answer in a few words, or to decline",
    "multiple_choice": "questions with choices",
}
_MOST_LABELS = 20
_NAMED = {
    "claim": ("claim", "statement", "hypothesis", "sentence"),
    "evidence": ("evidence", "context", "premise", "passage", "document", "source", "contexts"),
    "label": ("label", "verdict", "gold_label", "gold", "target", "class", "rating"),
    "question": ("question", "query", "prompt", "problem", "input"),
    "answer": ("answer", "answers", "gold", "target", "reference", "solution", "correct", "label"),
    "choices": ("choices", "options"),
    "topic": ("topic", "category", "subject"),
    "id": ("id", "qid", "uid", "item_id", "claim_id", "question_id"),
    "cluster": ("cluster", "cluster_id", "group", "group_id"),
}
"""Names that columns have, the likeliest first."""
_WORDS = {
    "PASS": {
        "pass", "supports", "supported", "support", "true", "entailment", "entailed", "entails",
        "yes", "correct", "supported by evidence",
    },
    "FAIL": {
        "fail", "refutes", "refuted", "refute", "false", "contradiction", "contradicted",
        "contradicts", "no", "incorrect", "not supported",
    },
    "NA": {
        "na", "n/a", "nei", "not enough info", "not enough information", "neutral", "unknown",
        "insufficient", "unverifiable", "not enough evidence", "cannot tell", "not_enough_info",
    },
}  # fmt: skip


@dataclass(frozen=True)
class Question:
    """What the columns do not tell: the option that says it, and how a person is asked."""

    option: str
    text: str
    choices: tuple[str, ...]


Ask = Callable[[Question], str]


def refuse(question: Question) -> str:
    """What is asked where nobody is there to answer.

    Raises
    ------
    InputError
        Always: it names the option.
    """
    shown = ", ".join(one_line(choice, 40) for choice in question.choices[:_MOST_LABELS])
    raise InputError(f"{question.text}? give {question.option} ({shown})")


@dataclass(frozen=True)
class Table:
    """All rows of one's own data, and the names of its columns."""

    where: str
    rows: Sequence[PlacedRow]

    @property
    def columns(self) -> tuple[str, ...]:
        """Of the first row."""
        return tuple(map(str, self.rows[0][1]))

    def values(self, column: str) -> Counter[str]:
        """How often each text stands in a column."""
        return Counter(to_text(row.get(column)) for _, row in self.rows)

    def check_column(self, column: str, option: str) -> None:
        """Stop at a column that is not there."""
        if column not in self.columns:
            hint = did_you_mean(column, self.columns)
            raise InputError(f"{option}: {self.where} has no column {quoted(column, 40)}; {hint}")


def describe_data(
    table: Table,
    *,
    kind: str | None,
    columns: Mapping[str, str],
    labels: Sequence[tuple[str, str]],
    answer_is: str | None,
    ask: Ask,
) -> dict[str, Any]:
    """Kind, columns, labels and the form of answers, as a task file says them.

    Parameters
    ----------
    table
        The data.
    kind, columns, labels, answer_is
        What is said of it; columns by what they hold (several joined with ``+``), and pairs of a
        label and a value that means it.
    ask
        Answers what neither that nor the columns tell.

    Raises
    ------
    InputError
        If what is said does not fit the data.
    """
    for name, given in columns.items():
        _split_columns(table, name, given)
    kind = kind or _guess_kind(table, columns) or ask(_kind_question())
    needed, optional = COLUMNS[kind]
    chosen: dict[str, str | list[str]] = {}
    for name, given in columns.items():
        if name not in needed + optional:
            hint = did_you_mean(name, needed + optional)
            raise InputError(f"--map: kind {kind} has no {quoted(name, 40)}; {hint}")
        chosen[name] = _split_columns(table, name, given)
    for name in needed:
        if name not in chosen:
            chosen[name] = (
                _guess_column(table, name, chosen)
                or _guess_choices(table, name)
                or ask(
                    Question(
                        f"--map {name}=COLUMN",
                        f"Which column of {table.where} holds the {name}",
                        table.columns,
                    )
                )
            )
    for name in optional:
        if name not in chosen and (guess := _guess_column(table, name, chosen)):
            chosen[name] = guess
    found: dict[str, Any] = {"kind": kind, "columns": chosen}
    if kind == "verification":
        found["labels"] = _label_values(table, str(chosen["label"]), labels, ask)
    elif labels:
        raise InputError(f"--labels has no meaning for kind {kind}")
    if kind == "multiple_choice":
        found["answer_is"] = answer_is or _guess_answer_form(table, chosen, ask)
    elif answer_is:
        raise InputError(f"--answer-is has no meaning for kind {kind}")
    return found


def parse_pairs(texts: Sequence[str], option: str) -> list[tuple[str, str]]:
    """``a=b,c=d`` as pairs; text that holds commas stands between quotation marks.

    Examples
    --------
    >>> parse_pairs(['PASS=Supports,"NA=no, or not yet"'], "--labels")
    [('PASS', 'Supports'), ('NA', 'no, or not yet')]
    """
    parts = [part for text in texts for row in csv.reader([text]) for part in row]
    pairs = [part.partition("=") for part in parts]
    for part, (name, sign, value) in zip(parts, pairs, strict=True):
        if not (name.strip() and sign and value.strip()):
            raise InputError(f"{option}: {quoted(part, 40)} is no NAME=VALUE")
    return [(name.strip(), value.strip()) for name, _, value in pairs]


def _kind_question() -> Question:
    text = "What does the data hold (" + "; ".join(f"{k}: {v}" for k, v in KINDS.items()) + ")"
    return Question("--kind", text, tuple(KINDS))


def _guess_kind(table: Table, columns: Mapping[str, str]) -> str | None:
    """By what is mapped, else by the names of columns."""
    known = set(columns) | {
        name for name in _NAMED if any(_same(c, n) for c in table.columns for n in _NAMED[name])
    }
    for kind, telling in (
        ("multiple_choice", {"choices"}),
        ("verification", {"claim", "evidence"}),
        ("question", {"question", "answer"}),
    ):
        if telling <= known:
            return kind
    return None


def _guess_column(table: Table, name: str, chosen: Mapping[str, str | list[str]]) -> str | None:
    taken = {c for own in chosen.values() for c in ([own] if isinstance(own, str) else own)}
    for likely in _NAMED[name]:
        for column in table.columns:
            if _same(column, likely) and column not in taken:
                return column if name != "id" or _is_unique(table, column) else None
    return None


def _is_unique(table: Table, column: str) -> bool:
    values = table.values(column)
    return len(values) == len(table.rows) and "" not in values


def _guess_choices(table: Table, name: str) -> list[str] | None:
    """Columns A, B, C, …."""
    letters = [letter for letter in LETTERS if letter in table.columns]
    return letters if name == "choices" and LETTERS.startswith("".join(letters) or " ") else None


def _same(column: str, name: str) -> bool:
    return column.strip().casefold().replace(" ", "_").replace("-", "_") == name


def _split_columns(table: Table, name: str, given: str) -> str | list[str]:
    if given in table.columns or "+" not in given or name not in SEVERAL:
        table.check_column(given, "--map")
        return given
    parts = [part.strip() for part in given.split("+")]
    for part in parts:
        table.check_column(part, "--map")
    return parts


def _label_values(
    table: Table, column: str, given: Sequence[tuple[str, str]], ask: Ask
) -> dict[str, list[str]]:
    """The values of the label column by what they mean."""
    counts = table.values(column)
    counts.pop("", None)
    if not counts:
        raise InputError(f"{table.where}: column {quoted(column, 40)} is empty")
    if len(counts) > _MOST_LABELS:
        raise InputError(
            f"{table.where}: column {quoted(column, 40)} holds {len(counts)} values, which are no "
            "labels; name the column that holds them with --map label=COLUMN"
        )
    holds = ", ".join(map(repr, counts))
    labels: dict[str, list[str]] = {label: [] for label in VERIFICATION_LABELS.names}
    for label, value in given:
        if label not in labels:
            raise InputError(
                f"--labels: {quoted(label, 40)} is no label; they are {', '.join(labels)}"
            )
        if value not in counts:
            raise InputError(
                f"--labels: {quoted(value, 40)} does not occur in column {quoted(column, 40)} of "
                f"{table.where}, which holds {holds}"
            )
        labels[label].append(value)
    known = {value for values in labels.values() for value in values}
    for value, count in counts.items():
        if value in known:
            continue
        label = next((name for name in _WORDS if value.casefold() in _WORDS[name]), "")
        if not label or given:
            question = Question(
                f"--labels PASS=…,FAIL=…,NA=…, with all of {holds}",
                f"What does {quoted(value, 40)} in column {quoted(column, 40)} of {table.where} "
                f"mean ({count} rows)",
                tuple(labels),
            )
            label = ask(question)
        labels[label].append(value)
    return {label: values for label, values in labels.items() if values}


def _guess_answer_form(table: Table, chosen: Mapping[str, str | list[str]], ask: Ask) -> str:
    """Letter, index, number or text; an answer of digits that fits both is not guessed."""
    column = str(chosen["answer"])
    values = {value for value in table.values(column) if value}
    if values and all(value.upper() in LETTERS and len(value) == 1 for value in values):
        return "letter"
    if values and all(value.isdecimal() for value in values):
        if "0" in values:
            return "index"
        text = f"Column {quoted(column, 40)} of {table.where} holds numbers, none of them 0"
        return ask(Question("--answer-is", text, ("index", "number", "text")))
    return "text"
