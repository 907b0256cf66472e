# ruff: noqa: E501
"""Task files of own data: what they are made of, what they hold, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from saeval.errors import DataError, InputError, RecipeError
from saeval.evalsuite.cli.main import main as saeval
from saeval.evalsuite.cli.tasks_new import new_task
from saeval.tasks import get_task, load_items, registry, validate
from saeval.tasks.own.items import hash_items
from saeval.tasks.own.survey import Question, Table, describe_data
from saeval.trainer.data.mixture import build_mixture
from saeval.trainer.recipe.load import FOLDER as RECIPES
from saeval.trainer.recipe.load import load_recipe, recipe_to_yaml
from saeval.yaml_source import dump_yaml, read_yaml_file

VERDICTS = ("Supports", "Refutes", "NEI")
ROWS = [
    {"qid": f"q{n}", "claim": f"Box {n} holds pens.", "context": f"It says {{{{ {n} * 7 }}}}, box.",
     "verdict": VERDICTS[n % 3]}
    for n in range(6)
]  # fmt: skip
YAML = """task: claims
class: !function saeval.tasks.lm_eval.own.OwnTask
metadata:
  version: 1
  saeval:
    kind: verification
    data: claims.csv
    columns: {id: qid, claim: claim, evidence: context, label: verdict}
    labels: {PASS: [Supports], FAIL: [Refutes], NA: [NEI]}
"""


@pytest.fixture(autouse=True)
def _only_here(tmp_path, monkeypatch):
    """In a folder of its own; what is registered is forgotten."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "_TASKS", dict(registry._TASKS))


def write_csv(path: str | Path, rows: list[dict[str, str]]) -> None:
    lines = [list(rows[0]), *(list(row.values()) for row in rows)]
    text = "\n".join(",".join(f'"{cell}"' for cell in line) for line in lines)
    Path(path).write_text(text + "\n", encoding="utf-8")


def write_table(name: str) -> None:
    if name.endswith(".csv"):
        write_csv(name, ROWS)
    elif name.endswith(".jsonl"):
        Path(name).write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    elif name.endswith(".json"):
        Path(name).write_text(json.dumps(ROWS))
    else:
        import datasets

        table = datasets.Dataset.from_list(ROWS)
        table.to_parquet(name) if name.endswith(".parquet") else table.save_to_disk(name)


def refused(capsys, *arguments: str) -> str:
    """What a command says that ends with 2, in one sentence."""
    with pytest.raises(SystemExit) as stopped:
        saeval(["tasks", *arguments])
    assert stopped.value.code == 2
    shown = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Error: ")]
    assert len(shown) == 1
    return shown[0]


@pytest.mark.parametrize(
    "data", ["claims.csv", "claims.jsonl", "claims.json", "claims.parquet", "claims"]
)
def test_a_task_file_is_made_of_a_table_in_any_format(data, capsys):
    write_table(data)
    saeval(["tasks", "new", data])
    assert "6 items, 2 PASS, 2 FAIL, 2 NA" in capsys.readouterr().out
    task = get_task("claims.yaml")
    items = load_items(task)
    assert [item.id for item in items] == [row["qid"] for row in ROWS]
    assert [item.target for item in items] == ["PASS", "FAIL", "NA"] * 2
    assert items[3].evidence == ("It says {{ 3 * 7 }}, box.",)
    assert validate(task).passed
    assert "Supports → PASS (2)" in task.card


def test_nothing_that_is_there_is_written_over(capsys):
    write_table("claims.csv")
    saeval(["tasks", "new", "claims.csv"])
    before = Path("claims.yaml").read_text()
    assert "claims.yaml is there already" in refused(capsys, "new", "claims.csv", "--name", "other",
                                                     "--out", "claims.yaml")  # fmt: skip
    assert Path("claims.yaml").read_text() == before
    saeval(["tasks", "new", "claims.csv", "--name", "other", "--out", "claims.yaml", "--replace"])
    assert get_task("claims.yaml").name == "other"


def test_questions_without_an_answer_are_to_be_declined(capsys):
    write_csv("q.csv", [{"question": "2+2?", "answer": "4|four"}, {"question": "X?", "answer": ""}])
    saeval(["tasks", "new", "q.csv", "--separator", "|"])
    items = load_items(get_task("q.yaml"))
    assert [(item.target, item.answers) for item in items] == [
        ("RIGHT", ("4", "four")),
        ("UNKNOWN", ()),
    ]


@pytest.mark.parametrize(
    ("answer", "options"),
    [("B", ()), ("Rome", ()), ("2", ("--answer-is", "number")), ("1", ("--answer-is", "index"))],
)
def test_the_right_choice_is_named_by_letter_place_or_text(answer, options):
    row = {"question": "Capital?", "A": "Lima", "B": "Rome", "correct": answer}
    write_csv("mc.csv", [row, row | {"question": "And?"}])
    saeval(["tasks", "new", "mc.csv", "--kind", "multiple_choice", *options])
    items = load_items(get_task("mc.yaml"))
    assert [(item.choices, item.gold) for item in items] == [(("Lima", "Rome"), 1)] * 2


