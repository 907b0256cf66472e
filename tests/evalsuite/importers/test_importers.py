from __future__ import annotations

import json

import pytest
from builders import prediction, study, study_result, write_predictions

from saeval.errors import InputError
from saeval.evalsuite.importers.registry import import_predictions


def imported_study(tmp_path, *results, name="fever_x.json", **top):
    path = tmp_path / name
    path.write_text(study(list(results), **top))
    return import_predictions(path)


def test_our_own_lines_come_back(tmp_path):
    kept = [prediction(i) for i in range(4)]
    read = import_predictions(write_predictions(tmp_path / "run.jsonl", kept)).table
    assert list(read.values()) == kept


def test_study_keeps_both_readings(tmp_path):
    """Our parser takes the last block; the study the first confidence and the file's label."""
    response = "Maybe LABEL=PASS CONF=0.5. No:\nLABEL=NA\nCONF=0.7"
    found = imported_study(tmp_path, study_result(2, response), model="a/b", checkpoint="t/final")
    assert found.model == "a/b @ final"
    (answer,) = found.predictions
    assert (answer.prediction, answer.confidence, answer.correct) == ("NA", 0.7, True)
    assert answer.published.label == "PASS"
    assert answer.published.confidence is None  # "0.5." is no number, as the study read it
    assert not answer.published.valid


def test_study_checkpoint_files_say_themselves_what_is_valid(tmp_path):
    fields = {"predicted_conf": 0.5, "format_valid": False, "predicted_label": None}
    (answer,) = imported_study(tmp_path, study_result(0, **fields)).predictions
    assert (answer.published.label, answer.published.confidence) == (None, None)
    assert not answer.published.valid
    assert answer.prediction == "PASS"


def test_study_task_comes_from_the_field_before_the_file_name(tmp_path):
    found = imported_study(tmp_path, study_result(0), name="fever.json", dataset="vitaminc")
    assert found.predictions[0].task == "vitaminc"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", "{", r"a.json: not JSON"),
        ("a.json", "[1]", r"a.json: not predictions this reads"),
        ("a.json", "{}", r"a.json: not predictions this reads"),
        ("a.jsonl", "", r"a.jsonl: the file is empty"),
        ("a.jsonl", "\n\n", r"a.jsonl: the file is empty"),
        ("a.jsonl", "x\n", r"a.jsonl:1: not JSON"),
        ("a.jsonl", "{}\n", r"a.jsonl:1: field `task` is missing"),
        ("fever.json", study([]), r"fever.json: `results`: List should have at least 1 item"),
        ("a.json", study([study_result(0)]), r"a.json: cannot tell the task"),
        (
            "fever.json",
            study([study_result(0, golden_label="SUPPORTS")]),
            r"results.0: `golden_label` must be one of PASS, FAIL, NA, found 'SUPPORTS'",
        ),
        (
            "fever.json",
            study([study_result(0), study_result(1, predicted_conf=1.2)]),
            r"fever.json: `results.1.predicted_conf`: .* less than or equal to 1, found 1.2",
        ),
        (
            "fever.json",
            study([study_result(0, predicted_conf=float("nan"))]),
            r"fever.json: `results.0.predicted_conf`: .*found nan",
        ),
    ],
)
def test_bad_files_say_what_and_where(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message):
        import_predictions(tmp_path / name)


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"none\.jsonl: no such file"):
        import_predictions(tmp_path / "none.jsonl")


def sample_line(**changed):
    """A line as lm-eval logs it on disk."""
    return json.dumps(
        {
            "doc_id": 0,
            "doc": {"id": "7", "cluster": None, "claim": "C", "evidence": ["E"], "target": "NA"},
            "target": "NA",
            "arguments": {"gen_args_0": {"arg_0": "prompt", "arg_1": {}}},
            "resps": [
                ["LABEL=NA\nCONF=0.6"],
                [["-2.0", "False"]],
                [["-3.0", "False"]],
                [["-0.5", "True"]],
            ],
            "doc_hash": "d",
            "prompt_hash": "p",
            "target_hash": "t",
        }
        | changed
    )


def test_lm_eval_samples_are_read_with_their_label_probabilities(tmp_path):
    path = tmp_path / "samples_fever_2026-01-02T03-04-05.678901.jsonl"
    path.write_text(sample_line() + "\n")
    (answer,) = import_predictions(path).table.values()
    assert (answer.task, answer.item_id, answer.prediction) == ("fever", "7", "NA")
    assert answer.label_probabilities["NA"] == pytest.approx(0.766, abs=1e-3)
    assert (answer.document_hash, answer.prompt_hash, answer.target_hash) == ("d", "p", "t")


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        (
            "samples_mmlu_2026-01-02T03-04-05.6.jsonl",
            sample_line(),
            "holds no metric with a number per item",
        ),
        (
            "samples_fever.jsonl",
            sample_line(resps=[]),
            "samples_fever.jsonl:1: not a sample of task",
        ),
        ("samples_fever.jsonl", sample_line() + "\n{", "samples_fever.jsonl:2: not JSON"),
    ],
)
def test_bad_lm_eval_samples(tmp_path, name, line, message):
    (tmp_path / name).write_text(line + "\n")
    with pytest.raises(InputError, match=message):
        import_predictions(tmp_path / name)
