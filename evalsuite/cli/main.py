"""The ``saeval`` command. Heavy imports happen inside the commands, so that help is instant."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from saeval.command_line import run_command_line
from saeval.evalsuite.cli.baseline import baseline
from saeval.evalsuite.cli.options import (
    CONTEXT,
    check_price,
    known_tasks,
    level_option,
    out_option,
    question_options,
    replicates_option,
    seed_option,
    system_option,
    tasks_option,
)
from saeval.evalsuite.cli.tasks import tasks

_INTERRUPTED = "Interrupted. What is finished is kept; run the same command again to resume."


def main(arguments: list[str] | None = None) -> None:
    """Run ``saeval``; see `saeval.command_line` for its exit codes."""
    run_command_line(cli, arguments, when_interrupted=_INTERRUPTED)


@click.group(context_settings=CONTEXT)
@click.version_option(package_name="saeval")
def cli() -> None:
    """Did training make the model know what it does not know, and may this checkpoint ship?

    \b
    Compare a base model with its LoRA checkpoint on identical prompts:
      saeval compare Qwen/Qwen3-8B ./checkpoint --tasks fever,vitaminc
    Compare answers that exist already:
      saeval compare base.json checkpoint.json
    """


@cli.command(context_settings=CONTEXT)
@click.argument("model")
@tasks_option(required=True)
@question_options
@system_option
@seed_option
@out_option("saeval-runs/MODEL-HASH")
def run(model: str, out: Path | None, **options: Any) -> None:
    """Answer tasks with one MODEL and keep its predictions in a run folder.

    MODEL is a model folder, a PEFT adapter folder, a hub id, or a model of a server
    (http://host:port/v1#model).

    \b
    saeval run ./base --tasks vitaminc --limit 500 --out runs/base
    saeval compare runs/base ./checkpoint --tasks vitaminc --limit 500
    """
    from saeval.evalsuite.compare.command import run_command

    run_command(model, out, options)


@cli.command(context_settings=CONTEXT)
@click.argument("base")
@click.argument("checkpoints", metavar="CHECKPOINT...", nargs=-1, required=True)
@tasks_option(required=False)
@question_options
@system_option
@seed_option
@replicates_option
@level_option
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
    help="Choose the best of several checkpoints by a metric, such as 'NA recall' or brier@fever: "
    "over one task, or the mean of all. Checkpoints of one run are chosen from by accuracy "
    "without it.",
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
@out_option("saeval-runs/BASE-vs-CHECKPOINT-HASH")
def compare(base: str, checkpoints: tuple[str, ...], out: Path | None, **options: Any) -> None:
    """Compare BASE with each CHECKPOINT on the same items, and report what changed.

    Each is a model folder, a PEFT adapter folder (its base is found and loaded once for both), a
    hub id, a model of a server (http://host:port/v1#model), a finished run folder, a pinned
    baseline (baseline:NAME, see `saeval baseline`), or predictions: saeval's or lm-eval's
    samples_*.jsonl, or a published study's JSON. Several files of one model are given as a quoted
    glob or joined with commas. Tasks are needed where a model has to answer.

    \b
    saeval compare ./base ./checkpoint --tasks fever,vitaminc --per-label 500,250,250
    saeval compare runs/base runs/checkpoint
    saeval compare fever_base.json fever_grpo.json
    saeval compare 'study/*_base.json' 'study/*_grpo.json' --out report
    saeval compare ./base ./fever-only ./mixed --tasks fever,vitaminc
    saeval compare ./base runs/mine/checkpoint-* --tasks fever,vitaminc --best 'NA recall'
    saeval compare runs/base runs/checkpoint --judge http://127.0.0.1:8000/v1#judge

    Several checkpoints are corrected for together, and set side by side: checkpoints × tasks.
    Those of one training run (checkpoint-200, step-400) are drawn over its steps.
    """
    from saeval.evalsuite.compare.command import compare_command

    compare_command(base, checkpoints, out, options)


@cli.command(context_settings=CONTEXT)
@click.argument("model")
@click.argument("checkpoints", metavar="[CHECKPOINT]...", nargs=-1)
@click.option(
    "--systems",
    metavar="FILES",
    required=True,
    help="System prompts, a file each: a quoted glob, files joined with commas, or a folder.",
)
@click.option(
    "--task",
    metavar="NAME",
    required=True,
    callback=lambda _, __, value: known_tasks([value])[0],
    help="The task; see `saeval tasks list`.",
)
@click.option("--no-plain", is_flag=True, help="Leave out the run without a system prompt.")
@question_options
@seed_option
@level_option
@out_option("saeval-runs/MODELS-frontier-TASK-HASH")
def frontier(
    model: str,
    checkpoints: tuple[str, ...],
    systems: str,
    task: str,
    no_plain: bool,
    out: Path | None,
    **options: Any,
) -> None:
    """Is the CHECKPOINT better, or could a prompt have bought the same from MODEL?

    Asks every model the same items under each system prompt ("answer only if sure", "always
    answer", …) and without one, and draws the share of right answers over the share of wrong ones
    with each model's Pareto front. Each checkpoint is tested, item by item, against every prompt
    of MODEL. A file is a prompt; its name without the ending is the prompt's name.

    \b
    saeval frontier ./base ./checkpoint --systems 'prompts/*.txt' --task simpleqa
    saeval frontier Qwen/Qwen3-8B --systems prompts/ --task fever --apply-chat-template

    Prompts and checkpoints may be added with the same --out: only they are asked.
    """
    from saeval.evalsuite.frontier.frontier import frontier_command

    frontier_command((model, *checkpoints), task, systems, not no_plain, out, options)


@cli.command(context_settings=CONTEXT)
@click.argument("base")
@click.argument("checkpoints", metavar="[CHECKPOINT]...", nargs=-1)
@tasks_option(required=True)
@question_options
@system_option
@seed_option
@replicates_option
@level_option
@out_option("saeval-runs/metacognition-BASE-CHECKPOINT-HASH")
def metacognition(
    base: str, checkpoints: tuple[str, ...], out: Path | None, **options: Any
) -> None:
    """Does BASE know which of its own answers are right, and does a CHECKPOINT know better?

    Each model answers tasks of open questions. Then it is asked about its own answers in two ways:
    how certain it is of each, and which of two questions it is more likely to get right, of which
    it got exactly one right; in both orders. Models are named as for `saeval compare`, but
    predictions cannot be asked.

    \b
    saeval metacognition ./base --tasks triviaqa,popqa --limit 1000
    saeval metacognition ./base ./trained-on-triviaqa ./trained-on-popqa --tasks triviaqa,popqa

    With checkpoints, a table shows what each gained over the base on each task: a row per
    checkpoint, a column per task and way of asking, p values corrected over all of it.
    """
    from saeval.evalsuite.metacognition.metacognition import metacognition_command

    metacognition_command(base, checkpoints, out, options)


@cli.command(context_settings=CONTEXT)
@click.argument("base", required=False)
@click.argument("checkpoint", required=False)
@click.option(
    "--policy",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Rules on metrics, as YAML; see --explain.  [default: the built-in policy]",
)
@click.option("--explain", is_flag=True, help="Say every rule of the policy in words, and leave.")
@click.option("--strict", is_flag=True, help="Exit with 3 if the verdict is INCONCLUSIVE.")
@click.option(
    "--until-decided",
    is_flag=True,
    help="Ask the checkpoint in shuffled batches and stop once every rule is decided. That works "
    "for rules that are means over items (shares, Brier score); with any other rule (F1, "
    "precision, AUROC, ECE²) only a REGRESSION ends a run early.",
)
@click.option(
    "--github",
    is_flag=True,
    help="Print annotations of a GitHub workflow and append to its job summary.",
)
@tasks_option(required=False)
@question_options
@system_option
@seed_option
@replicates_option
@click.option(
    "--allow-mismatch",
    is_flag=True,
    help="Compare what was asked differently: prompts, documents, settings (never targets).",
)
@out_option("saeval-runs/BASE-vs-CHECKPOINT-HASH")
def gate(
    base: str | None,
    checkpoint: str | None,
    policy: Path | None,
    explain: bool,
    out: Path | None,
    **options: Any,
) -> None:
    """May CHECKPOINT ship? Hold it to BASE by a policy: PASS, REGRESSION or INCONCLUSIVE.

    Both are what `saeval compare` takes. The exit code is 0 for PASS, 1 for REGRESSION, 0 for
    INCONCLUSIVE (3 with --strict) and 2 for bad usage or input. The folder gets junit.xml, gate.md
    and gate.json beside the reports of the comparison.

    \b
    saeval gate runs/base ./checkpoint --tasks fever,vitaminc --policy gate.yaml
    saeval gate baseline:main ./checkpoint --tasks fever,vitaminc --until-decided
    saeval gate base.jsonl checkpoint.jsonl --strict
    saeval gate --explain --policy gate.yaml
    """
    from saeval.evalsuite.gate.gate import explain_command, gate_command

    if explain:
        explain_command(policy)
        return
    if base is None or checkpoint is None:
        raise click.UsageError("BASE and CHECKPOINT are needed (or --explain)")
    if code := gate_command(base, checkpoint, out, policy, options):
        sys.exit(code)


@cli.command(context_settings=CONTEXT)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def report(folder: Path) -> None:
    """Render the reports of a comparison FOLDER again and print its table.

    \b
    saeval report saeval-runs/base-vs-checkpoint-1a2b3c4d
    """
    from saeval.evalsuite.compare.reporting import report_command

    report_command(folder)


@cli.command(context_settings=CONTEXT)
@click.option("--items", type=click.IntRange(min=1), help="Items that both models answer.")
@click.option(
    "--difference",
    type=click.FloatRange(-1, 1, min_open=True, max_open=True),
    help="True difference in accuracy, such as 0.02.",
)
@click.option(
    "--discordant-rate",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.15,
    show_default=True,
    help="Share of items that exactly one model answers rightly.",
)
@click.option(
    "--power",
    "wanted",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.8,
    show_default=True,
    help="Wanted chance to find the difference.",
)
@level_option
def power(
    items: int | None, difference: float | None, discordant_rate: float, wanted: float, level: float
) -> None:
    """Plan a comparison: what N items can show, or how many a difference needs.

    Give --items, --difference, or both. The discordant rate is the sum of the two flip rates of an
    earlier report.

    \b
    saeval power --items 1000                      smallest difference likely to be found
    saeval power --difference 0.02                 items needed to find it
    saeval power --items 1000 --difference 0.02    chance to find it
    """
    from saeval.reports.text.power import power_in_words

    try:
        click.echo(power_in_words(items, difference, discordant_rate, wanted, level))
    except ValueError as error:
        raise click.UsageError(str(error)) from error


cli.add_command(baseline)
cli.add_command(tasks)
