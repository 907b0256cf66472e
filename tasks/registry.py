"""Every task by the name that users type in ``--tasks``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from saeval.tasks.datasets.climatefever.dataset import to_document as climatefever_document
from saeval.tasks.datasets.fever.dataset import to_document as fever_document
from saeval.tasks.datasets.kuq.dataset import to_question as kuq_question
from saeval.tasks.datasets.nq_open.dataset import to_question as nq_open_question
from saeval.tasks.datasets.popqa.dataset import to_question as popqa_question
from saeval.tasks.datasets.selfaware.dataset import to_question as selfaware_question
from saeval.tasks.datasets.simpleqa.dataset import to_question as simpleqa_question
from saeval.tasks.datasets.simpleqa.dataset import (
    to_verified_question as simpleqa_verified_question,
)
from saeval.tasks.datasets.triviaqa.dataset import to_question as triviaqa_question
from saeval.tasks.datasets.vitaminc.dataset import to_document as vitaminc_document
from saeval.tasks.factworld.domains import BY_NAME
from saeval.tasks.factworld.questions import generate_questions
from saeval.tasks.factworld.world import generate
from saeval.tasks.format.labels import ABSTENTION, LABELS, read_answer
from saeval.tasks.format.reading import Reading
from saeval.tasks.grading.match import grade_question
from saeval.tasks.metacognition.items import (
    CHOICE_LABELS,
    OwnAnswer,
    confidence_items,
    pairwise_items,
)
from saeval.tasks.metacognition.replies import read_choice, read_confidence
from saeval.tasks.questions import QUESTION_ABSTENTION, QUESTION_LABELS
from saeval.tasks.types import Item

Kind = Literal["verification", "question", "confidence", "pairwise"]

EVALUATED = "test"
"""Name of the split that `saeval` evaluates, whatever its data set calls it."""

FOLDER = Path(__file__).parent
"""Give it to ``lm_eval --include_path``; the tasks' YAML files and cards lie under it."""


@dataclass(frozen=True)
class HubSource:
    """Where the rows come from: a hub data set, or files of the same schema under a data folder.

    Attributes
    ----------
    path, split
        As `datasets.load_dataset` takes them.
    files
        Pattern under the data folder; files that match are read in the order of their names.
    to_document
        One row as a document or question, or None for one that is to be left out; KeyError for a
        field or label that it does not know.
    config, hub_files
        Which part of the data set, where it has several: as `datasets.load_dataset` takes its name,
        or the file of the repository.
    """

    path: str
    split: str
    files: str
    to_document: Callable[[Mapping[str, Any]], Item | None]
    config: str | None = None
    hub_files: str | None = None


@dataclass(frozen=True)
class GeneratedSource:
    """Items of factworld, which our own code generates, the same on every machine."""

    generate: Callable[[], list[Item]]


@dataclass(frozen=True)
class MixedSource:
    """So many items of each of several tasks, the first of their seeded order."""

    tasks: tuple[str, ...]
    each: int


