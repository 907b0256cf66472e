"""Before anything is answered: is the base the base, and is every adapter applied?

Engines have answered base prompts with an adapter and adapter prompts without it, silently. So the
first prompts are scored four times: by the base before any adapter was used, by base and adapters
in one batch, and by the base again. Every base row must agree with the first, every adapter's must
not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from evalsuite.engines import Engine, Question
from evalsuite.errors import ModelError

TOLERANCE = {"float32": 1e-3, "float16": 0.05, "bfloat16": 0.25}
"""How far log-probabilities of one model may differ between batches, by the type of its weights."""

Probe = Callable[[Path | None], list[Question]]
"""Makes the probe questions anew, for an adapter or the base."""


def prove(engine: Engine, adapters: Sequence[Path], probe: Probe, dtype: str) -> None:
    """Stop unless base rows are the base's and every adapter changes something.

    Raises
    ------
    ModelError
        If an adapter changes no log-probability (it was not applied, or holds no training), or
        base prompts are answered otherwise once adapters are in use.
    """
    alone = _scores(engine, probe(None))
    if not adapters or not any(alone):
        return
    mixed = [question for adapter in (None, *adapters) for question in probe(adapter)]
    found = _scores(engine, mixed)
    count = len(alone)
    rows = {
        adapter: found[index * count : (index + 1) * count]
        for index, adapter in enumerate((None, *adapters))
    }
    tolerance = TOLERANCE.get(dtype, TOLERANCE["bfloat16"])
    for where, again in (
        ("in a batch with adapters", rows[None]),
        ("after adapters", _scores(engine, probe(None))),
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


def _scores(engine: Engine, questions: list[Question]) -> list[list[float]]:
    for _ in engine.answer(questions):
        pass
    return [[r.resps[0][0] for r in question.scored if r.resps] for question in questions]


def _distance(first: list[list[float]], second: list[list[float]]) -> float:
    return max(
        (abs(a - b) for x, y in zip(first, second, strict=True) for a, b in zip(x, y, strict=True)),
        default=0.0,
    )
