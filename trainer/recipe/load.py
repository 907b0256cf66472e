"""Recipes on disk: found by name or path, changed by ``key=value``, checked line by line.

::

    $ satrain check mixed optimisation.learning_rat=1e-5
    Error: `optimisation.learning_rat=1e-5`: there is no key `optimisation.learning_rat`; did you
    mean `optimisation.learning_rate`?
"""

from __future__ import annotations

import json
import typing
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from typing_extensions import is_typeddict

from saeval.errors import RecipeError, YamlError
from saeval.json_source import quoted_path
from saeval.suggest import closest
from saeval.tasks.own.definition import names_task_file
from saeval.terminal_text import printable
from saeval.trainer.recipe.schema import Recipe
from saeval.trainer.recipe.validate import find_mistakes
from saeval.trainer.rewards.schema import RewardSettings, reward_model
from saeval.yaml_source import KeyPath, dump_yaml, parse_yaml_value, read_yaml_file

FOLDER = Path(__file__).parent / "recipes"
"""The recipes that come with satrain."""

Where = Callable[[KeyPath], str]


def list_recipes() -> list[str]:
    """The recipes that come with satrain."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def find_recipe(recipe: str) -> Path:
    """A file as given, or the one of that name that comes with satrain."""
    if recipe.endswith((".yaml", ".yml")) or "/" in recipe or Path(recipe).is_file():
        path = Path(recipe)
        if not path.is_file():
            raise RecipeError(f"{path}: no such recipe file")
        return path
    names = list_recipes()
    if recipe not in names:
        raise RecipeError(f"there is no recipe {recipe!r}{_suggest(recipe, names)}")
    return FOLDER / f"{recipe}.yaml"


def load_recipe(recipe: str, changes: Sequence[str] = ()) -> Recipe:
    """Read a recipe, change it and check it.

    Parameters
    ----------
    recipe
        A name of `list_recipes` or a path.
    changes
        Each ``key=value``, the key dotted down to the value (``data.sources.0.count``) and the
        value as YAML writes it.

    Raises
    ------
    RecipeError
        If there is no such recipe, or anything in it is wrong: one line for each mistake, with its
        file and line or the change that made it.
    """
    path = find_recipe(recipe)
    try:
        content, lines = read_yaml_file(path)
    except YamlError as error:
        raise RecipeError(str(error)) from error
    if not isinstance(content, dict):
        raise RecipeError(f"{path}:1: a recipe is a mapping of keys, found {_shown(content)}")
    _place_task_files(content, path.parent)
    changed: dict[KeyPath, str] = {}
    for change in changes:
        _apply(change, content, changed)
    _place_task_files(content, Path.cwd())

    def where(key: KeyPath) -> str:
        """The nearest place that is known: a change on the command line, or a line."""
        for end in range(len(key), -1, -1):
            above = key[:end]
            if above in changed:
                return f"`{changed[above]}`"
            if above in lines:
                return f"{path}:{lines[above]}"
            for key_changed, change in changed.items():
                if key_changed[:end] == above:
                    return f"`{change}`"
        return str(path)

    # As JSON, where lists can be tuples and yet nothing else is taken for what it is not.
    try:
        checked = Recipe.model_validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        raise RecipeError(*_described(error.errors(), content, where)) from error
    mistakes = [f"{where(key)}: {text}" for key, text in find_mistakes(checked)]
    if mistakes:
        raise RecipeError(*mistakes)
    return checked


def _place_task_files(content: dict[str, Any], folder: Path) -> None:
    """Make the paths of task files whole; a recipe's are relative to its own folder."""
    data, evaluation = content.get("data"), content.get("evaluation")
    sources = data.get("sources") if isinstance(data, dict) else None
    tasks = evaluation.get("tasks") if isinstance(evaluation, dict) else None
    for source in sources if isinstance(sources, list) else ():
        if isinstance(source, dict) and "task" in source:
            source["task"] = _placed(source["task"], folder)
    if isinstance(tasks, list):
        tasks[:] = [_placed(task, folder) for task in tasks]


def _placed(task: Any, folder: Path) -> Any:
    is_file = isinstance(task, str) and names_task_file(task)
    return str((folder / task).absolute()) if is_file else task


