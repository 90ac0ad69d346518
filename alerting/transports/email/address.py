"""Addresses of e-mail."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from core.refusals import Invalid


def checked(address: str) -> str:
    try:
        validate_email(address)
    except ValidationError:
        detail = "This is not an e-mail address."
        raise Invalid(errors=[{"field": "address", "code": "not_an_address", "detail": detail}]) from None
    return address


def hint(address: str) -> str:
    name, _, domain = address.rpartition("@")
    return f"{name[0]}…@{domain}"
