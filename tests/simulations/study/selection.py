"""Which tasks a study asks: real ones where their data is, else those that are made up."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Selection:
    """Tasks by the part that they play.

    Attributes
    ----------
    questions, claims
        Asked to see where the base knows anything.
    main
        What is trained on and compared on other items: where the base knows something.
    compared
        All that is compared, the main one first.
    sources
        Of the training, as recipes name them.
    """

    questions: tuple[str, ...]
    claims: tuple[str, ...]
    main: str
    compared: tuple[str, ...]
    sources: str


KNOWN, KNOWN_TRAIN = "popqa_known.yaml", "popqa_known_train.yaml"
"""Task files of the relations that the base knows something of, made by `study.questions`."""


def select(data_dir: Path | None, tasks: Path, count: int, *, wide: bool) -> Selection:
    """The tasks of a study.

    Parameters
    ----------
    data_dir
        Folder of real data sets, if there is one.
    tasks
        Folder of the task files that the study makes.
    count
        Items of a source to train on.
    wide
        Whether to ask further tasks, of which the base knows little.
    """
    if data_dir is None:
        return Selection(
            questions=("factworld_questions",),
            claims=("factworld",),
            main="factworld_questions",
            compared=("factworld_questions", "factworld", "retention"),
            sources=f"[{{task: factworld_questions, count: {count}}}]",
        )
    main = str(tasks / KNOWN)
    return Selection(
        questions=(
            "popqa",
            "triviaqa",
            "selfaware",
            *(("kuq", "simpleqa", "nq_open") if wide else ()),
        ),
        claims=("vitaminc", "climatefever", *(("fever", "factworld") if wide else ())),
        main=main,
        compared=(
            *(main, "selfaware", "vitaminc", "climatefever", "retention"),
            *(("triviaqa", "fever") if wide else ()),
        ),
        sources=(
            f"[{{task: {tasks / KNOWN_TRAIN}, split: test, weight: 2}}, "
            f"{{task: kuq, split: test, count: {count}, weight: 1}}]"
        ),
    )
