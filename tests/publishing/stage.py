"""What the tests of publishing set up again and again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import close_old_connections, connections
from django.utils import timezone

from approvals.actions import decide_approval, request_approval
from approvals.models import Approval
from approvals.payload import deliveries_payload
from connectors.models import SandboxCall, SandboxPost
from core.ids import uuid7
from core.wall import inside
from jobs.actions import run_job
from jobs.models import Job
from publishing.actions import schedule_post
from publishing.models import Attempt, Post
from tenants.models import SocialAccount
from tests.cast import Person

GATE, RECONCILER = "rule:release gate", "rule:reconciler"


def schedule(
    account: SocialAccount,
    author: Person,
    text: str = "Fresh rolls today.",
    *,
    at: datetime | None = None,
    scheduled_at: datetime | None = None,
    approval: Approval | None = None,
) -> Post:
    """A post, due at once unless said otherwise: routine, or in the statement lane with an approval."""
    at = at or timezone.now()
    with inside(account.agency_id):
        return schedule_post(
            account_id=account.pk,
            text=text,
            scheduled_at=scheduled_at or at,
            lane="statement" if approval else "routine",
            approval_id=approval.pk if approval else None,
            digest=approval.digest if approval else None,
            incident_id=None,
            by=author.actor,
            at=at,
        )


def approve(account: SocialAccount, author: Person, approver: Person, text: str) -> Approval:
    """An approval that one person, a crisis lead, has granted to exactly this text."""
    with inside(account.agency_id):
        approval = request_approval(
            brand_id=account.brand_id,
            about_kind="tests.text",
            about_id=uuid7(),
            payload=deliveries_payload(brand_id=account.brand_id, language="en", deliveries=[(account.pk, text)]),
            stages=[{"name": "lead", "role": "crisis_lead", "side": "staff", "quorum": 1}],
            author_seat_ids=[author.seat.pk],
            expires_at=None,
            by=author.actor,
            at=timezone.now(),
        )
        return decide_approval(
            approval_id=approval.pk,
            verdict="approve",
            digest=approval.digest,
            comment="",
            caller=approver.caller(),
            at=timezone.now(),
        )


def behave(account: SocialAccount, behaviour: str, delay_ms: int | None = None) -> None:
    """Tell the sandbox how to treat an account from now on."""
    with inside(account.agency_id):
        account.credentials = {"behaviour": behaviour} | ({} if delay_ms is None else {"delay_ms": delay_ms})
        account.save(update_fields=["credentials"])


def again(post: Post) -> Post:
    """The post as it is now."""
    with inside(post.agency_id):
        return Post.objects.get(pk=post.pk)


def attempts(post: Post) -> list[Attempt]:
    with inside(post.agency_id):
        return list(Attempt.objects.filter(post_id=post.pk).order_by("id"))


def calls(account: SocialAccount) -> list[SandboxCall]:
    with inside(account.agency_id):
        return list(SandboxCall.objects.filter(account_id=account.pk).order_by("id"))


def out_there(account: SocialAccount) -> list[str]:
    """The texts that the public can read."""
    with inside(account.agency_id):
        return list(
            SandboxPost.objects.filter(account_id=account.pk, deleted_at=None)
            .order_by("id")
            .values_list("text", flat=True)
        )


def ring(handler: str, key: object) -> bool:
    """Do one pending job now, whenever it is due; says whether there was one to do."""
    job = Job.objects.filter(handler=handler, key=str(key), state="READY").first()
    if job is None:
        return False
    Job.objects.filter(pk=job.pk).update(due_at=timezone.now() - timedelta(minutes=1))
    return run_job(job_id=job.pk, handler_name=handler, at=timezone.now())


def send(post: Post) -> bool:
    return ring("publishing.send_post", post.pk)


def pending(handler: str, key: object) -> Job | None:
    return Job.objects.filter(handler=handler, key=str(key), state="READY").first()


def job_of(handler: str, key: UUID) -> Job:
    return Job.objects.get(handler=handler, key=str(key))


class Threads:
    """Runs functions side by side, each on its own connection, and brings back what they raised."""

    def __init__(self) -> None:
        self.running: list[threading.Thread] = []
        self.problems: list[BaseException] = []

    def start(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> threading.Thread:
        def run() -> None:
            try:
                function(*args, **kwargs)
            except BaseException as problem:  # noqa: BLE001 - raised again by join()
                self.problems.append(problem)
            finally:
                connections.close_all()

        thread = threading.Thread(target=run)
        self.running.append(thread)
        thread.start()
        return thread

    def join(self, seconds: float = 30) -> None:
        for thread in self.running:
            thread.join(seconds)
            assert not thread.is_alive(), "a thread hangs"
        self.running.clear()
        close_old_connections()
        if self.problems:
            raise self.problems[0]
