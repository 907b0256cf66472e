"""One model's predictions of some tasks, in a run folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from typing_extensions import Unpack

from saeval.errors import InputError
from saeval.evalsuite.config import Shard
from saeval.evalsuite.engines.registry import configure_engine
from saeval.evalsuite.models.resolve import resolve_model
from saeval.evalsuite.models.types import Model, SavedPredictions
from saeval.evalsuite.options import (
    Out,
    RunOptions,
    check_keywords,
    to_cache,
    to_engine_config,
    to_file_format,
    to_out,
    to_run_config,
)
from saeval.evalsuite.run.manifest import run_identity, run_manifest
from saeval.evalsuite.run.runner import Run, answer_runs, log_throughput
from saeval.evalsuite.run.slurm import SLURM, read_array_shard
from saeval.evalsuite.run.tasks import LoadedTask, check_samples, load_tasks
from saeval.evalsuite.store.paths import RUNS, folder_name
from saeval.evalsuite.store.run_folder import RunPredictions, read_run
from saeval.evalsuite.store.shards import check_new_shard, parse_shard, shard_folder
from saeval.progress import SILENT, Progress


def run(
    model: Model,
    *,
    out: Out = None,
    shard: str | Shard | None = None,
    progress: Progress = SILENT,
    **options: Unpack[RunOptions],
) -> RunPredictions:
    """Let one model answer tasks, and keep its predictions in a run folder.

    Parameters
    ----------
    model
        A model folder, a PEFT adapter folder, a hub id, or a model of a server
        (``http://host:port/v1#model``), or of several that share its items (joined with commas).
    out
        The run folder; an unfinished one is resumed. None or ``"auto"`` is a folder under
        ``saeval-runs/`` that is named after the model and what it is asked. Of a shard, the folder
        that holds the run folders of all shards.
    shard
        ``"2/4"`` asks the items of the second of four shards alone, in ``OUT/shard-2-of-4``; the
        others can be asked on other machines. Items of one cluster are in one shard. ``"slurm"`` is
        the shard of a job of a Slurm array. `compare` and others take ``OUT`` once all are there.
    progress
        Receives progress; silent by default.
    **options
        What is asked (``tasks``, ``limit``, ``per_label``, ``seed``, … or ``run_config=``: see
        `RunConfig`), how the model is run (``engine``, ``device``, … or ``engine_config=``: see
        `EngineConfig`), ``cache``, a folder of answers kept across runs, and ``file_format``,
        ``"parquet"`` to keep the answers of finished tasks in Parquet.

    Returns
    -------
    RunPredictions
        As `compare` takes them; ``predictions`` holds them by task and item, ``manifest`` says how
        they were asked, and ``folder`` where they are.

    Raises
    ------
    SaevalError
        A subclass for each kind of mistake; the message says what is wrong and what to do.

    Examples
    --------
    >>> base = saeval.run("Qwen/Qwen3-8B", tasks="vitaminc", limit=500)   # doctest: +SKIP
    >>> saeval.compare(base, "./checkpoint", tasks="vitaminc", limit=500) # doctest: +SKIP
    """
    check_keywords("run", options, RunOptions)
    config = to_run_config(options)
    config = replace(config, shard=_to_shard(shard or config.shard, progress))
    answering = resolve_model(model)
    if isinstance(answering, SavedPredictions):
        raise InputError(f"{answering.argument}: these are predictions; `run` needs a model to ask")
    if not config.tasks:
        raise InputError(
            "--tasks is needed to ask a model (in Python tasks=…); see `saeval tasks list`"
        )
    engine = configure_engine(to_engine_config(options), [answering])
    tasks = load_tasks(config, progress)
    check_samples(tasks, config)
    facts = {task.name: task.facts().model_dump() for task in tasks}
    identity = run_identity(answering, config, engine) | {"tasks": facts}
    if config.shard is not None:
        identity = _identity_of_all(identity, tasks, config.shard)
    folder = to_out(out) or RUNS / folder_name(answering.name, identity)
    if config.shard is not None:
        manifest = run_manifest(answering, tasks, config, engine)
        check_new_shard(folder, config.shard, manifest)
        folder = shard_folder(folder, config.shard)
        for task in tasks:
            n_all = len(task.whole.documents) if task.whole else 0
            progress.log(f"{task.name}: {len(task.documents)} of {n_all} items are of this shard")
    own = Run(answering, folder, tuple(tasks), config)
    answer_runs(
        [own], engine, progress, cache=to_cache(options), file_format=to_file_format(options)
    )
    log_throughput(own, progress)
    return read_run(folder)


def _to_shard(given: str | Shard | None, progress: Progress) -> Shard | None:
    if given is None:
        return None
    if given == SLURM:
        shard, read = read_array_shard(os.environ)
        progress.log(f"This is {shard}, by {read}")
        return shard
    return parse_shard(given if isinstance(given, str) else f"{given.number}/{given.of}")


def _identity_of_all(
    identity: dict[str, Any], tasks: Sequence[LoadedTask], shard: Shard
) -> dict[str, Any]:
    """What all shards have in common, so that all of them are in one folder."""
    facts = {task.name: (task.whole or task).facts().model_dump() for task in tasks}
    return {**identity, "shard": {"of": shard.of}, "tasks": facts}
