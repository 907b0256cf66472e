"""Who answered, how it was asked and at what cost, for reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from saeval.evalsuite.compare.compatibility import describe_settings
from saeval.evalsuite.compare.pairing import PredictionsByTask
from saeval.evalsuite.models.types import AnyModel, LocalModel
from saeval.stats.compare.results import Cost, ModelDescription

Price = tuple[float, float] | None
"""Of a million tokens read and written."""


def describe_model(
    model: AnyModel, predictions: PredictionsByTask, identity: Mapping[str, Any], price: Price
) -> ModelDescription:
    """For the report: who answered, how it was asked, and at what cost."""
    facts = {"content": model.content}
    if isinstance(model, LocalModel) and model.adapter_content:
        facts["adapter_content"] = model.adapter_content
    return ModelDescription(
        model.name, model.argument, facts | describe_settings(identity), _cost(predictions, price)
    )


def _cost(predictions: PredictionsByTask, price: Price) -> Cost | None:
    """Of what was answered by us; None if the tokens were not counted."""
    items = [prediction for task in predictions.values() for prediction in task.values()]
    counted = [prediction.usage for prediction in items if prediction.usage is not None]
    if not counted:
        return None
    read = sum(usage.prompt_tokens for usage in counted)
    probed = sum(usage.probe_tokens for usage in counted)
    written = sum(usage.response_tokens for usage in counted)
    return Cost(
        items=len(counted),
        prompt_tokens=read,
        probe_tokens=probed,
        response_tokens=written,
        truncated=sum(usage.truncated for usage in counted),
        money=None if price is None else ((read + probed) * price[0] + written * price[1]) / 1e6,
    )
