"""What the commands do, once their arguments are parsed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from evalsuite.comparing import ByTask, compare_predictions
from evalsuite.engine import EngineOptions
from evalsuite.errors import InputError, SaevalError
from evalsuite.hashing import hash_text
from evalsuite.models import LocalModel, SavedPredictions, resolve
from evalsuite.runner import AskedTask, Questions, load_tasks
from evalsuite.running import Run, answer, circumstances, progress_bar
from evalsuite.store import RUN_SCHEMA, claimed, read_manifest
from stats.comparison import ModelDescription, Settings

RUNS = Path("saeval-runs")
COMPARISON = "comparison.json"


def run_command(argument: str, out: Path | None, options: Mapping[str, Any]) -> None:
    """``saeval run``: one model's answers in a run folder."""
    console = Console(stderr=True)
    model = resolve(argument)
    if not isinstance(model, LocalModel):
        raise InputError(f"{argument}: these are predictions; `run` needs a model to ask")
    questions, engine = _questions(options), _engine_options(options)
    asked = load_tasks(questions)
    folder = out or RUNS / _folder_name(model.name, _key(model, questions, engine))
    with progress_bar(console) as progress:
        answer([Run(model, folder)], asked, questions, engine, progress)
    _summarise(folder, console)


def compare_command(
    base_argument: str, checkpoint_argument: str, out: Path | None, options: Mapping[str, Any]
) -> None:
    """``saeval compare``: answer what has to be answered, compare, write and print the reports."""
    from reports import print_comparison, write_reports

    console = Console(stderr=True)
    sides = {"base": resolve(base_argument), "checkpoint": resolve(checkpoint_argument)}
    to_ask = {name: side for name, side in sides.items() if isinstance(side, LocalModel)}
    questions, engine = _questions(options), EngineOptions()
    asked: list[AskedTask] = []
    if to_ask:
        if not questions.tasks:
            raise InputError("--tasks is needed to ask a model; see `saeval tasks list`")
        engine = _engine_options(options)
        asked = load_tasks(questions)
    identity = {
        name: _key(side, questions, engine) if name in to_ask else {"content": side.content}
        for name, side in sides.items()
    }
    title = f"{sides['base'].name}-vs-{sides['checkpoint'].name}"
    folder = out or RUNS / _folder_name(title, identity)
    manifest = {
        "schema": RUN_SCHEMA,
        "kind": "comparison",
        "identity": identity,
        **circumstances(),
    }
    # Whatever can be wrong with saved predictions is found before anything is written.
    predictions = {
        name: _of_tasks(side.predictions, questions.tasks, side.argument)
        for name, side in sides.items()
        if isinstance(side, SavedPredictions)
    }
    settings = Settings(options["level"], options["replicates"], questions.seed)

    def compared() -> Any:
        with console.status("") as status:
            return compare_predictions(
                predictions["base"],
                predictions["checkpoint"],
                base_model=_describe(sides["base"]),
                checkpoint_model=_describe(sides["checkpoint"]),
                settings=settings,
                allow_mismatch=options["allow_mismatch"],
                on_task=lambda name: status.update(f"statistics: {name}"),
            )

    if not to_ask:
        comparison = compared()
    with claimed(folder, manifest):
        if to_ask:
            runs = [Run(model, folder / name) for name, model in to_ask.items()]
            with progress_bar(console) as progress:
                answer(runs, asked, questions, engine, progress)
            for name in to_ask:
                answered = resolve(str(folder / name))
                assert isinstance(answered, SavedPredictions)
                predictions[name] = _of_tasks(answered.predictions, questions.tasks, name)
            comparison = compared()
        written = write_reports(comparison, folder)
    print_comparison(comparison, Console())
    _name_files(written, console)


def report_command(folder: Path) -> None:
    """``saeval report``: the reports of a finished comparison once more."""
    from reports import from_json, print_comparison, write_reports

    path = folder / COMPARISON
    if not path.is_file():
        raise InputError(f"{folder}: holds no {COMPARISON}; give the folder of a comparison")
    try:
        comparison = from_json(path.read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {str(error).splitlines()[0]}") from error
    written = write_reports(comparison, folder)
    print_comparison(comparison, Console())
    _name_files(written, Console(stderr=True))


def _questions(options: Mapping[str, Any]) -> Questions:
    return Questions(
        tasks=options["tasks"] or (),
        data_dir=options["data_dir"],
        seed=options["seed"],
        per_label=options["per_label"],
        limit=options["limit"],
        generation=_generation(options["gen_kwargs"]),
        chat_template=options["apply_chat_template"],
    )


def _generation(text: str | None) -> dict[str, Any] | None:
    if not text:
        return None
    from lm_eval.utils import simple_parse_args_string

    if not all(re.fullmatch(r"\w+=[^=]+", part) for part in text.split(",")):
        raise InputError(f"--gen-kwargs: cannot read {text!r}; give key=value,key=value")
    return dict(simple_parse_args_string(text))


def _engine_options(options: Mapping[str, Any]) -> EngineOptions:
    return EngineOptions(
        options["device"], options["dtype"], options["batch_size"], options["threads"]
    ).resolved()


def _key(model: LocalModel, questions: Questions, engine: EngineOptions) -> dict[str, Any]:
    return {
        "content": model.content,
        "adapter_content": model.adapter_content,
        "engine": engine.identity(),
        **questions.identity(),
    }


def _folder_name(title: str, identity: Mapping[str, Any]) -> str:
    """A readable name that is the same whenever the same command is given again."""
    readable = re.sub(r"[^\w.-]+", "-", title).strip("-.")[:80]
    return f"{readable}-{hash_text(json.dumps(identity, sort_keys=True))[:8]}"


def _of_tasks(predictions: ByTask, names: tuple[str, ...], argument: str) -> ByTask:
    if not names:
        return predictions
    if missing := [name for name in names if name not in predictions]:
        raise InputError(
            f"{argument}: holds no predictions of task {', '.join(missing)}; "
            f"it has {', '.join(predictions)}"
        )
    return {name: predictions[name] for name in names}


def _describe(model: LocalModel | SavedPredictions) -> ModelDescription:
    facts = {"content": model.content}
    if isinstance(model, LocalModel) and model.adapter_content:
        facts["adapter_content"] = model.adapter_content
    return ModelDescription(model.name, model.argument, facts)


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
            "NA": sum(answer.status == "abstained" for answer in answers),
            "invalid": sum(answer.status == "invalid" for answer in answers),
        }
        shares = ", ".join(f"{count / n:.1%} {what}" for what, count in counts.items())
        console.print(f"{task}: {n} items, {shares}", highlight=False)
    console.print(f"Predictions: {escape(str(folder))}", highlight=False, soft_wrap=True)


def _name_files(written: list[Path], console: Console) -> None:
    for path in written:
        console.print(f"Wrote {escape(str(path))}", highlight=False, soft_wrap=True)
