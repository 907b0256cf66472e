"""Our tasks as tasks of the lm-evaluation-harness.

An open question yields one generation. A document of fact verification yields a generation (the
stated label and confidence) and one log-likelihood request per label after the answer prefix (the
model's own probabilities). The harness groups requests by kind and hands `process_results` all of
a document's results in their order.

Used by the YAML files beside the task cards, so the tasks run under plain
``lm_eval --include_path`` as they run under saeval. ``--metadata '{"seed": 43, "per_label":
"500,250,250", "data_dir": "…"}'`` samples as saeval's options of the same names do, and
``--metadata '{"answers": "RUN/predictions/triviaqa.jsonl"}'`` gives the tasks about a model's own
answers what they ask about.
"""

from __future__ import annotations

from typing import Any

import datasets
from lm_eval.api.instance import Instance
from lm_eval.api.task import ConfigurableTask

from saeval.tasks.data.loading import load_documents, part_of
from saeval.tasks.data.sampling import DEFAULT_SEED, parse_per_label, sample
from saeval.tasks.format.labels import ANSWER_PREFIX, LABELS, parse_answer
from saeval.tasks.grading.match import grade_question
from saeval.tasks.lm_eval.logprobs import label_probabilities
from saeval.tasks.registry import AnswersSource, MixedSource, get_task
from saeval.tasks.types import DataError


def load_dataset(
    task: str,
    *,
    seed: int = DEFAULT_SEED,
    per_label: str | None = None,
    data_dir: str | None = None,
    answers: str | list[str] | None = None,
    **_: Any,
) -> dict[str, datasets.Dataset]:
    """The sampled documents of a task as the harness wants them.

    A task about a model's own answers has an item for all of them: they were sampled before.
    Further keywords are the harness's own metadata (the version, model arguments).
    """
    chosen = get_task(task)
    documents = load_documents(chosen, data_dir, answers=answers, seed=seed)
    if not isinstance(chosen.source, AnswersSource):
        try:
            documents = sample(
                documents,
                seed=seed,
                per_label=None if per_label is None else parse_per_label(per_label),
                part=part_of if isinstance(chosen.source, MixedSource) else None,
            )
        except DataError as error:
            raise DataError(f"task {task}, per_label {per_label}: {error}") from error
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


def process_confidence(row: dict[str, Any], results: list[str]) -> dict[str, Any]:
    """Metrics of one reply about an own answer; ``brier`` and ``auroc`` of those with a number.

    ``acc`` is whether the certainty is on the right side of one half.
    """
    reading = get_task("confidence").read(row, results[0])
    scores: dict[str, Any] = {
        "acc": float(reading.prediction == row["target"]),
        "invalid": float(reading.confidence is None),
    }
    if reading.confidence is not None:
        right = row["target"] == "RIGHT"
        scores["brier"] = (reading.confidence - right) ** 2
        scores["auroc"] = (reading.confidence, right)
    return scores


def area_under_roc(items: list[tuple[float, bool]]) -> float:
    """AUROC over ``(confidence, right)``; NaN where all are right or all wrong."""
    from sklearn.metrics import roc_auc_score

    confidence, right = zip(*items, strict=True)
    return float(roc_auc_score(right, confidence)) if len(set(right)) == 2 else float("nan")


def process_choice(row: dict[str, Any], results: list[str]) -> dict[str, float]:
    """Metrics of one reply about two questions; ``first`` is of those that name one."""
    reading = get_task("pairwise").read(row, results[0])
    named = reading.status == "answered"
    scores = {"acc": float(reading.prediction == row["target"]), "invalid": float(not named)}
    return scores | ({"first": float(reading.prediction == "A")} if named else {})


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
