"""Databases beside the one of a test."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from saeval.evalsuite.service.database.connect import make_engine
from saeval.evalsuite.service.settings import ServiceSettings

Place = Callable[[str], ServiceSettings]


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Makes settings of an empty place, on "sqlite" or "postgresql"."""

    def make(kind: str) -> ServiceSettings:
        name = f"test_{os.urandom(6).hex()}"
        if kind == "sqlite":
            return ServiceSettings(data=tmp_path / name)
        server: str = request.getfixturevalue("postgresql")
        engine = make_engine(server)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        url = server.replace("/postgres?", f"/{name}?")
        return ServiceSettings(data=tmp_path / name, database=url)

    return make
