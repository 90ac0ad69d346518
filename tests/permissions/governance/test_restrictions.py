"""A restricted incident, with everything in it, is there for its own grants and the owner alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from time_machine import travel

from incidents.models import Incident, PostMortem
from permissions.actions.grants import Place
from permissions.models import Restriction
from permissions.roles import ROLES
from tests.cast import Answer, Person, events_of, key_of, seat_person, send, walled
from tests.conftest import North
from tests.incidents.stage import approved, draft, release
from tests.permissions.governance.scene import give, grant, grant_of, ids, open_incident, queries_of

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
INSIDE = ("timeline", "notes", "duties", "tasks", "clocks", "files", "report")
# Lists that tell of incidents or of what is in them. Pages, pauses and signals stay on the brand.
LISTS = ("incidents", "statements", "post-mortems", "posts", "approvals", "events", "facts")


@dataclass(frozen=True)
class Crisis:
    incident: Incident
    things: dict[str, set[str]]  # list -> ids of what belongs to the incident
    words: tuple[str, ...]  # what nobody outside may read anywhere


@pytest.fixture
def full(
    north: North, ana: Person, lea: Person, bo: Person, cy: Person, dee: Person, crisis: Incident, now: datetime
) -> Crisis:
    """A crisis with a note, duties, tasks and clocks, a released statement and another in draft, and a review."""
    assert bo.post(f"incidents/{crisis.pk}/notes", {"text": "The chief knew"}).status == 201
    fact = {
        "brand": str(north.aurora.pk),
        "incident": str(crisis.pk),
        "name": "victims",
        "type": "number",
        "value": "3",
    }
    assert bo.post("facts", fact | {"good_for_minutes": 60}).status == 201
    told = release(bo, approved(bo, [lea, cy], crisis, north))
    assert told.status == 200, told.body
    draft(bo, crisis, north, "Another word")
    with walled(north.agency):
        PostMortem.objects.create(brand=north.aurora, incident=crisis, drafted_at=now, due_at=now)
    things = {path: ids(ana.get(_of(path, crisis))) for path in LISTS}
    assert all(things.values()), things
    return Crisis(crisis, things, (str(crisis.pk), crisis.reference, crisis.title, "The chief knew", "Another word"))


def _of(path: str, incident: Incident) -> str:
    narrowed = {"incidents": f"?reference={incident.reference}", "approvals": ""}
    return path + narrowed.get(path, f"?incident={incident.pk}") + ("&limit=100" if path == "events" else "")


@pytest.fixture
def gus(north: North, full: Crisis, now: datetime) -> Person:
    """Counsel: a role on the crisis and on nothing else."""
    gus = seat_person(north.agency, "gus", "integration", brands=[north.borealis], at=now)
    give(gus, "crisis_lead", Place(incident_id=full.incident.pk), at=now)
    return gus


def restrict(by: Person, incident: Any) -> Answer:
    return by.post(f"incidents/{incident}/restrict", {"reason": "the chief is part of it"})


def sees_nothing(person: Person, full: Crisis) -> None:
    """Neither by its address, nor in any list, nor through what it holds."""
    pk = full.incident.pk
    assert person.get(f"incidents/{pk}").status == 404
    for part in INSIDE:
        assert person.get(f"incidents/{pk}/{part}").status in {404, 403}, part
    for path in LISTS:
        answer = person.get(path)
        if answer.status == 403:
            continue
        assert answer.status == 200
        assert [word for word in full.words if word in str(answer.body)] == [], path
        assert full.things[path] & ids(answer) == set(), path
        for thing in full.things[path]:
            assert person.get(f"{path}/{thing}").status == 404, f"{path}/{thing}"


def test_everybody_without_a_grant_on_it_sees_nothing_of_it(
    north: North, ana: Person, ada: Person, lea: Person, bo: Person, cy: Person, dee: Person, gus: Person, full: Crisis
) -> None:
    for path in LISTS:
        assert full.things[path] <= ids(lea.get(_of(path, full.incident))), path
    assert restrict(ada, full.incident.pk).status == 200
    for person in (ada, lea, bo, cy, dee):
        sees_nothing(person, full)
    sees_nothing(key_of(lea, *ROLES["crisis_lead"].needs), full)
    for person in (gus, ana):
        assert person.get(f"incidents/{full.incident.pk}").body["restricted"] is True
        for part in INSIDE:
            assert person.get(f"incidents/{full.incident.pk}/{part}").status == 200, part
        for path in LISTS:
            assert full.things[path] <= ids(person.get(_of(path, full.incident))), path
            for thing in full.things[path]:
                assert person.get(f"{path}/{thing}").status == 200, f"{path}/{thing}"


def test_nothing_is_done_in_it_by_those_outside(
    north: North, ada: Person, lea: Person, bo: Person, gus: Person, full: Crisis
) -> None:
    restrict(ada, full.incident.pk)
    pk = full.incident.pk
    assert lea.post(f"incidents/{pk}/contain", {"note": ""}).status == 404
    assert bo.post(f"incidents/{pk}/notes", {"text": "hello"}).status == 404
    body = {
        "incident": str(pk), "title": "x", "language": "en",
        "deliveries": [{"account": str(north.aurora_account.pk), "text": "x"}],
    }  # fmt: skip
    assert bo.post("statements", body).status == 400
    assert gus.post(f"incidents/{pk}/notes", {"text": "hello"}).status == 201
    assert lea.post("pauses", {"scope": "brand", "scope_id": str(north.aurora.pk), "incident": str(pk),
                               "kind": "scheduled", "reason": "x"}).status == 400  # fmt: skip


def test_a_link_to_the_report_closes_with_its_makers_sight(lea: Person, ada: Person, full: Crisis) -> None:
    link = lea.post(f"incidents/{full.incident.pk}/report-link", {})
    assert link.status == 201, link.body
    path = "/v1/reports/" + link.body["url"].rsplit("/", 1)[1]
    assert send("GET", path).status == 200
    restrict(ada, full.incident.pk)
    assert send("GET", path).status == 404


def test_whoever_restricts_is_told_who_still_sees_it_and_gets_no_grant(
    north: North, ana: Person, ada: Person, gus: Person, full: Crisis
) -> None:
    answer = restrict(ada, full.incident.pk)
    assert {(seen["seat"], seen["role"]) for seen in answer.body["seen_by"]} == {
        (str(ana.seat.pk), "owner"),
        (str(gus.seat.pk), "crisis_lead"),
    }
    assert (answer.body["restricted"], answer.body["lifted_at"]) == (True, None)
    assert ada.get(f"incidents/{full.incident.pk}").status == 404
    assert restrict(ada, full.incident.pk).status == 404
    assert restrict(ana, full.incident.pk).code == "already_restricted"
    name, actor, facts = events_of(full.incident)[-1]
    with walled(north.agency):
        row: Restriction = Restriction.objects.get(incident=full.incident)
    assert (name, actor) == ("incident.restricted", f"seat:{ada.seat.pk}")
    assert facts == {"restriction_id": str(row.pk), "reason": "the chief is part of it"}


def test_only_those_inside_who_may_open_it_again(
    ana: Person, ada: Person, lea: Person, gus: Person, full: Crisis, now: datetime
) -> None:
    pk = full.incident.pk
    lift = {"reason": "cleared"}
    assert ana.post(f"incidents/{pk}/lift-restriction", lift).code == "not_restricted"
    restrict(ada, pk)
    assert ada.post(f"incidents/{pk}/lift-restriction", lift).status == 404
    assert lea.post(f"incidents/{pk}/lift-restriction", lift).status == 403
    assert gus.post(f"incidents/{pk}/lift-restriction", lift).status == 403
    assert grant(ada, ada, "admin", incident=pk).status == 400
    assert grant(ana, ada, "admin", incident=pk).status == 201
    lifted = ada.post(f"incidents/{pk}/lift-restriction", lift)
    assert (lifted.status, lifted.body["restricted"], lifted.body["seen_by"]) == (200, False, None)
    assert lea.get(f"incidents/{pk}").body["restricted"] is False
    assert events_of(full.incident)[-1][0] == "incident.restriction_lifted"


def test_a_grant_on_it_opens_and_closes_it_to_the_second(
    ana: Person, ada: Person, lea: Person, full: Crisis, now: datetime
) -> None:
    pk = full.incident.pk
    restrict(ada, pk)
    begins, ends = now + HOUR, now + 2 * HOUR
    given = grant(ana, lea, "responder", incident=pk, starts_at=begins.isoformat(), ends_at=ends.isoformat())
    assert given.status == 201
    seen = {}
    for at in (now, begins - timedelta(seconds=1), begins, ends - timedelta(seconds=1), ends):
        with travel(at, tick=False):
            seen[at] = lea.get(f"incidents/{pk}").status
    assert list(seen.values()) == [404, 404, 200, 200, 404]


def test_grants_on_it_are_hidden_with_it(ana: Person, ada: Person, gus: Person, full: Crisis) -> None:
    row = grant_of(gus, "crisis_lead")
    assert str(row.pk) in ids(ada.get("grants"))
    restrict(ada, full.incident.pk)
    assert str(row.pk) not in ids(ada.get("grants"))
    assert ada.get(f"grants/{row.pk}").status == 404
    assert str(row.pk) in ids(ana.get("grants"))
    told = {person["seat"]: person for person in ada.get("access/matrix").body["items"]}
    assert told[str(gus.seat.pk)]["incidents"] == {}


def test_colleagues_and_strangers_restrict_nothing(
    north: North, ana: Person, lea: Person, bo: Person, eve: Person
) -> None:
    incident = open_incident(ana, north.aurora)
    for verb in ("restrict", "lift-restriction"):
        assert lea.post(f"incidents/{incident}/{verb}", {"reason": "x"}).status == 403
        assert bo.post(f"incidents/{incident}/{verb}", {"reason": "x"}).status == 403
        assert eve.post(f"incidents/{incident}/{verb}", {"reason": "x"}).status == 404
        assert eve.post(f"/v1/agencies/north/incidents/{incident}/{verb}", {"reason": "x"}).status == 404


def test_lists_cost_no_query_more_for_restricted_incidents(north: North, ana: Person, lea: Person) -> None:
    incidents: list[UUID] = [open_incident(ana, north.aurora, f"Trouble {number}") for number in range(4)]
    lea.get("incidents")
    before = queries_of(lambda: lea.get("incidents"))
    for incident in incidents[:3]:
        restrict(ana, incident)
    assert queries_of(lambda: lea.get("incidents")) == before
    assert ids(lea.get("incidents")) == {str(incidents[3])}
