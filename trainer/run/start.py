"""Where a training begins: at a base model, or at the adapter that an earlier run put on one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saeval.errors import RunFolderError
from saeval.hub import ADAPTER_FILES, hash_files, model_content
from saeval.json_source import parse_object, read_bytes
from saeval.trainer.base_model import find_base_model
from saeval.trainer.recipe.load import load_recipe
from saeval.trainer.recipe.schema import Recipe
from saeval.trainer.run.folder import DATA, RECIPE
from saeval.trainer.run.manifest import StartFacts, TrainingManifest, read_training


@dataclass(frozen=True)
class Start:
    """What a training begins from.

    Attributes
    ----------
    base, base_folder
        The base model as it was named, and where it lies.
    adapter
        Folder of the run whose adapter is trained on; None for a new adapter.
    """

    base: str
    base_folder: Path
    adapter: Path | None = None

    def add_trained(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The manifest of the items, with those that the adapter was trained on before."""
        if self.adapter is None:
            return dict(data)
        path = self.adapter / DATA
        earlier = parse_object(read_bytes(path), str(path), RunFolderError).get("training", {})
        trained = {
            name: sorted({*hashes, *earlier.get(name, ())})
            for name, hashes in data["training"].items()
        }
        return {**data, "training": trained}


def adapter_facts(adapter: Path) -> StartFacts:
    """Of the adapter that a run begins with, for ``training.json``."""
    return StartFacts(argument=str(adapter), content=hash_files(adapter, ADAPTER_FILES))


def find_start(argument: str, recipe: Recipe) -> Start:
    """What ``--base`` names: a base model, or a finished run of satrain with an adapter.

    Raises
    ------
    ModelError
        If there is no such model, or it is nothing that can be trained.
    RunFolderError
        If the run is not finished, its base is another now, or its adapter is not the recipe's.
    """
    folder = Path(argument)
    is_adapter = (folder / "adapter_config.json").is_file()
    training = read_training(folder) if is_adapter else None
    if training is None:
        return Start(argument, find_base_model(argument))
    _check_run(argument, folder, training, recipe)
    base_folder = find_base_model(training.base.argument)
    if model_content(base_folder) != training.base.content:
        raise RunFolderError(
            f"--base {argument}: was trained from {training.base.argument}, which is another model "
            "now"
        )
    return Start(training.base.argument, base_folder, folder)


def _check_run(argument: str, folder: Path, training: TrainingManifest, recipe: Recipe) -> None:
    if not training.finished:
        raise RunFolderError(
            f"--base {argument}: is a run that has not finished (step {training.step} of "
            f"{training.steps}); run it to its end first"
        )
    earlier = load_recipe(str(folder / RECIPE)).adapter
    if earlier is None or recipe.adapter is None:
        raise RunFolderError(
            f"--base {argument}: is an adapter, and recipe {recipe.name} trains every weight; "
            "merge it into its base first (`merge_and_unload` of PEFT), and give the merged model"
        )
    before, now = earlier.model_dump(), recipe.adapter.model_dump()
    different = [name for name, value in before.items() if now[name] != value]
    if different:
        changes = " ".join(f"adapter.{name}={before[name]}" for name in different)
        raise RunFolderError(
            f"--base {argument}: is another adapter than recipe {recipe.name} has; give {changes}"
        )
