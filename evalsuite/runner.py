"""Asking a model the documents of a task, in chunks that are kept as they are finished.

The harness's own loop keeps every answer in memory until the end. Here its task objects build the
requests and its model class answers them, a chunk at a time, and every chunk is on disk before
the next begins. Chunks are cut at fixed places, so an interrupted run continues with the same
batches and ends with the same bytes as one that was not interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalsuite.engine import TransformersEngine
from evalsuite.errors import InputError
from evalsuite.hashing import hash_document, hash_text
from evalsuite.predictions import Prediction, ShownDocument
from evalsuite.store import PredictionFile
from tasks.answers import parse_answer
from tasks.documents import DataError
from tasks.harness_results import label_probabilities
from tasks.registry import FOLDER
from tasks.sampling import DEFAULT_SEED

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance

BATCHES_PER_CHUNK = 4
"""Prompts of a chunk are sorted by length into batches; more would be lost in a crash."""


@dataclass(frozen=True)
class Questions:
    """What is asked: tasks, their sample, and how prompts and answers are made.

    Attributes
    ----------
    tasks
        Names.
    data_dir
        Folder of local data, or None for ``SAEVAL_DATA`` or the hub.
    seed, per_label, limit
        The sample; see `tasks.sampling`.
    generation
        Changes to the task's generation settings, in lm-eval's names.
    chat_template
        Whether the prompt is put through the model's chat template.
    """

    tasks: tuple[str, ...]
    data_dir: str | None = None
    seed: int = DEFAULT_SEED
    per_label: str | None = None
    limit: int | None = None
    generation: dict[str, Any] | None = None
    chat_template: bool = False

    def identity(self) -> dict[str, Any]:
        """What of it decides which prompts are asked and how, for the manifest."""
        return {
            "sampling": {"seed": self.seed, "per_label": self.per_label, "limit": self.limit},
            "generation": self.generation or {},
            "chat_template": self.chat_template,
        }


@dataclass(frozen=True)
class AskedTask:
    """A harness task with the documents of the sample."""

    name: str
    harness_task: Any
    documents: tuple[dict[str, Any], ...]

    @property
    def ids(self) -> list[str]:
        """Item ids in the order in which they are asked."""
        return [document["id"] for document in self.documents]

    def facts(self) -> dict[str, Any]:
        """For the manifest: version, number of items, and a hash over all documents."""
        return {
            "version": self.harness_task.VERSION,
            "items": len(self.documents),
            "documents": hash_text("".join(hash_document(d) for d in self.documents)),
            "generation": self.harness_task.config.generation_kwargs,
        }


def load_tasks(questions: Questions) -> list[AskedTask]:
    """The harness's task objects for the questions.

    Raises
    ------
    InputError
        If a data set cannot be found or read.
    """
    import logging

    from lm_eval.tasks import TaskManager

    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    sampling = {
        "seed": questions.seed,
        "per_label": questions.per_label,
        "data_dir": questions.data_dir,
    }
    manager = TaskManager(include_path=str(FOLDER), include_defaults=False, metadata=sampling)
    asked = []
    for name in questions.tasks:
        try:
            task = manager.load([name])["tasks"][name]
        except (DataError, ValueError) as error:
            raise InputError(str(error)) from error
        if questions.generation:
            task.set_config("generation_kwargs", questions.generation, update=True)
        documents = tuple(task.eval_docs)[: questions.limit]
        asked.append(AskedTask(name, task, documents))
    return asked


def build_requests(
    task: AskedTask, indices: Sequence[int], engine: TransformersEngine, chat_template: bool
) -> list[list[Instance]]:
    """The harness requests of some documents, one list per document."""
    apply = engine.lm.apply_chat_template if chat_template else None
    built = []
    for index in indices:
        document = task.documents[index]
        context = task.harness_task.fewshot_context(
            document, num_fewshot=0, apply_chat_template=chat_template, chat_template=apply
        )
        built.append(
            task.harness_task.construct_requests(
                doc=document,
                ctx=context,
                metadata=(task.name, index, 1),
                apply_chat_template=chat_template,
                chat_template=apply,
            )
        )
    return built


def answer_task(
    task: AskedTask,
    engine: TransformersEngine,
    file: PredictionFile,
    *,
    chunk: int,
    chat_template: bool,
    on_items: Callable[[int], None] = lambda count: None,
) -> None:
    """Answer what is still open of a task; `on_items` hears how many items were finished."""
    kept = len(file.finished(task.ids))
    for start in range(kept // chunk * chunk, len(task.documents), chunk):
        indices = range(start, min(start + chunk, len(task.documents)))
        requests = build_requests(task, indices, engine, chat_template)
        engine.answer([request for of_document in requests for request in of_document])
        answered = [_prediction(task, of_document) for of_document in requests]
        new = answered[max(kept - start, 0) :]
        file.append(new)
        on_items(len(new))


def _prediction(task: AskedTask, requests: Sequence[Instance]) -> Prediction:
    generation, *scored = requests
    document, response = generation.doc, generation.resps[0]
    answer = parse_answer(response)
    target = task.harness_task.doc_to_target(document)
    return Prediction(
        task=task.name,
        item_id=document["id"],
        cluster_id=document["cluster"],
        target=target,
        prediction=answer.label,
        status=answer.status,
        correct=answer.label == target,
        confidence=answer.confidence,
        label_probabilities=label_probabilities([request.resps[0][0] for request in scored]),
        response=response,
        sample_index=0,
        document=ShownDocument(claim=document["claim"], evidence=tuple(document["evidence"])),
        document_hash=hash_document(document),
        prompt_hash=hash_text(generation.args[0]),
        target_hash=hash_text(target),
    )


def left_to_answer(task: AskedTask, folder: Path) -> int:
    """How many items of a task a run folder does not have yet."""
    return len(task.documents) - len(PredictionFile(folder, task.name).finished(task.ids))
