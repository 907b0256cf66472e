"""What the commands do, once their arguments are parsed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console
from rich.markup import escape

from evalsuite.choosing import DEFAULT, Wanted, choose, read_wanted
from evalsuite.comparing import ByTask, compare_predictions, pair_tasks, with_noise
from evalsuite.contract import Earlier, asked_in_words, cautions, check_asked_alike, other_engine
from evalsuite.engines import Engine, EngineOptions
from evalsuite.errors import InputError, SaevalError
from evalsuite.models import AnyModel, AskableModel, LocalModel, SavedPredictions, resolve
from evalsuite.naming import RUNS, folder_name, readable, run_identity
from evalsuite.options import (
    OF_ANSWERING,
    OF_ASKING,
    OF_LOADING,
    as_typed,
    check_has_questions,
    check_samples,
    engine_options,
    given_of,
    judge_of,
    questions_of,
    server_options,
)
from evalsuite.pairing import Pairs
from evalsuite.reporting import homes_of, report_comparisons
from evalsuite.runner import AskedTask, load_tasks
from evalsuite.running import Run, answer, circumstances, progress_bar
from evalsuite.steps import in_order
from evalsuite.store import RUN_SCHEMA, claimed, read_manifest
from evalsuite.training_data import training_data
from evalsuite.verdicts import Judge, Verdicts
from stats.best import Best, NoBestError
from stats.comparison import (
    Comparison,
    Cost,
    ModelDescription,
    Settings,
)

Price = tuple[float, float] | None
"""Of a million tokens read and written."""

AGAIN = "base-again"


def run_command(argument: str, out: Path | None, options: Mapping[str, Any]) -> None:
    """``saeval run``: one model's answers in a run folder."""
    console = Console(stderr=True)
    model = resolve(argument)
    if isinstance(model, SavedPredictions):
        raise InputError(f"{argument}: these are predictions; `run` needs a model to ask")
    folder = answer_alone(model, out, options, console)
    console.print(f"Predictions: {escape(str(folder))}", highlight=False, soft_wrap=True)


def answer_alone(
    model: AskableModel, out: Path | None, options: Mapping[str, Any], console: Console
) -> Path:
    """Let one model answer; returns its run folder."""
    questions, engine = questions_of(options), engine_options(options, [model])
    asked = load_tasks(questions)
    check_samples(asked, questions)
    identity = run_identity(model, questions, engine) | {
        "tasks": {t.name: t.facts() for t in asked}
    }
    folder = out or RUNS / folder_name(model.name, identity)
    with progress_bar(console) as progress:
        answer([Run(model, folder)], asked, questions, engine, progress, options["cache"])
    say_speed(Run(model, folder), console)
    _summarise(folder, console)
    return folder


def compare_command(
    base_argument: str,
    checkpoint_arguments: Sequence[str],
    out: Path | None,
    options: Mapping[str, Any],
) -> None:
    """``saeval compare``: answer what has to be answered, compare, write and print the reports."""
    console = Console(stderr=True)
    if options["best"] is not None and len(checkpoint_arguments) < 2:
        raise InputError("--best: there is one checkpoint only; give several to choose from")
    with comparing(base_argument, checkpoint_arguments, out, options, console) as found:
        best, notes = _best(found, console)
        report_comparisons(
            found.comparisons,
            found.homes,
            found.folder,
            console,
            steps=found.steps,
            best=best,
            notes=notes,
        )


@dataclass(frozen=True)
class Compared:
    """Comparisons whose folder is still claimed, and the answers behind them.

    `homes` says by the checkpoints' names where their reports go, `predictions` has those names and
    ``base``; `steps` are theirs if they are of one run; `wanted` is what to choose the best by.
    """

    comparisons: list[Comparison]
    predictions: Mapping[str, ByTask]
    homes: Mapping[str, Path]
    folder: Path
    verdicts: Verdicts | None
    steps: tuple[int, ...] | None
    wanted: Wanted | None
    allow_mismatch: bool


