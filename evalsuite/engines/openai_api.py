"""A model behind an OpenAI-compatible server, such as ``vllm serve``.

Prompts go to ``/completions`` as they are, or to ``/chat/completions`` where the server is to apply
its chat template. Only ``/completions`` can give log-probabilities of a prompt, and not every
server does.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from threading import Event, Lock
from typing import Any

from saeval.errors import ModelError
from saeval.evalsuite.engines.base import Question
from saeval.evalsuite.engines.concurrency import at_once
from saeval.evalsuite.engines.openai_client import Refused, Server, tokens, usage
from saeval.evalsuite.engines.options import EngineOptions
from saeval.evalsuite.models.resolve import ServedModel

_MOST_STOPS = 4
_NOT_OURS_TO_SET = ("model", "prompt", "messages", "n", "best_of", "stream", "echo", "logprobs")
_NO_LOGPROBS = "no log-probabilities of prompts, so there are no label probabilities."


class ChatPrompt(str):
    """Messages as JSON. It stays what it is when an answer's beginning is appended."""

    def __add__(self, other: str) -> ChatPrompt:
        return ChatPrompt(str(self) + other)


class ServerEngine:
    """One model of a server; `notes` are sentences on what it could not give."""

    together = 1

    def __init__(self, model: ServedModel, options: EngineOptions) -> None:
        self.server = Server(model, options)
        self.notes: list[str] = []
        self._options = options
        self._gives_logprobs: bool | None = None
        self._finding_out = Lock()

    def chat_template(
        self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
    ) -> ChatPrompt:
        """The messages themselves: the server puts them through the model's template."""
        return ChatPrompt(json.dumps(chat_history, ensure_ascii=False))

    def answer(self, questions: Sequence[Question]) -> Iterator[Question]:
        """Ask several at once, and yield each as soon as all its requests are answered.

        Raises
        ------
        EngineError
            If nothing at all was answered for `patience` seconds.
        ModelError
            If the server declines.
        """
        return at_once(self.server, questions, self._answer, self._options)

    def _answer(self, question: Question, stopping: Event) -> Question:
        for request, seed in zip(question.generations, question.seeds, strict=True):
            prompt, settings = request.args
            body, stops = _translated(settings)
            body |= {"model": self.server.model.name, "seed": seed}
            if isinstance(prompt, ChatPrompt):
                answer = self.server.chat(stopping, messages=json.loads(prompt), **body)
                text = answer["choices"][0]["message"]["content"] or ""
            else:
                answer = self.server.complete(stopping, prompt=prompt, **body)
                text = answer["choices"][0]["text"]
            for stop in stops:
                text = text.partition(stop)[0]
            request.resps.append(self.server.without_key(text))
            _count(question, answer)
        if question.scored:
            self._score(question, stopping)
        return question

    def _score(self, question: Question, stopping: Event) -> None:
        if isinstance(question.scored[0].args[0], ChatPrompt):
            self._note(f"chat completions give {_NO_LOGPROBS}")
            return
        if self._gives_logprobs is None:
            with self._finding_out:
                if self._gives_logprobs is None:
                    self._gives_logprobs = self._score_labels(question, stopping)
                    if not self._gives_logprobs:
                        self._note(f"this server gives {_NO_LOGPROBS}")
                    return
        if self._gives_logprobs:
            self._score_labels(question, stopping)

    def _note(self, what: str) -> None:
        note = f"{self.server.model.argument}: {what}"
        if note not in self.notes:
            self.notes.append(note)

    def _score_labels(self, question: Question, stopping: Event) -> bool:
        """Log-probabilities of all labels in one request; whether they could be had."""
        labels = [request.args[1] for request in question.scored]
        try:
            answer = self.server.complete(
                stopping,
                model=self.server.model.name,
                prompt=["".join(request.args) for request in question.scored],
                echo=True,
                logprobs=1,
                max_tokens=1,
                temperature=0,
            )
        except Refused as error:
            if error.status in (400, 422, 501):
                return False
            raise
        question.probe_tokens += tokens(answer, "prompt_tokens")
        found = label_logprobs(answer, labels)
        for request, value in zip(question.scored, found or [], strict=False):
            request.resps.append((value, False))
        return found is not None

    def close(self) -> None:
        """Leave the server."""
        self.server.close()


def label_logprobs(answer: Mapping[str, Any], labels: Sequence[str]) -> list[float] | None:
    """Summed log-probabilities of labels that end echoed prompts, or None if any cannot be read.

    The label's tokens are found from the end, before the one token that was generated. Offsets
    into the text are no guide: some servers give none, and others count a beginning-of-sequence
    token that the text does not have.
    """
    try:
        choices = {choice["index"]: choice["logprobs"] for choice in answer["choices"]}
        written = usage(answer).get("completion_tokens", len(labels)) // len(labels)
        found = []
        for index, label in enumerate(labels):
            tokens, values = choices[index]["tokens"], choices[index]["token_logprobs"]
            start = end = len(tokens) - written
            missing = len(label)
            while start > 0 and missing > 0:
                start -= 1
                missing -= len(tokens[start])
            if "".join(tokens[start:end]) != label or len(tokens) != len(values):
                return None
            found.append(math.fsum(values[start:end]))
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError):
        return None
    return found if all(map(math.isfinite, found)) else None


_KNOWN = frozenset(
    {
        *("top_p", "frequency_penalty", "presence_penalty", "logit_bias", "reasoning_effort"),
        *("top_k", "min_p", "repetition_penalty", "min_tokens", "length_penalty", "ignore_eos"),
        *("stop_token_ids", "bad_words", "allowed_token_ids", "include_stop_str_in_output"),
        *("skip_special_tokens", "spaces_between_special_tokens", "truncate_prompt_tokens"),
        *("chat_template_kwargs", "max_completion_tokens"),
    }
)
"""Settings that OpenAI's interface or vLLM's knows; a server ignores a mistyped one in silence."""


def _translated(settings: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """lm-eval's generation settings as a request has them, and the texts that end an answer."""
    from lm_eval.models.utils import normalize_gen_kwargs

    try:
        kwargs = dict(normalize_gen_kwargs(dict(settings)))
    except (ValueError, TypeError) as error:
        raise ModelError(f"--gen-kwargs: {error}") from error
    if forbidden := [name for name in _NOT_OURS_TO_SET if name in kwargs]:
        raise ModelError(f"--gen-kwargs: {forbidden[0]} cannot be set for a server")
    stops = [str(stop) for stop in kwargs.pop("until") if stop]
    if strange := kwargs.keys() - _KNOWN - {"do_sample", "max_gen_toks", "temperature"}:
        name = min(strange)
        near = difflib.get_close_matches(name, (*_KNOWN, "temperature", "do_sample"), 1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(_KNOWN))}"
        raise ModelError(f"--gen-kwargs: a server is not asked for {name!r}; {hint}")
    drawn = kwargs.pop("do_sample")
    body: dict[str, Any] = {
        "max_tokens": kwargs.pop("max_gen_toks"),
        "temperature": kwargs.pop("temperature", 1.0 if drawn else 0.0),
        "extra_body": kwargs,
    }
    return body | ({"stop": stops[:_MOST_STOPS]} if stops else {}), stops


def _count(question: Question, answer: Mapping[str, Any]) -> None:
    question.prompt_tokens += tokens(answer, "prompt_tokens")
    question.response_tokens += tokens(answer, "completion_tokens")
