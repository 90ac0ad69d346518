"""A carrier of the operator's own choice, which speaks a little contract of ours (docs/operations.md).

`POST {"to", "text", "kind", "language", "reference", "callback"}` with a bearer token is answered by 2xx and
`{"id": "…"}`. What becomes of the message is told to `callback`, signed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from datetime import UTC, datetime

from django.conf import settings

from alerting.transports.answers import NOT_SIGNED_IN, makes_no_sense, posted, refusal, spoken_object
from alerting.transports.message import Message, Sent, TransportError

STATUS_PATH = "/v1/inbound/gateway/status"
RECEIPT = re.compile(r"[\x21-\x7e]{1,120}")
TOLERANCE_SECONDS = 5 * 60
SECONDS = re.compile(r"[0-9]{1,12}")


def send_text(number: str, message: Message) -> Sent:
    return _posted("sms", number, message.short, message)


def call(number: str, message: Message) -> Sent:
    return _posted("voice", number, message.spoken, message)


def _posted(kind: str, number: str, text: str, message: Message) -> Sent:
    body = {
        "to": number,
        "text": text,
        "kind": kind,
        "language": message.language,
        "reference": message.about,
        "callback": settings.PUBLIC_URL + STATUS_PATH,
    }
    headers = {"Authorization": f"Bearer {settings.GATEWAY_TOKEN}", "Content-Type": "application/json"}
    answer = posted(settings.GATEWAY_URL, body=json.dumps(body).encode(), headers=headers)
    if answer.status in NOT_SIGNED_IN:
        raise TransportError("The carrier does not know us.", permanent=False)
    if not answer.ok:
        raise refusal(answer.status, answer.headers)
    receipt = spoken_object(answer).get("id")
    if not isinstance(receipt, str) or not RECEIPT.fullmatch(receipt):
        raise makes_no_sense()
    return Sent(receipt=receipt)


def signature(body: bytes, timestamp: str) -> str:
    """The hexadecimal HMAC-SHA-256 of `timestamp.body`."""
    signed = timestamp.encode("utf-8", "replace") + b"." + body
    return hmac.new(settings.GATEWAY_SECRET.encode(), signed, hashlib.sha256).hexdigest()


def is_signed(said: str, *, body: bytes, timestamp: str, at: datetime) -> bool:
    """Whether the carrier said this within the last five minutes; never, while no secret is set."""
    good = hmac.compare_digest(said.encode("utf-8", "replace"), signature(body, timestamp).encode())
    if not good or not settings.GATEWAY_SECRET or not SECONDS.fullmatch(timestamp):
        return False
    return abs((at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() - int(timestamp)) <= TOLERANCE_SECONDS
