"""Any bytes are JSON or one error that says where; and nothing is waited for."""

from __future__ import annotations

import contextlib
import json
import math
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saeval.errors import DataError, InputError
from saeval.json_source import (
    open_file,
    parse_json,
    parse_object,
    read_bytes,
    read_lines,
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.binary())
def test_any_bytes_are_a_value_or_an_input_error(content):
    with contextlib.suppress(InputError):
        parse_json(content, "x.json:3")


@given(JSON)
def test_what_json_writes_is_read_back(value):
    assert parse_json(json.dumps(value), "x") == value
    assert parse_json(json.dumps(value, ensure_ascii=False).encode("utf-8-sig"), "x") == value


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "not JSON"),
        (b"\xff", "not UTF-8 text"),
        (b"[" * 100_000, "is nested too deeply"),
        (b"9" * 5000, "a whole number of more than 64 bits"),
        (b"[-9223372036854775809]", "a whole number of more than 64 bits"),
        (b"1e999", "a number that is too large"),
        (b"NaN", "NaN is not JSON"),
        (b'{"a": 1, "b": 2, "a": 3}', "the key 'a' stands twice in an object"),
        (b"{}{}", "not JSON"),
    ],
)
def test_what_is_refused(content, problem):
    with pytest.raises(DataError, match=r"^x\.json: ") as error:
        parse_json(content, "x.json", DataError)
    assert problem in str(error.value)


def test_half_characters_are_replaced_since_they_could_not_be_written_again():
    assert parse_json('{"\\ud83d": ["\\udc00", "\\ud83d\\ude00"]}', "x") == {
        "\ufffd": ["\ufffd", "😀"]
    }


def test_other_programs_write_numbers_that_are_none():
    assert math.isnan(parse_json("NaN", "x", nan=True))
    with pytest.raises(InputError, match=r"^x: expected an object, found \[1\]$"):
        parse_object("[1]", "x")


def test_a_pipe_a_device_and_a_folder_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, "/dev/zero"):
        with pytest.raises(InputError, match="expected a file"):
            read_bytes(path)
    with pytest.raises(FileNotFoundError), open_file(tmp_path / "none"):
        pass


def test_lines_have_their_places_and_blank_ones_do_not_count(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"\xef\xbb\xbf1\r\n\n \n2")
    assert list(read_lines(path)) == [(f"{path}:1", "1"), (f"{path}:4", "2")]
    path.write_bytes(b"1\n\xff\n")
    with pytest.raises(InputError, match=r"x\.jsonl:2: not UTF-8 text"):
        list(read_lines(path))
