"""Baselines as files: what is pinned, where it is kept, and what is refused."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from builders import run_folder
from command_line import SAEVAL, fails, typed
from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import known_implementations

from saeval.errors import InputError
from saeval.evalsuite.store import baseline_stores
from saeval.evalsuite.store.baseline_stores import open_store


@pytest.fixture
def run(tmp_path):
    return run_folder(tmp_path / "run")


@pytest.fixture(params=["folder", "memory", "file"])
def store(request, tmp_path, monkeypatch):
    """A local folder, and file systems of fsspec behind a URL."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    address = {
        "folder": str(tmp_path / "store"),
        "memory": f"memory://{tmp_path.name}/store",
        "file": f"file://{tmp_path}/shared/store",
    }[request.param]
    monkeypatch.setenv("SAEVAL_BASELINES", address)
    yield address
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]


def content_of(store: Path, name: str = "main") -> Path:
    """Where a store has a baseline's files: a URL has them in a folder of their own."""
    (manifest,) = (store / name).rglob("manifest.json")
    return manifest.parent


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_saved_listed_shown_and_compared(run, store, tmp_path, capsys):
    assert typed(capsys, "baseline", "list")[1].startswith(f"No baselines in {store}; ")
    code, _, err = typed(capsys, "baseline", "save", "main", run)
    assert code == 0
    assert f"Saved main in {store}: fever (30 items), " in err
    assert "Use it: saeval gate baseline:main CHECKPOINT --tasks fever --limit 30" in err
    _, listed, _ = typed(capsys, "baseline", "list")
    assert re.search(
        r"^main +qwen +fever \(30 items\) +\d{4}-\d\d-\d\d \d\d:\d\d +[\d.]+ kB", listed, re.M
    )
    code, shown, _ = typed(capsys, "baseline", "show", "main")
    assert code == 0
    for line in (
        "model                         qwen (Qwen/Qwen3-8B)",
        f"content                       {'c' * 64}",
        "engine                        transformers cpu float32",
        "items                         seed 43, limit 30",
        "chat template                 not applied",
        "answered                      2026-01-02T03:04:05+00:00",
        f"task fever                    version 1, 30 items, max_gen_toks=8, documents {'d' * 64}",
    ):
        assert line in shown.splitlines()
    assert re.search(
        r"file predictions/fever.jsonl +intact, [\d.]+ kB, SHA-256 [0-9a-f]{64}", shown
    )
    out = tmp_path / "out"
    code, table, _ = typed(
        capsys, "compare", "baseline:main", run, "--replicates", 1000, "--out", out
    )
    assert code == 0
    assert "qwen → qwen" in table
    assert json.loads((out / "comparison.json").read_text())["base"]["source"] == "baseline:main"


def test_the_same_answers_are_the_same_bytes_whenever_and_in_what_order_they_came(tmp_path, capsys):
    for name, backwards in (("one", False), ("two", True)):
        folder = run_folder(tmp_path / f"run-{name}", backwards=backwards)
        typed(capsys, "baseline", "save", name, folder, "--store", tmp_path / "store")
    one, two = (files_of(tmp_path / "store" / name) for name in ("one", "two"))
    assert one.keys() == {"baseline.json", "manifest.json", "predictions/fever.jsonl"}
    assert {name for name in one if one[name] != two[name]} == {"baseline.json"}


def test_another_baseline_of_the_name_is_replaced_only_when_told_to(run, store, tmp_path, capsys):
    assert typed(capsys, "baseline", "save", "main", run)[0] == 0
    record = open_store(store).read("main", "baseline.json")
    assert "Is pinned already: main" in typed(capsys, "baseline", "save", "main", run)[2]
    assert open_store(store).read("main", "baseline.json") == record
    other = run_folder(tmp_path / "other", items=12)
    message = fails(capsys, "baseline", "save", "main", other)
    assert f"baseline 'main' is in {store} already" in message
    assert "give --replace to put this in its place" in message
    assert open_store(store).read("main", "baseline.json") == record
    assert typed(capsys, "baseline", "save", "main", other, "--replace")[0] == 0
    assert "fever (12 items)" in typed(capsys, "baseline", "list")[1]
    assert "12 items" in typed(capsys, "baseline", "show", "main")[1]


def test_a_baseline_is_saved_under_another_name(run, store, capsys):
    typed(capsys, "baseline", "save", "candidate", run)
    assert typed(capsys, "baseline", "save", "main", "baseline:candidate")[0] == 0
    assert open_store(store).names() == ["candidate", "main"]


