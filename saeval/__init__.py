"""Did training make the model know what it does not know, and may this checkpoint ship?

The public API. Its names are loaded when they are first used, so ``import saeval`` is instant, and
comparing predictions that exist needs neither torch nor a model.

>>> import saeval
>>> comparison = saeval.compare("base.jsonl", "checkpoint.jsonl")         # doctest: +SKIP
>>> comparison["fever"]["auroc"].difference                               # doctest: +SKIP
>>> saeval.gate(comparison).verdict                                       # doctest: +SKIP
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from saeval.errors import (
        EngineError,
        InputError,
        ModelError,
        PairingError,
        RunFolderError,
        SaevalError,
    )
    from saeval.evalsuite.client.client import Client
    from saeval.evalsuite.compare.checkpoints import compare_checkpoints
    from saeval.evalsuite.compare.comparison import compare
    from saeval.evalsuite.compare.folder import load_comparison
    from saeval.evalsuite.compare.results import CheckpointSeries, Comparison
    from saeval.evalsuite.config import EngineConfig, RunConfig
    from saeval.evalsuite.export import export
    from saeval.evalsuite.frontier.frontier import frontier
    from saeval.evalsuite.gate.gate import gate
    from saeval.evalsuite.gate.policy import Policy
    from saeval.evalsuite.gate.results import Gate
    from saeval.evalsuite.metacognition.metacognition import metacognition
    from saeval.evalsuite.models.convert import convert
    from saeval.evalsuite.models.predictions import read_predictions
    from saeval.evalsuite.models.push import pull, push
    from saeval.evalsuite.run.model_run import run
    from saeval.evalsuite.store.prediction import Prediction
    from saeval.stats.compare.config import StatsConfig as StatsConfig

    __version__: str

__all__ = [
    "CheckpointSeries",
    "Client",
    "Comparison",
    "EngineConfig",
    "EngineError",
    "Gate",
    "InputError",
    "ModelError",
    "PairingError",
    "Policy",
    "Prediction",
    "RunConfig",
    "RunFolderError",
    "SaevalError",
    "StatsConfig",
    "__version__",
    "compare",
    "compare_checkpoints",
    "convert",
    "export",
    "frontier",
    "gate",
    "load_comparison",
    "metacognition",
    "pull",
    "push",
    "read_predictions",
    "run",
]

_MODULES = {
    "saeval.errors": (
        "EngineError",
        "InputError",
        "ModelError",
        "PairingError",
        "RunFolderError",
        "SaevalError",
    ),
    "saeval.evalsuite.client.client": ("Client",),
    "saeval.evalsuite.compare.checkpoints": ("compare_checkpoints",),
    "saeval.evalsuite.compare.comparison": ("compare",),
    "saeval.evalsuite.compare.folder": ("load_comparison",),
    "saeval.evalsuite.compare.results": ("CheckpointSeries", "Comparison"),
    "saeval.evalsuite.config": ("EngineConfig", "RunConfig"),
    "saeval.evalsuite.export": ("export",),
    "saeval.evalsuite.frontier.frontier": ("frontier",),
    "saeval.evalsuite.gate.gate": ("gate",),
    "saeval.evalsuite.gate.policy": ("Policy",),
    "saeval.evalsuite.gate.results": ("Gate",),
    "saeval.evalsuite.metacognition.metacognition": ("metacognition",),
    "saeval.evalsuite.models.convert": ("convert",),
    "saeval.evalsuite.models.predictions": ("read_predictions",),
    "saeval.evalsuite.models.push": ("pull", "push"),
    "saeval.evalsuite.run.model_run": ("run",),
    "saeval.evalsuite.store.prediction": ("Prediction",),
    "saeval.stats.compare.config": ("StatsConfig",),
}
"""Where each name is defined."""


def __getattr__(name: str) -> object:
    """Load a public name (PEP 562)."""
    from importlib import import_module

    if name == "__version__":
        from importlib.metadata import version

        value: object = version("saeval")
    else:
        homes = [module for module, names in _MODULES.items() if name in names]
        if not homes:
            raise AttributeError(f"module 'saeval' has no attribute {name!r}")
        value = getattr(import_module(homes[0]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
