"""What importing saeval, or a light command, must not load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def loaded_after(code: str) -> set[str]:
    script = f"{code}\nimport sys; print(chr(0), *sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return {name.split(".")[0] for name in found.stdout.partition(chr(0))[2].split()}


def test_help_loads_neither_torch_nor_lm_eval_nor_numpy():
    code = (
        "from saeval.evalsuite.cli.main import cli\n"
        "for a in ('--help', 'run --help', 'compare --help', 'gate --help', 'tasks list'):\n"
        "    cli(a.split(), standalone_mode=False)"
    )
    assert not loaded_after(code) & {"torch", "lm_eval", "transformers", "numpy", "matplotlib"}


def test_help_of_training_loads_neither_torch_nor_matplotlib():
    code = (
        "from saeval.trainer.cli import cli\n"
        "for a in (['--help'], ['run', '--help'], ['check', '--help'], ['recipes', 'list']):\n"
        "    cli(a, standalone_mode=False)"
    )
    assert not loaded_after(code) & {"torch", "trl", "transformers", "numpy", "matplotlib"}


def test_the_layers_hold():
    finished = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stdout


def test_stats_work_without_torch():
    assert not loaded_after("import saeval.stats.compare.task, saeval.stats.compare.published") & {
        "torch",
        "lm_eval",
    }


def test_a_small_comparison_does_not_load_numba():
    code = (
        "import sys; sys.path.insert(0, 'tests/helpers')\n"
        "from strategies import simulated\n"
        "from saeval.stats.bootstrap.paired import joint_bootstrap\n"
        "joint_bootstrap(simulated(1000, 0), replicates=10_000)"
    )
    assert "numba" not in loaded_after(code)


def test_comparing_saved_predictions_loads_neither_torch_nor_lm_eval(tmp_path):
    code = (
        "import saeval.evalsuite.gate.gate, saeval.evalsuite.importers\n"
        "import saeval.evalsuite.compare.comparison"
    )
    assert not loaded_after(code) & {"torch", "lm_eval", "transformers"}
