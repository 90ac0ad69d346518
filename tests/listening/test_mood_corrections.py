"""People correct a mood: the mention, its minute, the brand's lexicon, and what is measured of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.actor import Actor
from core.ids import uuid7
from core.wall import inside
from jobs.models import Job
from listening.actions.mood import correct_mood, learn_lexicon, reader_for
from listening.models import BrandLexicon, Mention, MoodCorrection, Source
from listening.mood import Lexicon, Linear, learn_lesson, scorer
from tests.cast import Person, events_of, walled
from tests.listening.mentions import NOON, buckets_of, deliver, mention, mentions_of

pytestmark = pytest.mark.django_db

RULE = Actor.rule("lexicon")
SLANG = ["wow", "unreal", "bro", "legends", "insane", "yes", "mate", "crazy", "come on", "people"]


@pytest.fixture(autouse=True)
def linear(settings: LazySettings) -> Any:
    settings.MOOD_SCORER = "linear"
    return scorer("linear")


@pytest.fixture
def said(ana: Person, source: Source) -> list[Mention]:
    """Praise in the slang of one brand's fans, which the scorer takes for complaints."""
    texts = [f"this drop is sick, {word}" for word in SLANG]
    assert deliver(ana, source, [mention(n, text=text) for n, text in enumerate(texts)]).status == 200
    return mentions_of(source)


def correct(source: Source, mentions: list[Mention], label: Any, at: datetime, by: Actor = RULE) -> None:
    with walled(source.agency):
        for one in mentions:
            correct_mood(mention_id=one.pk, label=label, by=by, at=at)


def learn(source: Source, at: datetime) -> BrandLexicon | None:
    with walled(source.agency):
        return learn_lexicon(brand_id=source.brand_id, by=RULE, at=at)


def test_a_correction_changes_the_mention_and_its_minute(dee: Person, source: Source, said: list[Mention]) -> None:
    [(_, volume, negative, *_)] = buckets_of(source)
    assert said[0].mood == "negative"
    answer = dee.post("mood-corrections", {"mention": said[0].pk, "label": "positive"})
    assert answer.status == 201
    assert {**answer.body, "id": 0, "corrected_at": 0} == {
        "id": 0, "brand": str(source.brand_id), "mention": str(said[0].pk), "was": "negative", "label": "positive",
        "scorer": said[0].scorer, "language": said[0].language, "seat": str(dee.seat.pk), "corrected_at": 0,
    }  # fmt: skip
    stored = mentions_of(source)[0]
    assert (stored.mood, stored.scorer, stored.mood_positive, stored.mood_negative) == ("positive", "people", 1.0, 0.0)
    assert [row[:3] for row in buckets_of(source)] == [(NOON, volume, negative - 1)]
    with inside(source.agency_id):
        correction = MoodCorrection.objects.get()
        assert Job.objects.filter(handler="listening.learn_lexicon", key=str(source.brand_id)).exists()
        assert Job.objects.filter(handler="listening.relearn", key=str(source.brand_id)).exists()
    facts = {"mention_id": str(said[0].pk), "was": "negative", "label": "positive"}
    assert events_of(correction) == [("mood.corrected", str(dee.actor), facts)]


def test_the_last_word_counts_and_the_minute_follows_once(dee: Person, source: Source, said: list[Mention]) -> None:
    before = buckets_of(source)
    for label in ("positive", "positive", "neutral", "negative"):
        assert dee.post("mood-corrections", {"mention": said[0].pk, "label": label}).status == 201
    assert buckets_of(source) == before
    with inside(source.agency_id):
        correction = MoodCorrection.objects.get()
    assert (correction.was, correction.label, correction.scorer) == ("negative", "negative", said[0].scorer)


def test_a_mention_that_was_emptied_is_not_corrected(dee: Person, source: Source, said: list[Mention]) -> None:
    with inside(source.agency_id):
        Mention.objects.filter(pk=said[0].pk).update(text="", deleted_at=NOON)
    answer = dee.post("mood-corrections", {"mention": said[0].pk, "label": "positive"})
    assert (answer.status, answer.code) == (409, "mention_is_empty")


@pytest.mark.parametrize(
    ("body", "field"),
    [({"label": "positive"}, "mention"), ({"label": "unknown"}, "label"), ({"label": "angry"}, "label")],
)
def test_a_correction_names_a_mention_and_one_of_three_labels(
    dee: Person, said: list[Mention], body: dict[str, str], field: str
) -> None:
    whole = body if field == "mention" else {"mention": str(said[0].pk), **body}
    answer = dee.post("mood-corrections", whole)
    assert (answer.status, [e["field"] for e in answer.body["errors"]]) == (400, [field])


