"""How a person is reached, and what a message says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from alerting.models import ContactMethod, Notification, Page
from alerting.states import NotificationStage, PageStage
from alerting.transports.message import Message
from core.wall import standing_agency
from tenants.models import Agency, Brand, Seat

NOBODY_ANSWERED = "Every step of the escalation has been taken and nobody has answered."


def ways_to_reach(seat_ids: Iterable[UUID]) -> dict[UUID, list[ContactMethod]]:
    """The live contact methods of each seat, in the person's order; a seat without one is missing."""
    ways: dict[UUID, list[ContactMethod]] = {}
    for way in ContactMethod.objects.all().live().filter(seat_id__in=list(seat_ids)).order_by("position"):
        ways.setdefault(way.seat_id, []).append(way)
    return ways


@dataclass(frozen=True, slots=True)
class Parcel:
    """A notification that is ready to go: by which transport, to which address, and what it says."""

    transport: str
    address: str
    message: Message


def parcel_for(notification: Notification) -> Parcel | None:
    """What to send, or None when nobody needs it any more: taken, settled, person gone, way removed."""
    page: Page = Page.objects.found(notification.page_id)
    seat: Seat | None = Seat.objects.all().active().select_related("user").filter(pk=notification.seat_id).first()
    unanswered = page.stage in (PageStage.OPEN, PageStage.EXHAUSTED) and page.cycle == notification.cycle
    if notification.stage != NotificationStage.QUEUED or not unanswered or seat is None:
        return None
    address: str | None = seat.user.email
    if notification.contact_id is not None:
        address = ContactMethod.objects.found(notification.contact_id).address
    if address is None:
        return None
    return Parcel(notification.transport, address, _worded(notification, page))


def _worded(notification: Notification, page: Page) -> Message:
    slug = Agency.objects.values_list("slug", flat=True).get(pk=standing_agency())
    brand = Brand.objects.found(page.brand_id).name if page.brand_id else ""
    about = f"{brand}: {page.headline}" if brand else page.headline
    url = f"{settings.PUBLIC_URL}/v1/agencies/{slug}/pages/{page.pk}"
    lines = [
        about,
        f"Severity {page.severity}, raised at {page.raised_at:%Y-%m-%d %H:%M} UTC.",
        *([NOBODY_ANSWERED] if notification.step > len(page.steps) else []),
        "",
        f"Page: {url}",
        f"Acknowledge: POST {url}/acknowledge",
        "",
        f"Notification {notification.reference}. If you see this reference twice, it is the same message.",
    ]
    data = {
        "kind": "page",
        "page_id": str(page.pk),
        "agency": slug,
        "brand": brand,
        "severity": page.severity,
        "headline": page.headline,
        "step": notification.step,
        "raised_at": page.raised_at.isoformat(),
        "url": url,
    }
    subject = f"[{notification.reference}] Severity {page.severity}: {about}"
    return Message(notification.pk, notification.reference, subject, "\n".join(lines), data)
