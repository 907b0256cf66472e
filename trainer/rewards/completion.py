"""What a reward may look at: one parsed completion, and where it stands in its group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from saeval.errors import RewardError
from saeval.tasks.types import ParsedResponse


@dataclass(frozen=True)
class Group:
    """The completions of one prompt, counted.

    Attributes
    ----------
    size
        Number of completions.
    n_correct
        How many of them gave the right answer; an abstention is no answer, even where it is right.
    """

    size: int
    n_correct: int


@dataclass(frozen=True)
class Completion:
    """One completion.

    Attributes
    ----------
    reading
        What its task parses from it: prediction, status, stated confidence.
    target
        The right prediction.
    abstention
        The prediction that abstains: ``NA`` for verification, ``UNKNOWN`` for questions.
    evidence
        Whether the prompt shows any evidence; False for questions.
    probabilities
        The policy's own probability of each label, given the prompt; None if not probed.
    group
        The completions of the same prompt, this one among them; None if not counted.
    likelihood_rank
        Rank in the group by sequence probability, 0 for the likeliest; None if not ranked.
    step, steps
        Optimisation steps done, and how many there will be.
    """

    reading: ParsedResponse
    target: str
    abstention: str
    evidence: bool = False
    probabilities: Mapping[str, float] | None = None
    group: Group | None = None
    likelihood_rank: int | None = None
    step: int = 0
    steps: int = 1

    @property
    def is_correct(self) -> bool:
        """Whether the prediction is the target; an abstention can be."""
        return self.reading.prediction == self.target

    @property
    def answered_correctly(self) -> bool:
        """Whether it is correct and no abstention."""
        return self.is_correct and self.reading.status == "answered"

    @property
    def abstained(self) -> bool:
        """Whether it is an abstention."""
        return self.reading.status == "abstained"

    @property
    def well_formed(self) -> bool:
        """Whether it is valid and states a confidence."""
        return self.reading.status != "invalid" and self.reading.confidence is not None

    @property
    def label(self) -> str:
        """The prediction, where an invalid completion counts as an abstention."""
        return self.reading.prediction or self.abstention

    def require_probabilities(self) -> Mapping[str, float]:
        """`probabilities`; RewardError if they were not probed."""
        if self.probabilities is None:
            raise RewardError("the policy's label probabilities were not probed")
        return self.probabilities

    def require_group(self) -> Group:
        """`group`; RewardError if it was not counted."""
        if self.group is None:
            raise RewardError("the completions of the prompt were not counted")
        return self.group

    def require_likelihood_rank(self) -> int:
        """`likelihood_rank`; RewardError if it was not ranked."""
        if self.likelihood_rank is None:
            raise RewardError("the completions of the prompt were not ranked by likelihood")
        return self.likelihood_rank


def warmup_factor(completion: Completion, warmup_steps: int) -> float:
    """A factor that rises linearly to 1 in the first `warmup_steps` steps.

    ``min(1, (step + 1) / warmup_steps)``, and 1 throughout without a warm-up.
    """
    return min(1.0, (completion.step + 1) / warmup_steps) if warmup_steps else 1.0
