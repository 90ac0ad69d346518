"""Twilio's HTTP API: Messages.json and Calls.json, and the signature of what Twilio sends back."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from html import escape
from typing import Any
from urllib.parse import urlencode

import structlog
from django.conf import settings

from alerting.transports.answers import (
    NOT_SIGNED_IN,
    asked_wait,
    makes_no_sense,
    posted,
    refusal,
    spoken_object,
)
from alerting.transports.message import Message, Sent, TransportError
from core.outbound import Answer

log = structlog.get_logger(__name__)

SID = re.compile(r"(?:SM|MM|CA)[0-9a-f]{32}")
STATUS_PATH = "/v1/inbound/twilio/status"
VOICE_PATH = "/v1/inbound/twilio/voice"
RING_SECONDS = "30"
LONGEST_TEXT = 1600
# Twilio has no voice for Uzbek; who writes a message in it has a call said in Russian.
VOICES = {"en": "en-US", "ru": "ru-RU"}

NUMBER_REFUSED = "The carrier refuses the number."
FOR_GOOD = {
    21211: NUMBER_REFUSED,  # not a number
    21214: NUMBER_REFUSED,  # cannot be called
    21217: NUMBER_REFUSED,
    21408: "The carrier may not send to this country.",
    21610: "The person has told the carrier to send no more.",
    21612: NUMBER_REFUSED,
    21614: NUMBER_REFUSED,  # not a mobile phone
    30003: "The phone is off or out of reach.",
    30004: "The phone blocks our messages.",
    30005: NUMBER_REFUSED,  # unknown to its network
    30006: NUMBER_REFUSED,  # a landline, or a network that takes none
}
TOO_MANY = 20429


def send_text(number: str, message: Message) -> Sent:
    sender = settings.TWILIO_FROM
    # A messaging service chooses the number by itself.
    named = "MessagingServiceSid" if sender.startswith("MG") else "From"
    form = {"To": number, named: sender, "Body": message.short[:LONGEST_TEXT]}
    return _sent(_asked("Messages.json", form, message))


def call(number: str, message: Message) -> Sent:
    form = {"To": number, "From": settings.TWILIO_VOICE_FROM, "Twiml": _script(message), "Timeout": RING_SECONDS}
    return _sent(_asked("Calls.json", form, message))


def spoken(text: str, language: str) -> str:
    """One element of TwiML that says a text."""
    return f'<Say language="{VOICES.get(language, VOICES["en"])}">{escaped(text)}</Say>'


def escaped(text: str) -> str:
    return escape(text, quote=False)


def _script(message: Message) -> str:
    said = spoken(message.spoken, message.language)
    if message.token:
        action = escape(f"{settings.PUBLIC_URL}{VOICE_PATH}?{urlencode({'token': message.token})}")
        said = f'<Gather numDigits="1" timeout="10" method="POST" action="{action}">{said}<Pause/>{said}</Gather>'
    else:
        said += "<Pause/>" + said
    return f"<Response>{said}</Response>"


def _asked(resource: str, form: dict[str, str], message: Message) -> Answer:
    account = settings.TWILIO_ACCOUNT_SID
    if message.about:
        form["StatusCallback"] = f"{settings.PUBLIC_URL}{STATUS_PATH}?{urlencode({'about': message.about})}"
    proof = base64.b64encode(f"{account}:{settings.TWILIO_AUTH_TOKEN}".encode()).decode()
    return posted(
        f"{settings.TWILIO_URL}/2010-04-01/Accounts/{account}/{resource}",
        body=urlencode(form).encode(),
        headers={"Authorization": f"Basic {proof}", "Content-Type": "application/x-www-form-urlencoded"},
    )


def _sent(answer: Answer) -> Sent:
    """The receipt of a message that Twilio has taken; raises TransportError for everything else."""
    said = spoken_object(answer)
    if not answer.ok:
        raise _refused(answer, said)
    sid, status = said.get("sid"), said.get("status")
    if not isinstance(sid, str) or not SID.fullmatch(sid) or not isinstance(status, str):
        raise makes_no_sense()
    if status in {"failed", "undelivered", "canceled"}:
        raise problem_of(said.get("error_code"))
    return Sent(receipt=sid)


def _refused(answer: Answer, said: dict[str, Any]) -> TransportError:
    code = said.get("code")
    log.info("twilio_refused", status=answer.status, code=code if isinstance(code, int) else None)
    if code == TOO_MANY:
        return TransportError("The carrier has too much to do.", permanent=False, after=asked_wait(answer.headers))
    if isinstance(code, int) and code in FOR_GOOD:
        return TransportError(FOR_GOOD[code], permanent=True)
    if answer.status in NOT_SIGNED_IN:
        return TransportError("The carrier does not know us.", permanent=False)
    return refusal(answer.status, answer.headers)


def problem_of(code: object) -> TransportError:
    """What a message that Twilio could not bring has failed of."""
    number = int(code) if isinstance(code, int | str) and re.fullmatch(r"[0-9]{1,9}", str(code)) else 0
    return TransportError(FOR_GOOD.get(number, "The carrier could not bring it."), permanent=number in FOR_GOOD)


def signature(url: str, form: Iterable[tuple[str, str]]) -> str:
    """What Twilio signs its requests with: the whole URL, then each name and value in the order of the names."""
    signed = url + "".join(f"{name}{value}" for name, value in sorted(set(form)))
    made = hmac.new(settings.TWILIO_AUTH_TOKEN.encode(), signed.encode(), hashlib.sha1)
    return base64.b64encode(made.digest()).decode()


def is_signed(said: str, *, url: str, form: Iterable[tuple[str, str]]) -> bool:
    """Whether Twilio sent this; never, while no token is set."""
    good = hmac.compare_digest(said.encode("utf-8", "replace"), signature(url, form).encode())
    return good and bool(settings.TWILIO_AUTH_TOKEN)
