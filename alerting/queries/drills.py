"""What is sent about a drill: to those who play it alone, and said by every message in the words of its reader."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from django.utils import translation
from django.utils.translation import gettext as _

from alerting.transports.message import Message
from core.letters import Letter
from permissions.queries.twins import players

MARK: Final = "[DRILL]"


def as_drill(message: Message) -> Message:
    """The message, marked in each of its forms: whichever a transport uses, nobody takes it for the real thing.

    The mark is the same in every language; the sentence and what a voice reads are in the message's own.
    """
    with translation.override(message.language):
        said = _("This is a drill. Nothing of it is real.")
    return replace(
        message,
        subject=f"{MARK} {message.subject}",
        text=f"{MARK} {said}\n\n{message.text}",
        short=f"{MARK} {message.short}" if message.short else "",
        spoken=f"{said} {message.spoken}" if message.spoken else "",
        data={**message.data, "drill": True},
    )


def message_of(letter: Letter, at: datetime) -> Message | None:
    """A letter as it is mailed; None when it is about a drill that its reader does not play."""
    message = Message(letter.id, "", letter.subject, letter.text)
    allowed = players(letter.brand_id, at)
    if allowed is None:
        return message
    return as_drill(message) if letter.seat_id in allowed else None
