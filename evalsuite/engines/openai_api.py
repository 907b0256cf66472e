"""A model behind an OpenAI-compatible server, such as ``vllm serve``.

Prompts go to ``/completions`` as they are, or to ``/chat/completions`` where the server is to apply
its chat template. Only ``/completions`` can give log-probabilities of a prompt, and not every
server does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

from saeval.errors import EngineError, ModelError
from saeval.evalsuite.config import EngineConfig
from saeval.evalsuite.engines.adapter_check import (
    Probe,
    Scores,
    check_model_unchanged,
    list_scores,
)
from saeval.evalsuite.engines.base import Request
from saeval.evalsuite.engines.concurrency import run_concurrently
from saeval.evalsuite.engines.openai_client import (
    Server,
    TransientServerError,
    count_tokens,
)
from saeval.evalsuite.engines.server_labels import LabelScorer
from saeval.evalsuite.engines.server_pool import Member, ServerPool
from saeval.evalsuite.models.types import ServedModel
from saeval.suggest import did_you_mean

_MAX_STOPS = 4
_TRIES_ON_ONE, _PAUSE_ON_ONE = 3, 1.0
_FORBIDDEN = ("model", "prompt", "messages", "n", "best_of", "stream", "echo", "logprobs")
_NO_LOGPROBS = "no log-probabilities of prompts, so there are no label probabilities."


class ChatPrompt(str):
    """Messages as JSON. It stays what it is when an answer's beginning is appended."""

    def __add__(self, other: str) -> ChatPrompt:
        return ChatPrompt(str(self) + other)


class ServerEngine:
    """One model of a server, or of several servers that share the requests."""

    batch_size = 1

    def __init__(self, model: ServedModel, adapters: Sequence[Path], config: EngineConfig) -> None:
        self.pool = ServerPool(model, config.server)
        self._notes: list[str] = []
        self.labels: dict[str, LabelScorer] = {}

    @property
    def notes(self) -> list[str]:
        """Sentences on what it could not give, and on servers that were not there."""
        return [*self.pool.notes, *self._notes]

    def chat_template(
        self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
    ) -> ChatPrompt:
        """The messages themselves: the server puts them through the model's template."""
        return ChatPrompt(json.dumps(chat_history, ensure_ascii=False))

    def answer(self, requests: Sequence[Request]) -> Iterator[Request]:
        """Ask several at once, and yield each as soon as all its requests are answered.

        Raises
        ------
        EngineError
            If nothing at all was answered for `patience` seconds.
        ModelError
            If the server rejects a request.
        """
        return run_concurrently(self.pool, requests, self._answer, self.pool.size)

    def scores_by_server(self, probe: Probe) -> dict[str, Scores]:
        """What each server that is not away gives for the same questions, by its address.

        One question at a time, since batches of other prompts may show in the last bits. A server
        that fails here is left out, unless it is the only one.

        Raises
        ------
        EngineError
            If nothing at all was answered for `patience` seconds, or no server is left.
        ModelError
            If a server rejects a request.
        """
        members = self.pool.present
        questions = {member.address: probe(None) for member in members}

        def score(member: Member, stopping: Event) -> tuple[Member, Scores | None]:
            try:
                return member, self._score_on(member, questions[member.address], stopping)
            except TransientServerError as error:
                if not self.pool.has_several or stopping.is_set():
                    raise
                self.pool.leave_out(member, str(error))
                return member, None

        scores = dict.fromkeys(questions, None) | {
            member.address: own
            for member, own in run_concurrently(self.pool, members, score, len(members))
        }
        given = {address: own for address, own in scores.items() if own is not None}
        if not given:
            raise EngineError(
                f"{self.pool.name}: none of its servers answers ({self.pool.last_failure}); what "
                "is finished is kept; run the same command again to resume"
            )
        return given

    def admit(
        self,
        proven: Mapping[str, Scores],
        probe: Probe,
        labels: Mapping[str, LabelScorer],
    ) -> None:
        """Say which servers gave what; others are asked nothing before they give the same.

        Parameters
        ----------
        proven
            By address.
        probe
            Makes the questions.
        labels
            What was learnt of each server's ways, by its address.
        """
        self.labels = dict(labels)
        questions = probe(None)
        expected = next(iter(proven.values()))

        def prove(member: Member) -> None:
            fresh = [_unanswered(request) for request in questions]
            check_model_unchanged(
                member.address, expected, self._score_on(member, fresh, self.pool.closed)
            )

        self.pool.admit(proven, prove)

    def _score_on(self, member: Member, questions: list[Request], stopping: Event) -> Scores:
        """Of one server, which may fail a few times."""
        for question in questions:
            for left in reversed(range(_TRIES_ON_ONE)):
                try:
                    self._ask(question, member.server, stopping)
                    break
                except TransientServerError:
                    is_over = not self.pool.has_several or not left
                    if is_over or stopping.wait(_PAUSE_ON_ONE):
                        raise
        return list_scores(questions)

    def _answer(self, request: Request, stopping: Event) -> Request:
        request.refuse_rollings("a server")
        return self.pool.run(partial(self._ask, request), stopping)

    def _ask(self, request: Request, server: Server, stopping: Event) -> Request:
        """All of a request that is not answered yet; another server may have begun."""
        labels = self.labels.setdefault(server.model.argument, LabelScorer())
        for instance, seed in zip(request.generations, request.seeds, strict=True):
            if instance.resps:
                continue
            prompt, settings = instance.args
            body, stops = _translate_settings(settings)
            body |= {"model": server.model.name, "seed": seed}
            if isinstance(prompt, ChatPrompt):
                answer = server.chat(stopping, messages=json.loads(prompt), **body)
                text = answer["choices"][0]["message"]["content"] or ""
            else:
                if is_open := _has_open_labels(request):
                    body |= labels.beside(request, body)
                answer = server.complete(stopping, prompt=prompt, **body)
                text = answer["choices"][0]["text"]
                if is_open:
                    labels.take(request, prompt, answer["choices"][0])
            for stop in stops:
                text = text.partition(stop)[0]
            instance.resps.append(server.without_key(text))
            _count_usage(request, answer)
        if _has_open_labels(request):
            self._score(request, labels, server, stopping)
        return request

    def _score(
        self, request: Request, labels: LabelScorer, server: Server, stopping: Event
    ) -> None:
        if isinstance(request.loglikelihoods[0].args[0], ChatPrompt):
            self._add_note(f"chat completions give {_NO_LOGPROBS}")
            return
        labels.score(request, server, stopping)
        if not labels.gives:
            self._add_note(f"this server gives {_NO_LOGPROBS}")

    def _add_note(self, text: str) -> None:
        note = f"{self.pool.model.argument}: {text}"
        if note not in self._notes:
            self._notes.append(note)

    def close(self) -> None:
        """Leave the servers."""
        self.pool.close()


