"""A thread that prolongs a lease."""

from __future__ import annotations

from threading import Event, Thread

from typing_extensions import Self

from saeval.evalsuite.client.connection import RequestError, UnreachableError
from saeval.evalsuite.client.evaluations import HeldEvaluation, LeaseLostError

_LONGEST, _SHORTEST = 60.0, 0.2


class Heartbeat:
    """Prolongs a lease as long as the context lasts.

    Parameters
    ----------
    held
        The evaluation; its connection may wait as long as it likes.
    """

    def __init__(self, held: HeldEvaluation) -> None:
        self._held = held
        self._ended = Event()
        self._lost: LeaseLostError | None = None
        self._thread = Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def check(self) -> None:
        """Stop if the evaluation is no longer ours.

        Raises
        ------
        LeaseLostError
            If it is not.
        """
        if self._lost is not None:
            raise self._lost

    def _beat(self) -> None:
        every = min(max(self._held.lease.seconds / 3, _SHORTEST), _LONGEST)
        while not self._ended.wait(every):
            try:
                self._held.heartbeat()
            except LeaseLostError as error:
                self._lost = error
                return
            except (UnreachableError, RequestError):
                continue  # the next one may get through; every part that is sent is a word, too
