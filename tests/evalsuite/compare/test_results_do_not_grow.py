"""What a comparison and a gate write is of one size, however many items they rest on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from builders import LABELS, prediction, write_predictions
from command_line import typed
from pages import Page
from pyarrow import parquet

from saeval.evalsuite.compare.changed_items_file import CHANGED_ITEMS

HUGE = '<&"\x1b�文' * 300
FIXED = ("gate.json", "gate.md", "junit.xml", "metrics.csv", "report.md")


def answers(items: int, shift: int) -> list:
    """No two items alike: every confidence, topic, cluster and text is another one."""
    found = []
    for i in range(items):
        label = LABELS[(i + shift * (i % 7 == 0)) % 3] if i % 11 else None
        document = {"claim": f"{i} {HUGE}", "evidence": [HUGE] * 3, "topic": f"topic {i}"}
        found.append(
            prediction(
                i, label, document=document, response=f"{i} {HUGE}", cluster_id=f"cluster {i // 2}",
                confidence=None if label is None else (i * 37 % items + 0.5 + shift / 4) / items,
            )
        )  # fmt: skip
    return found[shift * items // 5 :]


def gated(folder: Path, items: int, capsys: pytest.CaptureFixture[str]) -> Path:
    folder.mkdir()
    base = write_predictions(folder / "base.jsonl", answers(items, 0))
    checkpoint = write_predictions(folder / "checkpoint.jsonl", answers(items, 1))
    out = folder / "out"
    code, _, err = typed(capsys, "gate", base, checkpoint, "--replicates", 1000, "--out", out)
    assert code in (0, 1, 3), err
    base.unlink()
    return out


def leaves(tree: object) -> int:
    if isinstance(tree, dict | list):
        return sum(map(leaves, tree.values() if isinstance(tree, dict) else tree))
    return 1


def test_a_result_and_its_pages_do_not_grow_with_items(tmp_path, capsys):
    few, many = (gated(tmp_path / str(items), items, capsys) for items in (220, 1100))
    assert {path.name for path in few.iterdir()} == {path.name for path in many.iterdir()}
    sizes = [
        {p.name: p.stat().st_size for p in out.iterdir() if p.is_file()} for out in (few, many)
    ]
    for name in FIXED:
        assert sizes[1][name] < 1.1 * sizes[0][name] + 500, name
    for name in ("comparison.json", "gate.json"):
        assert leaves(json.loads((many / name).read_text())) <= leaves(
            json.loads((few / name).read_text())
        )
    assert sizes[1]["comparison.json"] < 200_000
    assert max(found["report.html"] for found in sizes) < 2_000_000
    shown = Page((many / "report.html").read_text(encoding="utf-8"))
    total = json.loads((many / "comparison.json").read_text())["tasks"][0]["flips_total"]
    assert f" of {total} changed items" in shown.text
    assert max(found["d"].count("L") for tag, found in shown.tags if tag == "path") < 500
    rows = [parquet.read_metadata(out / CHANGED_ITEMS).num_rows for out in (few, many)]
    assert rows[1] == total > 4 * rows[0]
