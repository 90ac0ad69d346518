"""Numbers that can be called."""

from __future__ import annotations

from django.conf import settings

from alerting.transports.numbers import checked_number, number_hint


def checked(address: str) -> str:
    return checked_number(address, carrier=settings.VOICE_PROVIDER)


def hint(address: str) -> str:
    return number_hint(address)
