"""What a server may have a worker ask."""

from __future__ import annotations

from pathlib import Path

import pytest

from saeval.evalsuite.client.wire import EvaluationRequest
from saeval.evalsuite.worker.permissions import AllowedModels, NotAllowedError, check_tasks


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Models in a folder that is allowed, others beside it, and links between them."""
    for name in ("allowed/step-1", "allowed/deep/step-2", "other/model", "org/name"):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
    (tmp_path / "allowed" / "secrets").mkdir()
    (tmp_path / "allowed" / "answers.jsonl").write_text("{}\n")
    (tmp_path / "allowed" / "link").symlink_to(tmp_path / "other" / "model")
    (tmp_path / "checkpoints").symlink_to(tmp_path / "allowed")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def is_allowed(model: object, *patterns: object) -> bool:
    try:
        AllowedModels([str(pattern) for pattern in patterns]).check(str(model))
    except NotAllowedError:
        return False
    return True


def test_without_patterns_it_is_the_hub_alone(place: Path) -> None:
    assert is_allowed("Qwen/Qwen3-8B")
    assert is_allowed("gpt2")
    for model in (
        place / "allowed" / "step-1",
        "org/name",  # a folder that is here
        "./org/name",
        "allowed/step-1",
        "../x",
        "~/x",
        "http://127.0.0.1:8000/v1#m",
        "HTTPS://host/v1#m",
        "file:///etc/passwd",
        "baseline:main",
        "runs/*.jsonl",
        "a,b",
        "https://evals.example/runs/x",
    ):
        assert not is_allowed(model), model


def test_folders_are_allowed_by_where_they_really_are(place: Path) -> None:
    for pattern in (place / "allowed" / "*", "./allowed/*", place / "checkpoints" / "*"):
        assert is_allowed(place / "allowed" / "step-1", pattern)
        assert is_allowed(place / "allowed" / "deep" / "step-2", pattern)
        assert is_allowed("checkpoints/step-1", pattern)
        assert is_allowed(place / "allowed" / "not-there-yet", pattern)
        for model in (
            place / "allowed" / "link",
            place / "allowed" / ".." / "other" / "model",
            place / "allowed" / "answers.jsonl",
            place / "allowed" / "secrets",
            place / "other" / "model",
            place / "allowed",
            "Qwen/Qwen3-8B",
        ):
            assert not is_allowed(model, pattern), model


def test_servers_and_hub_ids_are_allowed_by_their_patterns(place: Path) -> None:
    assert is_allowed("http://localhost:8000/v1#m", "http://localhost:8000/v1#*")
    assert not is_allowed("http://localhost:8001/v1#m", "http://localhost:8000/v1#*")
    assert not is_allowed("http://localhost:8000/v1#m", "Qwen/*", "/x/*")
    assert is_allowed("Qwen/Qwen3-8B", "Qwen/*")
    assert not is_allowed("qwen/Qwen3-8B", "Qwen/*")
    assert not is_allowed("org/name", "org/*x")
    assert is_allowed(place / "allowed" / "step-1", "*")
    assert not is_allowed("a,b", "*"), "files joined by a comma are no model"
    assert not is_allowed("baseline:main", "*")
    assert not is_allowed(place / "allowed" / "answers.jsonl", "*")


def test_tasks_are_registered_ones(place: Path) -> None:
    (place / "claims.yaml").write_text("task: claims\n")
    check_tasks(EvaluationRequest(model="m", tasks=("fever", "factworld")))
    for task in ("claims.yaml", "mmlu", "hellaswag", "fevr"):
        with pytest.raises(NotAllowedError, match="unknown task"):
            check_tasks(EvaluationRequest(model="m", tasks=("fever", task)))
