"""Tasks with the documents of a sample, and the requests that an engine is given of each."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from saeval.errors import InputError
from saeval.evalsuite.config import RunConfig
from saeval.evalsuite.engines.base import Engine, Request
from saeval.evalsuite.store.hashing import hash_document, hash_text
from saeval.evalsuite.store.manifest import TaskFacts
from saeval.evalsuite.store.prediction import Key
from saeval.extras import require_extra
from saeval.stats.gate.sequential import proportional_to_size
from saeval.tasks.data.loading import load_items
from saeval.tasks.own.items import hash_items
from saeval.tasks.registry import get_task, list_tasks

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance

_FIELDS = ("id", "claim", "question", "topic", "answer", "first", "second", "target")
_BLANK: dict[str, Any] = dict.fromkeys(_FIELDS, "") | {"evidence": [""], "answers": [""]}
"""A document of any task with nothing in it: of its prompt, what all documents have in common."""

_PROBED_WORDS = ("Yes", "No", "Unknown")


@dataclass(frozen=True)
class LoadedTask:
    """A harness task with the documents of the sample.

    The first `sequential` of shuffled documents are of clusters drawn in proportion to size.
    """

    name: str
    harness_task: Any
    documents: tuple[dict[str, Any], ...]
    sequential: int = 0

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

    @property
    def generation(self) -> Mapping[str, Any]:
        """Settings of its generations, as lm-eval names them."""
        return dict(self.harness_task.config.generation_kwargs or {})

    def facts(self) -> TaskFacts:
        """For the manifest: version, number of items, hashes of its prompt and of all documents."""
        own = _own_content(self.name)
        return TaskFacts(
            **({} if own is None else {"content": own}),
            version=self.harness_task.VERSION,
            prompt=hash_text(build_prompt(self, _BLANK, RunConfig(tasks=()), None)),
            items=len(self.documents),
            documents=hash_text("".join(hash_document(d) for d in self.documents)),
            generation=self.harness_task.config.generation_kwargs,
        )


def _own_content(name: str) -> str | None:
    """Hash of the data of a task file; None for other tasks."""
    if name not in list_tasks() or (task := get_task(name)).file is None:
        return None
    return hash_items(load_items(task))


def load_tasks(config: RunConfig) -> list[LoadedTask]:
    """The harness's task objects for the questions.

    Raises
    ------
    InputError
        If a data set cannot be found or read.
    """
    require_extra("run", "lm_eval")
    from saeval.tasks.lm_eval.load import load_harness_tasks

    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    sampling = {
        "seed": config.seed,
        "per_label": config.per_label,
        "data_dir": config.data_dir,
        "answers": list(config.answers),
    }
    try:
        harness_tasks = load_harness_tasks(config.tasks, sampling)
    except ValueError as error:
        raise InputError(str(error)) from error
    tasks = []
    for name, task in harness_tasks.items():
        if config.generation:
            task.set_config("generation_kwargs", config.generation, update=True)
        documents = tuple(task.eval_docs)[: config.limit]
        first: tuple[dict[str, Any], ...] = ()
        if config.shuffled:
            first, documents = _shuffled(documents, config.seed)
        tasks.append(LoadedTask(name, task, first + documents, len(first)))
    return tasks


def _shuffled(
    documents: Sequence[dict[str, Any]], seed: int
) -> tuple[tuple[dict[str, Any], ...], tuple[dict[str, Any], ...]]:
    """In the order of a hash, items of one cluster side by side.

    The first are of clusters drawn in proportion to size, the others of those left over.
    """

    def number(name: str) -> int:
        return int.from_bytes(hashlib.sha256(f"shuffled {seed} {name}".encode()).digest())

    ordered = sorted(documents, key=lambda d: (number(_unit(d)), number(d["id"])))
    sizes = Counter(map(_unit, ordered))
    names = list(sizes)
    uniform = np.array([number(f"drawn {name}") / 2**256 for name in names])
    drawn = proportional_to_size(np.array([sizes[name] for name in names]), uniform)
    kept = {name for name, is_drawn in zip(names, drawn, strict=True) if is_drawn}
    first, others = (
        tuple(document for document in ordered if (_unit(document) in kept) == is_first)
        for is_first in (True, False)
    )
    return first, others


def _unit(document: Mapping[str, Any]) -> str:
    return str(document["cluster"] or document["id"])


def check_samples(tasks: Sequence[LoadedTask], config: RunConfig) -> None:
    """Refuse several samples that would all be the same."""
    for task in tasks:
        if config.samples > 1 and not task.harness_task.config.generation_kwargs.get("do_sample"):
            raise InputError(
                f"--samples {config.samples}: without --gen-kwargs "
                "do_sample=true,temperature=0.7 every answer to an item is the same"
            )


def build_prompt(
    task: LoadedTask,
    document: dict[str, Any],
    config: RunConfig,
    chat_template: Callable[..., Any] | None,
) -> str:
    """What a model is shown of a document.

    `chat_template` puts messages into the form of the model; it is used if the questions say so.
    """
    prompt: str = task.harness_task.fewshot_context(
        document,
        num_fewshot=0,
        system_instruction=config.system,
        apply_chat_template=config.apply_chat_template,
        chat_template=chat_template if config.apply_chat_template else None,
    )
    return prompt


def build_request(
    task: LoadedTask, index: int, engine: Engine, config: RunConfig, adapter: Path | None = None
) -> Request:
    """The harness requests of one document."""
    document = task.documents[index]
    chat_template = engine.chat_template if config.apply_chat_template else None
    context = build_prompt(task, document, config, chat_template)

    def instances() -> list[Instance]:
        built = task.harness_task.construct_requests(
            doc=document,
            ctx=context,
            metadata=(task.name, index, 1),
            apply_chat_template=config.apply_chat_template,
            chat_template=chat_template,
        )
        return list(built) if isinstance(built, list) else [built]

    generation, *loglikelihoods = instances()
    generations = [generation, *(instances()[0] for _ in range(config.samples - 1))]
    first = config.samples if config.again else 0
    seeds = [_seed(config.seed, document["id"], first + sample) for sample in range(config.samples)]
    return Request(generations, seeds, loglikelihoods, adapter)


def build_probe_request(
    task: LoadedTask, index: int, engine: Engine, config: RunConfig, adapter: Path | None = None
) -> Request:
    """A document's label log-probabilities alone; of some words where the task has no labels."""
    request = build_request(task, index, engine, config, adapter)
    (generation, *_), loglikelihoods = request.generations, request.loglikelihoods
    if not loglikelihoods:
        loglikelihoods = [
            replace(generation, request_type="loglikelihood", arguments=(generation.args[0], word))
            for word in _PROBED_WORDS
        ]
    return Request([], [], loglikelihoods, adapter)


def _seed(seed: int, item: str, sample: int) -> int:
    """For one sample of one item: the same in every run, whatever else is asked."""
    digest = hashlib.sha256(f"{seed} {item} {sample}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
