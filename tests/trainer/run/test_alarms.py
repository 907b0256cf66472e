"""Alarms go off for what they are there for, once, and not otherwise."""

from __future__ import annotations

import pytest

from saeval.errors import RunFolderError
from saeval.trainer.recipe.run_settings import AlarmSettings
from saeval.trainer.run.alarms import Alarm, AlarmMonitor

FINE = {
    "abstention_rate": 0.3,
    "format_rate": 1.0,
    "confidence_spread": 0.2,
    "any_right": 0.6,
    "kl": 0.01,
    "reward": 1.0,
}
ALARMS = AlarmSettings(patience=3, abstention_rate_below=0.02, kl_above=0.5)


def went_off(spoilt: dict[str, float], steps: int = 6) -> list[Alarm]:
    monitor = AlarmMonitor(ALARMS)
    return [
        alarm for step in range(steps) for alarm in monitor.check_step(step, {**FINE, **spoilt})
    ]


@pytest.mark.parametrize(
    ("spoilt", "name"),
    [
        ({"abstention_rate": 0.96}, "abstention"),
        ({"abstention_rate": 0.01}, "never-abstains"),
        ({"format_rate": 0.7}, "format"),
        ({"confidence_spread": 0.0}, "confidence"),
        ({"any_right": 0.05}, "any-right"),
        ({"kl": 0.6}, "kl"),
    ],
)
def test_each_goes_off_once_after_so_many_steps(spoilt: dict[str, float], name: str) -> None:
    (alarm,) = went_off(spoilt)
    assert (alarm.name, alarm.step) == (name, 2)
    assert f"is {next(iter(spoilt.values())):.3g}" in alarm.text


def test_nothing_goes_off_when_all_is_well() -> None:
    assert went_off({}) == []


def test_one_good_step_starts_the_count_anew() -> None:
    monitor = AlarmMonitor(ALARMS)
    bad = {**FINE, "format_rate": 0.5}
    found = [
        monitor.check_step(step, row) for step, row in enumerate([bad, bad, FINE, bad, bad, bad])
    ]
    assert [len(alarms) for alarms in found] == [0, 0, 0, 0, 0, 1]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_stops_with_its_name(value: float) -> None:
    with pytest.raises(RunFolderError, match="step 7: grad_norm is"):
        AlarmMonitor(ALARMS).check_step(7, {**FINE, "grad_norm": value})


def test_what_is_not_measured_is_not_watched() -> None:
    monitor = AlarmMonitor(ALARMS)
    assert [monitor.check_step(step, {"reward": 1.0}) for step in range(5)] == [[]] * 5
