"""A run put together from the run folders of its shards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from saeval.errors import InputError
from saeval.evalsuite.config import Shard
from saeval.evalsuite.store.manifest import (
    SAME,
    Proof,
    RunManifest,
    TaskFacts,
    read_manifest,
)
from saeval.evalsuite.store.probe_scores import TOLERANCE, distance
from saeval.evalsuite.store.run_files import read_answers
from saeval.evalsuite.store.run_folder import RunPredictions, why_unfinished
from saeval.evalsuite.store.shards import (
    differing_fields,
    list_numbers,
    shard_of,
    whole_identity,
)
from saeval.evalsuite.store.table import PredictionTable, by_task, order_of
from saeval.terminal_text import quoted

_FIRST_DIFFERENCES = 3
_Shards = Mapping[int, tuple[Path, RunManifest]]


def read_shards(folders: Sequence[Path], name: str) -> RunPredictions:
    """The answers of all shards of a run as one run, in the order of their items' ids.

    Parameters
    ----------
    folders
        Of the shards, in any order.
    name
        What to call them in messages.

    Raises
    ------
    InputError
        If a folder is no shard; a shard is missing, not finished, there twice or of another run;
        an item is in the wrong shard or in two; or two shards were answered by two models.
    """
    of, shards = _number(folders, name)
    _check_finished(of, shards, name)
    (_, first), *others = shards.values()
    for path, manifest in others:
        if different := differing_fields(first, manifest):
            texts = "; ".join(different[:_FIRST_DIFFERENCES]).replace(" now)", " here)")
            raise InputError(
                f"{path}: is of another run than {shards[1][0]}: it differs in {texts}; ask all "
                "shards with the same options, data and model"
            )
    tables = [
        _check_place(path, Shard(number, of), read_answers(path, task))
        for task in first.tasks
        for number, (path, _) in shards.items()
    ]
    predictions = {
        task: table.take(order_of(table.keys_column(samples=True)))
        for task, table in by_task(tables, name).items()
    }
    return RunPredictions(
        shards[1][0].parent,
        _joined_manifest(shards, name),
        predictions,
        tuple(path for path, _ in shards.values()),
    )


def _number(folders: Sequence[Path], name: str) -> tuple[int, _Shards]:
    """How many there should be, and those that are there by their numbers."""
    shards: dict[int, tuple[Path, RunManifest]] = {}
    first: tuple[Path, Shard] | None = None
    for path in folders:
        manifest = read_manifest(path)
        if manifest.kind != "run" or (shard := manifest.shard) is None:
            raise InputError(
                f"{name}: {path.name} is no shard of a run; give shards together, and whole runs "
                "one by one"
            )
        first = first or (path, shard)
        if shard.of != first[1].of:
            raise InputError(
                f"{name}: holds {first[1]} ({first[0].name}) and {shard} ({path.name}), which are "
                "of two splits; give the shards of one"
            )
        if shard.number in shards:
            raise InputError(
                f"{name}: {shard} is there twice, in {shards[shard.number][0]} and {path}; give "
                "one of them"
            )
        shards[shard.number] = path, manifest
    if first is None:
        raise InputError(f"{name}: holds no shard of a run")
    return first[1].of, dict(sorted(shards.items()))


def _check_finished(of: int, shards: _Shards, name: str) -> None:
    problems = []
    missing = set(range(1, of + 1)) - shards.keys()
    if missing:
        problems.append(
            f"{list_numbers(missing, of)} {'is' if len(missing) == 1 else 'are'} missing"
        )
    unfinished: dict[int, str] = {}
    for number, (path, manifest) in shards.items():
        reason = why_unfinished(path, manifest)
        has_items = any(facts.items for facts in manifest.tasks.values())
        if reason is None and has_items and manifest.proof is None:
            reason = "its manifest does not say what was proven of its model"
        if reason is not None:
            unfinished[number] = reason
            problems.append(f"shard {number} of {of} is not finished ({reason})")
    tasks = {task for _, manifest in shards.values() for task in manifest.tasks}
    for number, (_, manifest) in shards.items():
        if number not in unfinished and (lacks := sorted(tasks - manifest.tasks.keys())):
            unfinished[number] = f"no answers of task {lacks[0]}"
            problems.append(f"shard {number} of {of} was not asked task {lacks[0]}")
    if problems:
        again = ", ".join(f"--shard {n}/{of}" for n in sorted(missing | unfinished.keys())[:8])
        raise InputError(
            f"{name}: {'; '.join(problems[:4])}; give the same `saeval run` with {again}"
        )


def _check_place(path: Path, shard: Shard, table: PredictionTable) -> PredictionTable:
    """Stop at an item that is of another shard."""
    known: dict[str, int] = {}
    clusters = table.columns["cluster_id"].to_pylist()
    for item, cluster in zip(table.ids(), clusters, strict=True):
        unit = cluster or item
        if unit not in known:
            known[unit] = shard_of(unit, shard.of)
        if known[unit] != shard.number:
            task = quoted(table.distinct("task")[0])
            raise InputError(
                f"{path}: item {quoted(item)} of task {task} is of shard {known[unit]} of "
                f"{shard.of} and stands in shard {shard.number}; the file was changed from "
                "outside, or another version of saeval wrote it: remove the folder and run it again"
            )
    return table


def _joined_manifest(shards: _Shards, name: str) -> RunManifest:
    manifests = [manifest for _, manifest in shards.values()]
    first = manifests[0]
    tasks = {}
    for task, facts in first.tasks.items():
        n_items = sum(manifest.tasks[task].items for manifest in manifests)
        if facts.whole is None or n_items != facts.whole.items:
            n_asked = "an unknown number" if facts.whole is None else facts.whole.items
            raise InputError(
                f"{name}: the shards hold {n_items} items of task {task}, and {n_asked} were to be "
                "asked; ask all shards with one version of saeval"
            )
        tasks[task] = TaskFacts.model_validate(
            facts.model_dump(exclude_unset=True, exclude={"whole"})
            | facts.whole.model_dump(exclude_unset=True)
        )
    update = {
        "identity": whole_identity(first),
        "tasks": tasks,
        "sessions": [session for manifest in manifests for session in manifest.sessions],
        "shards": len(manifests),
    }
    if (proof := _joined_proof(shards, name)) is not None:
        update["proof"] = proof
    content = first.model_copy(update=update).model_dump(
        by_alias=True, exclude_unset=True, exclude={"parquet"}
    )
    return RunManifest.model_validate(content)


def _joined_proof(shards: _Shards, name: str) -> Proof | None:
    """What holds of every shard, and how far apart they are; None where none has an item.

    Raises
    ------
    InputError
        If two gave the same prompts other log-probabilities than one model does.
    """
    proofs = {number: own.proof for number, (_, own) in shards.items() if own.proof is not None}
    if not proofs:
        return None
    (one, first), *others = proofs.items()
    moved = {key: max(p.base_moved.get(key, 0.0) for p in proofs.values()) for key in _keys(proofs)}
    for number, proof in others:
        if proof.prompts != first.prompts or not (all(proof.scores) and all(first.scores)):
            continue
        apart = distance(first.scores, proof.scores)
        if apart > TOLERANCE["bfloat16"]:
            raise InputError(
                f"{name}: shards {one} and {number} were answered by two models: label "
                f"log-probabilities are {apart:.3g} apart on the same {len(first.scores)} probe "
                "prompts; ask all shards of one model"
            )
        moved["between_shards"] = max(apart, moved.get("between_shards", 0.0))
    distances = [p.distance_to_base for p in proofs.values() if p.distance_to_base is not None]
    return first.model_copy(
        update={
            "base_moved": moved,
            "floor": max(SAME, *moved.values(), *(p.floor for p in proofs.values())),
            "distance_to_base": min(distances, default=None),
        }
    )


def _keys(proofs: Mapping[int, Proof]) -> list[str]:
    return list(dict.fromkeys(key for proof in proofs.values() for key in proof.base_moved))
