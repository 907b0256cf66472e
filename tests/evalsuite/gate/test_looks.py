"""Gating again after more answers is a further look, however it is dressed up."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from builders import LABELS, prediction, write_predictions
from command_line import fails, typed

import saeval
from saeval.evalsuite.gate.look_record import looks_path
from saeval.stats.gate.looks import look_share

POLICY = {"rules": [{"metric": "accuracy", "not_worse_by": 0.05}]}


def answers(seed, items, *, accuracy=0.8, skip=()):
    """The first answers of a model, which is known by its seed."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(items):
        right, confidence = rng.random() < accuracy, round(float(rng.uniform(0.4, 1)), 2)
        label = LABELS[(number + (not right)) % 3]
        if number not in skip:
            found.append(prediction(number, label, confidence=confidence))
    return found


@pytest.fixture
def gate(tmp_path):
    """Gate files of a base and a checkpoint; the names of the files are new each time."""
    count = iter(range(100))

    def run(items, checkpoint=2, *, policy=POLICY, order=1, skip=(), **options):
        folder = tmp_path / f"job{next(count)}"
        folder.mkdir()
        files = [
            write_predictions(folder / f"{name}.jsonl", answers(seed, items, skip=skip)[::order])
            for name, seed in (("base", 1), ("checkpoint", checkpoint))
        ]
        return saeval.gate(*files, policy=policy, n_resamples=200, **options)

    return run


def place(gate):
    return gate.look.number, pytest.approx(gate.look.alpha)


def test_shares_add_up_to_all():
    assert sum(look_share(number) for number in range(1, 40)) == pytest.approx(1)
    with pytest.raises(ValueError, match="`number` must be 1 or more, found 0"):
        look_share(0)


def test_more_answers_are_the_next_look_at_what_is_left(gate):
    assert place(gate(100)) == (1, 0.04)
    assert place(gate(200)) == (2, 0.008)
    third = gate(400)
    assert place(third) == (3, 0.0016)
    assert third.bound_level == pytest.approx(0.9984)
    assert "Look 3 of this checkpoint, at α = 0.0016 of the 0.05" in saeval.reports.to_markdown(
        third
    )


def test_the_same_answers_are_the_same_look(gate, looks):
    first = gate(100)
    again = gate(100, order=-1, policy={"rules": [{"metric": "accuracy", "not_worse_by": 0.06}]})
    assert place(first) == place(again) == (1, 0.04)
    assert len(looks.read_text().splitlines()) == 1
    gate(200)
    assert place(gate(100)) == (1, 0.04), "also later"


@pytest.mark.parametrize(
    "dressed",
    [
        {"skip": (7,)},
        {"order": -1},
        {"policy": {"rules": [{"metric": "accuracy", "not_worse_by": 0.051}]}},
        {"policy": {"rules": [{"metric": "invalid_rate", "at_most": 0.1}]}},
        {"out": "elsewhere"},
    ],
    ids=["an item less", "reordered", "another margin", "another rule", "another folder"],
)
def test_a_further_look_is_recognised(gate, tmp_path, dressed):
    gate(100)
    if "out" in dressed:
        dressed = {"out": tmp_path / dressed["out"]}
    assert place(gate(150, **dressed))[0] == 2


def test_an_item_less_is_not_the_same_answers(gate):
    gate(100)
    assert place(gate(100, skip=(3,)))[0] == 2


def test_a_comparison_is_looked_at_as_files_are(gate, tmp_path):
    gate(100)
    files = [write_predictions(tmp_path / f"{seed}.jsonl", answers(seed, 150)) for seed in (1, 2)]
    comparison = saeval.compare(*files, n_resamples=200)
    assert place(saeval.gate(comparison, policy=POLICY))[0] == 2


def test_another_checkpoint_begins_anew_and_is_counted(gate):
    assert gate(100).look.checkpoints == 1
    second = gate(100, checkpoint=3)
    assert (second.look.number, second.look.checkpoints) == (1, 2)
    assert "It is checkpoint 2 gated against this base" in saeval.reports.to_markdown(second)
    assert gate(
        100, checkpoint=4, policy={"rules": [{"metric": "brier", "at_most": 0.9}]}
    ).look == (saeval.stats.gate.looks.Look(1, pytest.approx(0.04)))


def test_one_of_several_has_its_share(gate):
    found = gate(100, among=10)
    assert place(found) == (1, 0.004)
    assert "all looks at all 10 checkpoints share" in saeval.reports.to_markdown(found)
    with pytest.raises(saeval.SaevalError, match="`among` must be 1 or more, found 0"):
        gate(100, among=0)


def test_too_few_answers_to_test_are_no_look(gate, looks):
    gate(15)
    assert not looks.exists()
    assert place(gate(100))[0] == 1


def test_a_record_of_nothing_but_hashes(gate, looks):
    gate(100)
    (line,) = map(json.loads, looks.read_text().splitlines())
    assert line["schema"] == "saeval.look/2"
    text = looks.read_text()
    assert not any(said in text for said in ("item-", "PASS", "Claim", "checkpoint", "0.8"))


def test_a_record_that_cannot_be_written_is_said(gate, tmp_path):
    (tmp_path / "file").write_text("")
    found = gate(100, looks=tmp_path / "file" / "looks.jsonl")
    assert place(found) == (1, 0.04)
    assert found.look.note.startswith("this look could not be recorded")
    assert "the error rates are those of this look by itself" in saeval.reports.to_markdown(found)


def test_a_record_that_is_something_else_is_refused(gate, looks, tmp_path):
    looks.write_text("[1, 2]\n")
    with pytest.raises(saeval.SaevalError, match=r"looks.jsonl:1: no record of a look: "):
        gate(100)


def test_a_torn_line_is_cut_off(gate, looks):
    gate(100)
    with looks.open("a") as file:
        file.write('{"schema": "saeval.look/1", "da')
    assert place(gate(200))[0] == 2


def test_where_the_record_is(monkeypatch, tmp_path, capsys):
    assert looks_path("here.jsonl") == Path("here.jsonl")
    assert looks_path(None) == Path(os.environ["SAEVAL_LOOKS"])
    monkeypatch.delenv("SAEVAL_LOOKS")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert looks_path(None) == tmp_path / "saeval" / "looks.jsonl"
    files = [write_predictions(tmp_path / f"{s}.jsonl", answers(s, 60)) for s in (1, 2)]
    named = tmp_path / "named.jsonl"
    typed(capsys, "gate", *files, "--looks", named, "--out", tmp_path / "out", "--replicates", 1000)
    assert named.exists()
    assert not (tmp_path / "saeval").exists()
    assert "--among" in fails(capsys, "gate", *files, "--among", 0)


def test_a_look_of_the_schema_before_is_known_by_its_weights_alone(gate, looks):
    gate(100)
    line = json.loads(looks.read_text())
    odd = line | {"schema": "saeval.look/1", "answers": {"fever": {"not hexadecimal": "x"}}}
    looks.write_text(json.dumps(odd) + "\n")
    assert place(gate(200))[0] == 1
    looks.write_text(json.dumps(odd | {"schema": "saeval.look/2"}) + "\n")
    assert place(gate(200))[0] == 1
