"""Every error that a person can mend, as one tree; each class carries its exit code.

SaevalError               exit code 2; the message says what, where and what to do
├── DiskFullError         exit code 74; there is no room for a file that was to be written
├── InputError            a file or argument is not what it should be
├── DataError             a data set cannot be found or read
├── YamlError             a text is no YAML that can be read
├── ModelError            a model cannot be found or loaded
├── EngineError           an engine or server has stopped answering
├── PairingError          two sets of predictions do not answer the same questions
├── RunFolderError        a folder holds something else, is in use, or a run cannot begin or go on
├── MissingExtraError     a package is needed that this install does not have
├── RecipeError           a recipe, or a change to it on the command line, is not what it should be
├── BackendError          a training backend is unknown, cannot be loaded, or cannot train
└── RewardError           a reward component gave no finite number, or lacks what it needs
"""

from __future__ import annotations

import errno
from typing import ClassVar

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Of an `OSError`: the disk is full, or a limit on files is reached."""


class SaevalError(Exception):
    """An error that a person can mend; shown in one sentence, without a traceback.

    Several arguments are as many sentences, each on a line of its own.
    """

    exit_code: ClassVar[int] = 2

    def __str__(self) -> str:
        return "\n".join(map(str, self.args))


class DiskFullError(SaevalError):
    """There is no room for a file that was to be written."""

    exit_code: ClassVar[int] = 74


class InputError(SaevalError):
    """A file or an argument is not what it should be."""


class DataError(SaevalError):
    """A data set cannot be found or does not have its schema; the message says what and where."""


class YamlError(SaevalError):
    """A text is no YAML that can be read; the message begins with ``name:line``."""


class ModelError(SaevalError):
    """A model cannot be found or loaded."""


class EngineError(SaevalError):
    """An engine or a server has stopped answering."""


class PairingError(SaevalError):
    """Two sets of predictions do not answer the same questions."""


class RunFolderError(SaevalError):
    """A folder holds something else, is in use, or a run cannot begin or go on in it."""


class MissingExtraError(SaevalError):
    """A package is needed that this install does not have."""


class RecipeError(SaevalError):
    """A recipe or a change to it is not what it should be."""


class BackendError(SaevalError):
    """A training backend is unknown, cannot be loaded, or cannot train."""


class RewardError(SaevalError):
    """A reward component gave no finite number, or lacks what it needs."""
