"""What all replicas of an engine proved, as one proof: together they must be one model, too."""

from __future__ import annotations

from pathlib import Path

from saeval.errors import ModelError
from saeval.evalsuite.engines.replicas.actor import Records
from saeval.evalsuite.engines.replicas.pool import Member, ReplicaPool
from saeval.evalsuite.store.manifest import SAME, Proof
from saeval.evalsuite.store.probe_scores import TOLERANCE, distance

_BETWEEN = "between_replicas"
"""In `Proof.base_moved`: how far one replica's base is from another's."""


class ReplicasProof:
    """Compares what every replica proves with what the first one did.

    Parameters
    ----------
    dtype
        Of the weights.
    """

    def __init__(self, dtype: str) -> None:
        self._tolerance = TOLERANCE.get(dtype, TOLERANCE["bfloat16"])
        self._first: Records = {}
        self._first_name = ""
        self._moved: dict[str, float] = {}
        self.pool: ReplicaPool | None = None

    def add(self, member: Member, records: Records) -> None:
        """What a replica proved before it answers anything.

        Raises
        ------
        ModelError
            If it is another model than the first.
        """
        if not self._first:
            self._first, self._first_name = records, member.name
        for key, record in records.items():
            self._compare(member, key, record)
            for occasion, moved in record.base_moved.items():
                self._moved[occasion] = max(moved, self._moved.get(occasion, 0.0))

    def check_end(self, adapter: Path | None) -> None:
        """Every replica proves once more that base and adapter are who they were.

        Raises
        ------
        ModelError
            Naming the replica of which that is not so.
        """
        assert self.pool is not None
        key = None if adapter is None else str(adapter)
        for member, records in self.pool.ask_all("check_end", key):
            self.add(member, records)

    def record(self, adapter: Path | None, *, ended: bool) -> Proof:
        """The figures of the first replica, and the largest moves of all."""
        record = self._first[None if adapter is None else str(adapter)]
        return record.model_copy(
            update={
                "base_moved": dict(self._moved),
                "floor": max(SAME, *self._moved.values()) if self._moved else SAME,
                "ended": ended,
            }
        )

    def _compare(self, member: Member, key: str | None, record: Proof) -> None:
        first = self._first[key]
        who = "the base" if key is None else f"the adapter {key}"
        if record.base_weights != first.base_weights:
            raise ModelError(
                f"{member.name}: has other weights of the base than {self._first_name}; is the "
                "model's folder the same on every machine?"
            )
        apart = distance(first.scores, record.scores)
        if key is None:
            self._moved[_BETWEEN] = max(apart, self._moved.get(_BETWEEN, 0.0))
        if apart > self._tolerance:
            raise ModelError(
                f"{member.name}: {who} is another model there than in {self._first_name}: label "
                f"log-probabilities are {apart:.3g} apart on {len(record.scores)} probe prompts. "
                "Its answers cannot be trusted; see to the files on that machine"
            )
