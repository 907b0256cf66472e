"""Predictions of made-up models by the million, for `bench_scale.py`.

Lines are what `Prediction.to_line` writes, from arrays: a million pairs take some twenty seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np

from saeval.evalsuite.store.hashing import hash_text

LABELS = ("PASS", "FAIL", "NA")
TASKS = ("fever", "vitaminc", "climatefever")
LEVELS = 21
CHUNK = 100_000

_WORDS = (
    *("the", "of", "in", "film", "city", "river", "born", "band", "album", "first", "state"),
    *("north", "war", "king", "league", "team", "island", "series", "station", "director"),
    *("novel", "county", "village", "award", "battle", "school", "century", "bridge", "museum"),
)


class Items(NamedTuple):
    """What is asked: the targets, how easy each item is, and the cluster that it belongs to."""

    target: np.ndarray
    easy: np.ndarray
    cluster: np.ndarray | None


class Answers(NamedTuple):
    """Labels (3 is invalid), confidences, and a probability for every label."""

    predicted: np.ndarray
    confidence: np.ndarray
    probabilities: np.ndarray | None


def make_items(n: int, seed: int, *, n_clusters: int = 0) -> Items:
    rng = np.random.default_rng([seed, n])
    cluster = rng.permutation(n) % n_clusters if n_clusters else None
    return Items(rng.integers(0, 3, n), rng.normal(size=n), cluster)


def make_answers(
    items: Items, accuracy: float, seed: int, *, continuous: bool, probabilities: bool = False
) -> Answers:
    """Of a model whose confidence goes with its accuracy and with how easy an item is."""
    n = len(items.target)
    rng = np.random.default_rng([seed, n])
    given = np.where(rng.random(n) < accuracy, items.target, rng.integers(0, 4, n))
    logit = 0.5 + (given == items.target) + 0.7 * items.easy + rng.normal(size=n)
    stated = 1 / (1 + np.exp(-logit))
    if not continuous:
        stated = np.round(stated * (LEVELS - 1)) / (LEVELS - 1)
    shares = None
    if probabilities:
        shares = np.repeat((1 - stated)[:, None] / 2, 3, axis=1)
        shares[np.arange(n), np.minimum(given, 2)] = stated
    return Answers(given, stated, shares)


def sentences(rng: np.random.Generator, count: int, n_words: int) -> list[str]:
    drawn = rng.integers(0, len(_WORDS), (count, n_words))
    return [" ".join(_WORDS[word] for word in row).capitalize() + "." for row in drawn]


def lines_of(
    items: Items, models: Sequence[Answers], task: str = "fever"
) -> Iterator[list[Iterator[str]]]:
    """Per model the lines of so many items; then of the next."""
    rng = np.random.default_rng([3, len(items.target)])
    texts = sentences(rng, 997, 18), sentences(rng, 991, 30), sentences(rng, 983, 40)
    for start in range(0, len(items.target), CHUNK):
        part = slice(start, min(start + CHUNK, len(items.target)))
        before, after = zip(*_item_texts(rng, items, part, task, texts), strict=True)
        between = [_answer_texts(own, items.target, part, texts[2]) for own in models]
        yield [map("".join, zip(before, own, after, strict=True)) for own in between]


def write_lines(
    paths: Sequence[Path],
    items: Items,
    models: Sequence[Answers],
    *,
    task: str = "fever",
    mode: str = "w",
) -> None:
    """One file of predictions per model, to the same items."""
    with ExitStack() as stack:
        files = [stack.enter_context(path.open(mode, encoding="utf-8")) for path in paths]
        for parts in lines_of(items, models, task):
            for file, lines in zip(files, parts, strict=True):
                file.writelines(lines)


def _item_texts(
    rng: np.random.Generator,
    items: Items,
    part: slice,
    task: str,
    texts: tuple[list[str], list[str], list[str]],
) -> Iterator[tuple[str, str]]:
    """How the line of an item begins, and how it ends; the answer comes between."""
    n = part.stop - part.start
    hashes = rng.bytes(64 * n).hex()
    target_hashes = [hash_text(label) for label in LABELS]
    clusters = None if items.cluster is None else items.cluster[part].tolist()
    claims, evidence, _ = texts
    for row, target in enumerate(items.target[part].tolist()):
        number = part.start + row
        cluster = "null" if clusters is None else f'"page-{clusters[row]}"'
        prompt_tokens = 150 + number % 97
        yield (
            f'{{"task": "{task}", "item_id": "{task}-{number:08}", "cluster_id": {cluster}, '
            f'"target": "{LABELS[target]}", ',
            f'"sample_index": 0, "usage": {{"prompt_tokens": {prompt_tokens}, "probe_tokens": 0, '
            f'"response_tokens": 57, "truncated": false}}, '
            f'"document": {{"claim": "{number}: {claims[number % len(claims)]}", '
            f'"evidence": ["{evidence[number % len(evidence)]}"], "answers": [], "topic": null, '
            f'"popularity": null}}, '
            f'"document_hash": "{hashes[128 * row : 128 * row + 64]}", '
            f'"prompt_hash": "{hashes[128 * row + 64 : 128 * row + 128]}", '
            f'"target_hash": "{target_hashes[target]}", "answer": null, '
            '"right_in_reasoning": false, "published": null}\n',
        )


def _answer_texts(
    answers: Answers, target: np.ndarray, part: slice, reasons: list[str]
) -> Iterator[str]:
    shares = None if answers.probabilities is None else answers.probabilities[part].tolist()
    rows = zip(
        answers.predicted[part].tolist(),
        target[part].tolist(),
        answers.confidence[part].tolist(),
        strict=True,
    )
    for row, (given, right, confidence) in enumerate(rows):
        reason = reasons[(part.start + 7 * row + given) % len(reasons)]
        of_labels = "null"
        if shares is not None:
            of_labels = (
                f'{{"PASS": {shares[row][0]!r}, "FAIL": {shares[row][1]!r}, '
                f'"NA": {shares[row][2]!r}}}'
            )
        if given == 3:
            yield (
                '"prediction": null, "status": "invalid", "correct": false, "confidence": null, '
                f'"label_probabilities": {of_labels}, "response": "{reason}", '
            )
            continue
        label = LABELS[given]
        status = "abstained" if label == "NA" else "answered"
        yield (
            f'"prediction": "{label}", "status": "{status}", '
            f'"correct": {"true" if given == right else "false"}, "confidence": {confidence!r}, '
            f'"label_probabilities": {of_labels}, '
            f'"response": "{reason}\\nLABEL={label}\\nCONF={confidence:.2f}", '
        )


def make_pair(
    folder: Path,
    n: int,
    *,
    continuous: bool = False,
    probabilities: bool = False,
    n_clusters: int = 0,
) -> list[Path]:
    """The files of a base and a checkpoint, to one task."""
    items = make_items(n, 0, n_clusters=n_clusters)
    models = [
        make_answers(items, accuracy, seed, continuous=continuous, probabilities=probabilities)
        for seed, accuracy in enumerate((0.45, 0.46), start=1)
    ]
    paths = [folder / "base.jsonl", folder / "checkpoint.jsonl"]
    write_lines(paths, items, models)
    return paths


def make_series(folder: Path, n_checkpoints: int, n: int) -> list[Path]:
    """The files of a base and of the checkpoints of one run, each to three tasks."""
    paths = [folder / "base.jsonl"]
    paths += [folder / f"checkpoint-{100 * step}.jsonl" for step in range(1, n_checkpoints + 1)]
    for seed, task in enumerate(TASKS):
        items = make_items(n, seed)
        gain = 0.15 / n_checkpoints
        models = [
            make_answers(items, 0.45 + gain * step, 1000 * seed + step, continuous=False)
            for step in range(n_checkpoints + 1)
        ]
        write_lines(paths, items, models, task=task, mode="a" if seed else "w")
    return paths


def kept(folder: Path, make: Callable[[Path], list[Path]]) -> list[Path]:
    """The files that `make` writes into a folder, made once; a torn folder is made again."""
    done = folder / "complete"
    if done.is_file():
        return [folder / name for name in done.read_text(encoding="utf-8").splitlines()]
    folder.mkdir(parents=True, exist_ok=True)
    paths = make(folder)
    done.write_text("".join(f"{path.name}\n" for path in paths), encoding="utf-8")
    return paths
