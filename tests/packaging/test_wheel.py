"""The wheel, built and installed without extras into a fresh environment: ``make test-wheel``."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import httpx
import pytest
from builders import study, study_result
from fresh_environment import ROOT, build_distributions, install_fresh

pytestmark = pytest.mark.packaging
FOLDERS = ("saeval", "tasks", "evalsuite", "stats", "reports", "trainer")
HEAVY = {"torch", "transformers", "accelerate", "peft", "trl", "lm-eval", "lm_eval", "datasets",
         "vllm", "numba", "openai"}  # fmt: skip


@pytest.fixture(scope="module")
def distributions(tmp_path_factory) -> tuple[Path, Path]:
    """The sdist and the wheel: those in the folder SAEVAL_DIST, or built now."""
    if folder := os.environ.get("SAEVAL_DIST"):
        (sdist,), (wheel,) = Path(folder).glob("*.tar.gz"), Path(folder).glob("*.whl")
        return sdist, wheel
    return build_distributions(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def installed(distributions, tmp_path_factory) -> Path:
    _, wheel = distributions
    return install_fresh(tmp_path_factory.mktemp("fresh") / "venv", wheel)


@pytest.fixture
def crowded(tmp_path: Path) -> Path:
    """A user's folder: two prediction files beside a `tasks`, a `stats` and a `reports`."""
    for name in ("tasks", "reports", "evalsuite", "trainer"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('the user\\'s own')\n")
    (tmp_path / "stats.py").write_text("raise RuntimeError('the user\\'s own')\n")
    answers = {
        "base": ["LABEL=PASS\nCONF=0.9"] * 3,
        "grpo": [f"LABEL={label}\nCONF=0.8" for label in ("PASS", "FAIL", "NA")],
    }
    for model, responses in answers.items():
        items = [study_result(number, responses[number % 3]) for number in range(60)]
        (tmp_path / f"fever_{model}.json").write_text(study(items, model=model))
    return tmp_path


def run(installed: Path, folder: Path, *arguments: str, path: str | None) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if path is not None:
        environment["PYTHONPATH"] = path
    finished = subprocess.run(
        [installed / arguments[0], *arguments[1:]],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in finished.stderr, finished.stderr
    return f"{finished.returncode}\n{finished.stdout}{finished.stderr}"


def test_the_top_level_is_saeval_alone(distributions):
    names = zipfile.ZipFile(distributions[1]).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"saeval"}


def test_everything_committed_is_in_both_distributions(distributions):
    tracked = subprocess.run(
        ["git", "ls-files", *FOLDERS], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    files = {name for name in tracked if not (ROOT / name).is_symlink()}
    expected = {name if name.startswith("saeval/") else f"saeval/{name}" for name in files}
    expected -= {f"saeval/{folder}/py.typed" for folder in FOLDERS}
    sdist, wheel = distributions
    assert expected <= set(zipfile.ZipFile(wheel).namelist())
    with tarfile.open(sdist) as archive:
        assert expected <= {name.partition("/")[2] for name in archive.getnames()}


def test_the_index_would_take_it(distributions):
    finished = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *distributions],
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stdout


def test_without_extras_no_heavy_library_is_installed(installed):
    lines = subprocess.run(
        [installed / "python", "-m", "pip", "list", "--format=freeze"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert not {line.partition("==")[0].lower() for line in lines} & HEAVY


@pytest.mark.parametrize("path", [None, "."], ids=["plain", "PYTHONPATH=."])
def test_published_predictions_are_compared_beside_modules_of_the_same_names(
    installed, crowded, path
):
    files = ["fever_base.json", "fever_grpo.json"]
    output = run(installed, crowded, "saeval", "compare", *files, "--out", "compared", path=path)
    assert output.startswith("0\n"), output
    assert {"comparison.json", "report.md", "report.html", "metrics.csv"} <= {
        file.name for file in (crowded / "compared").iterdir()
    }
    output = run(installed, crowded, "saeval", "gate", *files, "--out", "gated", path=path)
    assert output.startswith(("0\n", "1\n", "3\n")), output
    assert (crowded / "gated" / "gate.json").is_file()
    assert run(installed, crowded, "saeval", "report", "compared", path=path).startswith("0\n")


def test_the_commands_work_as_modules_too(installed, tmp_path):
    output = run(installed, tmp_path, "python", "-m", "saeval", "tasks", "list", path=None)
    assert output.startswith("0\n")
    assert "vitaminc" in output
    assert run(installed, tmp_path, "satrain", "recipes", "list", path=None).startswith("0\n")


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (("saeval", "run", "model", "--tasks", "factworld", "--out", "run"), "run"),
        (("saeval", "run", "http://127.0.0.1:9/v1#m", "--tasks", "factworld"), "run"),
        (("saeval", "compare", "model", "model", "--tasks", "factworld"), "run"),
        (("saeval", "tasks", "prefetch", "fever"), "run"),
        (("satrain", "run", "demo", "--base", "model", "--out", "checkpoint"), "train"),
        (("saeval", "view", "model"), "serve"),
        (("saeval", "serve", "--data", "record"), "serve"),
        (("saeval", "worker", "--server", "http://127.0.0.1:9", "--once"), "run"),
    ],
    ids=["run", "server", "compare", "prefetch", "train", "view", "serve", "worker"],
)
def test_a_missing_extra_is_one_sentence(installed, tmp_path, arguments, extra):
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (tmp_path / "model").mkdir(exist_ok=True)
        (tmp_path / "model" / name).write_text("{}")
    output = run(installed, tmp_path, *arguments, path=None)
    assert output.startswith("2\n"), output
    assert f"saeval[{extra}]" in output


def test_pages_are_shown_by_an_install_with_the_extra_serve(distributions, crowded, tmp_path):
    _, wheel = distributions
    installed = install_fresh(tmp_path / "venv", wheel, "serve")
    files = ["fever_base.json", "fever_grpo.json"]
    output = run(installed, crowded, "saeval", "compare", *files, "--out", "compared", path=None)
    assert output.startswith("0\n"), output
    command = [installed / "saeval", "view", "--no-browser", "compared"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with subprocess.Popen(
        command,
        cwd=crowded,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as viewing:
        try:
            assert viewing.stdout is not None
            address = re.search(r"http://\S+", viewing.stdout.readline())
            assert address is not None
            with httpx.Client(follow_redirects=True, timeout=60) as client:
                page = client.get(address[0])
                assert (page.status_code, page.url.path.split("/")[1]) == (200, "comparisons")
                assert client.get(f"{page.url}/items").status_code == 200
                for linked in re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text):
                    assert client.get(page.url.join(linked)).status_code == 200
        finally:
            viewing.terminate()
            viewing.communicate(timeout=60)
