"""One model's predictions of some tasks, in a run folder."""

from __future__ import annotations

from typing_extensions import Unpack

from saeval.errors import InputError
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
from saeval.evalsuite.run.manifest import run_identity
from saeval.evalsuite.run.runner import Run, answer_runs, log_throughput
from saeval.evalsuite.run.tasks import check_samples, load_tasks
from saeval.evalsuite.store.paths import RUNS, folder_name
from saeval.evalsuite.store.run_folder import RunPredictions, read_run
from saeval.progress import SILENT, Progress


def run(
    model: Model,
    *,
    out: Out = None,
    progress: Progress = SILENT,
    **options: Unpack[RunOptions],
) -> RunPredictions:
    """Let one model answer tasks, and keep its predictions in a run folder.

    Parameters
    ----------
    model
        A model folder, a PEFT adapter folder, a hub id, or a model of a server
        (``http://host:port/v1#model``).
    out
        The run folder; an unfinished one is resumed. None or ``"auto"`` is a folder under
        ``saeval-runs/`` that is named after the model and what it is asked.
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
    answering = resolve_model(model)
    if isinstance(answering, SavedPredictions):
        raise InputError(f"{answering.argument}: these are predictions; `run` needs a model to ask")
    config = to_run_config(options)
    if not config.tasks:
        raise InputError(
            "--tasks is needed to ask a model (in Python tasks=…); see `saeval tasks list`"
        )
    engine = configure_engine(to_engine_config(options), [answering])
    tasks = load_tasks(config, progress)
    check_samples(tasks, config)
    facts = {task.name: task.facts().model_dump() for task in tasks}
    identity = run_identity(answering, config, engine) | {"tasks": facts}
    folder = to_out(out) or RUNS / folder_name(answering.name, identity)
    own = Run(answering, folder, tuple(tasks), config)
    answer_runs(
        [own], engine, progress, cache=to_cache(options), file_format=to_file_format(options)
    )
    log_throughput(own, progress)
    return read_run(folder)
