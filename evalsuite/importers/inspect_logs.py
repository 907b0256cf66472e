"""Logs of Inspect, ``.eval`` and ``.json``, by Inspect's own reader (extra ``inspect``).

A sample and its scores, shortened, as the JSON log has them::

    {"id": 3, "epoch": 1, "input": "Which planet …?", "choices": ["Venus", "Mars"], "target": "B",
     "messages": […], "output": {…}, "scores": {"choice": {"value": "C", "answer": "B",
     "explanation": "…", "metadata": {"confidence": 0.8}}}}

An epoch is a sample of ours, counted from 0. A scorer is a score, the first of the log the primary
one; a scorer with several values is one score for each (``scorer/key``). Values are numbers as
Inspect makes them: C is 1, P 0.5, I and N 0. N of the primary scorer is an abstention, since
Inspect has it for refusals. A confidence is taken from a score's metadata. Samples that ended in an
error or have no score are left out: they are not wrong.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from saeval.errors import InputError
from saeval.evalsuite.importers.imported import ImportedPredictions, NotReadError
from saeval.evalsuite.importers.kinds import ZIP, head_text, read_head
from saeval.evalsuite.importers.scored import ScoreReader, common_scores
from saeval.evalsuite.store.general import general_prediction
from saeval.evalsuite.store.hashing import hash_text
from saeval.evalsuite.store.prediction import Prediction
from saeval.extras import require_extra
from saeval.terminal_text import one_line, quoted

LARGEST_LOG = 4 * 2**30
"""Bytes of a log when unpacked."""
_JSON_LOG = re.compile(r'\s*\{\s*"version"\s*:\s*\d+\s*,\s*"status"\s*:\s*"')
_INSIDE = (b"_journal/", b"header.json", b"samples/", b"summaries.json")
_CONFIDENCE = ("confidence", "conf", "stated_confidence", "probability")
_UNUSED = {"store", "events", "attachments", "model_usage", "timelines"}


def recognises(path: Path, line: str) -> bool:
    """Whether a file is a log of Inspect."""
    head = read_head(path)
    if head.startswith(ZIP):
        return any(name in head[:400] for name in _INSIDE)
    return line.startswith("{") and _JSON_LOG.match(head_text(head) or "") is not None


def read_log(path: Path) -> ImportedPredictions:
    """The predictions of one log; what is wrong with it is an `InputError`."""
    require_extra("inspect", "inspect_ai")
    if read_head(path).startswith(ZIP):
        _check_archive(path)
    from inspect_ai.log import read_eval_log, read_eval_log_samples

    try:
        log = read_eval_log(str(path), header_only=True)
        _check_finished(log, path)
        samples = list(
            read_eval_log_samples(
                str(path),
                all_samples_required=False,
                resolve_attachments="core",
                exclude_fields=_UNUSED,
            )
        )
        return _to_imported(log, samples, path)
    except InputError:
        raise
    except Exception as error:  # its reader lets through whatever its own libraries raise
        text = one_line(str(error) or type(error).__name__, 200)
        raise InputError(f"{path}: an Inspect log that is cut off or damaged ({text})") from error


def _check_archive(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise InputError(
            f"{path}: an Inspect log that is cut off or damaged ({one_line(str(error), 200)})"
        ) from error
    size = sum(entry.file_size for entry in entries)
    if size > LARGEST_LOG:
        raise InputError(
            f"{path}: unpacks to {size / 2**30:.1f} GiB; saeval reads Inspect logs of up to "
            f"{LARGEST_LOG // 2**30}"
        )
    if not any(entry.filename == "header.json" for entry in entries):
        raise NotReadError(
            f"{path}: an Inspect log of an evaluation that did not end; run `inspect eval-retry`"
        )


def _check_finished(log: Any, path: Path) -> None:
    if log.status != "success":
        raise NotReadError(
            f"{path}: an Inspect log of an evaluation that did not end (status {log.status}); run "
            "`inspect eval-retry`"
        )


def _to_imported(log: Any, samples: list[Any], path: Path) -> ImportedPredictions:
    from inspect_ai.scorer import value_to_float

    _check_epochs(samples, log.eval, path)
    to_float = value_to_float()
    order = [scorer.name for scorer in log.eval.scorers or []]
    reader, left_out = ScoreReader(), Counter[str]()
    scored: list[tuple[Any, dict[str, float]]] = []
    for sample in samples:
        values = _values(sample.scores or {}, order, to_float)
        if sample.error is not None:
            left_out["ended in an error"] += 1
        elif not values:
            left_out["have no score"] += 1
        else:
            scored.append((sample, values))
            for name, value in values.items():
                reader.see(name, value)
    if not scored:
        raise NotReadError(f"{path}: an Inspect log without a score")
    primary = common_scores([values for _, values in scored], str(path))[0]
    predictions = [
        _to_prediction(sample, values, reader, log.eval.task, primary, left_out)
        for sample, values in scored
    ]
    return ImportedPredictions(
        model=_model_name(log.eval),
        predictions=predictions,
        is_named=True,
        left_out=tuple(f"{count} samples {why}" for why, count in left_out.items()),
        logged=str(log.eval.created),
    )


def _check_epochs(samples: Iterable[Any], about: Any, path: Path) -> None:
    epochs = about.config.epochs or 1
    answered: dict[str, set[int]] = {str(item): set() for item in about.dataset.sample_ids or ()}
    for sample in samples:
        answered.setdefault(str(sample.id), set()).add(sample.epoch)
    for item, own in answered.items():
        if missing := sorted(set(range(1, epochs + 1)) - own):
            raise InputError(
                f"{path}: sample {quoted(item)} has no epoch {missing[0]}, and the log is of "
                f"{epochs} epochs; run `inspect eval-retry`"
            )


def _values(scores: Mapping[str, Any], order: list[str], to_float: Any) -> dict[str, float]:
    """The numbers of a sample by name, in the order of the log's scorers."""
    names = sorted(scores, key=lambda name: order.index(name) if name in order else len(order))
    values: dict[str, float] = {}
    for name in names:
        value = scores[name].value
        if isinstance(value, Mapping):
            parts = {f"{name}/{key}": part for key, part in value.items()}
        elif isinstance(value, (list, tuple)):
            parts = {f"{name}/{number}": part for number, part in enumerate(value, 1)}
        else:
            parts = {name: value}
        values |= {key: to_float(part) for key, part in parts.items() if part is not None}
    return {key: value for key, value in values.items() if abs(value) < float("inf")}


