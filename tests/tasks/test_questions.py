"""Data sets of open questions: loaded as they are published, and graded right on their own gold."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest
from click.testing import CliRunner

from saeval.errors import DataError
from saeval.tasks.data.loading import load_items
from saeval.tasks.data.validate import validate
from saeval.tasks.datasets.kuq.dataset import to_question as kuq_question
from saeval.tasks.datasets.nq_open.dataset import to_question as nq_open_question
from saeval.tasks.datasets.popqa.dataset import to_question as popqa_question
from saeval.tasks.datasets.selfaware.dataset import to_question as selfaware_question
from saeval.tasks.datasets.simpleqa.dataset import to_question as simpleqa_question
from saeval.tasks.datasets.simpleqa.dataset import to_verified_question
from saeval.tasks.datasets.triviaqa.dataset import to_question as triviaqa_question
from saeval.tasks.factworld.questions import generate_questions, list_told_facts
from saeval.tasks.grading.match import gold_variants, matches_gold
from saeval.tasks.kinds import VERIFICATION
from saeval.tasks.registry import get_task, list_tasks
from saeval.tasks.task import HubSource
from saeval.tasks.types import QUESTION_LABELS, Question, make_question

SIMPLEQA_ROW = {
    "metadata": "{'topic': 'Art', 'answer_type': 'Person', 'urls': ['https://example.org']}",
    "problem": "Who painted it?",
    "answer": " Vermeer ",
}
SELFAWARE_ROW = {
    "question_id": 7,
    "question": "Q?",
    "answer": ["a", "b"],
    "answerable": True,
    "source": "hotpot_train",
}


def test_simpleqa_reads_its_metadata_as_a_literal():
    question = simpleqa_question(SIMPLEQA_ROW)
    assert (question.question, question.answers) == ("Who painted it?", ("Vermeer",))
    assert (question.target, question.topic, question.source_label) == ("RIGHT", "Art", "Person")


def test_simpleqa_never_runs_its_metadata():
    with pytest.raises(ValueError, match="malformed"):
        simpleqa_question(SIMPLEQA_ROW | {"metadata": "__import__('os').getcwd()"})


def test_a_question_has_one_id_in_both_sets_of_simpleqa():
    row = {"problem": "Who  painted it?", "answer": "V", "topic": "Art", "answer_type": "Person"}
    assert to_verified_question(row).id == simpleqa_question(SIMPLEQA_ROW).id


def test_popqa_clusters_repeated_questions_and_keeps_popularity():
    row = {"question": "Who?", "possible_answers": '["A", "B"]', "s_pop": 41}
    one, other = (popqa_question(row | {"id": number}) for number in (1, 2))
    assert (one.id, other.id) == ("1", "2")
    assert one.cluster == other.cluster
    assert (one.answers, one.popularity, one.topic) == (("A", "B"), 41, None)
    assert popqa_question(row | {"id": 1, "prop": "father"}).topic == "father"


def test_triviaqa_takes_all_aliases_for_right():
    answer = {"value": "Onion", "aliases": ["Pyaz", "Onion"]}
    row = {"question_id": "tqa_0", "question": "Q?", "answer": answer}
    assert triviaqa_question(row).answers == ("Onion", "Pyaz")


def test_nq_open_leaves_out_what_is_no_answer():
    assert nq_open_question({"question": "q", "answer": ["*", "unknown", "A"]}).answers == ("A",)
    assert nq_open_question({"question": "q", "answer": ["---"]}) is None


def test_selfaware_without_an_answer_is_to_be_declined():
    assert selfaware_question(SELFAWARE_ROW).target == "RIGHT"
    row = SELFAWARE_ROW | {"answerable": False, "answer": None}
    assert selfaware_question(row).target == "UNKNOWN"


def test_explanations_of_unknown_questions_are_no_answers():
    row = {"question": "Q?", "answer": ["It depends."], "unknown": True, "source": "turk"}
    question = kuq_question(row | {"category": "ambiguous"})
    assert (question.target, question.answers) == ("UNKNOWN", ())
    assert (question.topic, question.source_label) == ("ambiguous", "unknown")
    known = kuq_question(row | {"unknown": False, "source": "squad"})
    assert (known.target, known.topic) == ("RIGHT", "squad")


def test_an_id_of_its_wording_stays_when_spaces_and_case_change():
    one, other = (
        make_question(text, (), source_label="x") for text in ("Who  is it?", "WHO is it?")
    )
    assert one.id == other.id
    assert len(one.id) == 12


def written(folder, name, text):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return folder


BAD = {
    "a column that is missing": (
        "simpleqa", "simpleqa/simple_qa_test_set.csv", "problem,answer\nQ,A\n",
        r"simple_qa_test_set.csv:2: not a row of basicv8vc/SimpleQA: KeyError 'metadata'",
    ),
    "metadata that is no literal": (
        "simpleqa", "simpleqa/simple_qa_test_set.csv", "metadata,problem,answer\n{(,Q,A\n",
        r"csv:2: not a row of basicv8vc/SimpleQA: SyntaxError",
    ),
    "an empty answer": (
        "simpleqa_verified", "simpleqa/simpleqa_verified.csv",
        "problem,answer,topic,answer_type\nQ,,Art,Person\n",
        r"csv:2: not a row of google/simpleqa-verified: ValueError `answer` must be text",
    ),
    "a line that is too short": (
        "simpleqa_verified", "simpleqa/simpleqa_verified.csv",
        "problem,answer,topic,answer_type\nQ,A\n",
        r"csv:2: this row has 2 values, and the header 4",
    ),
    "answers that are no list": (
        "nq_open", "nq_open/NQ-open.dev.jsonl", '{"question": "q", "answer": "A"}\n',
        r"dev.jsonl:1: not a row of \S+: ValueError `answer` must be a list of answers",
    ),
    "JSON without rows": (
        "selfaware", "selfaware/SelfAware.json", '{"name": "SelfAware"}',
        r"SelfAware.json: expected a list of rows, or an object with one under `example`",
    ),
    "JSON that is cut off": (
        "selfaware", "selfaware/SelfAware.json", '{"example": [', r"SelfAware.json: not JSON",
    ),
    "a row that is no object": (
        "selfaware", "selfaware/SelfAware.json", '{"example": [1]}',
        r"SelfAware.json row 1: expected an object, found 1",
    ),
    "another word for answerable": (
        "selfaware", "selfaware/SelfAware.json",
        json.dumps({"example": [SELFAWARE_ROW | {"answerable": "maybe"}]}),
        r"row 1: not a row of \S+: KeyError 'maybe'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_data_is_one_line_that_says_what_and_where(name, tmp_path):
    task, file, text, message = BAD[name]
    with pytest.raises(DataError, match=message) as error:
        load_items(get_task(task), written(tmp_path, file, text))
    assert "\n" not in str(error.value)


def test_a_file_in_another_encoding_is_one_line(tmp_path):
    written(tmp_path, "simpleqa/simple_qa_test_set.csv", "")
    path = tmp_path / "simpleqa" / "simple_qa_test_set.csv"
    path.write_bytes(b"metadata,problem,answer\n\xff,Q,A\n")
    with pytest.raises(DataError, match=r"not UTF-8 text"):
        load_items(get_task("simpleqa"), tmp_path)


def test_rows_of_a_hub_data_set_may_be_one_file_of_several(tmp_path, monkeypatch):
    """The hub's own loader on a repository's layout on disk."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    row = {"question": "Q?", "answer": ["A"], "unknown": False, "source": "squad"}
    written(tmp_path, "hub/knowns_unknowns.jsonl", json.dumps(row) + "\n")
    written(tmp_path, "hub/other.jsonl", '{"x": 1}\n')
    task = get_task("kuq")
    assert isinstance(task.source, HubSource)
    here = replace(task, source=replace(task.source, path=str(tmp_path / "hub")))
    assert [question.target for question in load_items(here)] == ["RIGHT"]


