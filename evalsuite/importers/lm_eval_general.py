"""lm-eval's ``samples_<task>_<date>.jsonl`` of its own tasks, all filters and metrics.

One line per document and filter; those of a document become one prediction. A shortened line of
multiple choice::

    {"doc_id": 0, "doc": {…}, "target": "2", "arguments": {"gen_args_0": {"arg_0": "Question: …",
     "arg_1": " a lot"}, …}, "resps": [[["-2.3", "False"]], [["-1.9", "True"]]],
     "filtered_resps": [["-2.3", "False"], ["-1.9", "True"]], "filter": "none",
     "metrics": ["acc", "acc_norm"], "doc_hash": "…", "prompt_hash": "…", "target_hash": "…",
     "acc": 0.0, "acc_norm": 1.0}

``results_<date>.json`` beside it says which way a metric is better, how it is aggregated, and which
group the task is part of.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from saeval.errors import InputError
from saeval.evalsuite.importers.imported import NotReadError
from saeval.evalsuite.store.general import general_prediction
from saeval.evalsuite.store.hashing import hash_text
from saeval.evalsuite.store.lm_eval_scores import (
    HIGHER_IS_BETTER,
    ItemScores,
    keep_scores,
    primary_score,
)
from saeval.evalsuite.store.prediction import Prediction
from saeval.json_source import parse_json, parse_object, read_bytes, read_lines, validate
from saeval.tasks.lm_eval.choices import choose
from saeval.terminal_text import one_line, quoted

_LONGEST_SHOWN = 4000
_NOTHING_FOUND = "[invalid]"
_NO_METRICS = {
    *("doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics"),
    *("doc_hash", "prompt_hash", "target_hash"),
}
_WRONG = (
    KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, RecursionError,
)  # fmt: skip


class _Sample(BaseModel):
    doc_id: int | str
    target: Any = None
    arguments: Any = None
    resps: list[list[Any]] = Field(min_length=1)
    filtered_resps: Any = None
    filter: str = "none"
    metrics: list[str] | None = None
    doc: Any = None
    doc_hash: str | None = None
    prompt_hash: str | None = None
    target_hash: str | None = None


@dataclass(frozen=True)
class _TaskFacts:
    """What ``results_*.json`` says of a task; empty where there is none."""

    file: Path | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    higher_is_better: Mapping[str, bool | None] = field(default_factory=dict)
    aggregations: Mapping[str, str] = field(default_factory=dict)
    group: str | None = None


@dataclass
class _Item:
    """All lines of a document."""

    where: str
    sample: _Sample
    scores: ItemScores = field(default_factory=ItemScores)
    filters: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class GeneralSamples:
    """Predictions of a samples file, what was left out of it, and what was read beside it."""

    predictions: list[Prediction]
    left_out: tuple[str, ...]
    also_read: tuple[Path, ...]


def read_general_samples(path: Path, task: str, logged: str) -> GeneralSamples:
    """Predictions of a samples file of a task of lm-eval's.

    Parameters
    ----------
    path
        The file.
    task, logged
        The task and the time that its name says.

    Raises
    ------
    InputError
        If a line is no sample.
    NotReadError
        If no metric has a number per item.
    """
    facts = _read_facts(path, task, logged)
    items: dict[str, _Item] = {}
    for where, line in read_lines(path):
        content = parse_object(line, where, nan=True)
        sample = validate(_Sample, content, f"{where}: not a sample of lm-eval")
        item = items.setdefault(str(sample.doc_id), _Item(where, sample))
        if sample.filter in item.filters:
            raise InputError(
                f"{where}: document {quoted(str(sample.doc_id))} stands a second time with filter "
                f"{quoted(sample.filter)}; give one run per file"
            )
        item.filters.append(sample.filter)
        names = sample.metrics or [name for name in content if name not in _NO_METRICS]
        metrics = {name: content[name] for name in names if name in content}
        try:
            keep_scores(
                metrics,
                sample.filter,
                {**HIGHER_IS_BETTER, **facts.higher_is_better},
                facts.aggregations,
                item.scores,
            )
        except _WRONG as error:
            raise _not_a_sample(where, error) from error
    left_out = _reasons(items)
    kept = (
        [name for name in next(iter(items.values())).scores.scores if name not in left_out]
        if items
        else []
    )
    if not kept:
        raise NotReadError(
            f"{path}: holds no metric with a number per item"
            + "".join(f"; {name} {reason}" for name, reason in list(left_out.items())[:4])
        )
    predictions = []
    for number, item in items.items():
        try:
            predictions.append(_to_prediction(task, number, item, kept, facts))
        except _WRONG as error:
            raise _not_a_sample(item.where, error) from error
    return GeneralSamples(
        predictions,
        tuple(f"metric {name} of {task}, which {reason}" for name, reason in left_out.items()),
        () if facts.file is None else (facts.file,),
    )


def _not_a_sample(where: str, error: Exception) -> InputError:
    return InputError(
        f"{where}: not a sample of lm-eval as it logs them: {type(error).__name__} "
        f"{one_line(str(error), 200)}"
    )


def _reasons(items: Mapping[str, _Item]) -> dict[str, str]:
    """Metrics that some item has no number for, and why."""
    reasons: dict[str, str] = {}
    every = {name for item in items.values() for name in item.scores.scores}
    for item in items.values():
        for name, reason in item.scores.left_out.items():
            reasons.setdefault(name, reason)
        for name in every - item.scores.scores.keys():
            reasons.setdefault(name, "stands on some items only")
    return reasons


def _to_prediction(
    task: str, number: str, item: _Item, kept: Sequence[str], facts: _TaskFacts
) -> Prediction:
    sample = item.sample
    scores = {name: item.scores.scores[name] for name in kept}
    arguments = _arguments(sample.arguments)
    is_rolling = bool(arguments) and len(arguments[0]) == 1
    pairs = [
        float(responses[0]) if is_rolling else _log_likelihood(responses[0])
        for responses in sample.resps
    ]
    choices = _choices(arguments, pairs, facts, scores.keys())
    answer = confidence = normalised = None
    if choices and _is_plain_choice(scores, facts):
        values = [value for value in pairs if value is not None][: len(choices.texts)]
        choice = choose(values, choices.texts)
        answer, confidence = choices.texts[choice.index], choice.confidence
        normalised = None if choices.in_prompt else choice.normalised
    elif isinstance(sample.filtered_resps, list) and sample.filtered_resps:
        first = sample.filtered_resps[0]
        answer = first if isinstance(first, str) and pairs[0] is None else None
    return general_prediction(
        task=task,
        item_id=number,
        scores=scores,
        primary=primary_score(scores),
        status="invalid" if answer == _NOTHING_FOUND else "answered",
        question=str(arguments[0][0])[-_LONGEST_SHOWN:] if arguments and arguments[0] else "",
        gold=_gold(sample.target, choices),
        answer=answer,
        response=_response(sample, pairs),
        confidence=confidence,
        confidence_normalised=normalised,
        group=facts.group,
        document_hash=sample.doc_hash or hash_text(json.dumps(sample.doc, indent=2)),
        prompt_hash=sample.prompt_hash,
        target_hash=sample.target_hash or hash_text(str(sample.target)),
    )


@dataclass(frozen=True)
class _Choices:
    texts: list[str]
    in_prompt: bool


def _choices(
    arguments: Sequence[Sequence[Any]],
    pairs: Sequence[float | None],
    facts: _TaskFacts,
    scores: Any,
) -> _Choices | None:
    """The texts of multiple choice; None for another kind of request."""
    kind = facts.config.get("output_type")
    if kind not in (None, "multiple_choice") or len(pairs) < 2 or None in pairs:
        return None
    size = len(pairs) // 2 if any(name.startswith("acc_mutual_info") for name in scores) else None
    asked = arguments[: size or len(pairs)]
    if any(len(own) < 2 for own in asked):
        return None
    texts = [str(own[1]) for own in asked]
    if len(set(texts)) == 1 and len({str(own[0]) for own in asked}) > 1:
        return _Choices([str(own[0]) for own in asked], in_prompt=True)
    delimiter = str(facts.config.get("target_delimiter", " "))
    if delimiter and all(text.startswith(delimiter) for text in texts):
        texts = [text[len(delimiter) :] for text in texts]
    return _Choices(texts, in_prompt=False)


def _is_plain_choice(scores: Mapping[str, Any], facts: _TaskFacts) -> bool:
    """Whether it is right where the likeliest choice is."""
    return (
        "acc" in scores and scores["acc"].value in (0, 1) and "process_results" not in facts.config
    )


def _gold(target: Any, choices: _Choices | None) -> list[str]:
    text = str(target)
    if choices is not None and text.isdigit() and int(text) < len(choices.texts):
        return [choices.texts[int(text)]]
    return [text]


def _response(sample: _Sample, pairs: Sequence[float | None]) -> str:
    """What the model wrote; its log-likelihoods where it wrote nothing."""
    written = [
        response
        for responses, pair in zip(sample.resps, pairs, strict=True)
        for response in responses
        if pair is None
    ]
    if len(written) == 1:
        return str(written[0])
    return json.dumps(written or list(pairs), ensure_ascii=False)


def _log_likelihood(response: Any) -> float | None:
    """The number of ``["-2.3", "False"]``; None for a text."""
    if isinstance(response, (list, tuple)) and len(response) == 2:
        return float(response[0])
    return None


def _arguments(content: Any) -> list[list[Any]]:
    """Each request's, from ``{"gen_args_0": {"arg_0": …, "arg_1": …}, …}``."""
    if not isinstance(content, dict):
        return []
    return [list(own.values()) if isinstance(own, dict) else [] for own in content.values()]


