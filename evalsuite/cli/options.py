"""Options that several commands of ``saeval`` share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

CONTEXT = {
    "help_option_names": ["-h", "--help"],
    "max_content_width": 100,
    "token_normalize_func": lambda token: token.replace("_", "-"),  # --num_fewshot, as in lm-eval
}


data_dir_option = click.option(
    "--data-dir",
    metavar="FOLDER",
    type=click.Path(exists=True, file_okay=False),
    help="Local data in the hub's schemas instead of the hub (or set SAEVAL_DATA).",
)


def tasks_option(required: bool, *, own: bool = False) -> Callable[[Any], Any]:
    """Names of tasks; lm-eval's are looked up once it is known that a model has to answer them."""

    def parse(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...] | None:
        if value is None:
            return None
        if own:
            return known_tasks(value.split(","))
        from saeval.tasks.registry import resolve_task_names

        if not (names := resolve_task_names(value.split(","), foreign=True)):
            raise click.BadParameter("names no task; see `saeval tasks list`")
        return names

    kinds = "" if own else ", or lm-eval's"
    return click.option(
        "--tasks",
        metavar="NAMES",
        required=required,
        callback=parse,
        shell_complete=complete_tasks,
        help=f"Names (`saeval tasks list`) or files (`saeval tasks new`){kinds}, with commas.",
    )


def complete_tasks(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of tasks for a shell, also behind a comma."""
    from saeval.tasks.registry import list_tasks

    before, comma, last = incomplete.rpartition(",")
    given = before.split(",")
    return [
        CompletionItem(f"{before}{comma}{name}")
        for name in list_tasks()
        if name.startswith(last) and name not in given
    ]


def known_tasks(given: Sequence[str]) -> tuple[str, ...]:
    from saeval.tasks.registry import list_tasks, resolve_task_names, unknown_tasks

    names = resolve_task_names(given)
    unknown = [name for name in names if name not in list_tasks()]
    if not names:
        raise click.BadParameter(f"names no task; known: {', '.join(list_tasks())}")
    if unknown:
        raise click.BadParameter(unknown_tasks(unknown, list_tasks()))
    return names


def output_options(command: Callable[..., None]) -> Callable[..., None]:
    """``--json``, ``--brief`` and ``--quiet``; see `saeval.evalsuite.cli.output`."""
    for name, text in (
        ("--quiet", "No progress; print only --json or --brief."),
        ("--brief", "Print a line per task, for chat and pull requests."),
        ("--json", "Print nothing but the result, as JSON."),
    ):
        command = click.option(name, is_flag=True, help=text)(command)
    return command


file_format_option = click.option(
    "--format",
    "file_format",
    type=click.Choice(["jsonl", "parquet"]),
    help="Of the answers kept in run folders: Parquet takes a ninth of the room.  [default: jsonl]",
)


def question_options(command: Callable[..., None]) -> Callable[..., None]:
    options = [
        click.option(
            "--label-probabilities/--no-label-probabilities",
            default=True,
            show_default=True,
            help="Ask for the model's own probability of each label.",
        ),
        data_dir_option,
        click.option(
            "--limit",
            metavar="N",
            type=click.IntRange(min=1),
            help="At most N items per task, in a seeded order.",
        ),
        click.option(
            "--per-label",
            metavar="COUNTS",
            callback=_check_per_label,
            help="Such as 500,250,250 for NA,PASS,FAIL, or RIGHT=300.",
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
            help="Keep answers (not a server's) here across runs: a base is asked once for all.",
        ),
        click.option(
            "--apply-chat-template",
            is_flag=True,
            help="Put prompts through the model's chat template.",
        ),
        click.option(
            "--num-fewshot",
            metavar="N",
            type=click.IntRange(min=0),
            help="Worked examples before a question.  [default: none; lm-eval's tasks: their own]",
        ),
        click.option(
            "--fewshot-as-multiturn/--no-fewshot-as-multiturn",
            default=None,
            help="Examples as turns of a conversation.  [default: with a chat template]",
        ),
        click.option(
            "--include-path",
            metavar="FOLDER",
            type=click.Path(exists=True, file_okay=False),
            help="Folder of further tasks for lm-eval; the code that its YAML files name is run.",
        ),
        click.option(
            "--engine",
            metavar="[auto|transformers|vllm]",
            callback=_check_engine,
            default="auto",
            show_default=True,
            help="auto: vLLM where it and a GPU are present.",
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
            help="float32, bfloat16, float16. auto on a CPU: bfloat16 if the processor has it and "
            "all weights are stored in 16 bits, else float32; on a GPU: as stored.",
        ),
        click.option(
            "--batch-size",
            type=click.IntRange(min=0),
            default=0,
            help="Prompts per forward pass.  [default: by tokens, 64 at most]",
        ),
        click.option(
            "--threads",
            type=click.IntRange(min=0),
            default=0,
            help="CPU threads.  [default: 1 below 100 million parameters, else all cores]",
        ),
        click.option(
            "--replicas",
            metavar="N",
            type=click.IntRange(min=1),
            default=1,
            show_default=True,
            help="Copies of the model that answer together, as actors of Ray.",
        ),
        click.option(
            "--ray",
            metavar="HOST:PORT",
            help="A running cluster of Ray for the replicas, or auto.  [default: this machine]",
        ),
        click.option(
            "--concurrency",
            type=click.IntRange(min=1),
            default=16,
            show_default=True,
            help="Requests sent to a server at once, to each where there are several.",
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
        click.option(
            "--max-response-mb",
            metavar="MIB",
            type=click.IntRange(min=1),
            default=64,
            show_default=True,
            help="A server that sends more in one answer stops the run.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _check_engine(_: click.Context, __: click.Parameter, value: str) -> str:
    """Also a name that a user registered; help names those that come with saeval alone."""
    if value != "auto":
        from saeval.evalsuite.engines.registry import list_engines
        from saeval.suggest import did_you_mean

        names = ["auto", *list_engines()]
        if value not in names:
            raise click.BadParameter(f"{value!r} is no engine; {did_you_mean(value, names)}")
    return value


def _check_per_label(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is not None:
        from saeval.tasks.data.sampling import parse_per_label

        try:
            parse_per_label(value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from error
    return value


def check_price(
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


columns_option = click.option(
    "--columns",
    metavar="KEY=COLUMN,…",
    help="What a table holds: id=qid,target=label,…, task=:NAME, score.wer=COLUMN:lower.",
)


seed_option = click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=43,
    show_default=True,
    help="Seed of the sample and of the bootstrap.",
)


system_option = click.option(
    "--system",
    metavar="TEXT|FILE",
    help="System prompt: text, or a file that holds it.",
)


replicates_option = click.option(
    "--replicates",
    type=click.IntRange(min=1000),
    default=10_000,
    show_default=True,
    help="Bootstrap replicates.",
)


level_option = click.option(
    "--level",
    type=click.FloatRange(0.5, 1, max_open=True),
    default=0.95,
    show_default=True,
    help="Confidence level of intervals and tests.",
)


equivalence_margin_option = click.option(
    "--equivalence-margin",
    metavar="[METRIC=]NUMBER",
    multiple=True,
    help="What counts as equivalent, of proportions and AUROCs (squared errors: two fifths of it), "
    "or of one metric; repeatable.  [default: 0.05]",
)


def out_option(default: str) -> Callable[[Any], Any]:
    return click.option(
        "--out",
        metavar="FOLDER",
        type=click.Path(path_type=Path),
        help=f"Folder for all results; an unfinished one is resumed.  [default: {default}]",
    )
