"""One story over several brands: who may see all of them is told, everybody else sees nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.actor import Actor
from core.wall import inside
from jobs.models import Job, JobState
from listening.actions.contagion import FIND, find_contagions
from listening.jobs import write_contagion_letter
from listening.models import Contagion, ContagionStory, ContagionWarning, Source, Story
from listening.stories import features_of, sketch_of
from permissions.actions.rules import deny_brands
from tenants.models import Brand
from tests.cast import Person, add_brand, events_of, seat_person
from tests.conftest import North
from tests.listening.storms import detect, hear, quiet_days, whole
from tests.listening.test_stories import GLASS, story_row, tell

pytestmark = pytest.mark.django_db
RADAR = Actor.rule("contagion radar")
WHO = "rule:contagion radar"
HOUR = timedelta(hours=1)
RECALL = "A supplier of both houses recalls its frozen berries because of hepatitis and shops must destroy them"
OTHER = "The new autumn menu is here and every guest gets a free pumpkin soup with the second course this week"


def told(source: Source, brand: Brand, text: str, at: datetime, *, mentions: int = 40) -> Story:
    """A story of a brand whose texts read like `text`."""
    row = story_row(source, at, title=text[:30], mentions=mentions, sketch=list(sketch_of(features_of(text))))
    with inside(source.agency_id):
        Story.objects.filter(pk=row.pk).update(brand_id=brand.pk)
        return Story.objects.get(pk=row.pk)


def radar(source: Source, at: datetime) -> list[Contagion]:
    with inside(source.agency_id):
        return find_contagions(by=RADAR, at=at)


@pytest.fixture
def third(north: North, now: datetime) -> Brand:
    return add_brand(north.agency, "corona", now)


@pytest.fixture
def sees_both(north: North, now: datetime) -> Person:
    return seat_person(north.agency, "kim", "account_manager", brands=[north.aurora, north.borealis], at=now)


@pytest.fixture
def spread(
    source: Source, north: North, ana: Person, bo: Person, cy: Person, sees_both: Person, now: datetime
) -> Contagion:
    """The same recall told of Aurora and of Borealis."""
    told(source, north.aurora, RECALL, now)
    told(source, north.borealis, f"{RECALL} today", now)
    [contagion] = radar(source, now)
    return contagion


def parts(contagion: Contagion) -> set[Any]:
    with inside(contagion.agency_id):
        return set(ContagionStory.objects.filter(contagion=contagion).values_list("brand_id", flat=True))


def warned(contagion: Contagion) -> set[Any]:
    with inside(contagion.agency_id):
        return set(ContagionWarning.objects.filter(contagion=contagion).values_list("seat_id", flat=True))


def test_the_same_story_of_two_brands_is_raised_once(
    source: Source, north: North, spread: Contagion, now: datetime
) -> None:
    assert parts(spread) == {north.aurora.pk, north.borealis.pk}
    assert radar(source, now + HOUR) == []
    brands = sorted(map(str, parts(spread)))
    assert events_of(spread) == [("contagion.raised", WHO, {"brand_ids": brands, "stories": 2})]


def test_unlike_stories_old_ones_and_whispers_are_no_contagion(source: Source, north: North, now: datetime) -> None:
    told(source, north.aurora, RECALL, now)
    told(source, north.borealis, OTHER, now)
    told(source, north.borealis, RECALL, now - 3 * 24 * HOUR)
    told(source, north.borealis, RECALL, now, mentions=2)
    told(source, north.aurora, f"{RECALL} now", now)  # twice of one brand
    assert radar(source, now) == []


def test_a_third_brand_joins_and_nobody_is_written_to_twice(
    source: Source, north: North, ana: Person, spread: Contagion, third: Brand, now: datetime
) -> None:
    told(source, third, f"Breaking: {RECALL}", now + HOUR)
    assert radar(source, now + HOUR) == []
    assert parts(spread) == {north.aurora.pk, north.borealis.pk, third.pk}
    assert events_of(spread)[1:] == [("contagion.spread", WHO, {"brand_ids": [str(third.pk)]})]
    assert ana.seat.pk in warned(spread)
    with inside(source.agency_id):
        assert ContagionWarning.objects.filter(contagion=spread, seat=ana.seat).count() == 1


def test_a_story_between_two_contagions_makes_them_one(
    source: Source, north: North, spread: Contagion, third: Brand, now: datetime
) -> None:
    told(source, north.aurora, OTHER, now + HOUR)
    told(source, third, OTHER, now + HOUR)
    [second] = radar(source, now + HOUR)
    between = told(source, third, OTHER, now + 2 * HOUR)
    halves = zip(sketch_of(features_of(RECALL)), sketch_of(features_of(OTHER)), strict=True)
    with inside(source.agency_id):
        sketch = [one if place % 2 else other for place, (one, other) in enumerate(halves)]
        Story.objects.filter(pk=between.pk).update(sketch=sketch)
    assert radar(source, now + 2 * HOUR) == []
    with inside(source.agency_id):
        assert [one.pk for one in Contagion.objects.all().open()] == [spread.pk]
    assert parts(spread) == {north.aurora.pk, north.borealis.pk, third.pk}
    assert [name for name, _, _ in events_of(second)] == ["contagion.raised", "contagion.closed"]


def test_who_sees_all_brands_reads_it_and_who_sees_one_reads_nothing(
    source: Source, north: North, ana: Person, bo: Person, cy: Person, eve: Person, spread: Contagion, now: datetime
) -> None:
    [row] = ana.get("contagions?open=true").body["items"]
    assert row["id"] == str(spread.pk)
    answer = ana.get(f"contagions/{spread.pk}")
    assert {part["brand"] for part in answer.body["stories"]} == {str(north.aurora.pk), str(north.borealis.pk)}
    for person in (bo, cy):
        assert person.get("contagions").body.get("items", []) == []
        assert person.get(f"contagions/{spread.pk}").status in (403, 404)
        assert person.post(f"contagions/{spread.pk}/close", {"reason": "no"}, If_Match='"1"').status in (403, 404)
        assert person.seat.pk not in warned(spread)
    assert bo.get(f"contagions/{spread.pk}").status == 404
    assert eve.get("/v1/agencies/north/contagions").status == 404
    assert eve.get(f"/v1/agencies/north/contagions/{spread.pk}").status == 404
    assert eve.get(f"contagions/{spread.pk}").status == 404
    assert ana.seat.pk in warned(spread)


def test_access_to_one_brand_lost_is_sight_of_it_lost(
    source: Source, north: North, sees_both: Person, spread: Contagion, ana: Person, now: datetime
) -> None:
    assert sees_both.get(f"contagions/{spread.pk}").status == 200
    with inside(source.agency_id):
        [warning] = ContagionWarning.objects.filter(contagion=spread, seat=sees_both.seat)
        letter = write_contagion_letter(warning.pk, now)
    assert letter is not None
    assert letter.address == sees_both.user.email
    assert north.borealis.name in letter.text
    with inside(source.agency_id):
        deny_brands(
            seat_id=sees_both.seat.pk, brand_ids=[north.borealis.pk], reason="a rival of theirs", ends_at=None,
            by=ana.actor, at=timezone.now(),
        )  # fmt: skip
    assert sees_both.get(f"contagions/{spread.pk}").status == 404
    assert sees_both.get("contagions").body["items"] == []
    with inside(source.agency_id):
        assert write_contagion_letter(warning.pk, now) is None


def test_a_letter_is_queued_for_each_warning(source: Source, spread: Contagion, now: datetime) -> None:
    with inside(source.agency_id):
        keys = {f"listening.contagion:{pk}" for pk in ContagionWarning.objects.values_list("pk", flat=True)}
    queued = Job.objects.filter(handler="alerting.deliver_letter", state=JobState.READY, key__startswith="listening.")
    assert {job.key for job in queued} == keys != set()


def test_what_people_closed_stays_closed_until_another_story_joins(
    source: Source, north: North, ana: Person, spread: Contagion, third: Brand, now: datetime
) -> None:
    seen = ana.get(f"contagions/{spread.pk}")
    assert ana.post(f"contagions/{spread.pk}/close", {"reason": "a known recall"}).status == 428
    answer = ana.post(f"contagions/{spread.pk}/close", {"reason": "a known recall"}, If_Match=seen.etag)
    assert (answer.status, answer.body["reason"]) == (200, "a known recall")
    assert events_of(spread)[1:] == [("contagion.closed", f"seat:{ana.seat.pk}", {"reason": "a known recall"})]
    again = ana.post(f"contagions/{spread.pk}/close", {"reason": "again"}, If_Match=answer.etag)
    assert (again.status, again.code) == (409, "contagion_closed")
    assert radar(source, now + HOUR) == []
    told(source, third, RECALL, now + HOUR)
    [anew] = radar(source, now + HOUR)
    assert parts(anew) == {north.aurora.pk, north.borealis.pk, third.pk}


def test_one_of_which_nothing_is_heard_closes_and_news_raises_it_anew(
    source: Source, spread: Contagion, now: datetime
) -> None:
    later = now + 49 * HOUR
    assert radar(source, later) == []
    with inside(source.agency_id):
        closed = Contagion.objects.get(pk=spread.pk)
        assert (closed.closed_at, closed.reason) == (later, "")
        Story.objects.update(last_at=later)
    [anew] = radar(source, later)
    assert anew.pk != spread.pk


def test_a_storm_makes_the_radar_look(bo: Person, ana: Person, north: North, source: Source, now: datetime) -> None:
    end = whole(now)
    told(source, north.borealis, f"{GLASS} 7", end - HOUR)
    hear(source, quiet_days(end, days=1, per_minute=1.0))
    tell(bo, source, GLASS, end - timedelta(minutes=40), minutes=20, many=200)
    [signal] = detect(source, end - timedelta(minutes=20))
    job = Job.objects.get(handler=FIND)
    assert (job.agency_id, job.state) == (source.agency_id, JobState.READY)
    [contagion] = radar(source, end)
    shown = ana.get(f"contagions/{contagion.pk}").body["stories"]
    assert {part["signal"] for part in shown} == {None, str(signal.pk)}


def test_a_list_and_a_contagion_cost_the_same_queries_whatever_is_in_them(
    source: Source, ana: Person, spread: Contagion, third: Brand, now: datetime
) -> None:
    def cost(path: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert ana.get(path).status == 200
        return len(queries)

    ana.get("contagions")
    before = cost("contagions"), cost(f"contagions/{spread.pk}")
    told(source, third, RECALL, now + HOUR)
    radar(source, now + HOUR)
    assert (cost("contagions"), cost(f"contagions/{spread.pk}")) == before
