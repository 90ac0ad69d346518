"""What lies far away: a log-in at a network is used no more at once, and dead when the network has said so."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from connectors.actions import CONNECTIONS, REVOKE
from connectors.models import SandboxCall, Withdrawal
from connectors.network import NeverSent, Outgoing, network
from core.wall import inside
from jobs.models import Job
from permissions.models import ApiKey
from permissions.needs import Need
from publishing.models import Post
from tenants.actions.accounts import connect_account, renew_credentials
from tenants.models import SocialAccount
from tests.cast import Person, events_of, key_of, run_due_jobs
from tests.conftest import North
from tests.permissions.revocation.conftest import Goodbye, line_of, report_on, work_off
from tests.publishing.stage import again, schedule, send

pytestmark = pytest.mark.django_db(transaction=True)


def connected(
    north: North, person: Person, at: datetime, *, network: str = "sandbox", **credentials: str
) -> SocialAccount:
    with inside(north.agency.pk):
        return connect_account(
            brand_id=north.aurora.pk, network=network, handle="@leas", credentials=credentials, by=person.actor, at=at
        )


def fresh(account: SocialAccount) -> SocialAccount:
    with inside(account.agency_id):
        return SocialAccount.objects.get(pk=account.pk)


def test_the_network_revokes_what_they_connected_with_their_own_log_in(
    north: North, ana: Person, lea: Person, now: datetime, say_goodbye: Goodbye
) -> None:
    account = connected(north, lea, now, token="t")
    report = say_goodbye(lea)
    line = line_of(report, CONNECTIONS)
    assert (line["finding"], line["ended"], line["left"]) == ("confirmed", 1, 0)
    with inside(north.agency.pk):
        row = Withdrawal.objects.get()
        assert (row.proof, row.credentials) == ("network", None)
        assert [call.verb for call in SandboxCall.objects.filter(account=account)] == ["revoke"]
    with pytest.raises(NeverSent, match="bad_credentials"):
        network("sandbox").publish(account, Outgoing("Hello.", "key"), 1.0)
    assert fresh(account).credentials is None
    assert [name for name, _, _ in events_of(account)][1:] == [
        "account.credentials_withdrawn", "account.health_changed", "account.access_revoked",
    ]  # fmt: skip
    assert "Connect @leas on sandbox anew, with another log-in." in {task["title"] for task in report["tasks"]}


def test_it_is_unconfirmed_until_the_network_has_answered(
    north: North, ana: Person, lea: Person, now: datetime
) -> None:
    connected(north, lea, now, behaviour="accept_then_timeout", delay_ms="0")
    ana.post(f"seats/{lea.seat.pk}/revoke", {"reason": "left"})
    run_due_jobs("permissions.verify_revocation")
    assert line_of(report_on(lea, by=ana), CONNECTIONS)["finding"] == "unconfirmed"
    run_due_jobs(REVOKE)
    with inside(north.agency.pk):
        assert (Withdrawal.objects.get().proof, Withdrawal.objects.get().problem) == ("", "timeout")
    Job.objects.filter(state="READY").update(due_at=now)
    run_due_jobs(REVOKE)
    with inside(north.agency.pk):
        assert Withdrawal.objects.get().proof == "refused", "it had obeyed, and says so now"
    Job.objects.filter(state="READY").update(due_at=now)
    run_due_jobs("permissions.verify_revocation")
    assert line_of(report_on(lea, by=ana), CONNECTIONS)["finding"] == "confirmed"


def test_credentials_that_the_network_refuses_are_proof(
    north: North, ana: Person, lea: Person, now: datetime, say_goodbye: Goodbye
) -> None:
    account = connected(north, lea, now)
    network("sandbox").revoke(account, 1.0)
    assert line_of(say_goodbye(lea), CONNECTIONS)["finding"] == "confirmed"
    with inside(north.agency.pk):
        assert Withdrawal.objects.get().proof == "refused"


def test_a_network_that_never_answers_becomes_a_task_for_people(
    north: North, ana: Person, lea: Person, now: datetime, say_goodbye: Goodbye
) -> None:
    connected(north, lea, now, network="elsewhere")
    assert line_of(say_goodbye(lea), CONNECTIONS)["finding"] == "unconfirmed"
    for _ in range(10):
        Job.objects.filter(handler=REVOKE, state="READY").update(due_at=now)
        run_due_jobs(REVOKE)
    run_due_jobs()
    report = report_on(lea, by=ana)
    assert line_of(report, CONNECTIONS)["finding"] == "human_task"
    assert any("by hand" in task["title"] for task in report["tasks"])
    work_off(lea, ana)
    assert report_on(lea, by=ana)["complete"] is True


def test_posts_to_it_are_held_until_somebody_connects_it_anew(
    north: North, ana: Person, lea: Person, now: datetime, say_goodbye: Goodbye
) -> None:
    account = connected(north, lea, now)
    post = schedule(account, ana)
    say_goodbye(lea)
    send(post)
    assert (again(post).stage, again(post).held_reason) == ("HELD", "not_connected")
    with inside(north.agency.pk):
        renew_credentials(account_id=account.pk, credentials={}, by=ana.actor, at=timezone.now())
    assert ana.post(f"posts/{post.pk}/release", If_Match=f'"{post.pk}-1"').status == 200
    send(post)
    assert again(post).stage == "PUBLISHED"


# -- posts that an API key scheduled --------------------------------------------------------------------------------


def scheduled_by_key(north: North, person: Person) -> Post:
    key = key_of(person, Need.POSTS_SCHEDULE, Need.BRANDS_READ)
    answer = key.post(
        "posts", {"account": str(north.aurora_account.pk), "text": "Hi.", "scheduled_at": timezone.now().isoformat()}
    )
    assert answer.status == 201, answer.body
    with inside(north.agency.pk):
        return Post.objects.get(pk=answer.body["id"])


@pytest.mark.parametrize("end", ["revoked", "expired"])
def test_what_a_key_scheduled_is_held_when_the_key_has_ended(north: North, ana: Person, lea: Person, end: str) -> None:
    post = scheduled_by_key(north, lea)
    if end == "revoked":
        assert ana.post(f"keys/{post.author_key_id}/revoke", {"reason": "leaked"}).status == 200
    else:
        with inside(north.agency.pk):
            over = timezone.now() - timedelta(seconds=1)
            ApiKey.objects.filter(pk=post.author_key_id).update(expires_at=over)
    send(post)
    assert (again(post).stage, again(post).held_reason) == ("HELD", "key_ended")
    assert ana.post(f"posts/{post.pk}/release", If_Match=f'"{post.pk}-1"').status == 200
    send(post)
    assert (again(post).stage, again(post).author_key_id) == ("PUBLISHED", None)


def test_what_a_living_key_scheduled_goes_out(north: North, lea: Person) -> None:
    post = scheduled_by_key(north, lea)
    send(post)
    assert again(post).stage == "PUBLISHED"
