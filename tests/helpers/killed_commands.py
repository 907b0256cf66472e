"""The commands that are killed before every file event (`kill_points`), on the tiniest models."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import run_folder
from kill_points import Killed

from saeval.evalsuite.models.resolve import resolve_model
from saeval.evalsuite.models.types import SavedPredictions
from saeval.evalsuite.store.baseline_stores import open_store
from saeval.evalsuite.store.baselines import pin_run
from saeval.evalsuite.store.run_folder import read_run

OLD, NEW = 6, 9
"""Items of a baseline that is replaced, and of the one in its place."""

_ASKED = ("--tasks", "factworld", "--limit", "3", "--batch-size", "2", "--gen-kwargs",
          "max_gen_toks=4", "--device", "cpu", "--dtype", "float32", "--out", "out")  # fmt: skip


def saeval_commands(base: Path, adapter: Path) -> list[Killed]:
    """Commands of ``saeval`` by name."""

    def runs(folder: Path) -> None:
        run_folder(folder / "old", items=30)
        run_folder(folder / "new", items=30, name="other")

    return [
        Killed("run", ("run", str(base), *_ASKED)),
        Killed("run --format parquet", ("run", str(base), *_ASKED, "--format", "parquet")),
        Killed("run --cache", ("run", str(base), *_ASKED, "--cache", "cache")),
        Killed("compare", ("compare", str(base), str(adapter), *_ASKED, "--replicates", "1000")),
        Killed(
            "gate", ("gate", "old", "new", "--replicates", "1000", "--out", "out"), prepare=runs
        ),
        *(
            Killed(
                f"baseline save{' --replace' * replace} ({where})",
                ("baseline", "save", "main", "new", "--store", store, *["--replace"] * replace),
                prepare=_store(store if replace else None),
                check=_whole(store) if replace else lambda folder: None,
            )
            for replace in (False, True)
            for where, store in (("folder", "store"), ("URL", "file://store"))
        ),
    ]  # fmt: skip


def _store(address: str | None) -> Callable[[Path], None]:
    """Two runs, and a store with the first of them where there is an address."""

    def prepare(folder: Path) -> None:
        run_folder(folder / "old", items=OLD)
        run_folder(folder / "new", items=NEW)
        if address is not None:
            run = read_run(folder / "old")
            store = open_store(_within(folder, address))
            store.put(pin_run("main", run.manifest, run.predictions))

    return prepare


def _whole(address: str) -> Callable[[Path], None]:
    """That readers see the old baseline or the new one, whole; in a folder also by its path."""

    def check(folder: Path) -> None:
        seen = shutil.copytree(folder, folder.parent / "seen")
        places = {"SAEVAL_BASELINES": _within(seen, address), "XDG_CACHE_HOME": str(seen)}
        arguments = ["baseline:main"]
        if "://" not in address:
            arguments.insert(0, str(seen / "store" / "main"))
        with pytest.MonkeyPatch.context() as environment:
            for name, place in places.items():
                environment.setenv(name, place)
            for argument in arguments:
                found = resolve_model(argument)
                assert isinstance(found, SavedPredictions)
                assert len(found.predictions["fever"]) in (OLD, NEW)
        shutil.rmtree(seen)

    return check


def _within(folder: Path, address: str) -> str:
    scheme, sign, path = address.rpartition("://")
    return f"{scheme}{sign}{folder / path}"


def satrain_command(base: Path) -> Killed:
    """``satrain run``: two steps, a checkpoint after each, one of them kept in the history."""
    from training import arguments

    from saeval.trainer.backends import trl_grpo
    from saeval.trainer.cli import main
    from saeval.trainer.run import train

    assert {trl_grpo, train}  # loaded once, before anything is forked
    changes = ("optimisation.steps=2", "saving.every=1", "saving.history=1", "saving.keep=1")
    return Killed(
        "satrain run",
        arguments(base, Path("out"), "mixed", *changes),
        command=main,
        unlike=("run.html", "curves.png"),
    )
