"""Records of Every Eval Ever, held to the validator that guards its datastore."""

from __future__ import annotations

from pathlib import Path

import pytest

import saeval

pytest.importorskip("every_eval_ever")

from every_eval_ever.validator.validate import (
    expand_paths,
    validate_file,
)

UNKNOWN_DEVELOPER = "names no datastore directory"
"""That a folder of predictions does not say who made the model; nothing else may be warned of."""


@pytest.mark.parametrize("folder", ["gated", "general"])
def test_its_validator_finds_no_mistake(folder, request, tmp_path, monkeypatch):
    saeval.export(request.getfixturevalue(folder), "eee", out=tmp_path / "out")
    monkeypatch.chdir(tmp_path / "out")
    files = sorted(Path("data").glob("*/*/*/*"))
    assert len(files) == (4 if folder == "gated" else 12)
    for path in expand_paths([str(path) for path in files]):
        report = validate_file(path)
        assert report.errors == [], path
        warnings = [w for w in report.warnings if UNKNOWN_DEVELOPER not in w["msg"]]
        assert warnings == [], path
    assert len({path.name.split("_")[0].removesuffix(".json") for path in files}) * 2 == len(files)
