"""Asking a judge about answers to open questions, every verdict kept as soon as it is given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from rich.markup import escape
from rich.progress import Progress

from saeval.evalsuite.compare.pairing import PairedPredictions
from saeval.evalsuite.config import ServerConfig
from saeval.evalsuite.engines.concurrency import run_concurrently
from saeval.evalsuite.engines.openai_client import (
    Answer,
    RequestRejected,
    Server,
    TransientServerError,
    tokens,
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
from saeval.tasks.grading.judge_prompt import LONGEST_REPLY, judge_prompt, read_grade

MAX_TOKENS = 1024
"""Of a reply: one word, and the reasoning of a judge that cannot leave it out."""

_TRIES = 3
_PAUSE = 1.0
_EASY = judge_prompt("What is two plus two?", ["4"], "\\boxed{4}")
"""Asked when a request fails, to find out whether it is the request or the server."""


@dataclass(frozen=True)
class _Open:
    """A prompt that has no verdict yet, and the first prediction that it is about."""

    key: str
    prompt: str
    prediction: Prediction


@dataclass(frozen=True)
class _Outcome:
    """What became of a request: a verdict, or why the judge answers others but not this one."""

    verdict: GradeRecord | None
    failure: str = ""
    read: int = 0
    written: int = 0


def check_judge(judge: Judge, folder: Path, cache: Path | None, config: ServerConfig) -> None:
    """Stop before any model is asked if the judge does not answer, unless it has judged before.

    Raises
    ------
    EngineError, ModelError
        Naming the server and what to do.
    """
    files = [folder / GRADES_FILE, *([] if cache is None else [judge.file_in(cache)])]
    if not any(path.exists() for path in files):
        Server(judge.model, config).close()


def ask_judge(
    judge: Judge,
    paired: Iterable[PairedPredictions],
    folder: Path,
    cache: Path | None,
    config: ServerConfig,
    progress: Progress,
) -> Grades:
    """The judge's verdicts on all responses of these pairs; only those not yet known are asked for.

    Parameters
    ----------
    judge
        Whom to ask. Its server is needed only if some verdict is not known.
    paired
        Tasks of any kind; those without open questions need no judge.
    folder
        Of the comparison, claimed by this process; gets every verdict.
    cache
        Folder of verdicts kept across comparisons, or None.
    config
        For `concurrency`, `request_timeout` and `patience`.
    progress
        Gets a bar, and a line on what was asked and what failed.

    Raises
    ------
    EngineError
        If the server cannot be reached, or answers nothing for `patience` seconds.
    ModelError
        If it declines whatever it is asked.
    RunFolderError
        If a file of verdicts was changed from outside.

    Notes
    -----
    A request that fails while the judge answers another has no verdict and is not kept, so the same
    command asks for it again. A reply without a grade is kept: asked again, it would be the same.
    """
    wanted = _prompts(judge, paired)
    own = GradeFile(folder / GRADES_FILE)
    shared = None if cache is None else GradeFile(judge.file_in(cache))
    known = own.read()
    cached = shared.read() if shared else {}
    for key in wanted:
        if key not in known and key in cached:
            own.append(cached[key])
            known[key] = cached[key]
    to_ask = [one for key, one in wanted.items() if key not in known]
    earlier = len(wanted) - len(to_ask)
    if to_ask:
        server = Server(judge.model, config)
        bar = progress.add_task(
            f"{escape(judge.model.name)} judges", total=len(wanted), completed=earlier
        )

        def ask(one: _Open, stopping: Event) -> _Outcome:
            return _ask(server, one, stopping)

        outcomes = []
        try:
            for outcome in run_concurrently(server, to_ask, ask, config):
                outcomes.append(outcome)
                if (verdict := outcome.verdict) is not None:
                    own.append(verdict)
                    if shared is not None:
                        shared.append(verdict)
                    known[verdict.key] = verdict
                progress.advance(bar)
        finally:
            server.close()
        said = escape(f"{judge.model.name} {_in_words(outcomes, earlier)}")
        progress.console.print(said, highlight=False, soft_wrap=True)
    return Grades(judge, known)


def _prompts(judge: Judge, paired: Iterable[PairedPredictions]) -> dict[str, _Open]:
    """Every prompt once, in the order of tasks and items."""
    found: dict[str, _Open] = {}
    for pairs in paired:
        for prediction in (*pairs.base, *pairs.checkpoint):
            if (prompt := judge_prompt_of(prediction)) is not None:
                key = judge.key(prompt)
                found.setdefault(key, _Open(key, prompt, prediction))
    return found


def _ask(server: Server, one: _Open, stopping: Event) -> _Outcome:
    """Ask until there is a reply, or the judge answers an easy question but not this one."""
    while True:
        try:
            answer = _answer(server, one.prompt, stopping, _TRIES)
            break
        except (RequestRejected, TransientServerError) as error:
            if stopping.is_set():
                raise
            busy = isinstance(error, TransientServerError) and error.busy
            if not busy and _answers_others(server, stopping):
                return _Outcome(None, str(error))
            stopping.wait(_PAUSE)
    reply = server.without_key(answer["choices"][0]["message"].get("content") or "")
    verdict = GradeRecord(
        key=one.key,
        task=one.prediction.task,
        item_id=one.prediction.item_id,
        grade=read_grade(reply),
        reply=reply[:LONGEST_REPLY],
    )
    read, written = (tokens(answer, which) for which in ("prompt_tokens", "completion_tokens"))
    return _Outcome(verdict, read=read, written=written)


def _answers_others(server: Server, stopping: Event) -> bool:
    """Whether the judge answers an easy question; Refused if it declines even that."""
    try:
        _answer(server, _EASY, stopping, 1)
    except TransientServerError:
        return False
    return True


def _answer(server: Server, prompt: str, stopping: Event, tries: int) -> Answer:
    return server.chat(
        stopping,
        tries=tries,
        model=server.model.name,
        messages=[{"role": "user", "content": prompt}],
        max_tokens=MAX_TOKENS,
        temperature=0,
    )


def _in_words(outcomes: Sequence[_Outcome], earlier: int) -> str:
    """What was asked, what it cost and what failed."""
    verdicts = [outcome.verdict for outcome in outcomes if outcome.verdict is not None]
    parts = [f"judged {len(verdicts):,} responses"]
    if earlier:
        parts.append(f"{earlier:,} were judged before")
    if without := sum(verdict.grade is None for verdict in verdicts):
        parts.append(f"{without:,} replies name no grade")
    read, written = (sum(getattr(o, what) for o in outcomes) for what in ("read", "written"))
    parts.append(f"{read:,} tokens read, {written:,} written")
    if failures := [outcome.failure for outcome in outcomes if outcome.failure]:
        parts.append(
            f"{len(failures):,} requests failed ({failures[-1]}); the same command asks them again"
        )
    return "; ".join(parts)
