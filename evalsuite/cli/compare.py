"""``saeval compare``: what changed from a base to its checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from saeval.errors import InputError
from saeval.evalsuite.cli.help import AskingCommand
from saeval.evalsuite.cli.options import (
    CONTEXT,
    check_price,
    columns_option,
    equivalence_margin_option,
    file_format_option,
    level_option,
    out_option,
    output_options,
    question_options,
    replicates_option,
    seed_option,
    system_option,
    tasks_option,
)


@click.command(cls=AskingCommand, context_settings=CONTEXT)
@click.argument("base")
@click.argument("checkpoints", metavar="CHECKPOINT...", nargs=-1, required=True)
@tasks_option(required=False)
@columns_option
@question_options
@file_format_option
@system_option
@seed_option
@replicates_option
@level_option
@equivalence_margin_option
@click.option(
    "--aa",
    is_flag=True,
    help="Ask the base twice, and show beside every difference how far it differs from itself.",
)
@click.option(
    "--price",
    metavar="IN,OUT",
    callback=check_price,
    help="Price of a million tokens read and written, such as 0.5,1.5, for the report.",
)
@click.option(
    "--best",
    metavar="METRIC[@TASK]",
    help="Choose the best checkpoint by a metric, such as brier@fever.",
)
@click.option(
    "--judge",
    metavar="URL#MODEL",
    help="Let a model of a server (http://host:port/v1#model) grade answers to open questions in "
    "place of the default grader, and report how far the two agree.",
)
@click.option(
    "--allow-mismatch",
    is_flag=True,
    help="Compare what was asked differently: prompts, documents, settings (never targets).",
)
@click.option(
    "--jobs",
    metavar="N",
    type=click.IntRange(min=1),
    help="Most processes that statistics and reports are made in; no number depends on it."
    "  [default: one per core]",
)
@out_option("saeval-runs/BASE-vs-CHECKPOINT-HASH")
@output_options
def compare(base: str, checkpoints: tuple[str, ...], out: Path | None, **options: Any) -> None:
    """Compare BASE with each CHECKPOINT on the same items, and report what changed.

    Each is a model folder, a PEFT adapter folder (its base is found and loaded once for both), a
    hub id, a model of a server (http://host:port/v1#model) or of several that share its items
    (joined with commas), a finished run folder, a pinned baseline (baseline:NAME, see `saeval
    baseline`), a run or baseline of a server of the record (URL/runs/ID, URL/baselines/NAME, see
    `saeval push`), or predictions: saeval's, a file or folder of logs of lm-eval, Inspect,
    lighteval, HELM, NeMo Evaluator or Every Eval Ever, or a table (see --columns). Several files of
    one model are given as a quoted glob or joined with commas, one of several models as
    FOLDER#MODEL. Tasks are needed where a model has to answer.

    \b
    saeval compare ./base ./checkpoint --tasks fever,vitaminc --per-label 500,250,250
    saeval compare runs/base runs/checkpoint
    saeval compare 'study/*_base.json' 'study/*_grpo.json' --out report
    saeval compare ./base runs/mine/checkpoint-* --tasks fever,vitaminc --best 'NA recall'
    saeval compare runs/base runs/checkpoint --judge http://127.0.0.1:8000/v1#judge

    Several checkpoints are corrected for together, and set side by side: checkpoints × tasks.
    Those of one training run (checkpoint-200, step-400) are drawn over its steps.
    """
    from saeval.evalsuite.cli.configs import to_keywords
    from saeval.evalsuite.cli.output import progress_of, show_result
    from saeval.evalsuite.compare.checkpoints import compare_checkpoints
    from saeval.evalsuite.compare.comparison import compare as compare_one
    from saeval.evalsuite.models.predictions import with_columns
    from saeval.workers import usable_cores

    keywords = {
        **to_keywords(options),
        **{name: options[name] for name in ("aa", "judge", "price", "allow_mismatch")},
        "jobs": options["jobs"] or usable_cores(),
        "out": out or "auto",
        "progress": progress_of(options),
    }
    given, *others = with_columns((base, *checkpoints), options["columns"])
    if len(others) == 1:
        if options["best"] is not None:
            raise InputError("--best: there is one checkpoint only; give several to choose from")
        show_result(compare_one(given, others[0], **keywords), options)
    else:
        series = compare_checkpoints(given, others, best=options["best"], **keywords)
        show_result(series, options)
