"""Tasks that are parts of one (the subjects of mmlu), taken together."""

from __future__ import annotations

from collections.abc import Mapping

from saeval.evalsuite.store.table import PredictionTable, join

ByTask = Mapping[str, PredictionTable]


def merge_groups(base: ByTask, checkpoint: ByTask) -> tuple[ByTask, ByTask]:
    """Both models' predictions with the tasks of each group as one task of the group's name.

    Items are named ``TASK/ID`` and so are clusters; each keeps its own `task`, and the scores that
    all tasks of the group have. A group stays apart where the two models have fewer than two of its
    tasks in common, these share no score, or another task has its name.
    """
    groups: dict[str, list[str]] = {}
    for name in base:
        if name in checkpoint and (group := group_of(base[name])) == group_of(checkpoint[name]):
            groups.setdefault(group or "", []).append(name)
    sides = dict(base), dict(checkpoint)
    for group, tasks in groups.items():
        if not group or len(tasks) < 2 or group in base or group in checkpoint:
            continue
        names = [side[task].scores for side in (base, checkpoint) for task in tasks]
        scores = [name for name in names[0] if all(name in others for others in names)]
        if scores:
            for side in sides:
                side[group] = join([side.pop(task).in_group(scores) for task in tasks])
    return sides


def group_of(predictions: PredictionTable) -> str | None:
    """What a task was asked for as a part of; None if its items do not agree."""
    groups = predictions.distinct("group")
    return groups[0] if len(groups) == 1 else None
