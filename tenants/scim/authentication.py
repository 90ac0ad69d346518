"""Who is calling: an agency's directory, by its token. Nothing else opens these addresses, and it opens nothing else.

Whatever is wrong with a token, the answer is the same.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from core.http.rates import Allowance, allow
from core.wall import wall
from tenants.actions.directory_tokens import PREFIX, note_token_use
from tenants.models import Agency, DirectoryToken

REALM = 'Bearer realm="crisisapi directory"'
TOKEN_PARTS = 4  # scm_<agency>_<token>_<secret>
NOTE_USE_EVERY = timedelta(minutes=1)
REQUESTS_A_MINUTE = 1_500  # Microsoft Entra sends up to 25 a second


@dataclass(frozen=True, slots=True)
class Directory:
    """An agency's directory, signed in; what DRF asks of `request.user`."""

    agency_id: UUID
    slug: str
    token_id: UUID
    at: datetime
    is_authenticated: bool = True


class DirectoryTokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer scm_…`."""

    def authenticate_header(self, _request: Request) -> str:
        return REALM

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        directory = self._directory(request, token.strip(), timezone.now())
        if directory is None:
            raise AuthenticationFailed("This token is not valid.")
        return directory, directory

    def _directory(self, request: Request, token: str, now: datetime) -> Directory | None:
        agency_id = _agency_named_in(token)
        slug = ((request.parser_context or {}).get("kwargs") or {}).get("agency")
        if agency_id is None or not Agency.objects.filter(pk=agency_id, slug=slug).exists():
            return None
        with wall(agency_id):
            row = _row_of(token)
            if row is None or row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now):
                return None
            if row.last_used_at is None or now - row.last_used_at >= NOTE_USE_EVERY:
                note_token_use(token_id=row.pk, at=now)
        allow(request, Allowance("directory", str(row.pk), REQUESTS_A_MINUTE))
        return Directory(agency_id, str(slug), row.pk, now)


def _agency_named_in(token: str) -> UUID | None:
    parts = token.split("_", TOKEN_PARTS - 1)
    if len(parts) != TOKEN_PARTS or parts[0] != PREFIX:
        return None
    try:
        return UUID(hex=parts[1])
    except ValueError:
        return None


def _row_of(token: str) -> DirectoryToken | None:
    *prefix, secret = token.split("_", TOKEN_PARTS - 1)
    row: DirectoryToken | None = DirectoryToken.objects.filter(prefix="_".join(prefix)).first()
    digest = hashlib.sha256(secret.encode()).hexdigest()
    # Compared even when there is no such token, so that both answers take the same time.
    right = hmac.compare_digest(digest, row.secret_sha256 if row else "0" * 64)
    return row if right else None
