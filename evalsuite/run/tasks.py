"""Tasks with the documents of a sample, and the requests that an engine is given of each."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from saeval.errors import InputError
from saeval.evalsuite.config import RunConfig, Shard
from saeval.evalsuite.engines.base import Engine, Request
from saeval.evalsuite.run.worked_examples import ShownExamples, check_example_options, show_examples
from saeval.evalsuite.store.hashing import hash_document, hash_text
from saeval.evalsuite.store.manifest import TaskFacts, WholeFacts
from saeval.evalsuite.store.prediction import Key, Prediction, ShownDocument, Usage
from saeval.evalsuite.store.shards import shard_of
from saeval.extras import require_extra
from saeval.progress import SILENT, Progress
from saeval.stats.gate.sequential import proportional_to_size
from saeval.tasks.data.loading import load_items
from saeval.tasks.lm_eval.logprobs import compute_label_probabilities
from saeval.tasks.own.items import hash_items
from saeval.tasks.registry import get_task, list_tasks

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance

HARNESS_PREFIX = "lm_eval:"
"""Before the name of a task of lm-eval that saeval has one of its own for."""

_FIELDS = ("id", "claim", "question", "topic", "answer", "first", "second", "target")
_BLANK: dict[str, Any] = dict.fromkeys(_FIELDS, "") | {"evidence": [""], "answers": [""]}
"""A document of any task with nothing in it: of its prompt, what all documents have in common."""

_PROBED_WORDS = ("Yes", "No", "Unknown")
_PROBED_TEXT = 500
_MOST_PROBED = 8

ChatTemplate = Callable[..., Any]


@dataclass(frozen=True)
class LoadedTask:
    """A harness task with the documents of the sample.

    The first `sequential` of shuffled documents are of clusters drawn in proportion to size.
    `group` is what it was asked for as a part of, if anything. `examples` stand before questions.
    `whole` is the task with all documents of the sample, where these are a shard of them.
    """

    name: str
    harness_task: Any
    documents: tuple[dict[str, Any], ...]
    sequential: int = 0
    group: str | None = None
    _hashes: dict[str, str] = field(default_factory=dict, init=False, compare=False, repr=False)
    examples: ShownExamples | None = None
    whole: LoadedTask | None = None

    @property
    def ids(self) -> list[str]:
        """Item ids in the order in which they are asked."""
        return [document["id"] for document in self.documents]

    def keys(self, samples: int) -> dict[Key, str]:
        """Key of every answer that is asked for, and the hash of the document that it is to."""
        return {
            (document["id"], sample): self.hash_of(document)
            for document in self.documents
            for sample in range(samples)
        }

    @property
    def generation(self) -> Mapping[str, Any]:
        """Settings of its generations, as lm-eval names them."""
        return dict(self.harness_task.config.generation_kwargs or {})

    @property
    def targets(self) -> set[str]:
        """The labels that its items have."""
        return {self.harness_task.doc_to_target(document) for document in self.documents}

    @property
    def left_out(self) -> Mapping[str, str]:
        """Metrics that are not kept, and why."""
        return {}

    def hash_of(self, document: dict[str, Any]) -> str:
        """Hash of a document, as its predictions have it; made once of each."""
        found = self._hashes.get(document["id"])
        if found is None:
            found = self._hashes[document["id"]] = hash_document(document)
        return found

    def facts(self) -> TaskFacts:
        """For the manifest: version, number of items, hashes of its prompt and of all documents."""
        return self._own_facts if self.whole is None else self._facts_of_shard(self.whole.facts())

    def _facts_of_shard(self, whole: TaskFacts) -> TaskFacts:
        return whole.model_copy(
            update={
                "items": len(self.documents),
                "documents": hash_text("".join(map(self.hash_of, self.documents))),
                "whole": WholeFacts(items=whole.items, documents=whole.documents),
            }
        )

    @property
    def _own_facts(self) -> TaskFacts:
        return TaskFacts(
            version=self.harness_task.VERSION,
            prompt=hash_text(self.write_prompt(_BLANK, RunConfig(tasks=()), None)),
            items=len(self.documents),
            documents=hash_text("".join(self.hash_of(d) for d in self.documents)),
            **own_content(self.name),
            generation=dict(self.generation),
            **self._shown,
        )

    @property
    def _shown(self) -> dict[str, Any]:
        """For the manifest: how many worked examples there are, and whether they are turns."""
        if self.examples is None:
            return {}
        turns = self.examples.turns
        return {"num_fewshot": len(turns), "fewshot_as_multiturn": self.examples.multiturn}

    def speaker(self) -> dict[str, Any]:
        """What of it decides an answer beside the prompt, for the cache."""
        return {
            "task": self.name,
            "version": self.harness_task.VERSION,
            "generation": self.generation,
        }

    def write_prompt(
        self, document: dict[str, Any], config: RunConfig, chat_template: ChatTemplate | None
    ) -> str:
        """What a model is shown of a document; `chat_template` where it is to be used."""
        if self.examples is not None:
            text: str = self.harness_task.doc_to_text(document)
            if config.apply_chat_template and chat_template is not None:
                messages = self.examples.as_messages(text, config.system)
                made: str = chat_template(messages, add_generation_prompt=True)
                return made
        prompt: str = self.harness_task.fewshot_context(
            document,
            num_fewshot=0,
            system_instruction=config.system,
            apply_chat_template=config.apply_chat_template,
            chat_template=chat_template,
        )
        if self.examples is not None:
            return prompt.removesuffix(text) + self.examples.as_text(text)
        return prompt

    def build_instances(
        self, index: int, config: RunConfig, chat_template: ChatTemplate | None
    ) -> list[Instance]:
        """The harness's requests of one document."""
        document = self.documents[index]
        built = self.harness_task.construct_requests(
            doc=document,
            ctx=self.write_prompt(document, config, chat_template),
            metadata=(self.name, index, 1),
            apply_chat_template=config.apply_chat_template,
            chat_template=chat_template,
        )
        return list(built) if isinstance(built, list) else [built]

    def read_predictions(self, request: Request, samples: int) -> list[Prediction]:
        """The responses to all samples of a request, parsed."""
        document = request.generations[0].doc
        target = self.harness_task.doc_to_target(document)
        parse = get_task(self.name).parse
        probabilities = None
        if request.loglikelihoods and all(instance.resps for instance in request.loglikelihoods):
            logprobs = [instance.resps[0][0] for instance in request.loglikelihoods]
            probabilities = compute_label_probabilities(logprobs)
        predictions = []
        for sample, generation in enumerate(request.generations):
            response = generation.resps[0]
            reading = parse(document, response)
            predictions.append(
                Prediction(
                    task=self.name,
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
                    usage=usage_of(request) if sample == 0 else None,
                    document=ShownDocument.of(document),
                    document_hash=self.hash_of(document),
                    prompt_hash=hash_text(generation.args[0]),
                    target_hash=hash_text(target),
                    answer=reading.answer,
                    right_in_reasoning=reading.right_in_reasoning,
                )
            )
        return predictions


