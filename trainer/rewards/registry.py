"""Every reward component by the name that recipes use; users add their own.

A component is a pure function of a `Completion` and keyword-only parameters with defaults::

    from saeval.trainer import register_reward

    @register_reward
    def overconfidence(completion, *, above: float = 0.5, penalty: float = 1.0) -> float:
        \"\"\"Charge for a stated confidence above a bound in a wrong answer.\"\"\"
        confidence = completion.reading.confidence or 0.0
        return 0.0 if completion.is_correct else -penalty * max(0.0, confidence - above)

A recipe then pays ``reward: {overconfidence: {above: 0.7}}``, and `satrain check` looks at it as at
any other. ``satrain --rewards FILE`` runs a file that registers components; a package offers its
components as entry points, each under the function's name::

    [project.entry-points."saeval.rewards"]
    overconfidence = "my_package.rewards:overconfidence"
"""

from __future__ import annotations

import hashlib
import inspect
import math
import runpy
import sys
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Literal, TypeVar, overload

from saeval.errors import RewardError
from saeval.trainer.rewards import class_weighted, confidence, correctness, group
from saeval.trainer.rewards.completion import Completion

ENTRY_POINTS = "saeval.rewards"

OptionalField = Literal["probabilities", "group", "likelihood_rank"]
"""Fields of `Completion` that are measured only if a component requires them."""

RewardFunction = Callable[..., float]
Function = TypeVar("Function", bound=RewardFunction)

_BOTH: frozenset[str] = frozenset({"verification", "question"})
_VERIFICATION: frozenset[str] = frozenset({"verification"})
_PROBED: frozenset[OptionalField] = frozenset({"probabilities"})
_GROUP: frozenset[OptionalField] = frozenset({"group"})


@dataclass(frozen=True)
class RewardComponent:
    """One component.

    Attributes
    ----------
    function
        From a completion and keyword-only parameters to a number.
    requires
        Fields of a completion that must not be None.
    kinds
        The kinds of task that it can pay.
    """

    function: RewardFunction
    requires: frozenset[OptionalField] = frozenset()
    kinds: frozenset[str] = _BOTH

    @property
    def name(self) -> str:
        """As recipes and logs name it."""
        return self.function.__name__

    @property
    def source_hash(self) -> str:
        """Hash of the function's source; empty where there is none."""
        try:
            source = inspect.getsource(self.function)
        except (OSError, TypeError):
            return ""
        return hashlib.sha256(source.encode()).hexdigest()

    def __call__(self, completion: Completion, parameters: Mapping[str, Any]) -> float:
        """Its value; RewardError, with its name, if it is not finite or lacks what it requires."""
        try:
            value = self.function(completion, **parameters)
        except RewardError as error:
            raise RewardError(f"reward component {self.name}: {error}") from error
        if not math.isfinite(value):
            raise RewardError(
                f"reward component {self.name}: is {value} for {completion}; "
                "training would go on with a spoilt group, so it stops"
            )
        return value


_ALL = (
    RewardComponent(correctness.correctness),
    RewardComponent(correctness.ternary),
    RewardComponent(correctness.format_error),
    RewardComponent(correctness.false_abstention, kinds=_VERIFICATION),
    RewardComponent(correctness.exploration),
    RewardComponent(correctness.unlikeliness, frozenset({"group", "likelihood_rank"})),
    RewardComponent(confidence.brier),
    RewardComponent(confidence.log_score),
    RewardComponent(confidence.alignment, _PROBED, _VERIFICATION),
    RewardComponent(confidence.gold_log_probability, _PROBED, _VERIFICATION),
    RewardComponent(confidence.inconsistency, _PROBED, _VERIFICATION),
    RewardComponent(class_weighted.weighted_correctness, kinds=_VERIFICATION),
    RewardComponent(class_weighted.weighted_false_abstention, kinds=_VERIFICATION),
    RewardComponent(group.group_fact, _GROUP),
    RewardComponent(group.group_caution, _GROUP),
)

