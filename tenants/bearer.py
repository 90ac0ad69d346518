"""Credentials of programs: `Authorization: Bearer <mark>_<agency>_<name>_<secret>`, stored hashed.

Whatever is wrong with one, the answer is the same: cut short, of another kind, over, revoked, of another agency.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from core.wall import wall
from tenants.models import Agency

PARTS = 4
NOTE_USE_EVERY = timedelta(minutes=1)


class Bearer(BaseAuthentication):
    """A kind of credential: its mark, what a refused one is told, and `opened`, which is asked inside the wall."""

    mark: ClassVar[str]
    realm: ClassVar[str]
    refused: ClassVar[str]

    def authenticate_header(self, _request: Request) -> str:
        return self.realm

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        agency = agency_named_in(token.strip(), self.mark)
        slug = ((request.parser_context or {}).get("kwargs") or {}).get("agency")
        found = None
        if agency is not None and Agency.objects.filter(pk=agency, slug=slug).exists():
            with wall(agency):
                found = self.opened(request, token.strip(), timezone.now())
        if found is None:
            raise AuthenticationFailed(self.refused)
        return found, found

    def opened(self, request: Request, token: str, now: datetime) -> Any:
        """Who calls with this token; None when it opens nothing."""
        raise NotImplementedError


def agency_named_in(token: str, mark: str) -> UUID | None:
    """The agency whose wall a token must be looked up in; None for what is no token of this mark."""
    parts = token.split("_", PARTS - 1)
    if len(parts) != PARTS or parts[0] != mark:
        return None
    try:
        return UUID(hex=parts[1])
    except ValueError:
        return None


def row_of(rows: QuerySet[Any], token: str) -> Any:
    """The row that a token opens, alive or not, None for a wrong secret; inside the wall of the agency it names."""
    *prefix, secret = token.split("_", PARTS - 1)
    row = rows.filter(prefix="_".join(prefix)).first()
    digest = hashlib.sha256(secret.encode()).hexdigest()
    # Compared even when there is no such row, so that both answers take the same time.
    right = hmac.compare_digest(digest, row.secret_sha256 if row else "0" * 64)
    return row if right else None


def use_is_news(last_used_at: datetime | None, now: datetime) -> bool:
    """Whether the last use is to be noted: at most once a minute."""
    return last_used_at is None or now - last_used_at >= NOTE_USE_EVERY