def _best(found: Compared, console: Console) -> tuple[Best | None, tuple[str, ...]]:
    """The best checkpoint, if one is wanted, or why none can be told."""
    if found.wanted is None:
        return None, ()
    names = [comparison.checkpoint.name for comparison in found.comparisons]
    if len(set(names)) < len(names):
        names = list(found.homes)
    answers = [found.predictions[name] for name in found.homes]
    try:
        with console.status("statistics: the best checkpoint"):
            best = choose(
                found.wanted,
                found.predictions["base"],
                dict(zip(names, answers, strict=True)),
                found.comparisons[0].settings,
                verdicts=found.verdicts,
                allow_mismatch=found.allow_mismatch,
            )
    except NoBestError as error:
        return None, (f"No best checkpoint is named: {error}.",)
    return best, ()


class Attendant(Protocol):
    """Who attends a comparison of one checkpoint: `evalsuite.watching.Watch` does."""

    def check(self, tasks: Sequence[str], checkpoint: AnyModel) -> None:
        """Hear which tasks are compared, before anything is asked or written."""

    def begin(self, tasks: Sequence[AskedTask], base: ByTask | Path, checkpoint: Path) -> None:
        """Hear what is asked, where the base's answers are and the checkpoint's will be."""

    def more(self, task: AskedTask) -> int | None:
        """How many items to ask the checkpoint next: None for all that are left, 0 to stop."""

    def answered(self) -> ByTask:
        """The checkpoint's answers."""


