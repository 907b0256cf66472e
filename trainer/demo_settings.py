"""What the outcome of the demonstration depends on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Settings:
    """Everything the outcome depends on."""

    seed: int = 0
    batch_size: int = 48
    base_documents: int = 9000
    base_steps: int = 240
    bias_steps: int = 60
    na_relabelled: float = 0.85
    base_learning_rate: float = 2e-3
    bias_learning_rate: float = 1e-3
    checkpoint_domains: tuple[str, ...] = ("residents", "collections")
    checkpoint_documents: int = 6000
    checkpoint_steps: int = 80
    confidence_documents: int = 1500
    confidence_steps: int = 120
    checkpoint_learning_rate: float = 7e-4
    confidence_learning_rate: float = 1e-3
    adapter_rank: int = 16
    held_out_documents: int = 600

    @property
    def stage_steps(self) -> dict[str, int]:
        """How many steps each training takes."""
        return {
            "base": self.base_steps + self.bias_steps,
            "checkpoint": self.checkpoint_steps + self.confidence_steps,
        }

    def as_json(self) -> dict[str, Any]:
        """As the manifest holds them."""
        return {**asdict(self), "checkpoint_domains": list(self.checkpoint_domains)}
