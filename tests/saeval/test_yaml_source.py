from __future__ import annotations

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saeval.errors import YamlError
from saeval.yaml_source import parse_yaml, parse_yaml_value, read_yaml_file

YAML = (
    *("!!int ", "!!set ", "!!bool ", "!!float ", "&a ", "*a", "<<: ", "---", "- ", ": ", "? "),
    *("\\x", "\\u", *"abc:-?[]{}&*!|>%@`#'\"\\\n \t0."),
)


def test_every_key_and_entry_has_its_line():
    content, lines = parse_yaml("a: 1\nb:\n  - {c: 2e-6}\n  - d\n", "it.yaml")
    assert content == {"a": 1, "b": [{"c": 2e-6}, "d"]}
    assert lines == {
        (): 1, ("a",): 1, ("b",): 2, ("b", 0): 3, ("b", 0, "c"): 3, ("b", 1): 4,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"), ("yes", "yes"), ("true", True), ("null", None), ("010", 10),
        ("1.5", 1.5), ("2e-6", 2e-6), ("2024-01-01", "2024-01-01"), ("NA", "NA"),
    ],
)  # fmt: skip
def test_scalars_are_those_of_the_core_schema(text, value):
    assert parse_yaml_value(text, "it") == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2", "it.yaml:2: `a` stands twice, first on line 1"),
        ("a: [1", "it.yaml:"),
        ("1: 2", "it.yaml:1: a key must be a name, found '1'"),
        ("a: !!python/object:os.system x", "it.yaml:1: not YAML"),
        ("a: &x 1\nb: *x", "it.yaml:2: not YAML: an alias"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(text, message):
    with pytest.raises(YamlError) as error:
        parse_yaml(text, "it.yaml")
    assert str(error.value).startswith(message)


def test_a_file_that_is_no_text_is_named(tmp_path):
    path = tmp_path / "it.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(YamlError, match="not UTF-8 text"):
        read_yaml_file(path)


@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_yaml_or_an_error_that_says_where(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(content)
    try:
        value, _ = read_yaml_file(path)
    except YamlError:
        return
    json.dumps(value)


@given(
    st.lists(st.sampled_from([*YAML, *"abc:-?[]{}&*!|>%@`#'\"\\\n \t0."]), max_size=30).map("".join)
)
def test_any_signs_of_yaml_are_plain_values_or_an_error(text):
    try:
        value, _ = parse_yaml(text, "x")
    except YamlError:
        return
    json.dumps(value)


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "9" * 5000, "a: !!int x", "a: !!bool maybe", "a: !!float x",
        "a: !!timestamp 2020-01-01", "a: 2020-01-01T00:00:00Z\nb: !!binary aGk=", "a: !!set {b}",
        "a: !!python/name:os.system x",
        "a: &x 1\nb: *x", "[" * 9999, "a: \"\\ud800\"", "a: \"\\U00110000\"", "x" * 1_000_001,
        "--- 1\n--- 2", "\ud800",
    ],
)  # fmt: skip
def test_what_no_recipe_or_policy_holds_is_refused(text):
    with pytest.raises(YamlError, match=r"^it\.yaml"):
        parse_yaml(text, "it.yaml")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "it.yaml")
    with pytest.raises(YamlError, match="is a pipe or device"):
        read_yaml_file(tmp_path / "it.yaml")
