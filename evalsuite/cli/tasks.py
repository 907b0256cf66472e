"""``saeval tasks``: what there is to ask."""

from __future__ import annotations

from typing import Any

import click

from saeval.command_line import CHECK_FAILED
from saeval.errors import SaevalError
from saeval.evalsuite.cli.options import CONTEXT, complete_tasks, data_dir_option, known_tasks
from saeval.evalsuite.cli.tasks_new import new_task
from saeval.terminal_text import printable

RETENTION = "retention"


@click.group(context_settings=CONTEXT)
def tasks() -> None:
    """List the tasks, show their cards, make one of your own data, find them for plain lm_eval."""


tasks.add_command(new_task)


@tasks.command("list", context_settings=CONTEXT)
def list_tasks() -> None:
    """Names and one line on each of saeval's own.

    lm-eval's are asked by their names too (`lm-eval ls tasks`); where both have one, lm-eval's is
    lm_eval:NAME.
    """
    from saeval.tasks import registry

    names = registry.list_tasks()
    width = max(map(len, names))
    for name in names:
        print(f"{name:{width}}  {registry.get_task(name).summary}")
    print(f"{RETENTION:{width}}  three small generated tasks, to see what a training spoilt")


@tasks.command("show", context_settings=CONTEXT)
@click.argument("name", shell_complete=complete_tasks)
def show_task(name: str) -> None:
    """The task card: what is asked, source, labels, traps."""
    from saeval.tasks.registry import get_task
    from saeval.tasks.task import TASKS_FOLDER

    if name == RETENTION:
        card = (TASKS_FOLDER / RETENTION / "README.md").read_text(encoding="utf-8")
    else:
        try:
            (known,) = known_tasks([name])
        except click.BadParameter as error:
            raise click.BadParameter(
                f"{error.message}; cards are of saeval's own tasks: one of lm-eval (lm-eval ls "
                f"tasks) has none, and is asked with --tasks NAME"
            ) from error
        card = get_task(known).card
    print(printable(card), end="")


@tasks.command("path", context_settings=CONTEXT)
def tasks_path() -> None:
    """The folder to give to lm_eval.

    \b
    lm_eval run --include_path "$(saeval tasks path)" --tasks fever …
    """
    from saeval.tasks.task import TASKS_FOLDER

    print(TASKS_FOLDER)


def _chosen_tasks(names: tuple[str, ...]) -> list[Any]:
    from saeval.tasks import registry

    return [registry.get_task(n) for n in (known_tasks(names) if names else registry.list_tasks())]


@tasks.command("validate", context_settings=CONTEXT)
@click.argument("names", metavar="[TASK]...", nargs=-1, shell_complete=complete_tasks)
@data_dir_option
def validate_tasks(names: tuple[str, ...], data_dir: str | None) -> None:
    """Does each task's grader read its own gold answers as right? All tasks by default.

    Each item's gold answers must be read as right, an abstention as one, and garbage as invalid.
    Exit code 4 if anything is read as something else.
    """
    from saeval.tasks.data.validate import validate

    failed = False
    for task in _chosen_tasks(names):
        result = validate(task, data_dir)
        print(result)
        failed |= not result.passed
    if failed:
        click.get_current_context().exit(CHECK_FAILED)


@tasks.command("prefetch", context_settings=CONTEXT)
@click.argument("names", metavar="[TASK]...", nargs=-1, shell_complete=complete_tasks)
def prefetch_tasks(names: tuple[str, ...]) -> None:
    """Load tasks from the hub once, so that a machine has them when it is offline.

    The hub's own cache keeps them (HF_HOME).
    """
    from saeval.tasks.data.loading import DATA_VARIABLE, find_data_folder, load_items

    if find_data_folder() is not None:
        raise SaevalError(f"{DATA_VARIABLE} is set, so nothing would be fetched; unset it")
    for task in _chosen_tasks(names):
        if task.asks_about_own_answers:
            print(f"{task.name}: made of a model's own answers, nothing to load")
            continue
        items = load_items(task)
        print(f"{task.name}: {len(items)} items")
