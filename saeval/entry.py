"""What the installed commands call: an install that cannot even be imported is no verdict."""

from __future__ import annotations

import gc
import sys
from importlib import import_module

INTERNAL_ERROR = 70


def saeval() -> None:
    """The command ``saeval``."""
    _start("saeval.evalsuite.cli.main")


def satrain() -> None:
    """The command ``satrain``."""
    _start("saeval.trainer.cli")


def _start(module: str) -> None:
    # Modules and predictions stay: to look through them for garbage is a tenth of a short command.
    gc.set_threshold(100_000, 20, 20)
    try:
        main = import_module(module).main
    except KeyboardInterrupt:
        sys.exit(130)
    except BaseException as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        shown = "".join(character if character.isprintable() else "?" for character in reason)
        print(f"Error: this install of saeval is broken ({shown})", file=sys.stderr)
        sys.exit(INTERNAL_ERROR)
    main()