@pytest.mark.parametrize("name", ["../main", "a/b", ".hidden", "", "a..b", "a b", "-x", "x" * 101])
def test_names_that_are_paths_or_worse_are_refused(name, run, tmp_path, capsys):
    store = tmp_path / "store"
    message = fails(capsys, "baseline", "save", "--store", store, "--", name, run)
    assert "a name is of letters, digits" in message
    assert not store.exists()
    assert "a name is of letters" in fails(capsys, "compare", f"baseline:{name}", run)


def test_an_unknown_baseline_is_one_line_with_those_there_are(run, store, capsys):
    typed(capsys, "baseline", "save", "main", run)
    message = fails(capsys, "gate", "baseline:mian", run)
    assert f"baseline 'mian': is not in {store}, which holds main; " in message
    assert "SAEVAL_BASELINES says where they are" in message


def change(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"FAIL"', b'"PASS"', 1))


def remove(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("file", ["manifest.json", "predictions/fever.jsonl"])
@pytest.mark.parametrize(("harm", "said"), [(change, "SHA-256 differs"), (remove, "is missing")])
@pytest.mark.parametrize("remote", [False, True])
def test_a_changed_or_missing_file_is_named(
    run, tmp_path, capsys, monkeypatch, file, harm, said, remote
):
    store = f"file://{tmp_path}/store" if remote else str(tmp_path / "store")
    monkeypatch.setenv("SAEVAL_BASELINES", store)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    typed(capsys, "baseline", "save", "main", run)
    path = content_of(tmp_path / "store") / file
    if harm is change and file == "manifest.json":
        path.write_text(path.read_text().replace('"seed": 43', '"seed": 44'))
    else:
        harm(path)
    out = tmp_path / "out"
    message = fails(capsys, "gate", "baseline:main", run, "--out", out)
    assert message.startswith(f"Error: {store}/main/{file}: ")
    assert said in message
    assert not out.exists()
    code, shown, err = typed(capsys, "baseline", "show", "main")
    assert code == 2
    assert f"{store}/main/{file}: " in err
    if not remote:
        assert re.search(rf"file {file} +(CHANGED|MISSING), ", shown)
        assert file in fails(capsys, "gate", tmp_path / "store" / "main", run, "--out", out)
        assert typed(capsys, "baseline", "save", "main", run)[0] == 0
        assert typed(capsys, "baseline", "show", "main")[0] == 0


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ("not JSON", "not JSON"),
        ("{}", "not a manifest of schema saeval.baseline/1"),
        ('{"schema": "saeval.baseline/2"}', "not a manifest of schema saeval.baseline/1"),
        ("files", "String should match pattern"),
        ("name", "is of baseline 'other', not 'main'"),
        ("unpinned", "pins no manifest.json"),
    ],
)
def test_a_bad_record_is_named_and_does_not_hide_the_others(run, tmp_path, capsys, record, said):
    store = tmp_path / "store"
    for name in ("main", "sound"):
        typed(capsys, "baseline", "save", name, run, "--store", store)
    path = store / "main" / "baseline.json"
    content = json.loads(path.read_text())
    if record == "files":
        content["files"]["../../secret"] = content["files"].pop("predictions/fever.jsonl")
    elif record == "name":
        content["name"] = "other"
    elif record == "unpinned":
        del content["files"]["manifest.json"]
    path.write_text(json.dumps(content) if record in ("files", "name", "unpinned") else record)
    message = fails(capsys, "baseline", "show", "main", "--store", store)
    assert message.startswith(f"Error: {path}: ")
    assert said in message
    code, listed, _ = typed(capsys, "baseline", "list", "--store", store)
    assert code == 0
    assert re.search(r"^sound +qwen", listed, re.M)
    assert typed(capsys, "baseline", "save", "main", run, "--replace", "--store", store)[0] == 0
    assert typed(capsys, "baseline", "show", "main", "--store", store)[0] == 0


def test_predictions_that_are_not_pinned_are_refused(run, tmp_path, capsys):
    store = tmp_path / "store"
    typed(capsys, "baseline", "save", "main", run, "--store", store)
    path = store / "main" / "baseline.json"
    content = json.loads(path.read_text())
    del content["files"]["predictions/fever.jsonl"]
    path.write_text(json.dumps(content))
    message = fails(capsys, "compare", store / "main", run)
    assert "predictions/fever.jsonl: is not pinned in baseline.json" in message


def test_a_remote_baseline_is_fetched_once(run, tmp_path, capsys, monkeypatch):
    store = f"file://{tmp_path}/store"
    monkeypatch.setenv("SAEVAL_BASELINES", store)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    typed(capsys, "baseline", "save", "main", run)
    first = open_store(store).folder("main")
    assert files_of(first) == files_of(content_of(tmp_path / "store"))
    shutil.rmtree(content_of(tmp_path / "store") / "predictions")
    assert open_store(store).folder("main") == first, "nothing but the record was asked for"
    change(first / "predictions" / "fever.jsonl")
    with pytest.raises(InputError, match=r"fever\.jsonl: is missing"):
        open_store(store).folder("main")
    assert not first.exists(), "what was changed in the cache is not kept"


