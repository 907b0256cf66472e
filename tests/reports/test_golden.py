"""Tiny inputs beside the reports that they make (``tests/reports/golden``)."""

from __future__ import annotations

import importlib.util
import json
from functools import cache
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"


@cache
def made() -> dict[str, str]:
    spec = importlib.util.spec_from_file_location("make_golden", GOLDEN / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.make_reports()


@pytest.mark.parametrize("name", ["report.md", "gate.md", "junit.xml"])
def test_words_are_those_that_were_kept(name):
    assert made()[name] == (GOLDEN / name).read_text(encoding="utf-8")


def leaves(tree: object, path: str = "") -> dict[str, object]:
    """Every value of a tree by the path of its keys."""
    if isinstance(tree, dict):
        parts = {f"{path}.{key}": part for key, part in tree.items()}
    elif isinstance(tree, list):
        parts = {f"{path}[{index}]": part for index, part in enumerate(tree)}
    else:
        return {path: tree}
    return {key: leaf for name, part in parts.items() for key, leaf in leaves(part, name).items()}


@pytest.mark.parametrize("name", ["comparison.json", "gate.json"])
def test_keys_and_values_are_those_that_were_kept(name):
    kept = leaves(json.loads((GOLDEN / name).read_text(encoding="utf-8")))
    now = leaves(json.loads(made()[name]))
    assert list(now) == list(kept)
    for path, value in kept.items():
        assert now[path] == (pytest.approx(value, abs=1e-9) if isinstance(value, float) else value)
