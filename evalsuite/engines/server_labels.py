"""Log-probabilities of labels from a server, by the cheapest of its ways that proves to be right.

1. The echoed prompt with each label behind it: what ``/completions`` gives where it gives anything.
   Each label costs a whole reading of its prompt.
2. The likeliest next tokens after the prompt, where every label's next token is among them: one
   prompt for labels of one token, which a server with a prefix cache has just read.
3. The same beside the answer itself, where that begins as the label's prompt goes on (``LABEL=``):
   no further request.

The second is taken once it has given what the first gives, and the third where answers begin so.
Whatever they lack comes from the first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from threading import Event, Lock
from typing import TYPE_CHECKING, Any

from saeval.evalsuite.engines.base import Request
from saeval.evalsuite.engines.openai_client import (
    Answer,
    RequestRejected,
    Server,
    count_tokens,
    usage,
)

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance

_MOST_TOKENS_BESIDE = 256
"""Tokens of an answer beside which the likeliest tokens are asked for."""
_TOP = (20, 5)
"""How many likeliest tokens are asked for: what vLLM gives at most, and what OpenAI does."""
_SAME = 0.05
"""How far apart the two ways may be, which read the same prompt in batches of other shapes."""
_TAIL = 12
_ENOUGH_ANSWERS, _MOST_OTHERS = 8, 0.1

Scored = list[tuple[float, bool | None]]


class LabelScorer:
    """What is known of the ways of one model's servers; shared by threads.

    Attributes
    ----------
    gives
        Whether labels have log-probabilities at all; None before the first request.
    """

    def __init__(self) -> None:
        self.gives: bool | None = None
        self._lock = Lock()
        self._top = 0
        self._tokens: dict[str, tuple[str, ...]] = {}
        self._tail: tuple[str, ...] = ()
        self._answers = self._others = 0

    def score(self, request: Request, server: Server, stopping: Event) -> None:
        """Fill in the log-probabilities of a request's labels, if they can be had."""
        if self.gives is None:
            with self._lock:
                if self.gives is None:
                    self.gives = self._learn(request, server, stopping)
                    return
        if not self.gives:
            return
        scored = self._score_next(request, server, stopping) if self._top else None
        if scored is None:
            scored = self._score_echo(request, server, stopping)
        _fill(request, scored)

    def beside(self, request: Request, body: Mapping[str, Any]) -> dict[str, int]:
        """What to add to the request of an answer, to have the labels from it as well."""
        follows = self._answers >= _ENOUGH_ANSWERS and (
            self._others <= _MOST_OTHERS * self._answers
        )
        is_short = body["max_tokens"] <= _MOST_TOKENS_BESIDE
        if self._top and follows and is_short and self._is_known(request):
            return {"logprobs": self._top}
        return {}

    def take(self, request: Request, prompt: str, choice: Mapping[str, Any]) -> None:
        """Fill in the labels from an answer, where it began as their prompt goes on."""
        if not self._top or not request.loglikelihoods:
            return
        rest = request.loglikelihoods[0].args[0].removeprefix(prompt)
        self._answers += 1
        self._others += not choice["text"].startswith(rest)
        lead = self._lead(rest)
        if lead is None or not choice.get("logprobs"):
            return
        try:
            tokens = choice["logprobs"]["tokens"]
            tops = choice["logprobs"]["top_logprobs"]
            if tuple(tokens[: len(lead)]) != lead:
                return
            after = {
                request.loglikelihoods[0].args[0] + "".join(tokens[len(lead) : at]): tops[at]
                for at in range(len(lead), len(tops))
            }
        except (KeyError, TypeError, AttributeError):
            return
        scored = self._sum(request.loglikelihoods, after)
        if scored is not None:
            _fill(request, scored)

    def _learn(self, request: Request, server: Server, stopping: Event) -> bool:
        echoed = self._score_echo(request, server, stopping)
        if echoed is None:
            return False
        for self._top in _TOP:
            scored = self._score_next(request, server, stopping)
            if scored is not None and all(
                abs(own - expected) <= _SAME
                for (own, _), (expected, _) in zip(scored, echoed, strict=True)
            ):
                break
        else:
            self._top = 0
        _fill(request, echoed)
        return True

    def _score_echo(self, request: Request, server: Server, stopping: Event) -> Scored | None:
        """The first way; None if the server does not have it."""
        labels = [instance.args[1] for instance in request.loglikelihoods]
        texts = ["".join(instance.args) for instance in request.loglikelihoods]
        answer = _complete(request, server, stopping, prompt=texts, echo=True, logprobs=1)
        if answer is None:
            return None
        logprobs = label_logprobs(answer, labels)
        if logprobs is None:
            return None
        for index, label in enumerate(labels):
            self._note_tokens(label, *_split(answer, index, label))
        return [
            (logprob, _is_likeliest(answer, index, labels[index]))
            for index, logprob in enumerate(logprobs)
        ]

    def _note_tokens(self, label: str, tokens: tuple[str, ...], tail: tuple[str, ...]) -> None:
        """Labels that are cut otherwise in another prompt can be had by the first way alone."""
        self._tail = tail
        if self._tokens.setdefault(label, tokens) != tokens:
            self._tokens[label] = ()

    def _is_known(self, request: Request) -> bool:
        return all(self._tokens.get(own.args[1]) for own in request.loglikelihoods)

    def _lead(self, rest: str) -> tuple[str, ...] | None:
        """The tokens of the text between prompt and label; None if they are not known."""
        for length in range(1, len(self._tail) + 1):
            if "".join(self._tail[-length:]) == rest:
                return self._tail[-length:]
        return None

    def _score_next(self, request: Request, server: Server, stopping: Event) -> Scored | None:
        """The second way; None where it does not give all."""
        if not self._is_known(request):
            return None
        prefixes = list(
            dict.fromkeys(
                instance.args[0] + "".join(tokens[:at])
                for instance in request.loglikelihoods
                for tokens in [self._tokens[instance.args[1]]]
                for at in range(len(tokens))
            )
        )
        answer = _complete(request, server, stopping, prompt=prefixes, logprobs=self._top)
        if answer is None:
            return None
        try:
            after = {
                prefixes[choice["index"]]: choice["logprobs"]["top_logprobs"][0]
                for choice in answer["choices"]
            }
        except (KeyError, TypeError, IndexError):
            return None
        return self._sum(request.loglikelihoods, after)

    def _sum(
        self, instances: Sequence[Instance], after: Mapping[str, Mapping[str, Any]]
    ) -> Scored | None:
        """The labels from the likeliest tokens after every prefix; None if one is missing.

        Two tokens of one text would be one entry: fewer entries than were asked for are not used.
        """
        scored: Scored = []
        for instance in instances:
            context, label = instance.args
            total, likeliest = 0.0, True
            for token in self._tokens.get(label) or ("",):
                top = after.get(context)
                if not isinstance(top, Mapping) or len(top) < self._top or token not in top:
                    return None
                if not all(_is_logprob(value) for value in top.values()):
                    return None
                total += top[token]
                likeliest &= max(top, key=top.__getitem__) == token
                context += token
            scored.append((total, likeliest))
        return scored


