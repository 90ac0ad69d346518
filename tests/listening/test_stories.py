"""Stories through the API: storms tell them, and people merge and split them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerting.models import Page
from core.ids import uuid7
from core.wall import inside
from listening.models import Mention, Signal, Source, Story, StoryMention
from tests.cast import Person, events_of
from tests.listening.mentions import deliver, mention
from tests.listening.storms import detect, hear, quiet_days, signals_of, whole

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
GLASS = "I found broken glass in my salad from Aurora today and nobody at the counter cared about it"
FIRE = "Smoke rises over the Aurora bakery at the harbour while firefighters close the whole road tonight"
BECAUSE = {"reason": "the same matter"}


def tell(
    person: Person, source: Source, text: str, begins: datetime, *, minutes: int, many: int, first: int = 0
) -> None:
    """Deliver a storm in which everybody says nearly the same."""
    said = [
        mention(
            first + number,
            text=f"{text} {number} https://example.org/{number}",
            posted_at=(begins + number * minutes * MINUTE / many).isoformat(),
        )
        for number in range(many)
    ]
    answer = deliver(person, source, said)
    assert answer.status == 200, answer.body


@pytest.fixture
def end(now: datetime) -> datetime:
    return whole(now)


@pytest.fixture
def glass(ana: Person, bo: Person, source: Source, end: datetime) -> Signal:
    """The signal of a storm in which all tell of glass in a salad."""
    hear(source, quiet_days(end, days=1, per_minute=1.0))
    tell(bo, source, GLASS, end - 40 * MINUTE, minutes=20, many=200)
    [signal] = detect(source, end - 20 * MINUTE)
    return signal


def story_row(source: Source, at: datetime, *, title: str = "a fire", mentions: int = 0, **said: Any) -> Story:
    with inside(source.agency_id):
        story = Story(
            id=uuid7(), brand_id=source.brand_id, title=title, first_at=at, last_at=at, mentions=mentions, **said
        )
        story.save(force_insert=True)
        return story


def told_by(story_id: UUID, agency_id: UUID) -> set[UUID]:
    with inside(agency_id):
        return set(StoryMention.objects.filter(story_id=story_id).values_list("mention_id", flat=True))


def merge(person: Person, story_id: Any, into: Any, **said: Any) -> Any:
    seen = person.get(f"stories/{story_id}")
    return person.post(f"stories/{story_id}/merge", {"into": into, **BECAUSE, **said}, If_Match=seen.etag)


def split(person: Person, story_id: Any, mentions: Any, **said: Any) -> Any:
    seen = person.get(f"stories/{story_id}")
    body = {"mentions": mentions, "title": "another matter", **BECAUSE, **said}
    return person.post(f"stories/{story_id}/split", body, If_Match=seen.etag)


def test_a_storm_of_one_text_is_a_signal_with_a_story(bo: Person, source: Source, glass: Signal) -> None:
    assert glass.story_id is not None
    answer = bo.get(f"stories/{glass.story_id}")
    assert answer.status == 200
    assert answer.body["mentions"] == len(told_by(glass.story_id, source.agency_id)) >= 50
    assert (answer.body["merged_into"], answer.body["history"]) == (None, [])
    assert "glass" in answer.body["title"] or "salad" in answer.body["title"], answer.body["title"]
    for path in (f"stories/{glass.story_id}/mentions", f"signals/{glass.pk}/mentions"):
        page = bo.get(path)
        assert page.status == 200
        assert page.body["items"]
        assert all("glass" in item["text"] for item in page.body["items"])
    [listed] = bo.get(f"stories?brand={source.brand_id}&living=true").body["items"]
    assert listed["id"] == str(glass.story_id)


def test_another_story_while_the_first_is_open_is_a_signal_of_its_own(
    bo: Person, source: Source, glass: Signal, end: datetime
) -> None:
    tell(bo, source, FIRE, end - 10 * MINUTE, minutes=10, many=500, first=1000)
    [fire] = detect(source, end)
    assert fire.story_id not in {None, glass.story_id}
    assert {signal.pk for signal in signals_of(source)} == {glass.pk, fire.pk}
    title = bo.get(f"stories/{fire.story_id}").body["title"]
    assert "glass" not in title
    assert not told_by(fire.story_id, source.agency_id) & told_by(glass.story_id, source.agency_id)


def test_more_of_the_same_story_is_the_same_signal(bo: Person, source: Source, glass: Signal, end: datetime) -> None:
    before = bo.get(f"stories/{glass.story_id}").body["mentions"]
    tell(bo, source, GLASS, end - 15 * MINUTE, minutes=15, many=300, first=1000)
    assert detect(source, end) == []
    [signal] = signals_of(source)
    assert signal.story_id == glass.story_id
    assert bo.get(f"stories/{glass.story_id}").body["mentions"] > before


# -- merge ------------------------------------------------------------------------------------------------------


def test_merged_stories_are_one_and_so_are_their_signals(
    dee: Person, bo: Person, source: Source, glass: Signal, end: datetime
) -> None:
    tell(bo, source, FIRE, end - 10 * MINUTE, minutes=10, many=500, first=1000)
    [fire] = detect(source, end)
    ours, theirs = (told_by(each.story_id, source.agency_id) for each in (glass, fire))
    answer = merge(dee, fire.story_id, glass.story_id)
    assert (answer.status, answer.body["id"]) == (200, str(glass.story_id))
    assert answer.body["mentions"] == len(ours | theirs)
    assert told_by(glass.story_id, source.agency_id) == ours | theirs
    assert told_by(fire.story_id, source.agency_id) == set()
    with inside(source.agency_id):
        gone, stays = Signal.objects.get(pk=fire.pk), Signal.objects.get(pk=glass.pk)
        assert Page.objects.get(pk=gone.page_id).stage == "RESOLVED"
        assert Page.objects.get(pk=stays.page_id).stage == "OPEN"
        story = Story.objects.get(pk=fire.story_id)
    assert (gone.stage, gone.merged_into_id, gone.reason) == ("MERGED", glass.pk, BECAUSE["reason"])
    assert (stays.stage, stays.severity_hint) == ("OPEN", max(glass.severity_hint, fire.severity_hint))
    assert stays.seen_at == max(glass.seen_at, fire.seen_at)
    assert story.merged_into_id == glass.story_id
    merged = [("story.merged", str(dee.actor), {"into_id": str(glass.story_id), **BECAUSE})]
    assert events_of(story) == merged
    assert events_of(gone)[-1][:2] == ("signal.merged", str(dee.actor))
    [change] = dee.get(f"stories/{fire.story_id}").body["history"]
    assert (change["name"], change["facts"]["into_id"]) == ("story.merged", str(glass.story_id))
    living = dee.get("stories?living=true").body["items"]
    assert [item["id"] for item in living] == [str(glass.story_id)]
    assert detect(source, end) == [], "what was merged is not raised again"


def test_a_signal_goes_with_its_story_where_the_other_has_none(
    dee: Person, source: Source, glass: Signal, now: datetime
) -> None:
    into = story_row(source, now)
    assert merge(dee, glass.story_id, into.pk).status == 200
    [signal] = signals_of(source)
    assert (signal.stage, signal.story_id) == ("OPEN", into.pk)


def test_what_cannot_be_merged_is_refused(ana: Person, source: Source, borealis_source: Source, now: datetime) -> None:
    one, two, theirs = story_row(source, now), story_row(source, now), story_row(borealis_source, now)
    for into in (one.pk, theirs.pk, uuid7()):
        answer = merge(ana, one.pk, into)
        assert (answer.status, [error["field"] for error in answer.body["errors"]]) == (400, ["into"])
    assert ana.post(f"stories/{one.pk}/merge", {"into": two.pk, **BECAUSE}).status == 428
    old = ana.get(f"stories/{one.pk}").etag
    assert merge(ana, one.pk, two.pk).status == 200
    stale = ana.post(f"stories/{one.pk}/merge", {"into": two.pk, **BECAUSE}, If_Match=old)
    assert stale.status == 412
    for answer in (merge(ana, one.pk, two.pk), merge(ana, two.pk, one.pk)):
        assert (answer.status, answer.code) == (409, "story_merged")
    assert merge(ana, two.pk, one.pk, reason="").status == 400


# -- split ------------------------------------------------------------------------------------------------------


def test_some_mentions_become_a_story_of_their_own(dee: Person, source: Source, glass: Signal) -> None:
    told = sorted(told_by(glass.story_id, source.agency_id))
    answer = split(dee, glass.story_id, told[:7])
    assert answer.status == 201, answer.body
    assert (answer.body["title"], answer.body["mentions"]) == ("another matter", 7)
    assert answer.body["split_from"] == str(glass.story_id)
    assert told_by(UUID(answer.body["id"]), source.agency_id) == set(told[:7])
    assert told_by(glass.story_id, source.agency_id) == set(told[7:])
    left = dee.get(f"stories/{glass.story_id}").body
    assert (left["mentions"], left["version"]) == (len(told) - 7, 2)
    [change] = dee.get(f"stories/{answer.body['id']}").body["history"]
    assert change["name"] == "story.split"
    assert change["facts"] == {"from_id": str(glass.story_id), "mentions": 7, **BECAUSE}
    [signal] = signals_of(source)
    assert signal.story_id == glass.story_id


def test_what_cannot_be_split_is_refused(dee: Person, source: Source, glass: Signal, now: datetime) -> None:
    told = sorted(told_by(glass.story_id, source.agency_id))
    with inside(source.agency_id):
        stranger = Mention.objects.exclude(pk__in=told).values_list("pk", flat=True).first() or uuid7()
    for mentions, code in (([told[0], stranger], "invalid_choice"), (told, "all_of_them"), ([], "min_length")):
        answer = split(dee, glass.story_id, mentions)
        assert (answer.status, [error["code"] for error in answer.body["errors"]]) == (400, [code]), answer.body
    assert dee.post(f"stories/{glass.story_id}/split", {"mentions": told[:1], "title": "x", **BECAUSE}).status == 428
    gone = story_row(source, now, merged_into_id=glass.story_id)
    answer = split(dee, gone.pk, told[:1])
    assert (answer.status, answer.code) == (409, "story_merged")


# -- who sees them ----------------------------------------------------------------------------------------------


def test_who_may_not_review_merges_and_splits_nothing(
    cy: Person, bo: Person, source: Source, borealis_source: Source, now: datetime
) -> None:
    one, two, theirs = story_row(source, now), story_row(source, now), story_row(borealis_source, now)
    for path in ("stories", f"stories/{one.pk}", f"stories/{one.pk}/mentions"):
        assert cy.get(path).status == 403
    assert cy.post(f"stories/{one.pk}/merge", {"into": two.pk, **BECAUSE}, If_Match='"1"').status == 403
    assert cy.post(f"stories/{one.pk}/split", {}, If_Match='"1"').status == 403
    for path in (f"stories/{theirs.pk}", f"stories/{theirs.pk}/mentions"):
        assert bo.get(path).status == 404
    assert bo.post(f"stories/{theirs.pk}/merge", {"into": one.pk, **BECAUSE}, If_Match='"1"').status == 404
    assert merge(bo, one.pk, theirs.pk).status == 400
    assert {item["id"] for item in bo.get("stories").body["items"]} == {str(one.pk), str(two.pk)}


def test_another_agency_sees_no_stories(eve: Person, source: Source, now: datetime) -> None:
    story = story_row(source, now)
    for path in (f"stories/{story.pk}", f"/v1/agencies/north/stories/{story.pk}"):
        assert eve.get(path).status == 404
        assert eve.get(f"{path}/mentions").status == 404
        assert eve.post(f"{path}/merge", {"into": story.pk, **BECAUSE}, If_Match='"1"').status == 404
        assert eve.post(f"{path}/split", {}, If_Match='"1"').status == 404
    assert eve.get("stories").body["items"] == []


def test_lists_of_stories_are_the_same_few_queries_however_long(ana: Person, source: Source, now: datetime) -> None:
    def queries(path: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert ana.get(path).status == 200
        return len(captured)

    one = story_row(source, now)
    before = queries("stories")
    for _ in range(4):
        story_row(source, now)
    assert queries("stories") == before
    before = queries(f"stories/{one.pk}")
    for story in (story_row(source, now), story_row(source, now)):
        assert merge(ana, story.pk, one.pk).status == 200
    assert queries(f"stories/{one.pk}") == before
