"""Our tasks as tasks of the lm-evaluation-harness.

An open question yields one generation. A document of fact verification yields a generation (the
stated label and confidence) and one log-likelihood request per label after the answer prefix (the
model's own probabilities). The harness groups requests by kind and hands `process_results` all of
a document's results in their order.

Used by the YAML files beside the task cards, so the tasks run under plain
``lm_eval --include_path`` as they run under saeval. ``--metadata '{"seed": 43, "per_label":
"500,250,250", "data_dir": "…"}'`` samples as saeval's options of the same names do.
"""

from __future__ import annotations

from typing import Any

import datasets
from lm_eval.api.instance import Instance
from lm_eval.api.task import ConfigurableTask

from tasks.answers import ANSWER_PREFIX, LABELS, parse_answer
from tasks.grading import grade_question
from tasks.harness_results import label_probabilities
from tasks.loading import load_documents, part_of
from tasks.registry import MixedSource, get_task
from tasks.sampling import DEFAULT_SEED, parse_per_label, sample


def load_dataset(
    task: str,
    *,
    seed: int = DEFAULT_SEED,
    per_label: str | None = None,
    data_dir: str | None = None,
    **_: Any,
) -> dict[str, datasets.Dataset]:
    """The sampled documents of a task as the harness wants them.

    Further keywords are the harness's own metadata (the version, model arguments).
    """
    mixed = isinstance(get_task(task).source, MixedSource)
    documents = sample(
        load_documents(get_task(task), data_dir),
        seed=seed,
        per_label=None if per_label is None else parse_per_label(per_label),
        part=part_of if mixed else None,
    )
    return {"test": datasets.Dataset.from_list([document.as_row() for document in documents])}


def process_results(document: dict[str, Any], results: list[Any]) -> dict[str, float]:
    """Per-document metrics from ``[text, (logprob, is_greedy), …]``.

    ``acc`` counts an unreadable answer as wrong; ``probed_acc`` is whether the most probable
    label is right.
    """
    text, *scored = results
    answer = parse_answer(text)
    probabilities = label_probabilities([logprob for logprob, _ in scored])
    likeliest = max(probabilities, key=probabilities.__getitem__)
    return {
        "acc": float(answer.label == document["target"]),
        "abstained": float(answer.status == "abstained"),
        "invalid": float(answer.status == "invalid"),
        "probed_acc": float(likeliest == document["target"]),
    }


def process_question(row: dict[str, Any], results: list[str]) -> dict[str, float]:
    """Per-question metrics from ``[text]``: what became of it, and whether that is the target.

    ``acc`` counts an abstention as right where the question has no answer; ``process_correct`` is
    whether the right answer stands in the reasoning and is not the final answer.
    """
    reading = grade_question(row, results[0])
    prediction = reading.prediction
    return {
        "acc": float(prediction == row["target"]),
        "correct": float(prediction == "RIGHT"),
        "incorrect": float(prediction == "WRONG"),
        "not_attempted": float(prediction == "UNKNOWN"),
        "invalid": float(prediction is None),
        "process_correct": float(reading.right_in_reasoning),
    }


class VerificationTask(ConfigurableTask):  # type: ignore[misc]
    """The task class that the YAML files of fact verification name."""

    def __init__(self, config: dict[str, Any] | None = None, **kwargs: Any) -> None:
        settings = dict(config or {})
        settings.pop("class", None)  # how the harness found this class; not a field of its config
        super().__init__(config=settings, **kwargs)

    def construct_requests(self, doc: dict[str, Any], ctx: str, **kwargs: Any) -> list[Instance]:
        """The generation first, then one log-likelihood per label, in the order of `LABELS`."""
        generation = super().construct_requests(doc, ctx, **kwargs)
        scored = [
            Instance(
                request_type="loglikelihood",
                doc=doc,
                arguments=(ctx + ANSWER_PREFIX, label),
                idx=index,
                metadata=kwargs["metadata"],
            )
            for index, label in enumerate(LABELS, start=1)
        ]
        return [generation, *scored]
