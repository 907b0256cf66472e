"""A model that is asked on this machine, against a baseline of a server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import saeval
from saeval.evalsuite.client.wire import Scope
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.record.ingest import check_run


def test_a_checkpoint_is_asked_as_the_baseline_was(
    live: str,
    service: Service,
    token: Callable[[Scope], str],
    tiny_base: Path,
    tiny_adapter: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SAEVAL_TOKEN", token("gate"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    ask = {"tasks": "factworld", "limit": 20, "generation": {"max_gen_toks": 4}}
    base = saeval.run(tiny_base, **ask, out=tmp_path / "base")
    with saeval.Client(live) as client:
        info = saeval.push(base, server=client)
        check_run(service, info.id)
        assert client.run(info.id).proof is not None
        client.set_baseline("main", info.id)
    few = {"n_resamples": 1000}
    by_address = saeval.compare(
        f"{live}/baselines/main", tiny_adapter, **ask, **few, out=tmp_path / "one"
    )
    by_folder = saeval.compare(base.folder, tiny_adapter, **ask, **few, out=tmp_path / "two")
    assert by_address.to_frame().equals(by_folder.to_frame())
