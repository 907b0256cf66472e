"""A policy's file: what is read from it, and how mistakes are named."""

from __future__ import annotations

import pytest

from saeval.errors import InputError
from saeval.evalsuite.compare.metric_names import parse_metric
from saeval.evalsuite.gate.policy_file import BUILT_IN, load_policy
from saeval.stats.gate.rules import Rule
from saeval.stats.metrics.built_in import OF_ANSWERS, OF_CONFIDENCE
from saeval.tasks.registry import get_task, list_tasks

GOOD = """\
level: 0.9
rules:
  - {metric: accuracy, not_worse_by: 0.02}
  - {metric: NA recall, must_improve: true}
  - {metric: Macro-F1, not_worse_by: 0.03}
  - metric: precision
    label: abstention
    at_least: 0.5
  - {metric: hallucination rate, not_worse_by: 0.04}
  - {metric: confidence_std, at_least: 0.05}
  - {metric: confidence_std, at_most: 0.4}
tasks:
  fever:
    rules:
      - {metric: accuracy, must_improve: true}
      - {metric: accuracy, at_least: 0.6}
"""


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "gate.yaml"
        path.write_text(text)
        return path

    return write


def test_a_policy_is_read_with_its_lines(written):
    path = written(GOOD)
    policy = load_policy(path)
    assert (policy.name, policy.level) == (str(path), 0.9)
    assert policy.general[0] == Rule("accuracy", None, "not_worse_by", 0.02, f"{path}:3")
    assert policy.general[1] == Rule("recall", "NA", "must_improve", 0.0, f"{path}:4")
    assert policy.general[2].metric == "macro_f1"
    assert policy.general[3] == Rule("precision", "abstention", "at_least", 0.5, f"{path}:6")
    assert policy.sources == {"fever": f"{path}:13"}


def test_a_task_has_its_own_rules_instead_of_the_general_ones(written):
    policy = load_policy(written(GOOD))
    rules, skipped = policy.rules_for("fever", ["PASS", "FAIL", "NA"])
    assert [rule.kind for rule in rules if rule.metric == "accuracy"] == [
        "must_improve",
        "at_least",
    ]
    assert ("precision", "NA") in [rule.key for rule in rules]
    assert [rule.kind for rule in rules if rule.metric == "confidence_std"] == [
        "at_least",
        "at_most",
    ]
    assert [(s.rule.metric, s.reason) for s in skipped] == [
        ("hallucination_rate", "the task has no hallucination rate")
    ]


def test_one_policy_serves_claims_and_questions(written):
    policy = load_policy(written(GOOD))
    rules, skipped = policy.rules_for("selfaware", ["RIGHT", "UNKNOWN"])
    assert ("precision", "UNKNOWN") in [rule.key for rule in rules]
    assert {s.reason for s in skipped} == {"the task has no NA recall", "the task has no macro f1"}
    rules, skipped = policy.rules_for("simpleqa", ["RIGHT"])
    assert "no item of it has the target UNKNOWN" in {s.reason for s in skipped}
    assert "hallucination_rate" not in {rule.metric for rule in rules}


def test_the_built_in_policy_holds_both_sides_of_abstaining_of_every_task():
    policy = load_policy(None)
    for name in list_tasks():
        task = get_task(name)
        rules, skipped = policy.rules_for(name, task.labels.names)
        keys = {rule.key for rule in rules}
        assert {("accuracy", None), ("false_abstention_rate", None)} <= keys
        assert ("recall", task.labels.abstention) in keys
        assert skipped == ()


EVERY_LABEL = "rules:\n  - {%s, not_worse_by: 0.08}\n"


@pytest.mark.parametrize(
    "rule",
    ["metric: recall of every label", "metric: recall, label: every", "metric: every recall"],
)
def test_every_label_is_a_rule_per_class_of_the_task(written, rule):
    policy = load_policy(written(EVERY_LABEL % rule))
    rules, skipped = policy.rules_for("fever", ["PASS", "NA"])
    assert [(r.key, r.limit) for r in rules] == [(("recall", x), 0.08) for x in ("PASS", "NA")]
    assert [(s.rule.label, s.reason) for s in skipped] == [
        ("FAIL", "no item of it has the target FAIL")
    ]
    rules, _ = policy.rules_for("selfaware", ["RIGHT", "UNKNOWN"])
    assert [r.label for r in rules] == ["UNKNOWN"], "correct_rate is that of the rest"


def test_a_label_with_a_rule_of_its_own_is_not_held_to_that_of_every_label(written):
    general = "  - {metric: abstention recall, not_worse_by: 0.05}\n"
    own = "tasks:\n  fever:\n    rules: [{metric: FAIL recall, must_improve: true}]\n"
    policy = load_policy(written(EVERY_LABEL % "metric: recall, label: every" + general + own))
    rules, _ = policy.rules_for("fever", ["PASS", "FAIL", "NA"])
    assert {r.label: (r.kind, r.limit) for r in rules} == {
        "PASS": ("not_worse_by", 0.08),
        "FAIL": ("must_improve", 0.0),
        "NA": ("not_worse_by", 0.05),
    }


