"""The tools that can be exported to; each is a module with one function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import cast

from saeval.errors import InputError
from saeval.evalsuite.export.record import Record
from saeval.suggest import did_you_mean


@dataclass(frozen=True)
class Destination:
    """Where an export goes, as it was asked for.

    Attributes
    ----------
    out
        The folder, store or server; None for the target's own default.
    default
        Folder that a target of files takes where `out` is None.
    project
        Under which tracking tools keep it.
    replace
        Whether an export that is there is written anew.
    """

    out: str | None
    default: Path
    project: str
    replace: bool


@dataclass(frozen=True)
class Export:
    """What an export did.

    Attributes
    ----------
    target
        Name of the target.
    place
        Where it is: a folder, or the address of a store or a server.
    written
        False if it was there already.
    entries
        What is there: files, or runs of a tracking tool.
    notes
        Sentences on what was left out, and on what to do next.
    """

    target: str
    place: str
    written: bool
    entries: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Target:
    """A tool.

    Attributes
    ----------
    name
        As typed.
    title
        What it gets, for help and docs.
    module
        Has a function ``export(record, destination)``.
    extra, needs
        The extra that brings what it needs, and the modules of it; None if the base install does.
    """

    name: str
    title: str
    module: str
    extra: str | None = None
    needs: tuple[str, ...] = ()

    def load(self) -> Callable[[Record, Destination], Export]:
        """Its function."""
        module = import_module(f"saeval.evalsuite.export.{self.module}")
        return cast("Callable[[Record, Destination], Export]", module.export)


TARGETS = (
    Target("lm-eval", "results_*.json and samples_*.jsonl, as lm-eval writes them", "lm_eval"),
    Target("inspect", "a log per model and task", "inspect_logs", "inspect", ("inspect_ai",)),
    Target("mlflow", "runs in an MLflow store or server", "mlflow_runs", "mlflow", ("mlflow",)),
    Target("wandb", "offline runs of Weights & Biases", "wandb_runs", "wandb", ("wandb",)),
    Target("trackio", "runs in Trackio's store", "trackio_runs", "trackio", ("trackio",)),
    Target("eee", "records of Every Eval Ever", "every_eval_ever"),
    Target("parquet", "a table of answers and one of metrics", "parquet"),
)


def find_target(name: str) -> Target:
    """The target of that name.

    Raises
    ------
    InputError
        With what may be meant, if there is none.
    """
    for target in TARGETS:
        if target.name == name:
            return target
    hint = did_you_mean(name, [target.name for target in TARGETS], cutoff=0.6)
    raise InputError(f"--to {name}: no such target; {hint}")