COMPONENTS: Mapping[str, RewardComponent] = {component.name: component for component in _ALL}
"""The components that come with saeval."""

_registered: dict[str, RewardComponent] = {}


@overload
def register_reward(function: Function, /) -> Function: ...


@overload
def register_reward(
    *, requires: Iterable[OptionalField] = ..., kinds: Iterable[str] = ...
) -> Callable[[Function], Function]: ...


def register_reward(
    function: Function | None = None,
    /,
    *,
    requires: Iterable[OptionalField] = (),
    kinds: Iterable[str] = _BOTH,
) -> Function | Callable[[Function], Function]:
    """Let recipes name a reward component of your own; a decorator, with or without arguments.

    Parameters
    ----------
    function
        Pure: a `Completion` and keyword-only parameters with types and defaults in, a finite float
        out. Its name is the component's, its parameters are those of the component in a recipe.
    requires
        What must be measured for it: ``probabilities``, ``group`` or ``likelihood_rank``.
    kinds
        The kinds of task that it can pay: ``verification``, ``question`` or both.

    Returns
    -------
    callable
        The function, unchanged.

    Raises
    ------
    RewardError
        If the name is taken by a component of saeval's, or the signature is not as above.
    """

    def register(function: Function) -> Function:
        name = function.__name__
        if name in COMPONENTS:
            raise RewardError(f"reward component {name}: saeval has one of that name; rename yours")
        _check_signature(function)
        _registered[name] = RewardComponent(function, frozenset(requires), frozenset(kinds))
        return function

    return register if function is None else register(function)


def load_reward_file(path: Path) -> None:
    """Run a Python file that registers components.

    Raises
    ------
    RewardError
        If there is no such file, it fails, or it registers nothing.
    """
    known = dict(_registered)
    try:
        runpy.run_path(str(path))
    except RewardError:
        raise
    except Exception as error:  # whatever a user's file may raise
        raise RewardError(f"{path}: cannot be run ({type(error).__name__}: {error})") from error
    if _registered == known:
        raise RewardError(f"{path}: registers no reward component; decorate it: @register_reward")


def list_components() -> dict[str, RewardComponent]:
    """All components by name: saeval's, those registered, and those of installed packages.

    Raises
    ------
    RewardError
        If an entry point of another package cannot be loaded.
    """
    for point in _find_entry_points(tuple(sys.path)):
        if point.name not in _registered:
            _register_entry_point(point)
    return {**COMPONENTS, **_registered}


def parameter_types(function: RewardFunction) -> dict[str, tuple[Any, Any]]:
    """Type and default of each keyword-only parameter of a component's function."""
    types = typing.get_type_hints(function, include_extras=True)
    return {
        parameter.name: (types.get(parameter.name, Any), parameter.default)
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY
    }


@cache
def _find_entry_points(path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """Those of the packages on `path`, which is searched once: that takes 20 ms."""
    return tuple(entry_points(group=ENTRY_POINTS))


def _register_entry_point(point: EntryPoint) -> None:
    try:
        function = point.load()
    except (ImportError, AttributeError) as error:
        raise RewardError(
            f"entry point {point.name} of {ENTRY_POINTS}: cannot load {point.value} ({error})"
        ) from error
    if getattr(function, "__name__", None) != point.name:
        raise RewardError(
            f"entry point {point.name} of {ENTRY_POINTS}: {point.value} is no function of that name"
        )
    register_reward(function)


def _check_signature(function: RewardFunction) -> None:
    name = function.__name__
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters or parameters[0].kind is parameters[0].KEYWORD_ONLY:
        raise RewardError(f"reward component {name}: its first argument must be the completion")
    for parameter in parameters[1:]:
        if parameter.kind is not parameter.KEYWORD_ONLY or parameter.default is parameter.empty:
            raise RewardError(
                f"reward component {name}: `{parameter.name}` must be a keyword-only parameter "
                "with a default"
            )
        if parameter.name == "weight":
            raise RewardError(
                f"reward component {name}: `weight` is every component's; rename the parameter"
            )
