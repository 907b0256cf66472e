"""Comparisons on tasks that another program defines, and on groups of them."""

from __future__ import annotations

import random

import pytest
from general_tasks import lines, write_general

import saeval
from saeval.errors import PairingError, SaevalError
from saeval.evalsuite.compare.group import merge_groups
from saeval.evalsuite.store.prediction import Score
from saeval.evalsuite.store.table import PredictionTable, by_task
from saeval.reports import report_files, to_json, to_markdown
from saeval.reports.text.summary import in_words


def _flips(seed, n, right):
    chance = random.Random(seed)
    return [int(chance.random() < right) for _ in range(n)]


def _compare(tmp_path, base, after, **options):
    first = write_general(tmp_path / "base.jsonl", base)
    second = write_general(tmp_path / "checkpoint.jsonl", after)
    return saeval.compare(str(first), str(second), n_resamples=500, **options)


def _gsm8k(seed, right, n=300):
    return lines("gsm8k", [{"exact_match,strict-match": v} for v in _flips(seed, n, right)])


def test_a_task_without_confidence_is_not_asked_whether_it_knows(tmp_path):
    comparison = _compare(tmp_path, _gsm8k(1, 0.8), _gsm8k(2, 0.5), out=tmp_path / "out")
    task = comparison["gsm8k"]
    assert [row.metric for row in task.metrics] == ["exact_match,strict-match"]
    assert task.knowledge.answer == "not asked"
    words = in_words(comparison)
    assert words.answers[0].answer == "Not asked by this task."
    assert words.answers[1].answer.startswith("exact_match,strict-match −")
    said = " ".join(
        [words.headline, *words.summary, *words.cautions, *words.tasks[0].sentences]
    ).lower()
    for absent in ("abst", "unknown", "invalid", "parsed", "confidence", "what it does not know"):
        assert absent not in said, absent
    again = saeval.load_comparison(tmp_path / "out")
    assert again == comparison
    assert to_json(again) == to_json(comparison)
    assert again.predictions is not None


def test_scores_alone_make_nothing_right_or_wrong(tmp_path):
    def scored(seed):
        chance = random.Random(seed)
        return lines(
            "wmt", [{"bleu": Score(value=99 * chance.random(), range=(0, 100))} for _ in range(200)]
        )

    comparison = _compare(tmp_path, scored(1), scored(2), out=tmp_path / "out")
    (row,) = comparison["wmt"].metrics
    assert (row.metric, row.method) == ("bleu", "paired-t")
    for name, text in report_files(comparison).items():
        assert "RIGHT" not in text, name
        assert "McNemar" not in text, name
    assert saeval.load_comparison(tmp_path / "out") == comparison


def test_scores_that_change_places_are_not_identical(tmp_path):
    values = [0.2, 0.8] * 60
    base, after = (
        lines("squad", [{"f1": v} for v in each]) for each in (values, values[1:] + values[:1])
    )
    headline = in_words(_compare(tmp_path, base, after)).headline
    assert "No difference at all" not in headline
    assert "No difference at all" in in_words(_compare(tmp_path, base, base)).headline


def _mmlu(seed, right, subjects=4, n=30, **more):
    return [
        line
        for subject in range(subjects)
        for line in lines(
            f"mmlu_{subject}",
            [{"acc": v} for v in _flips(f"{seed} {subject}", n, right)],
            group="mmlu",
            **more,
        )
    ]


def test_a_group_is_one_row_and_its_subjects_are_in_no_family(tmp_path):
    comparison = _compare(tmp_path, _mmlu(1, 0.7), _mmlu(2, 0.6), out=tmp_path / "out")
    (task,) = comparison.tasks
    assert (task.task, task.items) == ("mmlu", 120)
    assert task["acc"].method == "stratified-t"
    assert comparison.tests_in_family == 1
    assert [(part.dimension, part.name, part.items) for part in task.groups] == [
        ("subject", f"mmlu_{subject}", 30) for subject in range(4)
    ]
    mean = sum(part.metrics[0].difference for part in task.groups) / 4
    assert task["acc"].difference == pytest.approx(mean), "every item counts the same"
    assert "By subject: 4 groups" in to_markdown(comparison)
    assert saeval.load_comparison(tmp_path / "out").predictions is not None
    looks = tmp_path / "looks"
    gate = saeval.gate(
        comparison,
        policy={"rules": [{"task": "mmlu", "metric": "acc", "not_worse_by": 0.5}]},
        looks=looks,
    )
    assert gate.verdict == "PASS"


def test_one_subject_alone_is_a_task(tmp_path):
    comparison = _compare(tmp_path, _mmlu(1, 0.7), _mmlu(2, 0.6), tasks=["mmlu_2"])
    assert [task.task for task in comparison.tasks] == ["mmlu_2"]


def test_groups_stay_apart_where_they_share_no_score_or_their_name_is_taken():
    mixed = [
        *lines("g_a", [{"acc": 1}] * 3, group="g"),
        *lines("g_b", [{"f1": 1}] * 3, group="g"),
    ]
    sides = by_task([PredictionTable.of(mixed)], "here")
    assert list(merge_groups(sides, sides)[0]) == ["g_a", "g_b"]
    both = [*_mmlu(1, 0.5), *lines("mmlu", [{"acc": 1}])]
    taken = by_task([PredictionTable.of(both)], "here")
    assert "mmlu_0" in merge_groups(taken, taken)[0]


def test_clusters_of_two_subjects_are_not_one(tmp_path):
    clusters = [str(number // 2) for number in range(30)]
    comparison = _compare(
        tmp_path, _mmlu(1, 0.7, cluster_id=clusters), _mmlu(2, 0.6, cluster_id=clusters)
    )
    assert comparison["mmlu"].clusters == 60
    assert comparison["mmlu"]["acc"].method == "stratified-cluster-t"


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"acc": 1}, "base has the scores 'exact_match', checkpoint 'acc'"),
        ({"exact_match": Score(value=1, range=(0, 10))}, r"is in \[0, 1\].* and in \[0, 10\]"),
        ({"exact_match": Score(value=1, higher_is_better=False)}, "lower for better on '00000'"),
    ],
)
def test_scores_that_differ_between_the_models_are_refused(tmp_path, other, message):
    base = lines("gsm8k", [{"exact_match": 1}] * 30)
    with pytest.raises(PairingError, match=message):
        _compare(tmp_path, base, lines("gsm8k", [other] * 30))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda text: text + text.splitlines()[0] + "\n", "occurs twice"),
        (lambda text: text.replace('"value": 1.0', '"value": 1.5', 1), "must lie in its `range`"),
        (lambda text: text.replace('"value": 1.0', '"value": NaN', 1), "value"),
        (lambda text: text.replace('"range": [0.0, 1.0]', '"range": [1.0, 1.0]', 1), "must ascend"),
        (lambda text: text.replace('"RIGHT"', '"PASS"'), "`target` must be RIGHT"),
        (lambda text: text.replace("exact_match", "auroc"), "name of a metric of saeval's own"),
        (lambda text: text[: len(text) // 2], "not JSON"),
    ],
)
def test_a_broken_file_is_one_sentence_and_nothing_is_written(tmp_path, spoil, message):
    path = write_general(tmp_path / "base.jsonl", lines("gsm8k", [{"exact_match": 1}] * 30))
    path.write_text(spoil(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(SaevalError, match=message) as error:
        saeval.compare(str(path), str(path), out=tmp_path / "out")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()
