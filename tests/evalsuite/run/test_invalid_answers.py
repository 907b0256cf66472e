"""Why answers cannot be parsed, said while the run goes on and again in the report."""

from __future__ import annotations

import json
import shutil

import pytest
from builders import prediction
from command_line import typed

from saeval.evalsuite.run.invalid_answers import Asked, explain_invalid_answers
from saeval.evalsuite.store.prediction import Usage


def invalid(response, tokens=5, task="fever"):
    usage = Usage(prompt_tokens=9, response_tokens=tokens)
    return prediction(0, None, task=task, response=response, usage=usage)


VALID = prediction(0)
CASES = {
    "cut at the token limit": (
        invalid("Well, the claim says", 64), Asked(64, True, True),
        "cut at the limit of 64 tokens", "--gen-kwargs max_gen_toks=256",
    ),
    "reasoning without an end": (
        invalid("<think>so"), Asked(), "their reasoning does not end", "max_gen_toks=8192",
    ),
    "a chat template that was not applied": (
        invalid("The claim"), Asked(64, False, True), "chat template was not applied",
        "Apply it: --apply-chat-template; then show it worked examples: --num-fewshot 3; if it",
    ),
    "cut, with all the room of the task": (
        invalid("Well, the claim says", 512), Asked(512, True, True),
        "cut at the limit of 512 tokens", "Show it worked examples: --num-fewshot 3",
    ),
    "nothing": (
        invalid("  "), Asked(64, True, True, base="./my base"), "they are empty",
        "Show it worked examples: --num-fewshot 3; if it needs more, train it to keep to the form: "
        "satrain run format-warm-up --base './my base' --out 'my base-warm-up'.",
    ),
    "examples were there": (
        invalid("It passes."), Asked(64, True, True, num_fewshot=3, base="base"),
        "they hold no answer such as LABEL=PASS CONF=0.72",
        "Train it to keep to the form: satrain run format-warm-up --base base --out base-warm-up.",
    ),
    "no label": (
        invalid("It passes."), Asked(64, True, True),
        "they hold no answer such as LABEL=PASS CONF=0.72", "--num-fewshot 3",
    ),
    "a server's model": (
        invalid("It passes."), Asked(64, False, None), "no answer such as LABEL=PASS",
        "If it is a chat model, ask it as one: --apply-chat-template",
    ),
    "no box": (
        invalid("Ulm", task="simpleqa"), Asked(), "they hold no \\boxed{…}",
        "satrain run format-warm-up --base BASE --out BASE-warm-up",
    ),
    "a task without examples": (
        invalid("Ulm", task="pairwise"), Asked(64, True, True), "they hold no",
        "Show it the form in a system prompt (--system), or train it to keep to it",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_reason_and_the_option_that_would_mend_it(case):
    answer, asked, reason, option = CASES[case]
    sentence = explain_invalid_answers("mine", [answer] * 9 + [VALID] * 7, asked, first=True)
    assert sentence is not None
    assert f"mine, {answer.task}: 9 of the first 16 answers cannot be parsed: " in sentence
    assert reason in sentence
    assert option in sentence
    assert "\n" not in sentence


def test_up_to_half_is_nothing_to_speak_of():
    answers = [invalid("x")] * 8 + [VALID] * 8
    assert explain_invalid_answers("mine", answers, Asked()) is None
    assert explain_invalid_answers("mine", [], Asked()) is None


def test_examples_are_two_different_ones_on_one_line():
    answers = [invalid(text) for text in ("a\x1b[31m\nb", "a\x1b[31m\nb", "c" * 500, "d")]
    sentence = explain_invalid_answers("mine", answers, Asked())
    assert sentence is not None
    assert sentence.isprintable()
    assert sentence.count("'") == 4
    assert len(sentence) < 600


def test_a_run_says_it_and_the_report_repeats_it(tiny_base, tmp_path, capsys):
    mute = tmp_path / "mute"
    shutil.copytree(tiny_base, mute)
    settings = json.loads((mute / "tokenizer_config.json").read_text())
    settings["chat_template"] = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    (mute / "tokenizer_config.json").write_text(json.dumps(settings))
    code, _, err = typed(
        capsys, "run", mute, "--tasks", "factworld", "--limit", 20, "--gen-kwargs",
        "max_gen_toks=2", "--out", tmp_path / "run",
    )  # fmt: skip
    assert code == 0
    said = " ".join(err.split())
    assert (
        "of the first 16 answers cannot be parsed: they were cut at the limit of 2 tokens" in said
    )
    assert "max_gen_toks=8" in said
    code, out, _ = typed(
        capsys, "compare", tmp_path / "run", tmp_path / "run", "--out", tmp_path / "comparison",
    )  # fmt: skip
    assert "20 of 20 answers cannot be parsed: they were cut" in " ".join(out.split())
    assert "cannot be parsed" in (tmp_path / "comparison" / "report.md").read_text()
