"""Hashes that say whether two answers are to the same question."""

from __future__ import annotations

import hashlib
import json


def hash_text(text: str) -> str:
    """SHA-256 of a text; of a prompt or target it equals lm-eval's prompt_hash, target_hash."""
    return hashlib.sha256(text.encode("utf-8", errors="backslashreplace")).hexdigest()


def hash_document(document: dict[str, object]) -> str:
    """SHA-256 of a document row, equal to lm-eval's doc_hash."""
    return hash_text(json.dumps(document, indent=2, default=_plain, ensure_ascii=False))


def _plain(value: object) -> object:
    """Of what JSON does not know, as lm-eval has it."""
    if isinstance(value, set):
        return list(value)
    item = getattr(value, "item", None)  # of a number of NumPy
    return item() if callable(item) and getattr(value, "ndim", None) == 0 else str(value)