@contextmanager
def comparing(
    base_argument: str,
    checkpoint_arguments: Sequence[str],
    out: Path | None,
    options: Mapping[str, Any],
    console: Console,
    attendant: Attendant | None = None,
) -> Iterator[Compared]:
    """Answer what has to be answered and compare; the folder is claimed until the reports are made.

    With an `attendant` there is one checkpoint, and it may be asked less than everything.
    """
    base = resolve(base_argument)
    found, steps = in_order([resolve(argument, base=base) for argument in checkpoint_arguments])
    checkpoints = named(found)
    wanted = None if steps is None else DEFAULT
    if (metric := options.get("best")) is not None:
        wanted = read_wanted(metric)
    models: dict[str, AnyModel] = {"base": base, **checkpoints}
    questions, engine, judge = questions_of(options), EngineOptions(), judge_of(options)
    asked: list[AskedTask] = []
    if to_ask := {name: m for name, m in models.items() if not isinstance(m, SavedPredictions)}:
        if not questions.tasks:
            raise InputError("--tasks is needed to ask a model; see `saeval tasks list`")
        engine = engine_options(options, to_ask.values())
        asked = load_tasks(questions)
        check_samples(asked, questions)
    elif ignored := given_of(options, OF_LOADING | (OF_ASKING if judge is None else OF_ANSWERING)):
        raise InputError(f"{ignored}: has no effect on answers that exist already; leave it out")
    if options["aa"] and isinstance(base, SavedPredictions):
        raise InputError("--aa asks the base twice; give a BASE that can be asked, not predictions")
    identity = {
        name: {"content": m.content}
        if isinstance(m, SavedPredictions)
        else run_identity(m, questions, engine)
        for name, m in models.items()
    }
    if judge is not None:
        identity["judge"] = judge.identity()
    title = f"{base.name}-vs-{'-'.join(model.name for model in checkpoints.values())}"
    folder = out or RUNS / folder_name(title, identity)
    homes = homes_of(folder, list(checkpoints))
    places = {"base": folder / "base", **{n: home / "checkpoint" for n, home in homes.items()}}
    manifest = {
        "schema": RUN_SCHEMA,
        "kind": "comparison",
        "identity": identity,
        **circumstances(),
    }
    # Whatever can be wrong with saved predictions is found before anything is written.
    predictions = {
        name: _of_tasks(model.predictions, questions.tasks, model.argument)
        for name, model in models.items()
        if isinstance(model, SavedPredictions)
    }
    earlier = [
        Earlier(model, as_typed(options))
        for model in models.values()
        if to_ask and isinstance(model, SavedPredictions)
    ]
    strictly = not options["allow_mismatch"]
    for answers in earlier:
        answers.check(asked, questions, strictly=strictly)
    training = {name: training_data(model) for name, model in checkpoints.items()}
    if strictly and not to_ask:
        check_asked_alike(
            {
                model.argument: model.manifest
                for model in models.values()
                if isinstance(model, SavedPredictions) and model.manifest is not None
            }
        )
    if judge is not None:
        from evalsuite.judging import ask_judge, check_judge

        check_has_questions(questions.tasks or tuple(predictions["base"]))
    verdicts: Verdicts | None = None
    settings = Settings(
        options["level"],
        options["replicates"],
        questions.seed,
        None if judge is None else judge.description,
    )
    of_each = [list(known) for known in predictions.values()]
    common = [name for name in (of_each or [[]])[0] if all(name in one for one in of_each)]
    if attendant is not None:
        attendant.check(questions.tasks or common, checkpoints["checkpoint"])
    if metric is not None and wanted is not None:
        wanted.keys(questions.tasks or common)

    def identity_of(model: AnyModel, name: str) -> Mapping[str, Any]:
        if not isinstance(model, SavedPredictions):
            return identity["base" if name == AGAIN else name]
        return model.manifest["identity"] if model.manifest else {}

    def described(model: AnyModel, name: str) -> ModelDescription:
        return describe(model, predictions[name], identity_of(model, name), options["price"])

    def compared(with_model: AnyModel, name: str) -> Comparison:
        engines: tuple[str, ...] = ()
        if isinstance(base, SavedPredictions) or isinstance(with_model, SavedPredictions):
            engines = other_engine(identity_of(base, "base"), identity_of(with_model, name))
        with console.status("") as status:
            return compare_predictions(
                predictions["base"],
                predictions[name],
                base_model=described(base, "base"),
                checkpoint_model=described(with_model, name),
                settings=settings,
                allow_mismatch=options["allow_mismatch"],
                cautions=(
                    *cautions(base, with_model),
                    *engines,
                    *_own_judge(judge, base, with_model),
                ),
                training=training.get(name),
                verdicts=verdicts,
                on_task=lambda task: status.update(f"statistics: {with_model.name}, {task}"),
            )

    def paired() -> list[Pairs]:
        return [
            pairs
            for name in predictions
            if name != "base"
            for pairs in pair_tasks(
                predictions["base"],
                predictions[name],
                allow_mismatch=options["allow_mismatch"],
            )
        ]

    if judge is None and not to_ask:
        comparisons = [compared(model, name) for name, model in checkpoints.items()]
    elif not to_ask:
        paired()  # stops where the contract is broken
    elif judge is not None:
        check_judge(judge, folder, options["cache"], server_options(options))
    with claimed(folder, manifest):
        if to_ask:
            runs = {name: Run(model, places[name]) for name, model in to_ask.items()}
            if options["aa"]:
                runs[AGAIN] = Run(to_ask["base"], folder / AGAIN, again=True)
            watch = {}
            if attendant is not None:
                known = predictions.get("base", places["base"])
                attendant.begin(asked, known, places["checkpoint"])
                watch[places["checkpoint"]] = attendant.more

            def same_prompts(engine: Engine) -> None:
                for answers in earlier if strictly else ():
                    answers.check_prompts(asked, questions, engine.chat_template)

            with progress_bar(console) as progress:
                answer(
                    list(runs.values()),
                    asked,
                    questions,
                    engine,
                    progress,
                    options["cache"],
                    watch,
                    same_prompts,
                )
            for name, run in runs.items():
                if attendant is not None and name == "checkpoint":
                    predictions[name] = attendant.answered()
                    say_speed(run, console)
                    continue
                answered = resolve(str(run.folder))
                if not isinstance(answered, SavedPredictions):
                    raise SaevalError(f"{run.folder}: is no run folder any more")
                predictions[name] = _of_tasks(answered.predictions, questions.tasks, name)
                say_speed(run, console)
        if judge is not None:
            with progress_bar(console) as progress:
                verdicts = ask_judge(
                    judge, paired(), folder, options["cache"], server_options(options), progress
                )
        if to_ask or judge is not None:
            comparisons = [compared(model, name) for name, model in checkpoints.items()]
            if options["aa"]:
                again = compared(base, AGAIN)
                comparisons = [with_noise(comparison, again) for comparison in comparisons]
        yield Compared(
            comparisons,
            predictions,
            homes,
            folder,
            verdicts,
            steps,
            wanted,
            options["allow_mismatch"],
        )


