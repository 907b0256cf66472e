"""Who answers: transformers in this process, vLLM in this process, or a server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evalsuite.engines.options import EngineOptions
from evalsuite.engines.question import Engine, Question

if TYPE_CHECKING:
    from evalsuite.models import LocalModel, ServedModel

__all__ = ["Engine", "EngineOptions", "Question", "start"]


def start(
    model: LocalModel | ServedModel, adapters: Sequence[Path], options: EngineOptions
) -> Engine:
    """Load a base model with the adapters that will be asked for, or connect to a server."""
    from evalsuite.models import ServedModel

    if isinstance(model, ServedModel):
        from evalsuite.engines.on_server import ServerEngine

        return ServerEngine(model, options)
    if options.name == "vllm":
        from evalsuite.engines.on_vllm import VLLMEngine

        return VLLMEngine(model.folder, adapters, options)
    from evalsuite.engines.on_transformers import TransformersEngine

    return TransformersEngine(model.folder, adapters, options)
