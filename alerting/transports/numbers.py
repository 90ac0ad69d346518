"""Phone numbers in the one spelling that every network understands: E.164."""

from __future__ import annotations

import re

from core.refusals import Invalid

E164 = re.compile(r"\+[1-9][0-9]{7,14}")
SHOWN_AT_THE_END = 2


def checked_number(address: str, *, carrier: str) -> str:
    """The number as it is stored; raises Invalid (400) when it is none, or when nobody could carry anything to it."""
    if not E164.fullmatch(address):
        detail = "This is not a phone number such as +998901234567."
        raise Invalid(errors=[{"field": "address", "code": "not_an_address", "detail": detail}])
    if not carrier:
        detail = "This installation has no carrier for it."
        raise Invalid(errors=[{"field": "transport", "code": "not_set_up", "detail": detail}])
    return address


def number_hint(address: str) -> str:
    return f"{address[:4]}…{address[-SHOWN_AT_THE_END:]}"