def test_what_the_columns_do_not_tell_is_asked_at_a_terminal():
    table = Table(
        "t", [(f"t:{n}", {"a": "c", "b": "e", "x": value}) for n, value in enumerate("ij")]
    )
    asked: list[Question] = []
    replies = iter(("verification", "a", "b", "x", "PASS", "NA"))

    def ask(question: Question) -> str:
        asked.append(question)
        return next(replies)

    found = describe_data(table, kind=None, columns={}, labels=[], answer_is=None, ask=ask)
    assert found["labels"] == {"PASS": ["i"], "NA": ["j"]}
    assert found["columns"] == {"claim": "a", "evidence": "b", "label": "x"}
    assert asked[0].choices == ("verification", "question", "multiple_choice")


NEW = {
    "no such file": (None, ["none.csv"], "none.csv: no such file"),
    "no kind": ("a,b\n1,2\n", [], "give --kind (verification, question, multiple_choice)"),
    "no column for it": ("claim,b,label\n1,2,3\n", ["--kind", "verification"],
                         "give --map evidence=COLUMN"),
    "a column that is not there": ("claim,b\n1,2\n", ["--map", "claim=clam"],
                                   "--map: t.csv has no column 'clam'; did you mean claim?"),
    "labels that say nothing": ("claim,context,label\nc,e,x\nd,e,y\n", [],
                                "give --labels PASS=…,FAIL=…,NA=…, with all of 'x', 'y'"),
    "a label that does not occur": ("claim,context,label\nc,e,x\n", ["--labels", "PASS=z"],
                                    "'z' does not occur in column 'label' of t.csv, which holds 'x'"),
    "a label of nobody": ("claim,context,label\nc,e,x\n", ["--labels", "GOOD=x"],
                          "'GOOD' is no label; they are PASS, FAIL, NA"),
    "no pair": ("claim,context,label\nc,e,yes\n", ["--map", "claim"], "--map: 'claim' is no NAME=VALUE"),
    "an empty claim": ("claim,context,label\nc,e,yes\n,e,no\n", [], "t.csv:3: column 'claim' is empty"),
    "two ids": ("qid,claim,context,label\n1,c,e,yes\n1,d,e,no\n", ["--map", "id=qid"],
                "t.csv:3: column 'qid': the id '1' stands in t.csv:2 already"),
    "a row too long": ("claim,context,label\nc,e,yes,more\n", [],
                       "t.csv:2: this row has 4 values, and the header 3"),
    "no rows": ("claim,context,label\n", [], "t.csv: has no rows"),
    "a name that is taken": ("claim,context,label\nc,e,yes\n", ["--name", "fever"],
                             "there is already a task fever"),
    "a name of signs": ("claim,context,label\nc,e,yes\n", ["--name", "../x"], "a name begins with"),
    "a path outside": ("claim,context,label\nc,e,yes\n", ["--out", "sub/t.yaml"],
                       "a task file lies in the folder of its data or above it"),
    "no choice": ("question,A,B,correct\nq,x,y,C\n", ["--kind", "multiple_choice"],
                  "t.csv:2: column 'correct' 'C' is none of 'A', 'B'"),
    "numbers that may be either": ("question,A,B,correct\nq,x,y,1\n", ["--kind", "multiple_choice"],
                                   "give --answer-is"),
}  # fmt: skip


@pytest.mark.parametrize("name", NEW)
def test_what_cannot_be_a_task_is_one_sentence_and_nothing_is_written(name, capsys):
    text, arguments, message = NEW[name]
    if text is not None:
        Path("t.csv").write_text(text)
        arguments = ["t.csv", *arguments]
    assert message in refused(capsys, "new", *arguments)
    assert not list(Path().rglob("*.yaml"))


