"""What every recipe pays, against tables that were computed by hand.

The tables hold totals, worked out from the published formulas with pen and paper; `–` stands where
an answer cannot state a confidence because it cannot be read.
"""

from __future__ import annotations

import json
from itertools import product

import pytest

from saeval.trainer.data.rows import read_completions
from saeval.trainer.recipe.load import list_recipes, load_recipe
from saeval.trainer.rewards.completion import Group
from saeval.trainer.rewards.example import make_completion
from saeval.trainer.rewards.terms import compute_reward, compute_values

PROBED = {"PASS": 0.7, "FAIL": 0.2, "NA": 0.1}

# Columns: the confidence stated, or none. Each number is the sum of seven parts. With evidence,
# PASS said of a PASS item at .9 is +2 − .25·.1² − .15·|.9 − .7| + .1·ln .7 = 1.9318; NA said of it
# is −1 − .25·.9² − .15·|.9 − .1| − 2 (false NA) − .25 (PASS is likelier) + .1·ln .7 = −3.6082.
# What cannot be read is wrong, counts as NA of confidence .5 and breaks the format.
SEVEN = """
target evidence answer    .9       .2       none
PASS   yes      PASS    1.9318   1.7293   1.6218
PASS   yes      FAIL   -1.5932  -1.2957  -1.6432
PASS   yes      NA     -3.6082  -3.3107  -3.6582
PASS   yes      –          –        –    -1.6582
PASS   no       PASS    1.9318   1.7293   1.6218
PASS   no       FAIL   -1.5932  -1.2957  -1.6432
PASS   no       NA     -1.6082  -1.3107  -1.6582
PASS   no       –          –        –    -1.6582
FAIL   yes      PASS   -1.3934  -1.2459  -1.5034
FAIL   yes      FAIL    1.4816   1.4291   1.2316
FAIL   yes      NA     -3.7334  -3.4359  -3.7834
FAIL   yes      –          –        –    -1.7834
FAIL   no       PASS   -1.3934  -1.2459  -1.5034
FAIL   no       FAIL    1.4816   1.4291   1.2316
FAIL   no       NA     -1.7334  -1.4359  -1.7834
FAIL   no       –          –        –    -1.7834
NA     yes      PASS   -1.4628  -1.3153  -1.5728
NA     yes      FAIL   -1.7878  -1.4903  -1.8378
NA     yes      NA      1.3972   1.3447   1.1472
NA     yes      –          –        –    -1.8528
NA     no       PASS   -1.4628  -1.3153  -1.5728
NA     no       FAIL   -1.7878  -1.4903  -1.8378
NA     no       NA      1.3972   1.3447   1.1472
NA     no       –          –        –    -1.8528
"""

# PASS said of a PASS item: 2.5·4 + 8; FAIL: −2.5·.5 + 8; NA: −2.5·.5 and, with evidence, −2.5·.5.
# NA said of an NA item: .15·4. What cannot be read is NA, less .25.
CLASS_WEIGHTED = """
target evidence answer    .9       .2       none
PASS   yes      PASS     18       18      17.75
PASS   yes      FAIL      6.75     6.75    6.5
PASS   yes      NA       -2.5     -2.5    -2.75
PASS   yes      –          –        –     -2.75
PASS   no       PASS     18       18      17.75
PASS   no       FAIL      6.75     6.75    6.5
PASS   no       NA       -1.25    -1.25   -1.5
PASS   no       –          –        –     -1.5
FAIL   yes      PASS      6.25     6.25    6
FAIL   yes      FAIL     22       22      21.75
FAIL   yes      NA       -3.5     -3.5    -3.75
FAIL   yes      –          –        –     -3.75
FAIL   no       PASS      6.25     6.25    6
FAIL   no       FAIL     22       22      21.75
FAIL   no       NA       -1.75    -1.75   -2
FAIL   no       –          –        –     -2
NA     yes      PASS      7.925    7.925   7.675
NA     yes      FAIL      7.925    7.925   7.675
NA     yes      NA         .6       .6      .35
NA     yes      –          –        –       .35
NA     no       PASS      7.925    7.925   7.675
NA     no       FAIL      7.925    7.925   7.675
NA     no       NA         .6       .6      .35
NA     no       –          –        –       .35
"""


