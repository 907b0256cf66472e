"""What the processor at hand computes well: types of numbers, and how many threads."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from saeval.weights import stored_type

_BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")
"""Instructions that multiply bfloat16, on x86 and on ARM, as torch names them."""
_16_BITS = ("BF16", "F16")


def choose_cpu_dtype(folders: Iterable[Path]) -> str:
    """bfloat16 where the processor has it and all weights are stored in 16 bits, else float32.

    Parameters
    ----------
    folders
        Of the models that will be compared: all get one type, so that none is ahead by rounding.

    Raises
    ------
    ModelError
        If a file of weights is not whole.
    """
    stored = {stored_type(folder) for folder in folders}
    return "bfloat16" if stored and stored <= {*_16_BITS} and has_bfloat16() else "float32"


def has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 in hardware; without, float32 is faster."""
    import torch

    if not hasattr(torch.cpu, "get_capabilities"):  # torch before 2.11
        return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)())
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in _BFLOAT16)


def count_threads() -> int:
    """As many as ``OMP_NUM_THREADS`` says, else as cores that this process may use.

    A quota of a control group, which is how containers are limited, counts.
    """
    import torch
    from joblib import cpu_count

    return torch.get_num_threads() if os.environ.get("OMP_NUM_THREADS") else int(cpu_count())
