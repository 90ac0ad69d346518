"""What wakes nobody for a while, who may ask for it, and how nobody forgets it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerting.actions import raise_page, write_personal_rules
from alerting.models import Page, Silence
from core.wall import inside
from jobs.actions import move
from jobs.models import Job
from permissions.needs import Need
from permissions.revocation import hand_everything_over
from tenants.actions.goodbyes import revoke_seat
from tests.alerting.conftest import Mailbox
from tests.alerting.scene import LISTENING, fresh, notifications_of, page_in, policy_of, timer_of
from tests.cast import Answer, Person, events_of, key_of, run_due_jobs, seat_person
from tests.conftest import North

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)
TIMERS = ("alerting.start_silence", "alerting.remind_of_silence", "alerting.end_silence")


def written(at: datetime) -> str:
    """An instant as the ledger writes it."""
    return at.isoformat().replace("+00:00", "Z")


def silenced(person: Person, *, hours: float = 2, **more: Any) -> Answer:
    """A silence that the person asks for, from now on unless they say otherwise."""
    said = more.get("starts_at")
    starts = said if isinstance(said, datetime) else timezone.now()
    return person.post("silences", {"reason": "A planned test", "ends_at": starts + hours * HOUR, **more})


def silence_of(person: Person, **more: Any) -> Silence:
    answer = silenced(person, **more)
    assert answer.status == 201, answer.body
    return row_of(person, answer.body["id"])


def row_of(person: Person, silence_id: UUID | str) -> Silence:
    with inside(person.agency.pk):
        found: Silence = Silence.objects.get(pk=silence_id)
        return found


def raised(
    north: North, *, brand_id: UUID | None = None, severity: int = 2, topic: str | None = None, kind: str = ""
) -> Page:
    with inside(north.agency.pk):
        return raise_page(
            brand_id=brand_id,
            cause_kind=kind or "listening.signal",
            cause_id=uuid4(),
            severity=severity,
            headline="Volume is nine times the usual",
            topic=topic,
            by=LISTENING,
            at=timezone.now(),
        )


def timers_of(silence: Silence) -> dict[str, datetime]:
    jobs = Job.objects.filter(handler__in=TIMERS, key=str(silence.pk), state="READY")
    return {job.handler.removeprefix("alerting."): job.due_at for job in jobs}


def it_comes(handler: str, thing: Any) -> None:
    """What was to happen later happens now."""
    with transaction.atomic():
        assert move(handler, key=str(getattr(thing, "pk", thing)), at=timezone.now()), "It is not to come."
    run_due_jobs(handler)


def grown_old(silence: Silence, by: timedelta) -> None:
    """As if the silence had been asked for that much earlier."""
    with inside(silence.agency_id):
        Silence.objects.filter(pk=silence.pk).update(
            starts_at=silence.starts_at - by, ends_at=silence.ends_at - by, created_at=silence.created_at - by
        )


def test_a_page_that_matches_wakes_nobody_and_stands_on_the_list(
    north: North, dee: Person, mailbox: Mailbox, now: datetime
) -> None:
    policy_of(dee, [{"seat": dee.seat.pk}], at=now)
    silence = silence_of(dee, brand=north.aurora.pk)
    page = raised(north, brand_id=north.aurora.pk)
    run_due_jobs()

    assert (page.stage, page.silence_id) == ("SILENCED", silence.pk)
    assert (mailbox.mails, notifications_of(page), timer_of(page)) == ([], [], None)
    answer = dee.get(f"silences/{silence.pk}/pages")
    assert [one["id"] for one in answer.body["items"]] == [str(page.pk)]
    assert dee.get(f"silences/{silence.pk}").body["swallowed"] == 1


@pytest.mark.parametrize(
    ("asked", "raised_as", "stage"),
    [
        ({}, {}, "SILENCED"),
        ({"gravest": 3}, {"severity": 3}, "SILENCED"),
        ({"gravest": 3}, {"severity": 4}, "SILENCED"),
        ({"gravest": 3}, {"severity": 2}, "OPEN"),
        ({"topics": ["story:1"]}, {"topic": "story:1"}, "SILENCED"),
        ({"topics": ["story:1"]}, {"topic": "story:2"}, "OPEN"),
        ({"topics": ["story:1"]}, {"topic": None}, "OPEN"),
        ({"cause_kinds": ["listening.source"]}, {"kind": "listening.source"}, "SILENCED"),
        ({"cause_kinds": ["listening.source"]}, {"kind": "listening.signal"}, "OPEN"),
        ({"cause_kinds": ["listening.source"], "topics": ["story:1"]}, {"topic": "story:1"}, "OPEN"),
        ({}, {"severity": 1}, "OPEN"),
        ({"gravest": 2}, {"severity": 1, "topic": "story:1"}, "OPEN"),
    ],
)
def test_every_matcher_must_hold_and_severity_1_is_never_silenced(
    *, north: North, ana: Person, asked: dict[str, Any], raised_as: dict[str, Any], stage: str
) -> None:
    silence_of(ana, **asked)
    assert raised(north, **raised_as).stage == stage


@pytest.mark.parametrize(("of_brand", "stage"), [("aurora", "SILENCED"), ("borealis", "OPEN"), (None, "OPEN")])
def test_a_silence_of_a_brand_leaves_the_others_awake(
    north: North, ana: Person, of_brand: str | None, stage: str
) -> None:
    silence_of(ana, brand=north.aurora.pk)
    brand_id = getattr(north, of_brand).pk if of_brand else None
    assert raised(north, brand_id=brand_id).stage == stage


def test_a_silence_of_another_agency_silences_nothing_here(north: North, eve: Person) -> None:
    silence_of(eve)
    assert raised(north).stage == "OPEN"


def test_maintenance_is_planned_ahead_and_covers_nothing_before(north: North, lea: Person) -> None:
    starts = timezone.now() + HOUR
    silence = silence_of(lea, kind="maintenance", starts_at=starts, hours=4)
    assert raised(north).stage == "OPEN"
    assert lea.get(f"silences/{silence.pk}").body["state"] == "planned"
    assert timers_of(silence) == {
        "start_silence": starts, "remind_of_silence": starts + 2 * HOUR, "end_silence": starts + 4 * HOUR,
    }  # fmt: skip
    assert [name for name, _, _ in events_of(silence)] == ["silence.planned"]

    grown_old(silence, HOUR)
    it_comes("alerting.start_silence", silence)
    assert raised(north).stage == "SILENCED"
    assert lea.get(f"silences/{silence.pk}").body["state"] == "active"
    ends_at = row_of(lea, silence.pk).ends_at
    assert [(actor, facts) for name, actor, facts in events_of(silence) if name == "silence.started"] == [
        ("rule:silences", {"kind": "maintenance", "ends_at": written(ends_at)})
    ]


def test_the_clock_ends_it_however_late_the_machines_are(north: North, lea: Person) -> None:
    silence = silence_of(lea, hours=2)
    grown_old(silence, 3 * HOUR)
    assert raised(north).stage == "OPEN"
    assert lea.get(f"silences/{silence.pk}").body["state"] == "over"


def test_what_was_planned_is_in_the_ledger_with_every_matcher(north: North, dee: Person) -> None:
    silence = silence_of(
        dee, brand=north.aurora.pk, cause_kinds=["listening.source", "listening.source"], topics=["story:1"], gravest=3
    )
    (planned, started) = events_of(silence)
    assert planned == (
        "silence.planned",
        str(dee.actor),
        {
            "kind": "silence",
            "cause_kinds": ["listening.source"],
            "topics": ["story:1"],
            "gravest": 3,
            "reason": "A planned test",
            "starts_at": written(silence.starts_at),
            "ends_at": written(silence.ends_at),
        },
    )
    assert started[0] == "silence.started"


@pytest.mark.parametrize(
    ("role", "on_brand", "longest"),
    [
        ("owner", False, 72),
        ("admin", False, 72),
        ("crisis_lead", False, 24),
        ("crisis_lead", True, 24),
        ("account_manager", True, 8),
        ("responder", False, 8),
    ],
)
def test_the_role_says_how_long_people_may_be_kept_asleep(
    *, north: North, now: datetime, role: str, on_brand: bool, longest: int
) -> None:
    person = seat_person(north.agency, "kim", role, brands=[north.aurora] if on_brand else [], at=now)
    starts = timezone.now() + HOUR
    brand = north.aurora.pk if on_brand else None
    answer = silenced(person, brand=brand, starts_at=starts, hours=longest + 0.01)
    assert (answer.status, answer.code, answer.body["facts"]) == (
        409, "silence_too_long", {"longest_hours": longest},
    )  # fmt: skip
    assert silenced(person, brand=brand, starts_at=starts, hours=longest).status == 201


def test_a_role_on_another_brand_lengthens_nothing(north: North, now: datetime) -> None:
    lead = seat_person(north.agency, "kim", "crisis_lead", brands=[north.borealis], at=now)
    with inside(north.agency.pk):
        from_elsewhere = silenced(lead, brand=north.aurora.pk, hours=1)
    assert from_elsewhere.status == 400
    assert silenced(lead, brand=north.borealis.pk, hours=20).status == 201


def test_a_key_keeps_people_asleep_no_longer_than_anybody_may(north: North, ana: Person) -> None:
    deploys = key_of(ana, Need.SILENCES_WRITE, Need.SILENCES_READ)
    assert silenced(deploys, hours=9).body["facts"] == {"longest_hours": 8}
    assert silenced(deploys, hours=7).body["author"] == str(ana.seat.pk)


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"gravest": 1}, "gravest", "min_value"),
        ({"gravest": 5}, "gravest", "max_value"),
        ({"cause_kinds": ["listening.signal", "nothing.known"]}, "cause_kinds.1", "does_not_exist"),
        ({"ends_at": "2020-01-01T00:00:00Z"}, "ends_at", "too_early"),
        ({"starts_at": "2099-01-01T00:00:00Z", "ends_at": "2099-01-01T01:00:00Z"}, "starts_at", "too_late"),
        ({"brand": str(uuid4())}, "brand", "does_not_exist"),
        ({"reason": ""}, "reason", "blank"),
        ({"kind": "holiday"}, "kind", "invalid_choice"),
        ({"severity": 2}, "severity", "unknown_field"),
    ],
)
def test_what_makes_no_sense_is_refused(north: North, ana: Person, body: dict[str, Any], field: str, code: str) -> None:
    answer = silenced(ana, **body)
    assert (answer.status, [(one["field"], one["code"]) for one in answer.body["errors"]]) == (400, [(field, code)])


def test_a_start_that_has_been_means_now(north: North, ana: Person) -> None:
    before = timezone.now()
    silence = silence_of(ana, starts_at=before - 5 * HOUR, ends_at=before + HOUR)
    assert before <= silence.starts_at <= timezone.now()


def test_half_way_the_author_is_reminded_with_the_list(
    north: North, dee: Person, lea: Person, mailbox: Mailbox
) -> None:
    silence = silence_of(dee, brand=north.aurora.pk, hours=4)
    assert timers_of(silence)["remind_of_silence"] == silence.starts_at + (silence.ends_at - silence.starts_at) / 2
    raised(north, brand_id=north.aurora.pk)
    it_comes("alerting.remind_of_silence", silence)
    run_due_jobs()

    assert mailbox.addresses == [dee.user.email]
    (_, mail) = mailbox.mails[0]
    assert mail["Subject"] == "Pages of Aurora are still silenced"
    text = mailbox.texts[0]
    assert f"wake nobody until {silence.ends_at:%Y-%m-%d %H:%M} UTC." in text
    assert "The reason that was given: A planned test" in text
    assert "1 page woke nobody." in text
    assert "Volume is nine times the usual" in text
    assert f"/v1/agencies/north/silences/{silence.pk}/end" in text
    assert events_of(silence)[-1] == ("silence.reminded", "rule:silences", {"swallowed": 1})


def test_at_the_end_the_author_gets_the_list_and_people_are_woken_again(
    north: North, dee: Person, mailbox: Mailbox
) -> None:
    silence = silence_of(dee, brand=north.aurora.pk, hours=4)
    asleep = raised(north, brand_id=north.aurora.pk)
    grown_old(silence, 4 * HOUR)
    it_comes("alerting.end_silence", silence)

    over = row_of(dee, silence.pk)
    assert (over.ended_by_id, over.version, timers_of(silence)) == (None, 2, {})
    assert over.ended_at is not None
    assert events_of(silence)[-1] == ("silence.ended", "rule:silences", {"reason": "over", "swallowed": 1})
    assert raised(north, brand_id=north.aurora.pk).stage == "OPEN"
    assert fresh(asleep).stage == "SILENCED"

    it_comes("alerting.deliver_letter", f"alerting.silence_over:{silence.pk}")
    assert (mailbox.addresses, mailbox.mails[0][1]["Subject"]) == (
        [dee.user.email],
        "People are woken again for Aurora",
    )
    assert "1 page woke nobody." in mailbox.texts[0]
    assert "To end it" not in mailbox.texts[0]


def test_a_letter_is_in_the_authors_language_and_on_their_clock(north: North, dee: Person, mailbox: Mailbox) -> None:
    with inside(north.agency.pk):
        write_personal_rules(
            seat_id=dee.seat.pk, language="ru", time_zone="Asia/Tashkent", usual=[], important=[], quiet_hours=[],
            by=dee.actor, at=timezone.now(),
        )  # fmt: skip
    silence = silence_of(dee, hours=4)
    for _ in range(2):
        raised(north)
    it_comes("alerting.remind_of_silence", silence)
    run_due_jobs()
    text = mailbox.texts[0]
    assert f"{silence.ends_at + 5 * HOUR:%Y-%m-%d %H:%M} Asia/Tashkent" in text
    assert "2 вызова никого не разбудили." in text


def test_a_long_list_is_cut_and_says_how_much_is_left(north: North, dee: Person, mailbox: Mailbox) -> None:
    silence = silence_of(dee, hours=4)
    for _ in range(22):
        raised(north)
    it_comes("alerting.remind_of_silence", silence)
    run_due_jobs()
    assert "22 pages woke nobody." in mailbox.texts[0]
    assert mailbox.texts[0].count("Volume is nine times the usual") == 20
    assert "And 2 more." in mailbox.texts[0]


def test_ended_by_hand_it_wakes_people_at_once(north: North, dee: Person, lea: Person, mailbox: Mailbox) -> None:
    silence = silence_of(dee, brand=north.aurora.pk)
    raised(north, brand_id=north.aurora.pk)
    answer = lea.post(f"silences/{silence.pk}/end")
    assert (answer.status, answer.body["state"], answer.body["ended_by"]) == (200, "over", str(lea.seat.pk))
    assert raised(north, brand_id=north.aurora.pk).stage == "OPEN"
    assert events_of(silence)[-1] == ("silence.ended", str(lea.actor), {"reason": "by_hand", "swallowed": 1})
    assert timers_of(silence) == {}

    again = lea.post(f"silences/{silence.pk}/end")
    assert (again.status, again.code) == (409, "silence_over")
    assert lea.post(f"silences/{silence.pk}/end", {"why": "twice"}).status == 400
    it_comes("alerting.deliver_letter", f"alerting.silence_over:{silence.pk}")
    assert mailbox.addresses == [dee.user.email]


def test_whoever_ends_their_own_silence_that_swallowed_nothing_gets_no_letter(
    north: North, dee: Person, mailbox: Mailbox
) -> None:
    silence = silence_of(dee)
    assert dee.post(f"silences/{silence.pk}/end").status == 200
    it_comes("alerting.deliver_letter", f"alerting.silence_over:{silence.pk}")
    assert mailbox.mails == []


def test_what_was_ended_before_it_began_never_begins(north: North, dee: Person) -> None:
    silence = silence_of(dee, kind="maintenance", starts_at=timezone.now() + HOUR)
    assert dee.post(f"silences/{silence.pk}/end").status == 200
    assert timers_of(silence) == {}
    assert not Job.objects.filter(handler="alerting.deliver_letter").exists()
    assert [name for name, _, _ in events_of(silence)] == ["silence.planned", "silence.ended"]


def test_it_can_be_made_longer_and_shorter_within_what_the_role_allows(north: North, dee: Person) -> None:
    silence = silence_of(dee, hours=4)
    path, seen = f"silences/{silence.pk}", dee.get(f"silences/{silence.pk}").etag
    assert dee.patch(path, {"ends_at": silence.starts_at + 6 * HOUR}).status == 428
    answer = dee.patch(path, {"ends_at": silence.starts_at + 6 * HOUR}, If_Match=seen)
    assert (answer.status, answer.body["version"], answer.body["reason"]) == (200, 2, "A planned test")
    assert timers_of(silence) == {
        "remind_of_silence": silence.starts_at + 3 * HOUR, "end_silence": silence.starts_at + 6 * HOUR,
    }  # fmt: skip
    assert events_of(silence)[-1] == (
        "silence.revised",
        str(dee.actor),
        {"version": 2, "reason": "A planned test", "ends_at": written(silence.starts_at + 6 * HOUR)},
    )
    assert dee.patch(path, {"reason": "x"}, If_Match=seen).status == 412
    too_long = dee.patch(path, {"ends_at": silence.starts_at + 9 * HOUR}, If_Match=answer.etag)
    assert (too_long.status, too_long.code) == (409, "silence_too_long")
    assert dee.patch(path, {"topics": ["story:1"]}, If_Match=answer.etag).status == 400
    dee.post(f"{path}/end")
    late = dee.patch(path, {"reason": "late"}, If_Match=dee.get(path).etag)
    assert (late.status, late.code) == (409, "silence_over")


def test_an_end_that_was_moved_away_does_not_come(north: North, dee: Person) -> None:
    silence = silence_of(dee, hours=4)
    it_comes("alerting.end_silence", silence)
    assert row_of(dee, silence.pk).ended_at is None


def test_a_leavers_silence_ends_and_an_owner_gets_the_list(
    *, north: North, ana: Person, dee: Person, mailbox: Mailbox, now: datetime
) -> None:
    silence = silence_of(dee)
    raised(north)
    with inside(north.agency.pk):
        counts = revoke_seat(seat_id=dee.seat.pk, reason="left", by=ana.actor, at=timezone.now()).ended_counts
    assert counts["silences"] == 1
    assert ("silence.ended", str(ana.actor), {"reason": "seat_revoked", "swallowed": 1}) in events_of(silence)
    assert raised(north).stage == "OPEN"
    it_comes("alerting.deliver_letter", f"alerting.silence_over:{silence.pk}")
    assert mailbox.addresses == [ana.user.email]


def test_a_successor_answers_for_the_silences_they_might_have_made(
    *, north: North, ana: Person, lea: Person, dee: Person, bo: Person, now: datetime
) -> None:
    over_aurora, over_all = silence_of(dee, brand=north.aurora.pk), silence_of(dee)
    with inside(north.agency.pk):
        counts, kept = hand_everything_over(seat_id=dee.seat.pk, to=bo.caller(), by=ana.actor, at=timezone.now())
    assert counts["silences"] == 1
    assert [(name, one.id, one.why) for name, one in kept if name == "silences"] == [
        ("silences", over_all.pk, "not_allowed")
    ]
    assert [row_of(dee, one.pk).author_id for one in (over_aurora, over_all)] == [bo.seat.pk, dee.seat.pk]
    assert events_of(over_aurora)[-1] == ("silence.handed_over", str(ana.actor), {"seat_id": str(bo.seat.pk)})


def test_silences_are_listed_by_what_they_are_now(north: North, ana: Person, bo: Person) -> None:
    active = silence_of(ana, brand=north.aurora.pk)
    planned = silence_of(ana, kind="maintenance", starts_at=timezone.now() + HOUR)
    over = silence_of(ana)
    ana.post(f"silences/{over.pk}/end")
    gone = silence_of(ana, brand=north.borealis.pk)
    grown_old(gone, 9 * HOUR)

    def ids(person: Person, query: str) -> set[str]:
        answer = person.get(f"silences{query}")
        assert answer.status == 200, answer.body
        return {item["id"] for item in answer.body["items"]}

    assert ids(ana, "?state=active") == {str(active.pk)}
    assert ids(ana, "?state=planned") == {str(planned.pk)}
    assert ids(ana, "?state=over") == {str(over.pk), str(gone.pk)}
    assert ids(ana, "?kind=maintenance") == {str(planned.pk)}
    assert ids(ana, f"?brand={north.borealis.pk}") == {str(gone.pk)}
    assert ids(bo, "") == {str(active.pk)}
    assert ana.get("silences?state=asleep").status == 400


def test_the_list_of_pages_shows_what_the_caller_may_see(north: North, ana: Person, bo: Person) -> None:
    silence = silence_of(ana)
    raised(north, brand_id=north.borealis.pk)
    assert len(ana.get(f"silences/{silence.pk}/pages").body["items"]) == 1
    assert bo.get(f"silences/{silence.pk}/pages").status == 404
    reader = key_of(ana, Need.SILENCES_READ)
    assert reader.get(f"silences/{silence.pk}/pages").body["items"] == []


def test_the_list_costs_the_same_however_long_it_is(north: North, ana: Person) -> None:
    counts = []
    for number in (1, 2, 3):
        silence_of(ana)
        raised(north)
        with CaptureQueriesContext(connection) as asked:
            assert len(ana.get("silences").body["items"]) == number
        counts.append(len(asked))
    assert counts[0] == counts[1] == counts[2]


def test_who_may_only_read_silences_nothing(north: North, now: datetime, bo: Person, cy: Person) -> None:
    analyst = seat_person(north.agency, "nan", "analyst", at=now)
    assert analyst.get("silences").status == 200
    assert silenced(analyst).body["facts"] == {"need": "silences.write"}
    assert silenced(bo).status == 403
    assert silenced(bo, brand=north.aurora.pk).status == 201
    assert cy.get("silences").status == 403


def test_a_stranger_finds_no_silence(north: North, dee: Person, eve: Person) -> None:
    silence = silence_of(dee)
    path = f"/v1/agencies/north/silences/{silence.pk}"
    for answer in (
        eve.get("/v1/agencies/north/silences"),
        eve.post("/v1/agencies/north/silences", {"reason": "mine", "ends_at": timezone.now() + HOUR}),
        eve.get(path),
        eve.patch(path, {"reason": "mine"}, If_Match='"1"'),
        eve.post(f"{path}/end"),
        eve.get(f"{path}/pages"),
    ):
        assert answer.status == 404, answer.body
    assert row_of(dee, silence.pk).ended_at is None


def test_a_page_raised_before_is_not_silenced(north: North, dee: Person, mailbox: Mailbox, now: datetime) -> None:
    policy_of(dee, [{"seat": dee.seat.pk}], at=now)
    page = page_in(north.agency.pk)
    silence_of(dee)
    run_due_jobs("alerting.climb_page")
    run_due_jobs("alerting.notify")
    assert (fresh(page).stage, mailbox.addresses) == ("OPEN", [dee.user.email])
