"""The suite of promises finds out a method that breaks one, and keeps what it has measured."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from scipy import stats
from validity import data
from validity.__main__ import main
from validity.measure import FinishedBlocks, load_families, measure
from validity.promises import Case, Promise, Tally, at_most, judge

from saeval.stats.gate.rules import Rule

FAMILY_FILE = """
import numpy as np
from scipy import stats
from validity.promises import Case, Family, at_most


def upper_bound(losses):
    {method}


def simulate(rng):
    losses = (rng.random(150) < 0.02).astype(float)
    return {{("rare losses", "PASS"): upper_bound(losses) < 0.02}}


promise = at_most("rare losses", "PASS", 0.055)
FAMILY = Family("Plugged in", "Text.", (Case("n = 150", simulate, (promise,)),))
"""
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
NAIVE = "return losses.mean() + stats.t.ppf(0.95, 149) * losses.std(ddof=1) / 150**0.5"
EXACT = "k = losses.sum(); return stats.beta.ppf(0.95, k + 1, 150 - k)"


@pytest.fixture(autouse=True)
def _forget_families() -> Iterator[None]:
    yield
    for name in [name for name in sys.modules if name.startswith("validity.families.")]:
        del sys.modules[name]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def plugged_in(folder: Path, method: str) -> Result:
    families = folder / "families"
    families.mkdir()
    (families / "plugged_in.py").write_text(FAMILY_FILE.format(method=method))
    return run(
        *("--families", families, "--datasets", 300, "--jobs", 1),
        *("--out", folder / "page.md", "--finished", folder / "runs"),
    )


def test_a_naive_interval_in_a_new_file_is_found_out(tmp_path: Path) -> None:
    result = plugged_in(tmp_path, NAIVE)
    assert result.exit_code == 1, result.output
    assert "1 promise is broken" in result.output
    assert "**broken**" in (tmp_path / "page.md").read_text()


def test_an_exact_interval_in_its_place_is_not(tmp_path: Path) -> None:
    result = plugged_in(tmp_path, EXACT)
    assert result.exit_code == 0, result.output
    assert "broken" not in result.output
    assert "## Plugged in" in (tmp_path / "page.md").read_text()


def test_the_quick_run_finds_out_a_gate_with_a_naive_t_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def naive(what: str, pairs: Any, rule: Rule, rng: object, level: float = 0.95) -> Any:
        before, after = (
            (answers.confidence - (answers.predicted == pairs.target)) ** 2
            for answers in pairs.models
        )
        bound = stats.ttest_1samp(after - before, 0, alternative="less").confidence_interval(level)
        return {(what, "PASS"): bound.high < rule.limit, (what, "REGRESSION"): False}

    arguments = ("--quick", "--jobs", 1, "--only", "rare_losses", "--case", "Brier")
    assert run(*arguments).exit_code == 0
    monkeypatch.setattr(data, "verdicts", naive)
    for name in [name for name in sys.modules if name.startswith("validity.families.")]:
        del sys.modules[name]
    result = run(*arguments)
    assert result.exit_code == 1, result.output


@pytest.mark.parametrize(("passed", "status"), [(100, "holds"), (113, "outside"), (160, "broken")])
def test_a_band_is_widened_by_chance_and_no_more(passed: int, status: str) -> None:
    assert judge(at_most("x", "PASS", 0.055), Tally(2000, passed, passed)) == status


def test_a_coverage_and_a_mean_may_be_too_low_as_well() -> None:
    assert judge(Promise("x", "coverage", 0.94, 0.96), Tally(2000, 1830, 1830)) == "broken"
    sixty = Promise("x", "asked", at_most=0.5, is_mean=True)
    assert judge(sixty, Tally(100, 60, 36.1)) == "broken"
    assert judge(sixty, Tally(100, 49, 24.5)) == "holds"


def test_no_result_is_broken_unless_untested_is_an_answer() -> None:
    assert judge(at_most("x", "PASS", 0.055), Tally()) == "broken"
    untested = Promise("x", "type I error", at_most=0.055, may_be_untested=True)
    assert judge(untested, Tally()) == "holds"


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    drawn = []

    def toss(rng: np.random.Generator) -> dict[tuple[str, str], float]:
        drawn.append(1)
        return {("coin", "heads"): rng.random() < 0.5}

    cases = {("coins", "fair"): Case("fair", toss, (Promise("coin", "heads"),))}

    def counts(datasets: int) -> list[Tally]:
        finished = FinishedBlocks(tmp_path)
        steps = measure(cases, datasets, jobs=1, folder=tmp_path, finished=finished)
        return [result.tallies["coin", "heads"] for *_, last in [steps] for result in last.values()]

    (first,) = counts(40)
    assert (len(drawn), first.count) == (40, 40)
    (second,) = counts(100)
    assert (len(drawn), second.count) == (100, 100)


def test_ctrl_c_shows_and_keeps_what_is_finished(tmp_path: Path) -> None:
    families, runs = tmp_path / "families", tmp_path / "runs"
    families.mkdir()
    slow = "import time; time.sleep(0.02); return losses.sum() / 150"
    (families / "slow.py").write_text(FAMILY_FILE.format(method=slow))
    options = ("--families", families, "--finished", runs, "--out", tmp_path / "page.md")
    command = [sys.executable, "-m", "validity", *map(str, options)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        while not any(path.read_bytes().count(b"\n") > 2 for path in runs.glob("*.jsonl")):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "rare losses, PASS" in output
    assert "the same command goes on" in output
    assert not (tmp_path / "page.md").exists()


def test_sections_that_are_not_measured_stay(tmp_path: Path) -> None:
    families = tmp_path / "families"
    families.mkdir()
    page = tmp_path / "page.md"
    for name, title in (("one", "First"), ("two", "Second")):
        text = FAMILY_FILE.format(method=EXACT).replace("Plugged in", title)
        (families / f"{name}.py").write_text(text)
    options = ("--families", families, "--jobs", 1, "--out", page, "--finished", tmp_path / "runs")
    run(*options, "--datasets", 40)
    run(*options, "--datasets", 60, "--only", "two")
    first, second = page.read_text().split("## Second")
    assert "| 40 |" in first
    assert "| 60 |" in second


def test_unknown_families_are_named() -> None:
    result = run("--only", "rare_loses", "--list")
    assert result.exit_code == 2
    assert "rare_losses" in result.output


def test_every_family_has_quick_cases_and_bands() -> None:
    families = load_families()
    assert len(families) >= 13
    for name, family in families.items():
        assert any(case.quick for case in family.cases), name
        for case in family.cases:
            bands = [p for p in case.promises if (p.at_least, p.at_most) != (None, None)]
            assert bands, (name, case.key)
