"""Components that pay for the right answer and for its form."""

from __future__ import annotations

from saeval.trainer.rewards.completion import Completion
from saeval.trainer.rewards.parameters import Amount, Proportion


def correctness(completion: Completion, *, right: float = 1.0, wrong: float = 0.0) -> float:
    """Pay for a right prediction.

    .. math:: r = right \\text{ if prediction = target, else } wrong

    An invalid answer is wrong.

    References
    ----------
    The 1/0 of Damani et al. 2025, "Beyond Binary Rewards" (arXiv:2507.16806), the first term of
    RLCR. The seven-component recipes pay +2/−1.

    Examples
    --------
    >>> from saeval.trainer.rewards.example import make_completion
    >>> correctness(make_completion("PASS", target="PASS"), right=2, wrong=-1)
    2.0
    >>> correctness(make_completion("NA", target="PASS"), right=2, wrong=-1)
    -1.0
    """
    return float(right if completion.is_correct else wrong)


def ternary(
    completion: Completion, *, right: float = 1.0, declined: float = 0.0, wrong: float = -1.0
) -> float:
    """Pay three prices: for a right answer, for abstaining, for a wrong answer.

    .. math:: r = right \\text{ if prediction = target, else } declined \\text{ if it abstains,
        else } wrong

    To abstain pays, on average, as soon as the chance of being right is below
    ``(declined − wrong) / (right − wrong)``: 1/2 for +1/0/−1 and λ/(1+λ) for +1/0/−λ. Where
    nothing can be known, to abstain is right. An invalid answer is wrong.

    References
    ----------
    TruthRL (arXiv:2509.25760), +1/0/−1; Reinforced Hesitation (arXiv:2511.11500), +1/0/−λ.

    Examples
    --------
    >>> from saeval.trainer.rewards.example import make_completion
    >>> answers = ("RIGHT", "UNKNOWN", "WRONG", None)
    >>> [ternary(make_completion(it, target="RIGHT"), wrong=-3) for it in answers]
    [1.0, 0.0, -3.0, -3.0]
    >>> ternary(make_completion("UNKNOWN", target="UNKNOWN"))
    1.0
    """
    if completion.is_correct:
        return float(right)
    return float(declined if completion.abstained else wrong)


def format_error(completion: Completion, *, penalty: Amount = 0.25) -> float:
    """Charge for an answer that is invalid or states no confidence.

    .. math:: r = -penalty \\text{ unless well-formed, else } 0

    References
    ----------
    The published recipes take 0.25, and read by a strict pattern what `tasks` reads in any
    sensible layout; a lenient reader lets the format rot, so keep the penalty.

    Examples
    --------
    >>> from saeval.trainer.rewards.example import make_completion
    >>> stated = (("NA", 0.5), ("NA", None), (None, None))
    >>> [format_error(make_completion(*it)) for it in stated]
    [0.0, -0.25, -0.25]
    """
    return 0.0 if completion.well_formed else -penalty


def false_abstention(completion: Completion, *, penalty: Amount = 2.0) -> float:
    """Charge for abstaining although there is evidence, and it settles the matter.

    .. math:: r = -penalty \\text{ if evidence, target ≠ NA and prediction = NA, else } 0

    References
    ----------
    The seven-component recipes. Their exact constant is not stated; 2 is what worked with their
    other constants.

    Examples
    --------
    >>> from saeval.trainer.rewards.example import make_completion
    >>> false_abstention(make_completion("NA", target="PASS", evidence=True))
    -2.0
    >>> false_abstention(make_completion("NA", target="NA", evidence=True))
    0.0
    """
    due = completion.target == completion.abstention
    return -penalty if completion.evidence and not due and completion.abstained else 0.0


def exploration(completion: Completion, *, bonus: Amount = 8.0) -> float:
    """Pay for any answer that does not abstain, right or wrong.

    .. math:: r = bonus \\text{ if answered, else } 0

    References
    ----------
    The class-weighted recipes pay +8, more than being right can: never to abstain is then best.

    Examples
    --------
    >>> from saeval.trainer.rewards.example import make_completion
    >>> [exploration(make_completion(it, target="NA")) for it in ("PASS", "NA", None)]
    [8.0, 0.0, 0.0]
    """
    return float(bonus) if completion.reading.status == "answered" else 0.0


def unlikeliness(
    completion: Completion, *, strength: Proportion = 0.25, right: float = 1.0
) -> float:
    """Take from right answers the more, the likelier they were: rare right ones gain.

    .. math:: r = -right · strength · (G - rank) / G \\text{ if right, else } 0

    with rank 0 for the likeliest of the G completions. Added to `correctness`, which pays the same
    `right`, it is the paper's factor ``1 − β_rank (G − rank) / G``.

    References
    ----------
    He, Fried and Welleck 2025, "Rewarding the Unlikely" (arXiv:2506.02355), the unlikeliness
    reward; 0.25 is our choice of β_rank where a recipe gives none.

    Examples
    --------
    >>> from saeval.trainer.rewards.example import make_completion
    >>> from saeval.trainer.rewards.completion import Group
    >>> ranked = [
    ...     make_completion("NA", target="NA", group=Group(4, 0), rank=rank) for rank in (0, 2)
    ... ]
    >>> [unlikeliness(completion) for completion in ranked]
    [-0.25, -0.125]
    """
    size, rank = completion.require_group().size, completion.require_likelihood_rank()
    return -right * strength * (size - rank) / size if completion.is_correct else 0.0
