"""Our tasks as tasks of the lm-evaluation-harness.

An open question yields one generation. A document of fact verification yields a generation (the
stated label and confidence) and one log-likelihood request per label after the answer prefix (the
model's own probabilities). The harness groups requests by kind and hands `process_verification` all
of a document's results in their order.

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

from saeval.errors import DataError
from saeval.tasks.data.loading import find_source_task, load_items
from saeval.tasks.data.sampling import DEFAULT_SEED, parse_per_label, sample_items
from saeval.tasks.format.labels import ANSWER_PREFIX, parse_label
from saeval.tasks.grading.match import grade_answer
from saeval.tasks.lm_eval.logprobs import compute_label_probabilities
from saeval.tasks.metacognition.replies import parse_choice_reply, parse_confidence_reply
from saeval.tasks.registry import get_task
from saeval.tasks.task import MixedSource, OwnAnswersSource
from saeval.tasks.types import VERIFICATION_LABELS


def load_dataset(
    task: str,
    *,
    seed: int = DEFAULT_SEED,
    per_label: str | None = None,
    data_dir: str | None = None,
    answers: str | list[str] | None = None,
    **_: Any,
) -> dict[str, datasets.Dataset]:
    """The sampled items of a task as the harness wants them.

    A task about a model's own answers has an item for all of them: they were sampled before.
    Further keywords are the harness's own metadata (the version, model arguments).
    """
    items = load_items(task, data_dir, answers=answers, seed=seed)
    source = get_task(task).source
    if not isinstance(source, OwnAnswersSource):
        try:
            items = sample_items(
                items,
                seed=seed,
                per_label=None if per_label is None else parse_per_label(per_label),
                group_of=find_source_task if isinstance(source, MixedSource) else None,
            )
        except DataError as error:
            raise DataError(f"task {task}, per_label {per_label}: {error}") from error
    return {"test": datasets.Dataset.from_list([item.as_row() for item in items])}


def process_verification(document: dict[str, Any], results: list[Any]) -> dict[str, float]:
    """Per-document metrics from ``[text, (logprob, is_greedy), …]``.

    ``acc`` counts an invalid response as wrong; ``probed_acc`` is whether the most probable
    label is right.
    """
    text, *scored = results
    answer = parse_label(text)
    probabilities = compute_label_probabilities([logprob for logprob, _ in scored])
    most_probable = max(probabilities, key=probabilities.__getitem__)
    return {
        "acc": float(answer.label == document["target"]),
        "abstained": float(answer.status == "abstained"),
        "invalid": float(answer.status == "invalid"),
        "probed_acc": float(most_probable == document["target"]),
    }


def process_question(row: dict[str, Any], results: list[str]) -> dict[str, float]:
    """Per-question metrics from ``[text]``: what became of it, and whether that is the target.

    ``acc`` counts an abstention as right where the question has no answer; ``process_correct`` is
    whether the right answer stands in the reasoning and is not the final answer.
    """
    parsed = grade_answer(row, results[0])
    prediction = parsed.prediction
    return {
        "acc": float(prediction == row["target"]),
        "correct": float(prediction == "RIGHT"),
        "incorrect": float(prediction == "WRONG"),
        "not_attempted": float(prediction == "UNKNOWN"),
        "invalid": float(prediction is None),
        "process_correct": float(parsed.right_in_reasoning),
    }


def process_confidence(row: dict[str, Any], results: list[str]) -> dict[str, Any]:
    """Metrics of one reply about an own answer; ``brier`` and ``auroc`` of those with a number.

    ``acc`` is whether the certainty is on the right side of one half.
    """
    parsed = parse_confidence_reply(row, results[0])
    scores: dict[str, Any] = {
        "acc": float(parsed.prediction == row["target"]),
        "invalid": float(parsed.confidence is None),
    }
    if parsed.confidence is not None:
        right = row["target"] == "RIGHT"
        scores["brier"] = (parsed.confidence - right) ** 2
        scores["auroc"] = (parsed.confidence, right)
    return scores


def compute_auroc(items: list[tuple[float, bool]]) -> float:
    """AUROC over ``(confidence, right)``; NaN where all are right or all wrong."""
    from sklearn.metrics import roc_auc_score

    confidence, right = zip(*items, strict=True)
    return float(roc_auc_score(right, confidence)) if len(set(right)) == 2 else float("nan")


def process_pairwise(row: dict[str, Any], results: list[str]) -> dict[str, float]:
    """Metrics of one reply about two questions; ``first`` is of those that name one."""
    parsed = parse_choice_reply(row, results[0])
    named = parsed.status == "answered"
    scores = {"acc": float(parsed.prediction == row["target"]), "invalid": float(not named)}
    return scores | ({"first": float(parsed.prediction == "A")} if named else {})


class VerificationTask(ConfigurableTask):  # type: ignore[misc]
    """The task class that the YAML files of fact verification name."""

    def __init__(self, config: dict[str, Any] | None = None, **kwargs: Any) -> None:
        settings = dict(config or {})
        settings.pop("class", None)  # how the harness found this class; not a field of its config
        super().__init__(config=settings, **kwargs)

    def construct_requests(self, doc: dict[str, Any], ctx: str, **kwargs: Any) -> list[Instance]:
        """The generation first, then one log-likelihood per label, in the order of the labels."""
        generation = super().construct_requests(doc, ctx, **kwargs)
        scored = [
            Instance(
                request_type="loglikelihood",
                doc=doc,
                arguments=(ctx + ANSWER_PREFIX, label),
                idx=index,
                metadata=kwargs["metadata"],
            )
            for index, label in enumerate(VERIFICATION_LABELS.names, start=1)
        ]
        return [generation, *scored]
