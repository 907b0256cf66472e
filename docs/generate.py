"""Writes what the documentation quotes from the project: ``make docs``.

Whole pages: `commands.md` (the help of every command), a page per recipe, policy and package. Parts
of pages: what stands between ``<!-- generated: NAME -->`` and ``<!-- end -->``, by name. A test
(`tests/test_docs.py`) fails where any of it is not what the code says now.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import click
from click.testing import CliRunner
from python_api import python_pages
from rich.console import Console

from saeval.evalsuite.cli.help import AskingCommand
from saeval.evalsuite.cli.main import cli as saeval
from saeval.evalsuite.gate.policy_file import BUILT_IN, load_policy
from saeval.reports.render.json_keys import KEYS as JSON_KEYS
from saeval.reports.text.gate import explain
from saeval.stats import get_metric, list_metrics
from saeval.tasks.factworld.questions import generate_questions
from saeval.tasks.factworld.world import generate_claims
from saeval.tasks.format.prompts import (
    write_confidence_prompt,
    write_pairwise_prompt,
    write_question_prompt,
    write_verification_prompt,
)
from saeval.trainer.checks.check import check
from saeval.trainer.checks.report import print_report
from saeval.trainer.cli import cli as satrain
from saeval.trainer.recipe.load import find_recipe, list_recipes, load_recipe

DOCS = Path(__file__).parent
REFERENCE = DOCS / "reference"
WIDTH = 100
_PART = re.compile(r"(<!-- generated: (?P<name>.+?) -->\n).*?(<!-- end -->)", re.DOTALL)
_HEAD = "<!-- Written by `make docs`; do not edit. -->\n\n"

QUESTION = {"question": "Which city is the capital of Peru?"}
OWN_ANSWER = {**QUESTION, "answer": "Lima"}
TWO_QUESTIONS = {"first": QUESTION["question"], "second": "Who was mayor of Lima in 1937?"}


def pages() -> dict[Path, str]:
    """Every page that is written or quotes something, by its path, as it should be."""
    found = {REFERENCE / "commands.md": commands_page()}
    found[REFERENCE / "metrics.md"] = metrics_page()
    for name, text in python_pages().items():
        found[REFERENCE / "python" / name] = _HEAD + text
    for name in list_recipes():
        found[REFERENCE / "recipes" / f"{name}.md"] = recipe_page(name)
    for path in policy_files():
        found[REFERENCE / "policies" / f"{policy_name(path)}.md"] = policy_page(path)
    for path in sorted(DOCS.rglob("*.md")):
        if path not in found:
            text = path.read_text(encoding="utf-8")
            if _PART.search(text) or "<!-- simulated -->" in text:
                parts = _PART.sub(lambda part: part[1] + quoted(part["name"]) + part[3], text)
                found[path] = with_measured_rows(parts)
    return found


def quoted(name: str) -> str:
    """What stands in a page under a name."""
    if name == "factworld cases":
        return factworld_cases()
    if name == "json keys":
        return json_keys_table()
    if name.startswith("example "):
        return worked_example(DOCS.parent / name.removeprefix("example "))
    prompts = {
        "prompt verification": lambda: write_verification_prompt(
            next(iter(generate_claims("test", 1))).as_row()
        ),
        "prompt question": lambda: write_question_prompt(QUESTION),
        "prompt confidence": lambda: write_confidence_prompt(OWN_ANSWER),
        "prompt pairwise": lambda: write_pairwise_prompt(TWO_QUESTIONS),
    }
    if name not in prompts:
        raise KeyError(f"nothing is generated as {name!r}; known: {', '.join(prompts)}")
    return block(prompts[name]())


def commands_page() -> str:
    """The help of every command and subcommand."""
    parts = [_HEAD, "# Commands\n\nWhat `--help` says, or `--help-all` where a command has it.\n"]
    for name, root in (("saeval", saeval), ("satrain", satrain)):
        for words, command in _walk(root):
            option = "--help-all" if isinstance(command, AskingCommand) else "--help"
            said = CliRunner().invoke(
                root,
                [*words, option],
                prog_name=name,
                terminal_width=WIDTH,
                catch_exceptions=False,
            )
            if said.exit_code:
                raise RuntimeError(f"{name} {' '.join(words)} {option}: {said.output}")
            parts.append(f"\n## {' '.join([name, *words])}\n\n{block(said.output)}")
    return "".join(parts)


def _walk(
    command: click.Command, words: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield words, command
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            inner = command.commands[name]
            if not inner.hidden:
                yield from _walk(inner, (*words, name))


def metrics_page() -> str:
    """Every metric of the registry."""
    rows = ["| name | title | definition | kind | better | headline |", "|:--|:--|:--|:--|:--|:--|"]
    better = {True: "higher", False: "lower", None: ""}
    for name in list_metrics():
        metric = get_metric(name)
        headline = "yes" if metric.headline else ""
        rows.append(
            f"| `{name}` | {metric.title} | {metric.definition} | {metric.kind} | "
            f"{'0' if metric.best_at_zero else better[metric.higher_is_better]} | {headline} |"
        )
    table = "\n".join(rows).replace("{label}", "*label*")
    return (
        f"{_HEAD}# Metrics\n\nEvery metric by its name in JSON files, policies and Python. Its "
        "kind decides [interval and test](../statistics/README.md); headline metrics are corrected "
        f"together. [Add one](../how-to/add-a-metric.md).\n\n{table}\n"
    )


def recipe_page(name: str) -> str:
    """A recipe: what its file says of itself, the file, and what `satrain check` prints."""
    recipe = load_recipe(name)
    comment, content = split_comment(find_recipe(name))
    findings = check(recipe)
    out = StringIO()
    print_report(
        recipe, findings, Console(file=out, width=WIDTH, color_system=None, force_terminal=False)
    )
    warned = dict.fromkeys(f.code for f in findings if f.severity == "warning")
    codes = ", ".join(f"[{code}](../recipes.md#what-check-looks-for)" for code in warned)
    return (
        f"{_HEAD}# {name}\n\n{comment}\nSource: {recipe.source}. `check` warns of "
        f"{codes or 'nothing'}.\n\n"
        f"```\nsatrain recipes show {name} > mine.yaml\nsatrain run {name} --base MODEL\n```\n\n"
        f"## The recipe\n\n{block(content, 'yaml')}\n"
        f"## `satrain check {name}`\n\n{block(out.getvalue())}\n"
        "[All recipes](../recipes.md)\n"
    )


def policy_files() -> list[Path]:
    """The built-in policy and those of this folder."""
    return [BUILT_IN, *sorted((REFERENCE / "policies").glob("*.yaml"))]


def policy_name(path: Path) -> str:
    return "built-in" if path == BUILT_IN else path.stem


def policy_page(path: Path) -> str:
    """A policy: what its file says of itself, the file, and what ``--explain`` prints."""
    policy = load_policy(path)
    comment, content = split_comment(path)
    name = policy_name(path)
    option = "" if path == BUILT_IN else f" --policy {path.name}"
    words = "\n".join(explain(policy.name, policy.level, policy.general, policy.of_task))
    said = words.replace(f"{path.parent}/", "")
    return (
        f"{_HEAD}# {name}\n\n{comment}\n```\nsaeval gate BASE CHECKPOINT{option}\n```\n\n"
        f"## The policy\n\n{block(content, 'yaml')}\n"
        f"## `saeval gate --explain{option}`\n\n{block(said)}\n[All policies](../policies.md)\n"
    )


def split_comment(path: Path) -> tuple[str, str]:
    """The comment at the head of a YAML file as prose, and the rest."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    end = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    prose = "".join(line.removeprefix("#").removeprefix(" ") for line in lines[:end])
    return prose, "".join(lines[end:]).strip("\n") + "\n"


