"""Training backends by name: those that come with satrain, and entry points of other packages.

::

    [project.entry-points."saeval.trainers"]
    my-trainer = "my_package.training:MyBackend"

The name in a recipe's ``backend`` is the entry point's. `saeval.trainer.backends.protocol` says
what a backend is, and loads it.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

from saeval.errors import BackendError

ENTRY_POINTS = "saeval.trainers"
BUILT_IN = {
    "trl-grpo": ("saeval.trainer.backends.trl_grpo", "GrpoBackend"),
    "trl-sft": ("saeval.trainer.backends.trl_sft", "SftBackend"),
}


def list_backends() -> list[str]:
    """The built-in backends, then those of other packages."""
    return [*BUILT_IN, *sorted(_find_entry_points())]


def locate_backend(name: str) -> tuple[str, str]:
    """Module and attribute of a backend; BackendError if there is none of that name."""
    if name in BUILT_IN:
        return BUILT_IN[name]
    point = _find_entry_points().get(name)
    if point is None:
        raise BackendError(f"there is no backend {name!r}; known: {', '.join(list_backends())}")
    return point.module, point.attr


def _find_entry_points() -> dict[str, EntryPoint]:
    """By name; a built-in name stays the built-in backend's."""
    points = entry_points(group=ENTRY_POINTS)
    return {point.name: point for point in points if point.name not in BUILT_IN}
