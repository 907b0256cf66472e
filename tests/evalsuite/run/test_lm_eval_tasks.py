"""lm-eval's tasks, unmodified, asked by our engine: what plain lm_eval gives, to the digit."""

from __future__ import annotations

import json
import math
from copy import deepcopy
from pathlib import Path

import pytest
from command_line import fails, typed
from harness_data import write_harness_data
from tiny_server import TinyServer

import saeval
from saeval.evalsuite.store.lm_eval_scores import HIGHER_IS_BETTER
from saeval.evalsuite.store.manifest import read_manifest
from saeval.evalsuite.store.prediction import read_predictions

FOLDERS = {
    "arc_easy": "arc", "arc_challenge": "arc", "hellaswag": "hellaswag", "piqa": "piqa",
    "boolq": "super_glue/boolq", "copa": "super_glue/copa", "winogrande": "winogrande",
    "sciq": "sciq", "openbookqa": "openbookqa", "mmlu_anatomy": "mmlu/default",
    "truthfulqa_mc1": "truthfulqa", "truthfulqa_mc2": "truthfulqa",
    "lambada_openai": "lambada", "wikitext": "wikitext", "gsm8k": "gsm8k", "triviaqa": "triviaqa",
    "nq_open": "nq_open", "coqa": "coqa",
}  # fmt: skip
"""Tasks of all request types, with several filters, examples and real scores."""
OURS = ("triviaqa", "nq_open")
GENERATION = {"max_gen_toks": 6, "do_sample": False, "temperature": 0.0}
LIMIT = 3


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_harness_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def plain(data, tiny_base, tmp_path_factory):
    """Plain lm_eval's samples, and the folder it writes: it finds data sets below where it runs."""
    import lm_eval.tasks
    from lm_eval.loggers import EvaluationTracker
    from lm_eval.models.huggingface import HFLM

    root = Path(lm_eval.tasks.__file__).parent
    tracker = EvaluationTracker(output_path=str(tmp_path_factory.mktemp("plain")))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(data)
        manager = lm_eval.tasks.TaskManager(
            include_path=[root / folder for folder in sorted(set(FOLDERS.values()))],
            include_defaults=False,
        )
        result = lm_eval.simple_evaluate(
            HFLM(pretrained=str(tiny_base), device="cpu", dtype="float32", batch_size=1),
            tasks=list(FOLDERS),
            task_manager=manager,
            limit=LIMIT,
            gen_kwargs=dict(GENERATION),
            bootstrap_iters=0,
            evaluation_tracker=tracker,
        )
    samples = deepcopy(result["samples"])
    tracker.save_results_aggregated(results=result, samples=result["samples"])
    for name, lines in result["samples"].items():
        tracker.save_results_samples(task_name=name, samples=lines)
    (written,) = Path(tracker.output_path).iterdir()
    return samples, written


@pytest.fixture(scope="module")
def own(data, tiny_base, tmp_path_factory):
    return saeval.run(
        str(tiny_base),
        tasks=[f"lm_eval:{name}" if name in OURS else name for name in FOLDERS],
        data_dir=data,
        limit=LIMIT,
        generation=GENERATION,
        batch_size=1,
        out=tmp_path_factory.mktemp("own") / "run",
    )


def expected(sample) -> dict[str, float]:
    """The numbers of a sample of lm-eval by the names of our scores."""
    suffix = "" if sample["filter"] == "none" else f",{sample['filter']}"
    found = {}
    for metric in sample["metrics"]:
        value = sample[metric]
        if metric == "perplexity":
            found[f"log_perplexity{suffix}"] = -value
        elif metric in ("word_perplexity", "byte_perplexity"):
            found[f"log_{metric}{suffix}"] = -value[0] / value[1]
        elif metric == "bits_per_byte":
            found[metric + suffix] = -value[0] / value[1] / math.log(2)
        else:
            found[metric + suffix] = float(value)
    return found


@pytest.mark.parametrize("name", FOLDERS)
def test_scores_and_hashes_are_those_of_plain_lm_eval(plain, own, name):
    theirs: dict[str, dict[str, float]] = {}
    for sample in plain[0][name]:
        theirs.setdefault(str(sample["doc_id"]), {}).update(expected(sample))
    ours = own.predictions[name]
    assert {item: dict.fromkeys(scores) for item, scores in theirs.items()} == {
        key[0]: dict.fromkeys(prediction.scores) for key, prediction in ours.items()
    }
    assert theirs == {
        key[0]: {score: found.value for score, found in prediction.scores.items()}
        for key, prediction in ours.items()
    }
    assert len(theirs) == LIMIT
    for sample in plain[0][name]:
        prediction = ours[str(sample["doc_id"]), 0]
        for field in ("doc_hash", "prompt_hash", "target_hash"):
            assert getattr(prediction, field.replace("doc_", "document_")) == sample[field]


