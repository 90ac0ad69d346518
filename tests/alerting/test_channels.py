"""Places where a team reads: made, told, removed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from alerting.actions import create_channel
from alerting.actions.notifications import queue_notifications
from alerting.models import Channel
from core.wall import inside
from jobs.models import Job
from tests.alerting.conftest import Hook, Mailbox
from tests.alerting.scene import notifications_of, page_in
from tests.alerting.twilio import Twilio
from tests.cast import Person, events_of, run_due_jobs
from tests.conftest import North

pytestmark = pytest.mark.django_db(transaction=True)

ROOM = {"name": "War room", "transport": "email", "address": "team@north.example"}


def channel_of(person: Person, transport: str, address: str, at: datetime, **more: Any) -> Channel:
    with inside(person.agency.pk):
        return create_channel(
            **{
                "brand_id": None, "name": f"{transport} {address}"[:120], "transport": transport, "address": address,
                "language": "en", "by": person.actor, "at": at, **more,
            }
        )  # fmt: skip


def test_a_channel_is_made_and_its_address_never_shown(north: North, lea: Person) -> None:
    answer = lea.post("channels", {**ROOM, "brand": str(north.aurora.pk), "language": "ru"})
    assert answer.status == 201, answer.body
    assert (answer.body["address_hint"], answer.body["language"]) == ("t…@north.example", "ru")
    assert "team@north.example" not in str(answer.body)
    with inside(north.agency.pk):
        channel = Channel.objects.get(pk=answer.body["id"])
        with connection.cursor() as cursor:
            cursor.execute("SELECT address FROM alerting_channel WHERE id = %s", [channel.pk])
            assert b"team@north" not in bytes(cursor.fetchone()[0])
    facts = {"name": "War room", "transport": "email"}
    assert events_of(channel) == [("channel.created", str(lea.actor), facts)]
    assert lea.post("channels", ROOM).code == "channel_name_taken"


def test_a_channel_is_revised_by_whoever_saw_it(north: North, lea: Person) -> None:
    made = lea.post("channels", ROOM)
    path = f"channels/{made.body['id']}"
    assert lea.patch(path, {"name": "Newsroom"}).status == 428
    answer = lea.patch(path, {"name": "Newsroom"}, If_Match=made.etag)
    assert (answer.body["name"], answer.body["address_hint"]) == ("Newsroom", "t…@north.example")
    moved = lea.patch(path, {"address": "news@north.example"}, If_Match=answer.etag)
    assert moved.body["address_hint"] == "n…@north.example"
    assert lea.patch(path, {"address": "not one"}, If_Match=moved.etag).status == 400
    with inside(north.agency.pk):
        channel = Channel.objects.get(pk=made.body["id"])
    assert [event[2] for event in events_of(channel)[1:]] == [
        {"version": 2, "moved": False},
        {"version": 3, "moved": True},
    ]


def test_a_channel_gets_the_page_and_no_link_to_take_it(
    north: North, lea: Person, mailbox: Mailbox, hook: Hook, twilio: Twilio, now: datetime
) -> None:
    channels = [
        channel_of(lea, "email", "team@north.example", now),
        channel_of(lea, "webhook", hook.url, now),
        channel_of(lea, "sms", "+998901234567", now, language="uz"),
    ]
    page = page_in(north.agency.pk, brand_id=north.aurora.pk)
    with inside(north.agency.pk):
        told = queue_notifications(page, step=1, seat_ids=[], channel_ids=[one.pk for one in channels], at=now)
    assert [(row.seat_id, row.contact_id) for row in told] == [(None, None)] * 3
    run_due_jobs("alerting.notify")
    stages = {row.transport: row.stage for row in notifications_of(page)}
    assert stages == {"email": "SENT", "webhook": "DELIVERED", "sms": "SENT"}
    for text in (mailbox.texts[0], hook.bodies[0]["text"], twilio.forms[0]["Body"]):
        assert "Volume is nine times the usual" in text
        assert "/v1/acknowledge/" not in text
    assert "OK" not in twilio.forms[0]["Body"]
    sent = [facts for name, _, facts in events_of(page) if name == "page.notification_sent"]
    assert [facts["seat_id"] for facts in sent] == [None] * 3


def test_a_removed_channel_is_told_nothing_and_its_address_forgotten(
    north: North, lea: Person, mailbox: Mailbox, now: datetime
) -> None:
    channel = channel_of(lea, "email", "team@north.example", now)
    page = page_in(north.agency.pk)
    with inside(north.agency.pk):
        queue_notifications(page, step=1, seat_ids=[], channel_ids=[channel.pk], at=now)
    assert lea.delete(f"channels/{channel.pk}").status == 204
    run_due_jobs("alerting.notify")
    assert (mailbox.mails, [row.stage for row in notifications_of(page)]) == ([], ["DROPPED"])
    with inside(north.agency.pk):
        assert Channel.objects.get(pk=channel.pk).address is None
        assert queue_notifications(page, step=2, seat_ids=[], channel_ids=[channel.pk], at=now) == []
    assert lea.get(f"channels/{channel.pk}").status == 404
    assert lea.post("channels", {**ROOM, "name": channel.name}).status == 201


def test_a_test_message_goes_there(north: North, lea: Person, hook: Hook, now: datetime) -> None:
    channel = channel_of(lea, "webhook", hook.url, now)
    assert lea.post(f"channels/{channel.pk}/test").status == 202
    run_due_jobs("alerting.send_channel_test")
    assert hook.bodies[0]["kind"] == "test"
    hook.answers = [(410, {})]
    lea.post(f"channels/{channel.pk}/test")
    run_due_jobs("alerting.send_channel_test")
    assert [name for name, _, _ in events_of(channel)[-2:]] == ["channel.tested", "channel.unreachable"]
    assert not Job.objects.filter(state="READY", due_at__lte=timezone.now(), handler="alerting.send_channel_test")


def test_channels_are_read_by_staff_and_written_by_leads(
    *, north: North, lea: Person, bo: Person, dee: Person, cy: Person, eve: Person
) -> None:
    made = lea.post("channels", {**ROOM, "brand": str(north.aurora.pk)}).body
    other = lea.post("channels", {**ROOM, "name": "Other", "brand": str(north.borealis.pk)}).body
    assert dee.get(f"channels/{made['id']}").status == 200
    assert bo.get(f"channels/{made['id']}").status == 200
    assert bo.get(f"channels/{other['id']}").status == 404
    assert dee.post("channels", ROOM).status == 403
    assert cy.get("channels").status == 403
    assert [one["id"] for one in lea.get(f"channels?brand={north.aurora.pk}").body["items"]] == [made["id"]]
    for answer in (
        eve.get(f"channels/{made['id']}"),
        eve.patch(f"channels/{made['id']}", {"name": "Mine"}, If_Match='"x"'),
        eve.delete(f"channels/{made['id']}"),
        eve.post(f"channels/{made['id']}/test"),
        eve.post("/v1/agencies/north/channels", ROOM),
    ):
        assert answer.status == 404
    assert eve.post("channels", {**ROOM, "brand": str(north.aurora.pk)}).body["errors"][0]["field"] == "brand"