REAL = {
    "simpleqa": (4326, 0, None),
    "simpleqa_verified": (1000, 0, None),
    "popqa": (2000, 0, 1962),
    "triviaqa": (3000, 0, None),
    "nq_open": (3607, 0, None),
    "selfaware": (3369, 1032, None),
    "kuq": (6884, 3437, 5918),
    "abstention_mix": (4000, None, None),
}


@pytest.mark.parametrize("name", REAL)
def test_real_data_loads_with_its_known_counts_and_grades_its_own_gold_as_right(name, real_data):
    items, unanswerable, clusters = REAL[name]
    task = get_task(name)
    questions = load_items(task, real_data)
    assert len({question.id for question in questions}) == len(questions) == items
    if unanswerable is not None:
        assert sum(question.target == "UNKNOWN" for question in questions) == unanswerable
    if clusters is not None:
        assert len({question.cluster for question in questions}) == clusters
    result = validate(task, real_data)
    assert result.failures == ()
    assert (result.gold, result.abstained, result.garbage) == (1, 1, 1)


def test_popularity_and_topics_are_there_to_slice_by(real_data):
    popqa = load_items(get_task("popqa"), real_data)
    assert all(isinstance(q, Question) and q.popularity is not None for q in popqa)
    topics = {q.topic for q in load_items(get_task("simpleqa"), real_data)}
    assert {"Science and technology", "Art", "Sports"} <= topics
    verified = load_items(get_task("simpleqa_verified"), real_data)
    assert {q.id for q in verified} & {q.id for q in load_items(get_task("simpleqa"), real_data)}


