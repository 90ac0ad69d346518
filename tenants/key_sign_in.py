"""Who is calling, when it is a program: an API key becomes a `Caller` with what its issuer holds now.

A key whose issuer is gone, or that is used from where it must not be, is answered like one that does not exist.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from rest_framework.request import Request

from core.actor import Actor
from core.http.addresses import client_address
from core.http.rates import Allowance, allow
from permissions.actions.keys import note_key_use
from permissions.gate import Caller
from permissions.models import ApiKey
from permissions.queries.keys import key_alive, reached_from
from tenants.bearer import Bearer, row_of, use_is_news
from tenants.queries import caller_for

REALM = 'Bearer realm="crisisapi"'


class KeyAuthentication(Bearer):
    """`Authorization: Bearer csk_…`."""

    mark = "csk"
    realm = REALM
    refused = "This key is not valid."

    def opened(self, request: Request, token: str, now: datetime) -> Caller | None:
        key = key_of_token(token)
        if key is None or not key_alive(key, now) or not reached_from(client_address(request), key.networks):
            return None
        if use_is_news(key.last_used_at, now):
            note_key_use(key_id=key.pk, at=now)
        allow(request, Allowance("key", str(key.pk), key.rate_per_minute))
        return replace(
            caller_for(key.seat, at=now),
            actor=Actor.key(key.pk, issued_by=key.seat_id),
            key_needs=frozenset(key.needs),
            key_brands=frozenset(key.brand_ids),
        )


def key_of_token(token: str) -> ApiKey | None:
    """The key that a token opens, alive or not; inside the wall of the agency that the token names."""
    key: ApiKey | None = row_of(ApiKey.objects.select_related("seat__user"), token)
    return key
