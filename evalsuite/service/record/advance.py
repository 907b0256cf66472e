"""What becomes of the answers of an evaluation: they are compared and gated, where it says so."""

from __future__ import annotations

from sqlalchemy.orm import Session

from saeval.evalsuite.client.wire import EvaluationRequest, VerdictRequest
from saeval.evalsuite.service.database.tables import Evaluation
from saeval.evalsuite.service.errors import ServiceError
from saeval.evalsuite.service.record.comparisons import create_comparison
from saeval.evalsuite.service.record.verdicts import create_verdict


def advance_evaluation(session: Session, evaluation: Evaluation) -> None:
    """Let the run of an evaluation be compared with its base, and gated by its policy.

    A base that is not there any more is said in the evaluation's `reason`.

    Parameters
    ----------
    session
        Of a transaction.
    evaluation
        With its `run_id`.
    """
    request = EvaluationRequest.model_validate(evaluation.request)
    if request.base is None or evaluation.run_id is None:
        return
    who = evaluation.created_by
    try:
        with session.begin_nested():
            if request.policy is None:
                comparison, _ = create_comparison(
                    session, request.base, evaluation.run_id, VerdictRequest().options, who
                )
                evaluation.comparison_id = comparison.id
                return
            wanted = VerdictRequest(
                base=request.base, checkpoint=evaluation.run_id, policy=request.policy
            )
            verdict, _ = create_verdict(session, wanted, who)
            evaluation.comparison_id, evaluation.verdict_id = verdict.comparison_id, verdict.id
    except ServiceError as error:
        evaluation.reason = f"its answers were not compared: {error}"
