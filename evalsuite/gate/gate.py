"""``saeval gate``: may this checkpoint ship, by a policy?"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from saeval.errors import InputError
from saeval.evalsuite.compare.plan import BASE, CHECKPOINT
from saeval.evalsuite.compare.session import comparing
from saeval.evalsuite.gate.early_stopping import GateStoppingRule
from saeval.evalsuite.gate.policy import load_policy
from saeval.stats.gate.decide import GATE_SCHEMA_VERSION, Gate, Gated, Verdict, judge, overall

SUMMARY = "GITHUB_STEP_SUMMARY"
EXIT_CODES: Mapping[Verdict, int] = {"PASS": 0, "REGRESSION": 1, "INCONCLUSIVE": 3}
_STOPPED_EARLY = (
    "The run stopped early: the intervals and p values here take no account of that, those of the "
    "gate do."
)


def explain_command(policy_path: Path | None) -> None:
    """``saeval gate --explain``: every rule in words, and what the verdicts promise."""
    from saeval.reports.text.gate import explain

    policy = load_policy(policy_path)
    console = Console()
    for line in explain(policy.name, policy.level, policy.general, policy.of_task):
        console.print(escape(line), highlight=False, soft_wrap=True)


def gate_command(
    base: str,
    checkpoint: str,
    out: Path | None,
    policy_path: Path | None,
    options: Mapping[str, Any],
) -> int:
    """``saeval gate``: compare, judge, write and print the reports; returns the exit code."""
    from saeval.reports import write_reports
    from saeval.reports.build.gate import gate_markdown, print_gate, write_gate
    from saeval.reports.render.junit import github_annotations

    policy = load_policy(policy_path)
    until_decided, strict = options["until_decided"], options["strict"]
    watch = GateStoppingRule(
        policy,
        until_decided=until_decided,
        samples=options["samples"],
        allow_mismatch=options["allow_mismatch"],
    )
    asked = {**options, "level": policy.level, "aa": False, "price": None, "judge": None}
    console = Console(stderr=True)
    with comparing(base, [checkpoint], out, asked, console, watch) as found:
        comparison = found.comparisons[0]
        tasks = [task.task for task in comparison.tasks]
        tasks += [name for name in options["tasks"] or () if name not in tasks]
        held, skipped = watch.held(tasks, found.answers[BASE], found.answers[CHECKPOINT])
        if not any(task.rules for task in held):
            raise InputError(
                f"{policy.name}: none of its rules is about {', '.join(tasks)}; nothing is checked"
            )
        if not all(task.complete for task in held):
            comparison = replace(comparison, warnings=(_STOPPED_EARLY, *comparison.warnings))
        with console.status("verdicts"):
            results = judge(
                held,
                level=policy.level,
                replicates=comparison.settings.replicates,
                seed=comparison.settings.seed,
                until_decided=until_decided,
            )
        gate = Gate(
            schema=GATE_SCHEMA_VERSION,
            saeval_version=version("saeval"),
            base=comparison.base.name,
            checkpoint=comparison.checkpoint.name,
            policy=policy.name,
            level=policy.level,
            until_decided=until_decided,
            verdict=overall(results),
            tasks=tuple(
                Gated(
                    task.task,
                    0 if task.pairs is None else len(task.pairs),
                    task.planned,
                    task.trained_on,
                )
                for task in held
            ),
            results=results,
            skipped=tuple(skipped),
        )
        written = write_reports(comparison, found.plan.folder)
        written += write_gate(gate, found.plan.folder, strict=strict)
    for path in written:
        console.print(f"Wrote {escape(str(path))}", highlight=False, soft_wrap=True)
    print_gate(gate, Console())
    if options["github"]:
        for line in github_annotations(gate, strict=strict):
            print(line)
        if summary := os.environ.get(SUMMARY):
            with open(summary, "a", encoding="utf-8") as file:
                file.write(gate_markdown(gate))
    if gate.verdict == "INCONCLUSIVE" and not strict:
        return 0
    return EXIT_CODES[gate.verdict]
