"""The figures of a crisis: what they mean, and that those of a released review stay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core.wall import inside
from incidents.models import Incident, PostMortem
from insights.numbers import height
from listening.models import Bucket
from listening.queries import Point
from tests.cast import Person, events_of
from tests.incidents.reviewing import release_review
from tests.incidents.stage import lift, settle

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
STEP = timedelta(minutes=5)


def half_life(*shares: tuple[int, int]) -> float | None:
    """Of steps of (mentions, negative ones), where a fifth negative is normal."""
    points = [
        Point(NOON + place * STEP, volume, negative, 0, 0, 10.0, 4.0, 17.0, 0.2)
        for place, (volume, negative) in enumerate(shares)
    ]
    found: float | None = height(points)["recovery_half_life"]
    return found


class TestHalfLife:
    """The worst is 80 % negative, a fifth is normal: half-way is 50 %."""

    def test_it_ends_with_the_first_of_two_readings_below_half_way(self) -> None:
        assert half_life((50, 10), (50, 40), (50, 35), (50, 25), (50, 20), (50, 10)) == 15 * 60

    def test_one_calm_reading_is_not_enough(self) -> None:
        assert half_life((50, 40), (50, 20), (50, 30), (50, 10), (50, 10), (50, 10)) == 20 * 60

    def test_a_handful_of_mentions_is_read_with_the_next(self) -> None:
        assert half_life((50, 40), (5, 0), (5, 0), (10, 2), (30, 5), (50, 10)) == 20 * 60

    def test_it_is_not_over_yet(self) -> None:
        assert half_life((50, 10), (50, 40), (50, 35), (50, 10)) is None
        assert half_life((50, 10), (50, 40), (50, 40), (50, 40)) is None

    def test_there_was_nothing_to_recover_from(self) -> None:
        assert half_life((50, 10), (50, 12), (50, 10), (50, 10), (50, 10)) is None

    def test_silence_has_none(self) -> None:
        assert half_life((0, 0), (0, 0)) is None


@pytest.mark.django_db
def test_the_review_opens_with_figures_and_keeps_those_of_its_release(storm: Incident, lea: Person, cy: Person) -> None:
    settle()
    lift(lea, storm)
    for verb in ("contain", "resolve", "put-under-review"):
        assert lea.post(f"incidents/{storm.pk}/{verb}").status == 200
    settle()
    with inside(storm.agency_id):
        review = PostMortem.objects.get()
    told = lea.get(f"post-mortems/{review.pk}").body
    assert {key: told["numbers"][key] for key in ("detect", "acknowledge", "decide", "peak_times")} == {
        "detect": 360.0,
        "acknowledge": 120.0,
        "decide": 360.0,
        "peak_times": 10.0,
    }
    assert told["numbers"]["pause"] >= told["numbers"]["pause_settling"] >= 0
    release_review(lea, review)
    settle()
    frozen = cy.get(f"post-mortems/{review.pk}").body
    assert frozen["numbers_at"] == frozen["released_at"]
    with inside(storm.agency_id):
        Bucket.objects.all().delete()
    report = lea.get(f"incidents/{storm.pk}/report").body
    assert report["numbers"] == frozen["numbers"]
    assert report["numbers"]["mentions"] > 0
    measured = [facts for name, _, facts in events_of(review) if name == "postmortem.measured"]
    assert measured == [{"final": False}, {"final": True}]
