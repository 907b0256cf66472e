"""Models behind a server: the same answers as in this process, whatever the server does."""

from __future__ import annotations

import json
import re
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import fails, typed
from forked import Forked
from tiny_server import KEY, TinyServer

from saeval.errors import EngineError, ModelError
from saeval.evalsuite.config import EngineConfig, RunConfig, ServerConfig
from saeval.evalsuite.engines.openai_client import count_tokens
from saeval.evalsuite.engines.server_labels import label_logprobs
from saeval.evalsuite.models.resolve import resolve_model
from saeval.evalsuite.run.runner import Run, answer_runs
from saeval.evalsuite.run.tasks import load_tasks
from saeval.evalsuite.store.manifest import read_manifest
from saeval.evalsuite.store.prediction import Prediction, read_predictions

ITEMS = 12
PROBES = 4 + 2
"""Four questions, and twice in vain whether the likeliest tokens can be had."""
ASKED = RunConfig(tasks=("factworld",), limit=ITEMS, generation={"max_gen_toks": 8})
OPTIONS = EngineConfig(
    name="transformers", device="cpu", dtype="float32", batch_size=1, threads=1,
    server=ServerConfig(concurrency=4, request_timeout=5, patience=20),
)  # fmt: skip


@pytest.fixture(scope="module")
def running_server(tiny_base, tiny_adapter):
    models = {"base": (tiny_base, None), "tuned": (tiny_base, tiny_adapter)}
    with TinyServer({**models, "twin": (tiny_base, None)}) as server:
        yield server


