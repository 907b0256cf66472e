"""Which key of a JSON file holds which field of a result; by default the field's name.

Files keep the keys that they had before the fields took SciPy's names.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from functools import cache
from typing import Any

KEYS: dict[str, dict[str, str]] = {
    "MetricComparison": {
        "confidence_interval": "difference_interval",
        "pvalue": "p",
        "method": "test",
        "pvalue_max_t": "p_max_t",
        "pvalue_holm": "p_holm",
        "pvalue_bh": "p_bh",
    },
    "McNemar": {
        "pvalue_mid": "p_mid",
        "pvalue_exact": "p_exact",
        "pvalue_asymptotic": "p_asymptotic",
        "pvalue_corrected": "p_corrected",
    },
    "Levene": {"pvalue": "p"},
    "PairedStd": {
        "log_ratio_pvalue": "log_ratio_p",
        "brown_forsythe_pvalue": "brown_forsythe_p",
    },
    "Transitions": {
        "bowker_pvalue": "bowker_p",
        "stuart_maxwell_pvalue": "stuart_maxwell_p",
    },
    "PublishedRow": {"pvalue": "p"},
    "SourceDifference": {"pvalue": "p"},
    "RepeatedSamples": {"stuart_maxwell_pvalue": "stuart_maxwell_p"},
    "GraderAgreement": {"not_judged": "not_asked"},
    "TaskComparison": {
        "std": "spread",
        "n_changed_items": "flips_total",
    },
    "StatsConfig": {"confidence_level": "level", "n_resamples": "replicates"},
    "Best": {"confidence_level": "level", "n_resamples": "replicates"},
    "Candidate": {"best_proportion": "best_share"},
    "Gate": {"confidence_level": "level", "sequential": "until_decided"},
    "TaskCoverage": {"answers": "asked"},
    "RuleResult": {
        "pvalue_pass": "p_pass",
        "pvalue_regression": "p_regression",
        "pvalue_holm": "p_holm",
    },
    "SkippedRule": {"reason": "why"},
    "Frontier": {"confidence_level": "level"},
    "Point": {"abstained": "declined", "invalid": "unreadable"},
    "Change": {"pvalue": "p", "pvalue_holm": "p_holm"},
    "BeyondFront": {"pvalue": "p", "pvalue_holm": "p_holm"},
    "Utility": {"confidence_interval": "difference_interval"},
    "Pairwise": {"confidence_level": "level"},
    "SingleAnswers": {"answers": "asked"},
}
"""By class and field."""


@cache
def keys_of(cls: type) -> dict[str, str]:
    """Key of each field that has one of its own, of a class and those that it extends."""
    return {name: key for base in cls.__mro__ for name, key in KEYS.get(base.__name__, {}).items()}


def with_field_names(tree: object, cls: Any) -> Any:
    """What JSON holds of a dataclass, its keys replaced by the names of the fields."""
    if isinstance(tree, list):
        return [with_field_names(part, _item_type(cls)) for part in tree]
    owner = _dataclass_in(cls)
    if not isinstance(tree, dict) or owner is None:
        return tree
    names = {key: name for name, key in keys_of(owner).items()}
    hints = _hints(owner)
    fields = {names.get(str(key), str(key)): part for key, part in tree.items()}
    return {name: with_field_names(part, hints.get(name)) for name, part in fields.items()}


def path_in_file(steps: tuple[int | str, ...], cls: Any) -> str:
    """A path through fields as a path through the keys of the file."""
    path: list[str] = []
    for step in steps:
        if isinstance(step, int):
            cls = _item_type(cls)
            path.append(str(step))
            continue
        owner = _dataclass_in(cls)
        path.append(step if owner is None else keys_of(owner).get(step, step))
        cls = None if owner is None else _hints(owner).get(step)
    return ".".join(path)


@cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _item_type(hint: Any) -> Any:
    """``X`` of ``tuple[X, ...]``, also where None is allowed."""
    for part in _alternatives(hint):
        if typing.get_origin(part) is tuple:
            return typing.get_args(part)[0]
    return None


def _dataclass_in(hint: Any) -> type | None:
    """``X`` of ``X | None``, if it is a dataclass."""
    for part in _alternatives(hint):
        if isinstance(part, type) and dataclasses.is_dataclass(part):
            return part
    return None


def _alternatives(hint: Any) -> tuple[Any, ...]:
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return typing.get_args(hint) if union else (hint,)
