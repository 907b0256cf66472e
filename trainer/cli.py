"""The ``satrain`` command. Heavy imports happen inside the commands, so that help is instant."""

from __future__ import annotations

import signal
from pathlib import Path

import click

from saeval.command_line import CHECK_FAILED, run_command_line

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

_INTERRUPTED = "Interrupted. What is saved is kept; run the same command again to resume."


def main(arguments: list[str] | None = None) -> None:
    """Run ``satrain``; see `saeval.command_line` for its exit codes."""
    run_command_line(cli, arguments, when_interrupted=_INTERRUPTED)


def _load_rewards(context: click.Context, option: click.Parameter, path: Path | None) -> None:
    if path is not None:
        from saeval.trainer.rewards.registry import load_reward_file

        load_reward_file(path)


rewards_option = click.option(
    "--rewards",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Python file that registers reward components of your own.",
    expose_value=False,
    callback=_load_rewards,
)


@click.group(context_settings=CONTEXT)
@click.version_option(package_name="saeval")
def cli() -> None:
    """Train a checkpoint that knows what it does not know, by a recipe.

    \b
    See the recipes, what one of them rewards before a GPU is touched, and train:
      satrain recipes list
      satrain check mixed
      satrain run mixed --base MODEL
    """


@cli.group(context_settings=CONTEXT)
def recipes() -> None:
    """The recipes that come with satrain: published ones and its own."""


@recipes.command("list", context_settings=CONTEXT)
def print_recipes() -> None:
    """Names and one line on each."""
    from saeval.trainer.recipe.load import list_recipes, load_recipe

    names = list_recipes()
    width = max(map(len, names))
    for name in names:
        print(f"{name:{width}}  {load_recipe(name).summary}")


@recipes.command("show", context_settings=CONTEXT)
@click.argument("name")
def show_recipe(name: str) -> None:
    """The recipe's file; save it, change it, and give it to the other commands.

    \b
    satrain recipes show mixed > mine.yaml
    """
    from saeval.trainer.recipe.load import find_recipe

    print(find_recipe(name).read_text(encoding="utf-8"), end="")


@cli.command(context_settings=CONTEXT)
@click.argument("recipe")
@click.argument("changes", metavar="[KEY=VALUE]...", nargs=-1)
@click.option(
    "--base",
    metavar="MODEL",
    help="Base model: checks its tokens for probing, and asks one in a folder some items.",
)
@rewards_option
@click.option("--strict", is_flag=True, help="Exit with 4 if there is any warning.")
def check(recipe: str, changes: tuple[str, ...], base: str | None, strict: bool) -> None:
    """What RECIPE rewards, and what will go wrong, before any training.

    RECIPE is a name of `satrain recipes list` or a YAML file. Prints what each answer pays, which
    one is best for a model that knows more or less, and warnings. Exit code 0 with warnings or
    without, 4 under --strict, 2 for a mistake in the recipe.

    \b
    satrain check mixed
    satrain check hard-only reward.exploration.bonus=0.1
    satrain check mine.yaml hardware.devices=8 --base ./base --strict
    """
    from saeval.progress import GuardedConsole
    from saeval.trainer.checks.check import check as check_recipe
    from saeval.trainer.checks.report import print_report
    from saeval.trainer.recipe.load import load_recipe

    loaded = load_recipe(recipe, changes)
    findings = check_recipe(loaded, base=base)
    print_report(loaded, findings, GuardedConsole())
    if strict and any(finding.severity == "warning" for finding in findings):
        click.get_current_context().exit(CHECK_FAILED)


@cli.command(context_settings=CONTEXT)
@click.argument("recipe")
@click.argument("changes", metavar="[KEY=VALUE]...", nargs=-1)
@click.option(
    "--base",
    metavar="MODEL",
    help="Base model, a hub id or folder, or a finished run to go on from its adapter.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where the checkpoint goes.  [default: satrain-runs/ and the recipe's name]",
)
@rewards_option
@click.option("--data-dir", envvar="SAEVAL_DATA", metavar="DIR", help="Data sets as local files.")
def run(
    recipe: str,
    changes: tuple[str, ...],
    base: str | None,
    out: Path | None,
    data_dir: str | None,
) -> None:
    """Train a checkpoint by RECIPE.

    RECIPE is a name of `satrain recipes list` or a YAML file. DIR becomes what `saeval compare BASE
    DIR` takes, with curves in run.html. After a crash or Ctrl-C the same command goes on where the
    last checkpoint was saved. Exit code 0 when finished, 4 if an alarm stopped it, 2 for what a
    person can mend, 130 if interrupted (143 by SIGTERM).

    \b
    satrain run recommended-verification --base Qwen/Qwen2.5-1.5B-Instruct --out runs/mine
    satrain run mine.yaml --base ./base optimisation.steps=50
    accelerate launch -m saeval.trainer.cli run mixed --base ./base hardware.devices=8
    """
    from saeval.progress import GuardedConsole
    from saeval.trainer.display import TrainingDisplay
    from saeval.trainer.run.train import is_first_process, train

    display = TrainingDisplay(GuardedConsole(quiet=not is_first_process()))
    try:
        checkpoint = train(recipe, base, out, changes=changes, data_dir=data_dir, observer=display)
    finally:
        display.close()
    if is_first_process() and not checkpoint.finished:
        stopped = 128 + (checkpoint.signal or signal.SIGINT)
        click.get_current_context().exit(CHECK_FAILED if checkpoint.stopped_by else stopped)


@cli.command(context_settings=CONTEXT)
@click.argument("recipe")
@click.argument("changes", metavar="[KEY=VALUE]...", nargs=-1)
@click.option("--base", metavar="MODEL", required=True, help="Base model, a hub id or a folder.")
@click.option(
    "--samples",
    type=click.IntRange(min=1),
    default=16,
    show_default=True,
    help="How often each item is answered.",
)
@click.option(
    "--pool",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    help="Items profiled for each one that a source with a filter asks for.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    help="Items answered at once, each with all its samples.",
)
@rewards_option
@click.option("--data-dir", envvar="SAEVAL_DATA", metavar="DIR", help="Data sets as local files.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Profile to write or go on with.  [default: RECIPE-MODEL.profile.jsonl]",
)
def profile(
    recipe: str,
    changes: tuple[str, ...],
    base: str,
    samples: int,
    pool: int,
    batch_size: int,
    data_dir: str | None,
    out: Path | None,
) -> None:
    """What the base knows: how often it answers each item of RECIPE rightly.

    The base answers every item as training would ask it, several times. The file that comes of it
    goes into the recipe as data.profile, for `filter` and `order: easy_first`. It can be broken
    off at any time; the same command goes on.

    \b
    satrain profile hard-only --base ./base --out hard.jsonl
    satrain check hard-only data.profile=hard.jsonl
    """
    from saeval.progress import GuardedConsole
    from saeval.trainer.data.profile_base import profile_base
    from saeval.trainer.display import ProfileDisplay, print_profile_summary
    from saeval.trainer.recipe.load import load_recipe

    with ProfileDisplay(GuardedConsole(stderr=True)) as display:
        profile = profile_base(
            load_recipe(recipe, changes),
            base,
            out,
            samples=samples,
            pool=pool,
            batch_size=batch_size,
            data_dir=data_dir,
            on_load=display.on_load,
            on_progress=display.on_progress,
        )
    print_profile_summary(profile, GuardedConsole())


if __name__ == "__main__":
    main()
