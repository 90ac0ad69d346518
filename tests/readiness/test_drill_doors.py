"""Nobody outside hears of a drill: every way out is tried, and what goes out says what it is."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from alerting.actions import (
    create_channel,
    raise_page,
    write_personal_rules,
)
from alerting.actions.notifications import queue_notifications
from alerting.models import Notification, Page
from alerting.queries.drills import MARK, as_drill
from alerting.queries.recipients import recipients
from alerting.transports.message import Message
from connectors.models import SandboxCall, SandboxPost
from connectors.network import NETWORKS, NeverSent, network_of
from connectors.seam import Receipt
from core.wall import inside
from incidents.actions import open_incident
from incidents.actions.work import hand_out
from listening.actions.contagion import find_contagions
from listening.models import Source, Story
from publishing.actions import schedule_post
from publishing.models import Post
from readiness.actions import add_contact, ask_contact, end_drill
from readiness.models import Drill
from tenants.actions.invitations import send_invitation
from tenants.models import Brand, SocialAccount
from tests.alerting.conftest import Hook, Mailbox
from tests.alerting.scene import reach
from tests.alerting.twilio import Twilio
from tests.cast import SETTING_THE_STAGE, Person, run_due_jobs
from tests.conftest import North
from tests.readiness.drilling import put_in_force, reread, started, twin_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def drill(north: North, ana: Person, lea: Person, bo: Person, dee: Person, cy: Person, now: datetime) -> Drill:
    """Lea and Bo play; Ana, Dee and the client do not."""
    put_in_force(north, ana, now)
    return started(north, ana, [lea, bo], at=now)


@pytest.fixture
def twin(drill: Drill) -> Brand:
    return twin_of(drill)


def page_about(twin: Brand, at: datetime, **more: object) -> Page:
    said = {"brand_id": twin.pk, "cause_kind": "listening.signal", "cause_id": uuid4(), "severity": 1}
    with inside(twin.agency_id):
        return raise_page(**said | {"headline": "Much talk"} | more, by=SETTING_THE_STAGE, at=at)  # type: ignore[arg-type]


# -- who is told ----------------------------------------------------------------------------------------------------


def test_a_page_goes_to_those_who_play_and_says_so(
    north: North,
    twin: Brand,
    lea: Person,
    bo: Person,
    mailbox: Mailbox,
    now: datetime,
) -> None:
    page_about(twin, now)
    run_due_jobs("alerting.climb_page")
    run_due_jobs("alerting.notify")
    assert set(mailbox.addresses) == {lea.user.email, bo.user.email}
    for (_, mail), text in zip(mailbox.mails, mailbox.texts, strict=True):
        assert mail["Subject"].startswith(MARK)
        assert text.startswith(f"{MARK} This is a drill. Nothing of it is real.\n")
        assert "DRILL Aurora" in text


def test_whatever_a_step_names_only_those_who_play_are_meant(
    north: North,
    twin: Brand,
    ana: Person,
    lea: Person,
    dee: Person,
    cy: Person,
    hook: Hook,
    now: datetime,
) -> None:
    with inside(north.agency.pk):
        room = create_channel(
            name="Room", transport="webhook", address=hook.url, brand_id=None, language="en", by=ana.actor, at=now
        )
    page = page_about(twin, now)
    targets = [
        {"seat": str(ana.seat.pk)}, {"seat": str(cy.seat.pk)}, {"role": "owner"}, {"role": "crisis_lead"},
        {"role": "responder"}, {"channel": str(room.pk)}, {"duty": "commander"},
    ]  # fmt: skip
    with inside(north.agency.pk):
        told = recipients(page, targets, now)
    assert (told.seats, told.channels) == ((lea.seat.pk,), ())


def test_what_was_queued_for_somebody_else_is_dropped_at_the_door(
    north: North,
    twin: Brand,
    ana: Person,
    dee: Person,
    mailbox: Mailbox,
    hook: Hook,
    now: datetime,
) -> None:
    with inside(north.agency.pk):
        room = create_channel(
            name="Room", transport="webhook", address=hook.url, brand_id=None, language="en", by=ana.actor, at=now
        )
    reach(dee, "webhook", hook.url, at=now)
    page = page_about(twin, now)
    with inside(north.agency.pk):
        rows = queue_notifications(page, step=1, seat_ids=[ana.seat.pk, dee.seat.pk], channel_ids=[room.pk], at=now)
    assert len(rows) == 3
    run_due_jobs("alerting.notify")
    assert (mailbox.addresses, hook.requests) == ([], [])
    with inside(north.agency.pk):
        stages = Notification.objects.filter(pk__in=[row.pk for row in rows]).values_list("stage", flat=True)
        assert set(stages) == {"DROPPED"}


def test_a_room_of_the_twin_is_not_even_tested(
    north: North,
    twin: Brand,
    ana: Person,
    hook: Hook,
    now: datetime,
) -> None:
    with inside(north.agency.pk):
        room = create_channel(
            name="Room", transport="webhook", address=hook.url, brand_id=twin.pk, language="en", by=ana.actor, at=now
        )
    assert ana.post(f"channels/{room.pk}/test").status in {200, 202}
    run_due_jobs()
    assert hook.requests == []


def test_when_the_drill_is_over_nobody_is_told_any_more(
    north: North,
    drill: Drill,
    twin: Brand,
    lea: Person,
    mailbox: Mailbox,
    now: datetime,
) -> None:
    page = page_about(twin, now)
    with inside(north.agency.pk):
        queue_notifications(page, step=1, seat_ids=[lea.seat.pk], at=now)
        end_drill(drill_id=drill.pk, by=lea.actor, at=now)
        assert Page.objects.found(page.pk).stage == "RESOLVED"
        late = raise_page(
            brand_id=twin.pk, cause_kind="listening.signal", cause_id=uuid4(), severity=1, headline="Late",
            by=SETTING_THE_STAGE, at=now,
        )  # fmt: skip
        assert not recipients(late, [{"role": "crisis_lead"}], now)
    run_due_jobs("alerting.climb_page")
    run_due_jobs("alerting.notify")
    assert mailbox.mails == []


# -- what is sent ---------------------------------------------------------------------------------------------------

WORDS = {"en": "This is a drill.", "uz": "Bu mashq.", "ru": "Это учения."}


@pytest.mark.parametrize("language", list(WORDS))
def test_every_form_of_a_message_is_marked_in_every_language(language: str) -> None:
    plain = Message(uuid4(), "K7QF", "Subject", "Text", {"kind": "page"}, language, "Short", "Spoken")
    marked = as_drill(plain)
    assert (marked.id, marked.reference, marked.token) == (plain.id, plain.reference, plain.token)
    assert marked.subject == f"{MARK} Subject"
    assert marked.text.startswith(f"{MARK} {WORDS[language]}")
    assert marked.text.endswith("\n\nText")
    assert marked.short == f"{MARK} Short"
    assert marked.spoken.startswith(WORDS[language])
    assert marked.data == {"kind": "page", "drill": True}


def speaks(person: Person, language: str, at: datetime) -> None:
    with inside(person.agency.pk):
        write_personal_rules(
            seat_id=person.seat.pk, language=language, time_zone="UTC", usual=[], important=[], quiet_hours=[],
            by=person.actor, at=at,
        )  # fmt: skip


@pytest.mark.parametrize("language", ["en", "ru"])
def test_text_messages_calls_and_webhooks_say_that_it_is_a_drill(
    north: North,
    twin: Brand,
    lea: Person,
    twilio: Twilio,
    hook: Hook,
    language: str,
    now: datetime,
) -> None:
    speaks(lea, language, now)
    for transport, address in (("sms", "+4915112345678"), ("voice", "+4915112345678"), ("webhook", hook.url)):
        reach(lea, transport, address, at=now)
    run_due_jobs()
    twilio.asked.clear()
    hook.requests.clear()
    page = page_about(twin, now)
    with inside(north.agency.pk):
        queue_notifications(page, step=1, seat_ids=[lea.seat.pk], at=now)
    run_due_jobs("alerting.notify")
    said = dict(twilio.asked)
    assert said["Messages.json"]["Body"].startswith(MARK)
    assert WORDS[language].rstrip(".") in said["Calls.json"]["Twiml"]
    assert len(hook.bodies) == 1
    assert hook.bodies[0]["drill"] is True
    assert hook.bodies[0]["text"].startswith(f"{MARK} {WORDS[language]}")


# -- letters --------------------------------------------------------------------------------------------------------


def test_a_letter_about_a_twin_goes_to_those_who_play_and_says_so(
    north: North,
    twin: Brand,
    lea: Person,
    dee: Person,
    mailbox: Mailbox,
    now: datetime,
) -> None:
    with inside(north.agency.pk):
        incident = open_incident(
            brand_id=twin.pk, title="Played", kind="insensitive_post", severity=3, cause_kind="", cause_id=None,
            by=lea.actor, at=now - timedelta(hours=1),
        )  # fmt: skip
        for person in (lea, dee):
            hand_out(
                incident, title="Call", duty="", due_at=now - timedelta(minutes=1), seat_id=person.seat.pk,
                by=lea.actor, at=now,
            )  # fmt: skip
    run_due_jobs()
    ((address, mail),) = [one for one in mailbox.mails if "Overdue" in one[1]["Subject"]]
    assert address == lea.user.email
    assert mail["Subject"].startswith(MARK)
    assert mail.get_content().startswith(f"{MARK} This is a drill.")


def test_no_contact_of_the_book_is_written_to_about_a_twin(
    north: North,
    twin: Brand,
    lea: Person,
    mailbox: Mailbox,
    now: datetime,
) -> None:
    with inside(north.agency.pk):
        client = add_contact(
            brand_id=twin.pk, said={"name": "Client", "channels": [{"kind": "email", "address": "c@client.example"}]},
            by=lea.actor, at=now,
        )  # fmt: skip
        ask_contact(contact_id=client.pk, by=lea.actor, at=now)
    run_due_jobs()
    assert mailbox.mails == []


def test_nobody_is_invited_to_a_twin_even_by_a_letter_that_waits(
    north: North,
    twin: Brand,
    ana: Person,
    mailbox: Mailbox,
    now: datetime,
) -> None:
    with inside(north.agency.pk):
        invited = send_invitation(
            email="x@client.example", side="client", role="client_approver", brand_ids=[north.aurora.pk],
            inviter=None, by=ana.actor, at=now,
        )  # fmt: skip
        row = invited.invitation
        row.brand_ids = [twin.pk]
        row.save(update_fields=["brand_ids"])
    run_due_jobs()
    assert mailbox.mails == []


# -- publishing -----------------------------------------------------------------------------------------------------


class Outside:
    """A network that must never be asked."""

    def publish(self, *_: object) -> Receipt:
        raise AssertionError("It was asked to do something.")

    find = delete = revoke = publish


def scheduled(account: SocialAccount, text: str, by: Person, at: datetime) -> Post:
    return schedule_post(
        account_id=account.pk, text=text, scheduled_at=at, lane="routine", approval_id=None, digest=None,
        incident_id=None, by=by.actor, at=at,
    )  # fmt: skip


def test_a_twin_publishes_in_the_sandbox_alone(
    north: North, twin: Brand, bo: Person, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(NETWORKS, "outside", Outside())  # type: ignore[arg-type]
    with inside(north.agency.pk):
        account = SocialAccount.objects.select_related("brand").get(brand=twin)
        sandboxed = scheduled(account, "Played", bo, now)
    run_due_jobs("publishing.send_post")
    with inside(north.agency.pk):
        assert Post.objects.found(sandboxed.pk).stage == "PUBLISHED"
        assert SandboxPost.objects.get(account_id=account.pk).text == "Played"
        # As if somebody had written it into the table: the door itself refuses.
        SocialAccount.objects.filter(pk=account.pk).update(network="outside")
        outside = scheduled(account, "Out", bo, now)
        calls = SandboxCall.objects.count()
    run_due_jobs("publishing.send_post")
    with inside(north.agency.pk):
        post: Post = Post.objects.found(outside.pk)
        assert (post.stage, post.trouble) == ("FAILED", "drill")
        assert SandboxCall.objects.count() == calls
        account = SocialAccount.objects.select_related("brand").get(pk=account.pk)
        real = SocialAccount.objects.select_related("brand").get(pk=north.aurora_account.pk)
    with pytest.raises(NeverSent, match="drill"):
        network_of(account)
    assert network_of(real) is NETWORKS["sandbox"]


# -- and what is heard ----------------------------------------------------------------------------------------------


def test_what_is_played_spreads_to_no_other_brand(north: North, twin: Brand, now: datetime) -> None:
    with inside(north.agency.pk):
        for brand_id in (twin.pk, north.aurora.pk):
            Story(
                brand_id=brand_id,
                title="Glass",
                terms=[],
                sketch=list(range(128)),
                mentions=50,
                first_at=now,
                last_at=now,
            ).save(force_insert=True)
        assert find_contagions(by=SETTING_THE_STAGE, at=now) == []


def test_the_twin_is_set_up_once_and_cleared_away(
    north: North, drill: Drill, twin: Brand, lea: Person, now: datetime
) -> None:
    run_due_jobs("listening.set_drill_up")
    with inside(north.agency.pk):
        source = Source.objects.get(brand=twin)
        assert (source.kind, source.network, source.ended_at) == ("push", "sandbox", None)
        end_drill(drill_id=drill.pk, by=lea.actor, at=now)
    run_due_jobs("listening.clear_drill_away")
    with inside(north.agency.pk):
        assert Source.objects.get(brand=twin).ended_at is not None
    assert reread(drill).stage == "ENDED"