def symmetric(right: str, wrong: str, unreadable: str) -> str:
    """The table of a reward that looks at nothing but whether the label is right."""
    rows = ["target evidence answer .9 .2 none"]
    for target, evidence, answer in product(
        ("PASS", "FAIL", "NA"), ("yes", "no"), ("PASS", "FAIL", "NA")
    ):
        rows.append(f"{target} {evidence} {answer} {right if target == answer else wrong}")
    rows += [
        f"{target} {evidence} – – – {unreadable}"
        for target, evidence in product(("PASS", "FAIL", "NA"), ("yes", "no"))
    ]
    return "\n".join(rows)


VERIFICATION = {
    "fever-only": SEVEN,
    "mixed": SEVEN,
    "hard-only": CLASS_WEIGHTED,
    "hard-weighted": CLASS_WEIGHTED,
    "balanced": CLASS_WEIGHTED,
    "format-only": symmetric("0 0 -.25", "0 0 -.25", "-.25"),
    # 1 − .1², 1 − .8², 1 − .5²; −.9², −.2², −.5².
    "correctness-brier": symmetric(".99 .36 .75", "-.81 -.04 -.25", "-.25"),
    # ln .9, ln .2; ln .1, ln .8.
    "log-score": symmetric("-.1054 -1.6094 -7", "-2.3026 -.2231 -7", "-7"),
    # As correctness-brier, but −1 where wrong, and −.5 without a confidence.
    "recommended-verification": symmetric(".99 .36 .25", "-1.81 -1.04 -1.75", "-1.75"),
    "demo": symmetric(".99 .36 .25", "-1.81 -1.04 -1.75", "-1.75"),
}

# Rows of a target RIGHT need no group; where there is no answer, nothing said is RIGHT.
TERNARY = """
target  answer    .9     .2     none
RIGHT   RIGHT      1      1      1
RIGHT   WRONG     -1     -1     -1
RIGHT   UNKNOWN    0      0      0
RIGHT   –          –      –     -1
UNKNOWN WRONG     -1     -1     -1
UNKNOWN UNKNOWN    1      1      1
UNKNOWN –          –      –     -1
"""

# Right 1, wrong −.5, declined 0; less (c − right)², with .5 for none; less .5 without a confidence.
RECOMMENDED_QUESTIONS = """
target  answer    .9     .2     none
RIGHT   RIGHT     .99    .36    .25
RIGHT   WRONG   -1.31   -.54  -1.25
RIGHT   UNKNOWN  -.81   -.04   -.75
RIGHT   –          –      –   -1.25
UNKNOWN WRONG   -1.31   -.54  -1.25
UNKNOWN UNKNOWN   .99    .36    .25
UNKNOWN –          –      –   -1.25
"""

# `others` right among the other seven; `thought` is the right answer in the reasoning. The columns
# are recipes; fact-then-caution in its first half and in its second.
GROUP = """
target  others answer  thought fact caution both first second
RIGHT   0      RIGHT   no      1    0       1    1     1
RIGHT   3      RIGHT   no      1    0       1    1     1
RIGHT   0      WRONG   no      0    0       0    0     0
RIGHT   3      WRONG   no      0    0       0    0     0
RIGHT   0      WRONG   yes     0    0       0    0     0
RIGHT   3      WRONG   yes     .5   0       .5   .5    .5
RIGHT   0      UNKNOWN no      0    1       1    0     1
RIGHT   3      UNKNOWN no      0    0       0    0     0
RIGHT   0      UNKNOWN yes     0    1       1    0     1
RIGHT   3      UNKNOWN yes     .5   0       .5   .5    .5
RIGHT   0      –       no      0    0       0    0     0
RIGHT   3      –       no      0    0       0    0     0
RIGHT   0      –       yes     0    0       0    0     0
RIGHT   3      –       yes     .5   0       .5   .5    .5
UNKNOWN 0      WRONG   no      0    0       0    0     0
UNKNOWN 0      UNKNOWN no      0    1       1    0     1
UNKNOWN 0      –       no      0    0       0    0     0
"""
GROUP_COLUMNS = {
    "fact": ("qa-fact-only", 0),
    "caution": ("qa-caution-only", 0),
    "both": ("qa-both", 0),
    "first": ("qa-fact-then-caution", 99),
    "second": ("qa-fact-then-caution", 100),
}

CONFIDENCES = {".9": 0.9, ".2": 0.2, "none": None}


def rows(table: str) -> list[dict[str, str]]:
    heading, *lines = (line.split() for line in table.strip().splitlines())
    return [dict(zip(heading, line, strict=True)) for line in lines]


def read(cell: str) -> str | None:
    return None if cell == "–" else cell


