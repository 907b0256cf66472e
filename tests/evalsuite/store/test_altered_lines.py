"""An answer that was altered, torn or taken from another run is noticed, or asked anew."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from random import Random

import pytest
from builders import LABELS, prediction, run_folder
from command_line import fails, typed
from forked import Forked, die_while_writing

from saeval.errors import InputError, RunFolderError
from saeval.evalsuite.store.cache import AnswerCache
from saeval.evalsuite.store.manifest import RunManifest, read_manifest
from saeval.evalsuite.store.prediction import read_predictions
from saeval.evalsuite.store.run_folder import PredictionFile, lock_run_folder, read_run

OLD = Path(__file__).parents[2] / "data" / "folders-0.1.0"
N = 6


def make_run(folder: Path, name: str = "qwen") -> Path:
    """A finished run whose lines have checksums, and the file of its answers."""
    before = read_manifest(
        run_folder(folder.with_name(f"{folder.name}-before"), items=N, name=name)
    )
    manifest = before.model_copy(update={"checksums": "sha256"})
    answers = [prediction(number, LABELS[number % 3]) for number in range(N)]
    with lock_run_folder(folder, manifest), PredictionFile(folder, "fever").open() as append:
        append(answers)
    assert read_run(folder).predictions["fever"] == {p.key: p for p in answers}
    return folder / "predictions" / "fever.jsonl"


def test_whatever_byte_of_an_answer_changes_it_is_noticed(tmp_path):
    """Any byte of any line, another one in its place, one left out, one put in."""
    path = make_run(tmp_path / "run")
    whole, random = path.read_bytes(), Random(0)
    assert read_run(tmp_path / "run")
    n_noticed = 0
    for _ in range(400):
        at = random.randrange(len(whole) - 1)
        put = random.choice([b"", bytes([random.randrange(32, 127)]), whole[at : at + 1] * 2])
        changed = whole[:at] + put + whole[at + 1 :]
        if changed.split() == whole.split():  # an empty line more
            continue
        path.write_bytes(changed)
        with pytest.raises(InputError):
            read_run(tmp_path / "run")
        with pytest.raises((InputError, RunFolderError)):
            PredictionFile(tmp_path / "run", "fever").finished(
                {(f"item-{i:03}", 0): prediction(i).document_hash for i in range(N)}
            )
        n_noticed += 1
    assert n_noticed > 350


def test_an_altered_verdict_is_noticed_by_every_way_in(tmp_path, capsys):
    """By its folder and by its file, by compare and by gate."""
    path = make_run(tmp_path / "run")
    text = path.read_text()
    altered = text.replace('"prediction": "FAIL"', '"prediction": "PASS"', 1).replace(
        '"correct": true', '"correct": false', 2
    )
    path.write_text(altered)
    out = tmp_path / "out"
    for given in (tmp_path / "run", path):
        for command in ("compare", "gate"):
            message = fails(capsys, command, given, OLD / "run", "--out", out)
            assert f"{path}:" in message
            assert "was altered after it was written" in message
    assert not out.exists()


def test_answers_of_another_run_and_another_manifest_do_not_fit(tmp_path):
    path, other = make_run(tmp_path / "run"), make_run(tmp_path / "other", name="llama")
    kept = path.read_bytes()
    path.write_bytes(other.read_bytes())
    with pytest.raises(InputError, match=r"fever\.jsonl:1: .* is of another run"):
        read_run(tmp_path / "run")
    path.write_bytes(kept)
    manifest = tmp_path / "run" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"seed": 43', '"seed": 44'))
    with pytest.raises(InputError, match=r"fever\.jsonl:1: .* or manifest\.json was altered"):
        read_run(tmp_path / "run")


def test_a_line_without_its_checksum_is_noticed_and_a_file_elsewhere_needs_none(tmp_path):
    path = make_run(tmp_path / "run")
    answers = list(read_predictions(path))
    bare = "".join(answer.to_line() for answer in answers)
    elsewhere = tmp_path / "elsewhere.jsonl"
    for content in (bare, path.read_text()):
        elsewhere.write_text(content)
        assert list(read_predictions(elsewhere)) == answers
    rewritten = [
        json.dumps(json.loads(line), sort_keys=True) for line in path.read_text().splitlines()
    ]
    elsewhere.write_text("\n".join(rewritten))
    assert [p.response for p in read_predictions(elsewhere)] == [p.response for p in answers]
    path.write_text(bare)
    with pytest.raises(InputError, match="checksum does not fit"):
        read_run(tmp_path / "run")


def test_a_folder_of_saeval_0_1_is_read_with_a_note(tmp_path, capsys):
    code, _, said = typed(
        capsys, "compare", OLD / "run", OLD / "run", "--replicates", 1000, "--out", tmp_path / "out"
    )
    assert code == 0
    assert "run: its answers have no checksums (saeval 0.1 wrote none)" in " ".join(said.split())
    path = make_run(tmp_path / "run")
    _, _, said = typed(
        capsys, "compare", tmp_path / "run", path, "--replicates", 1000, "--out", tmp_path / "out2"
    )
    assert "no checksums" not in said


def test_the_manifest_says_what_it_has(tmp_path):
    make_run(tmp_path / "run")
    assert RunManifest.read(tmp_path / "run" / "manifest.json").checksums == "sha256"
    assert read_manifest(OLD / "run").checksums is None


SPEAKER = {"content": "abc"}


def test_two_writers_of_a_cache_and_one_killed_in_the_middle_of_a_line(tmp_path):
    """The other has the file open all the time, and goes on behind the torn line."""
    ours = AnswerCache(tmp_path, SPEAKER)
    ours.add([prediction(0)])
    for number in (1, 2, 3):

        def write(arguments: list[str], number: int = number) -> None:
            AnswerCache(tmp_path, SPEAKER).add(
                [prediction(10 * number), prediction(10 * number + 1)]
            )

        killed = Forked((), tmp_path / "log", die_while_writing(tmp_path.name, 2, 9), write)
        assert killed.wait() == -signal.SIGKILL
        assert not ours.path.read_bytes().endswith(b"\n"), "a line was torn"
        ours.add([prediction(number)])
    known = AnswerCache(tmp_path, SPEAKER)
    assert {key for key, _ in known._answers} == {
        f"item-{number:03}" for number in (0, 1, 2, 3, 10, 20, 30)
    }


@pytest.mark.parametrize("kept", [1, 40, 64, 65, 80, 300])
def test_what_follows_a_torn_line_is_kept_where_locks_did_not_help(tmp_path, kept):
    """As on a file system without locks: one appends right behind what another was writing."""
    cache = AnswerCache(tmp_path, SPEAKER)
    cache.add([prediction(0), prediction(1), prediction(2)])
    head, first, second, third = cache.path.read_bytes().splitlines(keepends=True)
    cache.path.write_bytes(head + first + second[:kept] + third)
    known = AnswerCache(tmp_path, SPEAKER)
    assert [key for key, _ in known._answers] == ["item-000", "item-002"]
    known.add([prediction(1)])
    assert len(AnswerCache(tmp_path, SPEAKER)) == 3


def test_whatever_byte_of_a_cached_answer_changes_it_is_noticed(tmp_path):
    cache = AnswerCache(tmp_path, SPEAKER)
    cache.add([prediction(number) for number in range(3)])
    whole, random = cache.path.read_bytes(), Random(1)
    start = whole.index(b"\n") + 1
    for _ in range(200):
        at = random.randrange(start, len(whole) - 1)
        if whole[at : at + 1] == b"\n":
            continue
        cache.path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 or 1]) + whole[at + 1 :])
        with pytest.raises((RunFolderError, InputError)):
            AnswerCache(tmp_path, SPEAKER)
