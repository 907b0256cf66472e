# ruff: noqa: E501
"""Tables of predictions, whatever they are kept in."""

from __future__ import annotations

import csv
import json

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

import saeval
from saeval.errors import InputError
from saeval.evalsuite.cli.main import main
from saeval.evalsuite.importers.columns import parse_columns

COLUMNS = "id=qid,target='gold label',prediction=pred,confidence=conf,task=:claims"
ROWS = [
    {"qid": f"q{n}", "gold label": ("Yes", "No")[n % 2], "pred": ("Yes", "No", "Yes")[n % 3],
     "conf": 0.5 + n % 5 / 10}
    for n in range(30)
]  # fmt: skip


def write_csv(path, rows, delimiter=",", encoding="utf-8"):
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_parquet(path, rows):
    parquet.write_table(pa.Table.from_pylist(rows), path)
    return path


def write_json(path, rows):
    path.write_text(json.dumps(rows, indent=1))
    return path


def save_dataset(path, rows):
    datasets = pytest.importorskip("datasets")
    datasets.Dataset.from_list(rows).save_to_disk(str(path))
    return path


WAYS = {
    "claims.csv": write_csv, "claims.tsv": lambda path, rows: write_csv(path, rows, "\t"),
    "claims.txt": write_csv, "claims.jsonl": write_lines, "claims.json": write_json,
    "claims.parquet": write_parquet, "claims": save_dataset,
}  # fmt: skip


@pytest.mark.parametrize("name", WAYS)
def test_every_kind_of_table_is_the_same_predictions(name, tmp_path):
    path = WAYS[name](tmp_path / name, ROWS)
    read = saeval.read_predictions(path, columns=COLUMNS)
    by_frame = saeval.read_predictions(pd.DataFrame(ROWS), columns=COLUMNS)
    assert read.predictions == by_frame.predictions
    assert read.name == "claims"
    first, second = (read.predictions["claims"][f"q{n}", 0] for n in (0, 3))
    assert (first.correct, first.confidence, first.answer) == (True, 0.5, "Yes")
    assert (second.correct, second.prediction, second.status) == (False, "WRONG", "answered")


def test_a_table_is_compared_and_its_report_is_rendered_again(tmp_path, capsys):
    better = [{**row, "pred": row["gold label"]} for row in ROWS]
    base, checkpoint = write_csv(tmp_path / "a.csv", ROWS), write_csv(tmp_path / "b.csv", better)
    command = ["compare", base, checkpoint, "--columns", COLUMNS, "--replicates", "1000"]
    main([*map(str, command), "--out", str(tmp_path / "out")])
    comparison = saeval.load_comparison(tmp_path / "out")
    assert comparison["claims"]["accuracy"].checkpoint == 1
    assert comparison["claims"].items == 30
    assert "id=qid" in comparison.base.facts["columns"]
    main(["report", str(tmp_path / "out")])
    assert "claims" in capsys.readouterr().out


def test_usual_names_need_no_columns(tmp_path):
    rows = [{"task": "fever", "item_id": "1", "label": "PASS", "pred": "NA", "conf": "0.6"},
            {"task": "fever", "item_id": "2", "label": "NA", "pred": "", "conf": ""}]  # fmt: skip
    read = saeval.read_predictions(write_csv(tmp_path / "a.csv", rows)).predictions["fever"]
    assert (read["1", 0].status, read["1", 0].correct, read["1", 0].confidence) == (
        "abstained", False, 0.6,
    )  # fmt: skip
    assert (read["2", 0].status, read["2", 0].prediction) == ("invalid", None)


