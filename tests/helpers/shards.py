"""Runs in shards for tests, written as `saeval run --shard` writes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from builders import prediction

from saeval.evalsuite.config import Shard
from saeval.evalsuite.store.hashing import hash_text
from saeval.evalsuite.store.manifest import Proof, RunManifest
from saeval.evalsuite.store.prediction import Prediction
from saeval.evalsuite.store.run_folder import PredictionFile, lock_run_folder
from saeval.evalsuite.store.shards import shard_folder, shard_of

SCORES = [[-0.5, -1.0, -2.0], [-0.25, -1.5, -3.0]]


def clustered(number: int) -> Prediction:
    """An answer to an item that shares its cluster with two others."""
    return prediction(number, ("PASS", "FAIL", "NA")[number % 3], cluster_id=f"page {number // 3}")


def answers(n_items: int = 30) -> list[Prediction]:
    """In an order that is not that of their ids."""
    return sorted(map(clustered, range(n_items)), key=lambda own: hash_text(own.item_id))


def proof(**changed: Any) -> Proof:
    """Of a base that moved by nothing."""
    fields: dict[str, Any] = {
        "prompts": "p" * 64,
        "scores": SCORES,
        "base_moved": {"again": 0.0, "end": 0.0},
        "floor": 1e-5,
        "ended": True,
    }
    return Proof(**fields | changed)


def write_run(
    folder: Path,
    given: Sequence[Prediction],
    whole: Sequence[Prediction] | None = None,
    shard: Shard | None = None,
    **changed: Any,
) -> Path:
    """A run folder; `whole` are the answers to all items where these are those of a shard."""

    def documents(own: Sequence[Prediction]) -> str:
        return hash_text("".join(str(one.document_hash) for one in own))

    facts: dict[str, Any] = {"version": 1, "items": len(given), "documents": documents(given)}
    identity: dict[str, Any] = {
        "model": {"name": "qwen", "content": "c" * 64, "adapter_content": None},
        "engine": {"name": "transformers", "device": "cpu", "dtype": "float32"},
        "sampling": {"seed": 43, "per_label": None, "limit": 30},
        "generation": {}, "samples": 1, "chat_template": False, "system": None,
    }  # fmt: skip
    if shard is not None:
        assert whole is not None
        identity["shard"] = {"number": shard.number, "of": shard.of}
        facts["whole"] = {"items": len(whole), "documents": documents(whole)}
    content: dict[str, Any] = {
        "schema": RunManifest.SCHEMA,
        "kind": "run",
        "identity": identity | changed.pop("identity", {}),
        "tasks": {"fever": facts | changed.pop("facts", {})},
        "model": {"argument": "Qwen/Qwen3-8B"},
        "checksums": "sha256",
        "proof": proof().model_dump(mode="json"),
        "sessions": [{"items": len(given), "seconds": {"answer": 1.5}}],
    }
    manifest = RunManifest.model_validate({**content, **changed})
    with lock_run_folder(folder, manifest), PredictionFile(folder, "fever").open() as append:
        append(given)
    return folder


def write_shards(parent: Path, given: Sequence[Prediction], n_shards: int) -> list[Path]:
    """The folders of all shards, in the order of their numbers."""
    return [
        write_run(
            shard_folder(parent, Shard(number, n_shards)),
            of_shard(given, Shard(number, n_shards)),
            given,
            Shard(number, n_shards),
        )
        for number in range(1, n_shards + 1)
    ]


def of_shard(given: Sequence[Prediction], shard: Shard) -> list[Prediction]:
    """The answers to the items of one shard."""
    return [p for p in given if shard_of(p.cluster_id or p.item_id, shard.of) == shard.number]
