"""Why somebody may do something: as the gate answers now, and as it answered then."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from core.refusals import Refusal
from incidents.models import Incident
from permissions import gate
from permissions.actions.grants import Place, grant_role, project_anew, reschedule_role, withdraw_role
from permissions.actions.restrictions import lift_restriction, restrict_incident
from permissions.actions.roles import define_role, revise_role
from permissions.actions.rules import deny_brands, lift_denial
from permissions.models import CustomRole, DenyRule, Grant
from permissions.needs import Need
from permissions.queries.explain import explain, judge
from permissions.queries.picture import Picture, picture_at, picture_now
from tenants.actions.agencies import archive_brand, restore_brand
from tenants.actions.goodbyes import revoke_seat
from tenants.actions.seats import resume_seat, suspend_seat
from tenants.models import Brand, Seat
from tenants.queries import caller_for
from tenants.states import SeatStage
from tests.cast import SETTING_THE_STAGE, Answer, Person, add_brand, key_of, seat_person, walled
from tests.conftest import North
from tests.permissions.governance.scene import give, grant, grant_of, open_incident, queries_of, rivals

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
ASKED = [
    Need.AGENCY_READ, Need.SEATS_READ, Need.BRANDS_READ, Need.INCIDENTS_READ, Need.INCIDENTS_STEER, Need.ROLES_GRANT,
    Need.POSTS_SCHEDULE, Need.ACCESS_EXPLAIN,
]  # fmt: skip


def ask(by: Person, about: Person, need: str, obj: str, at: datetime | None = None) -> Answer:
    when = f"&at={at.isoformat().replace('+00:00', 'Z')}" if at else ""
    return by.get(f"access/explain?person={about.seat.pk}&need={need}&object={obj}{when}")


def told(answer: Answer) -> tuple[bool, list[str], list[str]]:
    assert answer.status == 200, answer.body
    body = answer.body
    return body["allowed"], [because["role"] for because in body["because"]], [a["kind"] for a in body["against"]]


def test_it_names_the_grants_that_give_the_need(north: North, ana: Person, bo: Person, lea: Person) -> None:
    answer = ask(ana, bo, "posts.schedule", f"brand:{north.aurora.pk}")
    assert told(answer) == (True, ["account_manager"], [])
    row = grant_of(bo)
    because = answer.body["because"][0]
    assert (because["grant"], because["brand"], because["reason"]) == (str(row.pk), str(north.aurora.pk), "the cast")
    assert told(ask(ana, bo, "posts.schedule", f"brand:{north.borealis.pk}")) == (False, [], [])
    assert told(ask(ana, lea, "posts.schedule", f"brand:{north.borealis.pk}")) == (True, ["crisis_lead"], [])
    assert told(ask(ana, bo, "brands.create", "agency")) == (False, [], [])
    assert told(ask(ana, ana, "brands.create", "agency")) == (True, ["owner"], [])


def test_it_names_what_stands_against(north: North, ana: Person, lea: Person, bo: Person, now: datetime) -> None:
    incident = open_incident(ana, north.aurora)
    brand, crisis = f"brand:{north.aurora.pk}", f"incident:{incident}"
    ana.post(f"incidents/{incident}/restrict", {"reason": "the chief"})
    answer = ask(ana, lea, "incidents.read", crisis)
    assert told(answer) == (False, ["crisis_lead"], ["restriction"])
    assert answer.body["against"][0]["reason"] == "the chief"
    rule = rivals(ana, north)
    assert told(ask(ana, lea, "brands.read", brand)) == (False, ["crisis_lead"], ["deny_rule"])
    assert ask(ana, lea, "brands.read", brand).body["against"][0]["id"] == rule.body["id"]
    assert told(ask(ana, lea, "incidents.read", crisis))[2] == ["deny_rule", "restriction"]
    assert ana.post(f"brands/{north.aurora.pk}/archive", {"reason": "left us"}).status == 200
    assert told(ask(ana, bo, "posts.schedule", brand)) == (False, ["account_manager"], ["archived"])
    assert told(ask(ana, bo, "posts.read", brand)) == (True, ["account_manager"], [])
    ana.post(f"seats/{bo.seat.pk}/suspend", {"reason": "on leave"})
    assert told(ask(ana, bo, "posts.read", brand)) == (False, ["account_manager"], ["seat"])
    ana.post(f"seats/{bo.seat.pk}/revoke", {"reason": "left"})
    assert told(ask(ana, bo, "posts.read", brand)) == (False, [], ["seat", "deny_rule"])


def test_the_past_is_told_from_the_ledger(north: North, ana: Person, bo: Person, now: datetime) -> None:
    """What was granted, and what a custom role held, at that time."""
    start = now
    brand = f"brand:{north.borealis.pk}"
    with walled(north.agency):
        role = define_role(
            slug="scribe", label="Scribe", side="staff", needs=["incidents.note"], maker=ana.caller(start + HOUR),
            by=ana.actor, at=start + HOUR,
        )  # fmt: skip
    give(bo, "scribe", Place(north.borealis.pk), at=start + 2 * HOUR)
    with walled(north.agency):
        revise_role(
            role_id=role.pk, needs=["incidents.read"], maker=ana.caller(start + 3 * HOUR), by=ana.actor,
            at=start + 3 * HOUR,
        )  # fmt: skip
        withdraw_role(grant_id=grant_of(bo, "scribe").pk, reason="x", by=ana.actor, at=start + 4 * HOUR)
        seat = Seat.objects.get(pk=bo.seat.pk)
        obj = Brand.objects.get(pk=north.borealis.pk)
        answers = {
            hours: tuple(
                explain(seat, need, obj, now=start + 9 * HOUR, at=start + hours * HOUR).allowed
                for need in (Need.INCIDENTS_NOTE, Need.INCIDENTS_READ)
            )
            for hours in (1.5, 2.5, 3.5, 4.5)
        }
    assert answers == {1.5: (False, False), 2.5: (True, False), 3.5: (False, True), 4.5: (False, False)}
    assert told(ask(ana, bo, "incidents.read", brand)) == (False, [], [])


def test_before_they_were_there_nobody_and_nothing_was_allowed(
    north: North, ana: Person, bo: Person, now: datetime
) -> None:
    answer = ask(ana, bo, "brands.read", f"brand:{north.aurora.pk}", at=now - HOUR)
    assert told(answer) == (False, [], ["seat", "not_there"])


def test_nobody_knows_the_future(ana: Person, bo: Person, now: datetime) -> None:
    assert ask(ana, bo, "brands.read", "agency", at=now + HOUR).code == "invalid"


def test_everybody_asks_about_themselves_and_sees_no_more_than_they_see(
    north: North, ana: Person, bo: Person, cy: Person, lea: Person
) -> None:
    assert told(ask(bo, bo, "posts.schedule", f"brand:{north.aurora.pk}")) == (True, ["account_manager"], [])
    assert told(ask(cy, cy, "posts.read", f"brand:{north.aurora.pk}"))[0] is True
    hidden = ask(bo, bo, "posts.schedule", f"brand:{north.borealis.pk}")
    absent = ask(bo, bo, "posts.schedule", "brand:0192f4c0-0000-7000-8000-000000000000")
    assert (hidden.status, hidden.alike) == (404, absent.alike)
    assert told(ask(bo, bo, "roles.grant", "agency")) == (False, [], [])
    incident = open_incident(ana, north.aurora)
    ana.post(f"incidents/{incident}/restrict", {"reason": "the chief"})
    assert ask(lea, lea, "incidents.read", f"incident:{incident}").status == 404


def test_others_are_explained_by_those_who_may(
    north: North, ana: Person, ada: Person, bo: Person, lea: Person, eve: Person, now: datetime
) -> None:
    brand = f"brand:{north.aurora.pk}"
    assert ask(lea, bo, "posts.schedule", brand).status == 403
    assert ask(ada, bo, "posts.schedule", brand).status == 200
    local = seat_person(north.agency, "loc", "admin", brands=[north.borealis], at=now)
    assert ask(local, bo, "posts.schedule", f"brand:{north.borealis.pk}").status == 200
    assert ask(local, bo, "posts.schedule", brand).status == 404
    assert ask(local, bo, "posts.schedule", "agency").status == 403
    assert ask(eve, bo, "posts.schedule", "agency").status == 404
    query = f"access/explain?person={bo.seat.pk}&need=posts.schedule&object={brand}"
    assert eve.get(query).status == 404
    assert eve.get(f"/v1/agencies/north/{query}").status == 404
    key = key_of(ada, Need.BRANDS_READ, Need.SEATS_READ)
    assert ask(key, ada, "posts.schedule", brand).status == 403


def test_a_question_is_well_formed(ana: Person, bo: Person) -> None:
    assert ask(ana, bo, "posts.fly", "agency").status == 400
    assert ask(ana, bo, "posts.read", "planet").status == 400
    assert ask(ana, bo, "posts.read", "brand:" + "-" * 36).status == 404
    assert ana.get("access/explain").status == 400


def test_the_questions_cost_does_not_grow(north: North, ana: Person, bo: Person, now: datetime) -> None:
    brand = f"brand:{north.aurora.pk}"
    grant(ana, bo, "analyst", north.aurora.pk)

    def costs() -> list[int]:
        return [queries_of(partial(ask, ana, bo, "posts.read", brand, at)) for at in (None, now)]

    few = costs()
    for role in ("responder", "crisis_lead"):
        grant(ana, bo, role, north.aurora.pk)
    assert costs() == few


# -- it answers what the gate answers ---------------------------------------------------------------------------------


class World:
    """People, brands and incidents to whom one thing after the other happens, by chance."""

    def __init__(self, north: North, ana: Person, chance: random.Random, now: datetime) -> None:
        self.north, self.ana, self.chance, self.at = north, ana, chance, now
        self.people = [
            seat_person(north.agency, f"p{n}", "integration", brands=[north.aurora], at=now) for n in range(3)
        ]
        self.brands = [north.aurora, north.borealis, add_brand(north.agency, "cirrus", now)]
        self.incidents = [open_incident(ana, brand) for brand in (*self.brands, north.aurora)]
        with walled(north.agency):
            define_role(
                slug="own", label="Own", side="staff", needs=["brands.read", "incidents.read"], maker=ana.caller(now),
                by=ana.actor, at=now,
            )  # fmt: skip

    def person(self) -> Person:
        return self.chance.choice(self.people)

    def place(self) -> Place:
        kind = self.chance.random()
        if kind < 0.25:
            return Place()
        if kind < 0.65:
            return Place(self.chance.choice(self.brands).pk)
        return Place(incident_id=self.chance.choice(self.incidents))

    def soon(self) -> datetime | None:
        return self.chance.choice([None, None, None, self.at + self.chance.randint(1, 9) * HOUR])

    def who(self) -> dict[str, Any]:
        return {"by": SETTING_THE_STAGE, "at": self.at}

    def step(self) -> None:
        """One thing happens, or is refused."""
        self.at += HOUR
        deeds = [self.grant, self.grant, self.grant, self.withdraw, self.reschedule, self.wall, self.unwall,
                 self.restrict, self.open, self.archive, self.restore, self.suspend, self.resume, self.revise,
                 self.upgrade]  # fmt: skip
        with walled(self.north.agency), suppress(Refusal):
            self.chance.choice(deeds)()

    def grant(self) -> None:
        role = self.chance.choice(["own", "own", "own", "own", "crisis_lead", "admin", "owner", "analyst", "responder"])
        starts, ends = self.soon(), self.soon()
        grant_role(
            seat_id=self.person().seat.pk, role=role, places=[self.place()], reason="x", starts_at=starts, ends_at=ends,
            sponsor=None, **self.who(),
        )  # fmt: skip

    def a_grant(self) -> UUID:
        live = Grant.objects.all().live().filter(seat__in=[person.seat.pk for person in self.people])
        found: UUID = self.chance.choice(list(live.order_by("pk").values_list("pk", flat=True)) or [self.ana.seat.pk])
        return found

    def withdraw(self) -> None:
        withdraw_role(grant_id=self.a_grant(), reason="x", **self.who())

    def reschedule(self) -> None:
        reschedule_role(grant_id=self.a_grant(), ends_at=self.soon(), reason="x", sponsor=None, **self.who())

    def wall(self) -> None:
        seat = self.chance.choice([None, None, self.person().seat.pk])
        brands = [brand.pk for brand in self.chance.sample(self.brands, 2)]
        deny_brands(seat_id=seat, brand_ids=brands, reason="x", ends_at=self.soon(), **self.who())

    def unwall(self) -> None:
        if rules := list(DenyRule.objects.all().live().order_by("pk")):
            lift_denial(rule_id=self.chance.choice(rules).pk, reason="x", **self.who())

    def restrict(self) -> None:
        restrict_incident(incident_id=self.chance.choice(self.incidents), reason="x", **self.who())

    def open(self) -> None:
        lift_restriction(incident_id=self.chance.choice(self.incidents), reason="x", **self.who())

    def archive(self) -> None:
        archive_brand(brand_id=self.chance.choice(self.brands).pk, reason="x", **self.who())

    def restore(self) -> None:
        restore_brand(brand_id=self.chance.choice(self.brands).pk, reason="x", **self.who())

    def suspend(self) -> None:
        suspend_seat(seat_id=self.people[0].seat.pk, reason="x", **self.who())

    def resume(self) -> None:
        resume_seat(seat_id=self.people[0].seat.pk, reason="x", **self.who())

    def revise(self) -> None:
        needs = self.chance.sample([need.value for need in ASKED], self.chance.randint(1, 4))
        own = CustomRole.objects.get(slug="own")
        revise_role(role_id=own.pk, needs=needs, maker=self.ana.caller(self.at), **self.who())

    def upgrade(self) -> None:
        project_anew(user_id=self.person().user.pk, **self.who())

    def things(self) -> list[Any]:
        return [None, *Brand.objects.order_by("pk"), *Incident.objects.order_by("pk")]

    def gate(self, at: datetime) -> dict[tuple[Any, ...], bool]:
        """What the gate answers everybody about everything at an instant, with the rows as they are."""
        answers = {}
        things = self.things()
        for person in self.people:
            seat = Seat.objects.get(pk=person.seat.pk)
            caller = caller_for(seat, at=at)
            for thing in things:
                for need in ASKED:
                    may = seat.stage == SeatStage.ACTIVE and gate.allowed(caller, need, thing)
                    answers[seat.pk, need, getattr(thing, "pk", None)] = may
        return answers

    def explained(self, look: Callable[[Seat, Any], Picture]) -> dict[tuple[Any, ...], bool]:
        """What is explained about the same, each person and thing looked at once for all needs."""
        things = self.things()
        answers = {}
        for seat in Seat.objects.filter(pk__in=[person.seat.pk for person in self.people]):
            for thing in things:
                picture = look(seat, thing)
                answers |= {(seat.pk, need, getattr(thing, "pk", None)): judge(picture, need).allowed for need in ASKED}
        return answers


def wrong(said: dict[Any, bool], right: dict[Any, bool]) -> dict[Any, tuple[bool, bool]]:
    assert said.keys() == right.keys()
    return {about: (said[about], right[about]) for about in right if said[about] != right[about]}


@pytest.mark.parametrize("seed", range(5))
def test_now_it_agrees_with_the_gate_exactly(north: North, ana: Person, now: datetime, seed: int) -> None:
    world = World(north, ana, random.Random(seed), now)
    for _ in range(30):
        world.step()
    yes = 0
    for at in (world.at, world.at + HOUR, world.at + 4 * HOUR, world.at + 5 * HOUR - SECOND, world.at + 5 * HOUR):
        with walled(north.agency):
            right = world.gate(at)
            said = world.explained(partial(picture_now, at=at))
        assert wrong(said, right) == {}
        yes += sum(right.values())
    assert yes > 0


@pytest.mark.parametrize("seed", range(100, 104))
def test_each_past_instant_is_told_as_the_gate_answered_then(
    north: North, ana: Person, now: datetime, seed: int
) -> None:
    world = World(north, ana, random.Random(seed), now)
    then: dict[datetime, dict[Any, bool]] = {}
    for number in range(36):
        world.step()
        if number % 3 == 2:
            at = world.at + HOUR / 2
            with walled(north.agency):
                then[at] = world.gate(at)
    leaver = world.people[0]
    with walled(north.agency):
        revoke_seat(seat_id=leaver.seat.pk, reason="left", by=ana.actor, at=world.at + HOUR)
        then[world.at + 2 * HOUR] = world.gate(world.at + 2 * HOUR)
        for at, right in then.items():
            said = world.explained(partial(picture_at, at=at))
            assert wrong(said, right) == {}, at
    assert any(any(right.values()) for right in then.values())
    assert any(not all(right.values()) for right in then.values())
