"""Questions about a model's own answers: which are asked, how replies are read, bad files."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saeval.errors import DataError
from saeval.tasks.data.loading import load_items
from saeval.tasks.data.validate import validate
from saeval.tasks.format.prompts import write_confidence_prompt, write_pairwise_prompt
from saeval.tasks.metacognition.answers import load_own_answers
from saeval.tasks.metacognition.items import (
    build_confidence_items,
    build_pairwise_items,
    match_questions,
)
from saeval.tasks.metacognition.replies import parse_choice_reply, parse_confidence_reply
from saeval.tasks.registry import get_task
from saeval.tasks.task import TASKS_FOLDER
from saeval.tasks.types import OwnAnswer


def own(number: int, right: bool = True, answer: str | None = "Lima", **changed) -> OwnAnswer:
    fields = {"task": "popqa", "item": f"i{number}", "cluster": None, "confidence": 0.5}
    fields |= {"question": f"Question {number}?", "answer": answer, "right": right}
    return OwnAnswer(**fields | changed)


def line(**changed) -> str:
    row = {
        "task": "popqa", "item_id": "1", "cluster_id": None, "target": "RIGHT",
        "prediction": "WRONG", "status": "answered", "correct": False, "confidence": 0.9,
        "sample_index": 0, "answer": "Paris", "document": {"claim": "Where?", "evidence": []},
    }  # fmt: skip
    kept = {name: value for name, value in (row | changed).items() if value != "left out"}
    return json.dumps(kept) + "\n"


def written(folder, *lines: str):
    path = folder / "popqa.jsonl"
    path.write_text("".join(lines), encoding="utf-8")
    return path


# Which questions are asked


def test_only_answers_that_were_given_are_judged():
    items = build_confidence_items([own(1), own(2, False), own(3, False, None)])
    targets = {item.id: item.target for item in items}
    assert targets == {"popqa/i1": "RIGHT", "popqa/i2": "WRONG"}
    prompt = write_confidence_prompt(items[0].as_row())
    assert prompt.endswith("Question: Question 1?\nYour answer: Lima\n\nReply:\n")


def test_a_pair_has_one_right_answer_and_is_asked_in_both_orders():
    items = build_pairwise_items([own(number, number % 2 == 0) for number in range(40)], 43)
    assert items
    for one, other in zip(items[::2], items[1::2], strict=True):
        assert one.cluster == other.cluster == one.id
        assert (one.first, one.second) == (other.second, other.first)
        assert {one.target, other.target} == {"A", "B"}
        right = one.first if one.target == "A" else one.second
        assert int(right.split()[1][:-1]) % 2 == 0
    row = items[0].as_row()
    assert f"Question A: {row['first']}\nQuestion B: {row['second']}\n" in write_pairwise_prompt(
        row
    )


def test_the_same_questions_make_the_same_pairs_whatever_was_answered():
    asked = [own(number) for number in range(60)]
    other = [own(number, number % 3 == 0, None if number % 5 == 0 else "x") for number in range(60)]
    pairs, again = (
        [(a.id, b.id) for a, b in match_questions(answers, 43)] for answers in (asked, other[::-1])
    )
    assert pairs == again
    assert len(pairs) == 30
    assert pairs != [(a.id, b.id) for a, b in match_questions(asked, 44)]
    kept = {item.cluster for item in build_pairwise_items(other, 43)}
    assert kept < {"|".join(pair) for pair in pairs}


def test_declined_questions_are_in_no_pair_that_counts():
    answers = [own(number, number % 2 == 0, None if number % 2 else "x") for number in range(40)]
    assert build_pairwise_items(answers, 43) == []


def test_questions_of_several_tasks_are_not_matched_with_each_other():
    answers = [own(n, task=task) for n in range(9) for task in ("popqa", "triviaqa")]
    pairs = list(match_questions(answers, 1))
    assert len(pairs) == 8
    assert all(first.task == second.task for first, second in pairs)


@given(st.lists(st.integers(0, 4), max_size=40), st.integers(0, 5))
def test_questions_of_one_cluster_never_form_a_pair(clusters, seed):
    answers = [own(n, cluster=f"c{c}" if c else None) for n, c in enumerate(clusters)]
    pairs = list(match_questions(answers, seed))
    used = [answer.id for pair in pairs for answer in pair]
    assert len(set(used)) == len(used)
    for first, second in pairs:
        assert first.cluster is None or first.cluster != second.cluster
    left = [answer.cluster for answer in answers if answer.id not in used]
    assert len(left) < 2 or len(set(left)) == 1


# How replies are read

_LONG = "so \\boxed{A} or CONF=0.3 " * 40_000


@pytest.mark.parametrize(
    ("response", "prediction"),
    [
        ("\\boxed{A}", "A"),
        ("\\boxed{b}", "B"),
        ("The answer is $\\boxed{\\text{B}}$.", "B"),
        ("**\\boxed{Question A}**", "A"),
        ("\\boxed{(B)}", "B"),
        ("First \\boxed{A}. On reflection \\boxed{B}.", "B"),
        ("<think>\\boxed{A}</think>\\boxed{B}", "B"),
        ("<think>\\boxed{A}", None),
        ("\\boxed{A}\n\\boxed{Both}", "A"),
        ("\\boxed{A} or \\boxed{B}", None),
        ("\\boxed{B} and \\boxed{A}", None),
        ("\\boxed{A} or \\boxed{B}? \\boxed{B}", "B"),
        ("\\boxed{B}. That is, \\boxed{A} or \\boxed{B}", "B"),
        ("\\boxed{A and B}", None),
        ("\\boxed{C}", None),
        ("\\boxed{}", None),
        ("A", None),
        ("", None),
        ("\\boxed{I don't know}", "UNKNOWN"),
        ("I do not know.", "UNKNOWN"),
        ("\\boxed{A}\n\\boxed{Unknown}", "UNKNOWN"),
        (_LONG + "\\boxed{B}", "B"),
        ("\\boxed{" * 100_000, None),
        ("\\boxed{A} or " * 80_000, None),
    ],
)
def test_a_choice_is_the_last_box_with_one_letter(response, prediction):
    reading = parse_choice_reply({}, response)
    assert reading.prediction == prediction
    assert (reading.status == "answered") == (prediction in ("A", "B"))
    assert (reading.status == "invalid") == (prediction is None)


@pytest.mark.parametrize(
    ("response", "confidence"),
    [
        ("CONF=0.85", 0.85),
        ("**CONF=0.5**", 0.5),
        ("CONF=0.2\nCONF=0.7", 0.7),
        ("CONF=0.2\nCONF=0.xx", 0.2),
        ("<think>CONF=0.2</think>It is.\nCONF=1", 1.0),
        ("</think>CONF=0.2<think>", None),
        ("CONF=85", None),
        ("CONF=-0.1", None),
        ("conf=0.5", None),
        ("XCONF=0.5", None),
        ("0.85", None),
        ("", None),
        (_LONG + "\nCONF=0.25", 0.25),
        ("CONF=" * 200_000, None),
    ],
)
def test_a_confidence_is_the_last_number_after_the_reasoning(response, confidence):
    reading = parse_confidence_reply({}, response)
    assert reading.confidence == confidence
    assert reading.status == ("invalid" if confidence is None else "answered")
    if confidence is not None:
        assert reading.prediction == ("RIGHT" if confidence >= 0.5 else "WRONG")


def test_declining_to_say_is_an_abstention():
    assert parse_confidence_reply({}, "I cannot answer that.").status == "abstained"


@given(st.text(alphabet="AB\\boxed{} CONF=0.5\n</think>", max_size=200))
def test_readers_take_any_text(text):
    assert parse_choice_reply({}, text).prediction in ("A", "B", "UNKNOWN", None)
    assert parse_confidence_reply({}, text).prediction in ("RIGHT", "WRONG", "UNKNOWN", None)


@pytest.mark.parametrize("name", ["confidence", "pairwise"])
def test_the_readers_read_their_own_gold(name):
    result = validate(get_task(name))
    assert result.passed, result.failures
    assert result.items > 500


# The file of answers


def test_answers_are_read_from_predictions(tmp_path):
    path = written(
        tmp_path,
        line(),
        line(item_id="2", prediction="RIGHT", correct=True, cluster_id="c"),
        line(item_id="2", sample_index=1),
        "\n",
        line(item_id="3", prediction="UNKNOWN", status="abstained", answer="Unknown"),
        line(item_id="4", target="UNKNOWN", prediction="UNKNOWN", status="abstained", correct=True),
        line(item_id="5", prediction=None, status="invalid", answer=None, confidence=None),
    )
    found = load_own_answers("confidence", str(path))
    assert [(a.id, a.answer, a.right) for a in found] == [
        ("popqa/1", "Paris", False), ("popqa/2", "Paris", True), ("popqa/3", None, False),
        ("popqa/4", None, False), ("popqa/5", None, False),
    ]  # fmt: skip
    assert (found[0].confidence, found[1].group, found[2].confidence) == (0.9, "popqa/c", None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"popqa.jsonl:1: not JSON"),
        ("[]", r"popqa.jsonl:1: expected an object, found \[\]"),
        (line(item_id="left out"), r"popqa.jsonl:1: .* field `item_id` is missing"),
        (line(document={}), r"popqa.jsonl:1: .* field `claim` is missing"),
        (line(correct="yes"), r"popqa.jsonl:1: field `correct` holds 'yes'"),
        (line(answer=None), r"popqa.jsonl:1: `answer` is missing"),
        (line(confidence=7), r"popqa.jsonl:1: `confidence` must lie in \[0, 1\], found 7"),
        (line(prediction="PASS"), r"popqa.jsonl:1: prediction 'PASS' .* none of an open question"),
        (line() + line(), r"popqa.jsonl:2: item 'popqa/1' is answered twice"),
        ("", r"there is no answer in"),
    ],
)
def test_bad_files_say_where_and_what(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        load_own_answers("confidence", written(tmp_path, text))


def test_missing_and_unreadable_files_are_named(tmp_path):
    with pytest.raises(DataError, match=r"no\.jsonl: the answers cannot be read \(No such file"):
        load_own_answers("confidence", tmp_path / "no.jsonl")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"binary:1: not UTF-8"):
        load_own_answers("confidence", [tmp_path / "binary"])


def test_without_answers_it_says_what_to_do():
    with pytest.raises(DataError, match=r"saeval metacognition MODEL .* --metadata"):
        load_items(get_task("pairwise"))


def test_answers_that_leave_nothing_to_ask_are_an_error(tmp_path):
    with pytest.raises(DataError, match="leave nothing to ask"):
        load_items(get_task("pairwise"), answers=written(tmp_path, line()))


def test_the_harness_asks_and_scores_by_the_same_prompts_and_readers(tmp_path):
    from lm_eval.tasks import TaskManager

    answers = (
        line(item_id=str(n), prediction="RIGHT" if n % 2 else "WRONG", correct=n % 2 == 1)
        for n in range(40)
    )
    files = {"answers": [str(written(tmp_path, *answers))], "seed": 43}
    manager = TaskManager(include_path=str(TASKS_FOLDER), include_defaults=False, metadata=files)
    loaded = manager.load(["confidence", "pairwise"])["tasks"]
    rows = list(loaded["confidence"].test_docs())
    assert len(rows) == 40
    row = rows[0]
    assert loaded["confidence"].doc_to_text(row) == write_confidence_prompt(row)
    scores = loaded["confidence"].process_results(row, ["CONF=0.25"])
    assert scores == {"acc": 1.0, "invalid": 0.0, "brier": 0.0625, "auroc": (0.25, False)}
    assert loaded["confidence"].process_results(row, ["?"]) == {"acc": 0.0, "invalid": 1.0}
    area = loaded["confidence"].aggregation()["auroc"]
    assert area([(0.9, True), (0.9, False), (0.1, False)]) == 0.75
    assert area([(0.9, True)]) != area([(0.9, True)])
    row = next(iter(loaded["pairwise"].test_docs()))
    assert loaded["pairwise"].doc_to_text(row) == write_pairwise_prompt(row)
    right = loaded["pairwise"].process_results(row, [f"\\boxed{{{row['target']}}}"])
    assert right == {"acc": 1.0, "invalid": 0.0, "first": float(row["target"] == "A")}
    assert loaded["pairwise"].process_results(row, [""]) == {"acc": 0.0, "invalid": 1.0}
