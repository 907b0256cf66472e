"""Asking a model the documents of a task, every answer kept as soon as it is finished.

The harness's own loop keeps every answer in memory until the end. Here its task objects build the
requests, an engine answers them and yields each document once it is done, and that is on disk
before the next is looked at. Batches are cut at fixed places, so an interrupted run continues with
the same batches.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saeval.errors import InputError
from saeval.evalsuite.engines import Engine, Question
from saeval.evalsuite.store.cache import AnswerCache
from saeval.evalsuite.store.hashing import hash_document, hash_text
from saeval.evalsuite.store.prediction import Key, Prediction, ShownDocument, Usage
from saeval.evalsuite.store.run_folder import PredictionFile
from saeval.tasks.data.sampling import DEFAULT_SEED
from saeval.tasks.lm_eval.logprobs import label_probabilities
from saeval.tasks.registry import FOLDER, get_task
from saeval.tasks.types import DataError

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance

_FIELDS = ("claim", "question", "answer", "first", "second", "target")
_BLANK: dict[str, Any] = dict.fromkeys(_FIELDS, "") | {"evidence": [""]}
"""A document of any task with nothing in it: of its prompt, what all documents have in common."""

_PROBED_WORDS = ("Yes", "No", "Unknown")

ASKED_AT_ONCE = 4096
"""Questions handed to an engine at a time: enough to keep it busy, few enough for any memory."""


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
        The sample; see `saeval.tasks.data.sampling`.
    generation
        Changes to the task's generation settings, in lm-eval's names.
    samples
        Answers per item.
    chat_template
        Whether the prompt is put through the model's chat template.
    system
        System prompt, or None.
    again
        Whether this is the second half of an A/A run: the same items in the opposite order, so in
        other batches, and other seeds.
    answers
        Files of a model's own answers, for the tasks that ask about those; they are known by the
        documents that come of them.
    shuffled
        Whether items are asked in an order that has nothing to do with how they were sampled,
        clusters whole, so that one may stop at any time.
    """

    tasks: tuple[str, ...]
    data_dir: str | None = None
    seed: int = DEFAULT_SEED
    per_label: str | None = None
    limit: int | None = None
    generation: dict[str, Any] | None = None
    samples: int = 1
    chat_template: bool = False
    system: str | None = None
    again: bool = False
    answers: tuple[str, ...] = ()
    shuffled: bool = False

    def identity(self) -> dict[str, Any]:
        """What of it decides which prompts are asked and how, for the manifest."""
        return {
            "sampling": {"seed": self.seed, "per_label": self.per_label, "limit": self.limit},
            "generation": self.generation or {},
            "samples": self.samples,
            "chat_template": self.chat_template,
            "system": self.system,
            **({"again": True} if self.again else {}),
            **({"shuffled": True} if self.shuffled else {}),
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

    def keys(self, samples: int) -> dict[Key, str]:
        """Key of every answer that is asked for, and the hash of the document that it is to."""
        return {
            (document["id"], sample): hash_document(document)
            for document in self.documents
            for sample in range(samples)
        }

    def facts(self) -> dict[str, Any]:
        """For the manifest: version, number of items, hashes of its prompt and of all documents."""
        return {
            "version": self.harness_task.VERSION,
            "prompt": hash_text(build_prompt(self, _BLANK, Questions(tasks=()), None)),
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
        "answers": list(questions.answers),
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
        if questions.shuffled:
            documents = _shuffled(documents, questions.seed)
        asked.append(AskedTask(name, task, documents))
    return asked


def _shuffled(documents: Sequence[dict[str, Any]], seed: int) -> tuple[dict[str, Any], ...]:
    """In the order of a hash, items of one cluster side by side."""

    def place(name: str) -> bytes:
        return hashlib.sha256(f"shuffled {seed} {name}".encode()).digest()

    return tuple(sorted(documents, key=lambda d: (place(d["cluster"] or d["id"]), place(d["id"]))))


def build_prompt(
    task: AskedTask,
    document: dict[str, Any],
    questions: Questions,
    chat_template: Callable[..., Any] | None,
) -> str:
    """What a model is shown of a document.

    `chat_template` puts messages into the form of the model; it is used if the questions say so.
    """
    prompt: str = task.harness_task.fewshot_context(
        document,
        num_fewshot=0,
        system_instruction=questions.system,
        apply_chat_template=questions.chat_template,
        chat_template=chat_template if questions.chat_template else None,
    )
    return prompt


def build_question(
    task: AskedTask, index: int, engine: Engine, questions: Questions, adapter: Path | None = None
) -> Question:
    """The harness requests of one document."""
    document = task.documents[index]
    apply = engine.chat_template if questions.chat_template else None
    context = build_prompt(task, document, questions, apply)

    def requests() -> list[Instance]:
        built = task.harness_task.construct_requests(
            doc=document,
            ctx=context,
            metadata=(task.name, index, 1),
            apply_chat_template=questions.chat_template,
            chat_template=apply,
        )
        return list(built) if isinstance(built, list) else [built]

    generation, *scored = requests()
    generations = [generation, *(requests()[0] for _ in range(questions.samples - 1))]
    first = questions.samples if questions.again else 0
    seeds = [
        _seed(questions.seed, document["id"], first + sample) for sample in range(questions.samples)
    ]
    return Question(generations, seeds, scored, adapter)


def build_probe(
    task: AskedTask, index: int, engine: Engine, questions: Questions, adapter: Path | None = None
) -> Question:
    """A document's label log-probabilities alone; of some words where the task has no labels."""
    question = build_question(task, index, engine, questions, adapter)
    (generation, *_), scored = question.generations, question.scored
    if not scored:
        scored = [
            replace(generation, request_type="loglikelihood", arguments=(generation.args[0], word))
            for word in _PROBED_WORDS
        ]
    return Question([], [], scored, adapter)


def answer_task(
    task: AskedTask,
    engine: Engine,
    file: PredictionFile,
    questions: Questions,
    *,
    adapter: Path | None = None,
    cache: AnswerCache | None = None,
    on_items: Callable[[int], None] = lambda count: None,
    more: Callable[[AskedTask], int | None] = lambda task: None,
) -> int:
    """Answer what is still open of a task; `on_items` hears how many items were finished.

    `more` is asked again and again how many items to ask next, None being all and 0 the end.
    Returns how many of them the cache knew.

    A batch that a crash cut short is asked whole again, so that every answer comes from the batch
    that it would have come from; what was kept of it stays. The same holds of a batch that the
    cache knows in part.
    """
    kept = file.finished(task.keys(questions.samples))
    finished = [
        all((name, sample) in kept for sample in range(questions.samples)) for name in task.ids
    ]
    order = list(range(len(finished)))
    if questions.again:
        order.reverse()
    to_ask: list[int] = []
    for start in range(0, len(order), engine.together):
        batch = order[start : start + engine.together]
        if not all(finished[index] for index in batch):
            to_ask += batch
    from_cache = 0
    with file.open() as append:
        while to_ask and (wanted := more(task)) != 0:
            size = math.ceil(min(wanted or ASKED_AT_ONCE, ASKED_AT_ONCE) / engine.together)
            indices, to_ask = to_ask[: size * engine.together], to_ask[size * engine.together :]
            asked = [build_question(task, index, engine, questions, adapter) for index in indices]
            if cache is not None:
                known, asked = _known(cache, task, asked, engine.together)
                from_cache += len(known)
                for found in known:
                    append([prediction for prediction in found if prediction.key not in kept])
                    on_items(1)
            for question in engine.answer(asked):
                found = _predictions(task, question)
                new = [prediction for prediction in found if prediction.key not in kept]
                append(new)
                on_items(bool(new))
                if cache is not None:
                    cache.add(found)
    return from_cache


def _known(
    cache: AnswerCache, task: AskedTask, asked: Sequence[Question], together: int
) -> tuple[list[list[Prediction]], list[Question]]:
    """What the cache has of whole batches, and the questions left to ask."""
    known: list[list[Prediction]] = []
    left: list[Question] = []
    for start in range(0, len(asked), together):
        batch = asked[start : start + together]
        found = [
            [
                cache.get(
                    (request.doc["id"], sample),
                    hash_document(request.doc),
                    hash_text(request.args[0]),
                )
                for sample, request in enumerate(question.generations)
            ]
            for question in batch
        ]
        if any(answer is None for answers in found for answer in answers):
            left += batch
        else:
            known += [[a for a in answers if a is not None] for answers in found]
    return known, left


def _predictions(task: AskedTask, question: Question) -> list[Prediction]:
    document = question.generations[0].doc
    target = task.harness_task.doc_to_target(document)
    read = get_task(task.name).read
    probabilities = None
    if question.scored and all(request.resps for request in question.scored):
        probabilities = label_probabilities([r.resps[0][0] for r in question.scored])
    found = []
    for sample, generation in enumerate(question.generations):
        response = generation.resps[0]
        reading = read(document, response)
        found.append(
            Prediction(
                task=task.name,
                item_id=document["id"],
                cluster_id=document["cluster"],
                target=target,
                prediction=reading.prediction,
                status=reading.status,
                correct=reading.prediction == target,
                confidence=reading.confidence,
                label_probabilities=probabilities,
                response=response,
                sample_index=sample,
                usage=_usage(question) if sample == 0 else None,
                document=ShownDocument.of(document),
                document_hash=hash_document(document),
                prompt_hash=hash_text(generation.args[0]),
                target_hash=hash_text(target),
                answer=reading.answer,
                right_in_reasoning=reading.right_in_reasoning,
            )
        )
    return found


def _usage(question: Question) -> Usage:
    return Usage(
        prompt_tokens=question.prompt_tokens,
        probe_tokens=question.probe_tokens,
        response_tokens=question.response_tokens,
        truncated=question.truncated,
    )


def _seed(seed: int, item: str, sample: int) -> int:
    """For one sample of one item: the same in every run, whatever else is asked."""
    digest = hashlib.sha256(f"{seed} {item} {sample}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def left_to_answer(task: AskedTask, folder: Path, samples: int) -> int:
    """How many items of a task a run folder does not have yet."""
    kept = PredictionFile(folder, task.name).finished(task.keys(samples))
    return sum(any((n, sample) not in kept for sample in range(samples)) for n in task.ids)
