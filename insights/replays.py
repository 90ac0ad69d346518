"""What would have been: the same mentions under another threshold, or the same words approved faster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from approvals.models import Approval
from incidents.models import Delivery, Incident
from insights.measures import moments_of
from insights.numbers import Moments
from ledger.models import Event
from listening.actions.backtest import alarms_under
from readiness.actions import ABOUT_MESSAGE

# The detector learns what is normal from these two weeks, and looks at no more than these days of the storm.
LEARNS: Final = timedelta(days=14)
LOOKS_AT_MOST: Final = timedelta(days=3)
# An alarm up to so long before the departure that was noticed is taken for the same storm.
EARLY: Final = timedelta(hours=1)
# So long before an incident that nobody was warned of it is looked for a warning, and so long an alarm stands.
DAY: Final = timedelta(hours=24)
# Since when the brand is watched in another way.
WATCHED_ANEW: Final = ("listening.changed", "listening.calibrated")


@dataclass(slots=True)
class WouldBe:
    """When the crisis was known and answered, when it would have been, and why. None: never."""

    signal_at_was: datetime | None
    signal_at_would_be: datetime | None
    first_words_was: datetime | None
    first_words_would_be: datetime | None
    minutes_saved: float | None = None  # until the first words, else until the signal
    explained: list[str] = field(default_factory=list)


def replayed(
    incident: Incident, *, threshold: Mapping[str, Any] | None, approval_minutes: float | None, at: datetime
) -> WouldBe:
    """The crisis again, with other settings of the detector, with another length of the approval, or with both.

    What follows the signal is taken to take as long as it did, and the approval to end so many minutes after it was
    asked for. Saved minutes are below zero where it would have been later.
    """
    moments = moments_of(incident)
    heard = moments.known if moments.began is not None else None
    found = WouldBe(heard, heard, moments.first_words, moments.first_words)
    earlier = timedelta()
    if threshold is not None:
        saved = _with_threshold(incident, moments, threshold, found, at=at)
        if saved is None:
            return found
        earlier += saved
    if approval_minutes is not None:
        earlier += _with_approval(incident, moments, timedelta(minutes=approval_minutes), found)
    if found.first_words_was is not None:
        found.first_words_would_be = found.first_words_was - earlier
    found.minutes_saved = round(earlier / timedelta(minutes=1), 1)
    return found


def _with_threshold(
    incident: Incident, moments: Moments, threshold: Mapping[str, Any], found: WouldBe, *, at: datetime
) -> timedelta | None:
    """How much earlier it would have been known; None when it would never have been by itself."""
    began = moments.began if moments.began is not None else moments.known - DAY
    end = min(at, max(moments.known, moments.resolved or moments.known), began + LOOKS_AT_MOST)
    start = began - DAY
    sounds = [a.at for a in alarms_under(incident.brand_id, dict(threshold), start, end, learns=LEARNS)]
    would_be = _of_this_storm(sounds, began, found)
    if would_be is None:
        found.signal_at_would_be = found.first_words_would_be = None
        found.explained.append(f"No alarm would have sounded until {end:%Y-%m-%d %H:%M} UTC.")
        return None
    if found.signal_at_was is None:
        found.explained.append("No signal was raised: it is compared with when people opened the incident.")
    else:
        would_be += _lag(incident, moments, began, end, found)
    found.signal_at_would_be = would_be
    return moments.known - would_be


def _of_this_storm(sounds: list[datetime], began: datetime, found: WouldBe) -> datetime | None:
    """The first alarm that speaks of the storm; one that stood already when it began is heard at its beginning."""
    during = next((sound for sound in sounds if sound >= began - EARLY), None)
    before = [sound for sound in sounds if sound < began - EARLY]
    if before and (during is None or during > began):
        found.explained.append(f"An alarm would have stood since {before[-1]:%Y-%m-%d %H:%M} UTC, before it began.")
        return began
    if during is not None:
        found.explained.append(f"The first alarm would have sounded at {during:%Y-%m-%d %H:%M} UTC.")
    return during


def _lag(incident: Incident, moments: Moments, began: datetime, end: datetime, found: WouldBe) -> timedelta:
    """How long after the detector could have spoken the signal was there: mentions come late, and would have again."""
    changed = Event.objects.filter(brand_id=incident.brand_id, name__in=WATCHED_ANEW, at__gt=moments.known).exists()
    if changed:
        found.explained.append(
            "The brand is watched in another way since: how late its mentions came is not accounted for."
        )
        return timedelta()
    present = [alarm.at for alarm in alarms_under(incident.brand_id, {}, began - DAY, end, learns=LEARNS)]
    spoke = next((sound for sound in present if sound >= began - EARLY), None)
    if spoke is None or spoke >= moments.known:
        return timedelta()
    found.explained.append(
        f"As the brand is watched now it sounds at {spoke:%Y-%m-%d %H:%M} UTC; the signal came later by the same time."
    )
    return moments.known - spoke


def _with_approval(incident: Incident, moments: Moments, wanted: timedelta, found: WouldBe) -> timedelta:
    """How much earlier the first words would have been out."""
    if moments.first_words is None:
        found.explained.append("Nothing was said in public: no approval could have made it faster.")
        return timedelta()
    approval = _of_first_words(incident, moments.first_words)
    if approval is None or approval.granted_at is None or approval.about_kind == ABOUT_MESSAGE:
        found.explained.append("The first words were agreed to beforehand: no approval could have made them faster.")
        return timedelta()
    took = approval.granted_at - approval.requested_at
    found.explained.append(
        f"Their approval took {took / timedelta(minutes=1):.1f} minutes, and would have taken "
        f"{wanted / timedelta(minutes=1):g}."
    )
    return took - wanted


def _of_first_words(incident: Incident, published_at: datetime) -> Approval | None:
    """The approval of the words that were public first."""
    carried = Delivery.objects.filter(statement__incident=incident, post__published_at=published_at)
    first: Delivery | None = carried.select_related("version__approval").order_by("pk").first()
    return None if first is None else first.version.approval