@pytest.mark.parametrize("name", VERIFICATION)
def test_a_verification_recipe_pays_what_the_table_says(name):
    terms = load_recipe(name).terms
    found, expected = {}, {}
    for row in rows(VERIFICATION[name]):
        for column, confidence in CONFIDENCES.items():
            if row[column] == "–":
                continue
            key = (row["target"], row["evidence"], row["answer"], column)
            expected[key] = float(row[column])
            found[key] = compute_reward(
                terms,
                make_completion(
                    read(row["answer"]),
                    confidence,
                    target=row["target"],
                    evidence=row["evidence"] == "yes",
                    probabilities=PROBED,
                    step=150,
                    steps=160,
                ),
            )
    assert len(expected) == 3 * 2 * (3 * 3 + 1)
    assert found == pytest.approx(expected, abs=6e-5)


@pytest.mark.parametrize(
    ("name", "table"), [("ternary", TERNARY), ("recommended-questions", RECOMMENDED_QUESTIONS)]
)
def test_a_question_recipe_pays_what_the_table_says(name, table):
    terms = load_recipe(name).terms
    found, expected = {}, {}
    for row in rows(table):
        for column, confidence in CONFIDENCES.items():
            if row[column] != "–":
                key = (row["target"], row["answer"], column)
                expected[key] = float(row[column])
                completion = make_completion(read(row["answer"]), confidence, target=row["target"])
                found[key] = compute_reward(terms, completion)
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("column", GROUP_COLUMNS)
@pytest.mark.parametrize("confidence", [0.9, None])
def test_a_group_recipe_pays_what_the_table_says(column, confidence):
    name, step = GROUP_COLUMNS[column]
    terms = load_recipe(name).terms
    for row in rows(GROUP):
        completion = make_completion(
            read(row["answer"]),
            confidence if row["answer"] != "–" else None,
            target=row["target"],
            group=Group(8, int(row["others"]) + (row["answer"] == "RIGHT")),
            in_reasoning=row["thought"] == "yes",
            step=step,
            steps=200,
        )
        assert compute_reward(terms, completion) == float(row[column]), row


def test_training_every_weight_is_paid_as_training_an_adapter():
    lora, full = (load_recipe(f"qa-fact-then-caution{end}") for end in ("", "-full"))
    assert lora.terms == full.terms


def test_every_shipped_recipe_with_a_reward_has_a_table():
    tabled = {*VERIFICATION, "ternary", "recommended-questions", "qa-fact-then-caution-full"}
    tabled |= {name for name, _ in GROUP_COLUMNS.values()}
    assert tabled == {name for name in list_recipes() if load_recipe(name).terms}


def test_the_calibration_components_warm_up():
    # Step 24 of 50: half of .25·.1² and half of .15·.2.
    completion = make_completion(
        "PASS", 0.9, target="PASS", probabilities=PROBED, step=24, steps=160
    )
    alone = compute_values(load_recipe("fever-only").terms, [completion])
    assert alone["brier"] == [pytest.approx(-0.00125)]
    assert alone["alignment"] == [pytest.approx(-0.015)]
    assert alone["correctness"] == [2.0]
    assert set(alone) == {
        "correctness",
        "gold_log_probability",
        "brier",
        "alignment",
        "false_abstention",
        "inconsistency",
        "format_error",
    }


def test_written_responses_are_read_by_their_task_and_counted():
    question = json.dumps({"question": "Who?", "answers": ["Ada"], "target": "RIGHT"})
    responses = [
        "It was \\boxed{Ada}\nCONF=0.9",
        "Ada, or not.</think>\\boxed{Unknown}\nCONF=0.2",
        "\\boxed{Bob}",
        "It was Ada.",
    ]
    group = read_completions(
        "popqa", question, responses, step=3, steps=9, likelihoods=[-5.0, -1.0, -9.0, -2.0]
    )
    assert [completion.reading.prediction for completion in group] == [
        "RIGHT",
        "UNKNOWN",
        "WRONG",
        None,
    ]
    assert {completion.group for completion in group} == {Group(4, 1)}
    assert [completion.likelihood_rank for completion in group] == [2, 0, 3, 1]
    claim = json.dumps({"claim": "C", "evidence": ["E"], "target": "FAIL"})
    (completion,) = read_completions("fever", claim, ["LABEL=FAIL\nCONF=0.9"], step=0, steps=1)
    assert completion.evidence
    assert compute_reward(load_recipe("balanced").terms, completion) == 22
