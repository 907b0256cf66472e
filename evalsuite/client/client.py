"""`saeval.Client`: a server of the record, from Python."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

from typing_extensions import Self

from saeval.errors import SaevalError
from saeval.evalsuite.client.connection import RequestError
from saeval.evalsuite.client.evaluation_settings import make_request
from saeval.evalsuite.client.files import Heard, check_files, download_file, hash_file, upload_file
from saeval.evalsuite.client.typed import TypedConnection, request_of
from saeval.evalsuite.client.wire import (
    AuditEntry,
    AuditPage,
    BaselineInfo,
    BaselineRequest,
    CallerInfo,
    ComparisonInfo,
    ComparisonOptions,
    ComparisonPage,
    ComparisonRequest,
    EvaluationInfo,
    EvaluationPage,
    Health,
    OverrideRequest,
    RunInfo,
    RunPage,
    RunUpload,
    Scope,
    TokenInfo,
    TokenRequest,
    VerdictInfo,
    VerdictPage,
    VerdictRequest,
)

Computed = TypeVar("Computed", RunInfo, ComparisonInfo, VerdictInfo, EvaluationInfo)

_WHERE = {
    RunInfo: "runs",
    ComparisonInfo: "comparisons",
    VerdictInfo: "verdicts",
    EvaluationInfo: "evaluations",
}
_UNDER_WAY = ("queued", "running", "leased")
_PAUSES = (0.1, 2.0)


class Client:
    """A server of the record.

    Every method raises `saeval.errors.SaevalError` with the server's sentence where the server does
    not do what is asked, and where it cannot be reached; requests are sent again for a while where
    that does no harm.

    Parameters
    ----------
    server
        Its address; None for that of ``SAEVAL_SERVER``.
    token
        None for that of ``SAEVAL_TOKEN``, or else the one that ``saeval login`` saved.
    insecure
        Whether the token may go over plain http to another machine.
    patience
        Seconds for which a request is sent again to a server that does not answer.
    stopped
        An event that ends the waiting.

    Raises
    ------
    InputError
        If no server is named, there is no token for it, or the token would go over plain http to
        another machine.

    Examples
    --------
    >>> client = saeval.Client("https://evals.example")                   # doctest: +SKIP
    >>> comparison = client.compare("baselines/main", run.id)             # doctest: +SKIP
    >>> client.wait_for(comparison).answer                                # doctest: +SKIP
    """

    def __init__(
        self,
        server: str | None = None,
        token: str | None = None,
        *,
        insecure: bool = False,
        patience: float = 60.0,
        stopped: Event | None = None,
    ) -> None:
        self._stopped = stopped or Event()
        self.connection = TypedConnection(
            server, token, insecure=insecure, patience=patience, stopped=self._stopped
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<client of {self.server}>"

    @property
    def server(self) -> str:
        """Its address."""
        return self.connection.server

    def close(self) -> None:
        """Let go of the connections."""
        self.connection.close()

    def health(self) -> Health:
        """That the server is there, and its version."""
        return self.connection.get(Health, "/health")

    def caller(self) -> CallerInfo:
        """Whose token this is, and what it allows."""
        return self.connection.get(CallerInfo, "/api/caller")

    def verdict_file(self, verdict: str, name: str) -> bytes:
        """A file of a verdict, such as ``gate.json``."""
        return self.connection.request("GET", f"/api/verdicts/{verdict}/files/{name}").content

    def upload_run(
        self,
        files: Mapping[str, Path],
        name: str,
        *,
        recipe: str | None = None,
        seed: int | None = None,
        step: int | None = None,
        training: Mapping[str, Any] | None = None,
        heard: Heard = lambda _: None,
    ) -> RunInfo:
        """Send a run; what the server has of it is not sent again.

        `saeval.push` takes whatever `saeval.compare` does.

        Parameters
        ----------
        files
            In Parquet, by their names in the run folder.
        name
            For people.
        recipe, seed, step
            What the checkpoint was trained by.
        training
            What it was trained on, as ``data.json`` in its folder says.
        heard
            Hears of so many bytes more that the server has.
        """
        hashes = {place: hash_file(path) for place, path in files.items()}
        upload = request_of(
            RunUpload,
            name=name,
            files=hashes,
            recipe=recipe,
            seed=seed,
            step=step,
            training=training,
        )
        for place, path in files.items():
            upload_file(self.connection, path, hashes[place], heard)
        try:
            return self.connection.post(RunInfo, "/api/runs", upload, may_repeat=True)
        except RequestError as error:
            if not isinstance(error.detail, dict) or "missing" not in error.detail:
                raise
        for place, path in files.items():  # the server has just tidied up
            upload_file(self.connection, path, hashes[place])
        return self.connection.post(RunInfo, "/api/runs", upload, may_repeat=True)

    def run(self, run: str) -> RunInfo:
        """One run."""
        return self.connection.get(RunInfo, f"/api/runs/{run}")

    def runs(
        self,
        q: str | None = None,
        *,
        model: str | None = None,
        task: str | None = None,
        state: str | None = None,
        recipe: str | None = None,
    ) -> Iterator[RunInfo]:
        """Runs, the newest first; `q` stands in the name of the run, model or recipe."""
        query = {"q": q, "model": model, "task": task, "state": state, "recipe": recipe}
        for page in self.connection.pages(RunPage, "/api/runs", query):
            yield from page.runs

    def download_run(self, run: RunInfo, folder: Path, heard: Heard = lambda _: None) -> None:
        """Fetch the files of a run, each of them verified, into a new folder."""
        check_files(self.server, run.files)
        for name, sha256 in run.files.items():
            download_file(self.connection, sha256, folder / name, heard)

    def delete_run(self, run: str) -> None:
        """Remove a run that no verdict and no baseline needs."""
        self.connection.delete(f"/api/runs/{run}")

    def compare(
        self, base: str, checkpoint: str, options: ComparisonOptions | None = None
    ) -> ComparisonInfo:
        """Compare two runs; what was computed is there at once.

        Parameters
        ----------
        base, checkpoint
            Ids of runs, or ``baselines/NAME``.
        options
            As `saeval.compare` has them.
        """
        request = request_of(
            ComparisonRequest,
            base=base,
            checkpoint=checkpoint,
            options=options or ComparisonOptions(),
        )
        return self.connection.post(ComparisonInfo, "/api/comparisons", request, may_repeat=True)

    def comparison(self, comparison: str) -> ComparisonInfo:
        """One comparison."""
        return self.connection.get(ComparisonInfo, f"/api/comparisons/{comparison}")

    def comparisons(self) -> Iterator[ComparisonInfo]:
        """Comparisons, the newest first."""
        for page in self.connection.pages(ComparisonPage, "/api/comparisons"):
            yield from page.comparisons

    def comparison_file(self, comparison: str, name: str) -> bytes:
        """A file of a comparison, such as ``comparison.json`` or ``report.html``."""
        return self.connection.request("GET", f"/api/comparisons/{comparison}/files/{name}").content

    def gate(self, request: VerdictRequest) -> VerdictInfo:
        """Hold a comparison to a policy, which may spend a look; the same again is the same one."""
        return self.connection.post(VerdictInfo, "/api/verdicts", request, may_repeat=True)

    def verdict(self, verdict: str) -> VerdictInfo:
        """One verdict."""
        return self.connection.get(VerdictInfo, f"/api/verdicts/{verdict}")

    def verdicts(
        self, *, result: str | None = None, model: str | None = None
    ) -> Iterator[VerdictInfo]:
        """Verdicts, the newest first."""
        query = {"result": result, "model": model}
        for page in self.connection.pages(VerdictPage, "/api/verdicts", query):
            yield from page.verdicts

    def override(self, verdict: str, request: OverrideRequest) -> VerdictInfo:
        """Decide against, or beside, a verdict."""
        return self.connection.post(VerdictInfo, f"/api/verdicts/{verdict}/overrides", request)

    def baseline(self, name: str) -> BaselineInfo:
        """What a name stands for, with its history."""
        return self.connection.get(BaselineInfo, f"/api/baselines/{name}")

    def baselines(self) -> list[BaselineInfo]:
        """All baselines by their names."""
        return self.connection.list(BaselineInfo, "/api/baselines")

    def set_baseline(self, name: str, run: str, reason: str | None = None) -> BaselineInfo:
        """Let a name stand for a run from now on."""
        request = request_of(BaselineRequest, run=run, reason=reason)
        return self.connection.put(BaselineInfo, f"/api/baselines/{name}", request)

    def evaluate(
        self,
        model: str,
        tasks: str | Sequence[str],
        *,
        settings: Mapping[str, Any] | None = None,
        name: str | None = None,
        base: str | None = None,
        policy: str | Path | None = None,
        recipe: str | None = None,
        seed: int | None = None,
        step: int | None = None,
    ) -> EvaluationInfo:
        """Let a worker ask a model, and compare and gate its answers when they are there.

        Parameters
        ----------
        model
            As the worker's machine knows it: a hub id, a folder that it shares, a model of a
            server.
        tasks
            Names.
        settings
            Keywords of `saeval.run`, such as ``{"limit": 500}``; see
            `saeval.evalsuite.client.evaluation_settings`.
        name
            Of the run; None for the model's.
        base
            A run's id or ``baselines/NAME``, that the answers are compared with.
        policy
            A policy file, or its text, that they are held to; needs `base` and the scope gate.
        recipe, seed, step
            What the checkpoint was trained by.

        Raises
        ------
        InputError
            If a setting is none that workers take, or the policy is none.

        Examples
        --------
        >>> asked = client.evaluate(                                      # doctest: +SKIP
        ...     "/checkpoints/400", ["fever"], base="baselines/main", policy="gate.yaml"
        ... )
        >>> verdict = client.verdict(client.wait_for(asked).verdict)      # doctest: +SKIP
        >>> client.wait_for(verdict).result                               # doctest: +SKIP
        'PASS'
        """
        request = make_request(
            model,
            tasks,
            settings=settings,
            name=name,
            base=base,
            policy=policy,
            recipe=recipe,
            seed=seed,
            step=step,
        )
        return self.connection.post(EvaluationInfo, "/api/evaluations", request)

    def evaluation(self, evaluation: str) -> EvaluationInfo:
        """One evaluation."""
        return self.connection.get(EvaluationInfo, f"/api/evaluations/{evaluation}")

    def evaluations(self, *, state: str | None = None) -> Iterator[EvaluationInfo]:
        """Evaluations, the newest first."""
        for page in self.connection.pages(EvaluationPage, "/api/evaluations", {"state": state}):
            yield from page.evaluations

    def cancel(self, evaluation: str) -> EvaluationInfo:
        """Stop an evaluation; what was answered is dropped."""
        answer = self.connection.delete(f"/api/evaluations/{evaluation}")
        return EvaluationInfo.model_validate_json(answer.content)

    def create_token(self, name: str, scope: Scope = "read", days: int | None = 90) -> TokenInfo:
        """Make a token; its secret is said this once."""
        return self.connection.post(
            TokenInfo, "/api/tokens", request_of(TokenRequest, name=name, scope=scope, days=days)
        )

    def tokens(self) -> list[TokenInfo]:
        """All tokens, without their secrets."""
        return self.connection.list(TokenInfo, "/api/tokens")

    def revoke_token(self, token: str) -> None:
        """Let a token do nothing from now on."""
        self.connection.delete(f"/api/tokens/{token}", may_repeat=True)

    def audit(self) -> Iterator[AuditEntry]:
        """Who wrote what, the newest first."""
        for page in self.connection.pages(AuditPage, "/api/audit"):
            yield from page.entries

    def wait_for(
        self,
        what: Computed,
        *,
        timeout: float | None = None,
        heard: Callable[[Computed], object] = lambda _: None,
    ) -> Computed:
        """A run, comparison, verdict or evaluation once nothing more is done to it.

        Parameters
        ----------
        what
            As it was when it was asked for.
        timeout
            Seconds; None waits as long as it takes.
        heard
            Is told what it is now and then.

        Raises
        ------
        SaevalError
            If it takes longer.
        """
        end = None if timeout is None else time.monotonic() + timeout
        pause = _PAUSES[0]
        while what.state in _UNDER_WAY or _is_not_yet_a_run(what):
            heard(what)
            if end is not None and time.monotonic() > end:
                raise SaevalError(f"{self.server}: {what.id} is still {what.state}; ask again")
            if self._stopped.wait(pause):
                raise SaevalError(f"{self.server}: {what.id} is still {what.state}")
            pause = min(pause * 1.5, _PAUSES[1])
            what = self.connection.get(type(what), f"/api/{_WHERE[type(what)]}/{what.id}")
        heard(what)
        return what


def _is_not_yet_a_run(what: object) -> bool:
    return isinstance(what, EvaluationInfo) and what.state == "finished" and what.run is None
