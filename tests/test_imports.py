"""What importing saeval, or a light command, must not load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from builders import two_files

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


def test_stats_work_without_torch():
    assert not loaded_after("import saeval.stats.compare.task, saeval.stats.compare.published") & {
        "torch",
        "lm_eval",
    }


def test_a_comparison_loads_no_package_that_only_others_need(tmp_path):
    arguments = ["compare", *map(str, two_files(tmp_path, items=60)), "--out", f"{tmp_path}/out"]
    script = (
        "import sys\nfrom saeval.evalsuite.cli.main import cli\n"
        f"cli({[*arguments, '--quiet']!r}, standalone_mode=False)\n"
        "print(chr(0), *sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    loaded = set(found.stdout.partition(chr(0))[2].split())
    assert "matplotlib" in loaded
    assert not loaded & {"scipy.stats", "statsmodels", "polars", "matplotlib.pyplot"}


def test_a_small_comparison_does_not_load_numba():
    code = (
        "import sys; sys.path.insert(0, 'tests/helpers')\n"
        "from strategies import simulated\n"
        "from saeval.stats.bootstrap.paired import paired_bootstrap\n"
        "paired_bootstrap(simulated(1000, 0), n_resamples=10_000)"
    )
    assert "numba" not in loaded_after(code)


WITHOUT_EXTRAS = """
import sys

EXTRAS = {"accelerate", "datasets", "lm_eval", "numba", "openai", "peft", "sklearn", "tenacity",
          "torch", "transformers", "trl", "vllm"}

class Absent:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in EXTRAS:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent)
from saeval.evalsuite.cli.main import main

main(sys.argv[1:])
"""


@pytest.mark.parametrize("command", ["compare", "gate", "frontier --help", "power --items 1000"])
def test_without_extras_predictions_are_compared_and_gated(command, tmp_path):
    name, *rest = command.split()
    files = two_files(tmp_path, items=60)
    arguments = rest or [*map(str, files), "--replicates", "1000", "--out", str(tmp_path / "out")]
    finished = subprocess.run(
        [sys.executable, "-c", WITHOUT_EXTRAS, name, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert finished.returncode in (0, 1, 3), finished.stderr
    assert "Traceback" not in finished.stderr
