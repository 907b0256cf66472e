"""Metrics as a person names them: in a gate's policy, and with ``--best``."""

from __future__ import annotations

from saeval.stats.gate.rules import EVERY, rule_metrics
from saeval.stats.metrics.registry import get_metric
from saeval.suggest import did_you_mean
from saeval.tasks.registry import get_task, list_tasks
from saeval.tasks.types import QUESTION_LABELS

ABSTENTION = "abstention"
"""Stands for the task's own label for abstaining."""
LABELLED_METRICS = ("recall", "precision", "f1")


class UnknownMetricError(ValueError):
    """There is no such metric; the message names the nearest."""


def parse_metric(written: str, label: str | None = None) -> tuple[str, str | None]:
    """Name and label, from ``recall`` with a label, ``NA recall``, ``recall of every label`` or a
    name as reports print it.

    Raises
    ------
    ValueError
        If there is no such metric or label.
    """
    words = written.split()
    if [word.lower() for word in words[1:]] == ["of", "every", "label"]:
        words = [EVERY, words[0]]
    if len(words) == 2 and words[1].lower() in LABELLED_METRICS:
        if label is not None:
            raise ValueError(f"{written!r} names its label already; leave out label: {label}")
        label, name = words[0], words[1].lower()
    else:
        name = "_".join(words).lower().replace("-", "_")
        name = _metrics_by_title().get(" ".join(words).lower(), name)
    if name not in rule_metrics():
        raise UnknownMetricError(
            f"unknown metric {written!r}; {did_you_mean(name, rule_metrics())}"
        )
    if name not in LABELLED_METRICS:
        if label is not None:
            raise ValueError(f"{name} has no label")
        return name, None
    comparable = [t for t in map(get_task, list_tasks()) if not t.asks_about_own_answers]
    labels = sorted({label for task in comparable for label in task.labels.names})
    if label is None:
        raise ValueError(
            f"{name} of which label? Give label: {EVERY}, {ABSTENTION}, or one of a task"
        )
    if label not in (*labels, ABSTENTION, EVERY):
        known = (ABSTENTION, EVERY, *labels)
        raise ValueError(f"unknown label {label!r}; {did_you_mean(label, known)}")
    return name, label


def _metrics_by_title() -> dict[str, str]:
    """Name of each metric without a label by its title, in small letters."""
    return {
        get_metric(name).title.format(label=label).lower(): name
        for name in rule_metrics()
        for label in ("NA", QUESTION_LABELS.abstention)
        if name not in LABELLED_METRICS and get_metric(name).has_difference
    }
