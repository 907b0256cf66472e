"""How commands behave among others: help on a screen, one thing on standard output, completion."""

from __future__ import annotations

import json
from dataclasses import replace

import click
import pytest
from builders import LABELS, prediction, write_predictions
from click.shell_completion import ShellComplete
from click.testing import CliRunner
from command_line import fails, typed

from saeval.evalsuite.cli.help import AskingCommand
from saeval.evalsuite.cli.main import cli as saeval
from saeval.evalsuite.config import RunConfig, format_options, options_of_identity
from saeval.trainer.cli import cli as satrain


def commands(root, words=()):
    yield words, root
    if isinstance(root, click.Group):
        for name, inner in root.commands.items():
            yield from commands(inner, (*words, name))


ALL = [
    *((saeval, *found) for found in commands(saeval)),
    *((satrain, *found) for found in commands(satrain)),
]


def help_of(root, words, option="--help"):
    said = CliRunner().invoke(root, [*words, option], terminal_width=80, catch_exceptions=False)
    assert said.exit_code == 0
    return said.output


@pytest.mark.parametrize(("root", "words", "command"), ALL, ids=lambda value: str(value)[:40])
def test_help_fits_on_a_screen_and_hides_nothing(root, words, command):
    shown = help_of(root, words)
    assert len(shown.splitlines()) <= 60
    everything = shown
    if isinstance(command, AskingCommand):
        everything = help_of(root, words, "--help-all")
        assert "More (" not in everything
        assert shown.index("--tasks" if "--tasks" in shown else "--task") < shown.index("--engine")
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert parameter.opts[0] in shown
            assert parameter.help.split()[0] in everything


@pytest.fixture
def files(tmp_path):
    """A base that is always right, and checkpoints that are wrong on the first items."""
    return [
        write_predictions(
            tmp_path / f"{name}.jsonl",
            [prediction(n, LABELS[(n + (n < wrong)) % 3]) for n in range(60)],
        )
        for name, wrong in (("base", 0), ("checkpoint", 30), ("other", 40))
    ]


def test_json_is_the_result_and_nothing_else(files, tmp_path, capsys):
    base, checkpoint, other = files
    out = ("--replicates", 1000, "--out", tmp_path / "out", "--json")
    code, shown, _ = typed(capsys, "compare", base, checkpoint, *out)
    assert (code, json.loads(shown)) == (
        0, json.loads((tmp_path / "out" / "comparison.json").read_text()),
    )  # fmt: skip
    assert shown.isascii()
    code, shown, err = typed(capsys, "gate", base, checkpoint, *out, "--github", "--quiet")
    assert (code, json.loads(shown)) == (1, json.loads((tmp_path / "out/gate.json").read_text()))
    assert err
    assert all(line.startswith("::") for line in err.splitlines())
    code, shown, _ = typed(
        capsys, "compare", base, checkpoint, other, *out[:2], "--out", tmp_path / "all", "--json"
    )
    assert (code, json.loads(shown)) == (
        0, json.loads((tmp_path / "all" / "family.json").read_text()),
    )  # fmt: skip


def test_brief_is_a_line_per_task(files, tmp_path, capsys):
    base, checkpoint, other = files
    out = ("--replicates", 1000, "--out", tmp_path / "out", "--brief", "--quiet")
    code, shown, err = typed(capsys, "compare", base, checkpoint, *out)
    assert (code, err) == (0, "")
    (line,) = shown.splitlines()
    assert line.startswith("fever: worse (60 items); Accuracy −50.0 pp [")
    assert "], 100.0% → 50.0%; worse: Accuracy −50.0 pp, " in line
    code, shown, _ = typed(capsys, "gate", base, checkpoint, *out)
    verdict, line = shown.splitlines()
    assert verdict.startswith("REGRESSION: ")
    assert line.startswith("fever: ")
    assert "; broken: Accuracy −50.0 pp [" in line
    code, shown, _ = typed(
        capsys, "compare", base, checkpoint, other, "--replicates", 1000, "--out",
        tmp_path / "all", "--brief",
    )  # fmt: skip
    assert [line.split(":")[0] for line in shown.splitlines()] == (
        ["checkpoint, fever", "other, fever"]
    )


def test_quiet_leaves_the_exit_code_and_the_errors(files, tmp_path, capsys):
    base, checkpoint, _ = files
    out = ("--replicates", 1000, "--out", tmp_path / "out", "--quiet")
    assert typed(capsys, "gate", base, checkpoint, *out) == (1, "", "")
    message = fails(capsys, "gate", base, "nowhere.jsonl", *out, "--json")
    assert "nowhere.jsonl" in message
    message = fails(capsys, "compare", base, checkpoint, "--json", "--brief")
    assert message == "Error: --json and --brief: give one of them"


def test_two_unknown_tasks_are_two_names_with_their_own_suggestions(files, capsys):
    message = fails(capsys, "compare", *files[:2], "--tasks", "fevr,fever,vitaminK,gsm\x1b[2J")
    assert message.endswith(
        "base.jsonl: holds predictions of fever; unknown tasks 'fevr' (did you mean fever?), "
        "'vitaminK' (did you mean vitaminc or vitaminc_dev?) and 'gsm\\x1b[2J' (none is like it); "
        "see saeval tasks list, or bring your own: saeval tasks new"
    )


@pytest.mark.parametrize(
    ("words", "incomplete", "expected"),
    [
        (["run", "base", "--tasks"], "fev", ["fever"]),
        (["compare", "a", "b", "--tasks"], "fever,vit", ["fever,vitaminc", "fever,vitaminc_dev"]),
        (["gate", "a", "b", "--tasks"], "fever,fev", []),
        (["frontier", "a", "--task"], "simple", ["simpleqa", "simpleqa_verified"]),
        (["tasks", "show"], "vita", ["vitaminc", "vitaminc_dev"]),
        (["compare", "a", "b"], "--until", []),
        (["gate", "a", "b"], "--until", ["--until-decided"]),
    ],
)
def test_a_shell_completes_tasks_and_options(words, incomplete, expected):
    found = ShellComplete(saeval, {}, "saeval", "_SAEVAL_COMPLETE")
    assert [item.value for item in found.get_completions(words, incomplete)] == expected


def test_a_run_without_label_probabilities_says_so_in_its_identity():
    """And one with them is what it always was: older folders and caches go on."""
    asked = RunConfig(tasks=("fever",))
    silent = replace(asked, label_probabilities=False)
    assert "label_probabilities" not in asked.identity()
    assert silent.identity() == asked.identity() | {"label_probabilities": False}
    assert format_options(options_of_identity(silent.identity())) == "--no-label-probabilities"
    assert format_options(options_of_identity(asked.identity())) == ""
