"""Who is calling: an agency's directory, by its token. Nothing else opens these addresses, and it opens nothing else.

Whatever is wrong with a token, the answer is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from rest_framework.request import Request

from core.http.rates import Allowance, allow
from tenants.actions.directory_tokens import PREFIX, note_token_use
from tenants.bearer import Bearer, row_of, use_is_news
from tenants.models import DirectoryToken

REALM = 'Bearer realm="crisisapi directory"'
REQUESTS_A_MINUTE = 1_500  # Microsoft Entra sends up to 25 a second


@dataclass(frozen=True, slots=True)
class Directory:
    """An agency's directory, signed in; what DRF asks of `request.user`."""

    agency_id: UUID
    slug: str
    token_id: UUID
    at: datetime
    is_authenticated: bool = True


class DirectoryTokenAuthentication(Bearer):
    """`Authorization: Bearer scm_…`."""

    mark = PREFIX
    realm = REALM
    refused = "This token is not valid."

    def opened(self, request: Request, token: str, now: datetime) -> Directory | None:
        row: DirectoryToken | None = row_of(DirectoryToken.objects.all(), token)
        if row is None or row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now):
            return None
        if use_is_news(row.last_used_at, now):
            note_token_use(token_id=row.pk, at=now)
        allow(request, Allowance("directory", str(row.pk), REQUESTS_A_MINUTE))
        return Directory(UUID(str(row.agency_id)), str(request.parser_context["kwargs"]["agency"]), row.pk, now)
