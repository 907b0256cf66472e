"""Open questions from answers to the report: right, wrong, declined, and what the words say."""

from __future__ import annotations

import json

import pytest
from builders import answered, write_predictions
from command_line import typed

from saeval.tasks.data.loading import load_items
from saeval.tasks.registry import get_task

TASK = get_task("factworld_questions")


@pytest.fixture(scope="module")
def rows():
    return [question.as_row() for question in load_items(TASK)][:400]


def boxed(answer, confidence=0.7):
    return f"Let me think. \\boxed{{{answer}}}\nCONF={confidence}"


def half(number, row):
    """Knows half of what can be known, guesses the rest, and declines a third of the unknowable."""
    if row["answers"]:
        return boxed(row["answers"][0], 0.8) if number % 2 else boxed("Nobody at all", 0.6)
    return boxed("Unknown") if number % 3 == 0 else boxed("Nobody at all", 0.5)


def always_declines(number, row):
    return boxed("Unknown")


def never_declines(number, row):
    return boxed("Nobody at all", 0.5) if "Unknown" in half(number, row) else half(number, row)


def compared(rows, base, checkpoint, tmp_path, capsys):
    files = [
        write_predictions(tmp_path / f"{name}.jsonl", answered(TASK, rows, respond))
        for name, respond in (("base", base), ("checkpoint", checkpoint))
    ]
    out = tmp_path / "out"
    code, printed, _ = typed(capsys, "compare", *files, "--replicates", "2000", "--out", out)
    assert code == 0
    return json.loads((out / "comparison.json").read_text()), printed, out


def values(comparison):
    return {
        row["metric"] if row["label"] is None else f"{row['label']} {row['metric']}": row
        for row in comparison["tasks"][0]["metrics"]
    }


def test_both_error_directions_are_counted(rows, tmp_path, capsys):
    found, printed, out = compared(rows, half, always_declines, tmp_path, capsys)
    unknowable = [row for row in rows if not row["answers"]]
    assert 0 < len(unknowable) < len(rows)
    metrics = values(found)
    assert metrics["false_abstention_rate"]["base"] == 0
    assert metrics["false_abstention_rate"]["checkpoint"] == 1
    assert metrics["false_abstention_rate"]["p_holm"] < 0.001
    assert metrics["hallucination_rate"]["checkpoint"] == 0
    assert metrics["UNKNOWN recall"]["checkpoint"] == 1
    assert metrics["incorrect_rate"]["checkpoint"] == 0
    assert metrics["correct_given_attempted"]["checkpoint"] is None
    assert metrics["accuracy"]["checkpoint"] == pytest.approx(len(unknowable) / len(rows))
    assert "macro_f1" not in metrics
    assert "Incorrect rate" in printed
    assert "Right answers" in (out / "report.html").read_text()


@pytest.mark.parametrize("checkpoint", [always_declines, never_declines])
def test_a_checkpoint_that_declines_everything_or_nothing_is_not_called_better(
    checkpoint, rows, tmp_path, capsys
):
    _, printed, _ = compared(rows, half, checkpoint, tmp_path, capsys)
    first_paragraph = printed.strip().split("\n\n")[-1]  # stands last on a terminal
    assert "worse" in first_paragraph.lower()
    assert not first_paragraph.startswith("Better")


def test_confidence_is_measured_on_answers_that_were_attempted(rows, tmp_path, capsys):
    found, _, _ = compared(rows, half, half, tmp_path, capsys)
    attempted = sum("Unknown" not in half(number, row) for number, row in enumerate(rows))
    assert values(found)["auroc"]["items"] == attempted
    assert values(found)["auroc"]["base"] > 0.5


def knows_when_to_decline(number, row):
    """Declines exactly what `half` answers wrongly."""
    response = half(number, row)
    return boxed("Unknown") if TASK.parse(row, response).prediction == "WRONG" else response


def unreadable(number, row):
    return "It is hard to say."


def test_to_decline_only_what_was_wrong_is_better_and_nothing_else(rows, tmp_path, capsys):
    found, printed, _ = compared(rows, half, knows_when_to_decline, tmp_path, capsys)
    words = " ".join(printed.split())
    assert "Better on factworld_questions: it knows better what it does not know." in words
    assert "No headline metric is significantly worse" in words
    assert "new abstentions: 0 that the base had right and " in words
    assert values(found)["false_abstention_rate"]["checkpoint"] > 0.4


def test_to_decline_at_random_is_only_refusing_more(rows, tmp_path, capsys):
    def declines_half(number, row):
        return boxed("Unknown") if number % 4 < 2 else half(number, row)

    _, printed, _ = compared(rows, half, declines_half, tmp_path, capsys)
    words = " ".join(printed.split())
    assert (
        "Only refuses more on factworld_questions: it refuses more and knows no better what "
        "it does not know; correct rate fell"
    ) in words
    assert "Does it know better what it does not know? It only refuses more." in words
    assert "it only abstains more: fewer questions are answered rightly" in words


def test_what_cannot_be_read_is_wrong_and_earns_nothing(rows, tmp_path, capsys):
    found, printed, _ = compared(rows, half, unreadable, tmp_path, capsys)
    metrics = values(found)
    assert metrics["incorrect_rate"]["checkpoint"] == 1
    assert metrics["hallucination_rate"]["checkpoint"] == 1
    words = " ".join(printed.split())
    assert "Worse on factworld_questions: whether it knows better" in words
    assert "100.0% of the checkpoint's responses could not be parsed" in words


def test_two_models_of_which_nothing_can_be_read_are_not_called_identical(rows, tmp_path, capsys):
    _, printed, _ = compared(rows, unreadable, unreadable, tmp_path, capsys)
    assert "Nothing could be parsed on factworld_questions: whether it knows" in " ".join(
        printed.split()
    )
    assert "check that it was applied" not in printed
