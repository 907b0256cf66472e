"""Packages that only some installs have."""

from __future__ import annotations

from importlib.util import find_spec

from saeval.errors import MissingExtraError


def require_extra(extra: str, *modules: str) -> None:
    """Stop with one sentence where modules of an extra are not installed.

    Parameters
    ----------
    extra
        As in ``pip install 'saeval[extra]'``.
    modules
        Top-level modules that are about to be imported.

    Raises
    ------
    MissingExtraError
        Naming the first module that is missing and what to type.

    Examples
    --------
    >>> require_extra("run", "json")
    >>> require_extra("run", "no_such_module")
    Traceback (most recent call last):
    ...
    saeval.errors.MissingExtraError: no_such_module is not installed; pip install 'saeval[run]'
    """
    for module in modules:
        if find_spec(module) is None:
            name = module.replace("_", "-") if module == "lm_eval" else module
            raise MissingExtraError(f"{name} is not installed; pip install 'saeval[{extra}]'")
