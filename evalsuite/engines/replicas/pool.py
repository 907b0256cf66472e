"""Batches to replicas: the least busy first, what a lost one had goes back into the queue.

Nothing here knows how a replica is reached (`Transport`), so the same loop drives actors of Ray and
the simulated cluster of ``make bench-cluster``.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from saeval import errors
from saeval.errors import EngineError, SaevalError
from saeval.evalsuite.engines.replicas.actor import UNPROVEN, Loaded, ProofSettings, Refusal
from saeval.evalsuite.engines.replicas.transport import Reply, Transport

MOST_LOSSES = 3
"""So often a batch may lose its replica, and a replica be lost that answers nothing in between."""
PATIENCE = 60.0
"""Seconds without a place for any replica, after which a run stops."""
_TICK = 0.2
_PAUSE = 1.0
"""Seconds before a replica that is being made anew is asked again where it is."""

State = Literal["waiting", "loading", "loaded", "proving", "ready", "gone"]


@dataclass(eq=False)
class Member:
    """A replica as the driver knows it.

    `life` counts how often it was begun, `load` its batches, `losses` how often it was lost since
    it last answered, `since` is when it was begun.
    """

    number: int
    state: State = "waiting"
    where: str = ""
    life: int = 1
    load: int = 0
    losses: int = 0
    since: float = 0.0

    @property
    def name(self) -> str:
        """For people."""
        return f"replica {self.number + 1}{f' ({self.where})' if self.where else ''}"


@dataclass(eq=False)
class _Work:
    """A batch, who waits for it, what is sent of it, and how often it was lost."""

    owner: object
    batch: Any
    sent: Any
    losses: int = 0


@dataclass(frozen=True, slots=True)
class _Call:
    member: Member
    life: int
    method: str
    work: _Work | None


class ReplicaPool:
    """The replicas of one engine, begun at once.

    Parameters
    ----------
    transport, count
        How replicas are reached, and how many there are.
    in_flight
        Batches that a replica has at a time, so that it never waits for the driver.
    on_proven
        Hears what a replica proved before it is given anything; raises if it must not answer.
    note
        Hears in a sentence of every replica that is lost or back.
    patience
        See `PATIENCE`.
    """

    def __init__(
        self,
        transport: Transport,
        count: int,
        *,
        in_flight: int = 2,
        on_proven: Callable[[Member, Any], None] = lambda member, records: None,
        note: Callable[[str], None] = lambda sentence: None,
        patience: float = PATIENCE,
    ) -> None:
        self._transport = transport
        self._on_proven = on_proven
        self._note = note
        self._patience = patience
        self._settings: ProofSettings | None = None
        self._loaded: Loaded | None = None
        self._calls: dict[int, _Call] = {}
        self._last_number = 0
        self._by_load: list[dict[int, Member]] = [{} for _ in range(in_flight + 1)]
        self._retries: deque[_Work] = deque()
        self._unplaced: list[tuple[float, Member]] = []
        self._has_noted_waiting = False
        self.members = [Member(number) for number in range(count)]
        for member in self.members:
            self._begin(member)

    @property
    def n_ready(self) -> int:
        """How many replicas answer."""
        return sum(member.state == "ready" for member in self.members)

    def wait_loaded(self) -> Loaded:
        """What the first replica that has loaded its engine says of it."""
        while self._loaded is None:
            self._step()
        return self._loaded

    def prove(self, settings: ProofSettings) -> None:
        """Let every replica prove itself, now and whenever it is begun anew; wait for the first."""
        self._settings = settings
        for member in self.members:
            if member.state == "loaded":
                self._prove(member)
        while not self.n_ready:
            self._step()

    def answer(
        self, batches: Iterable[Sequence[Any]], pack: Callable[[Any], Any] = lambda batch: batch
    ) -> Iterator[tuple[Any, Any]]:
        """Every batch with what its replica made of it, as they come.

        Parameters
        ----------
        batches
            Taken one by one, as replicas become free.
        pack
            Makes of a batch what is sent.

        Raises
        ------
        EngineError
            If a batch has lost several replicas, or none is left.
        SaevalError
            What a replica's engine refuses.
        """
        owner, source = object(), iter(batches)
        n_open, is_exhausted = 0, False
        self._retries.clear()
        while True:
            while (member := self._least_busy()) is not None:
                if self._retries:
                    work = self._retries.popleft()
                elif is_exhausted:
                    break
                elif (batch := next(source, None)) is None:
                    is_exhausted = True
                    break
                else:
                    work = _Work(owner, batch, pack(batch))
                    n_open += 1
                self._send(member, "answer", work.sent, work=work)
                self._set_load(member, member.load + 1)
            if not n_open and is_exhausted:
                return
            for call, value in self._step():
                if call.work is not None and call.work.owner is owner:
                    n_open -= 1
                    yield call.work.batch, value

    def ask_all(self, method: str, *arguments: Any) -> list[tuple[Member, Any]]:
        """What every replica that answers says to one call.

        Of one that is lost over it nothing is said; if all are, one is waited for that has proven
        itself anew.
        """
        asked = {
            self._send(member, method, *arguments)
            for member in self.members
            if member.state == "ready"
        }
        said: list[tuple[Member, Any]] = []
        while any(number in self._calls for number in asked):
            said += [(call.member, value) for call, value in self._step() if call.method == method]
        while not self.n_ready:
            self._step()
        return said

    def close(self) -> None:
        """End all replicas."""
        self._transport.close()

    def _least_busy(self) -> Member | None:
        for members in self._by_load[:-1]:
            for member in members.values():
                return member
        return None

    def _set_load(self, member: Member, load: int) -> None:
        self._by_load[member.load].pop(member.number, None)
        member.load = load
        if member.state == "ready":
            self._by_load[load][member.number] = member

    def _send(self, member: Member, method: str, *arguments: Any, work: _Work | None = None) -> int:
        self._last_number += 1
        self._calls[self._last_number] = _Call(member, member.life, method, work)
        self._transport.call(self._last_number, member.number, method, *arguments)
        return self._last_number

    def _step(self) -> list[tuple[_Call, Any]]:
        """Wait for replies and see to the replicas; batches and questions that are answered."""
        self._look_for_places()
        answered = []
        for reply in self._transport.poll(_TICK):
            call = self._calls.pop(reply.call)
            if reply.loss is None and reply.value == UNPROVEN:
                reply = Reply(reply.call, loss="was begun anew")
            if reply.loss is not None:
                self._lose(call, reply.loss, reply.gone)
                continue
            if isinstance(reply.value, Refusal):
                raise _error(call.member, reply.value)
            if call.method in ("place", "load", "prove"):
                if call.life == call.member.life:
                    self._go_on(call.member, call.method, reply.value)
                continue
            if call.work is not None and call.life == call.member.life:
                call.member.losses = 0
                self._set_load(call.member, call.member.load - 1)
            answered.append((call, reply.value))
        return answered

    def _begin(self, member: Member) -> None:
        member.state, member.since = "waiting", time.monotonic()
        self._send(member, "place")

    def _go_on(self, member: Member, method: str, value: Any) -> None:
        """The next step on the way to answering: a place, a loaded engine, a proof."""
        if method == "place":
            member.where = f"{value.node}, process {value.process}"
            member.state = "loading"
            self._send(member, "load")
        elif method == "load":
            self._loaded = self._loaded or value
            member.state = "loaded"
            if self._settings is not None:
                self._prove(member)
        else:
            self._on_proven(member, value)
            member.state = "ready"
            self._set_load(member, 0)
            if member.life > 1:
                self._note(f"{member.name} is back and has proven its models anew")

    def _prove(self, member: Member) -> None:
        member.state = "proving"
        self._send(member, "prove", self._settings)

    def _lose(self, call: _Call, reason: str, gone: bool) -> None:
        """Put a lost call's batch back, and begin its replica anew."""
        member = call.member
        if call.work is not None:
            call.work.losses += 1
            if call.work.losses >= MOST_LOSSES:
                raise EngineError(
                    f"{member.name}: a batch has now lost {MOST_LOSSES} replicas, the last one: "
                    f"{reason}. What is finished is kept; lower --batch-size or see to the cause, "
                    "and run the same command again to resume"
                )
            self._retries.appendleft(call.work)
        if call.life != member.life:
            return
        if call.method == "place" and not gone:  # Ray has not made it anew yet
            self._unplaced.append((time.monotonic() + _PAUSE, member))
            return
        was_ready = member.state == "ready"
        member.life += 1
        member.losses += 1
        member.state = "gone"
        self._set_load(member, 0)
        given_up = gone or member.losses >= MOST_LOSSES
        what = "is left out" if given_up else "is begun anew"
        again = "; what it had is asked again" if was_ready else ""
        self._note(f"{member.name} was lost and {what}: {reason}{again}")
        if not given_up:
            self._begin(member)
        elif all(other.state == "gone" for other in self.members):
            raise EngineError(
                f"{member.name} was lost {member.losses} times, and no replica is left: {reason}. "
                "What is finished is kept; run the same command again to resume"
            )

    def _look_for_places(self) -> None:
        """Ask again where replicas are, and stop where none will find a place."""
        now = time.monotonic()
        due = [member for at, member in self._unplaced if at <= now]
        self._unplaced = [(at, member) for at, member in self._unplaced if at > now]
        for member in due:
            self._send(member, "place")
        waiting = [m for m in self.members if m.state == "waiting"]
        if not waiting or now - max(m.since for m in waiting) < self._patience:
            return
        shortage = self._transport.explain_waiting()
        n_alive = sum(member.state != "gone" for member in self.members)
        if len(waiting) == n_alive:
            raise EngineError(
                f"--replicas: no replica has found a place for {self._patience:g} s: {shortage}. "
                "What is finished is kept; run the same command again to resume"
            )
        if not self._has_noted_waiting:
            self._has_noted_waiting = True
            self._note(
                f"{len(waiting)} of {len(self.members)} replicas have no place yet: {shortage}; "
                "the others go on without them"
            )


def _error(member: Member, refusal: Refusal) -> SaevalError:
    kind = getattr(errors, refusal.kind, EngineError)
    error: SaevalError = kind(f"{member.name}: {refusal.message}")
    return error
