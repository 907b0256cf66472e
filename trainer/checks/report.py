"""The expected rewards and findings of a recipe as tables for the console."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from saeval.tasks.registry import get_task
from saeval.trainer.checks.expected_reward import (
    TIE,
    Action,
    ExpectedRewards,
    Knowledge,
    answering_threshold,
    format_pay,
)
from saeval.trainer.checks.findings import Finding
from saeval.trainer.recipe.schema import Recipe
from saeval.trainer.recipe.training_settings import Objective

_SHOWN = (0.05, 0.5, 0.95)
_CHANCES = (0.4, 0.5, 0.6, 0.75, 0.9, 1.0)

Row = tuple[str, list[float]]


def print_report(recipe: Recipe, findings: Sequence[Finding], console: Console) -> None:
    """Print what a recipe pays, what is best under it, and what was found."""
    console.print(f"[bold]{escape(recipe.name)}[/]  {escape(recipe.summary)}")
    optimisation = recipe.optimisation
    step = f"{optimisation.prompts_per_step} targets"
    if not recipe.supervised:
        step = f"{optimisation.prompts_per_step} prompts × {optimisation.group_size} completions"
    console.print(
        f"{', '.join(recipe.tasks)}; {optimisation.steps} steps of {step}, "
        f"temperature {optimisation.temperature:g}, learning rate {optimisation.learning_rate:g}, "
        + (f"LoRA {recipe.adapter.rank}" if recipe.adapter else "all weights"),
        highlight=False,
    )
    for kind in dict.fromkeys(get_task(name).kind for name in recipe.tasks):
        if recipe.terms:
            rewards = ExpectedRewards(recipe, kind)
            for title, table in (
                ("Components", _components(rewards)),
                (
                    f"What an answer pays ({kind.name}), to a model that knows the truth",
                    _pays(rewards),
                ),
                (
                    "What pays most on average, to a model that is right … of the time",
                    _best(rewards),
                ),
            ):
                console.print(f"\n[bold]{title}[/]")
                console.print(table)
            if kind.is_open_ended:
                console.print(_threshold(rewards), highlight=False)
    if recipe.objective is not None:
        console.print("\n[bold]Targets[/]")
        console.print(_objective(recipe.objective))
        console.print("Pay-offs are of rewards; supervised fine-tuning has none.")
    for finding in findings:
        style = "bold yellow" if finding.severity == "warning" else "dim"
        console.print(
            f"[{style}]{finding.severity}[/] \\[{finding.code}] {escape(finding.text)}",
            highlight=False,
        )
    warnings = sum(finding.severity == "warning" for finding in findings)
    counted = "1 warning" if warnings == 1 else f"{warnings} warnings"
    console.print("[bold green]no warnings[/]" if not warnings else f"[bold]{counted}[/]")


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, pad_edge=False)


def _objective(objective: Objective) -> Table:
    """What is taught, and how many of the targets."""
    known = f"{objective.known_from:g}"
    taught = {
        "format": "the right answer in the task's format, with a confidence drawn at random",
        "abstention": f"right at least {known} of the time: the right answer; else declining",
        "confidence": "an answer of the base's own, with the share of right samples",
        "own_answer": "that share alone, after question and own answer",
        "pairwise": "which of two questions the base is right on more often",
    }
    table = _table()
    table.add_column("")
    table.add_column("share", justify="right")
    table.add_column("what is taught")
    whole = sum(objective.weights.values())
    for name, weight in objective.weights.items():
        table.add_row(name, f"{weight / whole:.0%}", taught[name])
    return table


def _components(rewards: ExpectedRewards) -> Table:
    table = _table()
    table.add_column("")
    table.add_column("weight", justify="right")
    table.add_column("parameters")
    for term in rewards.terms:
        parameters = ", ".join(
            f"{name}={_parameter(value)}" for name, value in term.parameters.items()
        )
        table.add_row(term.name, f"{term.weight:g}", parameters)
    return table


def _parameter(value: object) -> str:
    if isinstance(value, dict):
        return "/".join(f"{key} {number:g}" for key, number in value.items())
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _pays(rewards: ExpectedRewards) -> Table:
    """What each answer pays where the truth is known."""
    sections = [(title, list(_rows(rewards, knowledge))) for title, knowledge in _known(rewards)]
    by_confidence = rewards.depends_on_confidence
    table = _table()
    table.add_column("truth")
    table.add_column("answer")
    shown = [f"CONF={stated:.2f}" for stated in _SHOWN] if by_confidence else ["with CONF"]
    for heading in (*shown, "no CONF"):
        table.add_column(heading, justify="right")
    for title, rows in sections:
        top = max(max(pays) for _, pays in rows)
        for number, (answer, pays) in enumerate(rows):
            cells = pays if by_confidence else [pays[0], pays[-1]]
            table.add_row(
                title if number == 0 else "",
                answer,
                *(_marked(pay, top, answer.endswith("✓")) for pay in cells),
                end_section=number == len(rows) - 1,
            )
    return table


def _marked(pay: float, top: float, right: bool) -> str:
    text = format_pay(pay)
    if pay < top - TIE:
        return text
    return f"[bold green]{text}[/]" if right else f"[bold red]{text}[/]"


def _known(rewards: ExpectedRewards) -> Iterator[tuple[str, Knowledge]]:
    kind = rewards.kind
    if not kind.is_open_ended:
        for label in kind.labels.targets:
            yield label, Knowledge(kind, label)
        return
    yield "has an answer", Knowledge(kind, "RIGHT")
    if _by_group(rewards):
        yield "  others decline", Knowledge(kind, "RIGHT", others_decline=True)
    yield "has none", Knowledge(kind, "UNKNOWN")


def _by_group(rewards: ExpectedRewards) -> bool:
    return any("group" in term.component.requires for term in rewards.terms)


def _rows(rewards: ExpectedRewards, knowledge: Knowledge) -> Iterator[Row]:
    for answer in knowledge.answers:
        if knowledge.believes == "UNKNOWN" and answer == "RIGHT":
            continue
        name = "unreadable" if answer is None else answer
        right = " ✓" if answer == knowledge.believes else ""
        pays = [
            rewards.expected(Action(answer, confidence), knowledge)
            for confidence in (*_SHOWN, None)
        ]
        yield name + right, pays


def _best(rewards: ExpectedRewards) -> Table:
    """What pays most to a model of some knowledge."""
    table = _table()
    table.add_column("it believes", no_wrap=True)
    for chance in _CHANCES:
        table.add_column(f"{chance:.0%}", justify="right")
    kind = rewards.kind
    believers = [(label, Knowledge(kind, label)) for label in kind.labels.targets]
    if kind.is_open_ended:
        believers = [("an answer", Knowledge(kind, "RIGHT"))]
        if _by_group(rewards):
            declining = Knowledge(kind, "RIGHT", others_decline=True)
            believers.append(("  others decline", declining))
    for name, knowledge in believers:
        cells = []
        for chance in _CHANCES:
            ranking = rewards.ranking(
                Knowledge(
                    knowledge.kind,
                    knowledge.believes,
                    chance,
                    others_decline=knowledge.others_decline,
                )
            )
            cells.append(_choice(ranking, knowledge))
        table.add_row(name, *cells)
    return table


def _choice(ranking: Sequence[tuple[Action, float]], knowledge: Knowledge) -> str:
    action, pay = ranking[0]
    style = "green" if action.answer in (knowledge.believes, knowledge.abstention) else "red"
    if knowledge.kind.abstention_is_verdict and action.answer != knowledge.believes:
        style = "red"
    tie = len(ranking) > 1 and ranking[1][1] >= pay - TIE
    name = "tie" if tie else action.answer or "unreadable"
    return f"[{style}]{name}[/]\n{format_pay(pay)}"


def _threshold(rewards: ExpectedRewards) -> str:
    start = answering_threshold(rewards)
    if start is None:
        return "Answering never pays more than declining."
    if start == 0:
        return "Answering always pays more than declining."
    return f"Answering pays more than declining from a chance of {start:.2f} of being right."
