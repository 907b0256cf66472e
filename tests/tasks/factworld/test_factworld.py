"""The made-up world: reproducible, disjoint, balanced, and true to its labels."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections import Counter, defaultdict

import pytest

from saeval.tasks.factworld.world import DOMAINS, MAXIMUM_PER_DOMAIN, Split, generate_claims
from saeval.tasks.format.prompts import write_verification_prompt
from saeval.tasks.types import Claim

TARGET_OF_KIND = {
    "supported": "PASS",
    "contradicted": "FAIL",
    "value_mismatch": "FAIL",
    "rumour": "NA",
    "off_topic": "NA",
    "no_evidence": "NA",
}
# Written again here on purpose, so that a slip in the world's own lists is found.
CONFIRMS = re.compile(r" (confirm|prove|make clear|attest|report) that ")
REFUTES = re.compile(r" (disprove|rule out|deny|reject the idea|dispute) that ")
HEDGES = re.compile(
    r" (leave open whether|only guess that|spread the rumour that|wonder whether|"
    r"could not count whether) "
)


@pytest.fixture(scope="module")
def everything() -> dict[Split, list[Claim]]:
    return {
        "train": generate_claims("train", MAXIMUM_PER_DOMAIN["train"] * len(DOMAINS)),
        "test": generate_claims("test", MAXIMUM_PER_DOMAIN["test"] * len(DOMAINS)),
    }


def normalised(claim: str) -> str:
    return " ".join(re.findall(r"\w+", claim.casefold()))


def fingerprint(documents: list[Claim]) -> str:
    rows = json.dumps([document.as_row() for document in documents])
    return hashlib.sha256(rows.encode()).hexdigest()


def test_another_process_makes_the_same_documents() -> None:
    code = (
        "import hashlib, json; from saeval.tasks.factworld.world import generate_claims;"
        "rows = json.dumps([document.as_row() for document in generate_claims('test', 300, 7)]);"
        "print(hashlib.sha256(rows.encode()).hexdigest())"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert said.strip() == fingerprint(generate_claims("test", 300, 7))


def test_the_world_is_the_one_that_was_published() -> None:
    assert fingerprint(generate_claims("test", 300)) == PUBLISHED


def test_seeds_differ() -> None:
    assert fingerprint(generate_claims("test", 300, 0)) != fingerprint(
        generate_claims("test", 300, 1)
    )


@pytest.mark.parametrize("size", [0, 1, 2, 100])
def test_less_is_the_beginning_of_more(size: int) -> None:
    assert generate_claims("train", size) == generate_claims("train", 200)[:size]


def test_claims_and_prompts_are_in_one_split_only(
    everything: dict[Split, list[Claim]],
) -> None:
    # Another seed draws other facts; the split of a fact must not follow the seed.
    train = everything["train"] + generate_claims("train", 3000, seed=1)
    test = everything["test"] + generate_claims("test", 3000, seed=2)
    for of in (
        lambda document: document.cluster,
        lambda document: normalised(document.claim),
        lambda document: write_verification_prompt(document.as_row()),
    ):
        assert not set(map(of, train)) & set(map(of, test))


@pytest.mark.parametrize("split", ["train", "test"])
def test_nothing_repeats(everything: dict[Split, list[Claim]], split: Split) -> None:
    documents = everything[split]
    assert len({document.id for document in documents}) == len(documents)
    assert len({write_verification_prompt(document.as_row()) for document in documents}) == len(
        documents
    )
    clusters = {document.cluster for document in documents}
    claims = {normalised(document.claim) for document in documents}
    assert len(claims) == len(clusters)


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("split", ["train", "test"])
def test_labels_are_even(split: Split, domain: str) -> None:
    documents = generate_claims(split, 3000, domains=[domain])
    counts = Counter(document.target for document in documents)
    assert all(0.3 < counts[target] / len(documents) < 0.37 for target in ("PASS", "FAIL", "NA"))


def test_a_cluster_is_one_claim_with_different_labels_and_evidence() -> None:
    clusters = defaultdict(list)
    for document in generate_claims("train", 3000):
        assert document.id.rpartition("-")[0] == document.cluster
        clusters[document.cluster].append(document)
    *whole, _last = clusters.values()
    assert {len(cluster) for cluster in whole} == {2, 3}
    for cluster in whole:
        assert len({document.claim for document in cluster}) == 1
        assert len({document.target for document in cluster}) == len(cluster)
        assert len({document.evidence for document in cluster}) == len(cluster)
        assert [document.id[-1] for document in cluster] == list("abc")[: len(cluster)]


def test_domains_alternate() -> None:
    domains = {document.id.partition("-")[0] for document in generate_claims("test", 9)}
    assert domains == set(DOMAINS)


def test_evidence_bears_the_label_out() -> None:
    kinds = Counter()
    for document in generate_claims("test", 3000):
        kind = document.source_label
        kinds[kind] += 1
        assert document.target == TARGET_OF_KIND[kind]
        if kind == "no_evidence":
            assert document.evidence == ()
            continue
        assert 1 <= len(document.evidence) <= 2
        on_claim = [text for text in document.evidence if is_about(document.claim, text)]
        if kind == "off_topic":
            assert on_claim == []
        else:
            (passage,) = on_claim
            assert verdict(document.claim, passage) == document.target
            assert bool(CONFIRMS.search(passage)) == (kind in {"supported", "value_mismatch"})
    assert set(kinds) == set(TARGET_OF_KIND)


WORDINGS = {
    "home": r"(.+) (?:lives in|has a home in) (\w+)|(?!)()()",
    "music": r"(.+) (?:plays|takes lessons on) the (\w+)|(?!)()()",
    "work": r"(.+) (?:works as|earns a living as) a (\w+)|(?!)()()",
    "origin": r"(?:the workshop behind )?(.+) (?:was made|stood) in (\w+)"
    r"|(\w+) is where (.+) began",
    "owner": r"(.+) was (?:owned by|the property of) (\w+)|(\w+) had bought (.+)",
    "hall": r"(?:visitors see )?(.+) (?:is shown )?in the (\w+) hall|the (\w+) hall displays (.+)",
    "people": r"(.+) (?:employs|gives work to) (.+) people|(?!)()()",
    "rooms": r"(.+) (?:has|contains) (.+) rooms|(?!)()()",
    "carts": r"(.+) (?:owns|runs) (.+) carts|(?!)()()",
}


def read(sentence: str) -> tuple[str, str, str]:
    """Relation, subject and value of a claim or of what a passage says."""
    for verb in (CONFIRMS, REFUTES, HEDGES):
        sentence = verb.split(sentence)[-1]
    for relation, wording in WORDINGS.items():
        match = re.fullmatch(wording, sentence.rstrip("."))
        if match:
            subject, value, value_first, subject_last = match.groups()
            subject = (subject or subject_last).removesuffix(" is shown").lower()
            return relation, subject, value or value_first
    raise AssertionError(f"unknown wording: {sentence}")


def is_about(claim: str, passage: str) -> bool:
    return read(claim)[:2] == read(passage)[:2]


def verdict(claim: str, passage: str) -> str:
    claimed, told = read(claim)[2], read(passage)[2]
    if HEDGES.search(passage):
        return "NA"
    agrees = claimed == told
    if told.isdigit():
        comparison, _, bound = claimed.split()
        agrees = int(told) > int(bound) if comparison == "more" else int(told) < int(bound)
    if REFUTES.search(passage):
        assert agrees, "to deny another value settles nothing"
        return "FAIL"
    assert CONFIRMS.search(passage)
    return "PASS" if agrees else "FAIL"


def test_absent_evidence_is_a_poor_shortcut() -> None:
    documents = generate_claims("test", 3000)
    guesses = ["PASS" if document.evidence else "NA" for document in documents]
    right = [guess == document.target for guess, document in zip(guesses, documents, strict=True)]
    assert sum(right) / len(right) < 0.4
    without = [document for document in documents if not document.evidence]
    assert 0.02 < len(without) / len(documents) < 0.05


def test_the_number_of_passages_says_little() -> None:
    shares = {}
    documents = generate_claims("train", 6000)
    for target in ("PASS", "FAIL", "NA"):
        counts = [len(document.evidence) for document in documents if document.target == target]
        shares[target] = counts.count(2) / len(counts)
    assert max(shares.values()) - min(shares.values()) < 0.04


@pytest.mark.parametrize("split", ["train", "test"])
def test_no_more_than_the_maximum(split: Split) -> None:
    maximum = MAXIMUM_PER_DOMAIN[split]
    with pytest.raises(
        ValueError, match=rf"`size` must be between 0 and {maximum} for the {split}"
    ):
        generate_claims(split, maximum + 1, domains=["measures"])


@pytest.mark.parametrize("domains", [[], ["residents", "residents"], "residents", ["moon"]])
def test_domains_are_checked(domains: list[str]) -> None:
    with pytest.raises(ValueError, match="`domains`"):
        generate_claims("test", 1, domains=domains)


def test_split_is_checked() -> None:
    with pytest.raises(ValueError, match="`split` must be train or test, not 'dev'"):
        generate_claims("dev", 1)  # type: ignore[arg-type]


PUBLISHED = "a54f67267396a68f0a3b07e22ed566754321421c1f25addbf709c888819b2578"
