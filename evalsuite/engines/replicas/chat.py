"""The chat template of an engine, filled by the driver as each replica would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from saeval.errors import InputError
from saeval.evalsuite.config import EngineConfig
from saeval.evalsuite.engines.replicas.actor import TEMPLATE_SAMPLES, Loaded

ChatTemplate = Callable[..., Any]


def chat_template_of(make: Any, folder: Path, config: EngineConfig, loaded: Loaded) -> ChatTemplate:
    """A function on the driver that makes the same prompts as the engines of the replicas.

    Parameters
    ----------
    make
        The engine's class.
    folder, config
        The model, and how it is run.
    loaded
        What a replica made of `TEMPLATE_SAMPLES`, with which it must agree.

    Raises
    ------
    InputError
        If no such function is known.
    """
    own = getattr(make, "chat_template", None)
    candidates = [own] if callable(own) else _of_tokenizer(folder, config)
    for template in candidates:
        if tuple(_prompt(template, messages) for messages in TEMPLATE_SAMPLES) == loaded.prompts:
            return template
    raise InputError(
        "--apply-chat-template: this engine fills the model's chat template in a way of its own, "
        "which is not known outside its replicas; leave out --replicas, or the template"
    )


def _of_tokenizer(folder: Path, config: EngineConfig) -> list[ChatTemplate]:
    """As lm-eval's two classes do: one passes on whether to think only where that is said."""
    from lm_eval.models.huggingface import HFLM
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)
    settings = dict(config.model_args.get("chat_template_args") or {})
    thinks = settings.pop("enable_thinking", config.model_args.get("enable_thinking"))
    told = settings | {"enable_thinking": thinks}

    def template_with(arguments: dict[str, Any]) -> ChatTemplate:
        lm: Any = SimpleNamespace(tokenizer=tokenizer, chat_template_args=arguments)

        def fill(messages: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
            return str(HFLM.apply_chat_template(lm, messages, add_generation_prompt))

        return fill

    return [template_with(settings if thinks is None else told), template_with(told)]


def _prompt(template: ChatTemplate, messages: list[dict[str, str]]) -> str | None:
    try:
        return str(template(messages, add_generation_prompt=True))
    except Exception:  # of the template's own code; a replica's fails, too
        return None