def _read_facts(path: Path, task: str, logged: str) -> _TaskFacts:
    """Of the results that were written with the samples; no facts where there are none."""
    file = path.parent / f"results_{logged}.json"
    if not logged or not file.is_file():
        return _TaskFacts()
    content = parse_json(read_bytes(file, InputError), str(file), InputError, nan=True)
    if not isinstance(content, dict):
        raise InputError(f"{file}: expected lm-eval's results, found {quoted(content, 40)}")

    def of_task(key: str) -> Mapping[str, Any]:
        own = content.get(key)
        found = own.get(task) if isinstance(own, dict) else None
        return found if isinstance(found, dict) else {}

    config = of_task("configs")
    listed = config.get("metric_list")
    aggregations = {
        str(own["metric"]): own["aggregation"]
        for own in (listed if isinstance(listed, list) else ())
        if isinstance(own, dict) and isinstance(own.get("aggregation"), str) and "metric" in own
    }
    directions = {
        name: better
        for name, better in of_task("higher_is_better").items()
        if isinstance(better, bool)
    }
    return _TaskFacts(file, config, directions, aggregations, _top_group(content, task))


def _top_group(content: Mapping[str, Any], task: str) -> str | None:
    """The outermost group that a task is part of."""
    members = content.get("group_subtasks")
    if not isinstance(members, dict):
        return None
    group, seen = None, {task}
    current: str | None = task
    while current is not None:
        current = next(
            (name for name, own in members.items() if isinstance(own, list) and current in own),
            None,
        )
        if current in seen:
            return group
        if current is not None:
            seen.add(current)
            group = current
    return group
