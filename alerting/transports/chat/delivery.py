"""Handing a message to a chat or push service, through Apprise's class for it."""

from __future__ import annotations

from typing import Any

from apprise import AppriseAsset, NotifyFormat, NotifyType
from apprise.plugins.discord import NotifyDiscord
from apprise.plugins.ntfy import NotifyNtfy
from apprise.plugins.pushover import NotifyPushover
from apprise.plugins.slack import NotifySlack
from apprise.plugins.telegram import NotifyTelegram

from alerting.transports.chat.address import parts_of
from alerting.transports.message import Message, TransportError

# The classes themselves and not Apprise's front door, which would read every service it knows.
SERVICES: dict[str, Any] = {
    "discord": NotifyDiscord,
    "ntfy": NotifyNtfy,
    "pover": NotifyPushover,
    "slack": NotifySlack,
    "tgram": NotifyTelegram,
}


def deliver(address: str, message: Message) -> None:
    """Send one message. Apprise says yes or no and not why, so every no may be tried again."""
    service, parts = parts_of(address)
    asset = AppriseAsset(app_id="crisisapi", app_desc="crisisapi", secure_logging=True)
    channel = SERVICES[service](**_arguments(service, parts), asset=asset, format=NotifyFormat.TEXT.value)
    sent = channel.notify(
        title=message.subject, body=message.text, body_format=NotifyFormat.TEXT, notify_type=NotifyType.WARNING
    )
    if not sent:
        raise TransportError("The service did not take the message.", permanent=False)


def _arguments(service: str, parts: dict[str, str]) -> dict[str, Any]:
    match service:
        case "ntfy":
            return {"targets": [parts["topic"]], "mode": "cloud"}  # ntfy.sh, never a server of the user's choice
        case "tgram":
            return {"bot_token": parts["bot_token"], "targets": [parts["chat"]]}
        case _:
            return dict(parts)
