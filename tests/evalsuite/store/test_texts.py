"""Texts read as columns are those of the predictions themselves, from wherever they are."""

from __future__ import annotations

import json

import numpy as np
import pytest
from builders import prediction

from saeval.errors import InputError
from saeval.evalsuite.store.json_lines import read_table
from saeval.evalsuite.store.table import PredictionTable, join
from saeval.evalsuite.store.texts import TEXTS, texts_of

ODD = ('"\\{}', "é\n\u2028文", "a\x00\x1b", "", '{"response": "other"}', "x" * 5000)


def answers(numbers) -> list:
    return [
        prediction(
            i,
            response=ODD[i % 6] + str(i),
            document={"claim": ODD[i % 5], "evidence": ODD[: i % 4], "answers": ODD[: i % 3]},
        )
        for i in numbers
    ]


def lines(numbers, **how) -> str:
    return "".join(json.dumps(p.model_dump(mode="json"), **how) + "\n" for p in answers(numbers))


@pytest.fixture
def tables(tmp_path) -> dict[str, PredictionTable]:
    contents = {
        "plain": lines(range(600)).encode(),
        "not ascii": lines(range(600), ensure_ascii=False).encode(),
        "no end, a mark, blank lines, CRLF": b"\xef\xbb\xbf"
        + lines(range(600)).replace("\n", "\r\n\r\n").strip().encode(),
    }
    found = {}
    for number, (name, content) in enumerate(contents.items()):
        path = tmp_path / f"{number}.jsonl"
        path.write_bytes(content)
        found[name] = read_table(path)
    parts = [found["plain"].take(np.arange(300)), PredictionTable.of(answers(range(300, 600)))]
    return found | {"in memory": PredictionTable.of(answers(range(600))), "joined": join(parts)}


@pytest.mark.parametrize(
    "rows",
    [np.arange(600), np.array([599]), np.array([3, 599, 0, 298, 301, 2]), np.arange(0)],
    ids=["all", "last", "any order", "none"],
)
def test_they_are_those_of_the_predictions(tables, rows):
    expected = texts_of([answers([row])[0] for row in rows.tolist()])
    for name, table in tables.items():
        assert table.read_texts(rows).equals(expected), name
        assert table.take(rows[::-1]).read_texts(np.arange(len(rows))[::-1]).equals(expected), name
    assert expected.schema.equals(TEXTS)


def test_a_file_that_is_cut_while_it_is_read_is_one_sentence(tmp_path):
    path = tmp_path / "base.jsonl"
    path.write_text(lines(range(600)))
    table = read_table(path)
    path.write_text(lines(range(300))[:-50])
    with pytest.raises(InputError, match="was changed while it was read"):
        table.read_texts(np.arange(600))
    path.unlink()
    with pytest.raises(InputError, match="was changed while it was read"):
        table.read_texts(np.arange(600))
