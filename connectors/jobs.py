"""What machines do for connectors: have a network revoke a log-in."""

from __future__ import annotations

from uuid import UUID

from connectors.actions import REVOKE, note_problem, note_proof
from connectors.models import Withdrawal
from connectors.network import BAD_CREDENTIALS, NeverSent, OutcomeUnknown, network_of
from core.actor import Actor
from core.failpoints import failpoint
from core.wall import inside
from jobs.handlers import Run, TryAgain, job

DEADLINE_S = 10.0
BY = Actor.rule("connectors")


@job(REVOKE, queue="publish", semantics="at_least_once", max_attempts=10, lease=60, transactional=False)
def revoke_access(run: Run) -> None:
    """Call until the network has confirmed it, or refuses the credentials; after the last try people have to."""
    withdrawal_id = UUID(run.args["withdrawal_id"])
    with inside(run.agency_id):
        row: Withdrawal = Withdrawal.objects.select_related("account__brand").get(pk=withdrawal_id)
        account = row.account
    if row.proven_at is not None:
        return
    account.credentials, account.credentials_set_at = row.credentials, row.credentials_set_at
    proof, problem = "network", ""
    try:
        network_of(account).revoke(account, DEADLINE_S)
    except NeverSent as refusal:
        proof, problem = "refused", refusal.reason
    except OutcomeUnknown as doubt:
        problem = doubt.reason
    failpoint("connectors.after_revoke")
    proven = problem in ("", BAD_CREDENTIALS)
    with inside(run.agency_id):
        if proven:
            note_proof(withdrawal_id=withdrawal_id, proof=proof, by=BY, at=run.at)
        else:
            note_problem(withdrawal_id=withdrawal_id, problem=problem, gives_up=run.last_attempt, by=BY, at=run.at)
    if not proven and not run.last_attempt:
        raise TryAgain(problem)
