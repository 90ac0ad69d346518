"""What the author of a silence is written: that it goes on, that it is over, and what it swallowed."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from alerting.models import Silence
from alerting.queries.rules import rules_of
from alerting.queries.silences import swallowed_by
from alerting.queries.turns import working
from core.letters import Letter
from core.wall import standing_agency
from permissions.queries.holders import seats_with_role
from permissions.roles import OWNER
from tenants.models import Agency, Brand, Seat

MOST_LISTED = 20


def half_time_letter(silence_id: UUID, at: datetime) -> Letter | None:
    """The reminder; None when the silence is over, so that nobody is told of what no longer is."""
    silence: Silence = Silence.objects.found(silence_id)
    if silence.ended_at is not None or silence.ends_at <= at:
        return None
    return _letter(silence, over=False, at=at)


def over_letter(silence_id: UUID, at: datetime) -> Letter | None:
    """The list at the end; None when its author ended it and there is nothing to look at."""
    silence: Silence = Silence.objects.found(silence_id)
    own_doing = silence.ended_by_id is not None and silence.ended_by_id == silence.author_id
    if silence.ended_at is None or (own_doing and not swallowed_by(silence.pk).exists()):
        return None
    return _letter(silence, over=True, at=at)


def letter_posted(_silence_id: UUID) -> None:
    """Nothing is kept of it: the reminder and the end are in the ledger."""


def _letter(silence: Silence, *, over: bool, at: datetime) -> Letter | None:
    seat = _reader(silence, at)
    if seat is None:
        return None
    rules = rules_of(seat.pk)
    zone, agency = ZoneInfo(rules.time_zone), Agency.objects.get(pk=standing_agency())
    until = (silence.ended_at if over else None) or silence.ends_at
    with translation.override(rules.language):
        words = {
            "about": Brand.objects.found(silence.brand_id).name if silence.brand_id else agency.name,
            "time": f"{until.astimezone(zone):%Y-%m-%d %H:%M}",
            "zone": rules.time_zone,
        }
        if over:
            subject = _("People are woken again for %(about)s") % words
            first = _("What was silenced for %(about)s wakes people again since %(time)s %(zone)s.") % words
        else:
            subject = _("Pages of %(about)s are still silenced") % words
            first = _("Pages of %(about)s wake nobody until %(time)s %(zone)s.") % words
        lines = [first, _("The reason that was given: %(reason)s") % {"reason": silence.reason}, ""]
        lines += [*_list_of(silence, zone), ""]
        url = f"{settings.PUBLIC_URL}/v1/agencies/{agency.slug}/silences/{silence.pk}"
        lines.append(_("All of them: %(link)s") % {"link": f"{url}/pages"})
        if not over:
            lines.append(_("To end it: POST %(link)s") % {"link": f"{url}/end"})
    kind = "over" if over else f"half time before {silence.ends_at.isoformat()}"
    return Letter(uuid5(silence.pk, kind), seat.user.email, subject, "\n".join(lines), silence.brand_id, seat.pk)


def _list_of(silence: Silence, zone: ZoneInfo) -> list[str]:
    """The gravest pages first. Their headlines are ours, and in English."""
    pages = swallowed_by(silence.pk)
    count = pages.count()
    lines = [
        ngettext("%(count)s page woke nobody.", "%(count)s pages woke nobody.", count) % {"count": count},
        *(
            f"- {page.severity}, {page.raised_at.astimezone(zone):%Y-%m-%d %H:%M}: {page.headline}"
            for page in pages.order_by("severity", "pk")[:MOST_LISTED]
        ),
    ]
    if count > MOST_LISTED:
        left = count - MOST_LISTED
        lines.append(ngettext("And %(count)s more.", "And %(count)s more.", left) % {"count": left})
    return lines


def _reader(silence: Silence, at: datetime) -> Seat | None:
    """The author; when they work here no longer, the owner who has been there longest."""
    owners = seats_with_role(role=OWNER, brand_id=None, at=at)
    wanted = [silence.author_id, *owners] if silence.author_id else owners
    found = next(iter(working(wanted)), None)
    return Seat.objects.select_related("user").get(pk=found) if found else None