def _complete(
    request: Request, server: Server, stopping: Event, **asked: Any
) -> dict[str, Any] | None:
    """What a server says of prompts, counted to the request; None where it refuses them."""
    try:
        answer = server.complete(
            stopping, model=server.model.name, max_tokens=1, temperature=0, **asked
        )
    except RequestRejected as error:
        if error.status in (400, 422, 501):
            return None
        raise
    request.probe_tokens += count_tokens(answer, "prompt_tokens")
    return answer


def _is_logprob(value: object) -> bool:
    return isinstance(value, float | int) and math.isfinite(value) and value <= 0


def _fill(request: Request, scored: Scored | None) -> None:
    for instance, own in zip(request.loglikelihoods, scored or (), strict=False):
        instance.resps.append(own)


def label_logprobs(answer: Mapping[str, Any], labels: Sequence[str]) -> list[float] | None:
    """Summed log-probabilities of labels that end echoed prompts, or None if any cannot be read.

    The label's tokens are found from the end, before the one token that was generated. Offsets
    into the text are no guide: some servers give none, and others count a beginning-of-sequence
    token that the text does not have.
    """
    try:
        choices = {choice["index"]: choice["logprobs"] for choice in answer["choices"]}
        written = usage(answer).get("completion_tokens", len(labels)) // len(labels)
        if not 0 <= written <= 1:  # one token was asked for
            return None
        logprobs = []
        for index, label in enumerate(labels):
            tokens, values = choices[index]["tokens"], choices[index]["token_logprobs"]
            start = end = len(tokens) - written
            missing = len(label)
            while start > 0 and missing > 0:
                start -= 1
                missing -= len(tokens[start])
            if "".join(tokens[start:end]) != label or len(tokens) != len(values):
                return None
            logprobs.append(math.fsum(values[start:end]))
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError):
        return None
    return logprobs if all(math.isfinite(value) and value <= 0 for value in logprobs) else None


def _is_likeliest(answer: Mapping[str, Any], index: int, label: str) -> bool | None:
    """Whether every token of a label is the likeliest at its place; None if nobody says so."""
    try:
        choice = next(own for own in answer["choices"] if own["index"] == index)["logprobs"]
        written = usage(answer).get("completion_tokens", len(answer["choices"])) // len(
            answer["choices"]
        )
        end = len(choice["tokens"]) - written
        missing = len(label)
        while missing > 0 and end > 0:
            end -= 1
            token, top = choice["tokens"][end], choice["top_logprobs"][end]
            if max(top, key=top.__getitem__) != token:
                return False
            missing -= len(token)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, StopIteration):
        return None
    return True


def _split(answer: Answer, index: int, label: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The tokens of a label that ends an echoed prompt, and the last ones before it."""
    choice = next(own for own in answer["choices"] if own["index"] == index)["logprobs"]
    tokens = choice["tokens"]
    written = usage(answer).get("completion_tokens", len(answer["choices"])) // len(
        answer["choices"]
    )
    start = end = len(tokens) - written
    while len("".join(tokens[start:end])) < len(label):
        start -= 1
    return tuple(tokens[start:end]), tuple(tokens[max(start - _TAIL, 0) : start])
