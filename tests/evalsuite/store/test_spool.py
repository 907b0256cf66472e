from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from builders import prediction

from saeval.errors import PairingError
from saeval.evalsuite.compare.pairing import pair, pairing_caution
from saeval.evalsuite.store import spool as spool_module
from saeval.evalsuite.store.spool import spool
from saeval.evalsuite.store.table import PredictionTable
from saeval.tasks.registry import get_task

FEVER = get_task("fever")


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(spool_module, "_BATCH", 4)


def hashless(number: int, claim: str = "same", evidence: tuple[str, ...] = ("a",)):
    return prediction(number, document={"claim": claim, "evidence": evidence}, document_hash=None)


def test_what_is_spooled_is_what_was_made():
    made = [prediction(n, response=f"Ça\n{n}\u2028") for n in range(11)] + [hashless(20)]
    table = spool(iter(made))
    assert list(table.values()) == made
    assert table.columns.to_pylist() == PredictionTable.of(made).columns.to_pylist()
    texts = table.read_texts(np.array([3, 0]))
    assert texts["response"].to_pylist() == ["Ça\n3\u2028", "Ça\n0\u2028"]


def test_half_a_surrogate_pair_is_replaced():
    table = spool(prediction(n, response="a\ud800b") for n in range(5))
    assert {answer.response for answer in table.values()} == {"a\ufffdb"}


def test_a_killed_command_leaves_no_file_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    table = spool(prediction(n) for n in range(9))
    assert list(tmp_path.iterdir()) == []
    assert table.file_hashes() == {}
    assert table["item-008", 0] == prediction(8)


def test_threads_read_one_file():
    table = spool(prediction(n) for n in range(400))
    rows = [np.arange(start, 400, 7) for start in range(7)]
    with ThreadPoolExecutor(7) as pool:
        found = list(pool.map(table.read_texts, rows * 20))
    for own, texts in zip(rows * 20, found, strict=True):
        assert texts["claim"].to_pylist() == [f"Claim {number}." for number in own]


@pytest.mark.parametrize(
    ("base", "checkpoint", "differs"),
    [
        ({}, {}, False), ({"claim": ""}, {"claim": "other"}, False), ({}, {"claim": "x"}, True),
        ({"evidence": ()}, {"evidence": ("b",)}, False), ({}, {"evidence": ("b",)}, True),
        ({"evidence": ("a", "b")}, {"evidence": ("b", "a")}, True),
        ({"evidence": ("ab",)}, {"evidence": ("a", "b")}, True),
    ],
)  # fmt: skip
def test_documents_without_hashes_are_compared_by_their_texts(base, checkpoint, differs):
    sides = [spool(hashless(n, **texts) for n in range(6)) for texts in (base, checkpoint)]
    if differs:
        with pytest.raises(PairingError, match="documents differ on 6 of 6"):
            pair(FEVER, *sides)
    else:
        assert "documents were compared by" in str(pairing_caution(pair(FEVER, *sides)))
