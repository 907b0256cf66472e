"""The routers of all pages."""

from __future__ import annotations

from saeval.evalsuite.service.pages import (
    asking,
    baselines,
    comparisons,
    home,
    items,
    jobs,
    leaderboard,
    models,
    runs,
    signin,
    statistics,
    verdicts,
)

ROUTERS = (
    signin.router,
    home.router,
    models.router,
    runs.router,
    comparisons.router,
    items.router,
    verdicts.router,
    baselines.router,
    leaderboard.router,
    jobs.router,
    statistics.router,
    asking.router,
)
