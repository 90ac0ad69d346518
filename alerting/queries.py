"""Who is on call, whom a step reaches, and what a message says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from alerting.models import ContactMethod, EscalationPolicy, Notification, Page, Rota, RotaOverride
from alerting.shifts import turn
from alerting.states import NotificationStage, PageStage
from alerting.transports.message import Message
from core.wall import standing_agency
from permissions.queries.holders import seats_with_role
from tenants.models import Agency, Brand, Seat

OWNERS = {"role": "owner"}
OWNERS_WAIT_MINUTES = 5
NOBODY_ANSWERED = "Every step of the escalation has been taken and nobody has answered."


def working(seat_ids: Iterable[UUID]) -> list[UUID]:
    """Those of the seats that are staff of the agency and active, in the order given, each once."""
    wanted = list(dict.fromkeys(seat_ids))
    found = set(Seat.objects.all().active().filter(pk__in=wanted, side="staff").values_list("pk", flat=True))
    return [seat for seat in wanted if seat in found]


def override_at(rota: Rota, at: datetime) -> RotaOverride | None:
    """The override that counts at an instant: of several, the one made last."""
    found: RotaOverride | None = (
        RotaOverride.objects.all().covering(at).filter(rota_id=rota.pk).order_by("-created_at", "-pk").first()
    )
    return found


def on_call(rota: Rota, at: datetime) -> UUID | None:
    """The seat that answers for a rota at an instant, None when nobody does.

    An override comes before the turns. Whoever has no seat any more is passed over for the next in order.
    """
    override = override_at(rota, at)
    number = turn(starts_at=rota.starts_at, time_zone=rota.time_zone, shift_hours=rota.shift_hours, at=at)
    in_order = [override.seat_id] if override else []
    if number is not None and rota.members:
        here = number % len(rota.members)
        in_order += rota.members[here:] + rota.members[:here]
    return next(iter(working(in_order)), None)


def recipients(page: Page, targets: Sequence[dict[str, str]], at: datetime) -> list[UUID]:
    """The seats that a step's targets mean at this moment, in the order of the policy, each once."""
    seats: list[UUID] = []
    for target in targets:
        match target:
            case {"rota": rota_id}:
                rota = Rota.objects.filter(pk=UUID(rota_id)).first()
                seat = on_call(rota, at) if rota else None
                seats += [seat] if seat else []
            case {"seat": seat_id}:
                seats.append(UUID(seat_id))
            case {"role": role}:
                seats += seats_with_role(role=role, brand_id=page.brand_id, at=at)
    return working(seats)


def policy_for(brand_id: UUID | None, *, named: UUID | None = None) -> dict[str, Any]:
    """A copy of the policy that a page climbs: the one that is `named`, where it still is there, else the brand's own,
    else the agency's, else every owner.
    """
    candidates = Q(brand_id=brand_id) | Q(brand_id=None) | Q(pk=named)
    policies = EscalationPolicy.objects.filter(candidates)
    found = {key: policy for policy in policies for key in (policy.pk, policy.brand_id)}
    policy = found.get(named or brand_id) or found.get(brand_id) or found.get(None)
    if policy is None:
        steps = [{"notify": [OWNERS], "wait_minutes": OWNERS_WAIT_MINUTES}]
        return {"policy_id": None, "name": "Every owner", "steps": steps}
    return {"policy_id": str(policy.pk), "name": policy.name, "steps": policy.steps}


def ways_to_reach(seat_ids: Iterable[UUID]) -> dict[UUID, list[ContactMethod]]:
    """The live contact methods of each seat, in the person's order; a seat without one is missing."""
    ways: dict[UUID, list[ContactMethod]] = {}
    for way in ContactMethod.objects.all().live().filter(seat_id__in=list(seat_ids)).order_by("position"):
        ways.setdefault(way.seat_id, []).append(way)
    return ways


def page_of(cause_kind: str, cause_id: UUID) -> Page | None:
    """The page that a cause raised, if it did."""
    found: Page | None = Page.objects.filter(cause_kind=cause_kind, cause_id=cause_id).first()
    return found


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