def worked_example(path: Path) -> str:
    """Of a test, what stands between ``# [example]`` and ``# [end]``; without these, the file."""
    text = path.read_text(encoding="utf-8")
    _, start, rest = text.partition("# [example]\n")
    return block(rest.partition("\n# [end]")[0] if start else text, "python")


def with_measured_rows(text: str) -> str:
    """A page with the rows that it quotes of the simulations as evidence/validity.md has them."""
    measured: dict[tuple[str, ...], str] = {}
    for line in (DOCS / "evidence" / "validity.md").read_text(encoding="utf-8").splitlines():
        measured.setdefault(tuple(line.split(" | ")[:2]), line)

    def rows(match: re.Match[str]) -> str:
        lines = match[0].splitlines(keepends=True)
        return "".join(
            measured.get(tuple(line.split(" | ")[:2]), line.rstrip("\n")) + "\n"
            if re.search(r"% ± \d", line)
            else line
            for line in lines
        )

    return re.sub(r"<!-- simulated -->.*?<!-- /simulated -->\n", rows, text, flags=re.DOTALL)


def json_keys_table() -> str:
    """Fields whose keys in JSON files are not their names, by class."""
    rows = [
        f"| `{owner}` | `{field}` | `{key}` |"
        for owner, keys in sorted(JSON_KEYS.items())
        for field, key in keys.items()
    ]
    return "\n".join(["| class | Python | JSON |", "|:--|:--|:--|", *rows]) + "\n"


def a_claim() -> dict[str, object]:
    """The first item of factworld."""
    return next(iter(generate_claims("test", 1))).as_row()


def factworld_cases() -> str:
    """An item of each kind of case, and a question of each kind."""
    cases = {item.source_label: item for item in reversed([*generate_claims("test", 300)])}
    rows = ["| kind | claim | evidence | label |", "|:--|:--|:--|:--|"]
    for kind in sorted(cases, key=lambda kind: (cases[kind].target, kind)):
        item = cases[kind].as_row()
        evidence = " // ".join(item["evidence"]) or "none"
        rows.append(f"| {kind} | {item['claim']} | {evidence} | {item['target']} |")
    questions = {item.source_label: item for item in reversed([*generate_questions(300)])}
    rows += ["", "| kind | question | right answer | label |", "|:--|:--|:--|:--|"]
    for kind in sorted(questions, key=lambda kind: (questions[kind].target, kind)):
        item = questions[kind]
        answer = item.answers[0] if item.answers else "none"
        rows.append(f"| {kind} | {item.question} | {answer} | {item.target} |")
    return "\n".join(rows) + "\n"


def block(text: str, language: str = "") -> str:
    """A block of code."""
    lines = "\n".join(line.rstrip() for line in text.strip("\n").splitlines())
    return f"```{language}\n{lines}\n```\n"


def main() -> None:
    """Write every page that is not as it should be, and remove those of recipes that are gone."""
    wanted = pages()
    for path, text in wanted.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"Wrote {path.relative_to(DOCS.parent)}")
    for folder in ("recipes", "policies", "python"):
        for path in set((REFERENCE / folder).glob("*.md")) - set(wanted):
            path.unlink()
            print(f"Removed {path.relative_to(DOCS.parent)}")


if __name__ == "__main__":
    sys.exit(main())
