"""Handing a text message to the operator's carrier."""

from __future__ import annotations

from django.conf import settings

from alerting.transports.carriers import carrier
from alerting.transports.message import Message, Sent


def deliver(address: str, message: Message) -> Sent:
    sent: Sent = carrier(settings.SMS_PROVIDER).send_text(address, message)
    return sent
