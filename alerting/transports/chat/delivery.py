"""Handing a message to a chat or push service: through Apprise's class for it, or to a server of ntfy."""

from __future__ import annotations

import json
import sys
from typing import Any

from apprise import AppriseAsset, NotifyFormat, NotifyType
from apprise.plugins.discord import NotifyDiscord
from apprise.plugins.ntfy import NotifyNtfy
from apprise.plugins.pushover import NotifyPushover
from apprise.plugins.slack import NotifySlack
from apprise.plugins.telegram import NotifyTelegram
from apprise.plugins.workflows import NotifyWorkflows

from alerting.transports.answers import makes_no_sense, posted, refusal, spoken_object
from alerting.transports.chat.address import own_server, parts_of
from alerting.transports.chat.door import Door, listening
from alerting.transports.message import Message, Sent, TransportError

# The classes themselves and not Apprise's front door, which would read every service it knows.
SERVICES: dict[str, Any] = {
    "discord": NotifyDiscord,
    "ntfy": NotifyNtfy,
    "pover": NotifyPushover,
    "slack": NotifySlack,
    "tgram": NotifyTelegram,
    "workflows": NotifyWorkflows,
}
for _service in SERVICES.values():
    sys.modules[_service.__module__].requests = Door()  # type: ignore[attr-defined]

NTFY_URGENT = 5


def deliver(address: str, message: Message) -> Sent:
    """Send one message. Apprise says yes or no; why not is read from what the service answered."""
    service, parts = parts_of(address)
    if service == "ntfys":
        return _to_own_server(parts["host"], parts["topic"], message)
    asset = AppriseAsset(
        app_id="crisisapi", app_desc="crisisapi", secure_logging=True, http_redirects=False, image_url_mask=""
    )
    channel = SERVICES[service](**_arguments(service, parts), asset=asset, format=NotifyFormat.TEXT.value)
    with listening() as heard:
        taken = channel.notify(
            title=message.subject, body=message.text, body_format=NotifyFormat.TEXT, notify_type=NotifyType.WARNING
        )
    if taken:
        return Sent()
    if heard and not heard[-1].ok:
        raise refusal(heard[-1].status, heard[-1].headers)
    raise TransportError("The service did not take the message.", permanent=False)


def _to_own_server(host: str, topic: str, message: Message) -> Sent:
    body = {"topic": topic, "title": message.subject, "message": message.text, "priority": NTFY_URGENT}
    answer = posted(own_server(host), body=json.dumps(body).encode(), headers={"Content-Type": "application/json"})
    if not answer.ok:
        raise refusal(answer.status, answer.headers)
    said = spoken_object(answer)
    if said.get("event") != "message" or not isinstance(said.get("id"), str):
        raise makes_no_sense()
    return Sent()


def _arguments(service: str, parts: dict[str, str]) -> dict[str, Any]:
    match service:
        case "ntfy":
            return {"targets": [parts["topic"]], "mode": "cloud"}  # ntfy.sh, never a server of the user's choice
        case "tgram":
            return {"bot_token": parts["bot_token"], "targets": [parts["chat"]]}
        case "workflows":
            return {**parts, "power_automate": parts["host"].endswith(".powerplatform.com")}
        case _:
            return dict(parts)
