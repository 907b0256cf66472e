"""What a comparison of several checkpoints has done so far, so that it goes on where it ended.

::

    SERIES/unfinished.json             which checkpoints are compared, under what settings
    SERIES/CHECKPOINT/comparison.json  the numbers of each; its caution says what they are not yet

The file is there until all reports are written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path

from saeval.errors import InputError
from saeval.evalsuite.compare.folder import (
    INDEX,
    UNFINISHED,
    keep_comparison,
    read_kept_comparison,
)
from saeval.evalsuite.compare.plan import ComparisonPlan
from saeval.evalsuite.compare.results import ComparedPredictions, Comparison
from saeval.evalsuite.models.training_data import TrainingData
from saeval.evalsuite.store.hashing import hash_text
from saeval.files import write_atomic
from saeval.json_source import parse_object, read_text


@dataclass
class Unfinished:
    """The checkpoints of a locked folder that are compared already.

    Attributes
    ----------
    path
        Of the file that names them.
    settings
        Hash of all that decides their numbers; others are not those that are asked for.
    folders
        Of all checkpoints, by name.
    compared
        The names of those that are done.
    """

    path: Path
    settings: str
    folders: Mapping[str, Path]
    compared: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, plan: ComparisonPlan) -> Unfinished:
        """What is done of a plan; nothing where its folder says nothing that can be read."""
        found = cls(plan.folder / UNFINISHED, _settings(plan), plan.checkpoint_folders)
        try:
            text = read_text(found.path) if found.path.is_file() else "{}"
            content = parse_object(text, str(found.path))
        except InputError:
            return found
        names = content.get("compared")
        if content.get("settings") == found.settings and isinstance(names, list):
            found.compared = [name for name in found.folders if name in names]
        return found

    def read(self, name: str, predictions: ComparedPredictions) -> Comparison | None:
        """A comparison that is done; None where it is not, or its file is gone."""
        if name not in self.compared:
            return None
        try:
            kept = read_kept_comparison(self.folders[name], predictions)
        except InputError:
            return None
        return replace(kept, warnings=tuple(w for w in kept.warnings if w != self._caution))

    def keep(self, name: str, comparison: Comparison) -> None:
        """Write down that it is done."""
        if not self.compared:
            # The numbers of before, if there are any, are about to be replaced one by one.
            (self.path.parent / INDEX).unlink(missing_ok=True)
        warnings = (self._caution, *comparison.warnings)
        keep_comparison(self.folders[name], replace(comparison, warnings=warnings))
        self.compared.append(name)
        content = {"settings": self.settings, "compared": self.compared}
        write_atomic(self.path, json.dumps(content, indent=2) + "\n")

    @property
    def _caution(self) -> str:
        return (
            f"{len(self.folders)} checkpoints were to be compared and that was not finished: p "
            "values are corrected over this one alone. The same command goes on."
        )


def _settings(plan: ComparisonPlan) -> str:
    config = plan.config
    models = {"base": plan.base, **plan.checkpoints}
    return hash_text(
        json.dumps(
            {
                "version": version("saeval"),
                "identity": plan.identity,
                "models": {name: [m.name, m.argument] for name, m in models.items()},
                "training": {name: _digest(data) for name, data in plan.training.items()},
                "tasks": [plan.tasks, config.run.tasks],
                "statistics": asdict(config.stats),
                "others": [config.allow_mismatch, config.price],
            },
            sort_keys=True,
        )
    )


def _digest(data: TrainingData | None) -> str | None:
    if data is None:
        return None
    return hash_text(json.dumps([sorted(data.ids), sorted(data.texts), sorted(data.clusters)]))
