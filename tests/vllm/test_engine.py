"""The engine beside transformers and peft: base and adapters, mixed and apart, greedy and drawn."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import pytest
from settings_vllm import ASKED, ON_TRANSFORMERS, ON_VLLM, local, probes

pytest.importorskip("vllm")

from saeval.errors import ModelError
from saeval.evalsuite.engines.adapter_check import check_adapter_applied
from saeval.evalsuite.engines.huggingface import TransformersEngine
from saeval.evalsuite.engines.vllm import VLLMEngine
from saeval.evalsuite.run.tasks import build_request


@pytest.fixture(scope="module")
def vllm_engine(models):
    base, adapters = models
    engine = VLLMEngine(local(base), adapters, ON_VLLM)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def expected(models, factworld):
    """By transformers and peft, for base and each adapter."""
    base, adapters = models
    engine = TransformersEngine(local(base), adapters, ON_TRANSFORMERS)
    found = {None: ask(engine, factworld, [None])[None]}
    for adapter in adapters:
        found |= ask(engine, factworld, [adapter])
    engine.close()
    return found


def ask(engine, task, adapters, asked=ASKED):
    """All documents to base and adapters in one batch; texts and log-probabilities by adapter."""
    requests = [
        build_request(task, index, engine, asked, adapter)
        for index in range(len(task.documents))
        for adapter in adapters
    ]
    assert {id(q) for q in engine.answer(requests)} == {id(q) for q in requests}
    return {
        adapter: [
            ([text(g) for g in q.generations], [r.resps[0][0] for r in q.loglikelihoods])
            for q in requests
            if q.adapter == adapter
        ]
        for adapter in adapters
    }


def text(generation):
    """Without the bytes of an unfinished character, which only transformers shows."""
    return generation.resps[0].rstrip("\N{REPLACEMENT CHARACTER}")


def assert_same(found, wanted):
    for (texts, scores), (texts_wanted, scores_wanted) in zip(found, wanted, strict=True):
        assert texts == texts_wanted
        assert scores == pytest.approx(scores_wanted, abs=1e-4)


def test_base_and_adapters_in_one_batch_and_apart_answer_as_transformers_and_peft(
    vllm_engine, models, factworld, expected
):
    who = [None, *models[1]]
    assert len({str(expected[adapter]) for adapter in who}) == 3
    mixed = ask(vllm_engine, factworld, who)
    apart = {adapter: ask(vllm_engine, factworld, [adapter])[adapter] for adapter in who}
    for adapter in who:
        assert_same(mixed[adapter], expected[adapter])
        assert_same(apart[adapter], expected[adapter])


def test_labels_of_several_tokens_that_share_a_beginning(vllm_engine, models, factworld):
    labels = ("PASS", "PASSED BY", "NA", "NADA", "quite another answer")
    base, adapters = models
    engines = [vllm_engine, TransformersEngine(local(base), adapters, ON_TRANSFORMERS)]
    found = []
    for engine in engines:
        request = build_request(factworld, 0, engine, ASKED, adapters[0])
        loglikelihoods = []
        for label in labels:
            instance = deepcopy(request.loglikelihoods[0])
            instance.arguments = (instance.arguments[0], label)
            loglikelihoods.append(instance)
        request = replace(request, generations=[], seeds=[], loglikelihoods=loglikelihoods)
        list(engine.answer([request]))
        found.append([instance.resps[0][0] for instance in request.loglikelihoods])
    assert max(len(vllm_engine.lm.tok_encode(label)) for label in labels) > 3
    assert found[0] == pytest.approx(found[1], abs=1e-4)


def test_labels_beside_an_answer_are_those_scored_alone_and_read_little_anew(
    vllm_engine, factworld, monkeypatch
):
    labels = ("PASS", "PASSED BY", "NA", "NADA", "quite another answer")
    alone, beside = [], []
    for index in range(8):
        request = build_request(factworld, index, vllm_engine, ASKED)
        instances = []
        for label in labels:
            instance = deepcopy(request.loglikelihoods[0])
            instance.arguments = (instance.arguments[0], label)
            instances.append(instance)
        beside.append(replace(request, loglikelihoods=instances))
        alone.append(replace(request, generations=[], seeds=[], loglikelihoods=deepcopy(instances)))
    vllm_engine.lm.model.reset_prefix_cache()
    list(vllm_engine.answer(alone))
    finished = []
    step = vllm_engine._engine.step

    def watched():
        outputs = step()
        finished.extend(output for output in outputs if output.finished)
        return outputs

    monkeypatch.setattr(vllm_engine._engine, "step", watched)
    vllm_engine.lm.model.reset_prefix_cache()
    list(vllm_engine.answer(beside))
    for one, other in zip(alone, beside, strict=True):
        assert [own.resps[0][0] for own in other.loglikelihoods] == pytest.approx(
            [own.resps[0][0] for own in one.loglikelihoods], abs=1e-5
        )
        likeliest = [own.resps[0][1] for own in other.loglikelihoods]
        assert all(
            mine in (theirs.resps[0][1], None)
            for mine, theirs in zip(likeliest, one.loglikelihoods, strict=True)
        )
    scored = [output for output in finished if output.outputs[0].logprobs]
    prefixes = {tuple(output.prompt_token_ids) for output in scored}
    assert len(scored) == len(prefixes), "no prefix is read twice"
    block, longest = 32, max(len(vllm_engine.lm.tok_encode(label)) for label in labels)
    for output in scored:
        read = len(output.prompt_token_ids) - output.num_cached_tokens
        assert read <= block + longest, "all but the last block comes from the cache"


def test_drawn_samples_come_again_and_differ_from_each_other(vllm_engine, factworld):
    asked = replace(
        ASKED, samples=3, generation={"max_gen_toks": 8, "do_sample": True, "temperature": 1.0}
    )
    task = replace(factworld, documents=factworld.documents[:6])
    task.harness_task.set_config("generation_kwargs", asked.generation, update=True)
    first, again = (ask(vllm_engine, task, [None], asked)[None] for _ in range(2))
    task.harness_task.set_config("generation_kwargs", {"do_sample": False}, update=True)
    assert [texts for texts, _ in first] == [texts for texts, _ in again]
    assert any(len(set(texts)) == 3 for texts, _ in first)


def test_the_proof_passes_for_sound_adapters(vllm_engine, models, factworld):
    check_adapter_applied(vllm_engine, models[1], probes(vllm_engine, factworld), "float32")


def test_settings_that_it_cannot_read_are_one_sentence(vllm_engine, factworld):
    request = build_request(factworld, 0, vllm_engine, ASKED)
    request.generations[0].arguments = (request.generations[0].args[0], {"temperature": -3.0})
    with pytest.raises(ModelError, match="cannot answer with these settings"):
        list(vllm_engine.answer([request]))


def test_a_prompt_that_is_too_long_is_cut_and_counted(vllm_engine, factworld):
    request = build_request(factworld, 0, vllm_engine, ASKED)
    prompt, settings = request.generations[0].args
    request.generations[0].arguments = (prompt * 40, settings)
    list(vllm_engine.answer([request]))
    assert request.truncated
