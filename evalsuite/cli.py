"""The ``saeval`` command. Heavy imports happen inside the commands, so that help is instant."""

from __future__ import annotations

import difflib
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from evalsuite.errors import SaevalError

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

INTERRUPTED = 130
ENGINES = ("auto", "transformers", "vllm")


def main(arguments: list[str] | None = None) -> None:
    """Run the command; every expected error is one sentence and exit code 2."""
    try:
        cli(arguments, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except SaevalError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    except BrokenPipeError:
        sys.stdout = None  # whoever read it has left; nothing more can be said
        sys.exit(1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        click.echo(f"Error: {where}{error.strerror or error}", err=True)
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo(
            "\nInterrupted. What is finished is kept; run the same command again to resume.",
            err=True,
        )
        sys.exit(INTERRUPTED)


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


def _tasks_option(required: bool) -> Callable[[Any], Any]:
    def parse(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...] | None:
        if value is None:
            return None
        return _known_tasks(value.split(","))

    return click.option(
        "--tasks",
        metavar="NAMES",
        required=required,
        callback=parse,
        help="Tasks, separated by commas; see `saeval tasks list`.",
    )


def _known_tasks(given: Sequence[str]) -> tuple[str, ...]:
    from tasks.registry import TASKS

    names = tuple(dict.fromkeys(name.strip() for name in given if name.strip()))
    unknown = [name for name in names if name not in TASKS]
    if not names:
        raise click.BadParameter(f"names no task; known: {', '.join(TASKS)}")
    if unknown:
        near = difflib.get_close_matches(unknown[0], TASKS)
        hint = f"; did you mean {near[0]}?" if near else ";"
        raise click.BadParameter(
            f"unknown task {', '.join(unknown)!r}{hint} known: {', '.join(TASKS)}"
        )
    return names


def _question_options(command: Callable[..., None]) -> Callable[..., None]:
    options = [
        click.option(
            "--data-dir",
            metavar="FOLDER",
            type=click.Path(exists=True, file_okay=False),
            help="Local data in the hub's schemas instead of the hub (or set SAEVAL_DATA).",
        ),
        click.option(
            "--limit",
            metavar="N",
            type=click.IntRange(min=1),
            help="At most N items per task, the first of the seeded order.",
        ),
        click.option(
            "--per-label",
            metavar="COUNTS",
            callback=_check_per_label,
            help="Items per label: 500,250,250 for NA,PASS,FAIL, or named: RIGHT=300,UNKNOWN=300.",
        ),
        click.option(
            "--gen-kwargs",
            metavar="KEY=VALUE,…",
            help="Generation settings in lm-eval's names, such as max_gen_toks=2048.",
        ),
        click.option(
            "--samples",
            metavar="K",
            type=click.IntRange(min=1),
            default=1,
            show_default=True,
            help="Answers per item; give --gen-kwargs do_sample=true,temperature=0.7 with it.",
        ),
        click.option(
            "--cache",
            metavar="FOLDER",
            type=click.Path(file_okay=False, path_type=Path),
            envvar="SAEVAL_CACHE",
            help="Keep answers here across runs: a base is asked once for all its checkpoints "
            "(not of a server, which may change its models).",
        ),
        click.option(
            "--apply-chat-template",
            is_flag=True,
            help="Put prompts through the model's chat template (for instruct models).",
        ),
        click.option(
            "--engine",
            type=click.Choice(ENGINES),
            default="auto",
            show_default=True,
            help="auto is vLLM where it and a GPU are present, else transformers.",
        ),
        click.option(
            "--model-args",
            metavar="KEY=VALUE,…",
            help="Arguments of lm-eval's model class, such as tensor_parallel_size=4.",
        ),
        click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, mps."),
        click.option(
            "--dtype",
            default="auto",
            show_default=True,
            help="float32, bfloat16, float16; auto is float32 on a CPU.",
        ),
        click.option(
            "--batch-size",
            type=click.IntRange(min=0),
            default=0,
            help="Prompts per forward pass.  [default: 16 on a CPU, 64 on a GPU]",
        ),
        click.option(
            "--threads",
            type=click.IntRange(min=0),
            default=0,
            help="CPU threads.  [default: 1 for a small model, else all cores]",
        ),
        click.option(
            "--concurrency",
            type=click.IntRange(min=1),
            default=16,
            show_default=True,
            help="Requests sent to a server at once.",
        ),
        click.option(
            "--request-timeout",
            metavar="SECONDS",
            type=click.FloatRange(min=0, min_open=True),
            default=300.0,
            show_default=True,
            help="A request that a server has not answered by then is sent again.",
        ),
        click.option(
            "--patience",
            metavar="SECONDS",
            type=click.FloatRange(min=0, min_open=True),
            default=600.0,
            show_default=True,
            help="A server that has answered nothing for so long stops the run.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _check_per_label(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is not None:
        from tasks.sampling import parse_per_label

        try:
            parse_per_label(value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from error
    return value


def _check_price(
    _: click.Context, __: click.Parameter, value: str | None
) -> tuple[float, float] | None:
    if value is None:
        return None
    try:
        read, written = (float(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r} is no pair of prices; give IN,OUT") from None
    if not (0 <= read < math.inf and 0 <= written < math.inf):
        raise click.BadParameter("prices must be 0 or more")
    return read, written


_seed_option = click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=43,
    show_default=True,
    help="Seed of the sample and of the bootstrap.",
)


_system_option = click.option(
    "--system",
    metavar="TEXT|FILE",
    help="System prompt: text, or a file that holds it.",
)


_replicates_option = click.option(
    "--replicates",
    type=click.IntRange(min=1000),
    default=10_000,
    show_default=True,
    help="Bootstrap replicates.",
)


_level_option = click.option(
    "--level",
    type=click.FloatRange(0.5, 1, max_open=True),
    default=0.95,
    show_default=True,
    help="Confidence level of intervals and tests.",
)


def _out_option(default: str) -> Callable[[Any], Any]:
    return click.option(
        "--out",
        metavar="FOLDER",
        type=click.Path(path_type=Path),
        help=f"Folder for all results; an unfinished one is resumed.  [default: {default}]",
    )


@cli.command(context_settings=CONTEXT)
@click.argument("model")
@_tasks_option(required=True)
@_question_options
@_system_option
@_seed_option
@_out_option("saeval-runs/MODEL-HASH")
def run(model: str, out: Path | None, **options: Any) -> None:
    """Answer tasks with one MODEL and keep its predictions in a run folder.

    MODEL is a model folder, a PEFT adapter folder, a hub id, or a model of a server
    (http://host:port/v1#model).

    \b
    saeval run ./base --tasks vitaminc --limit 500 --out runs/base
    saeval compare runs/base ./checkpoint --tasks vitaminc --limit 500
    """
    from evalsuite.commands import run_command

    run_command(model, out, options)


@cli.command(context_settings=CONTEXT)
@click.argument("base")
@click.argument("checkpoints", metavar="CHECKPOINT...", nargs=-1, required=True)
@_tasks_option(required=False)
@_question_options
@_system_option
@_seed_option
@_replicates_option
@_level_option
@click.option(
    "--aa",
    is_flag=True,
    help="Ask the base twice, and show beside every difference how far it differs from itself.",
)
@click.option(
    "--price",
    metavar="IN,OUT",
    callback=_check_price,
    help="Price of a million tokens read and written, such as 0.5,1.5, for the report.",
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
@_out_option("saeval-runs/BASE-vs-CHECKPOINT-HASH")
def compare(base: str, checkpoints: tuple[str, ...], out: Path | None, **options: Any) -> None:
    """Compare BASE with each CHECKPOINT on the same items, and report what changed.

    Each is a model folder, a PEFT adapter folder (its base is found and loaded once for both), a
    hub id, a model of a server (http://host:port/v1#model), a finished run folder, or predictions:
    saeval's or lm-eval's samples_*.jsonl, or a published study's JSON. Several files of one model
    are given as a quoted glob or joined with commas. Tasks are needed where a model has to answer.

    \b
    saeval compare ./base ./checkpoint --tasks fever,vitaminc --per-label 500,250,250
    saeval compare runs/base runs/checkpoint
    saeval compare fever_base.json fever_grpo.json
    saeval compare 'study/*_base.json' 'study/*_grpo.json' --out report
    saeval compare ./base ./fever-only ./mixed --tasks fever,vitaminc
    saeval compare runs/base runs/checkpoint --judge http://127.0.0.1:8000/v1#judge

    Several checkpoints are corrected for together, and set side by side: checkpoints × tasks.
    """
    from evalsuite.commands import compare_command

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
    callback=lambda _, __, value: _known_tasks([value])[0],
    help="The task; see `saeval tasks list`.",
)
@click.option("--no-plain", is_flag=True, help="Leave out the run without a system prompt.")
@_question_options
@_seed_option
@_level_option
@_out_option("saeval-runs/MODELS-frontier-TASK-HASH")
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
    from evalsuite.frontier import frontier_command

    frontier_command((model, *checkpoints), task, systems, not no_plain, out, options)


@cli.command(context_settings=CONTEXT)
@click.argument("base")
@click.argument("checkpoints", metavar="[CHECKPOINT]...", nargs=-1)
@_tasks_option(required=True)
@_question_options
@_system_option
@_seed_option
@_replicates_option
@_level_option
@_out_option("saeval-runs/metacognition-BASE-CHECKPOINT-HASH")
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
    from evalsuite.metacognition import metacognition_command

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
@_tasks_option(required=False)
@_question_options
@_system_option
@_seed_option
@_replicates_option
@click.option(
    "--allow-mismatch",
    is_flag=True,
    help="Compare what was asked differently: prompts, documents, settings (never targets).",
)
@_out_option("saeval-runs/BASE-vs-CHECKPOINT-HASH")
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
    saeval gate base.jsonl checkpoint.jsonl --strict
    saeval gate --explain --policy gate.yaml
    """
    from evalsuite.gating import explain_command, gate_command

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
    from evalsuite.commands import report_command

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
@_level_option
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
    from evalsuite.planning import power_in_words

    try:
        click.echo(power_in_words(items, difference, discordant_rate, wanted, level))
    except ValueError as error:
        raise click.UsageError(str(error)) from error


@cli.group(context_settings=CONTEXT)
def tasks() -> None:
    """List the tasks, show their cards, and find them for plain lm_eval."""


@tasks.command("list", context_settings=CONTEXT)
def list_tasks() -> None:
    """Names and one line on each."""
    from tasks.registry import TASKS

    width = max(map(len, TASKS))
    for task in TASKS.values():
        click.echo(f"{task.name:{width}}  {task.summary}")


@tasks.command("show", context_settings=CONTEXT)
@click.argument("name")
def show_task(name: str) -> None:
    """The task card: what is asked, source, labels, traps."""
    from tasks.registry import FOLDER, TASKS

    (name,) = _known_tasks([name])
    click.echo((FOLDER / TASKS[name].card / "README.md").read_text(encoding="utf-8"), nl=False)


@tasks.command("path", context_settings=CONTEXT)
def tasks_path() -> None:
    """The folder to give to lm_eval.

    \b
    lm_eval run --include_path "$(saeval tasks path)" --tasks fever …
    """
    from tasks.registry import FOLDER

    click.echo(FOLDER)


def _chosen_tasks(names: tuple[str, ...]) -> list[Any]:
    from tasks.registry import TASKS

    return [TASKS[name] for name in (_known_tasks(names) if names else TASKS)]


_data_dir_option = click.option(
    "--data-dir",
    metavar="FOLDER",
    type=click.Path(exists=True, file_okay=False),
    help="Local data in the hub's schemas instead of the hub (or set SAEVAL_DATA).",
)


@tasks.command("validate", context_settings=CONTEXT)
@click.argument("names", metavar="[TASK]...", nargs=-1)
@_data_dir_option
def validate_tasks(names: tuple[str, ...], data_dir: str | None) -> None:
    """Does each task's grader read its own gold answers as right? All tasks by default.

    Each item's gold answers must be read as right, an abstention as one, and garbage as invalid.
    Exit code 1 if anything is read as something else.
    """
    from tasks.documents import DataError
    from tasks.validation import validate

    failed = False
    for task in _chosen_tasks(names):
        try:
            result = validate(task, data_dir)
        except DataError as error:
            raise SaevalError(str(error)) from error
        click.echo(result)
        for failure in result.failures:
            click.echo(f"  {failure}")
        failed |= not result.passed
    if failed:
        sys.exit(1)


@tasks.command("prefetch", context_settings=CONTEXT)
@click.argument("names", metavar="[TASK]...", nargs=-1)
def prefetch_tasks(names: tuple[str, ...]) -> None:
    """Load tasks from the hub once, so that a machine has them when it is offline.

    The hub's own cache keeps them (HF_HOME).
    """
    from tasks.documents import DataError
    from tasks.loading import DATA_VARIABLE, data_folder, load_documents
    from tasks.registry import AnswersSource

    if data_folder() is not None:
        raise SaevalError(f"{DATA_VARIABLE} is set, so nothing would be fetched; unset it")
    for task in _chosen_tasks(names):
        if isinstance(task.source, AnswersSource):
            click.echo(f"{task.name}: made of a model's own answers, nothing to load")
            continue
        try:
            items = load_documents(task)
        except DataError as error:
            raise SaevalError(str(error)) from error
        click.echo(f"{task.name}: {len(items)} items")
