"""What a command's exit code says, and that nobody sees a traceback for a mistake of their own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import pytest
from builders import prediction, run_folder, write_predictions
from command_line import SAEVAL

from saeval import errors
from saeval.command_line import run_command_line
from saeval.errors import SaevalError
from saeval.evalsuite.cli.main import main


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


def test_a_mistake_of_ours_exits_with_70_and_names_the_file_of_its_traceback(
    capsys, tmp_path, monkeypatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code, err = run(raises(ZeroDivisionError("\x1b[2J\n::error::https://me:secret@host")), capsys)
    (line,) = err.splitlines()
    (file,) = tmp_path.iterdir()
    assert code == 70
    assert line.startswith("Internal error: ZeroDivisionError; ")
    assert line.endswith(str(file))
    text = file.read_text(encoding="utf-8")
    assert text.startswith("Traceback (most recent call last):")
    assert "\x1b" not in text
    assert "secret" not in text
    assert file.stat().st_mode & 0o077 == 0


def test_a_traceback_that_cannot_be_written_is_said_so(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    code, err = run(raises(ZeroDivisionError()), capsys)
    assert code == 70
    assert len(err.splitlines()) == 1
    assert "its traceback could not be written (No such file or directory)" in err


@pytest.mark.parametrize("code", [0, 1, 3, None, "a library gives up"])
def test_a_library_that_exits_is_a_mistake_and_no_verdict(code, capsys):
    assert run(lambda: sys.exit(code), capsys)[0] == 70


def test_what_goes_wrong_while_an_error_is_reported_is_no_verdict(capsys, monkeypatch):
    class Worse(Exception):
        def __str__(self):
            raise KeyboardInterrupt

    assert run(raises(SaevalError(Worse())), capsys)[0] == 130


def test_several_mistakes_are_several_lines_and_none_is_begun_by_their_text(capsys):
    error = SaevalError("a.yaml:1: \x1b[1m", "b\n::error::no", "::warning::c", "d" * 9999)
    code, err = run(raises(error), capsys)
    first, second, third, last = err.splitlines()
    assert code == 2
    assert (first, second) == ("Error: a.yaml:1: \ufffd[1m", "  b\\n::error::no")
    assert third == "  : :warning::c"
    assert len(last) < 2100


def test_what_was_typed_is_no_line_of_its_own(capsys):
    with pytest.raises(SystemExit):
        main(["gate", "--x\n::error::y\x1b[2J"])
    err = capsys.readouterr().err
    assert "\x1b" not in err
    assert not [line for line in err.splitlines() if line.lstrip().startswith("::")]


@pytest.mark.parametrize("arguments", [["tasks", "list"], ["--help"], ["power", "--items", "500"]])
def test_a_full_disk_is_said_so(arguments):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [SAEVAL, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 74
    assert done.stderr.startswith("Error: disk full: standard output")
    assert len(done.stderr.splitlines()) == 1


def test_an_error_whose_reader_is_gone_is_not_a_regression():
    reading, writing = os.pipe()
    os.close(reading)
    arguments = [SAEVAL, "gate", "no such file", "nor this"]
    done = subprocess.run(arguments, stdout=writing, stderr=writing, check=False)
    os.close(writing)
    assert done.returncode == 141


def test_output_that_is_closed_is_no_mistake():
    done = subprocess.run(f"{SAEVAL} tasks list >&- 2>&-", shell=True, check=False)
    assert done.returncode == 0


def test_an_encoding_that_has_not_the_character_is_no_mistake():
    done = subprocess.run(
        [SAEVAL, "gate", "é→", "x"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr


def test_a_broken_install_is_no_verdict(tmp_path):
    (tmp_path / "click.py").write_text("raise ImportError('broken\\n::error::x')\n")
    done = subprocess.run(
        [sys.executable, "-m", "saeval", "gate", "a", "b"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 70
    assert done.stderr == (
        "Error: this install of saeval is broken (ImportError: broken ::error::x)\n"
    )


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


def finished_things(folder):
    """What every command needs, and the commands: those that print, with what they print on."""
    base, checkpoint = folder / "base.jsonl", folder / "checkpoint.jsonl"
    for path in (base, checkpoint):
        write_predictions(path, [prediction(number) for number in range(40)])
    run, store = run_folder(folder / "run"), folder / "store"
    quick = ("--replicates", "1000", "--out")
    main(["compare", str(base), str(checkpoint), *quick, str(folder / "compared")])
    main(["baseline", "save", "main", str(run), "--store", str(store)])
    return {
        "saeval": [
            ("--help",), ("--version",), ("tasks", "list"), ("tasks", "show", "fever"),
            ("tasks", "path"), ("tasks", "validate", "factworld_questions"),
            ("power", "--items", "500"), ("gate", "--explain"),
            ("compare", base, checkpoint, *quick, folder / "a"),
            ("gate", base, checkpoint, *quick, folder / "b", "--github"),
            ("report", folder / "compared"), ("baseline", "list", "--store", store),
            ("baseline", "show", "main", "--store", store),
        ],
        "satrain": [
            ("recipes", "list"), ("recipes", "show", "mixed"), ("check", "mixed"),
            ("check", "mixed", "--strict"),
        ],
    }  # fmt: skip


@pytest.mark.robustness
@pytest.mark.slow
def test_every_command_whose_reader_is_gone_exits_with_141(tmp_path):
    found = {}
    reading, writing = os.pipe()
    os.close(reading)
    for program, commands in finished_things(tmp_path).items():
        for arguments in commands:
            command = [SAEVAL.with_name(program), *arguments]
            done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
            found[" ".join(map(str, arguments))] = (done.returncode, b"Traceback" in done.stderr)
    os.close(writing)
    assert len(found) == 17
    assert {name: what for name, what in found.items() if what != (141, False)} == {}


@pytest.mark.robustness
@pytest.mark.slow
def test_commands_that_print_to_a_full_disk_exit_with_74(tmp_path):
    found = {}
    for program, commands in finished_things(tmp_path).items():
        for arguments in commands[-4:]:
            with open("/dev/full", "w") as full:
                command = [SAEVAL.with_name(program), *arguments]
                done = subprocess.run(
                    command, stdout=full, stderr=subprocess.PIPE, check=False, text=True
                )
            said = "Error: disk full: standard output" in done.stderr
            found[" ".join(map(str, arguments))] = (done.returncode, said)
    assert {name: what for name, what in found.items() if what != (74, True)} == {}


def test_exit_code_1_is_given_by_the_gate_alone():
    root = Path(__file__).parents[2]
    places = [
        f"{path.relative_to(root)}: {line.strip()}"
        for folder in ("saeval", "evalsuite", "reports", "stats", "tasks", "trainer")
        for path in sorted((root / folder).rglob("*.py"))
        if not path.is_relative_to(root / "saeval") or path.parent == root / "saeval"
        for line in path.read_text().splitlines()
        if re.search(r"(\bexit\(|SystemExit\(|_exit\()", line) and "def " not in line
    ]
    codes = ("code", "CHECK_FAILED", "INTERNAL_ERROR", "130", "0", "os.EX_TEMPFAIL")
    allowed = {f"exit({code})" for code in codes}
    assert [
        place
        for place in places
        if not any(place.endswith(end) for end in allowed) and "CHECK_FAILED if" not in place
    ] == []


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