def test_scores_samples_and_models_are_columns(tmp_path):
    rows = [{"id": n, "task": "sum", "model": m, "sample": s, "score.f1": 0.25 * n, "wer": 2 * n}
            for n in range(3) for s in range(2) for m in ("base", "tuned")]  # fmt: skip
    path = write_csv(tmp_path / "all.csv", rows)
    with pytest.raises(
        InputError, match=r"2 models \('base', 'tuned'\); say which: .*all.csv#base"
    ):
        saeval.read_predictions(path)
    read = saeval.read_predictions(f"{path}#tuned", columns="score.wer=wer")
    assert read.name == "tuned"
    answer = read.predictions["sum"]["2", 1]
    assert answer.scores["f1"].value == 0.5
    assert (answer.scores["wer"].range, answer.scores["wer"].higher_is_better) == (None, False)
    with pytest.raises(InputError, match=r"no predictions of 'x'; it has 'base', 'tuned'"):
        saeval.read_predictions(f"{path}#x")


def edited(change):
    return [{**ROWS[0], "task": "claims"}, {**ROWS[1], "task": "claims", **change}]


BAD = {
    "per cent": (edited({"conf": 87}), COLUMNS, r"a.csv:3: `confidence`: .*found '87'; if .*per cent"),
    "per cent sign": (edited({"conf": "87%"}), COLUMNS, r"a.csv:3: `confidence`: .*divide it by 100"),
    "no number": (edited({"conf": "high"}), COLUMNS, r"`confidence` must be a number, found 'high'"),
    "missing label": (edited({"gold label": ""}), COLUMNS, r"a.csv:3: the target is missing"),
    "missing id": (edited({"qid": ""}), COLUMNS, r"a.csv:3: the id is missing"),
    "twice": (edited({"qid": "q0"}), COLUMNS, r"item 'q0' of task 'claims' occurs twice"),
    "no such column": (ROWS, "id=question_id,task=:claims",
                       r"a.csv: there is no column 'question_id'; it has qid, 'gold label'"),
    "a task that is no column": (ROWS, "task=claims", r"write task=:claims"),
    "no task": (ROWS, "id=qid", r"a.csv: `task` is needed, and no column says it"),
    "no target": (ROWS, "id=qid,task=:claims", r"a.csv: no column `target`; it has qid"),
    "not a key": (ROWS, "ids=qid", r"columns: 'ids' is nothing that a column can hold; did you mean"),
    "no equals sign": (ROWS, "qid", r"columns: cannot read 'qid'"),
    "open quote": (ROWS, "id='qid", r"columns: a quote is not closed"),
    "key twice": (ROWS, "id=qid,id=conf", r"columns: id is given twice"),
    "constant target": (ROWS, "target=:Yes", r"columns: target cannot be the same in every row"),
    "labels of a known task": (edited({}), COLUMNS.replace(":claims", ":fever"),
                               r"a.csv:2: `target` 'Yes' is no label of task fever"),
    "all but a known task": (edited({}), COLUMNS.replace(":claims", ":fevr"),
                             r"'fevr' is no task saeval knows; did you mean fever\?"),
    "a sample missing": ([{**ROWS[0], "sample": 0}, {**ROWS[0], "sample": 1}, {**ROWS[1], "sample": 0}],
                         COLUMNS, r"a.csv: item 'q1' of task 'claims' lacks sample 1"),
    "a label that is none": (
        [{**row, "gold label": ("PASS", "NA")[n % 2], "pred": "N/A"} for n, row in enumerate(ROWS)], COLUMNS,
        r"a.csv:2: `prediction` 'N/A' is no label of task claims; its labels are PASS, FAIL, NA"),
    "an empty score": ([{"task": "a", "id": 1, "score.x": 1}, {"task": "a", "id": 2, "score.x": ""}], "id=id",
                       r"a.csv:3: score.x is empty; give a number"),
    "no text behind the colon": (ROWS, "id=qid,task=:", r"columns: task has no text .*; give task=:NAME"),
    "a status that is none": (
        [{**row, "status": "ok"} for row in ROWS], COLUMNS, r"`status` must be one of answered"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_a_bad_table_is_one_sentence_and_nothing_is_written(what, tmp_path, capsys, monkeypatch):
    rows, columns, message = BAD[what]
    monkeypatch.chdir(tmp_path)
    good, bad = write_csv(tmp_path / "good.csv", ROWS), write_csv(tmp_path / "a.csv", rows)
    with pytest.raises(InputError, match=message):
        saeval.read_predictions(bad, columns=columns)
    with pytest.raises(SystemExit) as left:
        main(["compare", str(bad), str(good), "--columns", columns])
    error = capsys.readouterr().err
    assert left.value.code == 2
    assert len(error.strip().splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "good.csv"]


def test_odd_bytes_are_named_for_what_they_are(tmp_path):
    cases = {
        "latin.csv": ("task,id,target,prediction\nx,1,é,é\n".encode("latin-1"), "text that is not UTF-8; save it as U"),
        "wide.csv": ("task,id\n".encode("utf-16"), "UTF-16 text; save it as UTF-8"),
        "cells.csv": (b"task,id,target,prediction\nx,1,a\n", ":2: has 3 cells.*names 4 columns"),
        "quote.csv": (b'task,id,target,prediction\nx,1,"a,b\n', "not CSV"),
        "names.csv": (b"task,id,id\nx,1,2\n", "two columns are named 'id'"),
        "one.csv": (b"task,id,target,prediction\n", "has no rows; expected predictions"),
        "data.db": (b"SQLite format 3\x00" + bytes(99), "not predictions this reads: a SQLite file"),
        "x.png": (b"\x89PNG\r\n\x1a\n" + bytes(99), "a picture"),
        "x.pkl": (b"\x80\x04\x95" + bytes(99), "a pickle, which is never loaded"),
        "x.csv.gz": (b"\x1f\x8b\x08" + bytes(99), "a gzip archive; unpack it first"),
    }  # fmt: skip
    for name, (content, message) in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=message):
            saeval.read_predictions(tmp_path / name)


@pytest.mark.parametrize("keep", [0.3, 0.9, 0.999])
def test_half_a_parquet_file_is_one_sentence(keep, tmp_path):
    path = write_parquet(tmp_path / "a.parquet", ROWS)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    with pytest.raises(InputError, match="a Parquet file that is cut off or damaged"):
        saeval.read_predictions(path, columns=COLUMNS)


def test_a_parquet_file_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    rows = [{"task": "x", "id": n, "target": "a" * 4000, "prediction": "b"} for n in range(3000)]
    path = write_parquet(tmp_path / "bomb.parquet", rows)
    assert path.stat().st_size < 100_000
    monkeypatch.setattr("saeval.evalsuite.importers.parquet.LARGEST_TABLE", 2**20)
    with pytest.raises(InputError, match=r"unpacks to .* GiB; saeval reads up to"):
        saeval.read_predictions(path)


def test_columns_without_a_table_are_refused(tmp_path, capsys):
    with pytest.raises(SystemExit) as left:
        main(["compare", "http://127.0.0.1:1/v1#a", "http://127.0.0.1:1/v1#b", "--columns", "id=x"])
    assert left.value.code == 2
    assert "--columns: is of tables of predictions, and none is given" in capsys.readouterr().err


def test_a_table_of_something_else_in_a_folder_is_passed_over(tmp_path):
    write_csv(tmp_path / "metrics.csv", [{"task": "claims", "metric": "accuracy", "value": 0.5}])
    rows = [{"task": "claims", "id": n, "target": "a", "prediction": "a"} for n in range(3)]
    write_csv(tmp_path / "answers.csv", rows)
    read = saeval.read_predictions(tmp_path)
    assert len(read.predictions["claims"]) == 3
    assert any("metrics.csv: no column `id`" in caution for caution in read.cautions)


CLAIMS = [
    {"id": f"q{n}", "task": "claims", "target": ("PASS", "FAIL", "NA")[n % 3],
     "prediction": ("PASS", "NA", "FAIL", "")[n % 4],
     "confidence": "" if n % 4 == 3 else ("", 0.725, 1e-05)[n % 3]}
    for n in range(36)
]  # fmt: skip


def test_a_table_of_the_labels_of_verification_is_one_and_survives_lm_evals_files(tmp_path):
    better = [{**row, "prediction": row["target"]} for row in CLAIMS]
    tables = write_csv(tmp_path / "a.csv", CLAIMS), write_csv(tmp_path / "b.csv", better)
    first = saeval.compare(*tables, out=tmp_path / "first", n_resamples=1000)
    assert ("recall", "NA") in {(row.metric, row.label) for row in first["claims"].metrics}
    saeval.export(tmp_path / "first", "lm-eval", out=tmp_path / "files")
    for table, role in zip(tables, ("base", "checkpoint"), strict=True):
        was = saeval.read_predictions(table).predictions["claims"]
        back = saeval.read_predictions(tmp_path / "files" / role).predictions["claims"]
        for key, one in was.items():
            read = back[key]
            assert (read.prediction, read.confidence) == (one.prediction, one.confidence)
            assert (back[key].correct, back[key].status) == (one.correct, one.status)
    again = saeval.compare(
        tmp_path / "files" / "base", tmp_path / "files" / "checkpoint",
        out=tmp_path / "again", n_resamples=1000,
    )  # fmt: skip
    values = [
        {(row.metric, row.label): (row.base, row.checkpoint) for row in one["claims"].metrics}
        for one in (first, again)
    ]
    assert values[0].keys() == values[1].keys()
    for row, both in values[0].items():
        assert values[1][row] == pytest.approx(both), row
    assert values[0]["accuracy", None][1] == 1


def test_a_text_that_says_something_else_than_its_label_keeps_the_label(tmp_path):
    rows = [{**row, "task": "fever", "prediction": "FAIL", "confidence": 0.725,
             "response": "LABEL=PASS\nCONF=0.9"} for row in CLAIMS]  # fmt: skip
    table = write_csv(tmp_path / "a.csv", rows)
    saeval.compare(table, table, out=tmp_path / "out", n_resamples=1000)
    saeval.export(tmp_path / "out", "lm-eval", out=tmp_path / "files")
    back = saeval.read_predictions(tmp_path / "files" / "base").predictions["fever"]
    assert {(one.prediction, one.confidence) for one in back.values()} == {("FAIL", 0.725)}
    assert all(one.response.startswith("LABEL=PASS") for one in back.values())


def test_the_card_of_a_task_of_lm_eval_says_how_it_is_asked(capsys):
    with pytest.raises(SystemExit) as left:
        main(["tasks", "show", "gsm8k"])
    assert left.value.code == 2
    assert "one of lm-eval (lm-eval ls tasks) has none" in capsys.readouterr().err


def test_an_answer_to_a_question_without_its_text_has_no_file_of_lm_eval(tmp_path):
    rows = [{"id": n, "task": "quiz", "target": "RIGHT", "prediction": ("RIGHT", "WRONG")[n % 2]}
            for n in range(30)]  # fmt: skip
    table = write_csv(tmp_path / "a.csv", rows)
    saeval.compare(table, table, out=tmp_path / "out", n_resamples=1000)
    with pytest.raises(InputError, match=r"item '0' of task 'quiz' is RIGHT and has no text .*eee"):
        saeval.export(tmp_path / "out", "lm-eval", out=tmp_path / "files")
    assert not (tmp_path / "files").exists()


def test_targets_decide_and_status_says_what_is_no_answer(tmp_path):
    rows = [
        {"id": n, "task": "claims", "target": target, "prediction": prediction, "status": status}
        for n, (target, prediction, status) in enumerate(
            [("PASS", "PASS", "answered"), ("NA", "", "abstained"), ("FAIL", "FAIL", "invalid")]
        )
    ]
    read = saeval.read_predictions(write_csv(tmp_path / "a.csv", rows)).predictions["claims"]
    assert [(one.prediction, one.correct) for one in read.values()] == [
        ("PASS", True), ("NA", True), (None, False)]  # fmt: skip
    others = [{**row, "target": f"no {row['target']}"} for row in rows]
    others[1]["prediction"] = "no NA"
    read = saeval.read_predictions(write_csv(tmp_path / "b.csv", others)).predictions["claims"]
    assert [one.correct for one in read.values()] == [False, True, False]
    questions = [{"id": n, "task": "quiz", "target": "RIGHT", "prediction": p}
                 for n, p in enumerate(("RIGHT", "WRONG", "UNKNOWN"))]  # fmt: skip
    read = saeval.read_predictions(write_csv(tmp_path / "c.csv", questions)).predictions["quiz"]
    assert [one.status for one in read.values()] == ["answered", "answered", "abstained"]


def test_with_columns_other_files_of_a_folder_are_passed_over(tmp_path):
    write_csv(tmp_path / "a.csv", ROWS)
    write_csv(tmp_path / "metrics.csv", [{"task": "claims", "metric": "accuracy", "value": 0.5}])
    (tmp_path / "p.png").write_bytes(b"\x89PNG\r\n\x1a\n\0")
    (tmp_path / "notes.md").write_text("# Notes\n")
    (tmp_path / "config.json").write_text('{"a":\n1}')
    read = saeval.read_predictions(tmp_path, columns=COLUMNS)
    assert len(read.predictions["claims"]) == 30
    assert len(read.cautions) == 4
    (tmp_path / "a.csv").write_text((tmp_path / "a.csv").read_text() + "q99,Yes\n")
    with pytest.raises(InputError, match=r"a.csv:32: has 2 cells"):
        saeval.read_predictions(tmp_path, columns=COLUMNS)


def test_what_pandas_makes_of_na_is_explained(tmp_path):
    path = write_csv(tmp_path / "a.csv", CLAIMS)
    with pytest.raises(InputError, match=r"row 2: .*keep_default_na=False"):
        saeval.read_predictions(pd.read_csv(path).assign(task="fever"))
    kept = saeval.read_predictions(pd.read_csv(path, keep_default_na=False))
    assert kept.predictions == saeval.read_predictions(path).predictions


def test_the_direction_of_a_score_is_said(tmp_path):
    rows = [{"id": n, "task": "asr", "words": n, "score.wer": n / 9} for n in range(5)]
    columns = "score.length=words:lower,score.wer=score.wer:higher"
    read = saeval.read_predictions(write_csv(tmp_path / "a.csv", rows), columns=columns)
    scores = read.predictions["asr"]["1", 0].scores
    assert {name: score.higher_is_better for name, score in scores.items()} == {
        "length": False, "wer": True}  # fmt: skip
    assert str(parse_columns(columns)) == columns


def test_a_hash_of_the_target_is_taken_as_it_is(tmp_path):
    lines = [{"id": n, "target": "PASS", "prediction": "PASS", "target_hash": "own"} for n in "abc"]
    path = tmp_path / "t.csv"
    pd.DataFrame(lines).assign(task="fever").to_csv(path, index=False)
    answers = saeval.read_predictions(path).predictions["fever"].values()
    assert {answer.target_hash for answer in answers} == {"own"}


def test_a_map_of_arrow_is_label_probabilities(tmp_path):
    pairs = [("PASS", 0.5), ("FAIL", 0.25), ("NA", 0.25)]
    row = {"id": "a", "task": "fever", "target": "PASS", "prediction": "PASS"}
    frame = pd.DataFrame([row | {"label_probabilities": pairs}])
    (answer,) = saeval.read_predictions(frame).predictions["fever"].values()
    assert answer.label_probabilities == dict(pairs)


def test_folders_are_not_joined_by_commas(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(InputError, match=r"a is a folder; join files by commas"):
        saeval.read_predictions(f"{tmp_path / 'a'},{tmp_path / 'a'}")
