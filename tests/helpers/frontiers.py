"""Frontiers for tests of reports: simulated answers of so many models under so many prompts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from comparisons import HOSTILE

from saeval.stats.compare.results import ModelDescription
from saeval.stats.frontier.dominance import beyond_front, dominances
from saeval.stats.frontier.pareto import Outcomes, points
from saeval.stats.frontier.results import SCHEMA_VERSION, Frontier
from saeval.stats.frontier.utility import utilities

Shares = tuple[float, float]
"""Right and wrong."""


def frontier(
    shares: Mapping[str, Mapping[str, Shares]],
    *,
    items: int = 400,
    level: float = 0.95,
    texts: Mapping[str, str | None] | None = None,
    warnings: tuple[str, ...] = (),
    task: str = "simpleqa",
    kind: str = "question",
) -> Frontier:
    """By model and prompt; the same luck for all, so that equal shares are equal answers."""
    luck = np.random.default_rng(3).permutation(items) / items
    outcomes = {
        model: [
            Outcomes(
                model,
                system,
                right=luck < right,
                abstained=luck >= right + wrong,
                invalid=np.zeros(items, dtype=np.bool_),
            )
            for system, (right, wrong) in prompts.items()
        ]
        for model, prompts in shares.items()
    }
    answerable = np.random.default_rng(4).random(items) < 0.8
    base, *checkpoints = outcomes.values()
    rivals = [one for own in checkpoints for one in own]
    systems = list(next(iter(shares.values())))
    return Frontier(
        schema=SCHEMA_VERSION,
        saeval_version="0.1.0",
        task=task,
        kind=kind,
        items=items,
        clusters=None,
        answerable=int(answerable.sum()),
        confidence_level=level,
        models=tuple(ModelDescription(model, f"./{model}", {}) for model in shares),
        systems=dict(texts or {system: f"Be {system}." for system in systems}),
        points=points([o for own in outcomes.values() for o in own], answerable, None, level),
        dominances=dominances(base, rivals, None, level),
        beyond=beyond_front(base, rivals, None, level),
        utilities=utilities(outcomes, None, level),
        warnings=warnings,
    )


FOUR = {"none": (0.4, 0.4), "bold": (0.45, 0.55), "cautious": (0.25, 0.1), "polite": (0.39, 0.42)}
BETTER = {"none": (0.5, 0.3), "bold": (0.52, 0.48), "cautious": (0.3, 0.1), "polite": (0.5, 0.31)}
LONG = "a-prompt-that-was-given-a-very-long-name-by-somebody-who-had-time"
MANY = {f"prompt {i}": (0.2 + 0.05 * i, 0.1 + 0.06 * i) for i in range(6)}

EVERY_CASE = {
    "one model": {"base": FOUR},
    "base and checkpoint": {
        "base": FOUR | {"strict": (0.12, 0.04)}, "tuned": BETTER | {"strict": (0.2, 0.05)},
    },
    "one point": {"base": {"none": (0.4, 0.3)}},
    "points that coincide": {
        "base": dict.fromkeys(["none", "a", "b", "c", "d", "e"], (0.4, 0.3)),
        "tuned": dict.fromkeys(["none", "a", "b", "c", "d", "e"], (0.4, 0.3)),
    },
    "never abstains": {
        "base": {f"p{i}": (0.3 + i / 400, 0.7 - i / 400) for i in range(5)},
        "tuned": {f"p{i}": (0.31 + i / 400, 0.69 - i / 400) for i in range(5)},
    },
    "always declines": {"base": {"none": (0.0, 0.0), "bold": (0.0, 0.0)},
                        "tuned": {"none": (0.0, 0.0), "bold": (0.0, 0.0)}},
    "all right": {"base": {"none": (1.0, 0.0), "bold": (1.0, 0.0)}},
    "long names": {
        "an-organisation/" + LONG: {f"{LONG}-{i}": v for i, v in enumerate(FOUR.values())},
        "another/" + LONG: {f"{LONG}-{i}": v for i, v in enumerate(BETTER.values())},
    },
    "crowded": {
        f"step-{step}": {k: (r + step / 5000, w + 0.001 * step) for k, (r, w) in MANY.items()}
        for step in (0, 10, 20, 30, 40, 50, 60)
    },
    "few items": {"base": FOUR, "tuned": BETTER},
    "hostile": {
        "=cmd()|" + HOSTILE: {"=1+1" + HOSTILE: (0.4, 0.3), HOSTILE: (0.3, 0.1)},
        HOSTILE: {"=1+1" + HOSTILE: (0.5, 0.3), HOSTILE: (0.4, 0.1)},
    },
}  # fmt: skip


def case(name: str) -> Frontier:
    texts = {"=1+1" + HOSTILE: HOSTILE, HOSTILE: None} if name == "hostile" else None
    return frontier(
        EVERY_CASE[name],
        items=10 if name == "few items" else 400,
        texts=texts,
        warnings=(HOSTILE,) if name == "hostile" else (),
        task=HOSTILE if name == "hostile" else "simpleqa",
    )
