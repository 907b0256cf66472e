"""What stands in the box, what declines to answer, and what cannot be read."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saeval.tasks.format.boxed import BoxedAnswer, parse_boxed
from saeval.tasks.format.prompts import QUESTION_INSTRUCTION, write_question_prompt
from saeval.tasks.format.refusals import ends_in_refusal, is_refusal

READ = {
    "the format of the prompt": ("\\boxed{Ulm}\nCONF=0.90", "Ulm", 0.9),
    "without a confidence": ("So it is \\boxed{Ulm}.", "Ulm", None),
    "in dollars": ("$\\boxed{Ulm}$\nCONF=0.9", "Ulm", 0.9),
    "in double dollars and bold": ("**$$\\boxed{Ulm}$$**\n**CONF=0.9**", "Ulm", 0.9),
    "text is unwrapped": ("\\boxed{\\text{New York}}", "New York", None),
    "bold is unwrapped": ("\\boxed{\\textbf{New York}}", "New York", None),
    "nested styles are unwrapped": ("\\boxed{\\mathrm{\\text{New} York}}", "New York", None),
    "nested braces are balanced": ("\\boxed{a {b {c}} d} and }", "a b c d", None),
    "an escaped brace closes nothing": ("\\boxed{a \\} b}", "a } b", None),
    "an escaped percent sign": ("\\boxed{12\\%}", "12%", None),
    "a thousands separator of LaTeX": ("\\boxed{1{,}234}", "1,234", None),
    "a fraction": ("\\boxed{\\frac{1}{2}}", "1/2", None),
    "LaTeX spaces": ("\\boxed{New~York\\ City}", "New York City", None),
    "over two lines": ("\\boxed{New\nYork}", "New York", None),
    "the last of several boxes wins": (
        "\\boxed{Bonn} CONF=0.2, no: \\boxed{Ulm} CONF=0.7", "Ulm", 0.7,
    ),
    "the confidence belongs to its own box": (
        "\\boxed{Bonn} CONF=0.2, no: \\boxed{Ulm}", "Ulm", None,
    ),
    "a box in a box is the inner one": ("\\boxed{\\boxed{Ulm}}", "Ulm", None),
    "an empty box does not take back a full one": ("\\boxed{Ulm} \\boxed{}", "Ulm", None),
    "the prompt's own box does not take back a full one": (
        "\\boxed{Ulm}, as in \\boxed{answer}", "Ulm", None,
    ),
    "a box cut off does not take back a whole one": ("\\boxed{Ulm}\nor \\boxed{Bon", "Ulm", None),
    "an unreadable confidence makes its box unreadable": (
        "\\boxed{Bonn}\nCONF=0.3\n\\boxed{Ulm}\nCONF=0.xx", "Bonn", 0.3,
    ),
    "after thinking": ("<think>\\boxed{Bonn}</think>\\boxed{Ulm}\nCONF=0.5", "Ulm", 0.5),
    "glued final channel": ("so Bonn.assistantfinal\\boxed{Ulm}", "Ulm", None),
    "a sign with a meaning of its own": ("\\boxed{☿}", "☿", None),
    "another script": ("\\boxed{北京}", "北京", None),
    "a refusal in the reasoning is not the answer": (
        "I don't know. Wait, it is in Swabia. \\boxed{Ulm}", "Ulm", None,
    ),
}  # fmt: skip

UNREADABLE = {
    "nothing": "",
    "prose": "The answer is Ulm.",
    "an empty box": "\\boxed{}",
    "a box of spaces": "\\boxed{  \\quad }",
    "a box of punctuation": "\\boxed{...}",
    "an empty text in a box": "\\boxed{\\text{}}",
    "the prompt's own box": "I shall write \\boxed{answer}.",
    "a box that never closes": "\\boxed{Ulm",
    "a box with a brace too many": "\\boxed{ {Ulm }",
    "no braces": "\\boxed Ulm",
    "another command": "\\fbox{Ulm}",
    "confidence in percent": "\\boxed{Ulm}\nCONF=95%",
    "confidence above one": "\\boxed{Ulm}\nCONF=1.5",
    "confidence inside the box": "\\boxed{Ulm, CONF=0.9}",
    "only in the reasoning": "<think>\\boxed{Ulm}</think>That is it.",
    "reasoning that never ends": "<think>\\boxed{Ulm}",
    "a refusal in the reasoning alone": "<think>I don't know.</think>",
    "a refusal that is followed by a guess": "I don't know for sure, but my guess is Ulm.",
    "a refusal that is taken back": "I don't know. Probably Ulm.",
    "a refusal long before the end": "I am not sure. He was born. He grew. He wrote. He died.",
}

REFUSALS = [
    "Unknown", "unknown.", "UNKNOWN", "I don't know", "I don’t know.", "I do not know the answer",
    "I really don't know", "IDK", "N/A", "n/a", "I have no idea", "I'm not sure",
    "I am not certain",
    "Not sure", "I can't recall", "I cannot answer this question", "Cannot be determined",
    "It cannot be determined from the given information", "Can't be determined", "Not known",
    "It is not known", "Nobody knows", "No one knows for sure", "Unknowable", "Unanswerable",
    "The question is unanswerable", "There is no answer", "No definitive answer",
    "This question has no answer", "Not enough information", "Insufficient information",
    "There is not enough information to answer the question", "I don't have enough information",
    "No reliable information available", "Information not available", "Not publicly available",
    "Unable to determine", "Impossible to know", "It is impossible to say", "Undetermined",
    "Unknown (the question has no answer)", "Unknown, as the future is open", "Unclear",
    "Sorry, I don't know", "not applicable", "The answer is unknown", "Not specified",
]  # fmt: skip

ANSWERS = [
    "Unknown Pleasures", "The Unknown Soldier", "None", "Nobody", "No", "0", "Nothing", "Nowhere",
    "Information Society", "I Don't Know How to Love Him", "Not Fade Away", "Data", "Nan", "Naomi",
    "Evidence", "Uncertainty principle", "The Great Unknown", "Sorry", "Ulm", "Impossible Mission",
    "Answer Me", "Knowing", "Never Let Me Go", "Insufficient funds",
]  # fmt: skip

PLAIN_REFUSALS = [
    "I don't know.",
    "Let me think. He was a painter in Delft. I'm sorry, but I do not know when he was born.",
    "There is not enough information to answer this.\nCONF=0.10",
    "This cannot be determined. Please consult an expert.",
    "Nobody can know the future, so the answer is unknown.",
    "I do not have any reliable information about this person.",
    "Unknown",
    "<think>Is it Ulm?</think>I am not sure who that is.",
]


@pytest.mark.parametrize("name", READ)
def test_reads(name):
    response, text, confidence = READ[name]
    assert parse_boxed(response) == BoxedAnswer(text, False, confidence)


@pytest.mark.parametrize("name", UNREADABLE)
def test_takes_for_invalid(name):
    answer = parse_boxed(UNREADABLE[name])
    assert answer == BoxedAnswer(None, False, None)
    assert answer.status == "invalid"


@pytest.mark.parametrize("text", REFUSALS)
def test_a_box_that_declines_is_an_abstention(text):
    assert is_refusal(text)
    answer = parse_boxed(f"I thought about it. \\boxed{{\\text{{{text}}}}}\nCONF=0.4")
    assert (answer.status, answer.confidence) == ("abstained", 0.4)


@pytest.mark.parametrize("text", ANSWERS)
def test_a_name_that_sounds_like_a_refusal_is_an_answer(text):
    assert parse_boxed(f"\\boxed{{{text}}}") == BoxedAnswer(text, False, None)


@pytest.mark.parametrize("response", PLAIN_REFUSALS)
def test_prose_that_ends_by_declining_is_an_abstention_without_a_box(response):
    assert parse_boxed(response).status == "abstained"


def test_a_refusal_without_a_box_keeps_its_confidence():
    assert parse_boxed("I do not know.\nCONF=0.2") == BoxedAnswer(None, True, 0.2)


def test_an_answer_in_the_box_is_not_taken_back_by_doubt_after_it():
    assert parse_boxed("\\boxed{Ulm}\nBut I am not sure.").status == "answered"


def test_the_prompt_itself_holds_no_answer_and_comes_first():
    prompt = write_question_prompt({"question": "Where was Einstein born?"})
    assert prompt.startswith(QUESTION_INSTRUCTION)
    assert prompt.endswith("\n\nQuestion: Where was Einstein born?\n\nAnswer:\n")
    assert "\\boxed{Unknown}" in prompt
    assert "CONF=" in prompt


@given(st.text())
def test_any_text_gives_an_answer_an_abstention_or_nothing(response):
    answer = parse_boxed(response)
    assert answer.confidence is None or 0 <= answer.confidence <= 1
    assert answer.text is None or answer.text.strip()
    assert answer.status in ("answered", "abstained", "invalid")


PIECES = [
    "\\boxed{", "\\boxed", "{", "}", "\\{", "\\}", "\\text{", "\\frac{", "$", "Ulm", "Unknown",
    "\n", " ", "CONF=", "0.9", "xx", "<think>", "</think>", "I don't know. ",
    "\\", "\x00", "\u2028", "ſ",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_hostile_pieces_never_raise_and_never_give_an_empty_answer(response):
    answer = parse_boxed(response)
    assert answer.text is None or answer.text.strip()


@given(
    st.text(),
    st.text(alphabet=st.characters(categories=["L", "N"]), min_size=1).filter(
        lambda text: text.strip() and text.casefold() != "answer"
    ),
    st.integers(min_value=0, max_value=100),
)
def test_a_boxed_answer_is_read_whatever_was_thought(thought, answer, percent):
    response = f"<think>{thought}</think>\n\\boxed{{{answer}}}\nCONF={percent / 100:.2f}\n"
    read = parse_boxed(response)
    assert (read.text, read.confidence) == (answer, percent / 100)


@given(st.text(max_size=300))
def test_what_declines_does_so_in_any_case_and_with_spaces_around(text):
    assert is_refusal(text) == is_refusal(f"  {text}\n")
    assert not ends_in_refusal(text + ". Probably Ulm.")


@pytest.mark.parametrize(
    "hostile",
    ["\\boxed{" * 150_000, "\\boxed{" * 70_000 + "}" * 500_000, "{" * 1_000_000,
     "\\boxed{x}" * 100_000 + "CONF=", "\\boxed" + " " * 1_000_000, "\\frac{" * 150_000,
     "\\boxed{" + "\\text{" * 80_000 + "x" + "}" * 80_000 + "}",
     "\\boxed{" + "not " * 250_000 + "}",
     "I don't know " * 80_000, "\\boxed{}" * 120_000, "CONF=" * 200_000 + "\\boxed{x}",
     "<think>" * 150_000],
    ids=["opened", "closed", "braces", "boxes", "spaces", "fractions", "styles", "words",
         "refusals", "empty", "confidences", "thinking"],
)  # fmt: skip
def test_a_megabyte_of_hostile_text_takes_linear_time(hostile):
    started = time.process_time()
    parse_boxed(hostile)
    assert time.process_time() - started < 5  # quadratic time would be hours
