"""A task of lm-eval as our engines are asked it, scored by its own filters and metrics.

Items are known by the number of their document (``doc_id``), documents, prompts and targets by the
hashes that lm-eval writes into its ``samples_*.jsonl``, so both pair with each other.
"""

from __future__ import annotations

import importlib.metadata
import json
import math
import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from saeval.errors import InputError, ModelError
from saeval.evalsuite.config import RunConfig
from saeval.evalsuite.engines.base import Request
from saeval.evalsuite.run.tasks import (
    ChatTemplate,
    LoadedTask,
    own_content,
    usage_of,
)
from saeval.evalsuite.store.general import general_prediction
from saeval.evalsuite.store.hashing import hash_text
from saeval.evalsuite.store.lm_eval_scores import ItemScores, keep_scores, primary_score
from saeval.evalsuite.store.manifest import TaskFacts
from saeval.evalsuite.store.prediction import Prediction, Usage
from saeval.tasks.lm_eval.choices import choose
from saeval.terminal_text import one_line

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance


FEWSHOT_SEED = 1234
"""lm-eval's default."""
_LONGEST_SHOWN = 4000
_NOTHING_FOUND = "[invalid]"
"""What lm-eval's filters give where they find no answer."""
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


@dataclass(frozen=True)
class HarnessTask(LoadedTask):
    """A task of lm-eval with its documents.

    Attributes
    ----------
    documents
        Each ``{"id": …, "cluster": None, "row": …, "hash": …}``.
    n_examples, multiturn
        Solved examples in a prompt, and whether they are turns of a conversation.
    """

    n_examples: int = 0
    multiturn: bool = False
    _contexts: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def generation(self) -> Mapping[str, Any]:
        """Settings of its generations; empty where nothing is generated."""
        if self.harness_task.OUTPUT_TYPE not in ("generate_until", None):
            return {}
        return dict(self.harness_task.config.generation_kwargs or {})

    @property
    def targets(self) -> set[str]:
        """Answers are right or wrong."""
        return {"RIGHT"}

    @cached_property
    def left_out(self) -> Mapping[str, str]:
        """Metrics that have no number per item, and why, as a made-up response shows.

        Raises
        ------
        InputError
            If no metric has one.
        """
        instances = self.build_instances(0, RunConfig(tasks=()), None)
        for instance in instances:
            instance.resps = [_made_up(instance)] * (instance.repeats or 1)
        try:
            scored = self._score(self.documents[0], instances)
        except InputError:  # its code expects more of a response
            return {}
        if not scored.scores:
            raise InputError(
                f"task {self.name}: none of its metrics ({', '.join(scored.left_out)}) has a "
                "number per item, so there is nothing to pair; compare its results with lm_eval"
            )
        return scored.left_out

    def hash_of(self, document: dict[str, Any]) -> str:
        """As lm-eval's doc_hash."""
        return str(document["hash"])

    @cached_property
    def _own_facts(self) -> TaskFacts:
        """Also what decides the prompts, and a hash of all of them."""
        plain = RunConfig(tasks=())
        prompts = "".join(hash_text(self.write_prompt(d, plain, None)) for d in self.documents)
        return TaskFacts.model_validate(
            {
                "prompt": hash_text(prompts + self._config_hash),
                "items": len(self.documents),
                "documents": hash_text("".join(str(d["hash"]) for d in self.documents)),
                "num_fewshot": self.n_examples,
                "fewshot_as_multiturn": self.multiturn,
                "group": self.group,
                "left_out": dict(self.left_out),
                **own_content(self.name),
                **self._settings,
            }
        )

    def speaker(self) -> dict[str, Any]:
        """Also its metrics, filters and lm-eval's version."""
        return {
            "task": self.name,
            "config": self._config_hash,
            "group": self.group,
            **self._settings,
        }

    @property
    def _settings(self) -> dict[str, Any]:
        version = self.harness_task.VERSION
        return {
            "lm_eval": importlib.metadata.version("lm-eval"),
            "version": version if isinstance(version, (int, float, str)) else str(version),
            "generation": json.loads(json.dumps(self.generation, default=str)),
        }

    def write_prompt(
        self, document: dict[str, Any], config: RunConfig, chat_template: ChatTemplate | None
    ) -> str:
        """The first text that is put to the model; a task may have one per choice."""
        number = int(document["id"])
        first = self._instances(document, self._context(number, config, chat_template), config)[0]
        return str(first.args[0])

    def build_instances(
        self, index: int, config: RunConfig, chat_template: ChatTemplate | None
    ) -> list[Instance]:
        """lm-eval's requests of one document."""
        document = self.documents[index]
        context = self._context(int(document["id"]), config, chat_template)
        return self._instances(document, context, config, chat_template, index)

    def _instances(
        self,
        document: dict[str, Any],
        context: Any,
        config: RunConfig,
        chat_template: ChatTemplate | None = None,
        index: int = 0,
    ) -> list[Instance]:
        built = self.harness_task.construct_requests(
            doc=document["row"],
            ctx=context,
            metadata=(self.name, index, self.harness_task.config.repeats),
            apply_chat_template=config.apply_chat_template,
            chat_template=chat_template,
        )
        return list(built) if isinstance(built, list) else [built]

    def _context(self, number: int, config: RunConfig, chat_template: ChatTemplate | None) -> Any:
        return self._all_contexts(config, chat_template)[number]

    def _all_contexts(self, config: RunConfig, chat_template: ChatTemplate | None) -> list[Any]:
        """Of all documents in lm-eval's order, since its examples are drawn one after another."""
        key = (config.system, config.apply_chat_template, chat_template)
        if self._contexts.get("key") != key:
            self.harness_task.set_fewshot_seed(seed=FEWSHOT_SEED)
            drawn = self.documents if self.whole is None else self.whole.documents
            ordered = sorted(drawn, key=lambda document: int(document["id"]))
            self._contexts["texts"] = [
                self._build_context(document["row"], config, chat_template) for document in ordered
            ]
            self._contexts["key"] = key
        texts: list[Any] = self._contexts["texts"]
        return texts

    def _build_context(
        self, row: dict[str, Any], config: RunConfig, chat_template: ChatTemplate | None
    ) -> Any:
        task = self.harness_task
        return task.fewshot_context(
            row,
            num_fewshot=self.n_examples,
            system_instruction=config.system,
            apply_chat_template=config.apply_chat_template,
            fewshot_as_multiturn=self.multiturn,
            chat_template=chat_template,
            gen_prefix=task.doc_to_prefix(row),
        )

    @cached_property
    def _config_hash(self) -> str:
        """Of everything that its YAML file and the command line decide."""
        content = self.harness_task.dump_config()
        (content.get("metadata") or {}).pop("config_source", None)
        text = json.dumps(content, sort_keys=True, default=str)
        return hash_text(_ADDRESS.sub("", text))

    def read_predictions(self, request: Request, samples: int) -> list[Prediction]:
        """The task's own filters and metrics on the responses."""
        if not all(instance.resps for instance in request.instances):
            raise ModelError(
                f"task {self.name}: needs log-likelihoods, which this engine or server does not "
                "give; load the model with --engine transformers, or ask tasks that write answers"
            )
        if self.harness_task.OUTPUT_TYPE == "loglikelihood" and any(
            instance.resps[0][1] is None for instance in request.loglikelihoods
        ):
            raise ModelError(
                f"task {self.name}: needs to know whether a text is the likeliest, which this "
                "server does not say (`top_logprobs`); load the model with --engine transformers"
            )
        document = self.documents[request.instances[0].doc_id]
        size = len(request.generations) // samples
        predictions = []
        for sample in range(samples):
            written = request.generations[sample * size : (sample + 1) * size]
            instances = _merged([*written, *request.loglikelihoods, *request.rollings])
            usage = usage_of(request) if sample == 0 else None
            predictions.append(self._read(document, instances, usage, sample))
        return predictions

    def _read(
        self,
        document: dict[str, Any],
        instances: list[Instance],
        usage: Usage | None,
        sample: int,
    ) -> Prediction:
        row, target = document["row"], self.harness_task.doc_to_target(document["row"])
        scored = self._score(document, instances)
        choices = self._choices(row)
        choice = None
        values = [i.resps[0][0] for i in instances][: len(choices)] if self._is_plain_choice else []
        if values and all(map(math.isfinite, values)):
            choice = choose(values, choices)
        answer = choices[choice.index] if choice else _filtered_text(instances[0])
        return general_prediction(
            task=self.name,
            item_id=document["id"],
            scores=scored.scores,
            primary=primary_score(scored.scores),
            status="invalid" if answer == _NOTHING_FOUND else "answered",
            question=self._question(row, choices)[:_LONGEST_SHOWN],
            gold=self._gold(row, target, choices),
            answer=answer,
            response=_response(instances),
            confidence=choice.confidence if choice else None,
            confidence_normalised=None if choice is None or self._in_prompt else choice.normalised,
            group=self.group,
            cluster_id=document["cluster"],
            sample_index=sample,
            usage=usage,
            document_hash=document["hash"],
            prompt_hash=hash_text(str(instances[0].args[0])),
            target_hash=hash_text(str(target)),
        )

    def _score(self, document: dict[str, Any], instances: list[Instance]) -> ItemScores:
        task, item = self.harness_task, ItemScores()
        try:
            for ensemble in task._filters:
                ensemble.apply(instances)
            for name in instances[0].filtered_resps:
                results = [instance.filtered_resps[name] for instance in instances]
                metrics = task.process_results(deepcopy(document["row"]), results)
                keep_scores(metrics, name, task.higher_is_better(), self._aggregations, item)
        except Exception as error:  # of the task's own code
            raise InputError(
                f"task {self.name}: lm-eval cannot score item {document['id']}: "
                f"{type(error).__name__}: {one_line(str(error), 200)}"
            ) from error
        return item

    @property
    def _aggregations(self) -> dict[str, str]:
        """By metric, the names of those that lm-eval has a name for."""
        from lm_eval.api.registry import AGGREGATION_REGISTRY

        names = {id(function): name for name, function in AGGREGATION_REGISTRY.items()}
        own = self.harness_task.aggregation()
        return {metric: names.get(id(function), "mean") for metric, function in own.items()}

    @property
    def _is_plain_choice(self) -> bool:
        """Whether it is right where the likeliest choice is."""
        task = self.harness_task
        return (
            task.OUTPUT_TYPE == "multiple_choice"
            and not callable(task.config.process_results)
            and "acc" in task.aggregation()
        )

    @property
    def _in_prompt(self) -> bool:
        """Whether choices stand in the prompt, before the same text; then they have no length."""
        return bool(getattr(self.harness_task, "multiple_input", 0))

    def _choices(self, row: dict[str, Any]) -> list[str]:
        task = self.harness_task
        if task.OUTPUT_TYPE != "multiple_choice" or task.config.doc_to_choice is None:
            return []
        return [str(choice) for choice in task.doc_to_choice(row)]

    def _question(self, row: dict[str, Any], choices: Sequence[str]) -> str:
        """Without examples and template."""
        text = self.harness_task.doc_to_text(row)
        if isinstance(text, str):
            return text or str(self.harness_task.doc_to_target(row))
        return "\n".join(choices)

    def _gold(self, row: dict[str, Any], target: Any, choices: Sequence[str]) -> list[str]:
        if self._in_prompt:
            target = self.harness_task.doc_to_text(row)
        values = target if isinstance(target, (list, tuple)) else [target]
        return [
            choices[value] if isinstance(value, int) and 0 <= value < len(choices) else str(value)
            for value in values
        ]


