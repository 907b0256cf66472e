"""lm-eval's result files: ``results_<date>.json`` and ``samples_<task>_<date>.jsonl`` per model.

::

    OUT/base/<model>/results_2026-01-02T03-04-05.000006.json
    OUT/base/<model>/samples_fever_2026-01-02T03-04-05.000006.jsonl
    OUT/checkpoint/<model>/…
    OUT/pages/report.html, …

`saeval compare OUT/base OUT/checkpoint` reads them back. A metric of ours stands in ``results`` by
its name, with its interval beside it (``auroc,none``, ``auroc_low,none``, ``auroc_high,none``).
What lm-eval has no place for, the comparison of both models, stands under ``saeval``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from decimal import Decimal
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

from saeval.errors import InputError
from saeval.evalsuite.export.place import ExportManifest, publish, write_text
from saeval.evalsuite.export.record import ModelRecord, Record
from saeval.evalsuite.export.registry import Destination, Export
from saeval.evalsuite.export.tables import metric_rows, rule_rows, scores_of, settings_of
from saeval.evalsuite.export.texts import cleaned, metric_key, name_part
from saeval.evalsuite.store.general import task_of_answer
from saeval.evalsuite.store.hashing import hash_text
from saeval.evalsuite.store.prediction import Prediction
from saeval.stats.compare.metric_comparison import MetricComparison
from saeval.tasks.registry import get_task, list_tasks
from saeval.tasks.task import TaskKind
from saeval.tasks.types import VERIFICATION_LABELS
from saeval.terminal_text import quoted

_NEVER = -1e4
"""Log-probability of what has none: its exponential is 0, and JSON can hold it."""


def export(record: Record, destination: Destination) -> Export:
    """Write the files of every model, and the pages."""
    return export_files("lm-eval", record.with_answers(), destination, _write)


def export_files(target: str, record: Record, destination: Destination, write: Any) -> Export:
    """Write a target's files and the pages into its folder."""
    place = Path(destination.out) if destination.out is not None else destination.default
    manifest = ExportManifest.model_validate({
        "schema": ExportManifest.SCHEMA,
        "saeval_version": version("saeval"),
        "target": target,
        "source": record.name,
        "identity": record.identity,
        "files": {},
    })  # fmt: skip

    def write_all(folder: Path) -> None:
        write(record, folder)
        for name, content in record.pages.items():
            write_text(folder / "pages" / name, content.decode())

    written = publish(place, manifest, write_all, replace=destination.replace)
    files = sorted(p.relative_to(place).as_posix() for p in place.rglob("*") if p.is_file())
    return Export(target, str(place), written, tuple(files))


def _write(record: Record, folder: Path) -> None:
    date = record.created.replace(tzinfo=None).isoformat(timespec="microseconds").replace(":", "-")
    for model in record.models:
        home = folder / model.role / name_part(model.name).replace(".", "_")
        tasks = {task: list(_samples(answers)) for task, answers in model.answers.items()}
        results = json.dumps(_results(record, model, tasks), indent=2, ensure_ascii=False)
        write_text(home / f"results_{date}.json", results)
        for task, samples in tasks.items():
            lines = [json.dumps(sample, ensure_ascii=False) + "\n" for sample in samples]
            write_text(home / f"samples_{name_part(task)}_{date}.jsonl", "".join(lines))


