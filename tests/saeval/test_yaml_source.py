from __future__ import annotations

import pytest

from saeval.errors import YamlError
from saeval.yaml_source import parse_yaml, parse_yaml_value, read_yaml_file


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