@dataclass(frozen=True)
class AnswersSource:
    """Items made of a model's own answers to open questions, by a seed."""

    build: Callable[[Sequence[OwnAnswer], int], Sequence[Item]]


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes
    ----------
    name
        As users type it.
    summary
        One line for ``saeval tasks list``.
    source
        Where its documents come from: those of the split that is evaluated.
    card
        Folder of its card (README.md) and YAML.
    kind
        ``verification`` (does the evidence settle the claim?), ``question`` (an open question),
        ``confidence`` or ``pairwise`` (about one own answer, or two questions).
    labels, abstention
        What an answer is read as, and the one of them that declines to answer.
    read
        A row and a response as a reading; it calls no model.
    splits
        Where those of other splits (``train``, ``validation``) come from, where there are any.
    """

    name: str
    summary: str
    source: HubSource | GeneratedSource | MixedSource | AnswersSource
    card: str
    kind: Kind = "verification"
    splits: Mapping[str, HubSource | GeneratedSource] = field(default_factory=dict, hash=False)

    @property
    def folder(self) -> Path:
        """Where its card (README.md) and YAML lie."""
        inside = FOLDER / "datasets" / self.card
        return inside if inside.is_dir() else FOLDER / self.card

    @property
    def labels(self) -> tuple[str, ...]:
        return _READING[self.kind][0]

    @property
    def abstention(self) -> str:
        return ABSTENTION if self.kind == "verification" else QUESTION_ABSTENTION

    @property
    def read(self) -> Callable[[Mapping[str, Any], str], Reading]:
        return _READING[self.kind][1]


_READING: dict[Kind, tuple[tuple[str, ...], Callable[[Mapping[str, Any], str], Reading]]] = {
    "verification": (LABELS, read_answer),
    "question": (QUESTION_LABELS, grade_question),
    "confidence": (QUESTION_LABELS, read_confidence),
    "pairwise": (CHOICE_LABELS, read_choice),
}
"""Per kind of task: what an answer is read as, and how."""


def _factworld(*domains: str) -> GeneratedSource:
    return GeneratedSource(lambda: [*generate("test", 1500, domains=domains)])


def _factworld_training(*domains: str) -> GeneratedSource:
    return GeneratedSource(lambda: [*generate("train", 9000, domains=domains)])


def _also(source: HubSource, **files: str) -> dict[str, HubSource]:
    """Other splits of a data set, by their name on the hub, each with the pattern of its files."""
    return {split: replace(source, split=split, files=files[split]) for split in files}


_FEVER = HubSource(
    "copenlu/fever_gold_evidence", "test", "fever/fever_gold_evidence*.jsonl", fever_document
)
_VITAMINC = HubSource("tals/vitaminc", "test", "vitaminc/test*.jsonl", vitaminc_document)
_TRIVIAQA = HubSource(
    "mandarjoshi/trivia_qa",
    "validation",
    "triviaqa/triviaqa*.jsonl",
    triviaqa_question,
    config="rc.nocontext",
)
_NQ_OPEN = HubSource(
    "google-research-datasets/nq_open",
    "validation",
    "nq_open/NQ-open.dev*.jsonl",
    nq_open_question,
)

_ALL = (
    Task(
        "fever",
        "FEVER claims with gold evidence; NA items mostly have none",
        _FEVER,
        "fever",
        splits=_also(_FEVER, train="fever/*train*.jsonl", validation="fever/*valid*.jsonl"),
    ),
    Task(
        "vitaminc",
        "VitaminC test set: contrastive claims over Wikipedia revisions",
        _VITAMINC,
        "vitaminc",
        splits=_also(_VITAMINC, train="vitaminc/*train*.jsonl", validation="vitaminc/dev*.jsonl"),
    ),
    Task(
        "vitaminc_dev",
        "VitaminC validation set, which the published studies evaluate on",
        replace(_VITAMINC, split="validation", files="vitaminc/dev*.jsonl"),
        "vitaminc",
    ),
    Task(
        "climatefever",
        "ClimateFEVER claims with five evidence sentences; DISPUTED counts as NA",
        HubSource(
            "tdiggelm/climate_fever",
            "test",
            "climatefever/climate-fever*.jsonl",
            climatefever_document,
        ),
        "climatefever",
    ),
    Task(
        "factworld",
        "Made-up world for offline use: residents, collections and measures evenly",
        _factworld(*BY_NAME),
        "factworld",
        splits={"train": _factworld_training(*BY_NAME)},
    ),
    *(
        Task(
            f"factworld_{domain}",
            f"Made-up world: {domain} only",
            _factworld(domain),
            "factworld",
            splits={"train": _factworld_training(domain)},
        )
        for domain in BY_NAME
    ),
    Task(
        "factworld_questions",
        "Made-up world without evidence: facts that were told, were not, or cannot be known",
        GeneratedSource(lambda: [*generate_questions(1500)]),
        "factworld",
        "question",
    ),
    Task(
        "simpleqa",
        "SimpleQA: short questions with one answer, hard for large models; by topic",
        HubSource(
            "basicv8vc/SimpleQA", "test", "simpleqa/simple_qa_test_set*.csv", simpleqa_question
        ),
        "simpleqa",
        "question",
    ),
    Task(
        "simpleqa_verified",
        "SimpleQA Verified: 1,000 of its questions, checked again, with ranges for numbers",
        HubSource(
            "google/simpleqa-verified",
            "eval",
            "simpleqa/simpleqa_verified*.csv",
            simpleqa_verified_question,
        ),
        "simpleqa",
        "question",
    ),
    Task(
        "popqa",
        "PopQA: facts about things known well or hardly at all; by popularity",
        HubSource("akariasai/PopQA", "test", "popqa/popqa*.jsonl", popqa_question),
        "popqa",
        "question",
    ),
    Task(
        "triviaqa",
        "TriviaQA without contexts, validation set; many aliases per answer",
        _TRIVIAQA,
        "triviaqa",
        "question",
        _also(_TRIVIAQA, train="triviaqa/*train*.jsonl"),
    ),
    Task(
        "nq_open",
        "NQ-open, validation set: questions that people asked a search engine",
        _NQ_OPEN,
        "nq_open",
        "question",
        _also(_NQ_OPEN, train="nq_open/*train*.jsonl"),
    ),
    Task(
        "selfaware",
        "SelfAware: a third of the questions have no answer that anyone could give",
        HubSource("JesusCrist/selfAware", "train", "selfaware/SelfAware*.json", selfaware_question),
        "selfaware",
        "question",
    ),
    Task(
        "kuq",
        "Known-Unknown Questions: half are open, ambiguous or falsely premised; by category",
        HubSource(
            "amayuelas/KUQ",
            "train",
            "kuq/knowns_unknowns*.jsonl",
            kuq_question,
            hub_files="knowns_unknowns.jsonl",
        ),
        "kuq",
        "question",
    ),
    Task(
        "abstention_mix",
        "1,000 questions each of SimpleQA, PopQA, SelfAware and TriviaQA",
        MixedSource(("simpleqa", "popqa", "selfaware", "triviaqa"), each=1000),
        "abstention_mix",
        "question",
    ),
    Task(
        "confidence",
        "How certain is a model of an answer of its own? See `saeval metacognition`",
        AnswersSource(confidence_items),
        "metacognition",
        "confidence",
    ),
    Task(
        "pairwise",
        "Which of two questions is a model more likely to get right? See `saeval metacognition`",
        AnswersSource(pairwise_items),
        "metacognition",
        "pairwise",
    ),
)

TASKS: dict[str, Task] = {task.name: task for task in _ALL}


def get_task(name: str) -> Task:
    """The task of that name; KeyError with the known names otherwise."""
    try:
        return TASKS[name]
    except KeyError:
        raise KeyError(f"unknown task {name!r}; known: {', '.join(TASKS)}") from None