def test_samples_that_plain_lm_eval_wrote_are_read_as_our_own_answers(plain, own):
    """Other lines say the same but for what a log does not hold: the question without examples."""
    read = saeval.read_predictions(plain[1])
    assert set(read.predictions) == set(FOLDERS)
    for name, ours in own.predictions.items():
        theirs = read.predictions[name]
        assert theirs.keys() == ours.keys()
        for key, prediction in ours.items():
            other = theirs[key]
            for field in (
                "prediction", "status", "answer", "confidence", "confidence_normalised", "scores",
                "document_hash", "prompt_hash", "target_hash",
            ):  # fmt: skip
                assert getattr(other, field) == getattr(prediction, field), (name, key, field)
    assert saeval.compare(plain[1], own, n_resamples=1000)["gsm8k"].items == LIMIT


def test_the_probability_of_a_choice_is_that_of_a_computation_by_hand(own):
    for (item, _), prediction in own.predictions["arc_easy"].items():
        values = json.loads(prediction.response)
        texts = [str(2 * int(item)), "a lot", "nothing", f"{item} apples"]
        shares = [math.exp(v) for v in values]
        assert prediction.confidence == pytest.approx(max(shares) / sum(shares))
        lengths = [math.exp(v / len(t)) for v, t in zip(values, texts, strict=True)]
        assert prediction.confidence_normalised == pytest.approx(max(lengths) / sum(lengths))
        assert prediction.answer == texts[values.index(max(values))]


def test_a_group_is_compared_for_base_and_adapter_and_goes_on_where_it_was_killed(
    data, tiny_base, tiny_adapter, tmp_path, capsys
):
    """A YAML file of a user's names the group; examples come from its own code."""
    folder = tmp_path / "tasks"
    folder.mkdir()
    (folder / "mine.yaml").write_text(
        "group: mine\ntask:\n  - counted\n  - sciq\nmetadata:\n  version: 1\n"
    )
    (folder / "counted.yaml").write_text(
        "task: counted\ndataset_path: openai/gsm8k\ndataset_name: main\n"
        "output_type: generate_until\ntest_split: test\nfewshot_split: train\n"
        "doc_to_text: !function code.ask\ndoc_to_target: '{{answer}}'\n"
        "generation_kwargs:\n  until: []\n  max_gen_toks: 6\nrepeats: 3\n"
        "filter_list:\n  - name: maj@3\n    filter:\n"
        "      - function: majority_vote\n      - function: take_first\n"
        "metric_list:\n  - metric: exact_match\n    aggregation: mean\n    higher_is_better: true\n"
    )
    (folder / "code.py").write_text("def ask(doc):\n    return 'Q: ' + doc['question']\n")
    out = tmp_path / "out"
    command = (
        "compare", tiny_base, tiny_adapter, "--tasks", "mine", "--include_path", folder,
        "--num_fewshot", 2, "--data-dir", data, "--limit", 6, "--batch-size", 2, "--out", out,
        "--replicates", 1000,
    )  # fmt: skip
    code, _, err = typed(capsys, *command)
    assert code == 0, err
    manifest = read_manifest(out / "base")
    assert {name: facts.num_fewshot for name, facts in manifest.tasks.items()} == {
        "counted": 2, "sciq": 2,
    }  # fmt: skip
    whole = {path: path.read_bytes() for path in out.glob("*/predictions/*.jsonl")}
    assert len(whole) == 4
    assert all(b'"group": "mine"' in content for content in whole.values())
    for answer in read_predictions(out / "base" / "predictions" / "counted.jsonl"):
        assert list(answer.scores) == ["exact_match,maj@3"]
        assert len(json.loads(answer.response)) == 3
    for path, content in whole.items():
        path.write_bytes(b"".join(content.splitlines(keepends=True)[:3])[:-20])
    assert typed(capsys, *command)[0] == 0
    assert {path: path.read_bytes() for path in whole} == whole
    message = fails(capsys, *command, "--num_fewshot", 3)
    assert "holds another run" in message
    assert "num_fewshot" in message


