"""Duties: never empty in a grave incident, handed over to whoever accepts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.wall import inside
from incidents.models import Duty, DutyOffer, Incident
from tests.cast import Answer, Person, events_of
from tests.incidents.stage import settle
from tests.publishing.stage import ring

pytestmark = pytest.mark.django_db


def duty_of(incident: Incident, name: str) -> Duty:
    with inside(incident.agency_id):
        found: Duty = Duty.objects.get(incident=incident, duty=name)
        return found


def offer(person: Person, duty: Duty, to: Person) -> Answer:
    return person.post(f"incidents/{duty.incident_id}/duties/{duty.pk}/offer", {"to": str(to.seat.pk), "note": "Bed."})


def offer_of(duty: Duty) -> DutyOffer:
    with inside(duty.agency_id):
        found: DutyOffer = DutyOffer.objects.filter(duty=duty).latest("offered_at")
        return found


def test_in_a_grave_incident_somebody_carries_every_duty(crisis: Incident, lea: Person) -> None:
    assert crisis.severity <= 2
    with inside(crisis.agency_id):
        assert not Duty.objects.filter(incident=crisis, seat=None).exists()
    duty = duty_of(crisis, "scribe")
    path = f"incidents/{crisis.pk}/duties/{duty.pk}"
    seen = lea.get(f"incidents/{crisis.pk}/duties").body["items"]
    etag = f'"{duty.pk}-{next(one["version"] for one in seen if one["id"] == str(duty.pk))}"'
    refused = lea.post(f"{path}/assign", {"seat": None}, If_Match=etag)
    assert (refused.code, refused.body["facts"]) == ("duty_needs_somebody", {"severity": crisis.severity})


def test_it_becomes_grave_and_the_empty_duties_are_filled(assessed: Incident, lea: Person) -> None:
    made = lea.post(f"incidents/{assessed.pk}/change-severity", {"severity": 3, "reason": "Small."},
                    If_Match=lea.get(f"incidents/{assessed.pk}").etag)  # fmt: skip
    assert made.status in (200, 403), made.body
    with inside(assessed.agency_id):
        Incident.objects.filter(pk=assessed.pk).update(severity=3)
    empty = lea.post(f"incidents/{assessed.pk}/duties", {"duty": "press", "seat": None})
    assert empty.status == 201, empty.body
    graver = lea.post(f"incidents/{assessed.pk}/change-severity", {"severity": 1, "reason": "It spreads."},
                      If_Match=lea.get(f"incidents/{assessed.pk}").etag)  # fmt: skip
    assert graver.status == 200, graver.body
    assert duty_of(assessed, "press").seat_id is not None


def test_it_stays_with_its_holder_until_somebody_accepts(
    crisis: Incident, lea: Person, dee: Person, bo: Person, eve: Person
) -> None:
    duty = duty_of(crisis, "commander")
    assert duty.seat_id == lea.seat.pk
    assert offer(bo, duty, dee).code == "not_allowed"
    assert offer(eve, duty, dee).status == 404
    made = offer(lea, duty, dee)
    assert made.status == 201, made.body
    assert offer(lea, duty, bo).code == "duty_offered"
    assert duty_of(crisis, "commander").seat_id == lea.seat.pk
    asked = offer_of(duty)
    assert bo.post(f"duty-offers/{asked.pk}/accept").code == "not_allowed"
    assert eve.post(f"/v1/agencies/north/duty-offers/{asked.pk}/accept").status == 404
    assert dee.post(f"duty-offers/{asked.pk}/accept").body["stage"] == "ACCEPTED"
    taken = duty_of(crisis, "commander")
    assert taken.seat_id == dee.seat.pk
    assert [name for name, _, _ in events_of(duty)][-2:] == ["duty.offered", "duty.assigned"]
    assert dee.post(f"duty-offers/{asked.pk}/decline").code == "cannot_move"


def test_who_declines_or_says_nothing_takes_nothing(crisis: Incident, lea: Person, dee: Person) -> None:
    duty = duty_of(crisis, "commander")
    offer(lea, duty, dee)
    assert dee.post(f"duty-offers/{offer_of(duty).pk}/decline").body["stage"] == "DECLINED"
    offer(lea, duty, dee)
    late = offer_of(duty)
    with inside(crisis.agency_id):
        DutyOffer.objects.filter(pk=late.pk).update(ends_at=late.offered_at + timedelta(microseconds=1))
    assert ring("incidents.lapse_duty_offer", late.pk)
    assert offer_of(duty).stage == "LAPSED"
    assert duty_of(crisis, "commander").seat_id == lea.seat.pk
    assert dee.post(f"duty-offers/{late.pk}/accept").code == "cannot_move"


def test_who_goes_is_asked_no_more_and_their_duties_are_carried_on(
    crisis: Incident, ana: Person, lea: Person, dee: Person
) -> None:
    duty = duty_of(crisis, "commander")
    offer(lea, duty, dee)
    assert ana.post(f"seats/{lea.seat.pk}/revoke", {"reason": "left"}).status == 200
    settle()
    assert offer_of(duty).stage == "LAPSED"
    with inside(crisis.agency_id):
        assert not Duty.objects.filter(incident=crisis, seat=None).exists()
        assert not Duty.objects.filter(incident=crisis, seat_id=lea.seat.pk).exists()
