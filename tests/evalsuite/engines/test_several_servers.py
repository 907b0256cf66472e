"""Several servers of one model: the answers of one, whichever answers, dies or comes back."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from command_line import fails, typed
from mortal_server import Life, MortalServer
from tiny_server import TinyServer

from saeval.errors import EngineError, InputError, ModelError
from saeval.evalsuite.config import EngineConfig, RunConfig, ServerConfig
from saeval.evalsuite.judge.grades import parse_judge
from saeval.evalsuite.models.resolve import resolve_model
from saeval.evalsuite.run.runner import Run, answer_runs
from saeval.evalsuite.run.tasks import load_tasks
from saeval.evalsuite.store.manifest import read_manifest
from saeval.evalsuite.store.prediction import read_predictions
from saeval.evalsuite.worker.permissions import AllowedModels, NotAllowedError
from saeval.progress import SILENT

ITEMS = 16
PROBE_REQUESTS = 4 + 2
"""Four questions, and twice in vain whether the likeliest tokens can be had."""
ASKED = RunConfig(tasks=("factworld",), limit=ITEMS, generation={"max_gen_toks": 6})
OPTIONS = EngineConfig(
    name="transformers", device="cpu", dtype="float32", batch_size=1, threads=1,
    server=ServerConfig(concurrency=2, request_timeout=5, patience=20),
)  # fmt: skip


@pytest.fixture(scope="module")
def models(tiny_base, tiny_adapter):
    return {"base": (tiny_base, None), "tuned": (tiny_base, tiny_adapter)}


@pytest.fixture(scope="module")
def running(models):
    with TinyServer(models) as first, TinyServer(models) as second:
        yield first, second


@pytest.fixture
def pair(running):
    return tuple(server.afresh() for server in running)


@pytest.fixture(scope="module")
def asked_tasks():
    return tuple(load_tasks(ASKED))


class Said:
    """Keeps what is said, and shows no bars."""

    bars = staticmethod(SILENT.bars)

    def __init__(self):
        self.lines = []

    def log(self, text):
        self.lines.append(text)


@pytest.fixture
def ask(asked_tasks):
    def ask(folder, *arguments, progress=None, **server):
        options = replace(OPTIONS, server=replace(OPTIONS.server, **server))
        runs = [
            Run(resolve_model(argument), folder / str(i), asked_tasks, ASKED)
            for i, argument in enumerate(arguments)
        ]
        answer_runs(runs, options, progress or Said())
        return answers(folder / "0")

    return ask


def answers(folder):
    found = list(read_predictions(folder / "predictions" / "factworld.jsonl"))
    assert len(found) == len({prediction.item_id for prediction in found})
    return {prediction.item_id: prediction for prediction in found}


def named(*servers, model="base"):
    return ",".join(f"{server.url}#{model}" for server in servers)


def is_answer(body):
    return isinstance(body["prompt"], str)


def last_session(folder):
    return read_manifest(folder).sessions[-1]


@pytest.fixture(scope="module")
def undisturbed(running, asked_tasks, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    answer_runs([Run(resolve_model(named(running[0])), folder, asked_tasks, ASKED)], OPTIONS)
    return answers(folder)


def test_two_servers_share_the_items_and_give_what_one_gives(pair, ask, undisturbed, tmp_path):
    assert ask(tmp_path, named(*pair)) == undisturbed
    session = last_session(tmp_path / "0")
    assert sum(session.servers.values()) == ITEMS
    assert min(session.servers.values()) >= ITEMS // 4
    assert session.notes == []
    for server in pair:
        items = {body["prompt"] for body in server.requests if is_answer(body)}
        scored = [body["prompt"][0] for body in server.requests if "echo" in body]
        assert all(any(text.startswith(item) for text in scored) for item in items), (
            "what an item asks goes to one server"
        )
    assert read_manifest(tmp_path / "0").proof.base_moved["between_servers"] == 0
    assert read_manifest(tmp_path / "0").proof.base_moved["end"] == 0


def test_a_slow_server_is_given_less(pair, ask, undisturbed, tmp_path):
    slow, fast = pair
    slow.fault = lambda number, body: time.sleep(0.3)
    assert ask(tmp_path, named(slow, fast)) == undisturbed
    counts = last_session(tmp_path / "0").servers
    assert counts[named(slow)] < counts[named(fast)] / 2


def test_the_order_of_the_servers_is_no_part_of_the_identity(pair, ask, tmp_path):
    ask(tmp_path, named(*pair))
    before = sum(len(server.requests) for server in pair)
    ask(tmp_path, named(*reversed(pair)))
    assert sum(len(server.requests) for server in pair) == before, "nothing is asked again"
    one, two = (resolve_model(named(*servers)) for servers in (pair, pair[:1]))
    assert one.content != two.content


def test_a_server_killed_in_the_middle_costs_what_it_had_in_flight(
    pair, ask, models, undisturbed, tmp_path
):
    with MortalServer(Life(models, dies_at=PROBE_REQUESTS + 5)) as mortal:
        said = Said()
        assert ask(tmp_path, named(mortal, pair[0]), progress=said) == undisturbed
        session = last_session(tmp_path / "0")
        assert 1 <= session.servers[named(mortal)] <= 3
        (note,) = session.notes
        assert note.startswith(f"{named(mortal)}: was left out (")
        assert note in said.lines
        generations = [body["prompt"] for body in pair[0].requests if is_answer(body)]
        assert len(generations) == len(set(generations)), "only what was in flight is asked again"


def test_a_server_that_comes_back_is_proven_and_asked_again(
    pair, ask, models, undisturbed, tmp_path
):
    pair[0].fault = lambda number, body: time.sleep(0.25)
    lives = Life(models, dies_at=PROBE_REQUESTS + 3), Life(models)
    with MortalServer(*lives) as mortal:
        assert ask(tmp_path, named(mortal, pair[0])) == undisturbed
        (note,) = last_session(tmp_path / "0").notes
        assert "then proven to be the same model and asked again" in note
        assert last_session(tmp_path / "0").servers[named(mortal)] > 3


def test_a_server_that_comes_back_as_another_model_is_asked_nothing(
    pair, ask, models, undisturbed, tmp_path
):
    pair[0].fault = lambda number, body: time.sleep(0.25)
    other = {"base": models["tuned"]}
    lives = Life(models, dies_at=PROBE_REQUESTS + 3), Life(other)
    with MortalServer(*lives) as mortal:
        assert ask(tmp_path, named(mortal, pair[0])) == undisturbed
        (note,) = last_session(tmp_path / "0").notes
        assert "is not the model that began this run" in note
        assert "it was left out from then on" in note


def test_all_dead_is_one_sentence_and_the_same_command_resumes(ask, models, undisturbed, tmp_path):
    lives = Life(models, dies_at=PROBE_REQUESTS + 6), Life(models, pause=6)
    with MortalServer(*lives) as first, MortalServer(*lives) as second:
        with pytest.raises(EngineError, match="has answered nothing for 2 s") as stopped:
            ask(tmp_path, named(first, second), patience=2)
        message = str(stopped.value)
        assert first.url in message
        assert second.url in message
        assert "run the same command again to resume" in message
        assert "\n" not in message
        kept = answers(tmp_path / "0")
        assert 0 < len(kept) < ITEMS
        assert ask(tmp_path, named(first, second)) == undisturbed


def test_a_server_that_is_not_there_is_left_out_unless_none_is(pair, ask, undisturbed, tmp_path):
    nobody = "http://127.0.0.1:9/v1#base"
    assert ask(tmp_path, f"{nobody},{named(pair[0])}", patience=2) == undisturbed
    session = last_session(tmp_path / "0")
    assert session.servers == {nobody: 0, named(pair[0]): ITEMS}
    assert "127.0.0.1:9" in session.notes[0]
    with pytest.raises(EngineError, match="none of the 2 servers of base answers: no server"):
        ask(tmp_path / "none", f"{nobody},http://127.0.0.1:10/v1#base", patience=0.5)


def test_servers_of_two_models_are_refused_before_anything_is_answered(pair, ask, models, tmp_path):
    with (
        TinyServer({"base": models["tuned"]}) as other,
        pytest.raises(ModelError, match=r"serve two models: their label log-prob.* apart on 4"),
    ):
        ask(tmp_path, named(pair[0], other))
    assert not list(tmp_path.rglob("*.jsonl"))


def test_one_server_without_log_probabilities_is_refused(pair, ask, tmp_path):
    pair[1].fault = lambda number, body: "400" if "echo" in body else None
    with pytest.raises(ModelError, match="gives none; start all servers of one model in the same"):
        ask(tmp_path, named(*pair))


def test_an_adapter_that_one_of_the_servers_does_not_apply_is_no_checkpoint(
    pair, ask, models, tmp_path
):
    with (
        TinyServer({"base": models["base"], "tuned": models["base"]}) as broken,
        pytest.raises(ModelError, match="serve two models"),
    ):
        ask(tmp_path, named(pair[0], broken), named(pair[0], broken, model="tuned"))


def test_another_model_on_one_server_at_the_end_sets_the_answers_aside(
    pair, ask, models, undisturbed, tmp_path, monkeypatch
):
    first, second = pair
    n_asked = 0

    def swap(number, body):
        nonlocal n_asked
        n_asked += is_answer(body)
        if n_asked == 3:
            monkeypatch.setitem(second.models, "base", second.models["tuned"])

    second.fault = swap
    with pytest.raises(ModelError, match=r"is not the model that began.*were set aside"):
        ask(tmp_path, named(first, second))
    assert not answers(tmp_path / "0")
    monkeypatch.undo()
    second.afresh()
    assert ask(tmp_path, named(first, second)) == undisturbed


def test_compare_and_gate_take_them(pair, tmp_path, capsys):
    common = (
        "--tasks", "factworld", "--limit", 24, "--gen-kwargs", "max_gen_toks=6", "--replicates",
        1000, "--concurrency", 2,
    )  # fmt: skip
    base, tuned = named(*pair), named(*pair, model="tuned")
    for name in ("compare", "gate"):
        code, _, err = typed(capsys, name, base, tuned, *common, "--out", tmp_path / name)
        assert code in ((0,) if name == "compare" else (0, 1, 3)), err
        for run in ("base", "checkpoint"):
            session = last_session(tmp_path / name / run)
            assert sum(session.servers.values()) == 24
            assert min(session.servers.values()) > 0


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("http://a/v1#m,http://a/v1#m", "names the server http://a/v1 twice"),
        ("http://a/v1/#m,http://a/v1#m", "names the server http://a/v1 twice"),
        ("http://a/v1#m,http://b/v1#n", "names two models, m and n"),
        ("http://a/v1#m,http://b/v1", "http://b/v1: name the server and its model as"),
        ("http://a/v1#m,b/v1#m", "'m,b/v1#m' is no model's name; join servers of one model as"),
        ("http://a/v1#m,http://b:port/v1#m", "a server's address cannot be read"),
        ("http://a/v1#m,http://u:secret@b/v1#m", "must hold no password"),
    ],
)
def test_what_names_no_servers_of_one_model(argument, message, capsys, tmp_path):
    error = fails(capsys, "run", argument, "--tasks", "factworld", "--out", tmp_path)
    assert message in error
    assert "secret" not in error


def test_a_worker_asks_no_server_that_hides_behind_an_allowed_one():
    allowed = AllowedModels(["http://a/v1#*", "http://b/v1#m"])
    allowed.check("http://a/v1#m,http://b/v1#m")
    for argument in ("http://a/v1#m,http://evil/v1#m", "http://a/v1#m, HTTP://evil/v1#m"):
        with pytest.raises(NotAllowedError):
            allowed.check(argument)


def test_a_judge_is_one_server():
    with pytest.raises(InputError, match="a judge is asked on one server"):
        parse_judge("http://a/v1#m,http://b/v1#m")
