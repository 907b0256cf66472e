"""What a server may have a worker ask: models that its owner allows, and tasks that it knows.

A server is believed as little as any other input. It names a model, which is never read as a file
of predictions, a baseline or a run; and tasks, which are never read as task files.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from saeval.errors import InputError
from saeval.evalsuite.client.wire import EvaluationRequest
from saeval.evalsuite.models.served import split_servers
from saeval.hub import is_hub_id
from saeval.tasks.registry import list_tasks, unknown_tasks
from saeval.terminal_text import quoted


class NotAllowedError(InputError):
    """A model that this worker must not ask, or a task that it does not know; another may."""


class AllowedModels:
    """Models that a worker asks.

    Parameters
    ----------
    patterns
        Globs, in which ``*`` stands for any characters: of hub ids (``Qwen/*``), of folders
        (``/checkpoints/*``) and of servers (``http://localhost:8000/v1#*``); ``*`` is everything.
        None at all allows every model of the hub, which is downloaded without any code, and
        nothing else.

    Examples
    --------
    >>> AllowedModels(["Qwen/*"]).check("Qwen/Qwen3-8B")
    >>> AllowedModels([]).check("http://169.254.169.254/v1#x")
    Traceback (most recent call last):
    saeval.evalsuite.worker.permissions.NotAllowedError: the model 'http://169.254.169.254/v1#x' \
is none that this worker may ask: it needs --allow-models
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = [pattern for pattern in patterns if pattern]
        self._folders = [_absolute(own) if _is_path(own) else own for own in self._patterns]

    def check(self, model: str) -> None:
        """Stop at a model that is not allowed.

        Raises
        ------
        NotAllowedError
            If it is not.
        """
        if "://" in model or model.lower().startswith(("http:", "https:")):
            # A pattern's star would reach over a comma, to a server that nobody allowed.
            is_allowed = all(self._matches(address) for address in split_servers(model))
        elif _is_path(model) or Path(model).exists():
            is_allowed = self._is_allowed_folder(Path(model).expanduser())
        else:
            is_allowed = is_hub_id(model) and (not self._patterns or self._matches(model))
        if not is_allowed:
            raise NotAllowedError(
                f"the model {quoted(model, 200)} is none that this worker may ask: it needs "
                "--allow-models"
            )

    def _matches(self, model: str) -> bool:
        return any(fnmatchcase(model, pattern) for pattern in self._patterns)

    def _is_allowed_folder(self, folder: Path) -> bool:
        """By where it really is, whatever links and dots lead there; never a file."""
        place = folder.resolve()
        if place.exists() and not any(
            (place / name).is_file() for name in ("config.json", "adapter_config.json")
        ):
            return False
        return any(fnmatchcase(str(place), pattern) for pattern in self._folders)


def check_tasks(request: EvaluationRequest) -> None:
    """Stop at tasks that are not registered on this machine.

    Raises
    ------
    NotAllowedError
        Naming them.
    """
    known = list_tasks()
    if unknown := [task for task in request.tasks if task not in known]:
        raise NotAllowedError(unknown_tasks(unknown, known))


def _is_path(text: str) -> bool:
    return text.startswith((".", "/", "~")) or os.path.isabs(text)


def _absolute(pattern: str) -> str:
    """A glob of folders, with links resolved in what stands before its first sign."""
    parts = Path(os.path.abspath(os.path.expanduser(pattern))).parts
    fixed = next((place for place, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    return str(Path(*parts[:fixed]).resolve().joinpath(*parts[fixed:]))
