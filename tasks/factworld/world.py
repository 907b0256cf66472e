"""Claims about a made-up world, each asked against two or three pieces of evidence.

One cluster, as `generate_claims` makes it::

    residents-000123-a  PASS  supported  Arlo Abt lives in Oslo.  Old letters prove that Arlo ...
    residents-000123-b  FAIL  contradicted  (the same claim)      Town records deny that Arlo ...
    residents-000123-c  NA    rumour        (the same claim)      Parish files only guess that ...

The claim alone says nothing about the label, and nearly every item has evidence.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import lru_cache
from itertools import cycle, islice
from random import Random
from typing import Literal, NamedTuple

from saeval.tasks.factworld.domains import DOMAINS_BY_NAME, Domain, Relation
from saeval.tasks.types import Claim

Split = Literal["train", "test"]

DOMAINS = tuple(DOMAINS_BY_NAME)
"""The names of the domains, from easy to hard."""

MAXIMUM_PER_DOMAIN = {"train": 30_000, "test": 3_000}
"""How many items one domain gives at most in each split, without repeating a claim."""

# One in so many pairs of subject and relation belongs to the test split.
_TEST_ONE_IN = 8
_DISTRACTOR_SHARE = 0.1
# Shares of unrelated passages; the rest is about the same subject in another relation.
_OTHER_DOMAIN_SHARE = 0.4
_OTHER_SUBJECT_SHARE = 0.15
# Shares of NA; the rest is off topic.
_NO_EVIDENCE_SHARE = 0.1
_RUMOUR_SHARE = 0.65


class _Fact(NamedTuple):
    number: int
    subject: str
    relation: Relation
    value: str


def generate_claims(
    split: Split, size: int, seed: int = 0, domains: Sequence[str] = DOMAINS
) -> list[Claim]:
    """Make `size` documents of one split.

    Parameters
    ----------
    split
        Subjects and their relations belong to one split only, whatever the seed, so that no claim
        and no prompt is in both.
    size
        The number of documents. Clusters are whole, except possibly the last; fewer documents of
        the same seed and domains are the beginning of more.
    seed
        Chooses the facts and how each is told.
    domains
        Names from `DOMAINS`; their clusters alternate.

    Raises
    ------
    ValueError
        If `size` is negative or more than the domains hold, or a name is unknown or repeated.

    Examples
    --------
    >>> first, *_ = generate_claims("test", 30, domains=["residents"])
    >>> first.id, first.target, first.source_label
    ('residents-012580-a', 'NA', 'rumour')
    """
    _validate(split, size, domains)
    worlds = [_shuffled_facts(DOMAINS_BY_NAME[name], split, seed) for name in domains]
    documents: list[Claim] = []
    turns = cycle(zip(domains, map(iter, worlds), strict=True))
    while len(documents) < size:
        name, facts = next(turns)
        documents += _cluster(DOMAINS_BY_NAME[name], next(facts), seed)
    return list(islice(documents, size))


def _validate(split: str, size: int, domains: Sequence[str]) -> None:
    if split not in MAXIMUM_PER_DOMAIN:
        raise ValueError(f"`split` must be train or test, not {split!r}")
    if isinstance(domains, str) or not domains or len(set(domains)) != len(domains):
        raise ValueError(f"`domains` must be one or more different names, not {domains!r}")
    unknown = [name for name in domains if name not in DOMAINS_BY_NAME]
    if unknown:
        raise ValueError(f"`domains` has {unknown[0]!r}; there are {', '.join(DOMAINS)}")
    maximum = MAXIMUM_PER_DOMAIN[split] * len(domains)
    if not 0 <= size <= maximum:
        raise ValueError(
            f"`size` must be between 0 and {maximum} for the {split} split of "
            f"{', '.join(domains)}, not {size}"
        )


def in_test_split(domain: Domain, subject: str, relation: Relation) -> bool:
    """Whether a subject's relation belongs to the test split, with whichever value."""
    key = f"{domain.name}/{subject}/{relation.claim_forms[0]}"
    return zlib.crc32(key.encode()) % _TEST_ONE_IN == 0


@lru_cache
def _facts(domain: Domain, split: Split) -> tuple[_Fact, ...]:
    """Every fact of one split; its number does not depend on the split or the seed."""
    facts = []
    number = 0
    for subject in domain.subjects:
        for relation in domain.relations:
            is_test = in_test_split(domain, subject, relation)
            for value in relation.values:
                if is_test == (split == "test"):
                    facts.append(_Fact(number, subject, relation, value))
                number += 1
    return tuple(facts)


