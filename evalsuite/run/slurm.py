"""The shard of a job of a Slurm array, from the environment that Slurm gives it."""

from __future__ import annotations

from collections.abc import Mapping

from saeval.errors import InputError
from saeval.evalsuite.config import Shard
from saeval.terminal_text import one_line

SLURM = "slurm"
"""In place of ``I/N``."""
_TASK = "SLURM_ARRAY_TASK_"


def read_array_shard(environment: Mapping[str, str]) -> tuple[Shard, str]:
    """The shard that an array's job is to ask: the first job asks the first.

    Parameters
    ----------
    environment
        With ``SLURM_ARRAY_TASK_ID``, ``_MIN``, ``_MAX``, ``_COUNT`` and, where it is not 1,
        ``_STEP``.

    Returns
    -------
    tuple of Shard and str
        Also what was read, for people.

    Raises
    ------
    InputError
        If it is no job of an array, or of a part of one: the others of a job that is handed in
        once more are not known.
    """
    number = {name: _number(environment, name) for name in ("ID", "MIN", "MAX", "COUNT")}
    step = _number(environment, "STEP") if f"{_TASK}STEP" in environment else 1
    read = ", ".join(f"{_TASK}{name}={value}" for name, value in number.items())
    read += f", {_TASK}STEP={step}" if step != 1 else ""
    first, last, count = number["MIN"], number["MAX"], number["COUNT"]
    is_whole = step > 0 and count > 1 and first in (0, 1) and last == first + (count - 1) * step
    place, rest = divmod(number["ID"] - first, step or 1)
    if not is_whole or rest or not 0 <= place < count:
        raise InputError(
            f"--shard slurm: {read} is no whole array that begins at 0 or 1, so that the number of "
            "shards cannot be told; give --shard I/N, such as --shard 3/4 for a job that is handed "
            "in once more"
        )
    return Shard(place + 1, count), read


def _number(environment: Mapping[str, str], name: str) -> int:
    text = environment.get(f"{_TASK}{name}")
    if text is None:
        raise InputError(
            f"--shard slurm: {_TASK}{name} is not set, so this is no job of a Slurm array (sbatch "
            "--array=1-4); give --shard I/N"
        )
    if not text.isascii() or not text.isdecimal():
        raise InputError(f"--shard slurm: {_TASK}{name} is no number: {one_line(text, 40)!r}")
    return int(text)