FILES = {
    "no file": (None, "claims.yaml: no such task file"),
    "no YAML": ("a: [", "claims.yaml:"),
    "a list": ("- a\n", "is no task file"),
    "another task": ("task: x\ndataset_path: y\n", "`metadata: saeval:` is missing"),
    "code of its own": (YAML.replace("saeval.tasks.lm_eval.own.OwnTask", "evil.run"),
                        "`class` must be !function saeval.tasks.lm_eval.own.OwnTask"),
    "code elsewhere": (YAML + "doc_to_text: !function evil.run\n", "there is no key 'doc_to_text'"),
    "data outside": (YAML.replace("claims.csv", "../claims.csv"), "'../claims.csv' lies outside"),
    "data of the system": (YAML.replace("claims.csv", "/etc/passwd"), "lies outside"),
    "no data": (YAML.replace("claims.csv", "none.csv"), "none.csv: no such file or folder"),
    "no such column": (YAML.replace("context", "evidence"),
                       "claims.csv:2: has no column 'evidence'; known: qid, claim, context, verdict"),
    "a value without label": (YAML.replace("Refutes", "Denies"),
                              "claims.csv:3: column 'verdict' 'Refutes' is none of 'Supports', 'Denies', 'NEI'"),
    "a label twice": (YAML.replace("[NEI]", "[NEI, Supports]"), "'Supports' stands for PASS and for NA"),
    "no such label": (YAML.replace("NA:", "MAYBE:"), "have no 'MAYBE'; they are PASS, FAIL, NA"),
    "a name that is taken": (YAML.replace("task: claims", "task: fever"), "there is already a task fever"),
    "a version of words": (YAML.replace("version: 1", "version: x"), "`metadata.version` must be"),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_task_file_that_is_none_is_one_sentence(name, capsys):
    write_table("claims.csv")
    text, message = FILES[name]
    if text is not None:
        Path("claims.yaml").write_text(text)
    assert message in refused(capsys, "validate", "./claims.yaml")


def test_half_a_parquet_file_is_one_sentence(capsys):
    write_table("claims.parquet")
    whole = Path("claims.parquet").read_bytes()
    Path("claims.parquet").write_bytes(whole[: len(whole) // 2])
    assert "claims.parquet: cannot be read as Parquet" in refused(capsys, "new", "claims.parquet")


def test_two_files_of_one_name_are_not_taken_for_one_task():
    write_table("claims.csv")
    Path("a.yaml").write_text(YAML)
    Path("b.yaml").write_text(YAML)
    with pytest.raises(InputError, match=r"are both named claims"):
        registry.resolve_task_names(["a.yaml", "b.yaml"])


def test_the_same_words_twice_are_one_cluster_and_any_order_is_the_same_content():
    write_csv("claims.csv", [*ROWS, ROWS[0] | {"qid": "again"}])
    Path("claims.yaml").write_text(YAML.replace("id: qid, ", ""))
    items = load_items(get_task("claims.yaml"))
    first, last = items[0], items[-1]
    assert last.id == f"{first.id}#2"
    assert last.cluster == first.cluster == first.id
    assert items[1].cluster is None
    assert hash_items(items) == hash_items(items[::-1]) != hash_items(items[1:])


def test_a_changed_table_is_seen_when_its_file_is_named_again():
    write_table("claims.csv")
    Path("claims.yaml").write_text(YAML)
    before = hash_items(load_items(get_task("claims.yaml")))
    write_csv("claims.csv", [*ROWS[:-1], ROWS[-1] | {"verdict": "Supports"}])
    assert hash_items(load_items(get_task("claims.yaml"))) != before


def test_plain_lm_eval_finds_the_task_and_shows_data_as_it_is():
    from lm_eval.tasks import TaskManager

    write_table("claims.csv")
    Path("claims.yaml").write_text(YAML)
    manager = TaskManager(include_path=str(Path.cwd()), include_defaults=False)
    task = manager.load(["claims"])["tasks"]["claims"]
    assert len(task.eval_docs) == 6
    prompt = task.fewshot_context(task.eval_docs[0], num_fewshot=0)
    assert prompt == get_task("claims").write_prompt(task.eval_docs[0])
    assert "It says {{ " in prompt
    built = task.construct_requests(doc=task.eval_docs[0], ctx=prompt, metadata=("claims", 0, 1))
    assert [i.request_type for i in built] == ["generate_until"] + ["loglikelihood"] * 3


def test_a_recipe_names_a_task_file_beside_it():
    folder = Path("data")
    folder.mkdir()
    many = [row | {"qid": f"{row['qid']}-{n}", "claim": f"{row['claim']} {n}"}
            for n in range(20) for row in ROWS]  # fmt: skip
    write_csv(folder / "claims.csv", many)
    (folder / "claims.yaml").write_text(YAML)
    content, _ = read_yaml_file(RECIPES / "recommended-verification.yaml")
    content["data"]["sources"] = [{"task": "./claims.yaml", "split": "test"}]
    content["evaluation"] = {"tasks": ["./claims.yaml"], "items": 10}
    recipe = folder / "recipe.yaml"
    recipe.write_text(dump_yaml(content))
    read = load_recipe(str(recipe))
    assert read.tasks == (str(folder.absolute() / "claims.yaml"),)
    saved = Path("saved.yaml")
    saved.write_text(recipe_to_yaml(read))
    assert load_recipe(str(saved)) == read
    mixture = build_mixture(read)
    assert {row.task for row in mixture.training} == {"claims"}
    assert len(mixture.holdout) == 10
    assert not {row.item for row in mixture.holdout} & {row.item for row in mixture.training}
    recipe.write_text(recipe.read_text().replace("claims.yaml", "none.yaml"))
    with pytest.raises(RecipeError, match=r"recipe.yaml:\d+: .*none.yaml: no such task file"):
        load_recipe(str(recipe))


def test_a_name_with_a_null_character_is_no_file():
    with pytest.raises(DataError):
        get_task("a\0.yaml")


def test_every_option_of_new_has_help():
    assert all(getattr(p, "help", "") for p in new_task.params if p.param_type_name == "option")
