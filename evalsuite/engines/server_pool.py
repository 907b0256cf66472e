"""The servers of one model: the least loaded is asked, one that stops answering is left out.

Every job goes to one server, so that all requests of an item find what that server has read of it.
Where the server fails, the job goes on at another. One that breaks its connections, or fails
several times in a row, is away: nothing is asked of it until it answers again and is proven to be
the same model still. Where there is one server alone, it is asked until it answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from threading import Condition, Event, Thread
from typing import TypeVar

from saeval.errors import EngineError, ModelError
from saeval.evalsuite.config import ServerConfig
from saeval.evalsuite.engines.openai_client import Server, TransientServerError
from saeval.evalsuite.models.types import ServedModel

Result = TypeVar("Result")

_MOST_FAILURES = 3
"""In a row, after which a server is away."""
_REST, _LONGEST_REST = 0.5, 30.0
_GRACE = 5.0
"""Seconds that servers have to answer at the start where others answer."""
_TICK = 0.2


@dataclass
class Member:
    """One server of a pool, and what is known of it.

    Attributes
    ----------
    server
        The connection.
    in_flight, answered
        Jobs that it has now, and that it has done since `ServerPool.take_counts` was last asked.
    failures, rests_until
        Failures since its last answer, and when it may be asked again after them.
    is_away
        Whether nothing is asked of it.
    note
        What is to be said of it, if anything.
    """

    server: Server
    in_flight: int = 0
    answered: int = 0
    failures: int = 0
    rests_until: float = 0.0
    is_away: bool = False
    note: str | None = None

    @property
    def address(self) -> str:
        """URL and name of the model."""
        return self.server.model.argument


@dataclass
class ServerPool:
    """The servers of a model; `members` in the order in which they were named.

    `closed` is set when nobody waits for any of them any more.

    Raises
    ------
    EngineError
        If no server answers.
    ModelError
        If one answers and has no such model, or rejects what it is asked.
    """

    model: ServedModel
    config: ServerConfig
    members: Sequence[Member] = field(init=False)

    def __post_init__(self) -> None:
        models = self.model.on_each_server()
        tries = 1 if len(models) > 1 else None
        self.members = [Member(Server(own, self.config, tries=tries)) for own in models]
        self._changed = Condition()
        self.closed = Event()
        self._prove: Callable[[Member], None] | None = None
        try:
            self._connect()
        except BaseException:
            self.close()
            raise

    @property
    def has_several(self) -> bool:
        """Whether there is more than one server, away or not."""
        return len(self.members) > 1

    @property
    def size(self) -> int:
        """Jobs that all its servers can be given at once."""
        return self.config.concurrency * len(self.members)

    @property
    def present(self) -> list[Member]:
        """Those that are not away."""
        return [member for member in self.members if not member.is_away]

    @property
    def patience(self) -> float:
        """Seconds without any answer that are waited for one."""
        return self.config.patience

    @property
    def name(self) -> str:
        """For messages."""
        return self.model.argument if self.has_several else self.model.url

    @property
    def last_answer(self) -> float:
        """When any server last answered."""
        return max(member.server.last_answer for member in self.members)

    @property
    def last_failure(self) -> str:
        """Why requests last failed."""
        if not self.has_several:
            return self.members[0].server.last_failure
        return "; ".join(f"{m.server.model.url}: {m.server.last_failure}" for m in self.members)

    @property
    def notes(self) -> list[str]:
        """What is to be said of the servers."""
        own = [note for member in self.members for note in member.server.notes]
        return own + [member.note for member in self.members if member.note]

    def run(self, job: Callable[[Server, Event], Result], stopping: Event) -> Result:
        """Do a job at the least loaded server, and go on at another where that one fails.

        Raises
        ------
        TransientServerError
            If `stopping` is set.
        Exception
            Whatever the job raises.
        """
        while True:
            member = self._take(stopping)
            try:
                result = job(member.server, stopping)
            except BaseException as error:
                self._give_back(member, error)
                is_over = not self.has_several or stopping.is_set()
                if is_over or not isinstance(error, TransientServerError):
                    raise
            else:
                self._give_back(member, None)
                return result

    def leave_out(self, member: Member, reason: str) -> None:
        """Ask a server nothing until it answers and is proven."""
        with self._changed:
            if member.is_away or self.closed.is_set():
                return
            member.is_away = True
            member.note = (
                f"{member.address}: was left out ({reason}); what it was asked, others answered"
            )
            self._changed.notify_all()
        Thread(target=self._wait_for, args=(member, reason), daemon=True).start()

    def admit(self, proven: Collection[str], prove: Callable[[Member], None]) -> None:
        """Say which servers are proven to be one model, by address, and how others will be.

        Parameters
        ----------
        proven
            Addresses; what is not among them is asked nothing before it is proven.
        prove
            Raises `ModelError` for a server that is another model.
        """
        self._prove = prove
        for member in self.members:
            if member.address not in proven:
                self.leave_out(member, "it was not there when its servers were proven to be one")

    def take_counts(self) -> dict[str, int]:
        """Jobs that each server has done since this was last asked, where there are several."""
        if not self.has_several:
            return {}
        with self._changed:
            counts = {member.address: member.answered for member in self.members}
            for member in self.members:
                member.answered = 0
        return counts

    def close(self) -> None:
        """Leave all servers."""
        self.closed.set()
        for member in self.members:
            member.server.close()

    def _connect(self) -> None:
        """To all at once; those that are not there are left out, unless none is."""
        if not self.has_several:
            self.members[0].server.connect()
            return
        errors: dict[str, BaseException | None] = {}

        def connect(member: Member) -> None:
            error: BaseException | None = None
            try:
                member.server.connect()
            except BaseException as raised:
                error = raised
            with self._changed:
                errors[member.address] = error
                self._changed.notify_all()

        for member in self.members:
            Thread(target=connect, args=(member,), daemon=True).start()
        with self._changed:
            self._changed.wait_for(lambda: len(errors) == len(self.members), _GRACE)
            self._changed.wait_for(
                lambda: len(errors) == len(self.members) or None in errors.values()
            )
            settled = dict(errors)
        for error in settled.values():
            if error is not None and not isinstance(error, EngineError):
                raise error
        absent = [m for m in self.members if settled.get(m.address, self) is not None]
        if len(absent) == len(self.members):
            raise EngineError(
                f"none of the {len(absent)} servers of {self.model.name} answers: "
                f"{settled[absent[0].address]}"
            )
        for member in absent:
            self.leave_out(member, member.server.last_failure)

    def _take(self, stopping: Event) -> Member:
        """The server with the fewest jobs that may be asked now; waits until there is one."""
        with self._changed:
            while True:
                if stopping.is_set() or self.closed.is_set():
                    raise TransientServerError("nobody waits for it any more")
                now = time.monotonic()
                free = [
                    member
                    for member in self.members
                    if not member.is_away
                    and member.rests_until <= now
                    and member.in_flight < self.config.concurrency
                ]
                if free:
                    member = min(free, key=lambda own: (own.in_flight, own.answered))
                    member.in_flight += 1
                    return member
                self._changed.wait(_TICK)

    def _give_back(self, member: Member, failure: BaseException | None) -> None:
        with self._changed:
            member.in_flight -= 1
            if failure is None:
                member.answered += 1
                member.failures = 0
            elif isinstance(failure, TransientServerError):
                rest = min(_REST * 2**member.failures, _LONGEST_REST)
                rest = max(rest, min(failure.pause, self.config.patience))
                member.rests_until = time.monotonic() + rest
                member.failures += not failure.busy
            self._changed.notify_all()
            is_lost = isinstance(failure, TransientServerError) and (
                failure.disconnected or member.failures >= _MOST_FAILURES
            )
        if is_lost and self.has_several:
            self.leave_out(member, str(failure))

    def _wait_for(self, member: Member, reason: str) -> None:
        """Until it answers and is proven, or is found to be another model."""
        pause = _REST
        since = time.monotonic()
        while not self.closed.wait(pause):
            pause = min(2 * pause, _LONGEST_REST)
            if self._prove is None:
                continue
            try:
                member.server.connect(patience=_REST)
                self._prove(member)
            except (EngineError, TransientServerError):
                continue
            except ModelError as error:
                member.note = f"{error}; it was left out from then on ({reason} before)"
                return
            except Exception:  # of a client that was closed meanwhile
                if self.closed.is_set():
                    return
                raise
            with self._changed:
                away = time.monotonic() - since
                member.is_away, member.failures, member.rests_until = False, 0, 0.0
                member.note = (
                    f"{member.address}: was left out for {away:.0f} s ({reason}), then proven to "
                    "be the same model and asked again"
                )
                self._changed.notify_all()
            return
