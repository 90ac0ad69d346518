"""After a goodbye: nothing old comes back, nothing is overlooked, other agencies notice nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from allauth.usersessions.models import UserSession

from core.wall import inside
from jobs.models import Job
from jobs.rounds import ROUNDS, tend_rounds
from permissions.actions.grants import Place, grant_role
from permissions.actions.revocations import undo_drift
from permissions.jobs import REVOCATION
from permissions.models import AgencyReach, ApiKey, Grant
from permissions.needs import Need
from permissions.queries.goodbyes import drifted
from tenants.actions.goodbyes import revoke_seat
from tenants.actions.idle import watch_idle_seats
from tenants.actions.invitations import send_invitation, take_seat
from tenants.models import Agency, Invitation, Seat, User
from tests.cast import SETTING_THE_STAGE, Person, events_of, key_of, open_session, run_due_jobs, seat_person
from tests.conftest import North
from tests.permissions.revocation.conftest import Goodbye, findings, goodbye, line_of, report_on, work_off

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def sit(user: User, agency: Agency, role: str, at: datetime) -> Seat:
    with inside(agency.pk):
        seat: Seat = take_seat(user=user, side="staff", role=role, at=at)
        grant_role(
            seat_id=seat.pk, role=role, places=[Place()], reason="asked back", starts_at=None, ends_at=None,
            sponsor=None, by=SETTING_THE_STAGE, at=at,
        )  # fmt: skip
    return seat


# -- other agencies -------------------------------------------------------------------------------------------------


def test_ending_one_seat_leaves_the_person_at_work_elsewhere(
    north: North, south: Agency, ana: Person, lea: Person, now: datetime, say_goodbye: Goodbye
) -> None:
    elsewhere = replace(lea, agency=south, seat=sit(lea.user, south, "responder", now))
    assert [lea.get("brands").status, elsewhere.get("brands").status] == [200, 200]
    report = say_goodbye(lea)
    assert [lea.get("brands").status, elsewhere.get("brands").status] == [404, 200]
    assert (line_of(report, "sessions")["ended"], line_of(report, "sessions")["detail"]) == (0, "1 tried, 1 refused")
    assert findings(report)["sessions"] == "confirmed"
    assert User.objects.get(pk=lea.user.pk).live_seats == 1


def test_the_last_seat_anywhere_takes_the_sessions_along(
    north: North, south: Agency, ana: Person, lea: Person, now: datetime, say_goodbye: Goodbye
) -> None:
    elsewhere = sit(lea.user, south, "responder", now)
    with inside(south.pk):
        revoke_seat(seat_id=elsewhere.pk, reason="left", by=SETTING_THE_STAGE, at=now)
    assert UserSession.objects.filter(user=lea.user).exists()
    assert line_of(say_goodbye(lea), "sessions")["ended"] == 1
    assert not UserSession.objects.filter(user=lea.user).exists()
    assert lea.get("brands").status == 401


def test_live_seats_are_counted_by_the_database(north: North, south: Agency, lea: Person, now: datetime) -> None:
    def live() -> int:
        return User.objects.get(pk=lea.user.pk).live_seats

    assert live() == 1
    seat = sit(lea.user, south, "responder", now)
    assert live() == 2
    with inside(south.pk):
        Seat.objects.filter(pk=seat.pk).update(stage="SUSPENDED")
        assert live() == 2
        Seat.objects.filter(pk=seat.pk).update(stage="ENDED", ended_at=now, end_reason="left")
        assert live() == 1


# -- coming back ----------------------------------------------------------------------------------------------------


def test_coming_back_revives_nothing(
    north: North, ana: Person, lea: Person, now: datetime, say_goodbye: Goodbye
) -> None:
    key = key_of(lea, Need.BRANDS_READ)
    say_goodbye(lea)
    with inside(north.agency.pk):
        ApiKey.objects.filter(seat=lea.seat).update(revoked_at=None)  # even if that had been overlooked
    seat = sit(lea.user, north.agency, "analyst", now + DAY)
    assert [lea.get("brands").status, key.get("brands").status] == [401, 401]
    back = replace(lea, seat=seat, headers={"X-Session-Token": open_session(lea.user, at=now + DAY)})
    assert back.get("brands").status == 200
    assert back.post(f"seats/{ana.seat.pk}/suspend", {"reason": "x"}).status == 403
    assert ana.get(f"seats/{lea.seat.pk}").body["stage"] == "ENDED"


def test_an_old_session_of_somebody_who_stayed_elsewhere_does_not_open_the_new_seat(
    north: North, south: Agency, ana: Person, lea: Person, now: datetime, say_goodbye: Goodbye
) -> None:
    sit(lea.user, south, "responder", now)
    say_goodbye(lea)
    sit(lea.user, north.agency, "analyst", now + DAY)
    assert lea.get("brands").status == 404
    line = line_of(report_on(lea, by=ana), "sessions")
    assert (line["finding"], line["left"]) == ("confirmed", 0)


def test_what_a_person_holds_in_a_new_seat_is_no_leftover_of_the_old_one(
    north: North, lea: Person, now: datetime, say_goodbye: Goodbye
) -> None:
    say_goodbye(lea)
    seat = sit(lea.user, north.agency, "analyst", now + DAY)
    with inside(north.agency.pk):
        assert lea.seat.pk not in list(drifted(at=now + DAY))
        undo_drift(seat_id=lea.seat.pk, by=REVOCATION, at=now + DAY)
        assert AgencyReach.objects.filter(grant__seat=seat).exists()


def test_invitations_to_their_address_are_void(north: North, ana: Person, lea: Person, now: datetime) -> None:
    with inside(north.agency.pk):
        Seat.objects.filter(pk=lea.seat.pk).update(stage="ENDED", ended_at=now - DAY, end_reason="left")
        old = send_invitation(
            email=lea.user.email, side="staff", role="owner", brand_ids=[], inviter=None, by=SETTING_THE_STAGE,
            at=now - DAY,
        )  # fmt: skip
        assert lea.seat.pk in list(drifted(at=now))
        undo_drift(seat_id=lea.seat.pk, by=REVOCATION, at=now)
        assert Invitation.objects.get(pk=old.invitation.pk).voided_at == now
        send_invitation(
            email=lea.user.email, side="staff", role="owner", brand_ids=[], inviter=None, by=SETTING_THE_STAGE, at=now
        )
        assert lea.seat.pk not in list(drifted(at=now)), "who is asked back is asked back"


# -- drift ----------------------------------------------------------------------------------------------------------


def test_what_is_alive_of_a_leaver_is_found_undone_told_and_proven_again(
    north: North, ana: Person, cy: Person, now: datetime, say_goodbye: Goodbye
) -> None:
    assert say_goodbye(cy)["complete"] is True
    with inside(north.agency.pk):
        Grant.objects.filter(seat=cy.seat).update(withdrawn_at=None)
        tend_rounds(agencies=[north.agency.pk], at=now - 2 * DAY)
    Job.objects.filter(handler="permissions.find_drift").update(due_at=now)
    run_due_jobs("permissions.find_drift")
    run_due_jobs("permissions.undo_drift")
    with inside(north.agency.pk):
        assert not Grant.objects.all().live().filter(seat=cy.seat).exists()
    assert events_of(cy.seat)[-1] == (
        "seat.drift_found", "rule:revocation",
        {"found": {"roles and grants": 1}, "ended": {"roles and grants": 1}},
    )  # fmt: skip
    assert (goodbye(cy).stage, report_on(cy, by=ana)["complete"]) == ("VERIFYING", False)
    run_due_jobs()
    assert report_on(cy, by=ana)["complete"] is True
    assert line_of(report_on(cy, by=ana), "roles and grants")["ended"] == 2


def test_a_round_goes_on_by_itself_and_is_started_once(north: North, now: datetime) -> None:
    with inside(north.agency.pk):
        assert tend_rounds(agencies=[north.agency.pk], at=now) == len(ROUNDS)
        assert tend_rounds(agencies=[north.agency.pk], at=now) == 0
    Job.objects.filter(handler="permissions.find_drift").update(due_at=now)
    assert run_due_jobs("permissions.find_drift") == 1
    waiting = Job.objects.get(handler="permissions.find_drift", state="READY")
    assert timedelta(minutes=14) < waiting.due_at - now < timedelta(minutes=16)


def test_looking_for_drift_costs_the_same_for_one_leaver_and_for_many(
    north: North, ana: Person, now: datetime, django_assert_max_num_queries: object
) -> None:
    leavers = [seat_person(north.agency, f"leaver{n}", "responder", at=now) for n in range(5)]
    for leaver in leavers:
        ana.post(f"seats/{leaver.seat.pk}/revoke", {"reason": "left"})
        run_due_jobs()
        work_off(leaver, ana)
    with inside(north.agency.pk), django_assert_max_num_queries(60):  # type: ignore[operator]
        assert list(drifted(at=now)) == []


# -- idle seats -----------------------------------------------------------------------------------------------------


def idle_for(person: Person, days: int, now: datetime, *, warned: int | None = None) -> None:
    with inside(person.agency.pk):
        Seat.objects.filter(pk=person.seat.pk).update(
            last_seen_at=now - days * DAY, idle_warned_at=None if warned is None else now - warned * DAY
        )


def look(north: North, now: datetime) -> tuple[int, int]:
    with inside(north.agency.pk):
        return watch_idle_seats(by=SETTING_THE_STAGE, at=now)


def test_an_idle_person_is_warned_by_letter_and_their_seat_ends(
    north: North, ana: Person, lea: Person, bo: Person, now: datetime
) -> None:
    idle_for(lea, 75, now)
    idle_for(bo, 74, now)
    assert look(north, now) == (1, 0)
    name, _, facts = events_of(lea.seat)[-1]
    assert (name, facts["ends_at"][:19]) == ("seat.idle_warned", f"{now + 15 * DAY:%Y-%m-%dT%H:%M:%S}")
    assert look(north, now) == (0, 0), "once"
    run_due_jobs("alerting.post_idle_warning")
    assert Job.objects.filter(handler="alerting.deliver_letter", key=f"tenants.idle_warning:{lea.seat.pk}").exists()
    idle_for(lea, 90, now, warned=15)
    assert look(north, now) == (0, 1)
    assert ana.get(f"seats/{lea.seat.pk}").body["end_reason"] == "expired"
    assert goodbye(lea).reason == "expired"


def test_nobody_ends_without_15_days_of_warning_and_who_comes_back_stays(
    north: North, lea: Person, bo: Person, now: datetime
) -> None:
    idle_for(lea, 200, now)
    idle_for(bo, 3, now, warned=20)
    assert look(north, now) == (1, 0)
    assert look(north, now + 14 * DAY) == (0, 0)
    assert look(north, now + 15 * DAY) == (0, 1)
    with inside(north.agency.pk):
        assert Seat.objects.get(pk=bo.seat.pk).stage == "ACTIVE"


def test_the_last_owner_is_warned_and_never_ended(north: North, ana: Person, now: datetime) -> None:
    idle_for(ana, 120, now, warned=30)
    assert look(north, now) == (0, 0)
    with inside(north.agency.pk):
        assert Seat.objects.get(pk=ana.seat.pk).stage == "ACTIVE"