@pytest.fixture
def server(running_server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    return running_server.afresh()


@pytest.fixture(scope="module")
def asked_tasks():
    return tuple(load_tasks(ASKED))


@pytest.fixture
def ask(asked_tasks):
    """Runs models as the commands do; the answers of the last by item, and what was said."""

    def ask(folder, *models, config=ASKED, **server):
        options = replace(OPTIONS, server=replace(OPTIONS.server, **server))
        runs = [
            Run(resolve_model(str(model)), folder / str(i), asked_tasks, config)
            for i, model in enumerate(models)
        ]
        answer_runs(runs, options)
        return by_item(runs[-1].folder)

    return ask


def by_item(folder: Path) -> dict[str, Prediction]:
    found = list(read_predictions(folder / "predictions" / "factworld.jsonl"))
    assert len(found) == len({prediction.item_id for prediction in found})
    return {prediction.item_id: prediction for prediction in found}


@pytest.fixture(scope="module")
def undisturbed(running_server, asked_tasks, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    run = Run(resolve_model(f"{running_server.afresh().url}#base"), folder, asked_tasks, ASKED)
    answer_runs([run], OPTIONS)
    return by_item(folder)


def test_answers_are_those_of_transformers(server, ask, tiny_base, tiny_adapter, tmp_path):
    for name, local in (("base", tiny_base), ("tuned", tiny_adapter)):
        served = ask(tmp_path / f"served {name}", f"{server.url}#{name}")
        here = ask(tmp_path / f"here {name}", local)
        assert served.keys() == here.keys()
        for item, mine in served.items():
            theirs = here[item]
            assert mine.response == theirs.response
            assert mine.prompt_hash == theirs.prompt_hash
            assert mine.label_probabilities == pytest.approx(theirs.label_probabilities, abs=1e-4)
            assert mine.usage.prompt_tokens == theirs.usage.prompt_tokens


FAULTS = (
    "500", "503", "429 for a second", "429 until a date", "reset", "hang", "cut", "short",
    "aborted", "no choices", "no field", "another field", "drip", "drip the headers", "packed",
)  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_server_that_stumbles_changes_nothing(fault, server, ask, undisturbed, tmp_path):
    server.fault = lambda number, body: fault if number in (3, 10) else None
    assert ask(tmp_path, f"{server.url}#base", request_timeout=2) == undisturbed
    assert len(server.requests) == PROBES + 2 * ITEMS + 2


@pytest.mark.parametrize("fault", ["500", "hang", "reset", "no choices"])
def test_a_server_that_stops_ends_the_run_which_can_be_resumed(
    fault, server, ask, undisturbed, tmp_path
):
    server.fault = lambda number, body: fault if number > PROBES + 5 else None
    started = time.monotonic()
    with pytest.raises(EngineError, match=r"has answered nothing for 1\.5 s") as stopped:
        ask(tmp_path, f"{server.url}#base", patience=1.5)
    assert time.monotonic() - started < 5
    assert "what is finished is kept; run the same command again to resume" in str(stopped.value)
    assert "\n" not in str(stopped.value)
    assert KEY not in str(stopped.value)
    left = ITEMS - len(by_item(tmp_path / "0"))
    assert 0 < left < ITEMS
    server.afresh()
    assert ask(tmp_path, f"{server.url}#base") == undisturbed
    assert len(server.requests) == PROBES + 2 * left


@pytest.mark.parametrize("status", ["400", "401", "404", "422"])
def test_a_server_that_declines_stops_the_run_at_once(status, server, ask, tmp_path):
    server.fault = lambda number, body: (
        status if number > PROBES + 2 and "echo" not in body else None
    )
    with pytest.raises(ModelError, match=rf"refuses to answer as base: {status}: bad") as declined:
        ask(tmp_path, f"{server.url}#base")
    assert len(server.requests) < 2 * ITEMS
    message = str(declined.value)
    assert len(message) < 300
    assert message.isprintable()
    assert KEY not in message
    assert "[key]" in message


@pytest.mark.parametrize(
    "fault",
    ["400", "422", lambda answer: [c.pop("logprobs") for c in answer["choices"]]],
    ids=["400", "422", "left out"],
)
def test_without_logprobs_of_prompts_there_are_no_label_probabilities(
    fault, server, ask, undisturbed, tmp_path
):
    server.fault = lambda number, body: fault if "echo" in body else None
    found = ask(tmp_path, f"{server.url}#base")
    assert {p.label_probabilities for p in found.values()} == {None}
    assert [p.response for p in found.values()] == [undisturbed[i].response for i in found]
    assert sum("echo" in body for body in server.requests) == 1


def test_a_refusal_is_said_in_words(server, tmp_path, capsys):
    server.fault = lambda number, body: "400" if "echo" in body else None
    code, _, err = typed(capsys, *command(server, tmp_path / "out"))
    assert code == 0
    assert read_manifest(tmp_path / "out").identity["engine"] == {"name": "server"}
    assert "this server gives no log-probabilities of prompts, so there are no label" in err


def command(server: TinyServer, out: Path, *more: str) -> list[str]:
    return [
        "run", f"{server.url}#base", "--tasks", "factworld", "--limit", str(ITEMS),
        "--gen-kwargs", "max_gen_toks=8", "--concurrency", "2", "--out", str(out), *more,
    ]  # fmt: skip


def test_a_model_that_is_not_there_is_named_beside_those_that_are(server, ask, tmp_path):
    with pytest.raises(ModelError, match=r"has no model 'other'; it has base, tuned, twin"):
        ask(tmp_path, f"{server.url}#other")


def test_an_address_without_v1_is_hinted_at(server, ask, tmp_path):
    with pytest.raises(ModelError, match=r"404: .*; the address usually ends in /v1"):
        ask(tmp_path, f"{server.url.removesuffix('/v1')}#base")


def test_a_cache_holds_nothing_of_a_server(server, tmp_path, capsys):
    more = ("--cache", str(tmp_path / "cache"))
    for out in ("first", "second"):
        assert typed(capsys, *command(server, tmp_path / out, *more))[0] == 0
    assert len(server.requests) == 2 * (PROBES + 2 * ITEMS)


def test_no_server(ask, tmp_path):
    with pytest.raises(EngineError, match=r"no server answers at http://127\.0\.0\.1:9/v1 .*refus"):
        ask(tmp_path, "http://127.0.0.1:9/v1#base", patience=0.5)


def test_a_server_that_comes_up_late_is_waited_for(server, ask, undisturbed, tmp_path):
    """Resuming while the server restarts."""
    import socket
    from threading import Timer

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    late = f"http://127.0.0.1:{port}/v1#base"
    started = TinyServer({})
    started.models = server.models
    timer = Timer(1, lambda: started.start(port))
    timer.start()
    found = ask(tmp_path, late)
    timer.join()
    started.__exit__()
    assert found == undisturbed


def test_chat_sends_messages_and_asks_for_no_label_probabilities(server, ask, tmp_path):
    config = replace(ASKED, apply_chat_template=True, system="Be brief.")
    found = ask(tmp_path, f"{server.url}#base", config=config)
    assert {p.label_probabilities for p in found.values()} == {None}
    assert len(server.requests) == ITEMS
    roles = {tuple(m["role"] for m in body["messages"]) for body in server.requests}
    assert roles == {("system", "user")}
    assert {body["messages"][0]["content"] for body in server.requests} == {"Be brief."}


def test_generation_settings_are_translated(server, ask, tmp_path):
    generation = {
        "max_gen_toks": 4, "do_sample": True, "temperature": 0.7, "top_p": 0.9, "top_k": 5,
        "until": ["\n\n", "", "a", "b", "c", "d"],
    }  # fmt: skip
    config = replace(ASKED, generation=generation, samples=2, limit=2)
    tasks = tuple(load_tasks(config))
    run = Run(resolve_model(f"{server.url}#base"), tmp_path, tasks, config)
    answer_runs([run], OPTIONS)
    sent = [body for body in server.requests if "seed" in body]
    assert len({body.pop("seed") for body in sent}) == len(sent) == 4
    assert {body.pop("prompt") for body in sent} == {
        tasks[0].harness_task.doc_to_text(document) for document in tasks[0].documents
    }
    assert sent == [
        {"model": "base", "max_tokens": 4, "temperature": 0.7, "stop": ["\n\n", "a", "b", "c"],
         "top_p": 0.9, "top_k": 5}
    ] * 4  # fmt: skip
    for prediction in read_predictions(tmp_path / "predictions" / "factworld.jsonl"):
        assert not re.search("[abcd]", prediction.response)


@pytest.mark.parametrize("setting", ["temprature=0.7", "stream=true", "n=2", "temperature=hot"])
def test_settings_that_a_server_cannot_be_given(setting, server, tmp_path, capsys):
    arguments = command(server, tmp_path / "out", "--gen-kwargs", setting)
    assert fails(capsys, *arguments).startswith("Error: --gen-kwargs: ")


@pytest.mark.parametrize("option", [("--device", "cuda"), ("--model-args", "max_length=9")])
def test_what_a_server_decides_for_itself_is_refused(option, server, tmp_path, capsys):
    message = fails(capsys, *command(server, tmp_path / "out", *option))
    assert f"{option[0]}: has no effect on a server" in message


def test_two_names_of_one_model_are_no_comparison(server, ask, tmp_path):
    with pytest.raises(ModelError, match="base and twin are one model"):
        ask(tmp_path, f"{server.url}#base", f"{server.url}#twin")
    assert not list(tmp_path.rglob("*.jsonl"))
    ask(tmp_path, f"{server.url}#base", f"{server.url}#tuned")


def test_another_model_behind_the_same_name_is_noticed_when_a_run_is_resumed(
    server, ask, undisturbed, tmp_path
):
    server.fault = lambda number, body: "500" if number > PROBES + 8 else None
    with pytest.raises(EngineError):
        ask(tmp_path, f"{server.url}#base", patience=1)
    before = by_item(tmp_path / "0")
    server.afresh()
    server.models["base"], kept = server.models["tuned"], server.models["base"]
    try:
        with pytest.raises(ModelError, match="#base: is not the model that began this run"):
            ask(tmp_path, f"{server.url}#base")
    finally:
        server.models["base"] = kept
    assert by_item(tmp_path / "0") == before
    assert ask(tmp_path, f"{server.url}#base") == undisturbed


def test_hostile_answers_are_kept_as_harmless_text(server, ask, tmp_path):
    def hostile(answer):
        answer["choices"][0]["text"] = f"\ud800 {KEY}"
        answer["usage"] = {"prompt_tokens": "many", "completion_tokens": -1}

    server.fault = lambda number, body: None if "echo" in body else hostile
    found = ask(tmp_path, f"{server.url}#base")
    assert {p.response for p in found.values()} == {"? [key]"}


def test_the_key_is_nowhere(server, tmp_path, capsys):
    """The server shows it in an answer, in errors, and when it stops the run."""

    def leak(answer):
        answer["choices"][0]["text"] += KEY

    faults = {2: leak, 5: "500", 7: "429 for a second", 12: "401"}
    server.fault = lambda number, body: faults.get(number)
    code, out, err = typed(capsys, *command(server, tmp_path / "out"))
    assert code == 2
    assert "refuses to answer" in err
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 2
    for text in (out, err, *(path.read_text() for path in files)):
        assert KEY not in text


def lines_of(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_killed_and_interrupted_clients_repeat_nothing(server, undisturbed, tmp_path, capsys):
    """SIGKILL, then Ctrl-C while the server hangs, then to the end."""
    answers = tmp_path / "out" / "predictions" / "factworld.jsonl"
    arguments = command(server, tmp_path / "out")
    for most, how in ((4, signal.SIGKILL), (8, signal.SIGINT)):
        asked_before = 2 * lines_of(answers)
        server.afresh()
        server.fault = lambda number, body, most=PROBES + 2 * most - asked_before: (
            "hang" if number > most else None
        )
        process = Forked(arguments, tmp_path / "log")
        deadline = time.monotonic() + 30
        while lines_of(answers) < most - 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.signal(how)
        sent = time.monotonic()
        code = process.wait()
        assert time.monotonic() - sent < 5
        assert KEY not in process.log.read_text()
        assert most - 1 <= lines_of(answers) < ITEMS
    assert code == 130
    left = ITEMS - lines_of(answers)
    server.afresh()
    assert typed(capsys, *arguments)[0] == 0
    assert len(server.requests) == PROBES + 2 * left
    assert by_item(tmp_path / "out") == undisturbed


def test_an_answer_without_end_stops_the_run(server, ask, tmp_path):
    server.fault = lambda number, body: "endless" if number == 6 else None
    with pytest.raises(ModelError, match=r"sent more than 1 MiB in one answer \(--max-response-mb"):
        ask(tmp_path, f"{server.url}#base", max_response_mb=1)


def test_a_listing_without_end_stops_the_run(server, ask, tmp_path):
    server.listing = 200, json.dumps({"data": [{"id": "x" * 2**21}]})
    with pytest.raises(ModelError, match="sent more than 1 MiB"):
        ask(tmp_path, f"{server.url}#base", max_response_mb=1)


def test_no_prompt_is_sent_to_another_origin(server, ask, tiny_base, tmp_path):
    with TinyServer({"base": (tiny_base, None)}) as other:
        server.elsewhere = f"{other.url}/completions"
        server.fault = lambda number, body: "redirect" if number == 6 else None
        with pytest.raises(ModelError, match=re.escape(f"on to {server.elsewhere}, where no")):
            ask(tmp_path, f"{server.url}#base")
        assert not other.requests


def test_a_redirect_within_the_server_is_followed(server, ask, undisturbed, tmp_path):
    server.elsewhere = f"{server.url}/completions"
    server.fault = lambda number, body: "redirect" if number == 6 else None
    assert ask(tmp_path, f"{server.url}#base") == undisturbed


@pytest.mark.parametrize(
    "listing",
    [(404, "no"), (405, "no"), (500, "no"), (501, "no"), (200, '{"data": []}'), (200, "none")],
)
def test_a_server_that_lists_no_models_is_asked_anyway(
    listing, server, ask, undisturbed, tmp_path, capsys
):
    server.listing = listing
    assert ask(tmp_path / "0", f"{server.url}#base") == undisturbed
    code, _, err = typed(
        capsys, "run", f"{server.url}#base", "--tasks", "factworld", "--limit", 2, "--out",
        tmp_path / "1",
    )  # fmt: skip
    assert code == 0
    assert "lists no models" in err


def test_a_server_that_neither_lists_nor_answers(server, ask, tmp_path):
    server.listing = 404, "no"
    server.fault = lambda number, body: "404"
    with pytest.raises(ModelError, match=r"404: .*the address usually ends in /v1"):
        ask(tmp_path, f"{server.url}#base")


@pytest.mark.parametrize("count", [-5, 0, 10**12, 10**400, 1.5, True, "12", None, [], {}])
def test_token_counts_that_cannot_be_are_none(count):
    assert count_tokens({"usage": {"prompt_tokens": count}}, "prompt_tokens") == 0


@pytest.mark.parametrize("count", [-1, -(10**9), 2, 10**12, 1.5, "1", True, [1]])
def test_a_wrong_count_of_tokens_never_moves_a_label(count):
    answer = {"choices": [{"index": 0, "logprobs": LABEL}], "usage": {"completion_tokens": count}}
    assert label_logprobs(answer, ["NA"]) in (None, [-7])


LABEL = {
    "tokens": ["<s>", "é", "LABEL=", "N", "A", "x"],
    "token_logprobs": [None, -1, -2, -3, -4, -5],
}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, [-7]),
        ({"tokens": ["<s>", "é", "LABEL", "=N", "A", "x"]}, None),
        ({"tokens": ["NA"], "token_logprobs": [-1]}, None),
        ({"tokens": [], "token_logprobs": []}, None),
        ({"token_logprobs": [None, -1, -2, -3, float("-inf"), -5]}, None),
        ({"token_logprobs": [None, -1, -2, -3, None, -5]}, None),
        ({"token_logprobs": [-1]}, None),
        ({"tokens": "NAx"}, None),
        ({"tokens": None}, None),
        ({"token_logprobs": [None, -1, -2, 3, 4, -5]}, None),
    ],
)
def test_label_logprobs_are_read_from_whole_tokens_or_not_at_all(changed, expected):
    answer = {"choices": [{"index": 0, "logprobs": LABEL | changed}], "usage": None}
    assert label_logprobs(answer, ["NA"]) == expected


def test_a_server_that_generates_nothing_after_the_echo():
    echoed = {name: values[:-1] for name, values in LABEL.items()}
    answer = {"choices": [{"index": 0, "logprobs": echoed}], "usage": {"completion_tokens": 0}}
    assert label_logprobs(json.loads(json.dumps(answer)), ["NA"]) == [-7]
