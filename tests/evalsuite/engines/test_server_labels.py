"""Label probabilities of servers: the cheapest way gives what echoed prompts give."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tiny_server import TinyServer

from saeval.evalsuite.config import EngineConfig, RunConfig, ServerConfig
from saeval.evalsuite.engines import server_labels
from saeval.evalsuite.models.resolve import resolve_model
from saeval.evalsuite.run.runner import Run, answer_runs
from saeval.evalsuite.run.tasks import load_tasks
from saeval.evalsuite.store.prediction import read_predictions

ITEMS = 20
ASKED = RunConfig(tasks=("factworld",), limit=ITEMS, generation={"max_gen_toks": 6})
OPTIONS = EngineConfig(server=ServerConfig(concurrency=1, request_timeout=5, patience=20))


@pytest.fixture(scope="module")
def running(tiny_base):
    with TinyServer({"base": (tiny_base, None)}) as server:
        yield server


@pytest.fixture(scope="module")
def every(running):
    """So many likeliest tokens that the labels of an untrained model are among them."""
    return running.models["base"].network.config.vocab_size


@pytest.fixture
def server(running, every, monkeypatch):
    monkeypatch.setattr(server_labels, "_TOP", (every, 5))
    return running.afresh()


@pytest.fixture
def ask(server, tmp_path):
    def ask(name, config=ASKED):
        server.requests = []
        run = Run(resolve_model(f"{server.url}#base"), tmp_path / name, tuple(load_tasks(config)),
                  config)  # fmt: skip
        answer_runs([run], OPTIONS)
        found = read_predictions(tmp_path / name / "predictions" / "factworld.jsonl")
        return {prediction.item_id: prediction for prediction in found}

    return ask


def echoes(server):
    return [body for body in server.requests if "echo" in body]


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for item, own in found.items():
        assert own.response == expected[item].response
        assert own.label_probabilities == pytest.approx(
            expected[item].label_probabilities, abs=1e-5
        )


def test_the_likeliest_tokens_give_what_echoed_prompts_give(server, ask, every):
    expected = ask("echoed")
    assert len(echoes(server)) == 4 + ITEMS
    server.most_logprobs = every
    found = ask("likeliest")
    assert_same(found, expected)
    assert len(echoes(server)) == 1, "the first question alone"
    read = [sum(own.usage.probe_tokens for own in by.values()) for by in (found, expected)]
    assert read[0] < read[1]


def test_labels_beyond_the_likeliest_tokens_come_from_echoed_prompts(server, ask):
    expected = ask("echoed")
    server.most_logprobs = 5
    found = ask("likeliest")
    assert_same(found, expected)
    assert len(echoes(server)) == 4 + ITEMS


@pytest.mark.parametrize("kind", ["sharpened", "twins", "no numbers"])
def test_a_server_whose_likeliest_tokens_are_no_log_probabilities(kind, server, ask, every):
    expected = ask("echoed")
    server.most_logprobs = every

    def change(answer):
        for choice in answer["choices"]:
            for top in choice["logprobs"]["top_logprobs"]:
                if kind == "sharpened":
                    top.update({token: 0.9 * value for token, value in top.items()})
                elif kind == "twins":
                    top.popitem()
                else:
                    top.update(dict.fromkeys(top, "high"))

    server.fault = lambda number, body: (
        change if "logprobs" in body and "echo" not in body else None
    )
    assert_same(ask("likeliest"), expected)
    assert len(echoes(server)) >= ITEMS


def test_answers_in_the_format_bring_their_labels_with_them(server, ask, every):
    server.begins = "LABEL="
    expected = ask("echoed")
    server.most_logprobs = every
    found = ask("beside")
    assert_same(found, expected)
    labels_alone = [body for body in server.requests if isinstance(body["prompt"], list)]
    beside = [body for body in server.requests if body["max_tokens"] == 6 and "logprobs" in body]
    assert len(beside) == ITEMS - 8
    if all(len(own) == 1 for own in tokens_of_labels(server)):
        assert len(labels_alone) <= 1 + 4 + 8


def tokens_of_labels(server):
    tokenizer = server.models["base"].tokenizer
    before = len(tokenizer("LABEL=")["input_ids"])
    return [tokenizer(f"LABEL={own}")["input_ids"][before:] for own in ("PASS", "FAIL", "NA")]


def test_long_answers_are_not_asked_for_the_likeliest_tokens(server, ask, every, monkeypatch):
    monkeypatch.setattr(server_labels, "_MOST_TOKENS_BESIDE", 5)
    server.begins, server.most_logprobs = "LABEL=", every
    ask("beside", replace(ASKED, limit=12))
    assert not [body for body in server.requests if body["max_tokens"] == 6 and "logprobs" in body]
