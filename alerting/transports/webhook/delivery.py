"""Posting a message as JSON, through the guarded client."""

from __future__ import annotations

import json
import re
from datetime import timedelta

from alerting.transports.message import Message, TransportError
from core.outbound import Answer, OutboundFailed, post

DEADLINE_SECONDS = 10.0
LONGEST_WAIT = timedelta(minutes=2)
# 4xx says "do not try this again"; these three say "not now".
NOT_NOW = frozenset({408, 425, 429})
SERVER_ERRORS = 500


def deliver(address: str, message: Message) -> None:
    """Post one message. `X-Notification-Id` and the body's `notification_id` are the same on every repeat."""
    headers = {"Content-Type": "application/json", "X-Notification-Id": str(message.id)}
    body = {"notification_id": str(message.id), "reference": message.reference, "text": message.text, **message.data}
    try:
        answer = post(address, body=json.dumps(body).encode(), headers=headers, deadline=DEADLINE_SECONDS)
    except OutboundFailed as problem:
        raise TransportError(str(problem), permanent=False) from problem
    if answer.ok:
        return
    for_good = answer.status < SERVER_ERRORS and answer.status not in NOT_NOW
    raise TransportError(f"The host answered {answer.status}.", permanent=for_good, after=_asked_wait(answer))


def _asked_wait(answer: Answer) -> timedelta | None:
    """How long the host asked us to wait, when it said so in seconds; a page cannot wait for long."""
    asked = answer.headers.get("retry-after", "")
    if not re.fullmatch(r"[0-9]{1,6}", asked):
        return None
    return min(timedelta(seconds=int(asked)), LONGEST_WAIT)