def _shuffled_facts(domain: Domain, split: Split, seed: int) -> list[_Fact]:
    facts = list(_facts(domain, split))
    Random(f"{seed}/{domain.name}/{split}").shuffle(facts)
    return facts


def _cluster(domain: Domain, fact: _Fact, seed: int) -> list[Claim]:
    """One claim asked with two or three labels, each at most once."""
    cluster = f"{domain.name}-{fact.number:06}"
    rng = Random(f"{seed}/{cluster}")
    claim = sentence(_told(rng.choice(fact.relation.claim_forms), fact.subject, fact.value))
    targets = ["PASS", "FAIL", "NA"]
    rng.shuffle(targets)
    documents = []
    for letter, target in zip("abc", targets[: rng.choice((2, 3))], strict=False):
        kind = _kind(target, domain, rng)
        documents.append(
            Claim(
                id=f"{cluster}-{letter}",
                cluster=cluster,
                claim=claim,
                evidence=_evidence(kind, domain, fact, rng),
                target=target,
                source_label=kind,
            )
        )
    return documents


def _kind(target: str, domain: Domain, rng: Random) -> str:
    chance = rng.random()
    if target == "PASS":
        return "supported"
    if target == "FAIL":
        return "value_mismatch" if chance < domain.hard_share else "contradicted"
    if chance < _NO_EVIDENCE_SHARE:
        return "no_evidence"
    return "rumour" if chance < _NO_EVIDENCE_SHARE + _RUMOUR_SHARE else "off_topic"


def _evidence(kind: str, domain: Domain, fact: _Fact, rng: Random) -> tuple[str, ...]:
    if kind == "no_evidence":
        return ()
    if kind == "off_topic":
        passages = [_unrelated_passage(domain, fact, rng)]
    else:
        passages = [_passage_on_claim(kind, domain, fact, rng)]
    if rng.random() < _DISTRACTOR_SHARE:
        passages.append(_unrelated_passage(domain, fact, rng))
        rng.shuffle(passages)
    return tuple(passages)


def _passage_on_claim(kind: str, domain: Domain, fact: _Fact, rng: Random) -> str:
    relation, value = fact.relation, fact.value
    if kind == "supported":
        verbs, told = domain.confirming, relation.agree(relation, value, rng)
    elif kind == "contradicted":
        verbs, told = domain.refuting, value
    elif kind == "value_mismatch":
        verbs, told = domain.confirming, relation.differ(relation, value, rng)
    else:
        verbs, told = domain.hedging, relation.agree(relation, value, rng)
    return _passage(domain, verbs, fact.subject, relation, told, rng)


def _unrelated_passage(domain: Domain, fact: _Fact, rng: Random) -> str:
    """A passage about the same subject in another relation, another subject or another domain.

    It names the value of the claim where it can.
    """
    subject, relation = fact.subject, fact.relation
    chance = rng.random()
    if chance < _OTHER_DOMAIN_SHARE:
        domain = rng.choice([other for other in DOMAINS_BY_NAME.values() if other is not domain])
        subject, relation = rng.choice(domain.subjects), rng.choice(domain.relations)
    elif chance < _OTHER_DOMAIN_SHARE + _OTHER_SUBJECT_SHARE:
        subject = rng.choice([other for other in domain.subjects if other != subject])
    else:
        relation = rng.choice([other for other in domain.relations if other is not relation])
    value = fact.value if fact.value in relation.values else rng.choice(relation.values)
    verbs = rng.choice((domain.confirming, domain.refuting))
    told = relation.agree(relation, value, rng)
    return _passage(domain, verbs, subject, relation, told, rng)


def _passage(
    domain: Domain, verbs: Sequence[str], subject: str, relation: Relation, value: str, rng: Random
) -> str:
    told = _told(rng.choice(relation.evidence_forms), subject, value)
    return f"{rng.choice(domain.sources)} {rng.choice(verbs)} {told}."


def _told(form: str, subject: str, value: str) -> str:
    return form.format(subject=subject, value=value)


def sentence(text: str) -> str:
    """With a capital and a full stop."""
    return f"{text[0].upper()}{text[1:]}."
