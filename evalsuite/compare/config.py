"""How models are compared."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from saeval.errors import InputError
from saeval.evalsuite.compare.best import SelectionMetric, parse_selection_metric
from saeval.evalsuite.compare.describe import Price
from saeval.evalsuite.config import EngineConfig, FileFormat, RunConfig
from saeval.evalsuite.judge.grades import Judge, parse_judge
from saeval.evalsuite.options import (
    CompareOptions,
    check_asks_all,
    check_keywords,
    to_cache,
    to_engine_config,
    to_file_format,
    to_run_config,
    to_stats_config,
)
from saeval.stats.compare.config import StatsConfig


@dataclass(frozen=True)
class ComparisonConfig:
    """How models are compared.

    Attributes
    ----------
    run, engine, stats
        What is asked of models without predictions, how they are run, and how statistics are made.
    judge
        Who grades open questions in place of the default grader, or None.
    best
        The metric that the best of several checkpoints is chosen by; None for accuracy where they
        are of one training run, and for no choice elsewhere.
    aa
        Whether the base is asked twice.
    allow_mismatch
        Whether prompts, documents and settings may differ between the models.
    price
        Of a million tokens read and written, or None.
    cache
        Folder of answers and grades kept across runs, or None.
    file_format
        Of the answers of finished tasks.
    jobs
        The most processes that statistics and pages are made in; no number depends on it.
    """

    run: RunConfig
    engine: EngineConfig
    stats: StatsConfig
    judge: Judge | None = None
    best: SelectionMetric | None = None
    aa: bool = False
    allow_mismatch: bool = False
    price: Price = None
    cache: Path | None = None
    file_format: FileFormat = "jsonl"
    jobs: int = 1


def to_comparison_config(
    options: CompareOptions,
    *,
    best: str | None,
    judge: str | Judge | None,
    aa: bool,
    price: Price,
    allow_mismatch: bool,
    jobs: int = 1,
) -> ComparisonConfig:
    """From the keywords of the public functions."""
    check_keywords("compare", options, CompareOptions)
    run = to_run_config(options)
    check_asks_all(run)
    grader = parse_judge(judge) if isinstance(judge, str) else judge
    stats = to_stats_config(options, run.seed)
    return ComparisonConfig(
        run=run,
        engine=to_engine_config(options),
        stats=stats if grader is None else replace(stats, judge=grader.description),
        judge=grader,
        best=None if best is None else parse_selection_metric(best),
        aa=aa,
        allow_mismatch=allow_mismatch,
        price=price,
        cache=to_cache(options),
        file_format=to_file_format(options),
        jobs=_to_jobs(jobs),
    )


def _to_jobs(jobs: int) -> int:
    if isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 1:
        raise InputError(f"`jobs` must be a whole number of 1 or more, found {jobs!r}")
    return jobs
