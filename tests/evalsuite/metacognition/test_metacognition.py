"""``saeval metacognition`` for real: models that answer, and then answer about their answers."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from random import Random

import pytest
from command_line import fails, typed
from knowing_server import TASK, KnowingServer, Mind

from saeval.tasks.format.prompts import (
    write_confidence_prompt,
    write_pairwise_prompt,
    write_question_prompt,
)
from saeval.tasks.metacognition.answers import load_own_answers
from saeval.tasks.metacognition.items import (
    build_confidence_items,
    build_pairwise_items,
    match_questions,
)
from saeval.tasks.task import TASKS_FOLDER
from saeval.tasks.types import OwnAnswer

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def server():
    minds = {
        "base": Mind(sure=0.1, first=0.6),
        "trained": Mind(),
        "same": Mind(sure=0.1, first=0.6),
        "cautious": Mind(knows=0.0),
        HOSTILE: Mind(),
    }
    with KnowingServer(minds) as running:
        yield running


@pytest.fixture(autouse=True)
def afresh(server):
    server.afresh()


def asked(capsys, server, out, *models, limit=500, more=()):
    names = [f"{server.url}#{model}" for model in models]
    return typed(
        capsys, "metacognition", *names, "--tasks", TASK, "--limit", limit, "--out", out,
        "--replicates", "1000", *more,
    )  # fmt: skip


def result_of(out):
    return json.loads((out / "metacognition.json").read_text())


@pytest.fixture(scope="module")
def finished(server, tmp_path_factory):
    """A base that hardly knows itself and a checkpoint that does."""
    from saeval.evalsuite.cli.main import main

    out = tmp_path_factory.mktemp("finished") / "out"
    names = [f"{server.url}#base", f"{server.url}#trained"]
    main(
        ["metacognition", *names, "--tasks", TASK, "--limit", "500", "--replicates", "1000",
         "--out", str(out)]
    )  # fmt: skip
    return out


def test_a_checkpoint_that_learned_to_know_itself_is_found(finished):
    found = result_of(finished)
    assert found["schema"] == "saeval.metacognition/1"
    base, trained = (model["tasks"][0] for model in found["models"])
    assert base["questions"] == 500
    assert 0 < base["right"] < base["attempted"] < 500
    assert base["pairs_matched"] >= 245
    of_base, of_trained = base["pairwise"], trained["pairwise"]
    assert of_base["position_bias"]["interval"]["low"] > 0.1
    assert of_trained["position_bias"]["interval"]["low"] < 0
    assert of_trained["accuracy"]["interval"]["low"] > 0.7
    assert of_trained["consistency"]["value"] > of_base["consistency"]["value"]
    assert of_trained["agreement"]["value"] > 0.8
    auroc = trained["single"]["estimates"][0]
    assert (auroc["metric"], auroc["items"]) == ("auroc", trained["attempted"])
    assert auroc["value"] > 0.85
    beside = trained["single"]["beside_stated"][0]
    assert (beside["metric"], beside["base"]) == ("auroc", 0.5)  # it stated 0.8 with every answer
    assert beside["checkpoint"] == auroc["value"]
    assert found["tests_in_family"] == 2
    for row in found["models"][1]["differences"][0]["metrics"]:
        if row["metric"] in ("auroc", "pairwise_accuracy"):
            assert row["p_holm"] < 0.001
            assert row["difference"] > 0.2
        else:
            assert row["p_holm"] is None


def test_the_words_say_so_first_in_every_form(finished, capsys, server):
    code, printed, _ = asked(capsys, server, finished, "base", "trained")
    assert code == 0
    assert server.requests == []  # a finished run asks nothing
    headline = (
        "trained knows its answers significantly better (AUROC +",
        ", pairwise +",
        "than base (Holm)",
    )
    last = " ".join(printed.strip().split("\n\n")[-1].split())
    page, text = ((finished / f"metacognition.{end}").read_text() for end in ("html", "md"))
    for form in (last, page, text):
        for words in headline:
            assert words in form
    assert "It prefers the question shown first." in last
    assert "<script" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    rows = list(csv.DictReader((finished / "metacognition.csv").read_text().splitlines()))
    assert {row["part"] for row in rows} == {"single", "beside stated", "pairwise", "difference"}
    assert {row["model"] for row in rows} == {"base", "trained"}


def test_the_same_prompts_for_all_models_and_both_orders(finished):
    asked_of = {}
    for name in ("base", "checkpoint"):
        file = finished / name / "metacognition" / "predictions" / "pairwise.jsonl"
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        asked_of[name] = {line["item_id"]: line["prompt_hash"] for line in lines}
        assert len({line["cluster_id"] for line in lines}) * 2 == len(lines)
        assert sum(line["target"] == "A" for line in lines) * 2 == len(lines)
        assert lines[0]["document"]["claim"].startswith("A: ")
    common = asked_of["base"].keys() & asked_of["checkpoint"].keys()
    assert len(common) > 50
    assert all(asked_of["base"][item] == asked_of["checkpoint"][item] for item in common)


def test_identical_models_are_neither_better_nor_worse(capsys, server, tmp_path):
    code, printed, _ = asked(capsys, server, tmp_path / "out", "base", "same", limit=200)
    assert code == 0
    words = " ".join(printed.split())
    assert (
        "same knows its answers neither significantly better nor worse than base (Holm)." in words
    )
    for row in result_of(tmp_path / "out")["models"][1]["differences"][0]["metrics"]:
        assert (row["difference"], row["p"]) in ((0, 1), (0, None))


def test_one_model_alone_has_no_transfer(capsys, server, tmp_path):
    code, printed, _ = asked(capsys, server, tmp_path / "out", "trained", limit=200)
    assert code == 0
    assert "trained knows which of its answers are right" in " ".join(printed.split())
    assert "Transfer" not in printed


def test_several_checkpoints_are_set_side_by_side(capsys, server, tmp_path):
    out = tmp_path / "out"
    code, printed, _ = asked(capsys, server, out, "base", "trained", HOSTILE, limit=200)
    assert code == 0
    assert "Transfer" in printed
    assert result_of(out)["tests_in_family"] == 4
    page, text = ((out / f"metacognition.{end}").read_text() for end in ("html", "md"))
    assert HOSTILE not in page + text
    assert "&lt;script&gt;" in page


def test_a_model_with_nothing_right_leaves_no_pairs_and_the_report_says_so(
    capsys, server, tmp_path
):
    code, printed, _ = asked(capsys, server, tmp_path / "out", "base", "cautious", limit=120)
    assert code == 0
    words = " ".join(printed.split())
    assert "cautious on factworld_questions: all answers are wrong" in words
    assert "gave too little to tell" in words
    cautious = result_of(tmp_path / "out")["models"][1]["tasks"][0]
    assert (cautious["right"], cautious["pairwise"]) == (0, None)


@pytest.mark.robustness
def test_it_resumes_where_it_stopped_and_ends_with_the_same_bytes(capsys, server, tmp_path):
    """The server refuses in the base's answers, the checkpoint's, and the questions about them."""
    models = ("base", "trained")
    asked(capsys, server, tmp_path / "whole", *models, limit=120)
    total = len(server.requests)
    for stop_after in (0.2, 0.3, 0.3):
        last = int(stop_after * total)
        server.afresh().fault = lambda number, body, last=last: "400" if number > last else None
        code, _, err = asked(capsys, server, tmp_path / "out", *models, limit=120)
        assert code == 2
        assert "Traceback" not in err
        assert not (tmp_path / "out" / "metacognition.json").exists()
    server.afresh()
    assert asked(capsys, server, tmp_path / "out", *models, limit=120)[0] == 0
    assert 0 < len(server.requests) < total / 2
    for name in ("metacognition.json", "metacognition.html", "metacognition.csv"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_several_tasks_are_measured_apart_and_corrected_together(real_data, tmp_path, capsys):
    """On real questions: the checkpoint knows itself on one task, and as little on the other."""
    tasks = ("triviaqa", "popqa")
    minds = {"base": Mind(sure=0.0), "trained": Mind(sure=0.9, of="triviaqa")}
    with KnowingServer(minds, tasks, real_data) as server:
        names = [f"{server.url}#{name}" for name in minds]
        code, printed, err = typed(
            capsys, "metacognition", *names, "--tasks", ",".join(tasks), "--limit", 300,
            "--data-dir", real_data, "--replicates", "1000", "--out", tmp_path / "out",
        )  # fmt: skip
    assert code == 0, err
    found = result_of(tmp_path / "out")
    assert found["tests_in_family"] == 4
    triviaqa, popqa = found["models"][1]["differences"]
    p = {
        (task["task"], row["metric"]): row["p_holm"]
        for task in (triviaqa, popqa)
        for row in task["metrics"]
        if row["headline"]
    }
    assert max(p["triviaqa", "auroc"], p["triviaqa", "pairwise_accuracy"]) < 0.001
    assert min(p["popqa", "auroc"], p["popqa", "pairwise_accuracy"]) > 0.05
    words = " ".join(printed.split())
    assert "trained knows its answers significantly better on triviaqa (AUROC +" in words
    assert "better on popqa" not in words


def test_answers_changed_between_the_stages_are_noticed(finished, tmp_path, capsys, server):
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    file = out / "base" / "answers" / "predictions" / f"{TASK}.jsonl"
    file.write_text(file.read_text().replace('"answer": "Atlantis"', '"answer": "Ulm"'))
    code, _, err = asked(capsys, server, out, "base", "trained")
    assert code == 2
    assert "its checksum does not fit: the line or manifest.json was altered" in err


def test_what_cannot_be_asked_is_refused_before_anything_is_written(
    capsys, server, tmp_path, finished
):
    model = f"{server.url}#base"
    out = ("--out", tmp_path / "out")
    message = fails(capsys, "metacognition", model, "--tasks", "fever", *out)
    assert "--tasks fever: is no task of open questions" in message
    message = fails(capsys, "metacognition", model, "--tasks", "confidence", *out)
    assert "--tasks confidence: is no task of open questions" in message
    message = fails(capsys, "metacognition", model, "--tasks", TASK, "--samples", 2, *out)
    assert "--samples: a model is asked about one answer" in message
    answers = finished / "base" / "answers"
    message = fails(capsys, "metacognition", answers, "--tasks", TASK, *out)
    assert "these are predictions" in message
    message = fails(capsys, "run", model, "--tasks", "pairwise", *out)
    assert "saeval metacognition MODEL" in message
    assert not (tmp_path / "out").exists()


def test_comparing_replies_about_own_answers_points_to_the_right_command(capsys, finished):
    folders = [finished / name / "metacognition" for name in ("base", "checkpoint")]
    message = fails(capsys, "compare", *folders)
    assert "each model was asked about answers of its own" in message
    assert "`saeval metacognition BASE CHECKPOINT`" in message


# A real network, and plain lm_eval


@pytest.fixture(scope="module")
def tiny_answerer(tmp_path_factory):
    """A tiny transformer that learned 24 answers, one of each pair wrong, and always to say A."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from saeval.tasks.data.loading import load_items
    from saeval.tasks.data.sampling import sample_items
    from saeval.tasks.registry import get_task
    from saeval.trainer.demo.supervised import Example, fit, sample_batches
    from saeval.trainer.demo.tiny_model import build_random_adapter, build_tiny_model

    folder = build_tiny_model(tmp_path_factory.mktemp("answerer") / "base", hidden_size=96)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    questions = sample_items(load_items(get_task(TASK)), per_label={"RIGHT": 24})
    told = [
        OwnAnswer(TASK, q.id, q.cluster, q.question, q.answers[0], True, 0.8) for q in questions
    ]
    wrong = {second.id for _, second in match_questions(told, 43)}
    own = [replace(a, answer="Ghent", right=False) if a.id in wrong else a for a in told]
    replies = {
        write_question_prompt(q.as_row()): f"\\boxed{{{answer.answer}}}\nCONF=0.80"
        for q, answer in zip(questions, own, strict=True)
    }
    replies |= {
        write_confidence_prompt(item.as_row()): "CONF=0.80" for item in build_confidence_items(own)
    }
    replies |= {
        write_pairwise_prompt(item.as_row()): "\\boxed{A}" for item in build_pairwise_items(own, 43)
    }
    examples = []
    for prompt, reply in replies.items():
        completion = [*tokenizer(reply)["input_ids"], tokenizer.eos_token_id]
        example = Example(tokenizer(prompt)["input_ids"], completion, 0)
        examples += [example] * (4 if "boxed{A}" not in reply and "boxed" in reply else 1)
    fit(
        model, sample_batches(examples, 12, Random(0)), pad=tokenizer.pad_token_id, steps=200,
        learning_rate=5e-3, label_weight=1.0, on_step=lambda: None,
    )  # fmt: skip
    model.save_pretrained(folder)
    return folder, build_random_adapter(folder, folder.parent / "adapter", scale=0.02)


