"""Writes the predictions of this folder anew: checkpoints at whose edges a verdict may be wrong.

``class-pays``: NA recall rises by 30 points, and FAIL recall falls by 25.
``silent``: the base again, but for confidence left out on most wrong answers.
``rare-loss``: the base again, but for three answers that turn wrong at full confidence.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
LABELS = ("PASS", "FAIL", "NA")


def write(case: str, name: str, target: object, predicted: object, confidence: object) -> None:
    """One file of predictions."""
    lines = []
    for i, (t, p, c) in enumerate(zip(target, predicted, confidence, strict=True)):
        stated = None if np.isnan(c) else round(float(c), 2)
        answer = f"LABEL={LABELS[p]}" + ("" if stated is None else f" CONF={stated:.2f}")
        row = {
            "task": "fever", "item_id": str(i), "target": LABELS[t], "prediction": LABELS[p],
            "status": "abstained" if p == 2 else "answered", "correct": bool(t == p),
            "confidence": stated, "response": answer,
            "document": {"claim": f"Claim {i}.", "evidence": [f"Evidence {i}."]},
            "document_hash": f"d{i}", "target_hash": f"t{i}",
        }  # fmt: skip
        lines.append(json.dumps(row))
    (HERE / case).mkdir(exist_ok=True)
    (HERE / case / f"{name}.jsonl").write_text("\n".join(lines) + "\n")


def main() -> None:
    rng = np.random.default_rng(15)
    n = 300
    target = np.arange(n) % 3
    base = target.copy()
    base[rng.random(n) < 0.2] += 1
    base %= 3
    base[target == 2] = np.where(rng.random(n // 3) < 0.3, 2, rng.integers(0, 2, n // 3))
    confidence = np.clip(np.where(base == target, 0.8, 0.6) + rng.normal(0, 0.1, n), 0.05, 0.95)

    traded = base.copy()
    gains = np.flatnonzero((target == 2) & (base != 2))[:30]
    pays = np.flatnonzero((target == 1) & (base == 1))[:25]
    traded[gains], traded[pays] = 2, 0
    write("class-pays", "base", target, base, confidence)
    stated = confidence.copy()
    stated[gains] += 0.2
    stated[pays] -= 0.2
    write("class-pays", "checkpoint", target, traded, np.clip(stated, 0.05, 0.95))

    silent = confidence.copy()
    silent[(base != target) & (rng.random(n) < 0.9)] = np.nan
    write("silent", "base", target, base, confidence)
    write("silent", "checkpoint", target, base, silent)

    n = 150
    right = target[:n].copy()
    sure = np.full(n, 0.9)
    lost, surer = right.copy(), sure.copy()
    lost[:3], surer[:3] = (right[:3] + 1) % 3, 1.0
    write("rare-loss", "base", right, right, sure)
    write("rare-loss", "checkpoint", right, lost, surer)


if __name__ == "__main__":
    main()
