"""Exports held to the tools' own readers by `make test-export`; skipped where a tool is missing."""

from __future__ import annotations

import pytest
from exported import compared, general_answers


@pytest.fixture(scope="session")
def gated(tmp_path_factory):
    """A finished gate."""
    return compared(tmp_path_factory.mktemp("gated"), gated=True)


@pytest.fixture(scope="session")
def general(tmp_path_factory):
    """A finished comparison on tasks of another program."""
    return compared(tmp_path_factory.mktemp("general"), general_answers)
