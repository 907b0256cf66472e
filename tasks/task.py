"""A task: what it asks, where its items come from, and how its responses are parsed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from saeval.tasks.types import Item, LabelSet, OwnAnswer, ParsedResponse

EVALUATED_SPLIT = "test"
"""Name of the split that `saeval` evaluates, whatever its data set calls it."""

TASKS_FOLDER = Path(__file__).parent
"""Give it to ``lm_eval --include_path``; the tasks' YAML files and cards lie under it."""

Row = Mapping[str, Any]
"""An item as `as_row` gives it, and as the harness holds it."""


@dataclass(frozen=True)
class HubSource:
    """Rows of a hub data set, or of files with the same schema under a data folder.

    Attributes
    ----------
    path, split
        As `datasets.load_dataset` takes them.
    files
        Pattern under the data folder; files that match are read in the order of their names.
    to_item
        Turns one row into an item, or into None to leave it out; KeyError for a field or label
        that it does not know.
    config, hub_files
        Which part of the data set, where it has several: as `datasets.load_dataset` takes its name,
        or the file of the repository.
    """

    path: str
    split: str
    files: str
    to_item: Callable[[Row], Item | None]
    config: str | None = None
    hub_files: str | None = None

    def other_splits(self, **files: str) -> dict[str, HubSource]:
        """Other splits of the data set by their hub names, each with the pattern of its files."""
        return {split: replace(self, split=split, files=files[split]) for split in files}


@dataclass(frozen=True)
class FunctionSource:
    """Items that a function returns, the same ones on every machine."""

    load: Callable[[], Sequence[Item]]


@dataclass(frozen=True)
class MixedSource:
    """The first `items_per_task` items of each of several tasks, in their seeded order."""

    tasks: tuple[str, ...]
    items_per_task: int


@dataclass(frozen=True)
class OwnAnswersSource:
    """Items made from a model's own answers to open questions, and a seed."""

    build_items: Callable[[Sequence[OwnAnswer], int], Sequence[Item]]


Source = HubSource | FunctionSource | MixedSource | OwnAnswersSource


@dataclass(frozen=True)
class TaskKind:
    r"""How tasks of one kind ask, and how their responses are parsed.

    Attributes
    ----------
    name
        ``verification``, ``question``, ``confidence`` or ``pairwise``, or a name of your own.
    labels
        What a response can be parsed as.
    write_prompt
        The prompt for one row.
    parse
        A row and a response as a `ParsedResponse`; it calls no model.
    render_answer
        An answer and the probability that it is right, as the prompt asks for them.
    gold_answers
        The right answers of a row as `render_answer` takes them; empty if only abstaining is right.
    abstention_answer
        What `render_answer` takes as answer in order to abstain; None if the format has no words
        for it.
    is_open_ended
        Whether the answer is free text that is graded against gold answers, not a label.
    has_evidence
        Whether rows bring evidence, whose mere presence might give the label away.
    has_label_probabilities
        Whether the labels of fact verification are scored after ``LABEL=``, for the model's own
        probabilities.
    abstention_is_verdict
        Whether abstaining is itself an answer that can be right and that one can be sure of, as
        NA is in fact verification; else it only says that the model does not know.
    is_multiple_choice
        Whether the choices of a row are scored, and nothing is generated.
    max_response_tokens
        Default length of a response.

    Notes
    -----
    To change one part of a kind, use `dataclasses.replace`.
    """

    name: str
    labels: LabelSet
    write_prompt: Callable[[Row], str]
    parse: Callable[[Row, str], ParsedResponse]
    render_answer: Callable[[str, float], str]
    gold_answers: Callable[[Row], Sequence[str]]
    abstention_answer: str | None = None
    is_open_ended: bool = False
    has_evidence: bool = False
    has_label_probabilities: bool = False
    abstention_is_verdict: bool = False
    is_multiple_choice: bool = False
    max_response_tokens: int = 512


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes
    ----------
    name
        As users type it in ``--tasks``.
    summary
        One line for ``saeval tasks list``.
    kind
        Its prompt, labels and parser: `saeval.tasks.VERIFICATION`, `saeval.tasks.OPEN_QUESTION`
        or one of your own.
    source
        Where the items of the evaluated split come from.
    dataset
        Name of the data set; the task's own name by default. Items with the same id in tasks of
        one data set are the same item.
    splits
        Sources of other splits (``train``, ``validation``), where there are any.
    version
        Of the prompt and the data; answers to different versions are not compared.
    file
        The task file of own data that it was read from; None for a task made in Python.
    """

    name: str
    summary: str
    kind: TaskKind
    source: Source
    dataset: str = ""
    splits: Mapping[str, HubSource | FunctionSource] = field(default_factory=dict, hash=False)
    version: int = 1
    file: Path | None = None

    def __post_init__(self) -> None:
        if not self.dataset:
            object.__setattr__(self, "dataset", self.name)

    @property
    def labels(self) -> LabelSet:
        """What a response can be parsed as."""
        return self.kind.labels

    @property
    def asks_about_own_answers(self) -> bool:
        """Whether its items are made from the model's own answers to other tasks."""
        return isinstance(self.source, OwnAnswersSource)

    @property
    def card(self) -> str:
        """The task card, or the summary of a task that has none."""
        if self.file is not None and (own := self.file.with_suffix(".md")).is_file():
            return own.read_text(encoding="utf-8", errors="replace")
        for folder in (TASKS_FOLDER / "datasets" / self.dataset, TASKS_FOLDER / self.dataset):
            if (file := folder / "README.md").is_file():
                return file.read_text(encoding="utf-8")
        return f"# {self.name}\n\n{self.summary}\n"

    def write_prompt(self, row: Row) -> str:
        """The prompt for one row."""
        return self.kind.write_prompt(row)

    def parse(self, row: Row, response: str) -> ParsedResponse:
        """Parse and grade one response."""
        return self.kind.parse(row, response)
