"""What can go wrong in a way a person can mend.

SaevalError               exit code 2; the message says what, where and what to do
├── InputError            a file or argument is not what it should be
├── ModelError            a model cannot be found or loaded
├── EngineError           what answers for a model has stopped answering
├── PairingError          two sets of predictions do not answer the same questions
└── RunFolderError        a run folder holds something else or is in use
"""

from __future__ import annotations


class SaevalError(Exception):
    """Something a person can mend; shown without a traceback."""


class InputError(SaevalError):
    """A file or an argument is not what it should be."""


class ModelError(SaevalError):
    """A model cannot be found or loaded."""


class EngineError(SaevalError):
    """What answers for a model has stopped answering."""


class PairingError(SaevalError):
    """Two sets of predictions do not answer the same questions."""


class RunFolderError(SaevalError):
    """A run folder holds something else or is in use."""
