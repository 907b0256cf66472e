from __future__ import annotations

import subprocess
import sys

import pytest
from builders import prediction

from saeval.errors import InputError, RunFolderError
from saeval.evalsuite.store.manifest import MANIFEST, RunManifest, TaskFacts, read_manifest
from saeval.evalsuite.store.run_folder import PredictionFile, lock_run_folder

EXPECTED = {(f"item-{i:03}", 0): prediction(i).document_hash for i in range(5)}


def append(kept, *predictions):
    with kept.open() as write:
        write(predictions)


def manifest(tasks=("fever",), **identity):
    return RunManifest(
        schema=RunManifest.SCHEMA,
        kind="run",
        identity={"model": {"name": "m"}, **identity},
        tasks={name: {"version": 1, "items": 5} for name in tasks},
    )


@pytest.fixture
def file(tmp_path):
    kept = PredictionFile(tmp_path, "fever")
    append(kept, *(prediction(i) for i in range(3)))
    return kept


def test_finished_lines_come_back(file):
    assert file.finished(EXPECTED) == set(list(EXPECTED)[:3])


@pytest.mark.parametrize("cut", [1, 30, 200])
def test_a_torn_last_line_is_cut_off_and_nothing_before_it_is_lost(file, cut):
    whole = file.path.read_bytes()
    torn = prediction(3).to_line().encode()[:-cut]
    file.path.write_bytes(whole + torn)
    assert len(file.finished(EXPECTED)) == 3
    assert file.path.read_bytes() == whole


def test_a_torn_line_in_the_middle_is_an_error_and_the_file_is_left_alone(file):
    lines = file.path.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1][:50] + b"\n"
    file.path.write_bytes(b"".join(lines))
    with pytest.raises(InputError, match=r"fever.jsonl:2: not JSON"):
        file.finished(EXPECTED)
    assert file.path.read_bytes() == b"".join(lines)


def test_other_items_than_the_sample_are_refused(file):
    with pytest.raises(RunFolderError, match="item 'item-001' is not of this sample"):
        file.finished({key: value for key, value in EXPECTED.items() if key[0] != "item-001"})


def test_answers_to_another_document_are_refused(file):
    with pytest.raises(RunFolderError, match="item 'item-000' is not of this sample"):
        file.finished(dict.fromkeys(EXPECTED, "0" * 64))


def test_an_item_answered_twice_is_refused(file):
    append(file, prediction(1))
    with pytest.raises(RunFolderError, match="item 'item-001' occurs twice"):
        file.finished(EXPECTED)


def test_a_folder_with_other_content_is_refused_and_untouched(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with (
        pytest.raises(
            RunFolderError, match=r"holds something that is not a saeval run \(thesis.txt\)"
        ),
        lock_run_folder(tmp_path, manifest()),
    ):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "out").write_text("mine")
    with (
        pytest.raises(RunFolderError, match="is no folder"),
        lock_run_folder(tmp_path / "out", manifest()),
    ):
        pass


def test_another_run_in_the_folder_is_refused_and_the_difference_named(tmp_path):
    with lock_run_folder(tmp_path, manifest(sampling={"seed": 43})):
        append(PredictionFile(tmp_path, "fever"), prediction(0))
    with (
        pytest.raises(RunFolderError, match=r"differs in sampling.seed \(43 there, 7 now\)"),
        lock_run_folder(tmp_path, manifest(sampling={"seed": 7})),
    ):
        pass


def test_a_run_that_failed_before_its_first_answer_does_not_stand_in_the_way(tmp_path):
    with lock_run_folder(tmp_path, manifest(sampling={"seed": 43})):
        PredictionFile(tmp_path, "fever")
    with lock_run_folder(tmp_path, manifest(sampling={"seed": 7})):
        assert read_manifest(tmp_path).identity["sampling"] == {"seed": 7}


def test_a_task_may_be_added_and_its_data_may_not_change(tmp_path):
    with lock_run_folder(tmp_path, manifest(("fever",))):
        pass
    append(PredictionFile(tmp_path, "fever"), prediction(0))
    with lock_run_folder(tmp_path, manifest(("vitaminc",))):
        assert set(read_manifest(tmp_path).tasks) == {"fever", "vitaminc"}
    task = TaskFacts(version=2, items=5)
    changed = manifest(("fever",)).model_copy(update={"tasks": {"fever": task}})
    with (
        pytest.raises(RunFolderError, match=r"task fever.version \(1 there, 2 now\)"),
        lock_run_folder(tmp_path, changed),
    ):
        pass


def test_a_second_process_is_refused_while_the_first_writes(tmp_path):
    code = (
        "from pathlib import Path\n"
        "from saeval.evalsuite.store.manifest import RunManifest\n"
        "from saeval.evalsuite.store.run_folder import lock_run_folder\n"
        f"m = RunManifest.parse({manifest().to_json().encode()!r}, 'm')\n"
        f"with lock_run_folder(Path({str(tmp_path)!r}), m): pass"
    )
    with lock_run_folder(tmp_path, manifest()):
        second = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "another saeval process is writing here" in second.stderr
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("content", ["{", "[]", '{"schema": "other"}'])
def test_a_strange_manifest_is_named(tmp_path, content):
    (tmp_path / MANIFEST).write_text(content)
    with pytest.raises(InputError, match=r"manifest.json: not"):
        read_manifest(tmp_path)
