from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saeval.tasks.format.labels import LabelAnswer, parse_label
from saeval.tasks.types import VERIFICATION_LABELS

READ = {
    "plain": ("LABEL=PASS\nCONF=0.90", LabelAnswer("PASS", 0.9)),
    "with the study's third line": ("LABEL=NA\nCONF=0.5\nRATIONALE=", LabelAnswer("NA", 0.5)),
    "on one line": ("LABEL=FAIL CONF=1", LabelAnswer("FAIL", 1.0)),
    "with a comma between": ("LABEL=FAIL, CONF=0.60, RATIONALE=", LabelAnswer("FAIL", 0.6)),
    "bold": ("**LABEL=PASS**\n**CONF=0.75**", LabelAnswer("PASS", 0.75)),
    "windows line ends": ("LABEL=PASS\r\nCONF=0.75\r\n", LabelAnswer("PASS", 0.75)),
    "confidence without leading zero": ("LABEL=PASS\nCONF=.5", LabelAnswer("PASS", 0.5)),
    "certain": ("LABEL=PASS\nCONF=1.00", LabelAnswer("PASS", 1.0)),
    "label without confidence": ("LABEL=NA", LabelAnswer("NA", None)),
    "label alone on the last line": ("I weighed it.\nLABEL=NA\n", LabelAnswer("NA", None)),
    "last of two blocks": (
        "LABEL=PASS\nCONF=0.9\nNo, wait.\nLABEL=NA\nCONF=0.4",
        LabelAnswer("NA", 0.4),
    ),
    "after thinking": (
        "<think>LABEL=PASS\nCONF=0.9</think>\nLABEL=FAIL\nCONF=0.7",
        LabelAnswer("FAIL", 0.7),
    ),
    "glued final channel": (
        "so PASS.assistantfinalLABEL=PASS\nCONF=0.95",
        LabelAnswer("PASS", 0.95),
    ),
    "final channel with markers": (
        "CONF=\nWe classify.<|end|><|start|>assistant<|channel|>final<|message|>LABEL=NA\nCONF=0.5",
        LabelAnswer("NA", 0.5),
    ),
    "reasoning quotes a label": (
        "so not LABEL=PASS, the year differs.\nLABEL=FAIL\nCONF=0.8",
        LabelAnswer("FAIL", 0.8),
    ),
    "format quoted before the answer": (
        'Format: "LABEL=PASS|FAIL|NA" "CONF=0.xx". So:\nLABEL=NA\nCONF=0.5',
        LabelAnswer("NA", 0.5),
    ),
}
UNREADABLE = {
    "nothing": "",
    "prose": "The claim is supported, so it passes.",
    "a label in prose": "I would say PASS with confidence 0.9.",
    "a label inside a sentence": "so not LABEL=PASS because the year differs",
    "the format itself": "LABEL=PASS|FAIL|NA\nCONF=0.xx",
    "the format with one label": "LABEL=NA\nCONF=0.xx",
    "the prompt's own format line": "LABEL=PASS, FAIL or NA",
    "unknown label": "LABEL=MAYBE\nCONF=0.5",
    "longer word": "LABEL=PASSED\nCONF=0.5",
    "lower case": "label=pass\nconf=0.5",
    "confidence above one": "LABEL=PASS\nCONF=1.5",
    "confidence in percent": "LABEL=PASS\nCONF=95%",
    "negative confidence": "LABEL=PASS\nCONF=-0.5",
    "confidence not a number": "LABEL=PASS\nCONF=nan",
    "cut off in the confidence": "LABEL=PASS\nCONF=",
    "cut off in thought": "<think>LABEL=PASS\nCONF=0.9\nBut wait",
    "answer only in the reasoning": "<think>LABEL=PASS\nCONF=0.9</think>I cannot say.",
    "thinking begun again after the answer": "</think>LABEL=PASS\nCONF=0.9<think>hm",
}


@pytest.mark.parametrize("name", READ)
def test_reads(name):
    response, answer = READ[name]
    assert parse_label(response) == answer


@pytest.mark.parametrize("name", UNREADABLE)
def test_takes_for_invalid(name):
    answer = parse_label(UNREADABLE[name])
    assert answer == LabelAnswer(None, None)
    assert answer.status == "invalid"


def test_status_tells_abstention_from_answer():
    assert parse_label("LABEL=NA\nCONF=0.5").status == "abstained"
    assert parse_label("LABEL=FAIL\nCONF=0.5").status == "answered"


@given(st.text())
def test_any_text_gives_a_label_of_the_list_and_a_probability(response):
    answer = parse_label(response)
    assert answer.label is None or answer.label in VERIFICATION_LABELS.names
    assert answer.confidence is None or 0 <= answer.confidence <= 1
    assert not (answer.label is None and answer.confidence is not None)


pieces = st.sampled_from(
    [
        "LABEL=",
        "PASS",
        "FAIL",
        "NA",
        "\n",
        " ",
        "CONF=",
        "0.",
        "9",
        "xx",
        "|",
        "<think>",
        "</think>",
        "assistantfinal",
        "**",
        "%",
        "label",
        "LABEL=PASS\nCONF=0.9",
        "ſ",
        "\u2028",
        "\x00",
    ]
)


@given(st.lists(pieces, max_size=40).map("".join))
def test_hostile_pieces_never_raise(response):
    parse_label(response)


@given(
    st.text(),
    st.sampled_from(VERIFICATION_LABELS.names),
    st.integers(min_value=0, max_value=100),
)
def test_a_well_formed_final_answer_is_read_whatever_was_thought(thought, label, percent):
    response = f"<think>{thought}</think>\nLABEL={label}\nCONF={percent / 100:.2f}\n"
    assert parse_label(response) == LabelAnswer(label, percent / 100)


@pytest.mark.parametrize(
    "hostile",
    ["LABEL=PASS" + " " * 1_000_000 + "x", "LABEL=PASS\n" * 100_000 + "CONF", "*" * 1_000_000,
     "LABEL=NA" + "\n" * 500_000 + "CONF=0.5", "<think>" * 150_000, "CONF=" + "9" * 1_000_000],
    ids=["spaces", "labels", "stars", "newlines", "thinking", "digits"],
)  # fmt: skip
def test_a_megabyte_of_hostile_text_takes_linear_time(hostile):
    started = time.process_time()
    parse_label(hostile)
    assert time.process_time() - started < 5  # quadratic time would be hours
