"""A model does not improve on itself: what the gate says of a base and its likeness."""

from __future__ import annotations

import json
import shutil

import pytest
from builders import LABELS, prediction, write_predictions
from command_line import typed
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from saeval.stats import Metric, register_metric
from saeval.stats.metrics.registry import unregister_metric

ASKED = ("--tasks", "factworld", "--limit", "24", "--gen-kwargs", "max_gen_toks=6")
POLICIES = {
    "improve": [{"metric": "accuracy", "must_improve": True}],
    "not worse": [{"metric": "accuracy", "not_worse_by": 0.9}],
    "bound": [
        {"metric": "invalid_rate", "at_most": 0.99},
        {"metric": "accuracy", "at_least": 0.01},
    ],
}

SURENESS = Metric(
    name="sureness",
    title="Sureness",
    definition="The largest label probability.",
    kind="mean",
    scale="proportion",
    higher_is_better=True,
    values=lambda pairs, answers: answers.label_probabilities.max(axis=1),
)


@pytest.fixture
def policy(tmp_path):
    def write(rules):
        path = tmp_path / "policy.yaml"
        path.write_text(json.dumps({"rules": rules}))
        return path

    return write


def untrained(base, folder, start):
    model = AutoModelForCausalLM.from_pretrained(base)
    config = LoraConfig(
        r=8, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=start
    )
    get_peft_model(model, config).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("start", ["pissa", "olora", "orthogonal", True])
def test_an_untrained_adapter_passes_no_policy(start, tiny_base, tmp_path, policy, capsys):
    """PiSSA and its like overwrite the base, and then differ from the original by rounding."""
    adapter = untrained(tiny_base, tmp_path / "untrained", start)
    capsys.readouterr()  # of the libraries that made it
    for name, rules in POLICIES.items():
        out = tmp_path / name
        command = ("gate", tiny_base, adapter, *ASKED, "--replicates", "1000", "--out", out)
        code, _, err = typed(capsys, *command, "--policy", policy(rules))
        assert code == 2, err
        assert "untrained: the adapter changes nothing" in err
        assert not (out / "gate.json").exists()


@pytest.fixture
def likeness(tiny_base, tmp_path, capsys):
    """A run of the base, and its copy with every answer made right."""
    base, copy = tmp_path / "base", tmp_path / "copy"
    code, _, err = typed(capsys, "run", tiny_base, *ASKED, "--out", base)
    assert code == 0, err
    shutil.copytree(base, copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest.pop("checksums", None)
    (copy / "manifest.json").write_text(json.dumps(manifest))
    path = copy / "predictions/factworld.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    right = [
        line | {"prediction": line["target"], "status": "answered", "correct": True}
        for line in lines
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in right))
    return base, copy


def gated(capsys, base, checkpoint, policy, out):
    command = ("gate", base, checkpoint, "--policy", policy, "--replicates", "1000", "--out", out)
    typed(capsys, *command)
    return json.loads((out / "gate.json").read_text())


def test_what_cannot_be_told_from_the_base_does_not_improve_whatever_its_answers(
    likeness, tmp_path, policy, capsys
):
    base, copy = likeness
    rules = policy(POLICIES["improve"])
    found = gated(capsys, base, copy, rules, tmp_path / "one")
    assert found["verdict"] == "INCONCLUSIVE"
    assert "the checkpoint is the base as far as can be measured" in found["results"][0]["note"]
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["proof"]["scores"][0][0] += 0.01
    (copy / "manifest.json").write_text(json.dumps(manifest))
    found = gated(capsys, base, copy, rules, tmp_path / "two")
    assert found["verdict"] == "PASS", "answers of another model are all right"


def test_a_checkpoint_with_the_answers_of_the_base_does_not_improve(
    tmp_path, policy, capsys, request
):
    """However much its label probabilities gain, which no reader of its answers sees."""
    rules = policy([{"metric": SURENESS.name, "must_improve": True}])
    register_metric(SURENESS)
    request.addfinalizer(lambda: unregister_metric(SURENESS.name))
    sides = {}
    for name, sure in (("base", 0.5), ("sharper", 0.9)):
        found = []
        for n in range(300):
            one = prediction(n)
            high = sure - 0.2 * sure * (n % 5) / 5
            labels = dict.fromkeys(LABELS, (1 - high) / 2) | {one.target: high}
            found.append(one.model_copy(update={"label_probabilities": labels}))
        sides[name] = tmp_path / f"{name}.jsonl"
        write_predictions(sides[name], found)
    found = gated(capsys, sides["base"], sides["sharper"], rules, tmp_path / "out")
    assert found["verdict"] == "INCONCLUSIVE"
    assert found["results"][0]["note"] == "all 300 answers of the checkpoint are those of the base"
