"""Rules on the scores of tasks that another program defines, and rules that only advise."""

from __future__ import annotations

import json

import pytest
from general_tasks import lines, write_general

import saeval
from saeval.errors import InputError
from saeval.evalsuite.store.prediction import Score
from saeval.reports import report_files


@pytest.fixture
def both(tmp_path):
    """Files of both models on a task whose checkpoint lost 30 of 300 items for good."""
    base = lines("gsm8k", [{"exact_match": 1}] * 240 + [{"exact_match": 0}] * 60)
    after = lines("gsm8k", [{"exact_match": 1}] * 210 + [{"exact_match": 0}] * 90)
    return write_general(tmp_path / "base.jsonl", base), write_general(tmp_path / "c.jsonl", after)


def _gate(both, *rules, **more):
    looks = both[0].parent / "looks.jsonl"
    return saeval.gate(*map(str, both), policy={"rules": list(rules), **more}, looks=looks)


def _rule(**changed):
    return {"task": "gsm8k", "metric": "exact_match", "not_worse_by": 0.02, **changed}


def test_a_rule_names_a_task_and_its_score(both):
    gate = _gate(both, _rule())
    assert gate.verdict == "REGRESSION"
    (result,) = gate.results
    assert (result.rule.metric, result.items) == ("exact_match", 300)
    assert result.estimate == pytest.approx(-0.1)


def test_accuracy_is_the_primary_score(both):
    by_name = _gate(both, _rule()).results[0]
    by_accuracy = _gate(both, {"metric": "accuracy", "not_worse_by": 0.02}).results[0]
    assert by_accuracy.rule.metric == "exact_match"
    assert (by_accuracy.estimate, by_accuracy.interval) == (by_name.estimate, by_name.interval)


def test_an_advisory_rule_is_shown_and_changes_nothing(both):
    harmless = _rule(not_worse_by=0.3)
    alone = _gate(both, harmless)
    gate = _gate(both, harmless, _rule(tier="advisory"))
    assert [(r.verdict, r.rule.tier) for r in gate.results] == [
        ("PASS", "blocking"),
        ("REGRESSION", "advisory"),
    ], "a strict advisory rule stands beside a lenient blocking one"
    gate = _gate(both, harmless, _rule(at_least=0.95, not_worse_by=None, tier="advisory"))
    assert gate.verdict == alone.verdict == "PASS"
    assert gate.results[0] == alone.results[0]
    assert [(r.verdict, r.rule.tier) for r in gate.results] == [
        ("PASS", "blocking"),
        ("REGRESSION", "advisory"),
    ]
    files = report_files(gate)
    assert json.loads(files["gate.json"])["results"][1]["rule"]["tier"] == "advisory"
    assert 'failures="0"' in files["junit.xml"]
    assert "Advisory: exact_match at least 95%" in files["junit.xml"]
    assert "REGRESSION (advisory)" in files["gate.md"]


def test_an_advisory_rule_costs_a_blocking_one_no_power(both):
    blocking = _rule()
    advisory = [_rule(at_least=0.5 + k / 100, not_worse_by=None, tier="advisory") for k in (1,)]
    alone, beside = _gate(both, blocking), _gate(both, blocking, *advisory)
    assert beside.results[0].pvalue_holm == alone.results[0].pvalue_holm


def test_a_policy_that_cannot_fail_is_refused(both):
    with pytest.raises(InputError, match="every rule of the policy is advisory"):
        _gate(both, _rule(tier="advisory"))


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (_rule(metric="exact_mach"), "has no metric 'exact_mach'; did you mean exact_match"),
        (_rule(not_worse_by=1.5), r"not_worse_by of 'exact_match' must be above 0 and below 1"),
        (_rule(not_worse_by=None, at_most=0.5), "would punish a better model"),
        (_rule(not_worse_by=None, at_least=2), r"must lie within its range, in \[0, 1\]"),
        (_rule(task="gsm9k"), "task gsm9k is not run; did you mean gsm8k?"),
        (_rule(tier="maybe"), "tier"),
        ({"metric": "exact_match", "not_worse_by": 0.02}, "needs task: NAME"),
    ],
)
def test_a_rule_that_does_not_fit_is_one_sentence(both, rule, message):
    with pytest.raises(InputError, match=message):
        _gate(both, rule)


def test_two_names_of_one_score_are_two_limits(both):
    with pytest.raises(InputError, match="exact match is held to two such limits"):
        _gate(both, _rule(), _rule(metric="accuracy", not_worse_by=0.3))


def test_limits_of_a_score_are_in_its_own_unit(tmp_path):
    values = [(float(k % 50), float(k % 50) + 0.5) for k in range(200)]
    base, after = (
        lines("wmt", [{"bleu": Score(value=pair[side], range=(0, 100))} for pair in values])
        for side in (0, 1)
    )
    both = write_general(tmp_path / "b.jsonl", base), write_general(tmp_path / "c.jsonl", after)
    rule = {"task": "wmt", "metric": "bleu", "not_worse_by": 3}
    assert _gate(both, rule).verdict == "PASS"
    general = _gate(both, {"metric": "accuracy", "not_worse_by": 0.03}).results[0]
    assert general.rule.limit == pytest.approx(3), "a share of the range"


def test_a_score_without_bounds_needs_a_margin_of_its_own(tmp_path):
    base, after = (
        lines("wiki", [{"log_perplexity": Score(value=v, range=None)} for v in values])
        for values in ([k / 9 for k in range(60)], [k / 9 + 0.01 * (k % 3) for k in range(60)])
    )
    both = write_general(tmp_path / "b.jsonl", base), write_general(tmp_path / "c.jsonl", after)
    with pytest.raises(InputError, match=r"nothing is checked \(its score .* has no bounds"):
        saeval.gate(*map(str, both), looks=tmp_path / "looks.jsonl")
    rule = {"task": "wiki", "metric": "log_perplexity", "not_worse_by": 0.1}
    assert _gate(both, rule).verdict == "PASS"


def test_the_built_in_policy_holds_the_primary_score(both):
    looks = both[0].parent / "looks.jsonl"
    gate = saeval.gate(*map(str, both), looks=looks)
    assert [(r.rule.metric, r.verdict) for r in gate.results] == [("exact_match", "REGRESSION")]
    assert gate.skipped == ()


def test_general_rules_that_a_task_cannot_be_held_to_are_listed(both):
    gate = _gate(
        both,
        {"metric": "accuracy", "not_worse_by": 0.3},
        {"metric": "abstention recall", "must_improve": True},
        {"metric": "false_abstention_rate", "not_worse_by": 0.03},
        {"metric": "brier", "not_worse_by": 0.02},
        {"metric": "invalid_rate", "at_most": 0.05},
    )
    assert [(r.rule.metric, r.verdict, r.estimate) for r in gate.results][1:] == [
        ("invalid_rate", "PASS", 0.0)
    ], "nothing is invalid: the rule holds"
    assert [(s.rule.metric, s.reason) for s in gate.skipped] == [
        ("recall", "the task has no abstention recall"),
        ("false_abstention_rate", "the task has no false abstention rate"),
        ("brier", "the base states no confidence"),
    ]
    files = report_files(gate)
    assert len(json.loads(files["gate.json"])["skipped"]) == 3
    for name in ("gate.md", "junit.xml"):
        assert "the task has no abstention recall" in files[name]
    assert "2 of 2 rules passed, 3 not held to" in files["gate.md"]
