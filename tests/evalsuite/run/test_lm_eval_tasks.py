"""lm-eval's tasks, unmodified, asked by our engine: what plain lm_eval gives, to the digit."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from harness_data import write_harness_data

import saeval

pytestmark = pytest.mark.xdist_group("tiny-models")

FOLDERS = {
    "arc_easy": "arc", "arc_challenge": "arc", "hellaswag": "hellaswag", "piqa": "piqa",
    "boolq": "super_glue/boolq", "copa": "super_glue/copa", "winogrande": "winogrande",
    "sciq": "sciq", "openbookqa": "openbookqa", "mmlu_anatomy": "mmlu/default",
    "truthfulqa_mc1": "truthfulqa", "truthfulqa_mc2": "truthfulqa",
    "lambada_openai": "lambada", "wikitext": "wikitext", "gsm8k": "gsm8k", "triviaqa": "triviaqa",
    "nq_open": "nq_open", "coqa": "coqa", "gsm8k_cot_self_consistency": "gsm8k",
}  # fmt: skip
"""Tasks of all request types, with several filters, examples, repeats and real scores."""
OURS = ("triviaqa", "nq_open")
GENERATION = {"max_gen_toks": 6, "do_sample": False, "temperature": 0.0}
LIMIT = 4


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_harness_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def plain(data, tiny_base):
    """Samples of plain lm_eval: it finds data sets in folders below that where it runs."""
    import lm_eval.tasks
    from lm_eval.models.huggingface import HFLM

    root = Path(lm_eval.tasks.__file__).parent
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
        )
    return result["samples"]


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
    for sample in plain[name]:
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
    for sample in plain[name]:
        prediction = ours[str(sample["doc_id"]), 0]
        for field in ("doc_hash", "prompt_hash", "target_hash"):
            assert getattr(prediction, field.replace("doc_", "document_")) == sample[field]
