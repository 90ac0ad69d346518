"""What an HTTP answer means for a message: taken, not now, or never."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from alerting.transports.message import TransportError
from core.outbound import Answer, OutboundFailed, post

DEADLINE_SECONDS = 10.0
# A page cannot wait for long, whatever a host asks for.
LONGEST_WAIT = timedelta(minutes=2)
# 4xx says "do not try this again"; these say "not now".
NOT_NOW = frozenset({408, 425, 429})
CLIENT_ERRORS, SERVER_ERRORS = 400, 500
# The operator's own name and password: they can be put right while we keep trying.
NOT_SIGNED_IN = frozenset({401, 403})


def posted(url: str, *, body: bytes, headers: Mapping[str, str]) -> Answer:
    """The host's answer, whatever it says, within ten seconds; raises TransportError when none came."""
    try:
        return post(url, body=body, headers=headers, deadline=DEADLINE_SECONDS)
    except OutboundFailed as problem:
        raise TransportError(str(problem), permanent=False) from problem


def refusal(status: int, headers: Mapping[str, str]) -> TransportError:
    """What to raise for an answer that is no success. A redirect is one that will not change."""
    for_good = status < SERVER_ERRORS and status not in NOT_NOW
    return TransportError(f"The host answered {status}.", permanent=for_good, after=asked_wait(headers))


def asked_wait(headers: Mapping[str, str]) -> timedelta | None:
    """How long the host asked us to wait, when it said so in seconds, cut to what a page can wait."""
    asked = headers.get("retry-after", "")
    if not re.fullmatch(r"[0-9]{1,6}", asked):
        return None
    return min(timedelta(seconds=int(asked)), LONGEST_WAIT)


def spoken_object(answer: Answer) -> dict[str, Any]:
    """The JSON object of an answer, an empty one when it is something else, such as the page of a proxy."""
    if not answer.whole:
        return {}
    try:
        found = json.loads(answer.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def makes_no_sense() -> TransportError:
    """For a success that does not look like one: whoever answered is not whom we meant."""
    return TransportError("The host answered something else than it should.", permanent=False)