def _is_scored_by_harness(name: str) -> bool:
    """All but saeval's own tasks, and one's own data with choices."""
    return name not in list_tasks() or get_task(name).kind.is_multiple_choice


def own_content(name: str) -> dict[str, Any]:
    """For the manifest: a hash of the data of a task file; nothing of other tasks."""
    if name not in list_tasks() or (task := get_task(name)).file is None:
        return {}
    return {"content": hash_items(load_items(task))}


def load_tasks(config: RunConfig, progress: Progress = SILENT) -> list[LoadedTask]:
    """The harness's task objects for the questions: ours, and lm-eval's where a name is not ours.

    A group or tag of lm-eval becomes the tasks that it stands for.

    Raises
    ------
    InputError
        If there is no such task, or a data set cannot be found or read.
    """
    require_extra("run", "lm_eval")
    from saeval.tasks.lm_eval.load import load_harness_tasks

    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    foreign = [name for name in config.tasks if _is_scored_by_harness(name)]
    check_example_options(config)
    if not foreign and config.include_path is not None:
        raise InputError("--include-path: has no effect on saeval's own tasks; leave it out")
    sampling = {
        "seed": config.seed,
        "per_label": config.per_label,
        "data_dir": config.data_dir,
        "answers": list(config.answers),
    }
    try:
        own = load_harness_tasks([name for name in config.tasks if name not in foreign], sampling)
    except ValueError as error:
        raise InputError(str(error)) from error
    found: dict[str, list[LoadedTask]] = {}
    if foreign:
        from saeval.evalsuite.run.foreign_tasks import load_foreign_tasks

        found.update(load_foreign_tasks(foreign, config, progress))
    for name, task in own.items():
        examples = show_examples(name, config, task.eval_docs, task.doc_to_text, _BLANK)
        if examples is not None and examples.opening and not config.apply_chat_template:
            stops = [f"\n\n{examples.opening}"]  # a model may go on with another question
            task.set_config("generation_kwargs", {"until": stops}, update=True)
        if config.generation:
            task.set_config("generation_kwargs", config.generation, update=True)
        documents = tuple(task.eval_docs)[: config.limit]
        found[name] = [LoadedTask(name, task, documents, examples=examples)]
    tasks: dict[str, LoadedTask] = {}
    for typed in config.tasks:
        for loaded in found[typed]:
            known = tasks.get(loaded.name)
            if known is not None and type(known) is not type(loaded):
                raise InputError(
                    f"--tasks: saeval and lm-eval both have a task {loaded.name}; ask one of them, "
                    "or each in a run of its own"
                )
            if known is None or known.group is None:
                tasks[loaded.name] = loaded
    if config.shard is not None:
        return [shard_task(task, config.shard) for task in tasks.values()]
    if not config.shuffled:
        return list(tasks.values())
    return [_in_drawn_order(task, config.seed) for task in tasks.values()]


