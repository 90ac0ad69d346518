"""Handing a message to a chat or push service, through Apprise's class for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apprise import AppriseAsset, NotifyFormat, NotifyType
from apprise.plugins.discord import NotifyDiscord
from apprise.plugins.ntfy import NotifyNtfy
from apprise.plugins.pushover import NotifyPushover
from apprise.plugins.slack import NotifySlack
from apprise.plugins.telegram import NotifyTelegram

from alerting.transports.chat.address import parts_of
from alerting.transports.message import Message, TransportError

SERVICES: dict[str, Callable[..., Any]] = {
    "discord": lambda parts, common: NotifyDiscord(**parts, **common),
    "ntfy": lambda parts, common: NotifyNtfy(targets=[parts["topic"]], mode="cloud", **common),
    "pover": lambda parts, common: NotifyPushover(**parts, **common),
    "slack": lambda parts, common: NotifySlack(**parts, **common),
    "tgram": lambda parts, common: NotifyTelegram(parts["bot_token"], [parts["chat"]], **common),
}
# The classes themselves and not Apprise's front door, which would read every service it knows.


def deliver(address: str, message: Message) -> None:
    """Send one message. Apprise says yes or no and not why, so every no may be tried again."""
    service, parts = parts_of(address)
    asset = AppriseAsset(app_id="crisisapi", app_desc="crisisapi", secure_logging=True)
    channel = SERVICES[service](parts, {"asset": asset, "format": NotifyFormat.TEXT.value})
    sent = channel.notify(
        title=message.subject, body=message.text, body_format=NotifyFormat.TEXT, notify_type=NotifyType.WARNING
    )
    if not sent:
        raise TransportError("The service did not take the message.", permanent=False)
