"""Texts and names as other tools take them: no secrets, nothing that cannot be encoded."""

from __future__ import annotations

import re
from collections.abc import Iterable

from saeval.stats.compare.metric_comparison import MetricComparison
from saeval.terminal_text import one_line, without_own_keys, without_secrets

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_NO_PART_OF_A_NAME = re.compile(r"[^\w.,\-]+", re.ASCII)
_LONGEST_LINE = 2000
_LONGEST_PART = 80


def cleaned(text: str) -> str:
    """A text of a model, a data set or a page: as it is, without keys of this process."""
    return _LONE_SURROGATE.sub("\ufffd", without_own_keys(text))


def cleaned_line(text: str) -> str:
    """A name, a setting or a source: on one line, and without what lets people in."""
    return one_line(without_secrets(text), _LONGEST_LINE)


def name_part(text: str) -> str:
    """A text as a part of the name of a file or a metric: it leads nowhere and is not empty.

    Examples
    --------
    >>> name_part("../Qwen 3/8B"), name_part("..")
    ('Qwen_3_8B', 'unnamed')
    """
    return _NO_PART_OF_A_NAME.sub("_", text)[:_LONGEST_PART].strip("._") or "unnamed"


def metric_key(row: MetricComparison) -> str:
    """``accuracy``, ``recall.NA``: a row of a task in one word."""
    return row.metric if row.label is None else f"{row.metric}.{row.label}"


def unique_keys(keys: Iterable[str]) -> list[str]:
    """Keys with a number behind those that occurred before."""
    seen: dict[str, int] = {}
    found = []
    for key in keys:
        seen[key] = seen.get(key, 0) + 1
        found.append(key if seen[key] == 1 else f"{key}-{seen[key]}")
    return found
