"""``saeval power``: plan a comparison."""

from __future__ import annotations

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
        print(power_in_words(items, difference, discordant_rate, wanted, level))
    except ValueError as error:
        raise click.UsageError(str(error)) from error
