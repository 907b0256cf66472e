"""``saeval power``: plan a comparison."""

from __future__ import annotations

from pathlib import Path

import click

from saeval.evalsuite.cli.options import CONTEXT, level_option


@click.command(context_settings=CONTEXT)
@click.option("--items", type=click.IntRange(min=1), help="Items that both models answer.")
@click.option(
    "--difference",
    type=click.FloatRange(-1, 1, min_open=True, max_open=True),
    help="True difference in accuracy, such as 0.02.",
)
@click.option(
    "--discordant-rate",
    type=click.FloatRange(0, 1, min_open=True),
    help="Share of items that exactly one model answers rightly.  [default: 0.15, or that of "
    "--comparison]",
)
@click.option(
    "--power",
    "wanted",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.8,
    show_default=True,
    help="Wanted chance to find the difference.",
)
@click.option(
    "--design-effect",
    type=click.FloatRange(min=0, min_open=True),
    help="By how much clusters raise the variance: n items are worth n/EFFECT independent ones.  "
    "[default: 1, or that of --comparison]",
)
@click.option(
    "--comparison",
    metavar="FOLDER",
    type=click.Path(exists=True, path_type=Path),
    help="A finished comparison to plan by: its discordant items, clusters and AUROC.",
)
@click.option(
    "--policy",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --comparison: simulate the gate of this policy; `built-in` is the built-in one.",
)
@click.option(
    "--simulations",
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    help="Gates to simulate.",
)
@level_option
def power(
    items: int | None,
    difference: float | None,
    discordant_rate: float | None,
    wanted: float,
    design_effect: float | None,
    comparison: Path | None,
    policy: Path | None,
    simulations: int,
    level: float,
) -> None:
    """Plan a comparison: what N items can show, or how many a difference needs.

    Give --items, --difference, or both. The discordant rate is the sum of the two flip rates of an
    earlier report; --comparison reads it, the worth of clustered items and the AUROC's standard
    error from a finished comparison, task by task. With --policy it says how often that gate would
    pass, block and leave open with so many items of each task, were the truth what the comparison
    shows.

    \b
    saeval power --items 1000                      smallest difference likely to be found
    saeval power --difference 0.02                 items needed to find it
    saeval power --items 1000 --difference 0.02    chance to find it
    saeval power --comparison saeval-runs/base-vs-mine --items 3000
    saeval power --comparison saeval-runs/base-vs-mine --items 3000 --policy gate.yaml
    """
    from saeval.reports.text.power import power_in_words

    if policy is not None and comparison is None:
        raise click.UsageError("--policy needs --comparison, whose answers are drawn from")
    try:
        if comparison is None:
            lines = [
                power_in_words(
                    items, difference, discordant_rate or 0.15, wanted, level, design_effect or 1.0
                )
            ]
        else:
            lines = _by_comparison(
                comparison, policy, items, difference, discordant_rate, wanted, level,
                design_effect, simulations,
            )  # fmt: skip
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    for line in lines:
        print(line)


def _by_comparison(
    folder: Path,
    policy: Path | None,
    items: int | None,
    difference: float | None,
    discordant_rate: float | None,
    wanted: float,
    level: float,
    design_effect: float | None,
    simulations: int,
) -> list[str]:
    from saeval.evalsuite.compare.folder import load_comparison
    from saeval.evalsuite.gate.planning import plan_tasks, simulate_gate
    from saeval.evalsuite.gate.policy_file import load_policy
    from saeval.reports.text.power import auroc_in_words, chances_in_words, power_in_words

    comparison = load_comparison(folder)
    rules = load_policy(None if policy is None or str(policy) == "built-in" else policy)
    if policy is not None:
        return chances_in_words(simulate_gate(comparison, rules, items, simulations), rules.name)
    lines = []
    for plan in plan_tasks(comparison, rules):
        planned = items or (plan.items if difference is None else None)
        sentence = power_in_words(
            planned,
            difference,
            discordant_rate or plan.discordant_rate,
            wanted,
            level,
            design_effect or plan.design_effect,
        )
        lines.append(f"{plan.task}: {sentence}")
        if plan.auroc_standard_error and planned is not None and difference is None:
            lines.append(
                auroc_in_words(
                    plan.task, planned, plan.auroc_standard_error, plan.items, wanted, level
                )
            )
    return lines
