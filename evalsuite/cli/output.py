"""What a command prints, by ``--json``, ``--brief`` and ``--quiet``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from saeval.evalsuite.cli.configs import stderr_progress
from saeval.progress import SILENT, Progress

if TYPE_CHECKING:
    from saeval.reports.api import Result


def progress_of(options: Mapping[str, Any]) -> Progress:
    """Where progress goes: to standard error, or nowhere."""
    if options["json"] and options["brief"]:
        raise click.UsageError("--json and --brief: give one of them")
    return SILENT if options["quiet"] else stderr_progress()


def show_result(result: Result, options: Mapping[str, Any]) -> None:
    """Print the result to standard output, in the form that was asked for."""
    from saeval.reports import print_result, to_brief, to_json

    if options["json"]:
        show_json(to_json(result))
    elif options["brief"]:
        print(to_brief(result), end="")
    elif not options["quiet"]:
        print_result(result)


def show_json(text: str) -> None:
    """Print JSON with escapes for all that is not ASCII, which no terminal or log may change."""
    print(json.dumps(json.loads(text), indent=2))
