"""The worked example of a further task, and what `register_task` refuses."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

import saeval.tasks
import saeval.tasks.registry
from saeval.errors import DataError, InputError

# [example]
from saeval.tasks import OPEN_QUESTION, FunctionSource, Question, Task, make_question

CAPITALS = {"France": ("Paris",), "Peru": ("Lima",), "Bolivia": ("Sucre", "La Paz")}
NOWHERE = ("Atlantis", "Ruritania")


def load_capitals() -> list[Question]:
    """A question per country; those about countries that do not exist have no answer."""
    return [
        make_question(
            f"What is the capital of {country}?",
            CAPITALS.get(country, ()),
            source_label="real" if country in CAPITALS else "invented",
        )
        for country in (*CAPITALS, *NOWHERE)
    ]


capitals = Task(
    name="capitals",
    summary="Capitals of countries, two of which do not exist",
    kind=OPEN_QUESTION,
    source=FunctionSource(load_capitals),
)
# [end]


@pytest.fixture
def registered(monkeypatch):
    tasks = saeval.tasks.registry._TASKS
    monkeypatch.setattr(saeval.tasks.registry, "_TASKS", dict(tasks))
    saeval.tasks.register_task(capitals)


def test_it_is_a_task_like_any_other(registered):
    assert saeval.tasks.list_tasks()[-1] == "capitals"
    result = saeval.tasks.validate("capitals")
    assert (result.passed, result.items) == (True, 5)
    task = saeval.tasks.get_task("capitals")
    paris, *_, ruritania = [item.as_row() for item in saeval.tasks.load_items(task)]
    assert "What is the capital of France?" in task.write_prompt(paris)
    assert task.parse(paris, "\\boxed{Paris}\nCONF=0.9").prediction == paris["target"] == "RIGHT"
    assert task.parse(ruritania, "\\boxed{Paris}").prediction == "WRONG"
    assert task.parse(ruritania, "\\boxed{Unknown}").prediction == ruritania["target"]
    assert task.card == "# capitals\n\nCapitals of countries, two of which do not exist\n"


def test_the_harness_asks_it_without_a_yaml_file(registered):
    from saeval.tasks.lm_eval.load import load_harness_tasks

    (task,) = load_harness_tasks(["capitals"], {"seed": 43, "per_label": "RIGHT=2"}).values()
    documents = list(task.eval_docs)
    assert [document["target"] for document in documents] == ["RIGHT", "RIGHT"]
    prompt = task.fewshot_context(documents[0], num_fewshot=0)
    assert prompt == capitals.write_prompt(documents[0])
    gold = f"\\boxed{{{documents[0]['answers'][0]}}}"
    assert task.process_results(documents[0], [gold])["acc"] == 1
    assert (task.VERSION, task.config.generation_kwargs["max_gen_toks"]) == (1, 1024)


def test_a_prompt_of_its_own_is_a_changed_kind(registered):
    short = replace(OPEN_QUESTION, write_prompt=lambda row: f"{row['question']} \\boxed{{")
    saeval.tasks.register_task(replace(capitals, kind=short), replace=True)
    task = saeval.tasks.get_task("capitals")
    assert task.write_prompt({"question": "Why?"}) == "Why? \\boxed{"


def test_the_harness_builds_the_same_requests_with_and_without_a_yaml_file():
    from saeval.tasks.lm_eval.load import build_harness_task, load_harness_tasks

    metadata = {"seed": 43, "per_label": None, "data_dir": None}
    for name in ("factworld_residents", "factworld_questions"):
        (of_file,) = load_harness_tasks([name], metadata).values()
        built = build_harness_task(saeval.tasks.get_task(name), metadata)
        document = of_file.eval_docs[0]
        assert document == built.eval_docs[0]
        prompt = built.fewshot_context(document, num_fewshot=0)
        assert prompt == of_file.fewshot_context(document, num_fewshot=0)
        requests = [
            task.construct_requests(doc=document, ctx=prompt, metadata=(name, 0, 1))
            for task in (of_file, built)
        ]
        shown = [
            [(r.request_type, r.args) for r in (one if isinstance(one, list) else [one])]
            for one in requests
        ]
        assert shown[0] == shown[1]
        assert of_file.VERSION == built.VERSION


@pytest.mark.parametrize("name", ["fever", "capitals"])
def test_a_name_that_is_taken_is_refused(registered, name):
    with pytest.raises(InputError, match=f"there is already a task {name}"):
        saeval.tasks.register_task(replace(capitals, name=name))


@pytest.mark.parametrize("name", ["", "a b", "../x", "1x", "größe"])
def test_a_name_that_cannot_be_a_file_is_refused(name):
    with pytest.raises(InputError, match="a name begins with a letter"):
        saeval.tasks.register_task(replace(capitals, name=name))


def test_an_unknown_task_is_named_with_a_similar_one():
    with pytest.raises(InputError, match=r"unknown task 'fevr' \(did you mean fever\?\)"):
        saeval.tasks.get_task("fevr")


def test_public_names_are_there_and_load_no_heavy_library():
    script = (
        "import sys, saeval.tasks as t; [getattr(t, n) for n in t.__all__]; t.list_tasks();"
        "print({'torch', 'lm_eval', 'datasets', 'transformers', 'numpy'} & set(sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert shown.stdout == "set()\n", shown.stderr


def with_items(*questions):
    return replace(capitals, source=FunctionSource(lambda: questions))


PARIS, LIMA = (
    make_question(f"{city}?", (city,), source_label="real") for city in ("Paris", "Lima")
)


@pytest.mark.parametrize("load", [saeval.tasks.load_items, saeval.tasks.validate])
@pytest.mark.parametrize(
    ("items", "message"),
    [
        ((), "task capitals: its source returned no items"),
        ((PARIS, LIMA, PARIS), f"task capitals: 2 items have the id '{PARIS.id}'"),
    ],
    ids=["none", "twice"],
)
def test_a_task_without_items_or_with_an_id_twice_is_refused(load, items, message):
    with pytest.raises(DataError, match=message):
        load(with_items(*items))


def raise_key_error(*_):
    raise KeyError("country")


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (
            replace(with_items(PARIS), kind=replace(OPEN_QUESTION, write_prompt=raise_key_error)),
            "`write_prompt` raised KeyError: 'country'",
        ),
        (
            replace(with_items(PARIS), kind=replace(OPEN_QUESTION, parse=raise_key_error)),
            "`parse` raised KeyError: 'country'",
        ),
        (with_items(replace(PARIS, target="YES")), "target 'YES' is none of RIGHT, UNKNOWN"),
        (with_items(replace(PARIS, target="UNKNOWN")), "Paris}\\nCONF=0.75\\n' is read as RIGHT"),
    ],
    ids=["prompt", "parse", "target", "gold"],
)
def test_validation_says_why_an_item_fails(task, reason):
    result = saeval.tasks.validate(task)
    assert not result.passed
    first, *failures = str(result).splitlines()
    assert first.startswith("capitals: FAILED on 1 items")
    assert failures[0].startswith(f"  {PARIS.id}: ")
    assert reason in failures[0]


def test_a_text_in_place_of_answers_is_refused():
    with pytest.raises(TypeError, match="must be a sequence of answers"):
        make_question("Which capital?", "Paris", source_label="real")
