"""Answers are kept for the model that gave them, and for no other."""

from __future__ import annotations

import json
import shutil

import pytest
from builders import prediction
from command_line import fails, typed

from saeval.errors import RunFolderError
from saeval.evalsuite.engines.huggingface import TransformersEngine
from saeval.evalsuite.run import open_requests
from saeval.evalsuite.store.cache import AnswerCache
from saeval.evalsuite.store.prediction import read_predictions
from saeval.trainer.demo.tiny_model import build_tiny_model

SPEAKER = {"content": "abc", "engine": {"name": "transformers"}}


def looked_up(cache, wanted):
    return cache.get(wanted.key, wanted.document_hash, wanted.prompt_hash)


def test_answers_come_back_and_only_to_the_same_prompt(tmp_path):
    kept = [prediction(i) for i in range(3)]
    AnswerCache(tmp_path, SPEAKER).add(kept)
    cache = AnswerCache(tmp_path, SPEAKER)
    assert [looked_up(cache, one) for one in kept] == kept
    assert looked_up(cache, prediction(5)) is None
    assert cache.get(kept[0].key, kept[0].document_hash, "another prompt") is None
    assert cache.get(kept[0].key, "another document", kept[0].prompt_hash) is None


@pytest.mark.parametrize("change", [{"content": "abd"}, {"version": 2}, {"generation": {}}])
def test_another_speaker_has_another_file(tmp_path, change):
    AnswerCache(tmp_path, SPEAKER).add([prediction(0)])
    assert looked_up(AnswerCache(tmp_path, SPEAKER | change), prediction(0)) is None


def test_a_torn_end_is_cut_and_the_rest_kept(tmp_path):
    cache = AnswerCache(tmp_path, SPEAKER)
    cache.add([prediction(0), prediction(1)])
    cache.path.write_bytes(cache.path.read_bytes()[:-20])
    again = AnswerCache(tmp_path, SPEAKER)
    assert looked_up(again, prediction(0)) == prediction(0)
    assert looked_up(again, prediction(1)) is None
    again.add([prediction(1)])
    assert len(AnswerCache(tmp_path, SPEAKER)) == 2


def poison_an_answer(path):
    path.write_bytes(path.read_bytes().replace(b'"PASS"', b'"FAIL"'))


def poison_the_speaker(path):
    path.write_bytes(path.read_bytes().replace(b'"abc"', b'"xyz"', 1))


@pytest.mark.parametrize("poison", [poison_an_answer, poison_the_speaker])
def test_a_poisoned_file_is_refused(tmp_path, poison):
    cache = AnswerCache(tmp_path, SPEAKER)
    cache.add([prediction(i) for i in range(3)])
    before = cache.path.read_bytes()
    poison(cache.path)
    assert cache.path.read_bytes() != before
    with pytest.raises(RunFolderError, match="was changed from outside; remove the file"):
        AnswerCache(tmp_path, SPEAKER)


def test_a_base_is_asked_once_and_never_speaks_for_another_model(
    tiny_base, tiny_adapter, tmp_path, capsys, monkeypatch
):
    asked = []
    monkeypatch.setattr(open_requests, "DOCUMENTS_PER_WINDOW", 4)
    real = TransformersEngine._answer
    monkeypatch.setattr(
        TransformersEngine,
        "_answer",
        lambda self, batch: (asked.extend(q for q in batch if q.generations), real(self, batch)),
    )

    def answers(model, out, limit):
        asked.clear()
        arguments = ("--tasks", "factworld", "--limit", limit, "--gen-kwargs", "max_gen_toks=8")
        where = ("--batch-size", 4, "--cache", tmp_path / "cache", "--out", tmp_path / out)
        assert typed(capsys, "run", model, *arguments, *where)[0] == 0
        path = tmp_path / out / "predictions" / "factworld.jsonl"
        return list(read_predictions(path)), len(asked)

    first, count = answers(tiny_base, "first", 10)
    assert count == 10
    again, count = answers(tiny_base, "again", 10)
    assert (again, count) == (first, 0)
    more, count = answers(tiny_base, "more", 14)
    assert count == 6, "the third window was known in part, so it was asked whole"
    assert more[:8] == first[:8]
    _, count = answers(tiny_adapter, "adapter", 10)
    assert count == 10
    swapped = tmp_path / "swapped"
    shutil.copytree(tiny_base, swapped)
    shutil.copy(build_tiny_model(tmp_path / "other", seed=9) / "model.safetensors", swapped)
    _, count = answers(swapped, "of-swapped", 10)
    assert count == 10


def test_a_poisoned_cache_stops_the_command_with_one_line(tiny_base, tmp_path, capsys):
    command = (
        "run", tiny_base, "--tasks", "factworld", "--limit", "4", "--gen-kwargs", "max_gen_toks=4",
        "--cache", tmp_path / "cache", "--out",
    )  # fmt: skip
    assert typed(capsys, *command, tmp_path / "one")[0] == 0
    (path,) = (tmp_path / "cache").glob("*.jsonl")
    head, line, *rest = path.read_text().splitlines()
    checksum, _, text = line.partition(" ")
    forged = json.dumps(json.loads(text) | {"response": "LABEL=NA"})
    path.write_text("\n".join([head, f"{checksum} {forged}", *rest]) + "\n")
    assert "jsonl:2: was changed from outside" in fails(capsys, *command, tmp_path / "two")