def test_another_process_finds_a_remote_baseline(run, tmp_path, monkeypatch):
    monkeypatch.setenv("SAEVAL_BASELINES", f"file://{tmp_path}/store")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for arguments in (["save", "main", run], ["show", "main"]):
        subprocess.run([SAEVAL, "baseline", *arguments], check=True, capture_output=True)
    compare = [SAEVAL, "compare", "baseline:main", run, "--replicates", "1000"]
    subprocess.run([*compare, "--out", tmp_path / "out"], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nosuch://bucket/x", "nosuch://bucket/x: cannot be used (ValueError: Protocol not known"),
        ("ftp://me:secret@host/x", "a store's address must hold no password"),
        ("https://secret@host/x", "a store's address must hold no password"),
        ("https://host/x?sig=secret", "a store's address must hold no password"),
        ("s3://b/x?a=1&X-Amz-Signature=secret", "a store's address must hold no password"),
        ("simplecache::https://me:secret@host/x", "a store's address must hold no password"),
        ("ftp://me:secret@[host/x", "a store's address cannot be read"),
    ],
)
def test_a_url_that_cannot_be_used_is_one_line(run, capsys, url, said):
    for arguments in (["list"], ["show", "main"], ["save", "main", run]):
        message = fails(capsys, "baseline", *arguments, "--store", url)
        assert said in message
        assert "secret" not in message


def test_a_missing_driver_is_one_line(run, capsys, monkeypatch):
    """A name registered for a module that is not there, as s3 is for s3fs."""
    entry = {"class": "no_such_driver.FileSystem", "err": "Install no-such-driver to access it"}
    monkeypatch.setitem(known_implementations, "driverless", entry)
    message = fails(capsys, "baseline", "save", "main", run, "--store", "driverless://bucket/x")
    assert "driverless://bucket/x: Install no-such-driver to access it" in message


def test_half_a_baseline_is_never_listed(run, store, tmp_path, capsys, monkeypatch):
    """The disk or the network gives up before the record is written."""
    other = run_folder(tmp_path / "other", items=12)
    typed(capsys, "baseline", "save", "kept", run)

    full = OSError(28, "No space left on device")
    write_whole, pipe_file = baseline_stores.write_atomic, AbstractFileSystem.pipe_file

    def write_to_folder(path, content):
        if path.name == "fever.jsonl":
            raise full
        return write_whole(path, content)

    def write_to_url(self, path, content):
        if path.endswith("fever.jsonl.next"):
            raise full
        pipe_file(self, path, content)

    before = files_of(tmp_path)
    monkeypatch.setattr(baseline_stores, "write_atomic", write_to_folder)
    for system in (LocalFileSystem, MemoryFileSystem):
        monkeypatch.setattr(system, "pipe_file", write_to_url)
    for name in ("new", "kept"):
        code, _, said = typed(capsys, "baseline", "save", name, other, "--replace")
        assert code == (2 if "://" in store else 74)
        assert "No space left on device" in said
    assert open_store(store).names() == ["kept"]
    if "://" not in store:
        assert {n for n in files_of(tmp_path) if ".lock" not in n} == {
            n for n in before if ".lock" not in n
        }
    monkeypatch.undo()
    monkeypatch.setenv("SAEVAL_BASELINES", store)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert "30 items" in typed(capsys, "baseline", "show", "kept")[1]
    for name in ("kept", "new"):
        assert typed(capsys, "baseline", "save", name, other, "--replace")[0] == 0
        assert "12 items" in typed(capsys, "baseline", "show", name)[1]


def test_a_folder_that_is_no_baseline_is_left_alone(run, tmp_path, capsys):
    own = tmp_path / "store" / "main" / "thesis.txt"
    own.parent.mkdir(parents=True)
    own.write_text("mine")
    for option in ([], ["--replace"]):
        message = fails(
            capsys, "baseline", "save", "main", run, "--store", tmp_path / "store", *option
        )
        assert "exists and is no baseline; choose another name" in message
    assert own.read_text() == "mine"


def test_only_a_run_folder_can_be_pinned(run, tmp_path, capsys):
    file = run / "predictions" / "fever.jsonl"
    message = fails(capsys, "baseline", "save", "main", file, "--store", tmp_path / "store")
    assert "only a run folder says how its answers were had" in message
    message = fails(
        capsys, "baseline", "save", "main", run, "--limit", 3, "--store", tmp_path / "store"
    )
    assert "--limit: has no effect on answers that exist already" in message
    assert not (tmp_path / "store").exists()
