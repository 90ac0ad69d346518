"""Ways to reach a person, one folder each: `address.py` judges an address, `delivery.py` hands one message over.

Saving an address needs the first only. The second is read when the first message goes out, so that web processes never
load the libraries behind it: importing them takes about half a second. `carriers/` are the companies behind text
messages and calls, of which the operator names one.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

from django.utils.module_loading import import_string

from alerting.transports.chat import address as chat
from alerting.transports.email import address as email
from alerting.transports.message import Message, Sent, TransportError
from alerting.transports.sms import address as sms
from alerting.transports.voice import address as voice
from alerting.transports.webhook import address as webhook

__all__ = ["Message", "Sent", "TransportError", "checked_address", "deliver", "hint"]

ADDRESSES: dict[str, ModuleType] = {"email": email, "webhook": webhook, "chat": chat, "sms": sms, "voice": voice}
DELIVERIES = {name: f"alerting.transports.{name}.delivery.deliver" for name in ADDRESSES}


def checked_address(transport: str, address: str) -> str:
    """The address as it is stored; raises Invalid (400) when this transport could never use it. Asks no network."""
    found: str = ADDRESSES[transport].checked(address)
    return found


def hint(transport: str, address: str) -> str:
    """Enough of an address for its owner to recognise it, and nothing that opens a door."""
    found: str = ADDRESSES[transport].hint(address)
    return found


def deliver(transport: str, address: str, message: Message) -> Sent:
    """Hand one message over, within about ten seconds, or raise TransportError. Never call it inside a transaction."""
    hand_over: Callable[[str, Message], Sent] = import_string(DELIVERIES[transport])
    return hand_over(address, message)
