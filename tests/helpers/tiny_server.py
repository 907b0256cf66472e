"""A server on the loopback that really computes with a tiny model, and fails when told to."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable, Mapping
from copy import deepcopy
from email.utils import formatdate
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Lock, Thread
from time import time
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

KEY = "sk-a-key-that-nobody-may-see"
STATUSES = {"400": 400, "401": 401, "404": 404, "422": 422, "429": 429, "500": 500, "503": 503}


class TinyServer:
    """``/v1`` with models by name; `fault` says of the n-th request how it fails, if at all.

    A fault is a status, ``hang``, ``reset``, ``cut`` (half of the JSON), ``short`` (a connection
    closed before all was sent), ``no choices``, ``no field``, ``another field``, ``packed``, a
    function that changes the answer, ``redirect``, which sends the client to `elsewhere`, or an
    answer that never ends: ``drip`` and ``drip the headers`` (a byte now and then), ``endless``.
    `listing` is what it says of its models: None for the truth, else a status and a body.
    `most_logprobs` is how many likeliest tokens it gives at each place of an answer, None for none
    at all whatever is asked; `begins` is what all its answers begin with, the model going on.
    """

    def __init__(self, models: dict[str, tuple[Path, Path | None]]) -> None:
        self.models: Mapping[str, Any] = {name: _load(*paths) for name, paths in models.items()}
        self.requests: list[dict[str, Any]] = []
        self.fault: Callable[[int, dict[str, Any]], Any] = lambda number, body: None
        self.listing: tuple[int, str] | None = None
        self.elsewhere = ""
        self.most_logprobs: int | None = None
        self.begins = ""
        self._computing = Lock()
        self._counting = Lock()
        self._leaving = Event()

    def __enter__(self) -> TinyServer:
        return self.start()

    def start(self, port: int = 0) -> TinyServer:
        outer = self

        class Handler(_Handler):
            tiny = outer

        self._http = _QuietServer(("127.0.0.1", port), Handler)
        Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
        return self

    def __exit__(self, *_: object) -> None:
        self._leaving.set()
        self._http.shutdown()
        self._http.server_close()

    def afresh(self) -> TinyServer:
        """Forget the requests and every fault."""
        self.requests = []
        self.fault = lambda number, body: None
        self.listing = None
        self.elsewhere = ""
        self.most_logprobs = None
        self.begins = ""
        return self

    def take(self, body: dict[str, Any]) -> Any:
        """Count a request, and say how it is to fail."""
        with self._counting:
            self.requests.append(body)
            return self.fault(len(self.requests), body)

    def is_leaving(self, wait: float) -> bool:
        """Whether the server is shut down within so many seconds."""
        return self._leaving.wait(wait)

    def hang(self) -> None:
        self._leaving.wait(60)

    def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        prompts = body["prompt"] if isinstance(body["prompt"], list) else [body["prompt"]]
        with self._computing:
            done = [self._choice(index, prompt, body) for index, prompt in enumerate(prompts)]
        return {
            "choices": [choice for choice, _, _ in done],
            "usage": {
                "prompt_tokens": sum(read for _, read, _ in done),
                "completion_tokens": sum(written for _, _, written in done),
            },
        }

    def chat(self, body: dict[str, Any]) -> dict[str, Any]:
        prompt = "".join(message["content"] for message in body["messages"])
        with self._computing:
            text, read, written = _generate(self.models[body["model"]], prompt, body["max_tokens"])
        return {
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}}],
            "usage": {"prompt_tokens": read, "completion_tokens": written},
        }

    def _choice(self, index: int, prompt: str, body: dict[str, Any]) -> tuple[Any, int, int]:
        model = self.models[body["model"]]
        begins = "" if "echo" in body or body["max_tokens"] == 1 else self.begins
        text, read, written = _generate(model, prompt + begins, body["max_tokens"])
        text = begins + text
        choice = {"index": index, "text": text, "logprobs": None}
        if self.most_logprobs is not None and "logprobs" in body and "echo" not in body:
            likeliest = _likeliest(model, prompt, begins, text, body["logprobs"])
            choice["logprobs"] = deepcopy(likeliest)  # a fault may change it
        if body.get("echo"):
            choice["text"] = prompt + text
            choice["logprobs"] = _echoed(model, prompt)
        return choice, read, written


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        """Clients that leave are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    tiny: TinyServer

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.path != "/v1/models":
            return self._send(404, "no such page")
        if self.tiny.listing is not None:
            return self._send(*self.tiny.listing)
        names = [{"id": name, "object": "model"} for name in self.tiny.models]
        return self._send(200, json.dumps({"object": "list", "data": names}))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fault = self.tiny.take(body) if self.path.startswith("/v1/") else "404"
        most = self.tiny.most_logprobs
        if most is not None and "echo" not in body and body.get("logprobs", 0) > most:
            fault = "400"
        if fault == "reset":
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()
            self.close_connection = True
        elif fault == "hang":
            self.tiny.hang()
            self.close_connection = True
        elif fault in ("drip", "drip the headers", "endless"):
            self._go_on(fault)
        elif fault == "redirect":
            self._send(307, "", {"Location": self.tiny.elsewhere})
        elif fault == "packed":
            self._send(200, "{}", {"Content-Encoding": "gzip"})
        elif fault in STATUSES:
            said = f"bad\n\x1b[31mluck with {self.headers['Authorization']} " + "x" * 5000
            self._send(STATUSES[fault], json.dumps({"error": {"message": said}}), {})
        elif fault == "429 until a date":
            self._send(429, "{}", {"Retry-After": formatdate(time() + 1, usegmt=True)})
        elif fault == "429 for a second":
            self._send(429, "busy", {"Retry-After": "1"})
        else:
            chat = self.path.endswith("/chat/completions")
            answer = self.tiny.chat(body) if chat else self.tiny.complete(body)
            self._send_answer(answer, fault)

    def _go_on(self, fault: str) -> None:
        """Send without an end, until the client leaves."""
        self.close_connection = True
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        self.wfile.write(head if fault == "drip the headers" else head + b"\r\n")
        piece = b"x" * 65536 if fault == "endless" else b"x"
        try:
            while not self.tiny.is_leaving(0 if fault == "endless" else 0.1):
                self.wfile.write(piece)
        except OSError:
            pass

    def _send_answer(self, answer: dict[str, Any], fault: Any) -> None:
        if callable(fault):
            fault(answer)
        elif fault == "aborted":
            answer["choices"][0] |= {"text": "LABEL", "finish_reason": "abort"}
        elif fault == "no choices":
            answer["choices"] = []
        elif fault == "no field":
            del answer["choices"][0]["text"]
        elif fault == "another field":
            answer["choices"] = [{"index": 0, "message": {"content": "LABEL=NA"}}]
        text = json.dumps(answer)
        if fault == "cut":
            text = text[: len(text) // 2]
        self._send(200, text, {"X-Cut": "1"} if fault == "short" else {})

    def _send(self, status: int, text: str, headers: dict[str, str] | None = None) -> None:
        content = text.encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if headers and "X-Cut" in headers:
            content = content[: len(content) // 2]
            self.close_connection = True
        self.wfile.write(content)


class _Model:
    def __init__(self, folder: Path, adapter: Path | None) -> None:
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self.network: Any = AutoModelForCausalLM.from_pretrained(folder).eval()
        if adapter is not None:
            from peft import PeftModel

            self.network = PeftModel.from_pretrained(self.network, str(adapter)).eval()


@lru_cache
def _load(folder: Path, adapter: Path | None) -> _Model:
    return _Model(folder, adapter)


@lru_cache(maxsize=4096)
@torch.no_grad()
def _generate(model: _Model, prompt: str, most: int) -> tuple[str, int, int]:
    read = model.tokenizer(prompt, return_tensors="pt")
    count = read["input_ids"].shape[1]
    written = model.network.generate(
        **read, max_new_tokens=most, do_sample=False, pad_token_id=model.tokenizer.pad_token_id
    )[0, count:]
    return model.tokenizer.decode(written, skip_special_tokens=True), count, len(written)


@lru_cache(maxsize=4096)
@torch.no_grad()
def _echoed(model: _Model, prompt: str) -> dict[str, Any]:
    """As OpenAI's format has it: the prompt's tokens, then the one that was generated."""
    ids = model.tokenizer(prompt)["input_ids"]
    scores = model.network(torch.tensor([ids])).logits[0].log_softmax(-1)
    following = int(scores[-1].argmax())
    tokens = [model.tokenizer.decode([token]) for token in [*ids, following]]
    values = [float(scores[at, token]) for at, token in enumerate([*ids[1:], following])]
    likeliest = [int(own.argmax()) for own in scores]
    top = [
        {model.tokenizer.decode([token]): float(scores[at, token])}
        for at, token in enumerate(likeliest)
    ]
    return {
        "tokens": tokens, "token_logprobs": [None, *values], "text_offset": None,
        "top_logprobs": [None, *top],
    }  # fmt: skip


@lru_cache(maxsize=4096)
@torch.no_grad()
def _likeliest(model: _Model, prompt: str, begins: str, text: str, count: int) -> dict[str, Any]:
    """Tokens of an answer, and at each place the likeliest ones, as OpenAI's format has them."""
    before = len(model.tokenizer(prompt)["input_ids"])
    ids = model.tokenizer(prompt + begins)["input_ids"]
    ids = ids + model.tokenizer(text.removeprefix(begins) or "?")["input_ids"]
    scores = model.network(torch.tensor([ids])).logits[0].log_softmax(-1)[before - 1 : -1]
    top = [
        {_token_text(model, t): float(own[t]) for t in map(int, own.topk(count).indices)}
        for own in scores
    ]
    return {"tokens": [_token_text(model, token) for token in ids[before:]], "top_logprobs": top}


def _token_text(model: _Model, token: int) -> str:
    """Parts of characters have names of their own."""
    text = str(model.tokenizer.decode([token]))
    return f"bytes:{token}" if not text or "\N{REPLACEMENT CHARACTER}" in text else text
