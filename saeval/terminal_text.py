"""Text from outside stays text: one place through which everything that is shown goes.

Model output, item ids, names of models and files, a server's words and what was typed are hostile.
None of it may move a terminal's cursor, reorder a line, hide in it, begin a line of its own, or be
read as a command by the workflow that keeps the log (``::set-output …``).
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tab and newline
    "\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # unseen
    "\ud800-\udfff\ufffe\uffff\U000e0000-\U000e0fff]"  # half characters, tags
)
_STYLE = r"\x1b\[[0-9;?]*[A-Za-z]"
_LINE_START = re.compile(rf"(?:{_STYLE}|\s)*:?")
_LONGEST_LINE = 2000
_URL_PASSWORD = re.compile(r"([a-z][a-z0-9+.-]{1,20}:/{1,2})[^/\s@\"'<>]*@", re.IGNORECASE)
_QUERY_VALUE = re.compile(r"(?<=[?&;])([\w.-]{1,64})=[^&;#\s\"'<>]+")
_SECRET_WORDS = frozenset({
    "key", "apikey", "accesskey", "accountkey", "token", "accesstoken", "authtoken", "secret",
    "password", "passwd", "pwd", "credential", "credentials", "signature", "sig", "auth",
    "authorization",
})  # fmt: skip
_SECRET_VARIABLES = ("OPENAI_API_KEY", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "WANDB_API_KEY",
                     "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "GITHUB_TOKEN",
                     "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")  # fmt: skip
_SHORTEST_SECRET = 8
"""A shorter one is as likely a word."""


def printable(text: str) -> str:
    """`text` with every character that cannot or must not be shown replaced by U+FFFD.

    These are control characters but tab and newline (an escape sequence could repaint a
    terminal), what is unseen (direction overrides could reorder the words around them, tags and
    characters without width could hide words), separators of lines and paragraphs, and lone
    surrogates (they cannot be encoded).

    Examples
    --------
    >>> printable("a\\x1b[31mb")
    'a�[31mb'
    """
    return _UNPRINTABLE.sub("\ufffd", text.replace("\r\n", "\n"))


def one_line(text: str, limit: int | None = None) -> str:
    """`text` printable, on one line, and cut with an ellipsis after `limit` characters."""
    line = " ".join(printable(text).split())
    if limit is not None and len(line) > limit:
        return line[: limit - 1].rstrip() + "…"
    return line


def quoted(value: object, limit: int = 80) -> str:
    """Any value from outside as a message may quote it: as Python writes it, cut in its middle.

    Examples
    --------
    >>> print(quoted("a\\x1b[2J\\n::error::x"), quoted(float("nan")), quoted(9**9999, 12))
    'a\\x1b[2J\\n::error::x' nan a number of more than 4300 digits
    """
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # Python writes no whole number of over 4300 digits
        is_number = isinstance(value, int)
        return "a number of more than 4300 digits" if is_number else f"a {type(value).__name__}"
    text = printable(text)
    return text if len(text) <= limit else f"{text[: limit - limit // 3 - 1]}…{text[-limit // 3 :]}"


def message_line(text: object) -> str:
    """A message as it is printed: on one line, printable, and cut if it is endless."""
    line = printable(str(text)).replace("\n", "\\n").strip()
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…"


def without_secrets(text: str) -> str:
    """`text` without what lets people in: a URL's user and password, keys in its query, our keys.

    Examples
    --------
    >>> without_secrets("https://me:pass@host/v1?api_key=abc&seed=1")
    'https://[hidden]@host/v1?api_key=[hidden]&seed=1'
    """
    text = _URL_PASSWORD.sub(r"\1[hidden]@", text)
    return without_own_keys(_QUERY_VALUE.sub(_without_value, text))


def without_own_keys(text: str) -> str:
    """`text` without the keys that this process has in its environment; all else stays."""
    for name in _SECRET_VARIABLES:
        secret = os.environ.get(name, "").strip()
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "[hidden]")
    return text


def _without_value(setting: re.Match[str]) -> str:
    return f"{setting[1]}=[hidden]" if names_secret(setting[1]) else setting[0]


def names_secret(name: str) -> bool:
    """Whether a setting of that name lets people in: ``api_key``, ``token``, ``sig``, …"""
    return not _SECRET_WORDS.isdisjoint(re.split(r"[\W_]+", name.lower()))


def print_workflow_command(line: str, to: TextIO | GuardedStream | None = None) -> None:
    """Print a line that a workflow is meant to read as a command; `line` is escaped already."""
    stream = sys.stdout if to is None else to
    print(one_line(line), file=stream.stream if isinstance(stream, GuardedStream) else stream)


class GuardedStream:
    """A text stream that writes only what can be shown, and no line that a workflow would run.

    Attributes
    ----------
    styled
        The same stream for `saeval.progress.GuardedConsole`, which looks through its own texts and
        adds escape sequences of its own.
    """

    def __init__(self, stream: TextIO, name: str = "standard output") -> None:
        self.stream = stream
        self._name = name
        self.styled = _StyledStream(self)
        self._line = ""

    def write(self, text: str) -> int:
        """Write `text`; the number of its characters."""
        shown = printable(text)
        if text.startswith("\r") and not text.startswith("\r\n") and self.stream.isatty():
            shown = "\r" + shown[1:]  # how progress bars of libraries begin their line anew
        self.write_styled(shown)
        return len(text)

    def write_styled(self, text: str) -> None:
        """Write `text`, which holds no escape sequence but our own."""
        pieces = re.split(r"([\r\n])", without_secrets(text).replace("##[", "## ["))
        for index, piece in enumerate(pieces):
            if piece in ("\r", "\n"):
                self._line = ""
            elif piece:
                pieces[index] = self._begin(piece)
        shown, encoding = "".join(pieces), getattr(self.stream, "encoding", None)
        if encoding:
            shown = shown.encode(encoding, "backslashreplace").decode(encoding)
        with self._named():
            self.stream.write(shown)

    def flush(self) -> None:
        """Write what is still held back."""
        with self._named():
            self.stream.flush()

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Let an error say which stream could not be written."""
        try:
            yield
        except OSError as error:
            error.filename = self._name
            raise

    def _begin(self, piece: str) -> str:
        """The next part of a line, with a space in a ``::`` that begins the line."""
        start = _LINE_START.fullmatch(self._line)
        line = self._line + piece
        if start is None:
            return piece
        begun = _LINE_START.match(line)
        end = begun.end() if begun else 0
        if line[:end].endswith(":") and line[end : end + 1] == ":":
            at = end - len(self._line)
            piece = f"{piece[:at]} {piece[at:]}"
        self._line = (self._line + piece)[: end + 2]
        return piece

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class _StyledStream:
    def __init__(self, guard: GuardedStream) -> None:
        self._guard = guard

    def write(self, text: str) -> int:
        self._guard.write_styled(text)
        return len(text)

    def flush(self) -> None:
        self._guard.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._guard.stream, name)
