"""From counts to signals: raised once, grown while the storm lasts, and the same in whatever order news arrives."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from alerting.actions import acknowledge_page
from alerting.models import Page
from core.wall import inside
from listening.models import Band, DetectorState, Signal, Source
from listening.states import SignalStage
from tenants.models import Brand
from tests.cast import Person, events_of
from tests.listening.storms import (
    detect,
    hear,
    memory_of,
    quiet_days,
    relearn,
    signals_of,
    storm,
    whole,
)

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def end(now: datetime) -> datetime:
    """The present, at the beginning of a bin."""
    return whole(now)


def only(signals: list[Signal]) -> Signal:
    assert len(signals) == 1, [(signal.kind, signal.stage) for signal in signals]
    return signals[0]


def pages_of(source: Source) -> list[Page]:
    with inside(source.agency_id):
        return list(Page.objects.order_by("raised_at", "pk"))


def test_quiet_days_raise_nothing(ana: Person, source: Source, end: datetime) -> None:
    hear(source, quiet_days(end, days=4))
    assert detect(source, end) == []
    assert signals_of(source) == []
    memory = memory_of(source)
    assert (memory.settled_to, memory.evaluated_to) == (end - 2 * HOUR, end)


def test_a_storm_raises_one_signal_and_wakes_somebody(ana: Person, source: Source, end: datetime) -> None:
    hear(source, quiet_days(end))
    begins = end - timedelta(minutes=20)
    hear(source, storm(begins, minutes=20, per_minute=60), negative=0.9)
    raised = [signal for signal in detect(source, end) if signal.kind == "volume"]
    signal = only(raised)
    assert signal.stage == SignalStage.OPEN
    # The window that speaks first may be one of an hour, of which the storm is the end.
    assert begins - HOUR <= signal.starts_at <= begins + timedelta(minutes=5)
    assert signal.seen_at == end
    assert signal.raised_at == end
    assert signal.review_due_at > end
    page = next(page for page in pages_of(source) if page.pk == signal.page_id)
    assert (page.cause_kind, page.cause_id, page.brand_id) == ("listening.signal", signal.pk, source.brand_id)
    assert page.headline.startswith("Aurora: ")
    assert "times normal" in page.headline
    assert [(name, actor) for name, actor, _ in events_of(signal)] == [("signal.raised", "rule:detector")]
    facts = events_of(signal)[0][2]
    assert facts["kind"] == "volume"
    assert facts["severity_hint"] == signal.severity_hint >= 4
    assert facts["observed"] > 10 * facts["expected"]


def test_a_signal_explains_itself(ana: Person, source: Source, end: datetime) -> None:
    hear(source, quiet_days(end))
    hear(source, storm(end - timedelta(minutes=20), minutes=20, per_minute=60), negative=0.9)
    signal = detect(source, end)[0]
    told = signal.explanation
    assert set(told) == {
        "at", "authors", "band", "chart", "confidence", "countries", "crowd", "first_mention_ids", "forecast", "kinds",
        "languages", "loudest_mention_ids", "mentions", "mood", "networks", "representative_mention_ids",
        "sample_mention_ids", "score", "sentences", "severity_hint", "severity_parts", "story", "terms", "volume",
    }  # fmt: skip
    assert told["volume"]["observed"] > told["volume"]["expected"] * 5
    assert told["band"]["low"] <= told["band"]["expected"] <= told["band"]["high"] < told["band"]["observed"]
    assert len(told["chart"]) == 24
    assert told["chart"][-1]["observed"] >= 300
    assert told["sentences"]


def test_a_storm_that_is_over_for_two_hours_raises_nothing(ana: Person, source: Source, end: datetime) -> None:
    hear(source, quiet_days(end))
    hear(source, storm(end - 4 * HOUR, minutes=60, per_minute=60))
    assert detect(source, end) == []


def test_detecting_again_raises_nothing_more(ana: Person, source: Source, end: datetime) -> None:
    hear(source, quiet_days(end))
    hear(source, storm(end - timedelta(minutes=20), minutes=20, per_minute=60))
    first = detect(source, end)
    before = [(s.pk, s.seen_at, s.severity_hint) for s in signals_of(source)], len(pages_of(source))
    assert detect(source, end) == []
    assert relearn(source, end) == []
    assert ([(s.pk, s.seen_at, s.severity_hint) for s in signals_of(source)], len(pages_of(source))) == before
    assert [name for name, _, _ in events_of(first[0])] == ["signal.raised"]


def test_a_storm_that_goes_on_lets_its_signal_grow(ana: Person, source: Source, end: datetime) -> None:
    hear(source, quiet_days(end))
    hear(source, storm(end - timedelta(minutes=10), minutes=10, per_minute=20))
    signal = only(detect(source, end))
    later = end + timedelta(minutes=30)
    hear(source, storm(end, minutes=30, per_minute=400), negative=0.2)
    assert [s for s in detect(source, later) if s.kind == "volume"] == []
    grown = next(s for s in signals_of(source) if s.kind == "volume")
    assert grown.pk == signal.pk
    assert grown.severity_hint > signal.severity_hint
    assert grown.seen_at == later
    assert grown.version == signal.version, "measurements do not stand in a reviewer's way"
    assert grown.explanation["volume"]["observed"] > signal.explanation["volume"]["observed"]
    assert [name for name, _, _ in events_of(signal)] == ["signal.raised", "signal.grew"]


def test_anger_without_more_mentions_raises_a_signal_of_mood(ana: Person, source: Source, end: datetime) -> None:
    days = quiet_days(end, per_minute=6)
    angry = {minute: count for minute, count in days.items() if minute >= end - timedelta(minutes=90)}
    hear(source, {minute: count for minute, count in days.items() if minute not in angry}, negative=0.1)
    hear(source, angry, negative=1.0)
    signal = only(detect(source, end))
    assert signal.kind == "mood"
    facts = events_of(signal)[0][2]
    assert facts["kind"] == "mood"
    assert facts["observed"] > facts["expected"] + 0.3
    assert "are negative" in pages_of(source)[0].headline


def test_late_and_reordered_mentions_lead_to_the_same_signal(
    ana: Person, source: Source, borealis_source: Source, end: datetime
) -> None:
    hear(source, quiet_days(end - 2 * HOUR))
    hear(borealis_source, quiet_days(end - 2 * HOUR))
    news = quiet_days(end, days=1, seed=5)
    news = {minute: count for minute, count in news.items() if minute >= end - 2 * HOUR}
    for minute, count in storm(end - timedelta(minutes=45), minutes=30, per_minute=25).items():
        news[minute] += count
    for minute in sorted(news):
        hear(source, {minute: news[minute]})
        if minute.minute % 5 == 4:
            detect(source, minute + timedelta(minutes=1))
    for minute in random.Random(4).sample(sorted(news), len(news)):
        hear(borealis_source, {minute: news[minute]})
    detect(borealis_source, end)
    in_order, late = only(signals_of(source)), only(signals_of(borealis_source))
    assert (late.kind, late.starts_at, late.alarmed_at) == (in_order.kind, in_order.starts_at, in_order.alarmed_at)
    assert late.severity_hint == in_order.severity_hint
    assert late.explanation["volume"] == in_order.explanation["volume"]
    assert in_order.raised_at < late.raised_at


def test_history_that_arrives_in_pieces_is_learned_as_if_it_had_come_at_once(
    ana: Person, source: Source, borealis_source: Source, end: datetime
) -> None:
    days = quiet_days(end, days=4)
    hear(borealis_source, days)
    detect(borealis_source, end)
    minutes = sorted(days)
    for start in (2880, 0, 4320, 1440):
        hear(source, {minute: days[minute] for minute in minutes[start : start + 1440]})
        relearn(source, end)
    assert memory_of(source).state == memory_of(borealis_source).state
    with inside(source.agency_id):
        bands = [
            list(Band.objects.filter(brand_id=s.brand_id).order_by("starts_at").values_list("starts_at", "expected"))
            for s in (source, borealis_source)
        ]
    assert bands[0] == bands[1]
    assert len(bands[0]) > 3 * 288


def test_running_through_the_days_learns_what_looking_back_learns(
    ana: Person, source: Source, borealis_source: Source, end: datetime
) -> None:
    """With a silence of five days in between, which teaches nothing."""
    days = quiet_days(end, days=2, seed=8) | quiet_days(end - timedelta(days=7), days=2, seed=9)
    minutes = sorted(days)
    for start in range(0, len(minutes), 240):
        hear(source, {minute: days[minute] for minute in minutes[start : start + 240]})
        detect(source, minutes[start] + timedelta(hours=4))
    detect(source, end)
    hear(borealis_source, days)
    detect(borealis_source, end)
    assert memory_of(source).state == memory_of(borealis_source).state
    assert signals_of(source) == signals_of(borealis_source) == []


def test_what_people_dismissed_stays_dismissed(lea: Person, source: Source, end: datetime) -> None:
    hear(source, quiet_days(end))
    hear(source, storm(end - timedelta(minutes=20), minutes=20, per_minute=30))
    signal = only(detect(source, end))
    answer = lea.get(f"signals/{signal.pk}")
    dismissed = lea.post(f"signals/{signal.pk}/dismiss", {"reason": "a prize draw"}, If_Match=answer.etag)
    assert dismissed.status == 200
    assert relearn(source, end) == []
    hear(source, storm(end, minutes=5, per_minute=30))
    assert detect(source, end + timedelta(minutes=5)) == []
    assert only(signals_of(source)).stage == SignalStage.DISMISSED


def test_a_far_larger_storm_after_a_dismissed_one_is_a_signal_of_its_own(
    lea: Person, source: Source, end: datetime
) -> None:
    hear(source, quiet_days(end))
    hear(source, storm(end - timedelta(minutes=10), minutes=10, per_minute=12))
    signal = only(detect(source, end))
    etag = lea.get(f"signals/{signal.pk}").etag
    assert lea.post(f"signals/{signal.pk}/dismiss", {"reason": "nothing"}, If_Match=etag).status == 200
    hear(source, storm(end, minutes=30, per_minute=500))
    [second] = [s for s in detect(source, end + timedelta(minutes=30)) if s.kind == "volume"]
    assert second.pk != signal.pk
    assert second.page_id not in {None, signal.page_id}


def test_a_second_storm_wakes_whoever_took_the_page_of_the_first(
    ana: Person, dee: Person, source: Source, end: datetime
) -> None:
    """Watched and never decided, the signal would otherwise swallow the next storm in silence."""
    hear(source, quiet_days(end + timedelta(days=2), days=5))
    hear(source, storm(end - timedelta(minutes=10), minutes=10, per_minute=15))
    signal = only(detect(source, end))
    with inside(source.agency_id):
        acknowledge_page(page_id=signal.page_id, by=dee.actor, at=end)
    tomorrow = end + timedelta(hours=30)
    hear(source, storm(tomorrow - timedelta(minutes=10), minutes=10, per_minute=60))
    detect(source, tomorrow)
    with inside(source.agency_id):
        page = Page.objects.get(pk=signal.page_id)
    assert (page.stage, page.cycle) == ("OPEN", 2)
    assert next(s for s in signals_of(source) if s.kind == "volume").pk == signal.pk


def test_a_state_of_another_version_or_zone_is_learned_anew(ana: Person, source: Source, end: datetime) -> None:
    hear(source, quiet_days(end))
    detect(source, end)
    learned = memory_of(source).state
    with inside(source.agency_id):
        DetectorState.objects.update(state={**learned, "version": 0})
    detect(source, end)
    assert memory_of(source).state == learned
    with inside(source.agency_id):
        Brand.objects.filter(pk=source.brand_id).update(time_zone="Asia/Tashkent")
    detect(source, end)
    assert memory_of(source).state["zones"] == ["Asia/Tashkent"]


def test_a_brand_of_which_nothing_was_heard_has_no_normal(ana: Person, source: Source, end: datetime) -> None:
    assert detect(source, end) == []
    assert memory_of(source).state is None


def test_the_database_takes_one_undecided_signal_of_a_story(ana: Person, source: Source, end: datetime) -> None:
    hear(source, quiet_days(end))
    hear(source, storm(end - timedelta(minutes=20), minutes=20, per_minute=30))
    signal = only(detect(source, end))
    with inside(source.agency_id), pytest.raises(IntegrityError, match="one_open_signal"), transaction.atomic():
        twin = Signal.objects.get(pk=signal.pk)
        twin.pk = source.pk
        twin.save(force_insert=True)
