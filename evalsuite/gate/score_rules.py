"""A policy's rules on the scores of a task that another program defines."""

from __future__ import annotations

from dataclasses import replace

from saeval.evalsuite.store.general import GeneralTask, describe_score
from saeval.stats._core.answers import ScoreDeclaration
from saeval.stats.gate.rules import Rule
from saeval.stats.metrics.built_in import OF_CONFIDENCE
from saeval.suggest import closest
from saeval.terminal_text import quoted

_OF_ABSTENTION = ("incorrect_rate", "correct_given_attempted", "abstention_rate", "coverage")


def rule_of_scores(rule: Rule, task: GeneralTask) -> Rule:
    """The rule as the task is held to it.

    Accuracy is the primary score. Where that is no matter of right and wrong, a margin is a share
    of its range: 0.03 of a score in [0, 100] is 3.

    Raises
    ------
    ValueError
        If the task has no such metric, or the limit does not fit the score's range or direction.
    """
    scores = {score.name: score for score in task.scores}
    if rule.metric in scores and rule.label is None:
        return _checked(replace(rule, score=scores[rule.metric]))
    if rule.metric == "accuracy":
        return _of_primary(rule, task.scores[0], is_graded=task.is_graded)
    graded = [metric.name for metric in OF_CONFIDENCE] + ["invalid_rate", "negative_flip_rate"]
    graded += _OF_ABSTENTION if task.abstains else ()
    if task.is_graded and rule.metric in graded and rule.label is None:
        return rule
    has = [*scores, *(graded if task.is_graded else ())]
    near = closest(rule.metric, has)
    raise ValueError(
        f"task {quoted(task.name)} has no metric {quoted(rule.metric)}"
        f"{f'; did you mean {near}?' if near else ''}; it has {', '.join(map(quoted, has))}"
    )


def _of_primary(rule: Rule, score: ScoreDeclaration, *, is_graded: bool) -> Rule:
    own = replace(rule, metric=score.name, score=score)
    if is_graded:
        return _checked(own)
    if score.range is None:
        raise ValueError(
            f"its score {quoted(score.name)} has no bounds, so that a policy must give a margin "
            f"for it: task: NAME, metric: {score.name}"
        )
    if not rule.of_difference:
        raise ValueError(f"{rule.kind} of accuracy says nothing of {quoted(score.name)}")
    return _checked(replace(own, limit=rule.limit * (score.range[1] - score.range[0])))


def _checked(rule: Rule) -> Rule:
    score = rule.score
    assert score is not None
    name = quoted(score.name)
    if rule.kind == "not_worse_by":
        span = None if score.range is None else score.range[1] - score.range[0]
        if rule.limit <= 0 or (span is not None and rule.limit >= span):
            below = "" if span is None else f" and below {span:g}, the width of its range"
            raise ValueError(f"not_worse_by of {name} must be above 0{below}, found {rule.limit:g}")
    elif rule.kind in ("at_most", "at_least"):
        if score.range is not None and not score.range[0] < rule.limit < score.range[1]:
            raise ValueError(
                f"{rule.kind} of {name} must lie within its range, {describe_score(score)}; found "
                f"{rule.limit:g}"
            )
        if score.higher_is_better != (rule.kind == "at_least"):
            better = "higher" if score.higher_is_better else "lower"
            raise ValueError(
                f"{rule.kind} would punish a better model: {name} is better when {better}"
            )
    return rule