def recipe_to_yaml(recipe: Recipe) -> str:
    """A recipe as YAML, with every default; `load_recipe` reads the same recipe from it."""
    content = recipe.model_dump(mode="json", exclude_none=True)
    # What is null by choice, where leaving it out means something else.
    content |= {"adapter": content.get("adapter")}
    content["alarms"] = recipe.alarms.model_dump(mode="json")
    return dump_yaml(content)


def _apply(change: str, content: dict[str, Any], changed: dict[KeyPath, str]) -> None:
    """Put the value of ``key=value`` into `content`, and note which key it changed."""
    dotted, sign, written = change.partition("=")
    if not sign or not dotted:
        raise RecipeError(f"`{change}`: a change is key=value, such as optimisation.steps=100")
    try:
        value = parse_yaml_value(written, f"`{change}`")
    except YamlError as error:
        raise RecipeError(str(error)) from error
    parts = dotted.split(".")
    place: Any = content
    key: KeyPath = ()
    for part in parts:
        above = ".".join(map(str, key))
        if isinstance(place, list):
            if not part.isdigit() or int(part) >= len(place):
                raise RecipeError(f"`{change}`: `{above}` is a list of {len(place)}, from 0")
            key = (*key, int(part))
        elif isinstance(place, dict):
            key = (*key, part)
            if place.get(part) is None:
                place[part] = {}
        else:
            raise RecipeError(f"`{change}`: `{above}` is {_shown(place)}, with no keys in it")
        if len(key) == len(parts):
            place[key[-1]] = value
        else:
            place = place[key[-1]]
    changed[key] = change


def _described(errors: Sequence[ErrorDetails], content: Any, where: Where) -> list[str]:
    """One line for each key that is wrong."""
    lines: dict[KeyPath, str] = {}
    for error in errors:
        key = _written_key(error["loc"], content)
        if error["type"] == "missing":
            missing = (*key, error["loc"][-1])
            lines.setdefault(missing, f"{where(key)}: `{quoted_path(missing)}` is missing")
            continue
        dotted = quoted_path(key)
        if error["type"] == "extra_forbidden":
            text = f"there is no key `{dotted}`{_hint(key)}"
        else:
            rule = error["msg"].replace("Input should be", "must be").removeprefix("Value error, ")
            text = f"`{dotted}` {rule}, found {_shown(error['input'])}"
        lines.setdefault(key, f"{where(key)}: {text}")
    return list(lines.values())


def _written_key(location: KeyPath, content: Any) -> KeyPath:
    """The part of pydantic's location that is in the file; it also names branches of unions."""
    key: KeyPath = ()
    for part in location:
        if isinstance(content, list | dict):
            there = part in content if isinstance(content, dict) else isinstance(part, int)
            if there:
                key, content = (*key, part), content[part]  # type: ignore[index]
    return key


def _hint(key: KeyPath) -> str:
    """The key that was meant: one of that name elsewhere in a recipe, or a similar one here."""
    above = tuple(part for part in key[:-1] if isinstance(part, str))
    known = list(_keys(Recipe))
    elsewhere = [".".join(other) for other in known if other[-1] == key[-1]]
    if elsewhere:
        return f"; did you mean `{elsewhere[0]}`?"
    dotted = ".".join((*above, str(key[-1])))
    return _suggest(dotted, [".".join(other) for other in known if other[:-1] == above])


def _keys(annotation: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every key under a model, positions in lists left out."""
    if annotation is RewardSettings:
        annotation = reward_model()
    if is_typeddict(annotation):
        yield from ((*above, name) for name in annotation.__annotations__)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            yield (*above, name)
            yield from _keys(field.annotation, (*above, name))
    for argument in typing.get_args(annotation):
        yield from _keys(argument, above)


def _suggest(name: str, known: Sequence[str]) -> str:
    near = closest(name, known)
    return f"; did you mean `{near}`?" if near else f"; known: {', '.join(known)}"


def _shown(value: Any) -> str:
    text = printable(json.dumps(value, ensure_ascii=False, default=str))
    return text if len(text) <= 40 else f"{text[:37]}..."