def test_who_may_correct(cy: Person, eve: Person, bo: Person, borealis_source: Source, ana: Person) -> None:
    assert deliver(ana, borealis_source, [mention(0)]).status == 200
    [foreign] = mentions_of(borealis_source)
    body = {"mention": str(foreign.pk), "label": "positive"}
    assert cy.post("mood-corrections", body).status == 403
    assert cy.get("mood-corrections").status == 403
    assert bo.post("mood-corrections", body).status == 400, "another brand's mention does not exist for him"
    assert eve.post("mood-corrections", body).status == 400
    assert eve.post("/v1/agencies/north/mood-corrections", body).status == 404
    with inside(borealis_source.agency_id):
        assert not MoodCorrection.objects.exists()


def test_ten_corrections_teach_a_lexicon_that_is_measured_and_used(
    source: Source, said: list[Mention], now: datetime, dee: Person, ana: Person
) -> None:
    correct(source, said, "positive", now)
    lexicon = learn(source, now)
    assert lexicon is not None
    assert (lexicon.number, lexicon.corrections, lexicon.base) == (1, 10, f"linear/{scorer('linear').version}")
    assert lexicon.agreement_after > lexicon.agreement_before
    assert (lexicon.adopted_at, lexicon.retired_at) == (now, None)
    assert lexicon.weights["sick"][2] > 0 > lexicon.weights["sick"][0]
    [(name, actor, facts)] = events_of(lexicon)
    assert (name, actor, facts["number"], facts["adopted"]) == ("lexicon.learned", str(RULE), 1, True)
    with walled(source.agency):
        reader = reader_for(source.brand_id)
        assert reader_for(source.brand_id) is reader
    assert reader.version == f"{scorer('linear').version}+lexicon-1"
    [mood] = reader.score(["this drop is sick, folks"])
    assert mood.label == "positive"
    assert scorer("linear").score(["this drop is sick, folks"])[0].label == "negative"
    listed = dee.get(f"lexicons?brand={source.brand_id}").body["items"]
    assert [(one["number"], one["in_use"], "weights" in one) for one in listed] == [(1, True, False)]
    whole = dee.get(f"lexicons/{lexicon.pk}").body
    assert whole["weights"]["sick"] == lexicon.weights["sick"]


def test_another_brand_reads_as_before(
    source: Source, borealis_source: Source, said: list[Mention], now: datetime
) -> None:
    correct(source, said, "positive", now)
    assert learn(source, now) is not None
    with walled(source.agency):
        assert reader_for(borealis_source.brand_id) is scorer("linear")


def test_the_same_corrections_teach_nothing_new(source: Source, said: list[Mention], now: datetime) -> None:
    correct(source, said, "positive", now)
    assert learn(source, now) is not None
    assert learn(source, now) is None
    with inside(source.agency_id):
        assert BrandLexicon.objects.count() == 1


def test_too_few_corrections_teach_nothing(source: Source, said: list[Mention], now: datetime) -> None:
    correct(source, said[:7], "positive", now)
    assert learn(source, now) is None


def test_a_lexicon_that_makes_others_worse_is_kept_and_not_used(source: Source, ana: Person, now: datetime) -> None:
    """Contradictory labels: what four of five teach is wrong for the fifth."""
    texts = ["thanks, great shop", "great shop, thank you"] * 5
    deliver(ana, source, [mention(n, text=text) for n, text in enumerate(texts)])
    for place, one in enumerate(mentions_of(source)):
        correct(source, [one], "negative" if place % 5 < 3 else "positive", now + timedelta(seconds=place))
    lexicon = learn(source, now)
    assert lexicon is not None
    assert lexicon.agreement_after < lexicon.agreement_before
    assert lexicon.adopted_at is None
    with walled(source.agency):
        assert reader_for(source.brand_id) is scorer("linear")


