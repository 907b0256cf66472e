"""How the driver reaches replicas: calls that come back in any order, or are lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of a call: its value, or why the replica was lost over it.

    `gone` says that the lost replica is not made anew.
    """

    call: int
    value: Any = None
    loss: str | None = None
    gone: bool = False


class Transport(Protocol):
    """Numbered replicas that take calls of the methods of `saeval…replicas.actor.Replica`.

    Calls of one replica are done one after another. A replica that is lost is made anew by the
    transport; calls that were under way come back as losses.
    """

    def call(self, number: int, replica: int, method: str, *arguments: Any) -> None:
        """Send a call; it comes back in a `Reply` of its number."""

    def poll(self, timeout: float) -> list[Reply]:
        """All that has come back; waits for the first so many seconds."""

    def explain_waiting(self) -> str:
        """What replicas need that have no place, and what there is."""

    def close(self) -> None:
        """End all replicas."""