def test_a_server_gives_the_same_where_it_can_and_is_not_asked_where_it_cannot(
    own, data, tiny_base, tmp_path, capsys
):
    with TinyServer({"base": (tiny_base, None)}) as server:
        asked = saeval.run(
            f"{server.url}#base", tasks=["boolq", "lambada_openai", "gsm8k"], data_dir=data,
            limit=LIMIT, generation=GENERATION, num_fewshot=0, out=tmp_path / "run",
        )  # fmt: skip
        said = fails(
            capsys, "run", f"{server.url}#base", "--tasks", "wikitext", "--data-dir", data,
            "--limit", 1, "--out", tmp_path / "rolling",
        )  # fmt: skip
    for name in ("boolq", "lambada_openai"):
        for key, prediction in asked.predictions[name].items():
            ours = own.predictions[name][key]
            assert prediction.scores["acc"] == ours.scores["acc"]
            assert prediction.prompt_hash == ours.prompt_hash
            assert prediction.confidence == pytest.approx(ours.confidence, abs=1e-4)
    assert len(asked.predictions["gsm8k"]) == LIMIT
    assert "task wikitext: asks how likely whole texts are, which a server is not asked" in said


CODE = "task: t\ndataset_path: json\ntest_split: test\noutput_type: generate_until\n"
TRUSTING = "dataset_kwargs:\n  trust_remote_code: true\n"
REFUSED = {
    "code without its folder": (CODE + "doc_to_text: !function code.ask\n", "--include_path"),
    "code by another spelling": (CODE + "doc_to_text: !<!function> code.ask\n", "--include_path"),
    "a template that reaches for Python": (
        CODE + "dataset_kwargs:\n  data_files: {test: DATA}\ndoc_to_target: x\n"
        "doc_to_text: \"{{ cycler.__init__.__globals__.os.mkdir('made') }}\"\n",
        "SecurityError",
    ),
    "code that the model writes": (CODE + "unsafe_code: true\n", "unsafe_code"),
    "code of the data set": (CODE + TRUSTING, "trust_remote_code"),
    "code of a metric": (
        CODE + "metric_list:\n  - metric: accuracy\n    hf_evaluate: true\n",
        "downloads code and runs it",
    ),
    "no task": ("a: 1\n", "not a task that lm-eval can read: Unknown config shape"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_code_of_strangers_is_refused_in_one_sentence(
    case, data, tiny_base, tmp_path, capsys, monkeypatch
):
    content, message = REFUSED[case]
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "t.yaml"
    file.write_text(content.replace("DATA", str(data / "openai/gsm8k/main/test.jsonl")))
    (tmp_path / "code.py").write_text("import os\nos.mkdir('made')\n")
    said = fails(capsys, "run", tiny_base, "--tasks", file, "--out", tmp_path / "out")
    assert message in said
    assert not (tmp_path / "made").exists()
    assert not (tmp_path / "out").exists()


def test_code_outside_the_named_folder_is_refused_too(data, tiny_base, tmp_path, capsys):
    (tmp_path / "tasks").mkdir()
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'made')!r}, 'w')\n")
    (tmp_path / "tasks" / "t.yaml").write_text(
        CODE + f"doc_to_text: !function {tmp_path}/evil.ask\n"
    )
    said = fails(
        capsys, "run", tiny_base, "--tasks", "t", "--include_path", tmp_path / "tasks", "--out",
        tmp_path / "out",
    )  # fmt: skip
    assert "lies in no folder given by --include_path" in said
    assert not (tmp_path / "made").exists()


def test_settings_of_lm_evals_tasks_are_refused_where_they_have_no_effect(tiny_base, capsys):
    said = fails(capsys, "run", tiny_base, "--tasks", "factworld", "--include_path", ".")
    assert "--include-path: has no effect on saeval's own tasks" in said
    said = fails(capsys, "run", tiny_base, "--tasks", "arc_eazy")
    multiturn = fails(capsys, "run", tiny_base, "--tasks", "arc_easy", "--fewshot_as_multiturn")
    assert "has no effect without --apply-chat-template" in multiturn
    assert "'arc_eazy'" in said
    assert "arc_easy" in said


def test_directions_are_those_that_lm_eval_registers():
    import lm_eval.api.metrics  # noqa: F401  (registers them)
    from lm_eval.api.registry import higher_is_better_registry

    theirs = {name: higher_is_better_registry.get(name) for name in HIGHER_IS_BETTER}
    assert theirs == HIGHER_IS_BETTER
