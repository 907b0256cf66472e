"""Some kills of each kind; `make kills-service` tries a hundred."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from service_kills import (
    Outcome,
    Postgresql,
    kill_jobs,
    kill_upgrades,
    kill_uploads,
    own_postgresql,
)

pytestmark = pytest.mark.robustness
Kill = Callable[[Path, int, int, "Postgresql | None"], Outcome]


@pytest.mark.parametrize("kill", [kill_uploads, kill_jobs, kill_upgrades])
def test_nothing_is_lost_on_sqlite(tmp_path: Path, kill: Kill) -> None:
    _check(kill(tmp_path, 3, 1, None))


@pytest.mark.parametrize("kill", [kill_uploads, kill_jobs, kill_upgrades])
def test_nothing_is_lost_on_postgresql(tmp_path: Path, kill: Kill) -> None:
    with own_postgresql() as server:
        _check(kill(tmp_path, 3, 2, server))


def _check(outcome: Outcome) -> None:
    assert outcome.problems == []
    assert outcome.kills == 3
    assert outcome.acknowledged
