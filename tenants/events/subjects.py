"""Whom a security event is about (RFC 9493): the subject, looked up among the people of one agency."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import Q

from tenants.models import DirectoryUser, Identity, Seat
from tenants.states import SeatStage

MOST_ALIASES = 10
SIMPLE = {"iss_sub", "iss-sub", "email", "opaque", "id"}


def seat_of(subject: Mapping[str, Any], *, issuer: str) -> Seat | None:  # noqa: PLR0911 - one line a format
    """The person's seat, the present one if there is any; None for somebody who is not known here."""
    match subject.get("format") or subject.get("subject_type"):
        case "complex":
            return _inner(subject.get("user"), issuer)
        case "aliases":
            each = subject.get("identifiers")
            found = [_inner(one, issuer) for one in (each if isinstance(each, list) else [])[:MOST_ALIASES]]
            return next((seat for seat in found if seat is not None), None)
        case "iss_sub" | "iss-sub":
            return _by_issuer(_text(subject.get("iss")), _text(subject.get("sub")), issuer)
        case "email":
            return _by_email(_text(subject.get("email")))
        case "opaque" | "id":
            return _by_id(_text(subject.get("id")))
        case None if isinstance(subject.get("user"), dict):  # a complex subject before it had a format
            return _inner(subject["user"], issuer)
        case _:
            return None


def _inner(subject: Any, issuer: str) -> Seat | None:
    """A subject inside another; those do not nest further."""
    if not isinstance(subject, dict) or (subject.get("format") or subject.get("subject_type")) not in SIMPLE:
        return None
    return seat_of(subject, issuer=issuer)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _by_issuer(issuer: str, subject: str, sender: str) -> Seat | None:
    if not issuer or not subject:
        return None
    known = Identity.objects.select_related("seat").filter(provider__issuer=issuer, subject=subject)
    living = known.filter(ended_at=None).first()
    in_directory = _of_directory(Q(external_id=subject)) if living is None and issuer == sender else None
    if in_directory is not None:
        return in_directory
    found: Any = living or known.order_by("-ended_at").first()
    seat: Seat | None = found and found.seat
    return seat


def _by_email(email: str) -> Seat | None:
    if not email:
        return None
    seat: Seat | None = Seat.objects.filter(user__email__iexact=email).exclude(stage=SeatStage.ENDED).first()
    return seat or _of_directory(Q(email__iexact=email))


def _by_id(text: str) -> Seat | None:
    if not text:
        return None
    try:
        known = Q(pk=UUID(text)) | Q(external_id=text)
    except ValueError:
        known = Q(external_id=text)
    return _of_directory(known)


def _of_directory(known: Q) -> Seat | None:
    row: DirectoryUser | None = (
        DirectoryUser.objects.select_related("seat").filter(known, deleted_at=None).exclude(seat=None).first()
    )
    if row is None:
        return None
    sits: Seat | None = Seat.objects.filter(user_id=row.seat.user_id).exclude(stage=SeatStage.ENDED).first()
    return sits or row.seat