def shard_task(task: LoadedTask, shard: Shard) -> LoadedTask:
    """A task with the documents of one shard, in their order."""
    own = tuple(
        document
        for document in task.documents
        if shard_of(_unit(document), shard.of) == shard.number
    )
    return replace(task, documents=own, whole=task)


def _in_drawn_order(task: LoadedTask, seed: int) -> LoadedTask:
    first, others = _shuffled(task.documents, seed)
    return replace(task, documents=first + others, sequential=len(first))


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
        if config.samples > 1 and not task.generation.get("do_sample"):
            raise InputError(
                f"--samples {config.samples}: without --gen-kwargs "
                "do_sample=true,temperature=0.7 every answer to an item is the same"
                + ("" if task.generation else f", and task {task.name} lets nothing be written")
            )


def build_prompt(
    task: LoadedTask,
    document: dict[str, Any],
    config: RunConfig,
    chat_template: ChatTemplate | None,
) -> str:
    """What a model is shown of a document.

    `chat_template` puts messages into the form of the model; it is used if the questions say so.
    """
    return task.write_prompt(
        document, config, chat_template if config.apply_chat_template else None
    )


def build_request(
    task: LoadedTask, index: int, engine: Engine, config: RunConfig, adapter: Path | None = None
) -> Request:
    """The harness requests of one document."""
    chat_template = engine.chat_template if config.apply_chat_template else None

    built = task.build_instances(index, config, chat_template)

    def instances(kind: str) -> list[Instance]:
        return [instance for instance in built if instance.request_type == kind]

    generations = [
        copy
        for _ in range(config.samples)
        for instance in instances("generate_until")
        for copy in repeated(instance)
    ]
    item = task.documents[index]["id"]
    first = len(generations) if config.again else 0
    seeds = [seed_of(config.seed, item, first + number) for number in range(len(generations))]
    # Beside a generation they are the label's probabilities; alone they are the answer.
    are_asked = config.label_probabilities or not generations
    return Request(
        generations,
        seeds,
        instances("loglikelihood") if are_asked else [],
        adapter,
        instances("loglikelihood_rolling"),
    )


def repeated(instance: Instance) -> list[Instance]:
    """A request as often as its task says, each with a place for an answer of its own."""
    return [replace(instance, resps=[], filtered_resps={}) for _ in range(instance.repeats or 1)]


def build_probe_request(
    task: LoadedTask, index: int, engine: Engine, config: RunConfig, adapter: Path | None = None
) -> Request:
    """A document's log-probabilities alone; of some words where the task asks for none."""
    request = build_request(task, index, engine, replace(config, label_probabilities=True), adapter)
    if found := request.loglikelihoods[:_MOST_PROBED]:
        return Request([], [], found, adapter)
    first = request.instances[0]
    context = first.args[0] if request.generations else first.args[0][:_PROBED_TEXT]
    words = [
        replace(first, request_type="loglikelihood", arguments=(context, word))
        for word in _PROBED_WORDS
    ]
    return Request([], [], words, adapter)


def usage_of(request: Request) -> Usage:
    """Tokens that a request cost."""
    return Usage(
        prompt_tokens=request.prompt_tokens,
        probe_tokens=request.probe_tokens,
        response_tokens=request.response_tokens,
        truncated=request.truncated,
    )


def seed_of(seed: int, item: str, sample: int) -> int:
    """For one sample of one item: the same in every run, whatever else is asked."""
    digest = hashlib.sha256(f"{seed} {item} {sample}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
