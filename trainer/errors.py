"""What can go wrong in a way a person can mend.

SatrainError              exit code 2; the message says what, where and what to do
├── RecipeError           a recipe, or a change to it on the command line, is not what it should be
├── BackendError          a backend is unknown, cannot be loaded, or cannot train
├── RewardError           a component gave no finite number, or lacks what it needs
└── RunError              an output folder is taken, or a run cannot begin or go on
"""

from __future__ import annotations


class SatrainError(Exception):
    """Something a person can mend; shown without a traceback."""


class RecipeError(SatrainError):
    """A recipe or a change to it is not what it should be."""


class BackendError(SatrainError):
    """A backend is unknown, cannot be loaded, or cannot train."""


class RewardError(SatrainError):
    """A reward component gave no finite number, or lacks what it needs."""


class RunError(SatrainError):
    """An output folder is taken, or a run cannot begin or go on."""
