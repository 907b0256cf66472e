"""Help of a command: options in groups, the common ones first, the rare ones named at its end.

``--help`` fits on a screen; ``--help-all`` explains every option.
"""

from __future__ import annotations

from textwrap import wrap

import click

_SHOW_ALL = "saeval.help_all"
_MAIN = "Options"
_GROUPS = {
    "Questions": (
        *("data_dir", "samples", "gen_kwargs", "num_fewshot", "fewshot_as_multiturn"),
        *("include_path", "label_probabilities", "no_plain", "seed", "allow_mismatch"),
    ),
    "Statistics": ("level", "equivalence_margin", "replicates", "aa", "price", "judge", "jobs"),
    "Verdict": ("until_decided", "looks", "among", "allow_inconclusive", "allow_missing", "strict"),
    "Models": (
        *("engine", "model_args", "device", "dtype", "batch_size", "threads", "replicas", "ray"),
        "cache",
    ),
    "Servers": ("concurrency", "request_timeout", "patience", "max_response_mb"),
    "Output": ("out", "file_format", "json", "brief", "quiet", "github", "help"),
}
"""Options by their heading; those that are not here come first."""
_RARE = frozenset({
    "data_dir", "samples", "gen_kwargs", "num_fewshot", "fewshot_as_multiturn", "include_path",
    "label_probabilities", "no_plain", "seed", "allow_mismatch", "level", "replicates", "aa",
    "equivalence_margin", "price", "judge", "jobs", "file_format",
    "looks", "among", "model_args", "device", "dtype", "batch_size", "threads",
    "replicas", "ray",
    *_GROUPS["Servers"],
})  # fmt: skip
"""What ``--help`` names, and ``--help-all`` explains."""


class AskingCommand(click.Command):
    """A command with so many options that they need headings."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Its own, and ``--help-all``."""
        return [*super().get_params(ctx), self._help_all]

    _help_all = click.Option(
        ["--help-all"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        help="Show every option and exit.",
        callback=lambda ctx, _, value: _show_all(ctx) if value else None,
    )

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options under their headings."""
        show_all = ctx.meta.get(_SHOW_ALL, False)
        heading_of = {name: title for title, names in _GROUPS.items() for name in names}
        groups: dict[str, list[tuple[str, str]]] = {_MAIN: [], **{title: [] for title in _GROUPS}}
        left_out: list[str] = []
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None or not isinstance(parameter, click.Option):
                continue
            name = "help" if "--help" in parameter.opts else str(parameter.name)
            if name in _RARE and not show_all:
                left_out.append(parameter.opts[0])
                continue
            if name == "help_all":
                if show_all:
                    continue
                name = "help"
            groups[heading_of.get(name, _MAIN)].append(record)
        for title, records in groups.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)
        if left_out:
            with formatter.section("More (--help-all)"):
                for line in wrap(", ".join(left_out), formatter.width - 2, break_on_hyphens=False):
                    formatter.write(f"  {line}\n")


def _show_all(ctx: click.Context) -> None:
    ctx.meta[_SHOW_ALL] = True
    click.echo(ctx.get_help(), color=ctx.color)
    raise click.exceptions.Exit