def test_the_mix_is_even_and_does_not_depend_on_the_order_of_files(real_data):
    task = get_task("abstention_mix")
    mix = load_items(task, real_data)
    parts = Counter(question.id.partition("/")[0] for question in mix)
    assert parts == dict.fromkeys(("simpleqa", "popqa", "selfaware", "triviaqa"), 1000)
    smaller = replace(task, source=replace(task.source, items_per_task=10))
    assert {q.id for q in load_items(smaller, real_data)} < {q.id for q in mix}


def test_a_mix_of_more_than_there_is_says_so(tmp_path):
    written(
        tmp_path,
        "simpleqa/simple_qa_test_set.csv",
        "metadata,problem,answer\n\"{'topic': 'Art', 'answer_type': 'Person'}\",Q,A\n",
    )
    with pytest.raises(DataError, match="task simpleqa: 1000 items asked for, only 1 exist"):
        load_items(get_task("abstention_mix"), tmp_path)


@pytest.mark.parametrize("name", [name for name in list_tasks() if name.startswith("factworld")])
def test_the_made_up_world_grades_its_own_gold_as_right(name):
    assert validate(get_task(name)).passed


def test_validation_names_what_fails():
    task = get_task("factworld_questions")
    broken = replace(task, kind=VERIFICATION)
    result = validate(broken)
    assert not result.passed
    assert len(result.failures) == 5
    assert str(result).startswith("factworld_questions: FAILED on 1500 items (gold 0.0000")


def test_half_of_the_worlds_questions_have_an_answer_in_each_domain():
    questions = generate_questions(960)
    assert Counter(question.source_label for question in questions) == {
        "known": 480, "untold": 240, "unknowable": 120, "false_premise": 120,
    }  # fmt: skip
    for question in questions:
        assert (question.target == "RIGHT") == (question.source_label == "known")
    known = Counter(question.topic for question in questions if question.target == "RIGHT")
    assert known == dict.fromkeys(("residents", "collections", "measures"), 160)
    assert len({question.id for question in questions}) == len(questions)
    assert generate_questions(100) == questions[:100]
    assert generate_questions(100, seed=1) != questions[:100]


def test_told_facts_hold_the_answers_of_known_questions_and_of_no_other():
    facts = list_told_facts()
    for question in generate_questions(600):
        if question.source_label in ("known", "untold") and question.topic == "residents":
            name = question.question.split(" does ")[1].rpartition(" ")[0].removesuffix(" work")
            verb = {"Where": "lives", "Which": "plays", "What": "works"}[
                question.question.split()[0]
            ]
            told = [fact for fact in facts if fact.startswith(f"{name} {verb} ")]
            assert len(told) == (question.target == "RIGHT")
            assert all(question.answers[0] in fact for fact in told)


def test_false_premises_contradict_what_was_told():
    facts = {fact.rstrip(".").lower() for fact in list_told_facts()}
    for question in generate_questions(600):
        if question.source_label == "false_premise":
            claim = question.question.rstrip("?").lower()
            assert not any(claim.endswith(f" that {fact}") for fact in facts)


def test_known_and_untold_questions_are_worded_alike():
    questions = generate_questions(1500)
    first_words = {
        kind: {
            question.question.split()[0] for question in questions if question.source_label == kind
        }
        for kind in ("known", "untold")
    }
    assert first_words["known"] == first_words["untold"]


def test_more_questions_than_the_world_holds_is_an_error():
    with pytest.raises(ValueError, match="`size` is more than the world holds"):
        generate_questions(100_000)
    with pytest.raises(ValueError, match="`size` must not be negative"):
        generate_questions(-1)


