"""Worked examples before the questions of saeval's own tasks."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from command_line import fails, typed

import saeval
from saeval.errors import DataError
from saeval.evalsuite.config import RunConfig
from saeval.evalsuite.engines.openai_api import ChatPrompt
from saeval.evalsuite.run.tasks import LoadedTask, load_tasks
from saeval.evalsuite.store.manifest import read_manifest
from saeval.tasks.data.examples import QUESTIONS_LISTED, make_examples
from saeval.tasks.data.loading import load_items
from saeval.tasks.registry import get_task, list_tasks

KINDS = ("factworld", "factworld_questions")


def loaded(task: str, **settings) -> LoadedTask:
    (only,) = load_tasks(RunConfig(tasks=(task,), limit=3, **settings))
    return only


def test_every_task_of_the_two_kinds_reads_every_example_as_right() -> None:
    for name in list_tasks():
        task = get_task(name)
        if task.kind.name not in ("verification", "question"):
            with pytest.raises(DataError, match=f"no worked examples for task {name}"):
                make_examples(task, 1, [])
            continue
        examples = make_examples(task, QUESTIONS_LISTED, [])
        readings = [task.parse(each.row, each.response) for each in examples]
        assert [each.prediction for each in readings] == [each.row["target"] for each in examples]
        assert len({each.confidence for each in readings}) > 3
        assert {each.prediction for each in readings} == set(task.labels.targets)


def test_none_of_them_is_evaluated_or_of_an_evaluated_cluster() -> None:
    for name in KINDS:
        task = get_task(name)
        first = make_examples(task, 2, [])
        as_asked = dict(first[0].row) | {"id": "mine"}
        others = make_examples(task, 2, [as_asked])
        assert first[0] not in others
        words = "claim" if "claim" in as_asked else "question"
        respelt = as_asked | {words: str(as_asked[words]).upper(), "cluster": None}
        assert make_examples(task, 2, [respelt]) == others
    rows = [item.as_row() for item in load_items("factworld")]
    clusters = {row["cluster"] for row in rows}
    examples = make_examples(get_task("factworld"), 20, rows)
    assert not clusters & {each.row["cluster"] for each in examples}


def test_they_run_out_in_one_sentence(tiny_base, capsys) -> None:
    said = fails(
        capsys, "run", tiny_base, "--tasks", "factworld_questions", "--num-fewshot", 99,
    )  # fmt: skip
    assert f"--num-fewshot 99: there are {QUESTIONS_LISTED} worked examples for task" in said
    said = fails(
        capsys, "run", tiny_base, "--tasks", "factworld", "--num-fewshot", 1,
        "--fewshot-as-multiturn",
    )  # fmt: skip
    assert "--fewshot-as-multiturn: has no effect without --apply-chat-template" in said


@pytest.mark.parametrize("name", KINDS)
def test_the_instruction_stands_once_and_the_question_last(name: str) -> None:
    config = RunConfig(tasks=(name,), num_fewshot=3)
    task, plain = loaded(name, num_fewshot=3), loaded(name)
    for document in task.documents:
        prompt = task.write_prompt(document, config, None)
        alone = plain.write_prompt(document, config, None)
        instruction, _, question = alone.partition("\n\n")
        assert prompt.startswith(instruction)
        assert prompt.endswith(question)
        assert prompt.count(instruction) == 1
        assert prompt.count("\nAnswer:\n") == 4
    assert task.generation["until"] in (["\n\nClaim:"], ["\n\nQuestion:"])
    assert not plain.generation["until"]


def test_with_a_system_prompt_it_stands_first() -> None:
    config = RunConfig(tasks=("factworld",), num_fewshot=1, system="Be brief.")
    task = loaded("factworld", num_fewshot=1, system="Be brief.")
    prompt = task.write_prompt(task.documents[0], config, None)
    assert prompt.startswith("Be brief.")
    assert prompt.count("Does the evidence support the claim?") == 1


def test_they_are_turns_of_a_conversation_or_one() -> None:
    shown: list[list[dict[str, str]]] = []
    made = ChatPrompt("[]")

    def template(messages, add_generation_prompt):
        assert add_generation_prompt
        shown.append(messages)
        return made

    config = RunConfig(
        tasks=("factworld",), num_fewshot=2, apply_chat_template=True, system="Be brief."
    )
    for multiturn in (None, False):
        chosen = replace(config, limit=1, fewshot_as_multiturn=multiturn)
        (task,) = load_tasks(chosen)
        assert not task.generation["until"]
        # A server is told by the type of a prompt that it is a conversation.
        assert task.write_prompt(task.documents[0], chosen, template) is made
    turns, whole = shown
    assert [turn["role"] for turn in turns] == ["system", *["user", "assistant"] * 2, "user"]
    assert [turn["role"] for turn in whole] == ["system", "user"]
    assert "".join(turn["content"] for turn in turns[1:]).replace("\n", "") == (
        whole[1]["content"].replace("\n", "")
    )


def test_a_manifest_without_them_is_as_it_was() -> None:
    facts = loaded("factworld").facts().model_dump()
    assert "num_fewshot" not in facts
    assert "fewshot_as_multiturn" not in facts
    with_examples = loaded("factworld", num_fewshot=2).facts().model_dump()
    assert with_examples["num_fewshot"] == 2
    assert with_examples["prompt"] != facts["prompt"]
    assert loaded("factworld", num_fewshot=3).facts().prompt != with_examples["prompt"]


def test_both_models_get_the_same_and_another_number_is_another_run(
    tiny_base, tiny_adapter, tmp_path, capsys
) -> None:
    out = tmp_path / "out"
    command = (
        "compare", tiny_base, tiny_adapter, "--tasks", "factworld", "--limit", 4, "--num_fewshot",
        2, "--out", out, "--gen-kwargs", "max_gen_toks=4", "--replicates", 1000,
    )  # fmt: skip
    code, _, err = typed(capsys, *command)
    assert code == 0, err
    prompts = []
    for who in ("base", "checkpoint"):
        manifest = read_manifest(out / who)
        assert manifest.identity["num_fewshot"] == 2
        assert manifest.tasks["factworld"].num_fewshot == 2
        assert manifest.tasks["factworld"].generation["until"] == ["\n\nClaim:"]
        lines = (out / who / "predictions" / "factworld.jsonl").read_text().splitlines()
        answers = [json.loads(line) for line in lines if line.startswith('{"')]
        prompts.append({each["item_id"]: each["prompt_hash"] for each in answers})
        assert all(each["label_probabilities"] for each in answers)
    assert prompts[0] == prompts[1]
    assert len(prompts[0]) == 4
    plain = saeval.run(
        tiny_base, tasks="factworld", limit=4, generation={"max_gen_toks": 4}, out=tmp_path / "run"
    )
    shown = {answer.prompt_hash for answer in plain.predictions["factworld"].values()}
    assert not shown & set(prompts[0].values())
    assert "num_fewshot" in fails(capsys, *command, "--num_fewshot", 3)
    said = fails(capsys, "compare", tmp_path / "run", out / "checkpoint", "--replicates", 1000)
    assert "task factworld has 0 examples there and 2 here" in said
