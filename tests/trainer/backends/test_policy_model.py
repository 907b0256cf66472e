"""What the policy is asked in the middle of its training, against the slow way to the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from saeval.errors import BackendError
from saeval.tasks.factworld.world import generate_claims
from saeval.tasks.format.prompts import write_verification_prompt
from saeval.tasks.types import VERIFICATION_LABELS
from saeval.trainer.backends.policy_model import PolicyModel

PROMPTS = [write_verification_prompt(document.as_row()) for document in generate_claims("test", 9)]


@pytest.fixture(scope="module")
def model(answering_base: Path):
    return AutoModelForCausalLM.from_pretrained(answering_base)


@pytest.fixture
def tokenizer(answering_base: Path):
    return AutoTokenizer.from_pretrained(answering_base)


def log_probability(model, ids: list[int], count: int) -> float:
    """Of the last `count` tokens, without padding."""
    with torch.no_grad():
        scores = model(torch.tensor([ids])).logits[0].log_softmax(-1)
    return sum(scores[place - 1, ids[place]].item() for place in range(-count, 0))


def brute_force(model, tokenizer, prompt: str) -> dict[str, float]:
    values = []
    for label in VERIFICATION_LABELS.names:
        ids = tokenizer(label).input_ids
        values.append(
            log_probability(model, tokenizer(prompt + "LABEL=").input_ids + ids, len(ids))
        )
    return dict(
        zip(VERIFICATION_LABELS.names, torch.tensor(values).softmax(-1).tolist(), strict=True)
    )


def test_probed_probabilities_equal_brute_force(model, tokenizer) -> None:
    probed = PolicyModel(model, tokenizer, batch_size=4).label_probabilities(PROMPTS)
    for prompt, found in zip(PROMPTS, probed, strict=True):
        assert found == pytest.approx(brute_force(model, tokenizer, prompt), abs=1e-5)
        assert sum(found.values()) == pytest.approx(1)


def spelt_out(tokenizer):
    """The same tokenizer without the merges that make a label one token."""
    import json

    from tokenizers import Tokenizer

    content = json.loads(tokenizer.backend_tokenizer.to_str())
    labels = {label for label in VERIFICATION_LABELS.names}
    content["model"]["merges"] = [
        pair for pair in content["model"]["merges"] if "".join(pair) not in labels
    ]
    tokenizer._tokenizer = Tokenizer.from_str(json.dumps(content))
    return tokenizer


def test_labels_of_several_tokens_equal_brute_force(model, tokenizer) -> None:
    tokenizer = spelt_out(tokenizer)
    assert [len(tokenizer(label).input_ids) for label in VERIFICATION_LABELS.names] != [1, 1, 1]
    probed = PolicyModel(model, tokenizer, batch_size=4).label_probabilities(PROMPTS)
    for prompt, found in zip(PROMPTS, probed, strict=True):
        assert found == pytest.approx(brute_force(model, tokenizer, prompt), abs=1e-5)


def test_a_label_that_grows_together_with_its_prefix_is_refused(model, tokenizer) -> None:
    tokenizer.add_tokens("=PASS")
    with pytest.raises(BackendError, match="LABEL=PASS is read as other tokens"):
        PolicyModel(model, tokenizer, batch_size=4).label_probabilities(PROMPTS)


def test_likelihoods_equal_brute_force(model, tokenizer) -> None:
    completions = [
        tokenizer(f"LABEL={label}\nCONF=0.{number}").input_ids[: 3 + number]
        for number, label in enumerate(
            (*VERIFICATION_LABELS.names, *VERIFICATION_LABELS.names, *VERIFICATION_LABELS.names)
        )
    ]
    found = PolicyModel(model, tokenizer, batch_size=4).log_likelihoods(PROMPTS, completions)
    for prompt, completion, value in zip(PROMPTS, completions, found, strict=True):
        ids = tokenizer(prompt).input_ids + completion
        assert value == pytest.approx(log_probability(model, ids, len(completion)), abs=1e-4)


def test_responses_do_not_depend_on_the_batch(model, tokenizer) -> None:
    alone = PolicyModel(model, tokenizer, batch_size=1).generate_responses(PROMPTS, 12)
    assert PolicyModel(model, tokenizer, batch_size=9).generate_responses(PROMPTS, 12) == alone
    assert all(response.startswith("LABEL=") for response in alone)


@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_left_as_it_was(model, tokenizer, training: bool) -> None:
    model.train(training)
    state = torch.get_rng_state()
    policy = PolicyModel(model, tokenizer, batch_size=4)
    policy.label_probabilities(PROMPTS)
    policy.generate_responses(PROMPTS[:2], 4)
    assert model.training is training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(torch.get_rng_state(), state)


def test_messages_go_through_the_chat_template(model, tokenizer) -> None:
    policy = PolicyModel(model, tokenizer, batch_size=4)
    asked = [[{"role": "user", "content": prompt}] for prompt in PROMPTS]
    # The tiny model's template adds nothing.
    assert policy.label_probabilities(asked) == policy.label_probabilities(PROMPTS)
