"""Topics, reasoning and several samples: from predictions to what the statistics are given."""

from __future__ import annotations

import json

import numpy as np
from builders import write_predictions
from command_line import typed

from saeval.evalsuite.compare.breakdown import item_groups, to_paired_samples
from saeval.evalsuite.compare.pairing import pair
from saeval.evalsuite.store.hashing import hash_document, hash_text
from saeval.evalsuite.store.prediction import Prediction, ShownDocument
from saeval.evalsuite.store.table import PredictionTable
from saeval.tasks.registry import get_task

TASK = get_task("popqa")


def row(number):
    return {
        "id": str(number),
        "cluster": None,
        "question": f"Where does person {number} live?",
        "answers": ["Lima"] if number % 5 else ["La Paz"],
        "target": "RIGHT",
        "topic": ("place", "work")[number % 2],
        "popularity": number,
        "source_label": "place",
    }


def answered(number, response, sample=0):
    document = row(number)
    reading = TASK.parse(document, response)
    return Prediction(
        task=TASK.name, item_id=document["id"], cluster_id=None, target="RIGHT",
        prediction=reading.prediction, status=reading.status,
        correct=reading.prediction == "RIGHT", confidence=reading.confidence,
        response=response, sample_index=sample, document=ShownDocument.of(document),
        document_hash=hash_document(document), target_hash=hash_text("RIGHT"),
        answer=reading.answer, right_in_reasoning=reading.right_in_reasoning,
    )  # fmt: skip


def paired(base, checkpoint):
    return pair(TASK, PredictionTable.of(base), PredictionTable.of(checkpoint))


def test_two_wordings_of_one_answer_agree_whether_it_is_right_or_not():
    responses = ["\\boxed{The  Café}", "\\boxed{cafe}", "\\boxed{Quito}", "no answer at all"]
    samples = [answered(1, text, sample) for sample, text in enumerate(responses)]
    found = to_paired_samples(paired(samples, samples))
    assert found.base.answer.tolist() == [[0, 0, 2, -1]]


def test_items_that_lack_a_sample_are_left_out():
    base = [answered(n, "\\boxed{Lima}", s) for n in (1, 2) for s in range(3)]
    checkpoint = [p for p in base if p.key != ("2", 1)]
    found = to_paired_samples(paired(base, checkpoint))
    assert found.base.predicted.shape == (1, 3)


def test_one_answer_per_item_is_no_sampling():
    once = [answered(n, "\\boxed{Lima}") for n in range(3)]
    assert to_paired_samples(paired(once, once)) is None


def test_topics_count_only_where_every_item_has_one():
    some = [answered(n, "\\boxed{Lima}") for n in range(8)]
    found = item_groups(paired(some, some))
    assert set(found["topic"].names) == {"place", "work"}
    popularity = found["popularity"]
    assert popularity.names[popularity.code[0]].startswith("1st quarter")
    older = some[0].model_copy(update={"document": ShownDocument(claim="?", evidence=())})
    assert item_groups(paired([older, *some[1:]], [older, *some[1:]])) == {}


def test_reports_show_samples_topics_popularity_and_reasoning(tmp_path, capsys):
    rng = np.random.default_rng(0)
    said = ["\\boxed{Lima}\nCONF=0.9", "\\boxed{Quito}\nCONF=0.6", "\\boxed{Unknown}\nCONF=0.3"]

    def model(shares, thinks):
        return [
            answered(n, thinks + said[rng.choice(3, p=shares)], sample)
            for n in range(120)
            for sample in range(4)
        ]

    files = [
        write_predictions(tmp_path / "base.jsonl", model([0.5, 0.4, 0.1], "")),
        write_predictions(tmp_path / "tuned.jsonl", model([0.5, 0.1, 0.4], "Lima it is. ")),
    ]
    out = tmp_path / "out"
    code, _, _ = typed(capsys, "compare", *files, "--replicates", "2000", "--out", out)
    assert code == 0
    (task,) = json.loads((out / "comparison.json").read_text())["tasks"]
    repeated = task["repeated"]
    assert (repeated["items"], repeated["samples"]) == (120, 4)
    assert sum(map(sum, repeated["counts"])) == 120
    assert {group["dimension"] for group in task["groups"]} == {"topic", "popularity"}
    reasoned = next(r for r in task["metrics"] if r["metric"] == "process_correct_rate")
    assert reasoned["base"] == 0
    assert reasoned["checkpoint"] > 0.3
    for report in ("report.html", "report.md"):
        text = (out / report).read_text()
        for words in ("All wrong", "pass@", "4th quarter", "Consistency"):
            assert words in text, f"{words} in {report}"