def _merged(instances: Sequence[Instance]) -> list[Instance]:
    """One request for all repetitions, with the responses of all; in the task's order."""
    merged: dict[int, Instance] = {}
    for instance in instances:
        first = merged.setdefault(instance.idx, replace(instance, resps=[], filtered_resps={}))
        first.resps += instance.resps
    for instance in merged.values():
        # Log-likelihoods are the same every time, and asked for once.
        instance.resps *= (instance.repeats or 1) // len(instance.resps) or 1
    return sorted(merged.values(), key=lambda instance: instance.idx)


def _made_up(instance: Instance) -> Any:
    if instance.request_type == "generate_until":
        return ""
    rolling = instance.request_type == "loglikelihood_rolling"
    return -1.0 - instance.idx if rolling else (-1.0 - instance.idx, False)


def _filtered_text(instance: Instance) -> str | None:
    value = next(iter(instance.filtered_resps.values()), None)
    return value if isinstance(value, str) else None


def _response(instances: Sequence[Instance]) -> str:
    """What the model wrote; its log-likelihoods where it wrote nothing."""
    written = [r for i in instances if i.request_type == "generate_until" for r in i.resps]
    if len(written) == 1:
        return str(written[0])
    if written:
        return json.dumps(written, ensure_ascii=False)
    first = [instance.resps[0] for instance in instances]
    return json.dumps([value if isinstance(value, float) else value[0] for value in first])
