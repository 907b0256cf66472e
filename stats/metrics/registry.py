"""All metrics by name: the built-in ones, those of installed packages, and registered ones.

A package adds its metrics by an entry point of the group ``saeval.metrics`` that has the
metric's name and names a `Metric`::

    [project.entry-points."saeval.metrics"]
    certain_rate = "my_package.metrics:CERTAIN_RATE"
"""

from __future__ import annotations

import difflib
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from saeval.errors import InputError
from saeval.stats.metrics.built_in import BUILT_IN
from saeval.stats.metrics.metric import Metric

ENTRY_POINTS = "saeval.metrics"

_METRICS: dict[str, Metric] = {metric.name: metric for metric in BUILT_IN}
_OWN: dict[str, Metric] = {}


def register_metric(metric: Metric) -> Metric:
    """Register a metric, so that comparisons, gates and reports have it.

    Parameters
    ----------
    metric
        A proportion or a mean with `values`.

    Returns
    -------
    Metric
        The same, so that a module can register and name it in one line.

    Raises
    ------
    ValueError
        If its name is taken by another metric, or it has no `values`.

    Examples
    --------
    >>> from saeval.stats import Metric, get_metric, register_metric
    >>> certain = register_metric(
    ...     Metric(
    ...         name="certain_rate",
    ...         title="Certain",
    ...         definition="Answers given with a confidence of 95% or more.",
    ...         kind="proportion",
    ...         scale="proportion",
    ...         values=lambda pairs, answers: answers.confidence >= 0.95,
    ...     )
    ... )
    >>> get_metric("certain_rate") is certain
    True
    >>> unregister_metric("certain_rate")
    """
    if metric.values is None:
        raise ValueError("`metric` must have `values`, the value of each item for one model")
    known = _METRICS.get(metric.name) or _OWN.get(metric.name)
    if known is not None and known != metric:
        raise ValueError(f"`metric` must have a name of its own: there is a {metric.name!r}")
    _OWN[metric.name] = metric
    return metric


def unregister_metric(name: str) -> None:
    """Take back what `register_metric` added; nothing happens if there is none."""
    _OWN.pop(name, None)


def get_metric(name: str) -> Metric:
    """The metric of that name.

    Raises
    ------
    KeyError
        If there is none; the message names the nearest.

    Examples
    --------
    >>> get_metric("auroc").title
    'AUROC'
    """
    metric = find_metric(name)
    if metric is None:
        near = difflib.get_close_matches(name, list_metrics(), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise KeyError(f"there is no metric {name!r}{hint}")
    return metric


def find_metric(name: str) -> Metric | None:
    """The metric of that name, or None."""
    return _METRICS.get(name) or own_metrics().get(name)


def list_metrics() -> tuple[str, ...]:
    """Names of all metrics, the built-in ones first.

    Examples
    --------
    >>> list_metrics()[:2]
    ('accuracy', 'macro_f1')
    """
    return (*_METRICS, *own_metrics())


def own_metrics() -> dict[str, Metric]:
    """Metrics that are not built in, by name: of installed packages, then of `register_metric`."""
    return {**_installed(), **_OWN}


@cache
def _installed() -> dict[str, Metric]:
    metrics = {}
    for point in entry_points(group=ENTRY_POINTS):
        metric = _load(point)
        metrics[metric.name] = metric
    return metrics


def _load(point: EntryPoint) -> Metric:
    where = f"entry point {point.name} of {ENTRY_POINTS}"
    try:
        metric = point.load()
    except Exception as error:  # importing a package's module may raise anything
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"{where}: cannot load {point.value} ({reason})") from error
    if not isinstance(metric, Metric) or metric.values is None or metric.name != point.name:
        raise InputError(f"{where}: {point.value} must be a Metric of that name, with `values`")
    if metric.name in _METRICS:
        raise InputError(f"{where}: {metric.name} is a built-in metric; choose another name")
    return metric