def _to_prediction(
    sample: Any,
    values: Mapping[str, float],
    reader: ScoreReader,
    task: str,
    primary: str,
    left_out: Counter[str],
) -> Prediction:
    score = sample.scores.get(primary) or next(
        own for name, own in sample.scores.items() if primary.startswith(f"{name}/")
    )
    question = _text(sample.input)
    choices = [str(choice) for choice in sample.choices or ()]
    gold = [sample.target] if isinstance(sample.target, str) else list(sample.target)
    return general_prediction(
        task=task,
        item_id=str(sample.id),
        sample_index=max(sample.epoch - 1, 0),
        scores={name: reader.score(name, value) for name, value in values.items()},
        primary=primary,
        status="abstained" if score.value == "N" else "answered",
        question=question,
        evidence=choices,
        gold=gold,
        answer=score.answer,
        response=sample.output.completion,
        confidence=_confidence(sample.scores, left_out),
        document_hash=hash_text(json.dumps([question, choices])),
        prompt_hash=_prompt_hash(sample.messages),
    )


def _confidence(scores: Mapping[str, Any], left_out: Counter[str]) -> float | None:
    for score in scores.values():
        for name in _CONFIDENCE:
            value = (score.metadata or {}).get(name)
            if value is None or isinstance(value, bool) or not isinstance(value, (int, float)):
                continue
            if 0 <= value <= 1:
                return float(value)
            left_out[f"have a {name} that is not between 0 and 1, which was not read"] += 1
    return None


def _text(content: Any) -> str:
    """An input: a text, or the texts of its messages."""
    if isinstance(content, str):
        return content
    return "\n\n".join(message.text for message in content)


def _prompt_hash(messages: Iterable[Any]) -> str | None:
    """Of what the model was first asked."""
    asked = []
    for message in messages:
        if message.role == "assistant":
            break
        asked.append([message.role, message.text])
    return hash_text(json.dumps(asked)) if asked else None


def _model_name(about: Any) -> str:
    """With the folder of a local model, of which every one has the same name."""
    path = about.model_args.get("model_path") if about.model_args else None
    return f"{about.model}@{Path(path).name}" if isinstance(path, str) and path else about.model
