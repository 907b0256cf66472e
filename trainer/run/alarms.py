"""Alarms: signs in the numbers of each step that training has gone wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from saeval.errors import RunFolderError
from saeval.trainer.recipe.run_settings import AlarmSettings


@dataclass(frozen=True)
class Alarm:
    """One alarm.

    Attributes
    ----------
    step
        When it went off.
    name
        ``abstention``, ``never-abstains``, ``format``, ``confidence``, ``any-right`` or ``kl``.
    text
        What was seen, for how long, and what it means.
    """

    step: int
    name: str
    text: str


@dataclass(frozen=True)
class _Rule:
    name: str
    setting: str
    metric: str
    above: bool
    meaning: str


_RULES = (
    _Rule("abstention", "abstention_rate_above", "abstention_rate", True, "it declines everywhere"),
    _Rule("never-abstains", "abstention_rate_below", "abstention_rate", False, "it never declines"),
    _Rule("format", "format_rate_below", "format_rate", False, "answers cannot be read"),
    _Rule(
        "confidence",
        "confidence_spread_below",
        "confidence_spread",
        False,
        "it states one confidence for everything",
    ),
    _Rule(
        "any-right",
        "any_right_below",
        "any_right",
        False,
        "hardly any group has a right answer, so that there is nothing to learn answering from",
    ),
    _Rule("kl", "kl_above", "kl", True, "it has gone far from the base"),
)


class AlarmMonitor:
    """Looks at every step's numbers.

    Parameters
    ----------
    alarms
        Bounds, and for how many looks a number has to be beyond one.
    what
        What is looked at, in the plural, for the message.

    Examples
    --------
    >>> monitor = AlarmMonitor(AlarmSettings(patience=2))
    >>> [len(monitor.check_step(step, {"abstention_rate": 0.99})) for step in (1, 2, 3)]
    [0, 1, 0]
    >>> monitor.check_step(4, {"loss": float("nan")})
    Traceback (most recent call last):
    ...
    saeval.errors.RunFolderError: step 4: loss is nan
    """

    def __init__(self, alarms: AlarmSettings, what: str = "steps") -> None:
        self._alarms, self._what = alarms, what
        self._seen = {rule.name: 0 for rule in _RULES}

    def check_step(self, step: int, metrics: Mapping[str, float]) -> list[Alarm]:
        """The alarms that go off at this step; each goes off once, until its number recovers.

        Raises
        ------
        RunFolderError
            If any number is not finite.
        """
        for name, value in metrics.items():
            if not math.isfinite(value):
                raise RunFolderError(f"step {step}: {name} is {value}")
        return [alarm for rule in _RULES if (alarm := self._check(rule, step, metrics))]

    def _check(self, rule: _Rule, step: int, metrics: Mapping[str, float]) -> Alarm | None:
        bound, value = getattr(self._alarms, rule.setting), metrics.get(rule.metric)
        if bound is None or value is None:
            return None
        beyond = value > bound if rule.above else value < bound
        self._seen[rule.name] = self._seen[rule.name] + 1 if beyond else 0
        if self._seen[rule.name] != self._alarms.patience:
            return None
        sign = "above" if rule.above else "below"
        return Alarm(
            step,
            rule.name,
            f"{rule.meaning}: {rule.metric} is {value:.3g}, {sign} {bound:g} for "
            f"{self._alarms.patience} {self._what}",
        )
