"""What trains: backends behind one small protocol.

A backend gets a `TrainingPlan`, in which all is decided and loaded that needs no model, and calls
`TrainingCallbacks` while it works. `saeval.trainer.recipe.backends` says how other packages offer
one; what their entry point names is called without arguments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from saeval.errors import BackendError
from saeval.trainer.recipe.backends import locate_backend

if TYPE_CHECKING:
    from saeval.trainer.data.rows import TrainingRow
    from saeval.trainer.recipe.schema import Recipe


@dataclass(frozen=True)
class TrainingPlan:
    """All that a backend needs to know.

    Attributes
    ----------
    recipe
        Checked, with every change made.
    base
        The base model as it was named: a hub id or a local folder.
    base_folder
        Where it lies on this machine, with weights in safetensors and a tokenizer.
    out
        Where to save; it exists and belongs to this run.
    training
        The rows in the order of the mixture; the backend goes through them again when they end.
    holdout
        Rows for evaluation during training, none of which is trained on.
    resume_from
        A checkpoint that an earlier run of the same plan saved in `out`, or None to begin.
    adapter
        Folder of the adapter on the base that training begins with; None for a new one.
    """

    recipe: Recipe
    base: str
    base_folder: Path
    out: Path
    training: Sequence[TrainingRow]
    holdout: Sequence[TrainingRow]
    resume_from: Path | None = None
    adapter: Path | None = None

    @property
    def work(self) -> Path:
        """Where checkpoints to resume from are saved; it is gone when the run is finished."""
        return self.out / ".resume"


@dataclass(frozen=True)
class Checkpoint:
    """What a training has made.

    Attributes
    ----------
    folder
        A PEFT adapter or a model with its tokenizer, which `saeval compare` takes as it is. It
        holds no pickle.
    step
        Optimisation steps that it is the outcome of.
    finished
        False if it was stopped before the recipe's last step.
    stopped_by
        Names of the alarms that stopped it; none if it is finished or a signal stopped it.
    signal
        Number of the signal that stopped it, such as that of Ctrl-C; 0 if none did.
    """

    folder: Path
    step: int
    finished: bool
    stopped_by: tuple[str, ...] = ()
    signal: int = 0


class TrainingCallbacks(Protocol):
    """What a backend tells while it works."""

    def on_step(self, step: int, metrics: Mapping[str, float]) -> bool:
        """After every optimisation step, with its numbers; True asks to save and stop."""

    def on_evaluation(self, step: int, responses: Sequence[str]) -> None:
        """With the model's responses to the held-out rows, in their order."""

    def on_save(self, step: int, folder: Path) -> None:
        """After `folder` is whole on disk: a run can be resumed from it."""

    def on_history(self, step: int, folder: Path) -> None:
        """After `folder`, in the plan's `work`, holds an adapter or model that is to stay.

        That is due after every ``saving.history`` steps; the folder is taken away from there.
        """


@runtime_checkable
class Backend(Protocol):
    """Something that trains."""

    def train(self, plan: TrainingPlan, callbacks: TrainingCallbacks) -> Checkpoint:
        """Train as planned.

        Raises
        ------
        BackendError
            If it cannot: the model is not there, memory runs out (say what to lower), or a library
            is missing. Nothing that was saved before is lost.
        """


def load_backend(name: str) -> Backend:
    """The backend of that name.

    Raises
    ------
    BackendError
        If there is none, it cannot be imported, or what is imported is no backend.
    """
    module, attribute = locate_backend(name)
    try:
        backend = getattr(import_module(module), attribute)()
    except (ImportError, AttributeError, RuntimeError) as error:  # what lazy modules raise, too
        raise BackendError(f"backend {name}: cannot load {module}:{attribute} ({error})") from error
    if not isinstance(backend, Backend):
        raise BackendError(f"backend {name}: {module}:{attribute} has no `train`")
    return backend
