"""Checks before anything is answered: the base is the base, and every adapter is applied.

Engines have answered base prompts with an adapter and adapter prompts without it, silently. So the
first prompts are scored four times: by the base before any adapter was used, by base and adapters
in one batch, and by the base again. Every base row must agree with the first, every adapter's must
not. Of a server it can only be asked whether two of its models differ at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from pathlib import Path

from saeval.errors import ModelError
from saeval.evalsuite.engines.base import Engine, Request

TOLERANCE = {"float32": 1e-3, "float16": 0.05, "bfloat16": 0.25}
"""How far log-probabilities of one model may differ between batches, by the type of its weights."""

SAME = 1e-5
"""Two models whose log-probabilities are no further apart are one."""

Probe = Callable[[Path | None], list[Request]]
"""Makes the probe questions anew, for an adapter or the base."""

Scores = list[list[float]]


def check_adapter_applied(
    engine: Engine, adapters: Sequence[Path], probe: Probe, dtype: str
) -> None:
    """Stop unless base rows are the base's and every adapter changes something.

    Raises
    ------
    ModelError
        If an adapter changes no log-probability (it was not applied, or holds no training), or
        base prompts are answered otherwise once adapters are in use.
    """
    if not adapters:
        return
    alone = label_scores(engine, probe(None))
    if not any(alone):
        return
    mixed = [request for adapter in (None, *adapters) for request in probe(adapter)]
    scores = label_scores(engine, mixed)
    count = len(alone)
    rows = {
        adapter: scores[index * count : (index + 1) * count]
        for index, adapter in enumerate((None, *adapters))
    }
    tolerance = TOLERANCE.get(dtype, TOLERANCE["bfloat16"])
    for where, again in (
        ("in a batch with adapters", rows[None]),
        ("after adapters", label_scores(engine, probe(None))),
    ):
        apart = _distance(alone, again)
        if apart > tolerance:
            raise ModelError(
                f"the engine answers base prompts {where} otherwise than alone: label "
                f"log-probabilities are {apart:.3g} apart on {count} probe prompts. Its answers "
                "cannot be trusted; run base and checkpoint apart (`saeval run`), or use "
                "--engine transformers"
            )
    for adapter in adapters:
        if rows[adapter] == rows[None]:
            raise ModelError(
                f"{adapter}: the adapter changes nothing: base and adapter give the same label "
                f"log-probabilities on {count} probe prompts. Its weights do not fit this base "
                "or were never trained"
            )


def check_models_differ(url: str, scores: Mapping[str, Scores]) -> None:
    """Stop if two models of a server, by their names, are one model.

    Raises
    ------
    ModelError
        If the label log-probabilities of any two are the same. Where there are none, nothing can
        be said.
    """
    for (first, a), (second, b) in combinations(scores.items(), 2):
        if all(a) and all(b) and _distance(a, b) <= SAME:
            raise ModelError(
                f"{url}: {first} and {second} are one model: both give the same label "
                f"log-probabilities on {len(a)} probe prompts. Does the server apply the adapter "
                "(vLLM: --enable-lora --lora-modules NAME=PATH)?"
            )


def check_model_unchanged(name: str, before: Scores, now: Scores) -> None:
    """Stop if a served model is not the one that began the run.

    Raises
    ------
    ModelError
        If its label log-probabilities moved by more than numbers of low precision do. Where there
        are none, nothing can be said.
    """
    if len(before) != len(now) or not (all(before) and all(now)):
        return
    apart = _distance(before, now)
    if apart > TOLERANCE["bfloat16"]:
        raise ModelError(
            f"{name}: is not the model that began this run: its label log-probabilities are "
            f"{apart:.3g} apart from then on {len(now)} probe prompts. Serve that model again, or "
            "choose another --out"
        )


def label_scores(engine: Engine, requests: list[Request]) -> Scores:
    """Log-probabilities of every question's labels; none where the engine gives none."""
    for _ in engine.answer(requests):
        pass
    return [[r.resps[0][0] for r in request.loglikelihoods if r.resps] for request in requests]


def _distance(first: Scores, second: Scores) -> float:
    return max(
        (abs(a - b) for x, y in zip(first, second, strict=True) for a, b in zip(x, y, strict=True)),
        default=0.0,
    )
