"""Text from outside stays text, whatever it is and however it is written."""

from __future__ import annotations

import io
import re

import pytest
from hostile import CONTROL, TEXTS
from hypothesis import given
from hypothesis import strategies as st

from saeval.progress import GuardedConsole
from saeval.terminal_text import (
    GuardedStream,
    message_line,
    names_secret,
    one_line,
    printable,
    quoted,
    without_secrets,
)

HOSTILE = st.lists(
    st.sampled_from([text for text in TEXTS if len(text) < 100])
    | st.sampled_from(["::", ":", "\n", "\r", " ", "\t", "##[", "\x1b[1m", "\x1b[", "1m"])
    | st.text(st.characters(), max_size=20),
    max_size=8,
)


def commands(text):
    """Lines that a workflow would read as a command, also after styles."""
    lines = re.split(r"[\r\n]", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text))
    return [line for line in lines if line.lstrip().startswith("::")]


@given(HOSTILE)
def test_whatever_is_written_in_whatever_pieces_is_shown_as_text(pieces):
    whole, parts = io.StringIO(), io.StringIO()
    GuardedStream(whole).write("".join(pieces))
    guard = GuardedStream(parts)
    for piece in pieces:
        guard.write(piece)
    for shown in (whole.getvalue(), parts.getvalue()):
        assert not CONTROL.search(shown)
        assert not commands(shown)
        shown.encode()
    assert "##[" not in whole.getvalue()


@given(HOSTILE)
def test_a_console_styles_and_shows_as_text(pieces):
    stream = io.StringIO()
    console = GuardedConsole(file=GuardedStream(stream), force_terminal=True, width=40)
    console.print("".join(pieces), markup=False, style="bold")
    shown = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())
    assert not CONTROL.search(shown)
    assert not commands(stream.getvalue())
    assert "##[" not in stream.getvalue()


@given(st.text(st.characters()))
def test_helpers_leave_nothing_that_cannot_be_shown(text):
    for shown in (printable(text), one_line(text), quoted(text), message_line(text)):
        assert not CONTROL.search(shown)
    assert "\n" not in one_line(text) + quoted(text) + message_line(text)
    assert len(quoted(text, 30)) <= 30


def test_what_can_be_shown_is_left_alone():
    text = "Ü→ tab\tline\n  a::b, #[x] http://host:8000/v1?seed=1#m 日本語 ✓ 😀"
    stream = io.StringIO()
    GuardedStream(stream).write(text)
    assert stream.getvalue() == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:pa@host/v1", "https://[hidden]@host/v1"),
        ("s3://b/x?X-Amz-Signature=ab12&x=1", "s3://b/x?X-Amz-Signature=[hidden]&x=1"),
        ("GET https://h/?a=1&access_token=q HTTP", "GET https://h/?a=1&access_token=[hidden] HTTP"),
        ("mail me@host, a?b=c", "mail me@host, a?b=c"),
        ("key sk-0123456789 ends", "key [hidden] ends"),
    ],
)  # fmt: skip
def test_secrets_are_hidden_whatever_is_printed(text, shown, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789")
    assert without_secrets(text) == shown
    stream = io.StringIO()
    GuardedStream(stream).write(text)
    assert stream.getvalue() == shown


def test_names_of_secrets():
    for name in ("api_key", "API-KEY", "token", "hf_token", "sig", "X-Amz-Signature", "password"):
        assert names_secret(name)
    for name in ("seed", "max_gen_toks", "tokenizer", "dtype", "design", "keyword", "monkey"):
        assert not names_secret(name), name
