"""Who answers: transformers in this process, vLLM in this process, or a server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from saeval.evalsuite.engines.base import Engine, Question
from saeval.evalsuite.engines.options import EngineOptions

if TYPE_CHECKING:
    from saeval.evalsuite.models.resolve import LocalModel, ServedModel

__all__ = ["Engine", "EngineOptions", "Question", "start"]


def start(
    model: LocalModel | ServedModel, adapters: Sequence[Path], options: EngineOptions
) -> Engine:
    """Load a base model with the adapters that will be asked for, or connect to a server."""
    from saeval.evalsuite.models.resolve import ServedModel

    if isinstance(model, ServedModel):
        from saeval.evalsuite.engines.openai_api import ServerEngine

        return ServerEngine(model, options)
    if options.name == "vllm":
        from saeval.evalsuite.engines.vllm import VLLMEngine

        return VLLMEngine(model.folder, adapters, options)
    from saeval.evalsuite.engines.huggingface import TransformersEngine

    return TransformersEngine(model.folder, adapters, options)
