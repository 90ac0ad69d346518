"""Who is asked to acknowledge a policy, reminded, excused, and heard."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from jobs.models import Job
from permissions.actions.grants import Place, grant_role
from permissions.revocation import LINES
from readiness.actions import acknowledgements, ask_audience, remind_people, tend_campaigns
from readiness.actions.acknowledgements import ACKNOWLEDGE_LETTER
from readiness.models import Acknowledgement, Contact, Policy
from readiness.queries.letters import acknowledge_letter
from tests.cast import SETTING_THE_STAGE, Answer, Person, events_of, key_of, seat_person, walled
from tests.conftest import North
from tests.incidents.stage import settle
from tests.readiness.test_policies import DRAFT, published

pytestmark = pytest.mark.django_db
STAFF = {"who": [{"side": "staff"}], "due_days": 10}


def new_policy(person: Person, brand: object, *who: dict[str, str], name: str = "Social media", **more: Any) -> Answer:
    draft = DRAFT | {"audience": {"who": list(who), **more}}
    return person.post("policies", {"brand": brand and str(brand), "name": name, "draft": draft})


def asked(north: North, version: Answer) -> set[Any]:
    with walled(north.agency):
        return set(Acknowledgement.objects.filter(version=version.body["id"]).values_list("seat_id", flat=True))


def letters(about: str = ACKNOWLEDGE_LETTER) -> int:
    return int(Job.objects.filter(handler="alerting.deliver_letter", args__kind=about).count())


def test_publishing_asks_everybody_in_the_audience(
    north: North, ana: Person, lea: Person, bo: Person, cy: Person, dee: Person
) -> None:
    other = seat_person(north.agency, "oz", "responder", brands=[north.borealis], at=north.agency.created_at)
    settle()  # whoever comes is asked by themselves
    policy = new_policy(lea, north.aurora.pk, {"role": "responder"}, {"side": "client"})
    version = published(lea, policy)
    settle()
    assert asked(north, version) == {dee.seat.pk, cy.seat.pk}, "not the responder of another brand"
    with walled(north.agency):
        row = Policy.objects.found(policy.body["id"])
        waiting = Acknowledgement.objects.get(seat_id=dee.seat.pk)
        assert waiting.due_at - waiting.asked_at == timedelta(days=14)
    assert events_of(row)[-1] == (
        "policy.acknowledgement_asked", "rule:policy campaigns", {"number": 1, "people": 2},
    )  # fmt: skip
    assert letters() == 2
    [own] = cy.get("acknowledgements").body["items"]
    assert (own["name"], own["number"], own["policy"]) == ("Social media", 1, policy.body["id"])
    whole = cy.get(f"acknowledgements/{own['id']}").body
    assert [chapter["chapter"] for chapter in whole["chapters"]][:2] == ["copyright", "privacy"]
    assert "rules" not in str(whole)
    assert other.get("acknowledgements").body["items"] == []


def test_a_person_acknowledges_for_themselves(north: North, lea: Person, dee: Person, bo: Person, eve: Person) -> None:
    policy = new_policy(lea, north.aurora.pk, {"role": "responder"})
    version = published(lea, policy)
    settle()
    [own] = dee.get("acknowledgements?waiting=true").body["items"]
    path = f"acknowledgements/{own['id']}/acknowledge"
    assert bo.post(path).status == lea.post(path).status == eve.post(f"/v1/agencies/north/{path}").status == 404
    assert eve.get(f"/v1/agencies/north/acknowledgements/{own['id']}").status == 404
    assert key_of(dee, "policies.read").post(path).code == "persons_only"
    said = dee.post(path)
    assert said.status == 200, said.body
    assert said.body["acknowledged_at"] is not None
    assert dee.post(path).body == said.body, "saying it twice changes nothing"
    assert dee.get("acknowledgements?waiting=true").body["items"] == []
    assert len(dee.get("acknowledgements?waiting=false").body["items"]) == 1
    with walled(north.agency):
        row = Policy.objects.found(policy.body["id"])
    assert events_of(row)[-1] == (
        "policy.acknowledged",
        f"seat:{dee.seat.pk}",
        {"number": 1, "version_id": version.body["id"], "late": False},
    )
    campaign = {"asked": 1, "acknowledged": 1, "waiting": 0, "excused": 0, "overdue": 0, "late": 0}
    assert lea.get(f"policy-versions/{version.body['id']}/campaign").body == campaign
    [person] = lea.get(f"policy-versions/{version.body['id']}/people").body["items"]
    assert (person["person"], person["acknowledged_at"]) == ("Dee", said.body["acknowledged_at"])


def test_a_change_asks_again_or_only_those_who_have_not_answered(
    north: North, lea: Person, dee: Person, bo: Person
) -> None:
    policy = new_policy(lea, north.aurora.pk, {"side": "staff"})
    first = published(lea, policy)
    settle()
    [own] = dee.get("acknowledgements").body["items"]
    dee.post(f"acknowledgements/{own['id']}/acknowledge")
    draft = DRAFT | {"audience": STAFF}
    second = published(lea, policy, draft, asks_again=False)
    settle()
    assert asked(north, second) == {bo.seat.pk, lea.seat.pk}
    late = bo.get("acknowledgements?waiting=false").body["items"]
    assert [(one["version"], one["excused_at"] is not None) for one in late] == [(first.body["id"], True)]
    assert bo.post(f"acknowledgements/{late[0]['id']}/acknowledge").code == "no_longer_asked"
    third = published(lea, policy, draft)
    settle()
    assert asked(north, third) == {bo.seat.pk, lea.seat.pk, dee.seat.pk}
    fourth = published(lea, policy, draft, asks_again=False)
    settle()
    assert asked(north, fourth) == asked(north, third), "nobody has acknowledged what was asked of everybody"


def test_whoever_comes_is_asked_too(north: North, ana: Person, lea: Person, now: datetime) -> None:
    version = published(lea, new_policy(lea, north.aurora.pk, {"role": "responder"}))
    house = published(ana, new_policy(ana, None, {"side": "client"}, name="House"))
    settle()
    assert asked(north, version) == asked(north, house) == set()
    ned = seat_person(north.agency, "ned", "responder", brands=[north.aurora], at=now)
    oz = seat_person(north.agency, "oz", "responder", brands=[north.borealis], at=now)
    kim = seat_person(north.agency, "kim", "client_viewer", brands=[north.borealis], side="client", at=now)
    settle()
    assert asked(north, version) == {ned.seat.pk}
    assert asked(north, house) == {kim.seat.pk}
    with walled(north.agency):
        grant_role(
            seat_id=oz.seat.pk, role="responder", places=Place.each([north.aurora.pk]), reason="helps", starts_at=None,
            ends_at=None, sponsor=None, by=SETTING_THE_STAGE, at=now,
        )  # fmt: skip
    settle()
    assert asked(north, version) == {ned.seat.pk, oz.seat.pk}


def test_departments_are_those_of_the_contact_book(north: North, lea: Person, dee: Person, bo: Person) -> None:
    at = north.agency.created_at
    with walled(north.agency):
        Contact(name="Dee", department="Legal", seat_id=dee.seat.pk, created_at=at, confirm_due_at=at).save()
        Contact(name="Bo", department="Care", seat_id=bo.seat.pk, created_at=at, confirm_due_at=at).save()
    version = published(lea, new_policy(lea, north.aurora.pk, {"department": "legal", "side": "staff"}))
    settle()
    assert asked(north, version) == {dee.seat.pk}


def test_whoever_leaves_the_audience_is_excused_and_asked_when_they_come_back(
    north: North, ana: Person, lea: Person, now: datetime
) -> None:
    ned = seat_person(north.agency, "ned", "responder", brands=[north.aurora], at=now)
    version = published(lea, new_policy(lea, north.aurora.pk, {"role": "responder"}))
    settle()
    [grant] = ana.get(f"grants?seat={ned.seat.pk}").body["items"]
    gone = ana.post(
        f"grants/{grant['id']}/withdraw", {"reason": "moved"}, If_Match=ana.get(f"grants/{grant['id']}").etag
    )
    assert gone.status == 200, gone.body

    def tended() -> bool:
        with walled(north.agency):
            assert tend_campaigns(at=now) == 1
        settle()
        with walled(north.agency):
            return Acknowledgement.objects.get(version=version.body["id"]).excused_at is None

    assert not tended()
    with walled(north.agency):
        grant_role(
            seat_id=ned.seat.pk, role="responder", places=Place.each([north.aurora.pk]), reason="back", starts_at=None,
            ends_at=None, sponsor=None, by=SETTING_THE_STAGE, at=now,
        )  # fmt: skip
    assert tended()


def test_a_leaver_owes_nothing_more(north: North, ana: Person, lea: Person, dee: Person) -> None:
    version = published(lea, new_policy(lea, north.aurora.pk, {"role": "responder"}))
    settle()
    found = LINES["policies to acknowledge"]
    assert found.left is not None
    with walled(north.agency):
        assert found.left([dee.seat.pk], version_time(version)) == {dee.seat.pk: 1}
    assert ana.post(f"seats/{dee.seat.pk}/revoke", {"reason": "left"}).status == 200
    with walled(north.agency):
        assert found.left([dee.seat.pk], version_time(version)) == {}
        row = Acknowledgement.objects.get(seat_id=dee.seat.pk)
        assert acknowledge_letter(row.pk, version_time(version)) is None
    assert lea.get(f"policy-versions/{version.body['id']}/campaign").body["excused"] == 1


def version_time(version: Answer) -> datetime:
    return datetime.fromisoformat(version.body["published_at"])


def test_people_are_reminded_three_times_at_most(north: North, lea: Person, dee: Person) -> None:
    policy = new_policy(lea, north.aurora.pk, {"role": "responder"}, due_days=10)
    version = published(lea, policy)
    settle()
    Job.objects.filter(handler="alerting.deliver_letter").update(state="DONE")
    start = version_time(version) + timedelta(minutes=5)
    reminded = []
    for day in range(40):
        with walled(north.agency):
            if remind_people(by=SETTING_THE_STAGE, at=start + timedelta(days=day)):
                reminded.append(day)
            row = Acknowledgement.objects.get(seat_id=dee.seat.pk)
            letter = acknowledge_letter(row.pk, start)
            assert letter is not None
            assert letter.address == dee.user.email
            assert "What others made" in letter.text
    assert reminded == [5, 10, 15]
    with walled(north.agency):
        row = Policy.objects.found(policy.body["id"])
    assert [facts for name, _, facts in events_of(row) if name == "policy.reminded"] == [{"number": 1, "people": 1}] * 3
    assert lea.get(f"policy-versions/{version.body['id']}/people").body["items"][0]["reminders"] == 3
    [own] = dee.get("acknowledgements").body["items"]
    dee.post(f"acknowledgements/{own['id']}/acknowledge")
    with walled(north.agency):
        assert acknowledge_letter(own["id"], start) is None


def test_many_people_are_asked_in_batches(
    north: North, lea: Person, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acknowledgements, "AT_ONCE", 2)
    people = {seat_person(north.agency, f"p{n}", "responder", at=now).seat.pk for n in range(5)}
    version = published(lea, new_policy(lea, north.aurora.pk, {"role": "responder"}))
    settle()
    assert asked(north, version) == people
    with walled(north.agency):
        assert not ask_audience(version_id=version.body["id"], by=SETTING_THE_STAGE, at=now), "safe to repeat"
    campaign = lea.get(f"policy-versions/{version.body['id']}/campaign").body
    assert (campaign["asked"], campaign["waiting"]) == (5, 5)


def test_nobody_is_asked_about_what_holds_no_more(north: North, lea: Person, dee: Person) -> None:
    policy = new_policy(lea, north.aurora.pk, {"role": "responder"})
    version = published(lea, policy)
    path = f"policies/{policy.body['id']}"
    lea.post(f"{path}/retire", {"reason": "x"}, If_Match=lea.get(path).etag)
    settle()
    assert asked(north, version) == set()


def test_lists_ask_the_same_for_one_and_for_many(north: North, lea: Person, dee: Person, now: datetime) -> None:
    for number in range(4):
        version = published(lea, new_policy(lea, north.aurora.pk, {"role": "responder"}, name=f"P{number}"))
    for number in range(4):
        seat_person(north.agency, f"p{number}", "responder", at=now)
    settle()
    people = f"policy-versions/{version.body['id']}/people"
    for person, path, rows in ((dee, "acknowledgements", 4), (lea, people, 5)):
        person.get(path)
        with CaptureQueriesContext(connection) as one:
            assert len(person.get(f"{path}?limit=1").body["items"]) == 1
        with CaptureQueriesContext(connection) as many:
            assert len(person.get(path).body["items"]) == rows
        assert len(one) == len(many) <= 16, (path, len(one), len(many))
