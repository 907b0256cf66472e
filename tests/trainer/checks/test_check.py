"""`satrain check`: which recipes it warns of, and of what."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from saeval.tasks.kinds import OPEN_QUESTION, VERIFICATION
from saeval.trainer.checks.check import check
from saeval.trainer.checks.expected_reward import ExpectedRewards, Knowledge, answering_threshold
from saeval.trainer.checks.plan import check_tokens
from saeval.trainer.cli import main
from saeval.trainer.recipe.load import list_recipes, load_recipe
from saeval.trainer.rewards.registry import COMPONENTS


def codes(name: str, *changes: str) -> set[str]:
    found = check(load_recipe(name, changes))
    return {finding.code for finding in found if finding.severity == "warning"}


WARNED = {
    "fever-only": {"constant-in-group"},
    "mixed": {"constant-in-group"},
    "hard-only": {"dominated-right-answer"},
    "hard-weighted": {"dominated-right-answer"},
    "balanced": {"dominated-right-answer"},
    "format-only": {"right-answer-unpaid"},
    "qa-fact-only": {"right-answer-unpaid", "abstention-unpaid"},
    "qa-caution-only": {"right-answer-unpaid", "abstention-collapse"},
    "qa-both": {"abstention-absorbs"},
    "qa-fact-then-caution": {"abstention-absorbs"},
    "qa-fact-then-caution-full": {"abstention-absorbs"},
    "correctness-brier": set(),
    "ternary": set(),
    "log-score": {"dominated-right-answer"},
    "recommended-verification": set(),
    "recommended-questions": set(),
    "sft-abstention": set(),
    "sft-confidence": set(),
    "sft-multitask": set(),
    "format-warm-up": set(),
    "demo": set(),
}


@pytest.mark.parametrize("name", list_recipes())
def test_shipped_recipes_are_warned_of_what_is_wrong_with_them(name):
    assert codes(name) == WARNED[name]


def test_the_documentation_says_what_is_found():
    lines = (
        (Path(__file__).parents[3] / "docs" / "reference" / "recipes.md").read_text().splitlines()
    )
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]
    said = {
        linked[1]: row[-1] for row in rows if (linked := re.match(r"\[(.+?)\]\(recipes/", row[0]))
    }
    assert {name: set(cell.split(", ")) - {"nothing"} for name, cell in said.items()} == WARNED
    assert {row[0].strip("`") for row in rows} >= set(COMPONENTS)


def text(code: str, name: str, *changes: str) -> str:
    (found,) = [it.text for it in check(load_recipe(name, changes)) if it.code == code]
    return found


def test_the_exploration_bonus_is_named_as_the_culprit():
    said = text("dominated-right-answer", "balanced")
    # Said of an NA item: PASS .15·(−.5) + 8, NA .15·4.
    assert "on NA items, a model that knows this is paid 7.92 for PASS and only 0.60 for NA" in said
    assert "exploration pays 8.00 more" in said


def test_the_shaping_term_is_named_and_goes_away_with_weight_zero():
    assert text("constant-in-group", "mixed").startswith("gold_log_probability is the same for")
    assert codes("mixed", "reward.gold_log_probability.weight=0") == set()


def test_a_small_weight_of_na_is_found_without_any_exploration():
    changes = ("reward.exploration.bonus=0",)
    assert codes("balanced", *changes) == {"constant-in-group", "dominated-right-answer"}
    weights = "reward.weighted_correctness.weights={NA: 1, PASS: 1, FAIL: 1}"
    assert codes("balanced", "reward.exploration.weight=0", weights) == set()


@pytest.mark.parametrize(
    ("price", "chance"), [(-0.25, 0.2), (-1, 0.5), (-2, 2 / 3), (-10, 10 / 11)]
)
def test_answering_pays_from_lambda_over_one_plus_lambda(price, chance):
    recipe = load_recipe("ternary", [f"reward.ternary.wrong={price}"])
    assert answering_threshold(ExpectedRewards(recipe, OPEN_QUESTION)) == pytest.approx(
        chance, abs=1e-5
    )
    assert codes("ternary", f"reward.ternary.wrong={price}") == set()


def test_a_reward_that_never_pays_for_declining_is_found_on_questions():
    questions = "data.sources=[{task: selfaware, split: test}]"
    assert codes("correctness-brier", questions) == {"abstention-unpaid"}
    assert codes("recommended-verification", questions) == {"abstention-unpaid"}


def test_group_pay_is_that_of_the_groups_chances():
    rewards = ExpectedRewards(load_recipe("qa-both"), OPEN_QUESTION)
    half = Knowledge(OPEN_QUESTION, "RIGHT", 0.5)
    assert rewards.best(half, "RIGHT")[1] == pytest.approx(0.5)
    assert rewards.best(half, "UNKNOWN")[1] == pytest.approx(0.5**7)


def test_a_confidence_reward_that_is_not_proper_is_found():
    # Paid for, the squared distance is largest at the extremes.
    turned = "reward.brier.weight=-1"
    assert "improper-confidence" in codes("recommended-verification", turned)


@pytest.mark.parametrize("name", ["correctness-brier", "log-score", "recommended-questions"])
def test_dividing_by_the_groups_spread_takes_the_honesty_out_of_a_proper_reward(name):
    scaled = "optimisation.scale_rewards=group"
    assert codes(name, scaled) == codes(name) | {"scaled-confidence"}
    assert codes(name, "optimisation.scale_rewards=batch") == codes(name)
    said = text("scaled-confidence", name, scaled)
    assert "right 60% of the time is paid most for stating 0.60 and will learn 1.00" in said


@pytest.mark.parametrize(
    ("name", "chance", "learnt"),
    [
        ("correctness-brier", 0.9, 1.0),  # nine groups push up for one that pushes down
        ("correctness-brier", 0.5, None),  # one for one: nothing is learnt
        ("correctness-brier", 0.4, 0.0),
        # Aligning with the policy's own probability holds it there: from 0.75 on it costs .15 to go
        # up, and being right pays .5·(1 − c) < .15; below, both pay for going up.
        ("fever-only", 0.75, 0.75),
        ("ternary", 0.75, None),  # confidence is not paid for
    ],
)
def test_what_confidence_is_learnt_when_only_the_sign_of_a_change_counts(name, chance, learnt):
    recipe = load_recipe(name)
    kind = OPEN_QUESTION if name == "ternary" else VERIFICATION
    believes = "RIGHT" if name == "ternary" else "PASS"
    rewards = ExpectedRewards(recipe, kind)
    assert rewards.learnt_confidence(Knowledge(kind, believes, chance)) == learnt


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        (("hardware.devices=3", "optimisation.prompts_per_step=4", "optimisation.group_size=9"), 1),
        (("hardware.devices=2", "optimisation.prompts_per_step=4"), 0),
        (("optimisation.steps_per_generation=3",), 2),
        (("optimisation.steps_per_generation=4",), 0),
        (("optimisation.iterations=2",), 2),
    ],
)
def test_split_groups_and_inexact_resuming_are_found(changes, code):
    expected = [set(), {"split-groups"}, {"inexact-resume"}][code]
    assert codes("recommended-verification", *changes) == expected


def test_supervised_fine_tuning_has_no_reward_to_judge(capsys, tmp_path):
    file = tmp_path / "supervised.yaml"
    file.write_text(
        "name: supervised\nsummary: S\nsource: test\nbackend: trl-sft\n"
        "objective: {abstention: 3, confidence: 1}\n"
        "data: {sources: [{task: fever}]}\noptimisation: {steps: 5, learning_rate: 1e-5}\n"
    )
    code, out, _ = run(capsys, "check", str(file), "--strict")
    assert code == 0
    assert "What an answer pays" not in out
    assert "Pay-offs are of rewards" in out
    assert re.search(r"abstention +75%", out)
    assert "[needs-profile] it makes its targets from" in out
    assert "no warnings" in out


@pytest.fixture(scope="module")
def tokenizer():
    from saeval.trainer.demo.tiny_model import build_tokenizer

    return build_tokenizer()


def test_a_tokenizer_that_keeps_labels_whole_can_be_probed(tokenizer):
    assert check_tokens(load_recipe("mixed"), tokenizer) == []
    chat = load_recipe("mixed", ["prompt.chat_template=true"])
    assert check_tokens(chat, tokenizer) == []


def test_a_tokenizer_that_melts_prefix_and_label_cannot_be_probed(tokenizer):
    from tokenizers import AddedToken

    from saeval.trainer.demo.tiny_model import build_tokenizer

    melting = build_tokenizer()
    melting.add_tokens([AddedToken("=PASS", normalized=False)])
    found = check_tokens(load_recipe("mixed"), melting)
    assert [(finding.code, finding.severity) for finding in found] == [("label-tokens", "warning")]
    assert "LABEL=PASS is read as other tokens" in found[0].text
    assert check_tokens(load_recipe("balanced"), melting) == []  # it probes nothing


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    try:
        main(list(arguments))
        code = 0
    except SystemExit as stop:
        code = int(stop.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_command_prints_tables_and_warnings(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    code, out, _ = run(capsys, "check", "hard-only")
    assert code == 0
    assert "What an answer pays (verification), to a model that knows the truth" in out
    assert "What pays most on average" in out
    assert "[dominated-right-answer]" in out
    assert "1 warning" in out
    right = next(line.split() for line in out.splitlines() if "NA ✓" in line)
    assert right == ["NA", "✓", "0.60", "0.35"]


def test_strict_fails_on_warnings_and_not_on_notes(capsys):
    assert run(capsys, "check", "mixed", "--strict")[0] == 4
    code, out, _ = run(capsys, "check", "ternary", "--strict")
    assert code == 0
    assert "[confidence-unpaid]" in out
    assert "no warnings" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("check", "ternary", "probing.every=1"), "there are labels to probe in verification"),
        (("check", "nowhere"), "there is no recipe 'nowhere'"),
        (("check", "mixed", "optimisation.stesp=1"), "did you mean `optimisation.steps`?"),
        (("check", "mixed", "--base", "no/such/model"), "--base no/such/model: has no tokenizer"),
        (("recipes", "show", "nowhere"), "there is no recipe 'nowhere'"),
        (("check",), "Missing argument 'RECIPE'"),
    ],
)
def test_bad_input_exits_with_two_and_one_sentence(capsys, arguments, said):
    code, out, err = run(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert said in err
    assert "Traceback" not in err


def test_the_recipes_are_listed_and_shown(capsys):
    code, out, _ = run(capsys, "recipes", "list")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == list_recipes()
    code, out, _ = run(capsys, "recipes", "show", "mixed")
    assert code == 0
    assert "steps: 160" in out


def test_checking_needs_neither_torch_nor_transformers():
    code = (
        "import sys\nfrom saeval.trainer.cli import main\n"
        "main(['check', 'mixed'])\n"
        "sys.exit(bool({'torch', 'transformers', 'trl', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL).returncode == 0
