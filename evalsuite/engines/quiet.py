"""No chatter of libraries between our progress bars; torch's warnings stay."""

from __future__ import annotations

import logging
import os


def quiet_libraries() -> None:
    """Before a model is loaded."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    for name in ("lm_eval", "accelerate", "peft"):
        logging.getLogger(name).setLevel(logging.ERROR)