def test_every_metric_can_be_held_to_something(written):
    for known in (*OF_ANSWERS, *OF_CONFIDENCE):
        name = known.name
        label = ", label: abstention" if name in ("recall", "precision", "f1") else ""
        kind = "not_worse_by" if known.higher_is_better is not None else "at_most"
        policy = load_policy(written(f"rules:\n  - {{metric: {name}{label}, {kind}: 0.1}}\n"))
        assert policy.general[0].metric == name


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "{metric: acuracy, not_worse_by: 0.1}",
            "unknown metric 'acuracy'; did you mean accuracy? (a metric of your own is registered "
            "by an entry point of the group saeval.metrics; a score of another program's task "
            "needs task: NAME)",
        ),
        ("{metric: NB recall, not_worse_by: 0.1}", "unknown label 'NB'; did you mean NA?"),
        ("{metric: recall, not_worse_by: 0.1}", "recall of which label?"),
        ("{metric: accuracy, label: NA, not_worse_by: 0.1}", "accuracy has no label"),
        ("{metric: accuracy, not_wors_by: 0.1}", "`not_wors_by`; did you mean not_worse_by?"),
        ("{metric: accuracy, not_worse_by: much}", "must be a valid number, found 'much'"),
        ("{metric: accuracy, not_worse_by: 2}", "must lie between 0 and 1 (0.02 is two points)"),
        ("{metric: accuracy, not_worse_by: -0.1}", "must lie between 0 and 1"),
        ("{metric: accuracy, not_worse_by: .nan}", "must lie between 0 and 1"),
        ("{metric: accuracy, not_worse_by: 0}", "cannot be shown of an equal model"),
        ("{metric: accuracy, must_improve: false}", "must_improve can only be true"),
        ("{metric: accuracy}", "give one of must_improve, not_worse_by, at_most, at_least"),
        (
            "{metric: accuracy, must_improve: true, at_least: 0.5}",
            "found must_improve and at_least",
        ),
        ("{metric: accuracy, at_most: 0.5}", "at_most would punish a better model"),
        ("{metric: abstention_rate, not_worse_by: 0.1}", "has no good direction"),
        ("{metric: negative_flip_rate, not_worse_by: 0.1}", "give at_most, not not_worse_by"),
        ("{metric: aurc, at_most: 0.1}", "aurc can only be held to the base"),
        ("{not_worse_by: 0.1}", "`metric` is missing"),
        ("accuracy", "`rules.1` must be a mapping, found 'accuracy'"),
    ],
)
def test_a_mistake_in_a_rule_is_named_with_its_line(written, line, message):
    path = written(f"level: 0.95\nrules:\n  - {{metric: brier, must_improve: true}}\n  - {line}\n")
    with pytest.raises(InputError) as error:
        load_policy(path)
    assert str(error.value).startswith(f"{path}:4: ")
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("level: 2\nrules: []", 1, "`level` must lie between 0.5 and 1"),
        ("rules: []", 1, "the policy has no rules"),
        ("", 1, "a policy is a mapping with `rules`"),
        ("ruls: []", 1, "there is no key `ruls`; did you mean rules?"),
        (f"{GOOD}  fevr:\n    rules: []\n", 17, "unknown task 'fevr'; did you mean fever?"),
        (f"{GOOD}  vitaminc:\n    rule: []\n", 18, "there is no key `rule`; did you mean rules?"),
        (f"{GOOD}  fever:\n", 17, "`fever` stands twice, first on line 13"),
        ("rules: [", 1, "not YAML"),
        (
            "rules:\n- {metric: brier, must_improve: true}\n- {metric: brier, not_worse_by: 0.1}",
            3,
            "brier is held to two such limits, first in ",
        ),
    ],
)
def test_a_mistake_elsewhere_is_named_with_its_line(written, text, line, message):
    path = written(text)
    with pytest.raises(InputError) as error:
        load_policy(path)
    assert any(
        one.startswith(f"{path}:{line}: ") and message in one
        for one in str(error.value).splitlines()
    ), str(error.value)


def test_several_mistakes_are_named_at_once(written):
    path = written("rules:\n- {metric: a, at_most: 0.1}\n- {metric: brier, at_most: 3}\n")
    with pytest.raises(InputError) as error:
        load_policy(path)
    first, second = str(error.value).splitlines()
    assert first.startswith(f"{path}:2: ")
    assert second.startswith(f"{path}:3: ")


def test_a_task_that_is_not_run_is_named_with_its_line(written):
    path = written(GOOD)
    with pytest.raises(InputError) as error:
        load_policy(path).check_tasks(["vitaminc"])
    assert str(error.value) == (
        f"{path}:13: task fever is not run; add it to --tasks or take it out of the policy "
        "(run: vitaminc)"
    )


def test_a_tasks_own_rule_about_what_it_has_not_is_an_error(written):
    text = "tasks:\n  fever:\n    rules:\n      - {metric: f_score, not_worse_by: 0.1}\n"
    policy = load_policy(written(text))
    with pytest.raises(InputError, match=r"gate.yaml:4: the task has no f score \(task fever\)"):
        policy.rules_for("fever", ["NA"])


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none.yaml: no such policy file"):
        load_policy(tmp_path / "none.yaml")


def test_the_built_in_policy_is_in_the_package():
    assert BUILT_IN.is_file()


@pytest.mark.parametrize(
    ("written", "metric"),
    [
        ("NA rate", "abstention_rate"),
        ("False-NA rate", "false_abstention_rate"),
        ("UNKNOWN rate", "abstention_rate"),
        ("Brier score", "brier"),
        ("ECE²", "ece_squared_debiased"),
        ("Macro-F1", "macro_f1"),
    ],
)
def test_metrics_may_be_named_as_reports_print_them(written, metric):
    assert parse_metric(written) == (metric, None)


def test_a_label_is_given_once():
    with pytest.raises(ValueError, match="'NA recall' names its label already; leave out label"):
        parse_metric("NA recall", "FAIL")
