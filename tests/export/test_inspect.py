"""Logs of Inspect, read by the reader that `inspect view` uses."""

from __future__ import annotations

import json

import pytest
from exported import HOSTILE, general_answers, numbers, own_answers

import saeval

pytest.importorskip("inspect_ai")

from inspect_ai.log import list_eval_logs, read_eval_log


def logs_of(folder):
    return [read_eval_log(info) for info in list_eval_logs(str(folder), recursive=False)]


def test_the_reader_finds_every_number_to_the_digit(gated, tmp_path):
    saeval.export(gated, "inspect", out=tmp_path / "out")
    logs = logs_of(tmp_path / "out")
    assert len(logs) == 2
    gate = json.loads((gated / "gate.json").read_text())
    for log in logs:
        role = log.eval.metadata["role"]
        assert (log.status, log.eval.task) == ("success", "fever")
        assert log.eval.metadata["saeval.verdict"] == gate["verdict"]
        metrics = log.results.scores[0].metrics
        rows = log.eval.metadata["metrics"]
        for row, (_, metric, label, expected) in zip(rows, numbers(gated), strict=True):
            assert (row["difference"], row["pvalue"]) == (expected["difference"], expected["p"])
            key = metric if label is None else f"{metric}.{label}"
            if expected[role] is not None:
                assert metrics[key].value == expected[role]
                if interval := expected[f"{role}_interval"]:
                    ends = metrics[key].metadata["low"], metrics[key].metadata["high"]
                    assert ends == (interval["low"], interval["high"])
        answers = own_answers(int(role == "checkpoint"))
        for sample, answer in zip(log.samples, answers, strict=True):
            score = sample.scores["saeval"]
            assert (sample.id, score.value == "C") == (answer.item_id, answer.correct)
            assert score.metadata["confidence"] == answer.confidence
            assert score.metadata["label_probabilities"] == answer.label_probabilities
            assert sample.output.completion == answer.response


def test_scores_of_other_programs_are_there(general, tmp_path):
    saeval.export(general, "inspect", out=tmp_path / "out")
    logs = {(log.eval.task, log.eval.metadata["role"]): log for log in logs_of(tmp_path / "out")}
    assert len(logs) == 6
    for answer in general_answers(0):
        log = logs[answer.task, "base"]
        (sample,) = (sample for sample in log.samples if sample.id == answer.item_id)
        score = sample.scores["saeval"]
        assert score.metadata["scores"] == {name: s.value for name, s in answer.scores.items()}
        if answer.task == "summaries":
            assert score.value == answer.scores["rouge1"].value
    (hostile,) = (s for s in logs["summaries", "base"].samples if s.id == "3")
    assert hostile.output.completion == HOSTILE