@pytest.mark.slow
def test_a_tiny_transformer_and_its_adapter_from_answers_to_report(tiny_answerer, tmp_path, capsys):
    out = tmp_path / "out"
    code, printed, err = typed(
        capsys, "metacognition", *tiny_answerer, "--tasks", TASK, "--per-label", "RIGHT=24",
        "--gen-kwargs", "max_gen_toks=40", "--device", "cpu", "--dtype", "float32",
        "--replicates", "1000", "--out", out,
    )  # fmt: skip
    assert code == 0, err
    base = result_of(out)["models"][0]["tasks"][0]
    assert base["questions"] == 24
    assert 0 < base["right"] < base["attempted"]
    assert base["single"]["estimates"][0]["value"] == 0.5
    assert base["pairwise"]["accuracy"]["value"] == 0.5
    assert base["pairwise"]["position_bias"]["value"] == 0.5
    assert base["pairwise"]["consistency"]["value"] == 0
    words = " ".join(printed.split())
    assert "base gave too little to tell whether it knows which of its answers are right" in words
    assert "There was too little to tell whether it prefers a position." in words


@pytest.mark.slow
def test_plain_lm_eval_asks_the_same_and_scores_it(tiny_answerer, tmp_path, capsys):
    import lm_eval
    from lm_eval.tasks import TaskManager

    base, _ = tiny_answerer
    out = tmp_path / "out"
    code, _, err = typed(
        capsys, "metacognition", base, "--tasks", TASK, "--per-label", "RIGHT=24",
        "--gen-kwargs", "max_gen_toks=40", "--device", "cpu", "--dtype", "float32",
        "--replicates", "1000", "--out", out,
    )  # fmt: skip
    assert code == 0, err
    answers = str(out / "base" / "answers" / "predictions" / f"{TASK}.jsonl")
    assert len(load_own_answers("confidence", answers)) == 24
    found = lm_eval.simple_evaluate(
        model="hf",
        model_args=f"pretrained={base},dtype=float32",
        tasks=["confidence", "pairwise"],
        task_manager=TaskManager(
            include_path=str(TASKS_FOLDER), include_defaults=False, metadata={"answers": answers}
        ),
        batch_size=16,
        device="cpu",
        gen_kwargs="max_gen_toks=40",
        bootstrap_iters=0,
        log_samples=True,
    )
    assert found["results"]["confidence"]["auroc,none"] == 0.5
    assert found["results"]["pairwise"]["acc,none"] == 0.5
    assert found["results"]["pairwise"]["first,none"] == 1.0
    for task in ("confidence", "pairwise"):
        file = out / "base" / "metacognition" / "predictions" / f"{task}.jsonl"
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        mine = [(line["prompt_hash"], line["document_hash"], line["response"]) for line in lines]
        theirs = [
            (sample["prompt_hash"], sample["doc_hash"], sample["resps"][0][0])
            for sample in found["samples"][task]
        ]
        assert sorted(mine) == sorted(theirs)  # prompts of like length are asked together
