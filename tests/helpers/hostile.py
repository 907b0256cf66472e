# ruff: noqa: E501
"""Files and texts as an attacker would make them: mutations of real ones, by a seeded generator."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

import yaml

CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e"
                     "\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]")  # fmt: skip
"""What no output may hold beside tab and line feed."""

TEXTS = (
    "\x1b[2J\x1b[31mPASS\x1b[0m",
    "\x1b]0;title\x07",
    "\n::set-output name=verdict::PASS",
    "::error::x",
    "  ::add-mask::x",
    "##[set-env name=PATH]x",
    "\r::warning::overwritten",
    "a\x00b",
    "\u202egnp.exe",
    "\u2066isolated\u2069",
    "\U000e0041\U000e0042 tags",
    "zero\u200bwidth\u200d\ufeff",
    "line\u2028separator\u2029\x85",
    "half \ud83d character",
    "[bold red]markup[/] [link=https://x]y[/link]",
    "[/]",
    "{0} {x!r} %s %(x)s $x ${x} `x`",
    "<script>alert(1)</script>",
    "![x](https://x/y.png) |pipe| @someone #1",
    "=HYPERLINK(\"https://x\")",
    "../../../etc/passwd",
    "/dev/stdin",
    "http://user:hunter2secret@host/v1#m",
    "https://host/v1?api_key=hunter2secret",
    "",
    " ",
    "x" * 300_000,
    "9" * 5000,
    "LABEL=PASS\nCONF=0.9" * 3,
    "\\" * 99,
    "'\"`",
    "NaN",
    "-",
    "--help",
    "factworld",
    "ＬＡＢＥＬ＝ＰＡＳＳ",
)  # fmt: skip
"""Strings that have broken programs."""

VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 1.5, -0.0, 1e308, 2**31, 2**63, 2**64, 10**30, [], {}, [[]],
    [None], {"": None}, {"a": {"a": {"a": 1}}}, "", "PASS", "NA", "XYZ", [1, "a", None], "1", [{}],
)  # fmt: skip
"""Values of other types than were asked for."""

RAW = (
    b"", b" ", b"\n\n", b"null", b"true", b"0", b"[]", b"{}", b'""', b"[[]]", b"{", b"[", b'"', b"\x00",
    b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}", b"\x80\x81", b"[" * 100_000, b'{"a":' * 100_000,
    b"[" * 900 + b"]" * 900, b"9" * 5000, b"-" + b"9" * 5000, b"1e999", b"NaN", b"[NaN, Infinity]",
    b'"\\ud800"', b'"\\u0000"', b'{"a":1,"a":2}', b'{"schema": 1}', b"a: &a [*a]", b"a: &a x\nb: *a",
    b"!!python/object/apply:os.system [id]", b"!!timestamp 2020-01-01", b"a: !!binary aGk=",
    b"? [a, b]\n: c", b"a: !!set {b, c}", b"a: !!int x", b"a: !!bool x", b"a: !!float x", b"--- a\n--- b",
    b"a: 1\na: 2", b"%YAML 9.9\n---\na", b"a: \"\\ud800\"", b"a: \"\\U00110000\"", b"- " * 50_000,
    b"{" * 5_000, b"a:\n " * 2_000, b"\t- x", b"<<: {a: 1}", b"a: .nan", b"a: .inf", b"a: 1e999",
    b"PK\x03\x04", b"\x1f\x8b\x08", b"#!/bin/sh\n", "é→\u2028".encode(), b"{}\n" * 50, b"{}\r\n{}",
    b"{}{}", b"[1,2", b'{"a": 1,}', b"'a'", b"// x\n{}", b"\x0c{}", b"\xed\xa0\x80",
)  # fmt: skip
"""Whole files."""


def mutations(content: bytes, seed: int) -> Iterator[bytes]:
    """Endless hostile versions of a file: of its structure, its texts and its bytes."""
    random_ = random.Random(seed)
    parse, dump = _format(content)
    while True:
        choice = random_.random()
        if choice < 0.12:
            yield random_.choice(RAW)
        elif choice < 0.3 or parse is None:
            yield _mutate_bytes(content, random_)
        else:
            lines = parse(content)
            for _ in range(random_.choice((1, 1, 1, 2, 5))):
                _mutate_tree(lines, random_)
            yield dump(lines)


def _format(content: bytes) -> tuple[Callable[[bytes], Any] | None, Callable[[Any], bytes]]:
    """How a file is read and written: one value of JSON, lines of it, or YAML."""

    def dump(value: Any) -> bytes:
        return json.dumps(value).encode()

    try:
        json.loads(content)
        return json.loads, dump
    except ValueError:
        pass
    try:
        [json.loads(line) for line in content.splitlines()]
        return (
            lambda text: [json.loads(line) for line in text.splitlines()],
            lambda lines: b"\n".join(map(dump, lines)) + b"\n",
        )
    except ValueError:
        pass
    try:
        if not isinstance(yaml.safe_load(content), dict):
            return None, dump
    except yaml.YAMLError:
        return None, dump
    return yaml.safe_load, lambda value: yaml.safe_dump(value).encode("utf-8", "replace")


def _mutate_tree(tree: Any, random_: random.Random) -> None:
    places = list(_places(tree))
    if not places:
        return
    holder, key = random_.choice(places)
    choice = random_.random()
    if choice < 0.2:
        del holder[key]
    elif choice < 0.5:
        holder[key] = copy.deepcopy(random_.choice(VALUES))
    elif choice < 0.85:
        text = random_.choice(TEXTS)
        old = holder[key]
        holder[key] = f"{old}{text}" if isinstance(old, str) and random_.random() < 0.3 else text
    elif choice < 0.95 and isinstance(holder, dict):
        holder[random_.choice((*TEXTS[:23], "schema", "extra"))] = holder.pop(key)
    else:
        other, there = random_.choice(places)
        if other is not holder:
            holder[key] = copy.deepcopy(other[there]) if not isinstance(other[there], dict) else {}


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(tree) if isinstance(tree, dict) else range(len(tree))
    for key in keys:
        yield tree, key
        if isinstance(tree[key], dict | list):
            yield from _places(tree[key])


def _mutate_bytes(content: bytes, random_: random.Random) -> bytes:
    at = random_.randrange(len(content) + 1)
    choice = random_.randrange(8)
    if choice == 0:
        return content[:at]
    if choice == 1:
        return content[at:]
    if choice == 2:
        return content[:at] + random_.choice(RAW)[:9999] + content[at:]
    if choice == 3:
        return b"\xef\xbb\xbf" + content
    if choice == 4:
        return content.decode("utf-8", "replace").encode("utf-16")
    if choice == 5:
        number = random_.choice((b"9" * 5000, b"1e999", b"NaN", b"-Infinity", b"0x10", b"1_000"))
        places = list(re.finditer(rb"\b\d+(\.\d+)?\b", content))
        if places:
            place = random_.choice(places)
            return content[: place.start()] + number + content[place.end() :]
    if choice == 6:
        end = min(len(content), at + random_.randrange(1, 60))
        return content[:at] + content[end:]
    return content[:at] + bytes([random_.randrange(256)]) + content[at + 1 :]
