"""Suggestions, extras and models by hub id or folder."""

from __future__ import annotations

import doctest

import pytest

from saeval import extras, hub, suggest
from saeval.errors import MissingExtraError, ModelError
from saeval.extras import require_extra
from saeval.suggest import did_you_mean


@pytest.mark.parametrize("module", [extras, suggest])
def test_examples_of_docstrings(module):
    assert doctest.testmod(module).failed == 0


def test_what_is_like_nothing_is_told_what_there_is():
    assert did_you_mean("vitamins", ["fever", "vitaminc"]) == "did you mean vitaminc?"
    assert did_you_mean("", []) == "known: "


def test_a_missing_extra_is_one_sentence():
    require_extra("run", "click")
    with pytest.raises(
        MissingExtraError, match=r"^not_there is not installed; pip install 'saeval\[vllm\]'$"
    ):
        require_extra("vllm", "click", "not_there")


def test_a_folder_is_a_model_if_it_has_all_parts(tmp_path):
    for name, missing in (
        ("config.json", "no configuration"),
        ("model.safetensors", "no weights"),
        ("tokenizer.json", "no tokenizer"),
    ):
        with pytest.raises(ModelError, match=f"mine: {missing}"):
            hub.check_model_folder(tmp_path, "mine")
        (tmp_path / name).write_text("{}")
    hub.check_model_folder(tmp_path, "mine")
    assert hub.model_folder(str(tmp_path)) == tmp_path


def test_the_content_is_that_of_the_files_and_not_of_the_path(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
    assert hub.model_content(tmp_path / "a") == hub.model_content(tmp_path / "b")
    (tmp_path / "b" / "README.md").write_text("no part of a model")
    assert hub.model_content(tmp_path / "a") == hub.model_content(tmp_path / "b")
    (tmp_path / "b" / "config.json").write_text("{ }")
    assert hub.model_content(tmp_path / "a") != hub.model_content(tmp_path / "b")


def test_what_the_hub_does_not_have_is_one_sentence():
    with pytest.raises(ModelError, match="no/such-model: no such local file or folder") as error:
        hub.model_folder("no/such-model")
    assert "\n" not in str(error.value)
