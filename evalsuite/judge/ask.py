"""Asking a judge about answers to open questions, every grade kept as soon as it is given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event

from saeval.evalsuite.config import ServerConfig
from saeval.evalsuite.engines.concurrency import run_concurrently
from saeval.evalsuite.engines.openai_client import (
    Answer,
    RequestRejected,
    Server,
    TransientServerError,
    count_tokens,
)
from saeval.evalsuite.judge.grades import (
    GRADES_FILE,
    GradeFile,
    GradeRecord,
    Grades,
    Judge,
    judge_prompt_of,
)
from saeval.evalsuite.store.prediction import Prediction
from saeval.progress import SILENT, Progress
from saeval.tasks.grading.judge_prompt import LONGEST_REPLY, parse_grade, write_judge_prompt

MAX_TOKENS = 1024
"""Of a reply: one word, and the reasoning of a judge that cannot leave it out."""

_TRIES = 3
_PAUSE = 1.0
_EASY = write_judge_prompt("What is two plus two?", ["4"], "\\boxed{4}")
"""Asked when a request fails, to find out whether it is the request or the server."""


@dataclass(frozen=True)
class _Request:
    """A prompt that has no grade yet, and the first prediction that it is about."""

    key: str
    prompt: str
    prediction: Prediction


@dataclass(frozen=True)
class _Outcome:
    """What became of a request: a grade, or why the judge answers others but not this one."""

    record: GradeRecord | None
    failure: str = ""
    tokens_read: int = 0
    tokens_written: int = 0


def check_judge(judge: Judge, folder: Path, cache: Path | None, config: ServerConfig) -> None:
    """Stop before any model is asked if the judge does not answer, unless it has judged before."""
    files = [folder / GRADES_FILE, *([] if cache is None else [judge.file_in(cache)])]
    if not any(path.exists() for path in files):
        server = Server(judge.model, config)
        try:
            server.connect()
        finally:
            server.close()


def ask_judge(
    judge: Judge,
    predictions: Iterable[Prediction],
    folder: Path,
    cache: Path | None,
    config: ServerConfig,
    progress: Progress = SILENT,
) -> Grades:
    """A judge's grades of predictions; only those that are not known yet are asked for.

    Parameters
    ----------
    judge
        Whom to ask. Its server is needed only if some grade is not known.
    predictions
        Of tasks of any kind; those of no open question need no judge.
    folder
        Of the comparison, locked by this process; gets every grade.
    cache
        Folder of grades kept across comparisons, or None.
    config
        How the judge's server is asked.
    progress
        Gets a bar, and a line on what was asked and what failed.

    Raises
    ------
    EngineError
        If the server cannot be reached, or answers nothing for `patience` seconds.
    ModelError
        If it rejects whatever it is asked.
    RunFolderError
        If a file of grades was changed from outside.

    Notes
    -----
    A request that fails while the judge answers another has no grade and is not kept, so the same
    command asks for it again. A reply without a grade is kept: asked again, it would be the same.
    """
    requests = _collect_requests(judge, predictions)
    own = GradeFile(folder / GRADES_FILE)
    shared = None if cache is None else GradeFile(judge.file_in(cache))
    records = own.read()
    cached = shared.read() if shared else {}
    for key in requests:
        if key not in records and key in cached:
            own.append(cached[key])
            records[key] = cached[key]
    to_ask = [request for key, request in requests.items() if key not in records]
    n_known = len(requests) - len(to_ask)
    if to_ask:
        outcomes = []
        server = Server(judge.model, config)
        try:
            server.connect()
            with progress.bars() as bars:
                bar = bars.add(f"{judge.model.name} judges", total=len(requests), completed=n_known)
                for outcome in run_concurrently(
                    server, to_ask, partial(_grade, server), config.concurrency
                ):
                    outcomes.append(outcome)
                    if (record := outcome.record) is not None:
                        own.append(record)
                        if shared is not None:
                            shared.append(record)
                        records[record.key] = record
                    bars.advance(bar)
        finally:
            server.close()
            for note in server.notes:
                progress.log(note)
        progress.log(f"{judge.model.name} {_summarize(outcomes, n_known)}")
    return Grades(judge, records)


def _collect_requests(judge: Judge, predictions: Iterable[Prediction]) -> dict[str, _Request]:
    """Every prompt once, in the order of the predictions."""
    requests: dict[str, _Request] = {}
    for prediction in predictions:
        if (prompt := judge_prompt_of(prediction)) is not None:
            key = judge.key(prompt)
            requests.setdefault(key, _Request(key, prompt, prediction))
    return requests


def _grade(server: Server, request: _Request, stopping: Event) -> _Outcome:
    """Ask until there is a reply, or the judge answers an easy question but not this one."""
    while True:
        try:
            answer = _ask(server, request.prompt, stopping, _TRIES)
            break
        except (RequestRejected, TransientServerError) as error:
            if stopping.is_set():
                raise
            is_busy = isinstance(error, TransientServerError) and error.busy
            if not is_busy and _answers_easy_question(server, stopping):
                return _Outcome(None, str(error))
            stopping.wait(_PAUSE)
    reply = server.without_key(answer["choices"][0]["message"].get("content") or "")
    record = GradeRecord(
        key=request.key,
        task=request.prediction.task,
        item_id=request.prediction.item_id,
        grade=parse_grade(reply),
        reply=reply[:LONGEST_REPLY],
    )
    read, written = (
        count_tokens(answer, which) for which in ("prompt_tokens", "completion_tokens")
    )
    return _Outcome(record, tokens_read=read, tokens_written=written)


def _answers_easy_question(server: Server, stopping: Event) -> bool:
    """Whether the judge answers at all; `RequestRejected` if it rejects even that."""
    try:
        _ask(server, _EASY, stopping, 1)
    except TransientServerError:
        return False
    return True


def _ask(server: Server, prompt: str, stopping: Event, tries: int) -> Answer:
    return server.chat(
        stopping,
        tries=tries,
        model=server.model.name,
        messages=[{"role": "user", "content": prompt}],
        max_tokens=MAX_TOKENS,
        temperature=0,
    )


def _summarize(outcomes: Sequence[_Outcome], n_known: int) -> str:
    """What was asked, what it cost and what failed."""
    records = [outcome.record for outcome in outcomes if outcome.record is not None]
    parts = [f"judged {len(records):,} responses"]
    if n_known:
        parts.append(f"{n_known:,} were judged before")
    if without := sum(record.grade is None for record in records):
        parts.append(f"{without:,} replies name no grade")
    read = sum(outcome.tokens_read for outcome in outcomes)
    written = sum(outcome.tokens_written for outcome in outcomes)
    parts.append(f"{read:,} tokens read, {written:,} written")
    if failures := [outcome.failure for outcome in outcomes if outcome.failure]:
        parts.append(
            f"{len(failures):,} requests failed ({failures[-1]}); the same command asks them again"
        )
    return "; ".join(parts)