def _has_open_labels(request: Request) -> bool:
    return bool(request.loglikelihoods) and not request.loglikelihoods[0].resps


def _unanswered(request: Request) -> Request:
    return Request([], [], [replace(own, resps=[]) for own in request.loglikelihoods])


_SETTINGS = frozenset(
    {
        *("top_p", "frequency_penalty", "presence_penalty", "logit_bias", "reasoning_effort"),
        *("top_k", "min_p", "repetition_penalty", "min_tokens", "length_penalty", "ignore_eos"),
        *("stop_token_ids", "bad_words", "allowed_token_ids", "include_stop_str_in_output"),
        *("skip_special_tokens", "spaces_between_special_tokens", "truncate_prompt_tokens"),
        *("chat_template_kwargs", "max_completion_tokens"),
    }
)
"""Settings that OpenAI's interface or vLLM's knows; a server ignores a mistyped one in silence."""


def _translate_settings(settings: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """lm-eval's generation settings as a request has them, and the texts that end an answer."""
    from lm_eval.models.utils import normalize_gen_kwargs

    try:
        kwargs = dict(normalize_gen_kwargs(dict(settings)))
    except (ValueError, TypeError) as error:
        raise ModelError(f"--gen-kwargs: {error}") from error
    if forbidden := [name for name in _FORBIDDEN if name in kwargs]:
        raise ModelError(f"--gen-kwargs: {forbidden[0]} cannot be set for a server")
    stops = [str(stop) for stop in kwargs.pop("until") if stop]
    if strange := kwargs.keys() - _SETTINGS - {"do_sample", "max_gen_toks", "temperature"}:
        name = min(strange)
        hint = did_you_mean(name, sorted(_SETTINGS | {"temperature", "do_sample"}))
        raise ModelError(f"--gen-kwargs: a server is not asked for {name!r}; {hint}")
    drawn = kwargs.pop("do_sample")
    body: dict[str, Any] = {
        "max_tokens": kwargs.pop("max_gen_toks"),
        "temperature": kwargs.pop("temperature", 1.0 if drawn else 0.0),
        "extra_body": kwargs,
    }
    return body | ({"stop": stops[:_MAX_STOPS]} if stops else {}), stops


def _count_usage(request: Request, answer: Mapping[str, Any]) -> None:
    request.prompt_tokens += count_tokens(answer, "prompt_tokens")
    request.response_tokens += count_tokens(answer, "completion_tokens")
