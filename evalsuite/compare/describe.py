"""Who answered, how it was asked and at what cost, for reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from saeval.evalsuite.compare.pairing import PredictionsByTask
from saeval.evalsuite.models.types import AnyModel, LocalModel, SavedPredictions
from saeval.stats.compare.results import Cost, ModelDescription

Price = tuple[float, float] | None
"""Of a million tokens read and written."""


def describe_model(
    model: AnyModel, predictions: PredictionsByTask, identity: Mapping[str, Any], price: Price
) -> ModelDescription:
    """Who answered, how it was asked, and at what cost.

    Parameters
    ----------
    model
        Who answered.
    predictions
        What it answered.
    identity
        How it was asked, from the manifest of its run; empty where that is not known.
    price
        Of tokens, or None.
    """
    facts = {"content": model.content}
    if isinstance(model, LocalModel) and model.adapter_content:
        facts["adapter_content"] = model.adapter_content
    if isinstance(model, SavedPredictions) and model.columns:
        facts["columns"] = model.columns
    return ModelDescription(
        model.name, model.argument, facts | describe_settings(identity), _cost(predictions, price)
    )


def describe_settings(identity: Mapping[str, Any]) -> dict[str, str]:
    """How a model was asked; nothing where it is not known."""
    settings = {}
    if engine := describe_engine(identity):
        settings["engine"] = engine
    if (sampling := identity.get("sampling")) is not None:
        given = {name: value for name, value in sampling.items() if value is not None}
        settings["items"] = ", ".join(f"{name} {value}" for name, value in given.items())
    if generation := identity.get("generation"):
        settings["generation"] = ", ".join(f"{key}={value}" for key, value in generation.items())
    if identity.get("samples", 1) > 1:
        settings["samples per item"] = str(identity["samples"])
    if identity.get("chat_template"):
        settings["chat template"] = "applied"
    if system := identity.get("system"):
        settings["system prompt"] = str(system)
    return settings


def describe_engine(identity: Mapping[str, Any]) -> str | None:
    """Name and settings of the engine that a run was answered by, if they are known."""
    if not (engine := identity.get("engine")):
        return None
    settings = [str(value) for key, value in engine.items() if key != "name"]
    return " ".join([engine["name"], *settings])


def _cost(predictions: PredictionsByTask, price: Price) -> Cost | None:
    """Of what was answered by us; None if the tokens were not counted."""
    tables = list(predictions.values())
    items = sum(len(table) - table.columns["usage"].null_count for table in tables)
    if not items:
        return None
    prompt, probe, response, truncated = (
        sum(table.total("usage", field) for table in tables)
        for field in ("prompt_tokens", "probe_tokens", "response_tokens", "truncated")
    )
    money = None
    if price is not None:
        money = ((prompt + probe) * price[0] + response * price[1]) / 1e6
    return Cost(
        items=items,
        prompt_tokens=prompt,
        probe_tokens=probe,
        response_tokens=response,
        truncated=truncated,
        money=money,
    )