@pytest.mark.parametrize(
    "name", [name for name in list_tasks() if get_task(name).kind.is_open_ended]
)
def test_every_question_task_has_the_labels_of_questions(name):
    task = get_task(name)
    assert task.labels == QUESTION_LABELS
    assert task.parse({"question": "Q?", "answers": ["A"]}, "\\boxed{A}").prediction == "RIGHT"


def test_verification_reads_a_label_as_prediction_and_answer():
    reading = get_task("fever").parse({}, "LABEL=NA\nCONF=0.5")
    assert (reading.prediction, reading.answer, reading.status) == ("NA", "NA", "abstained")
    assert (reading.confidence, reading.right_in_reasoning) == (0.5, False)


def test_the_harness_asks_and_scores_questions_by_the_same_prompt_and_grader():
    from lm_eval.tasks import TaskManager

    from saeval.tasks.format.prompts import write_question_prompt
    from saeval.tasks.task import TASKS_FOLDER

    manager = TaskManager(include_path=str(TASKS_FOLDER), include_defaults=False)
    task = manager.load(["factworld_questions"])["tasks"]["factworld_questions"]
    rows = list(task.test_docs())
    assert len(rows) == 1500
    row = next(row for row in rows if row["answers"] and row["answers"][0].istitle())
    assert task.doc_to_text(row) == write_question_prompt(row)
    names = ("acc", "correct", "incorrect", "not_attempted", "invalid", "process_correct")
    one = dict.fromkeys(names, 0.0)
    for response, scores in {
        f"\\boxed{{{row['answers'][0]}}}": {"acc": 1.0, "correct": 1.0},
        "\\boxed{Atlantis}": {"incorrect": 1.0},
        f"{row['answers'][0]}? \\boxed{{Atlantis}}": {"incorrect": 1.0, "process_correct": 1.0},
        "\\boxed{Unknown}": {"not_attempted": 1.0},
        "Atlantis": {"invalid": 1.0},
    }.items():
        assert task.process_results(row, [response]) == one | scores
    row = next(row for row in rows if row["target"] == "UNKNOWN")
    declined = task.process_results(row, ["\\boxed{Unknown}"])
    assert declined == one | {"acc": 1.0, "not_attempted": 1.0}
    assert task.process_results(row, ["\\boxed{Atlantis}"]) == one | {"incorrect": 1.0}


def test_two_writings_of_one_answer_are_mostly_taken_for_the_same(real_data):
    """SimpleQA and its verified set word 147 answers differently; some contradict each other."""
    first, second = (
        {question.id: question for question in load_items(get_task(name), real_data)}
        for name in ("simpleqa", "simpleqa_verified")
    )
    pairs = [
        (first[i], second[i])
        for i in first.keys() & second.keys()
        if first[i].answers != second[i].answers
    ]
    assert len(pairs) == 147
    forth = sum(matches_gold(a.answers[0], b.answers, b.question) for a, b in pairs)
    back = sum(
        matches_gold(gold_variants(b.answers[0])[0], a.answers, a.question) for a, b in pairs
    )
    assert forth >= 138
    assert back >= 133


def command(*arguments):
    from saeval.evalsuite.cli.main import cli

    return CliRunner().invoke(cli, ["tasks", *arguments])


def test_the_command_validates_and_says_so_in_one_line():
    result = command("validate", "factworld_questions")
    assert (result.exit_code, result.output.count("\n")) == (0, 1)
    assert result.output.startswith("factworld_questions: passed on 1500 items")


def test_the_command_fails_with_4_and_shows_what_was_misread(monkeypatch):
    import saeval.tasks.data.validate

    monkeypatch.setattr(saeval.tasks.data.validate, "GARBAGE", ("\\boxed{Ulm}",))
    result = command("validate", "factworld_questions")
    assert result.exit_code == 4
    assert "FAILED on 1500 items (gold 1.0000, abstention 1.0000, garbage 0.0000)" in result.output
    assert "is read as WRONG" in result.output


def test_prefetching_says_what_it_loaded_and_why_it_cannot(monkeypatch, tmp_path):
    assert command("prefetch", "factworld").output == "factworld: 1500 items\n"
    assert "cannot load akariasai/PopQA from the hub" in str(command("prefetch", "popqa").exception)
    monkeypatch.setenv("SAEVAL_DATA", str(tmp_path))
    assert "nothing would be fetched" in str(command("prefetch", "popqa").exception)
