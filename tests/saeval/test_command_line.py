"""What a command's exit code says, and that nobody sees a traceback for a mistake of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from builders import prediction, write_predictions
from command_line import SAEVAL

from saeval import errors
from saeval.command_line import run_command_line
from saeval.errors import SaevalError


def run(body, capsys):
    """Exit code and standard error of a command that does this."""
    try:
        run_command_line(
            click.Command("x", callback=body), [], when_interrupted="Interrupted; bye."
        )
        code = 0
    except SystemExit as leaving:
        code = leaving.code
    return code, capsys.readouterr().err


def raises(error):
    def body():
        raise error

    return body


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        (lambda: None, 0, ""),
        (lambda: sys.exit(3), 3, ""),
        (lambda: sys.exit(0), 0, ""),
        (lambda: click.get_current_context().exit(1), 1, ""),
        (raises(click.UsageError("which?")), 2, "Error: which?"),
        (raises(FileNotFoundError(2, "No such file", "x.json")), 2, "Error: x.json: No such file"),
        (raises(KeyboardInterrupt()), 130, "Interrupted; bye."),
        (lambda: os.kill(os.getpid(), signal.SIGINT), 130, "Interrupted; bye."),
        (lambda: os.kill(os.getpid(), signal.SIGTERM), 143, "Interrupted; bye."),
    ],
)
def test_exit_codes(body, code, said, capsys):
    before = signal.getsignal(signal.SIGTERM)
    found = run(body, capsys)
    assert found[0] == code
    assert said in found[1]
    assert "Traceback" not in found[1]
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    "kind", [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, SaevalError)]
)
def test_an_expected_error_is_one_sentence_and_its_own_exit_code(kind, capsys):
    assert run(raises(kind("fever.jsonl:3: not JSON")), capsys) == (
        kind.exit_code,
        "Error: fever.jsonl:3: not JSON\n",
    )


def test_a_mistake_of_ours_exits_with_70_and_asks_for_a_report(capsys):
    code, err = run(raises(ZeroDivisionError("division by zero")), capsys)
    assert code == 70
    assert "Traceback" in err
    assert "ZeroDivisionError: division by zero" in err
    assert err.strip().splitlines()[-1].startswith("Internal error: ")


@pytest.mark.parametrize("code", [1, "a library gives up"])
def test_only_the_command_itself_exits_with_1(code, capsys):
    assert run(lambda: sys.exit(code), capsys)[0] == 70


def lines(n):
    return f"[print('x' * 99) for _ in range({n})]"


RICH = "Console().print('\\n'.join('x' * 99 for _ in range(9999)))"


@pytest.mark.parametrize("body", [lines(9999), lines(1), RICH])
def test_a_reader_that_leaves_ends_the_command_without_a_word(body):
    code = (
        "import click, time\n"
        "from rich.console import Console\n"
        "from saeval.command_line import run_command_line\n"
        f"say = lambda: (print('begin', flush=True), time.sleep(0.5), {body})\n"
        "run_command_line(click.Command('x', callback=say))"
    )
    arguments = [sys.executable, "-c", code]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as writer:
        writer.stdout.readline()
        writer.stdout.close()
        assert writer.stderr.read() == b""
    assert writer.returncode == 141


@pytest.mark.parametrize("command", ["saeval", "satrain"])
def test_help_whose_reader_is_gone_is_not_a_regression(command):
    reading, writing = os.pipe()
    os.close(reading)
    command = [Path(sys.executable).with_name(command), "--help"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_gate_whose_reader_is_gone_is_not_a_regression(tmp_path):
    base, checkpoint = tmp_path / "base.jsonl", tmp_path / "checkpoint.jsonl"
    for path in (base, checkpoint):
        write_predictions(path, [prediction(number) for number in range(40)])
    reading, writing = os.pipe()
    os.close(reading)
    arguments = ["gate", base, checkpoint, "--out", tmp_path / "out", "--replicates", "1000"]
    done = subprocess.run([SAEVAL, *arguments], stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert done.returncode == 141, done.stderr
