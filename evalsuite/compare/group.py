"""Tasks that are parts of one (the subjects of mmlu), taken together."""

from __future__ import annotations

from collections.abc import Mapping

from saeval.evalsuite.store.prediction import Key, Prediction

ByTask = Mapping[str, Mapping[Key, Prediction]]


def merge_groups(base: ByTask, checkpoint: ByTask) -> tuple[ByTask, ByTask]:
    """Both models' predictions with the tasks of each group as one task of the group's name.

    Items are named ``TASK/ID`` and so are clusters; each keeps its own `task`, and the scores that
    all tasks of the group have. A group stays apart where the two models have fewer than two of its
    tasks in common, these share no score, or another task has its name.
    """
    groups: dict[str, list[str]] = {}
    for name in base:
        if name in checkpoint and (group := _group(base[name])) == _group(checkpoint[name]):
            groups.setdefault(group or "", []).append(name)
    sides = dict(base), dict(checkpoint)
    for group, tasks in groups.items():
        if not group or len(tasks) < 2 or group in base or group in checkpoint:
            continue
        names = [_scores(side[task]) for side in (base, checkpoint) for task in tasks]
        scores = [name for name in names[0] if all(name in others for others in names)]
        if scores:
            for side in sides:
                side[group] = _merged({task: side.pop(task) for task in tasks}, scores)
    return sides


def _group(predictions: Mapping[Key, Prediction]) -> str | None:
    groups = {prediction.group for prediction in predictions.values()}
    return groups.pop() if len(groups) == 1 else None


def _scores(predictions: Mapping[Key, Prediction]) -> list[str]:
    return list(next(iter(predictions.values())).scores) if predictions else []


def _merged(tasks: ByTask, scores: list[str]) -> dict[Key, Prediction]:
    merged = {}
    for name, predictions in tasks.items():
        for prediction in predictions.values():
            cluster = prediction.cluster_id
            item = prediction.model_copy(
                update={
                    "item_id": f"{name}/{prediction.item_id}",
                    "cluster_id": None if cluster is None else f"{name}/{cluster}",
                    "scores": {s: prediction.scores[s] for s in scores if s in prediction.scores},
                }
            )
            merged[item.key] = item
    return merged
