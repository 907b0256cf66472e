"""What the three domains speak about, and in which words.

A fact is a subject, a relation and a value; a passage is a source, a verb and the fact's wording::

    Town records disprove that Arlo Venn lives in Oslo.
    ------------ ------------- ------------------------
    source       verb          wording

The verb tells whether the passage confirms, refutes or only guesses; every source takes every
verb, so the source gives nothing away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from random import Random

Restatement = Callable[["Relation", str, Random], str]


@dataclass(frozen=True)
class Relation:
    """What can be said of a subject; a subject has one value for each relation.

    Attributes
    ----------
    claim_forms, evidence_forms
        Wordings with the fields ``{subject}`` and ``{value}``, as a claim and as evidence put it.
    values
        The values that claims name.
    question
        A question for the value, with the field ``{subject}``.
    agree, differ
        A value for evidence that settles the claim's value as right, or as wrong.
    """

    claim_forms: tuple[str, ...]
    evidence_forms: tuple[str, ...]
    values: tuple[str, ...]
    question: str
    agree: Restatement
    differ: Restatement


@dataclass(frozen=True)
class Domain:
    """One part of the world with its own vocabulary.

    Attributes
    ----------
    hard_share
        The share of FAIL that must be found by comparing values rather than by the verb.
    """

    name: str
    subjects: tuple[str, ...]
    relations: tuple[Relation, ...]
    sources: tuple[str, ...]
    confirming: tuple[str, ...]
    refuting: tuple[str, ...]
    hedging: tuple[str, ...]
    hard_share: float


# Verbs that every domain has beside its own.
_CONFIRMING = ("confirm that", "prove that")
_REFUTING = ("disprove that", "rule out that")
_HEDGING = ("leave open whether", "only guess that")


def _same(relation: Relation, value: str, rng: Random) -> str:
    return value


def _other(relation: Relation, value: str, rng: Random) -> str:
    return rng.choice([other for other in relation.values if other != value])


def _named(
    question: str, claim_forms: tuple[str, ...], evidence_forms: tuple[str, ...], values: str
) -> Relation:
    return Relation(claim_forms, evidence_forms, tuple(values.split()), question, _same, _other)


_BOUNDS = tuple(
    f"{comparison} than {bound}"
    for comparison, bound in product(("more", "fewer"), range(20, 90, 10))
)


def _inside(relation: Relation, value: str, rng: Random) -> str:
    """The bound itself, or a number that meets it."""
    return value if rng.random() < 0.5 else str(_number(value, rng, meets=True))


def _outside(relation: Relation, value: str, rng: Random) -> str:
    return str(_number(value, rng, meets=False))


def _number(value: str, rng: Random, *, meets: bool) -> int:
    comparison, _, bound = value.split()
    above = (comparison == "more") == meets
    return rng.randint(int(bound) + 1, 99) if above else rng.randint(10, int(bound) - 1)


def _counted(question: str, before: str, after: str) -> Relation:
    forms = tuple(f"{{subject}} {verb} {{value}} {after}" for verb in before.split("/"))
    return Relation(forms[:1], forms, _BOUNDS, question, _inside, _outside)


def _pairs(first: str, second: str, pattern: str) -> tuple[str, ...]:
    return tuple(pattern.format(*pair) for pair in product(first.split(), second.split()))


_CITIES = "Oslo Lima Rome Cairo Delhi Quito Paris Tokyo Dublin Havana"

_LIVES = ("{subject} lives in {value}", "{subject} has a home in {value}")
_PLAYS = ("{subject} plays the {value}", "{subject} takes lessons on the {value}")
_WORKS = ("{subject} works as a {value}", "{subject} earns a living as a {value}")

RESIDENTS = Domain(
    name="residents",
    subjects=_pairs(
        "Arlo Bexa Cato Dimi Elva Fenn Gita Hugo Iris Jora Kato Lumi Mira Nils Orla Pavo Quin Runa "
        "Sven Tova Ulla Vito Wren Xenia Yara Zeno Anja Bram Cleo Dara",
        "Abt Bell Cole Dorn Eck Ford Gray Holt Ives Jung Kerr Lang Moss Nash Orr Penn Reed Shaw "
        "Tate Venn Webb York Zorn Ames Boyd Cruz Dale Enz Frey Gale",
        "{} {}",
    ),
    relations=(
        _named("Where does {subject} live?", _LIVES, _LIVES, _CITIES),
        _named(
            "Which instrument does {subject} play?",
            _PLAYS,
            _PLAYS,
            "violin cello piano guitar trumpet tuba oboe banjo organ bassoon",
        ),
        _named(
            "What does {subject} work as?",
            _WORKS,
            _WORKS,
            "baker pilot judge nurse miner barber farmer tailor porter waiter",
        ),
    ),
    sources=("Town records", "Old letters", "Parish files"),
    confirming=(*_CONFIRMING, "make clear that"),
    refuting=(*_REFUTING, "deny that"),
    hedging=(*_HEDGING, "spread the rumour that"),
    hard_share=0.2,
)

# Here evidence never repeats the wording of the claim.
COLLECTIONS = Domain(
    name="collections",
    subjects=_pairs(
        "copper marble walnut silver amber ivory cedar velvet jade brass iron pearl oak coral "
        "ebony linen bronze glass wicker onyx pewter quartz ash birch crystal steel satin pine "
        "clay gold",
        "lantern clock mirror saddle helmet flute globe casket throne anchor bell shield lamp "
        "drum harp comb vase mask crown ring",
        "the {} {}",
    ),
    relations=(
        _named(
            "Where was {subject} made?",
            ("{subject} was made in {value}",),
            ("the workshop behind {subject} stood in {value}", "{value} is where {subject} began"),
            "Ghent Murano Meissen Toledo Kyoto Isfahan Delft Fez Bruges Lucca",
        ),
        _named(
            "Who owned {subject}?",
            ("{subject} was owned by {value}",),
            ("{subject} was the property of {value}", "{value} had bought {subject}"),
            "Medici Fugger Rothschild Esterhazy Habsburg Orsini Borgia Welser Sforza Tudor",
        ),
        _named(
            "In which hall is {subject} shown?",
            ("{subject} is shown in the {value} hall",),
            ("visitors see {subject} in the {value} hall", "the {value} hall displays {subject}"),
            "north south east west upper lower inner outer round great",
        ),
    ),
    sources=("Museum catalogues", "Auction papers", "Curators"),
    confirming=(*_CONFIRMING, "attest that"),
    refuting=(*_REFUTING, "reject the idea that"),
    hedging=(*_HEDGING, "wonder whether"),
    hard_share=0.3,
)

MEASURES = Domain(
    name="measures",
    subjects=_pairs(
        "Kelmar Sorby Tindal Ostra Harwick Lunden Pelham Raven Dunmore Ashby Colby Marsden Selby "
        "Thorpe Wexley Barrow Elmsey Norden Kirby Fosse",
        "mill harbour school quarry brewery theatre hotel clinic depot garage library stable dairy "
        "kiln farm museum prison bank inn forge",
        "the {} {}",
    ),
    relations=(
        _counted("How many people does {subject} employ?", "employs/gives work to", "people"),
        _counted("How many rooms does {subject} have?", "has/contains", "rooms"),
        _counted("How many carts does {subject} own?", "owns/runs", "carts"),
    ),
    sources=("Recent surveys", "Tax returns", "Inspectors"),
    confirming=(*_CONFIRMING, "report that"),
    refuting=(*_REFUTING, "dispute that"),
    hedging=(*_HEDGING, "could not count whether"),
    hard_share=0.5,
)

DOMAINS_BY_NAME = {domain.name: domain for domain in (RESIDENTS, COLLECTIONS, MEASURES)}
