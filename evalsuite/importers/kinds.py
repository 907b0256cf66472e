"""What a file is, by what it begins with: for readers, and to name what none of them reads."""

from __future__ import annotations

from pathlib import Path

from saeval.errors import InputError
from saeval.json_source import open_file
from saeval.terminal_text import quoted

PARQUET, ZIP = b"PAR1", b"PK\x03\x04"
ARROW, ARROW_STREAM = b"ARROW1", b"\xff\xff\xff\xff"
LARGEST = 8 * 2**30
"""Bytes of a file that is read."""
_HEAD = 1 << 16
_KINDS = (
    (b"SQLite format 3\x00", "a SQLite file"),
    (b"\x89PNG\r\n", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"GIF8", "a picture (GIF)"),
    (b"%PDF-", "a PDF file"),
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive; unpack it first"),
    (b"BZh", "a bzip2 archive; unpack it first"),
    (b"\xfd7zXZ\x00", "an xz archive; unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive; unpack it first"),
    (b"\x80\x02", "a pickle, which is never loaded"),
    (b"\x80\x03", "a pickle, which is never loaded"),
    (b"\x80\x04", "a pickle, which is never loaded"),
    (b"\x80\x05", "a pickle, which is never loaded"),
    (b"\x89HDF\r\n", "an HDF5 file"),
    (b"\x93NUMPY", "an array of NumPy"),
    (b"GGUF", "model weights (GGUF)"),
    (b"\x7fELF", "a program"),
    (b"Obj\x01", "an Avro file"),
    (b"ORC", "an ORC file"),
    (b"\xd0\xcf\x11\xe0", "an old Office file; save the table as CSV"),
    (b"\xff\xfe", "UTF-16 text; save it as UTF-8"),
    (b"\xfe\xff", "UTF-16 text; save it as UTF-8"),
)


def read_head(path: Path) -> bytes:
    """The first bytes of a file, which is a regular one and not too large.

    Raises
    ------
    InputError
        If it is not.
    """
    with open_file(path) as file:
        if (size := path.stat().st_size) > LARGEST:
            raise InputError(
                f"{path}: has {size / 2**30:.0f} GiB, and saeval reads files of up to "
                f"{LARGEST // 2**30}; split it by task"
            )
        return file.read(_HEAD)


def head_text(head: bytes) -> str | None:
    """The head as text; None if it is none."""
    if b"\x00" in head:
        return None
    try:
        return head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # a character that the end of the head cuts in two
        whole = len(head) == _HEAD and error.start >= _HEAD - 4
        return head[: error.start].decode("utf-8-sig") if whole else None


def first_line(path: Path, head: bytes) -> str:
    """The first line that is not blank, to its end; empty of what is no text."""
    if head_text(head) is None:
        return ""
    with open_file(path) as file:
        for line in iter(lambda: file.readline(LARGEST), b""):
            try:
                if text := line.decode("utf-8-sig").strip():
                    return text
            except UnicodeDecodeError:
                return ""
    return ""


def describe_file(head: bytes) -> str:
    """What a file is that no reader takes, for people: ``a SQLite file``."""
    if not head:
        return "an empty file"
    for magic, name in _KINDS:
        if head.startswith(magic):
            return name
    if head.startswith(ZIP):
        if b"[Content_Types].xml" in head:
            return "an Office file; save the table as CSV"
        if b"/data.pkl" in head or b"/byteorder" in head:
            return "weights of PyTorch, which are pickles and never loaded"
        return "a zip archive; unpack it first"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "a picture (WebP)"
    text = head_text(head)
    if text is None:
        if sum(byte >= 32 or byte in b"\t\r\n" for byte in head) == len(head):
            return "text that is not UTF-8; save it as UTF-8"
        return "no text, and of no kind that saeval reads"
    start = text.lstrip()
    if start[:1] == "<":
        return "a page or drawing (HTML, XML or SVG)"
    if start[:1] in ("{", "["):
        return "JSON that holds no predictions of a kind that saeval reads"
    return f"a text that begins {quoted(start[:40])}" if start else "an empty file"