def test_lexicons_are_retired_and_adopted_again(
    source: Source, said: list[Mention], now: datetime, dee: Person, ana: Person
) -> None:
    correct(source, said, "positive", now)
    first = learn(source, now)
    correct(source, said[:2], "neutral", now + timedelta(minutes=1))
    second = learn(source, now + timedelta(minutes=2))
    assert first is not None and second is not None  # noqa: PT018
    assert second.number == 2
    reason = {"reason": "it was better before"}
    adopted = dee.post(f"lexicons/{first.pk}/adopt", reason)
    assert (adopted.status, adopted.body["in_use"]) == (200, True)
    again = dee.post(f"lexicons/{first.pk}/adopt", reason)
    assert (again.status, again.code) == (409, "lexicon_in_use")
    with walled(source.agency):
        assert reader_for(source.brand_id).version.endswith("+lexicon-1")
    retired = dee.post(f"lexicons/{first.pk}/retire", reason)
    assert (retired.status, retired.body["in_use"], retired.body["retired_because"]) == (200, False, reason["reason"])
    gone = dee.post(f"lexicons/{first.pk}/retire", reason)
    assert (gone.status, gone.code) == (409, "lexicon_not_in_use")
    with walled(source.agency):
        assert reader_for(source.brand_id) is scorer("linear")
    assert [name for name, _, _ in events_of(first)] == ["lexicon.learned", "lexicon.adopted", "lexicon.retired"]


def test_a_lexicon_of_another_scorer_is_neither_used_nor_adopted(
    source: Source, said: list[Mention], now: datetime, dee: Person
) -> None:
    correct(source, said, "positive", now)
    lexicon = learn(source, now)
    assert lexicon is not None
    with inside(source.agency_id):
        BrandLexicon.objects.update(base="linear/0-older")
    with walled(source.agency):
        assert reader_for(source.brand_id) is scorer("linear")
    dee.post(f"lexicons/{lexicon.pk}/retire", {"reason": "old"})
    answer = dee.post(f"lexicons/{lexicon.pk}/adopt", {"reason": "back"})
    assert (answer.status, answer.code) == (409, "lexicon_of_another_scorer")


def test_vader_learns_no_lexicon(source: Source, said: list[Mention], now: datetime, settings: LazySettings) -> None:
    correct(source, said, "positive", now)
    settings.MOOD_SCORER = "vader"
    assert learn(source, now) is None
    with walled(source.agency):
        assert reader_for(source.brand_id) is scorer("vader")


def test_asking_for_a_reader_is_one_query(source: Source, said: list[Mention], now: datetime) -> None:
    correct(source, said, "positive", now)
    assert learn(source, now) is not None
    with walled(source.agency):
        reader_for(source.brand_id)
        with CaptureQueriesContext(connection) as captured:
            reader_for(source.brand_id)
    assert len(captured) == 1


def test_who_sees_and_changes_lexicons(
    source: Source, said: list[Mention], now: datetime, cy: Person, eve: Person, dee: Person
) -> None:
    correct(source, said, "positive", now)
    lexicon = learn(source, now)
    assert lexicon is not None
    assert cy.get("lexicons").status == 403
    assert cy.post(f"lexicons/{lexicon.pk}/retire", {"reason": "no"}).status == 403
    for path in ("", "/adopt", "/retire"):
        for url in (f"lexicons/{lexicon.pk}{path}", f"/v1/agencies/north/lexicons/{lexicon.pk}{path}"):
            assert (eve.post(url, {"reason": "mine"}) if path else eve.get(url)).status == 404
    assert eve.get("lexicons").body["items"] == []
    assert dee.get(f"lexicons/{uuid7()}").status == 404


def test_lists_are_the_same_few_queries_however_long(
    dee: Person, source: Source, said: list[Mention], now: datetime
) -> None:
    def queries(path: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert dee.get(path).status == 200
        return len(captured)

    correct(source, said[:1], "positive", now)
    one = queries("mood-corrections")
    correct(source, said, "positive", now)
    assert queries("mood-corrections") == one
    none = queries("lexicons")
    assert learn(source, now) is not None
    assert queries("lexicons") == none


def test_a_lesson_is_the_same_each_time_and_bounded() -> None:
    linear = Linear()
    texts = [f"sick {'sick ' * 20}{word}" for word in SLANG]
    first = learn_lesson(linear, texts, ["positive"] * len(texts))
    assert first is not None
    assert first == learn_lesson(linear, texts, ["positive"] * len(texts))
    assert all(abs(value) <= 6.0 for row in first.additions.values() for value in row)
    assert "this" not in first.additions


def test_additions_are_read_by_token_and_nothing_else_changes() -> None:
    linear = Linear()
    lexicon = Lexicon(1, {"gizmo": (-3.0, 0.0, 3.0)}, linear.weights)
    texts = ["the gizmo arrived", "the parcel arrived", ""]
    plain, adjusted = linear.score(texts), linear.score_with(lexicon, texts, None)
    assert adjusted[0].positive > plain[0].positive
    assert adjusted[1:] == plain[1:]