def _own_judge(judge: Judge | None, *models: AnyModel) -> tuple[str, ...]:
    if judge is None or judge.model.argument not in [model.argument for model in models]:
        return ()
    return (f"{judge.model.name} judges its own answers; take a judge that is not compared.",)


def say_speed(run: Run, console: Console) -> None:
    """One line on the last session of a run, if there was one."""
    sessions = read_manifest(run.folder).get("sessions", [])
    if not sessions or not sessions[-1]["items"]:
        return
    items, cached = sessions[-1]["items"], sessions[-1]["from_cache"]
    seconds = sessions[-1]["seconds"]
    phases = ", ".join(f"{name} {spent:.1f} s" for name, spent in seconds.items())
    rate = f", {(items - cached) / max(seconds['answer'], 1e-3):.1f} a second" if not cached else ""
    kept = f", {cached} of them from the cache" if cached else ""
    console.print(escape(f"{run.name}: {items} items{kept}{rate} ({phases})"), highlight=False)


def named(
    checkpoints: Sequence[AnyModel],
) -> dict[str, AnyModel]:
    """Checkpoints by the name of their folder in the output, each name once."""
    if len(checkpoints) == 1:
        return {"checkpoint": checkpoints[0]}
    named: dict[str, AnyModel] = {}
    for checkpoint in checkpoints:
        name = unique = readable(checkpoint.name)
        number = 1
        while unique in named or unique in ("base", "judge"):
            number += 1
            unique = f"{name}-{number}"
        named[unique] = checkpoint
    return named


def _of_tasks(predictions: ByTask, names: tuple[str, ...], argument: str) -> ByTask:
    if not names:
        return predictions
    if missing := [name for name in names if name not in predictions]:
        raise InputError(
            f"{argument}: holds no predictions of task {', '.join(missing)}; "
            f"it has {', '.join(predictions)}"
        )
    return {name: predictions[name] for name in names}


def describe(
    model: AnyModel, predictions: ByTask, identity: Mapping[str, Any], price: Price
) -> ModelDescription:
    """For the report: who answered, how it was asked, and at what cost."""
    facts = {"content": model.content}
    if isinstance(model, LocalModel) and model.adapter_content:
        facts["adapter_content"] = model.adapter_content
    return ModelDescription(
        model.name, model.argument, facts | asked_in_words(identity), _cost(predictions, price)
    )


def _cost(predictions: ByTask, price: Price) -> Cost | None:
    """Of what was answered by us; None if the tokens were not counted."""
    items = [prediction for task in predictions.values() for prediction in task.values()]
    counted = [prediction.usage for prediction in items if prediction.usage is not None]
    if not counted:
        return None
    read = sum(usage.prompt_tokens for usage in counted)
    probed = sum(usage.probe_tokens for usage in counted)
    written = sum(usage.response_tokens for usage in counted)
    return Cost(
        items=len(counted),
        prompt_tokens=read,
        probe_tokens=probed,
        response_tokens=written,
        truncated=sum(usage.truncated for usage in counted),
        money=None if price is None else ((read + probed) * price[0] + written * price[1]) / 1e6,
    )


def _summarise(folder: Path, console: Console) -> None:
    """One line per task on what a run answered."""
    saved = resolve(str(folder))
    if not isinstance(saved, SavedPredictions):
        raise SaevalError(f"{folder}: is no run folder")
    for task, items in read_manifest(folder)["tasks"].items():
        answers = list(saved.predictions[task].values())
        n = items["items"]
        counts = {
            "right": sum(answer.correct for answer in answers),
            "abstained": sum(answer.status == "abstained" for answer in answers),
            "invalid": sum(answer.status == "invalid" for answer in answers),
        }
        shares = ", ".join(f"{count / n:.1%} {what}" for what, count in counts.items())
        console.print(f"{task}: {n} items, {shares}", highlight=False)
