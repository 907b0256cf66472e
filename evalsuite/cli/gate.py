"""``saeval gate``: may this checkpoint ship?"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from saeval.evalsuite.cli.help import AskingCommand
from saeval.evalsuite.cli.options import (
    CONTEXT,
    columns_option,
    file_format_option,
    out_option,
    output_options,
    question_options,
    replicates_option,
    seed_option,
    system_option,
    tasks_option,
)

if TYPE_CHECKING:
    from saeval.evalsuite.client.client import Client
    from saeval.evalsuite.gate.results import Gate

_SUMMARY = "GITHUB_STEP_SUMMARY"
_VERDICT = "verdict.json"
_CODES = {"PASS": 0, "REGRESSION": 1, "INCONCLUSIVE": 3}


@click.command(cls=AskingCommand, context_settings=CONTEXT)
@click.argument("base", required=False)
@click.argument("checkpoint", required=False)
@click.option(
    "--policy",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Rules on metrics, as YAML; see --explain.  [default: the built-in policy]",
)
@click.option("--explain", is_flag=True, help="Say every rule of the policy in words, and leave.")
@click.option(
    "--allow-inconclusive",
    is_flag=True,
    help="Exit with 0, not 3, if the verdict is INCONCLUSIVE.",
)
@click.option(
    "--allow-missing",
    is_flag=True,
    help="Let pass although one of two given files lacks items.",
)
@click.option("--strict", is_flag=True, hidden=True, expose_value=False)
@click.option(
    "--until-decided",
    is_flag=True,
    help="Ask in shuffled batches and stop once every rule is decided. With rules on F1, "
    "precision, AUROC or ECE² only a REGRESSION ends a run early.",
)
@click.option(
    "--looks",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Record of the looks at checkpoints: one that is gated again after more answers has what "
    "is left of α.  [default: SAEVAL_LOOKS, or saeval/looks.jsonl in the user's state folder]",
)
@click.option(
    "--among",
    metavar="N",
    type=click.IntRange(min=1),
    default=1,
    help="CHECKPOINT is one of N of which one that passes is taken: they share α.",
)
@click.option(
    "--github",
    is_flag=True,
    help="Annotate a GitHub workflow, and add to its job summary.",
)
@click.option(
    "--push",
    metavar="URL",
    help="Push both runs, and let a server's record judge.",
)
@tasks_option(required=False)
@columns_option
@question_options
@file_format_option
@system_option
@seed_option
@replicates_option
@click.option(
    "--allow-mismatch",
    is_flag=True,
    help="Compare what was asked differently: prompts, documents, settings (never targets).",
)
@out_option("saeval-runs/BASE-vs-CHECKPOINT-HASH")
@output_options
def gate(
    base: str | None,
    checkpoint: str | None,
    policy: Path | None,
    explain: bool,
    out: Path | None,
    **options: Any,
) -> None:
    """May CHECKPOINT ship? Hold it to BASE by a policy: PASS, REGRESSION or INCONCLUSIVE.

    Both are what `saeval compare` takes. The exit code is 0 for PASS, 1 for REGRESSION, 3 for
    INCONCLUSIVE (0 with --allow-inconclusive) and 2 for bad usage or input. The folder gets
    junit.xml, gate.md and gate.json beside the reports of the comparison.

    \b
    saeval gate runs/base ./checkpoint --tasks fever,vitaminc --policy gate.yaml
    saeval gate baseline:main ./checkpoint --tasks fever,vitaminc --until-decided
    saeval gate base.jsonl seed-3.jsonl --among 10
    saeval gate base.jsonl checkpoint.jsonl --push https://evals.example
    saeval gate --explain --policy gate.yaml
    """
    if explain:
        _explain(policy)
        return
    if base is None or checkpoint is None:
        raise click.UsageError("BASE and CHECKPOINT are needed (or --explain)")

    if options["push"] and options["until_decided"]:
        raise click.UsageError(
            "--push and --until-decided: give one of them; the record holds all answers to the "
            "policy at once, and would break what --until-decided promises of a run that stops "
            "early"
        )
    if options["push"]:
        from saeval.evalsuite.client.client import Client

        with Client(options["push"]) as client:
            result = _gate(base, checkpoint, policy, out, options, client)
    else:
        result = _gate(base, checkpoint, policy, out, options, None)
    if result.verdict == "INCONCLUSIVE" and options["allow_inconclusive"]:
        return
    if code := _CODES[result.verdict]:
        click.get_current_context().exit(code)


def _gate(
    base: str,
    checkpoint: str,
    policy: Path | None,
    out: Path | None,
    options: dict[str, Any],
    client: Client | None,
) -> Gate:
    """Hold the two to the policy, here and by a server of the record if there is one; show it."""
    from saeval.evalsuite.cli.configs import to_keywords
    from saeval.evalsuite.cli.output import progress_of, show_result
    from saeval.evalsuite.gate.gate import gate as hold_to_policy
    from saeval.evalsuite.models.predictions import with_columns

    progress = progress_of(options)
    given, other = with_columns((base, checkpoint), options["columns"])
    if client is not None:
        from saeval.evalsuite.gate.record import check_record, fetch_addressed

        check_record(client)
        given, other = fetch_addressed(given), fetch_addressed(other)
    keywords = to_keywords(options)
    result = hold_to_policy(
        given,
        other,
        policy=policy,
        until_decided=options["until_decided"],
        allow_inconclusive=options["allow_inconclusive"],
        allow_missing=options["allow_missing"],
        looks=options["looks"],
        among=options["among"],
        allow_mismatch=options["allow_mismatch"],
        n_resamples=options["replicates"],
        out=out or "auto",
        progress=progress,
        **keywords,
    )
    if (folder := result.comparison.folder) is not None:
        (folder / _VERDICT).unlink(missing_ok=True)  # of an earlier gate
    show_result(result, options)
    address = None
    if client is not None:
        result, address = _ask_record(client, result, given, other, policy, options)
    if options["github"]:
        _annotate(result, options, address)
    return result


def _ask_record(
    client: Client,
    local: Gate,
    base: Any,
    checkpoint: Any,
    policy: Path | None,
    options: dict[str, Any],
) -> tuple[Gate, str]:
    """The gate of the record and the address of its page, which are said and kept in the folder."""
    from saeval.evalsuite.cli.output import progress_of
    from saeval.evalsuite.gate.record import gate_by_record
    from saeval.files import write_atomic

    recorded = gate_by_record(
        client,
        local,
        base,
        checkpoint,
        policy=policy,
        among=options["among"],
        allow_missing=options["allow_missing"],
        tasks=options["tasks"] or (),
        allow_mismatch=options["allow_mismatch"],
        n_resamples=options["replicates"],
        seed=options["seed"],
        progress=progress_of(options),
    )
    aside = options["json"] or options["brief"] or options["quiet"]
    if difference := recorded.difference(local):
        click.echo(difference, err=aside)
    click.echo(f"{recorded.gate.verdict}: {recorded.address}", err=aside)
    if (folder := local.comparison.folder) is not None:
        said = {
            "verdict": recorded.gate.verdict,
            "address": recorded.address,
            "look": recorded.verdict.look,
            "verdict_here": local.verdict,
        }
        write_atomic(folder / _VERDICT, json.dumps(said, indent=2) + "\n")
    return recorded.gate, recorded.address


def _explain(path: Path | None) -> None:
    """Every rule in words, and what the verdicts promise."""
    from rich.markup import escape

    from saeval.evalsuite.gate.policy_file import load_policy
    from saeval.progress import GuardedConsole
    from saeval.reports.text.gate import explain

    policy = load_policy(path)
    for line in explain(policy.name, policy.level, policy.general, policy.of_task):
        GuardedConsole().print(escape(line), highlight=False, soft_wrap=True)


def _annotate(gate: Gate, options: dict[str, Any], address: str | None) -> None:
    """For a GitHub workflow: annotations, aside of what is printed, and its job summary."""
    from saeval.reports import to_markdown
    from saeval.reports.render.github import github_annotations
    from saeval.terminal_text import print_workflow_command

    allowed = options["allow_inconclusive"]
    aside = options["json"] or options["brief"]
    for line in github_annotations(gate, allow_inconclusive=allowed, address=address):
        print_workflow_command(line, sys.stderr if aside else sys.stdout)
    if summary := os.environ.get(_SUMMARY):
        with open(summary, "a", encoding="utf-8") as file:
            file.write(to_markdown(gate))
            if address is not None:
                file.write(f"\n[The verdict in the record]({address})\n")
