"""Keys where they must never be: in the address of a request, which ends up in logs and histories."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from urllib.parse import unquote_plus

import structlog
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from core.http.problems import Problem, render
from core.wall import inside
from permissions.actions.keys import mark_exposed
from tenants.bearer import agency_named_in
from tenants.key_sign_in import REALM, key_of_token

log = structlog.get_logger(__name__)

# A key, or a token of a directory, with its secret of 43 letters or the beginning of it. The prefix alone is no
# secret and may be looked for.
WHOLE_KEY = re.compile(r"(?:csk|scm)_[0-9a-f]{32}_[0-9a-f]{12}_[A-Za-z0-9_-]{1,43}")
EXPOSED = Problem(
    401, "key_exposed", "A key does not belong into an address.",
    "Addresses are written into logs and histories. Send the key in the Authorization header, and rotate this one.",
    headers={"WWW-Authenticate": REALM},
)  # fmt: skip


class ExposedKeys:
    """Refuse every request that carries a key in its address, whatever else it carries, and note whose key it was.

    The note has a transaction of its own, for the request's would be rolled back with its refusal.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        places = {"path": request.path_info, "query": unquote_plus(request.META.get("QUERY_STRING", ""))}
        found = [(where, token) for where, text in places.items() for token in WHOLE_KEY.findall(text)]
        if not found:
            return self.get_response(request)
        where, token = found[0]
        note_exposure(token, where=where, at=timezone.now())
        return render(EXPOSED, request)


def note_exposure(token: str, *, where: str, at: datetime) -> None:
    """Mark the key that was sent in an address, if it is one."""
    key = None
    if token.startswith("csk_"):  # a directory's token is only refused: it has no owner to whom a mark would be told
        with inside(agency_named_in(token, "csk")):
            key = key_of_token(token)
            if key is not None:
                mark_exposed(key_id=key.pk, where=where, at=at)
    log.warning("key_in_address", where=where, known=key is not None)
