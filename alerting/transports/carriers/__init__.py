"""Who carries text messages and calls: the operator names one for each in SMS_PROVIDER and VOICE_PROVIDER.

A carrier has `send_text(number, message)` and `call(number, message)`; both return what was Sent, or raise
TransportError.
"""

from __future__ import annotations

from types import ModuleType

from alerting.transports.carriers import gateway, twilio
from alerting.transports.message import TransportError

CARRIERS: dict[str, ModuleType] = {"twilio": twilio, "gateway": gateway}


def carrier(name: str) -> ModuleType:
    """The carrier of that name; raises TransportError when the operator has named none."""
    if name not in CARRIERS:
        raise TransportError("The operator has named no carrier for this.", permanent=True)
    return CARRIERS[name]