def _results(record: Record, model: ModelRecord, tasks: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {}
    for task, samples in tasks.items():
        own: dict[str, Any] = {"alias": task}
        for sample in samples:
            for name in sample["metrics"]:
                own.setdefault(f"{name},{sample['filter']}", []).append(sample[name])
        found[task] = {k: sum(v) / len(v) if isinstance(v, list) else v for k, v in own.items()}
        for row in _rows(record, task):
            value, interval = model.value(row), model.interval(row)
            if value is not None:
                found[task][f"{metric_key(row)},none"] = value
            if interval is not None:
                found[task][f"{metric_key(row)}_low,none"] = interval.low
                found[task][f"{metric_key(row)}_high,none"] = interval.high
    n_items = {
        task: len({answer.item_id for answer in answers}) for task, answers in model.answers.items()
    }
    return {
        "results": found,
        "group_subtasks": _groups(model),
        "configs": {task: {"task": task} for task in tasks},
        "versions": {task: _version(task) for task in tasks},
        "n-shot": dict.fromkeys(tasks, 0),
        "higher_is_better": {
            task: {metric_key(row): row.higher_is_better for row in _rows(record, task)}
            | {
                name.partition(",")[0]: score.higher_is_better
                for name, score in (answers[0].scores if answers else {}).items()
            }
            for task, answers in model.answers.items()
        },
        "n-samples": {task: {"original": n, "effective": n} for task, n in n_items.items()},
        "config": {"model": model.facts.get("engine"), "model_args": {"pretrained": model.source}},
        "date": record.created.timestamp(),
        "task_hashes": {
            task: hash_text(
                "".join(s["doc_hash"] + s["prompt_hash"] + s["target_hash"] for s in own)
            )
            for task, own in tasks.items()
        },
        "model_source": "saeval",
        "model_name": model.name,
        "model_name_sanitized": name_part(model.name).replace(".", "_"),
        "saeval": {
            **settings_of(record),
            "role": model.role,
            "facts": dict(model.facts),
            "metrics": metric_rows(record),
            **({} if record.gate is None else {"rules": rule_rows(record.gate)}),
        },
    }


def _groups(model: ModelRecord) -> dict[str, list[str]]:
    """The tasks of every group; a task of none stands for itself."""
    found: dict[str, list[str]] = {}
    for task, answers in model.answers.items():
        group = answers[0].group if answers else None
        found.setdefault(task if group is None else group, []).extend([task] if group else [])
    return found


def _rows(record: Record, task: str) -> tuple[MetricComparison, ...]:
    compared = record.task(task)
    return () if compared is None else compared.metrics


def _version(task: str) -> int | float | str | None:
    return get_task(task).version if task in list_tasks() else None


def _samples(answers: Sequence[Prediction]) -> Iterator[dict[str, Any]]:
    """One line per item and filter; several answers to one item stand on one line."""
    ordered = sorted(answers, key=lambda answer: (answer.item_id, answer.sample_index))
    for number, (_, group) in enumerate(groupby(ordered, key=lambda answer: answer.item_id)):
        same = list(group)
        filters: dict[str, dict[str, float]] = {}
        for name, value in scores_of(same[0]).items():
            metric, _, own = name.partition(",")
            filters.setdefault(own or "none", {})[metric] = value
        for filter_name, metrics in filters.items():
            yield _sample(number, same, filter_name, metrics)


def _sample(
    number: int, same: Sequence[Prediction], filter_name: str, metrics: dict[str, float]
) -> dict[str, Any]:
    answer = same[0]
    document = _document(answer)
    prompt = _prompt(answer, document)
    arguments = {"gen_args_0": {"arg_0": prompt, "arg_1": {}}}
    texts = [_response(one, document) for one in same]
    responses: list[Any] = [[cleaned(text) for text in texts]]
    if answer.label_probabilities is not None:
        for index, label in enumerate(VERIFICATION_LABELS.names, start=1):
            share = answer.label_probabilities.get(label, 0.0)
            logprob = math.log(share) if share > 0 else _NEVER
            arguments[f"gen_args_{index}"] = {"arg_0": f"{prompt}LABEL=", "arg_1": label}
            responses.append([[repr(logprob), "False"]])
    filtered = answer.answer if answer.answer is not None else texts[0]
    return {
        "doc_id": _number(answer, number),
        "doc": document,
        "target": _gold(answer),
        "arguments": arguments,
        "resps": responses,
        "filtered_resps": [cleaned(filtered), *(found[0] for found in responses[1:])],
        "filter": filter_name,
        "metrics": list(metrics),
        "doc_hash": answer.document_hash or "",
        "prompt_hash": answer.prompt_hash or "",
        "target_hash": answer.target_hash,
        **metrics,
    }


def _response(answer: Prediction, document: dict[str, Any]) -> str:
    """What the model wrote; of an answer kept without its text, one that is read as the same.

    Raises
    ------
    InputError
        If no text of the task's format says what is known of the answer.
    """
    if answer.scores or answer.prediction is None:
        return answer.response
    kind = task_of_answer(answer).kind
    if not (kind.has_evidence or kind.is_open_ended):
        return answer.response
    known = answer.prediction if kind.has_evidence else answer.answer
    if known is None and answer.status == "abstained":
        known = kind.abstention_answer
    if known is None and answer.correct and answer.document.answers:
        known = answer.document.answers[0]
    written = [answer.response] if answer.response else []
    if known is not None:
        written += [f"{text}\n{_rendered(kind, known, answer)}".lstrip() for text in (*written, "")]
    for text in written:
        read = kind.parse(document, cleaned(text))
        if (read.prediction, read.confidence) == (answer.prediction, answer.confidence):
            return text
    if answer.response:
        return answer.response
    raise InputError(
        f"item {quoted(answer.item_id)} of task {quoted(answer.task)} is {answer.prediction} and "
        "has no text that says so, which lm-eval's files need; give its table a column `response`, "
        "or export --to eee or parquet"
    )


def _rendered(kind: TaskKind, known: str, answer: Prediction) -> str:
    """An answer in the task's format, its confidence to the digit, or without one."""
    head = kind.render_answer(known, 0.0).rpartition("CONF=")[0]
    if answer.confidence is None:
        return head.rstrip()
    return f"{head}CONF={Decimal(repr(answer.confidence)):f}"


def _gold(answer: Prediction) -> str:
    answers = answer.document.answers
    return cleaned(answers[0]) if answers and answer.scores else answer.target


def _number(answer: Prediction, number: int) -> int | str:
    """Of a task of another program, what its items are known by; of ours the place in the file."""
    if not answer.scores:
        return number
    name = answer.item_id
    return (
        int(name)
        if name.isdecimal() and len(name) < 16 and str(int(name)) == name
        else cleaned(name)
    )


def _document(answer: Prediction) -> dict[str, Any]:
    """The row of the data set, as far as an answer keeps it."""
    shown = answer.document
    if answer.scores:
        right = [cleaned(text) for text in shown.answers]
        return {"question": cleaned(shown.claim), "answers": right}
    found: dict[str, Any] = {"id": answer.item_id, "cluster": answer.cluster_id}
    is_claim = task_of_answer(answer).kind.has_evidence
    if is_claim:
        found |= {"claim": cleaned(shown.claim), "evidence": [cleaned(t) for t in shown.evidence]}
    else:
        found |= {"question": cleaned(shown.claim), "answers": [cleaned(t) for t in shown.answers]}
        if shown.topic is not None:
            found["topic"] = shown.topic
        if shown.popularity is not None:
            found["popularity"] = shown.popularity
    return found | {"target": answer.target}


def _prompt(answer: Prediction, document: dict[str, Any]) -> str:
    """The prompt where the task writes the very one that was asked; else what it was about."""
    if answer.task in list_tasks() and answer.prompt_hash is not None:
        try:
            prompt = get_task(answer.task).kind.write_prompt(document)
        except (KeyError, TypeError):
            prompt = ""
        if hash_text(prompt) == answer.prompt_hash:
            return prompt
    return cleaned(answer.document.claim)
