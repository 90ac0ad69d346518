"""Posting a message as JSON, through the guarded client."""

from __future__ import annotations

import json

from alerting.transports.answers import posted, refusal
from alerting.transports.message import Message, Sent


def deliver(address: str, message: Message) -> Sent:
    """Post one message. `X-Notification-Id` and the body's `notification_id` are the same on every repeat.

    Any 2xx says that it has arrived.
    """
    headers = {"Content-Type": "application/json", "X-Notification-Id": str(message.id)}
    body = {"notification_id": str(message.id), "reference": message.reference, "text": message.text, **message.data}
    answer = posted(address, body=json.dumps(body).encode(), headers=headers)
    if not answer.ok:
        raise refusal(answer.status, answer.headers)
    return Sent(arrived=True)
