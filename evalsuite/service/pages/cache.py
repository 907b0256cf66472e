"""Rendered pages, kept until the record is written to; what is personal is put in afterwards.

A page is rendered once for a state of the record and a scope, with marks where the header and the
forms' CSRF token belong, or a large text that is kept elsewhere. Marks are random and of this
process, so that no text of the record can hold one, and what is kept holds nothing of a caller.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

_MARK = secrets.token_hex(16)
_SPLIT = re.compile(rf"{_MARK}:([a-z]+);")
PAGE_BYTES = 64 * 2**20


def mark(name: str) -> str:
    """Where something personal belongs in a rendered page."""
    return f"{_MARK}:{name};"


@dataclass(frozen=True)
class Rendered:
    """A page without what is personal.

    Attributes
    ----------
    parts
        Text and names of marks in turn: text at even places, a name at odd ones.
    digest
        Of all of it.
    """

    parts: tuple[bytes | str, ...]
    digest: str

    @classmethod
    def of(cls, page: str) -> Rendered:
        """Split a page at its marks."""
        pieces = _SPLIT.split(page)
        digest = hashlib.sha256(_SPLIT.sub(r"\1", page).encode(errors="replace")).hexdigest()[:32]
        parts = (p if i % 2 else p.encode(errors="replace") for i, p in enumerate(pieces))
        return cls(tuple(parts), digest)

    @property
    def size(self) -> int:
        """About the bytes that it takes in memory."""
        return sum(len(part) for part in self.parts) + 500

    def fill(self, texts: Mapping[str, bytes]) -> bytes:
        """The whole page, with a text for each mark."""
        return b"".join(texts[p] if isinstance(p, str) else p for p in self.parts)


class Sized(Protocol):
    """What a cache can hold."""

    @property
    def size(self) -> int:
        """About the bytes that it takes in memory."""


Page = TypeVar("Page", bound=Sized)


class PageCache(Generic[Page]):
    """Pages by key, the least recently used dropped first; a page is made once at a time.

    Parameters
    ----------
    limit
        Bytes of all pages together.
    """

    def __init__(self, limit: int = PAGE_BYTES) -> None:
        self._limit = limit
        self._bytes = 0
        self._pages: OrderedDict[Hashable, Page] = OrderedDict()
        self._under_way: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Page | None]) -> Page | None:
        """The page of a key, made if it is not there; who asks meanwhile waits for the same.

        None is not kept.
        """
        with self._lock:
            if (page := self._find(key)) is not None:
                return page
            turn = self._under_way.setdefault(key, threading.Lock())
        with turn:
            try:
                with self._lock:
                    if (page := self._find(key)) is not None:
                        return page
                page = make()
                if page is not None:
                    with self._lock:
                        self._put(key, page)
                return page
            finally:
                with self._lock:
                    self._under_way.pop(key, None)

    @property
    def size(self) -> int:
        """Bytes that all pages take together."""
        return self._bytes

    def _find(self, key: Hashable) -> Page | None:
        page = self._pages.get(key)
        if page is not None:
            self._pages.move_to_end(key)
        return page

    def _put(self, key: Hashable, page: Page) -> None:
        if page.size > self._limit // 4:
            return
        if (old := self._pages.pop(key, None)) is not None:
            self._bytes -= old.size
        self._pages[key] = page
        self._bytes += page.size
        while self._bytes > self._limit:
            _, dropped = self._pages.popitem(last=False)
            self._bytes -= dropped.size
