"""What a message says, in the language of whoever reads it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from alerting.links import Named, about, token_of
from alerting.models import Channel, ContactMethod, HandOver, Notification, Page, Transport
from alerting.queries.drills import as_drill
from alerting.queries.rules import rules_of
from alerting.states import LIVE, HandOverStage, NotificationStage, PageStage
from alerting.transports.message import Message
from core.wall import standing_agency
from permissions.queries.twins import is_twin, players
from tenants.models import Agency, Brand, Seat

LANGUAGES = [("en", "English"), ("uz", "O'zbekcha"), ("ru", "Русский")]
# No carrier has a voice for Uzbek; a call is in the other language that its readers most often know.
SPOKEN = {"uz": "ru"}
LONGEST_ABOUT = 140
# Headlines are written once, in English. Whoever reads another language is told in it what kind of thing it is.
KINDS = {
    "listening.signal": gettext_noop("Unusual talk about the brand."),
    "listening.overdue_signal": gettext_noop("Nobody has decided on a signal in time."),
    "listening.source": gettext_noop("A source of mentions needs somebody."),
    "incidents.incident": gettext_noop("An incident was activated."),
    "incidents.stage": gettext_noop("An incident has come to another stage."),
    "incidents.clock": gettext_noop("A promise about an incident was not kept in time."),
    "approvals.approval": gettext_noop("An approval is late."),
    "permissions.revocation": gettext_noop("Somebody's access could not be ended."),
}


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message that is ready to go: by which transport, to which address, and what it says."""

    transport: str
    address: str
    message: Message


@dataclass(frozen=True, slots=True)
class _Reader:
    language: str
    time_zone: str = "UTC"


def parcel_for(notification: Notification, at: datetime) -> Parcel | None:
    """What to send, or None when nobody needs it any more: taken, settled, person gone, way or channel removed.

    About the twin of a drill only those who play are told, never a channel, and every message says what it is.
    """
    page: Page = Page.objects.found(notification.page_id)
    offered = is_offered(page, notification.seat_id)
    unanswered = page.stage in (PageStage.OPEN, PageStage.EXHAUSTED) or offered
    if notification.stage != NotificationStage.QUEUED or not unanswered or page.cycle != notification.cycle:
        return None
    if notification.channel_id is not None:
        channel: Channel = Channel.objects.found(notification.channel_id)
        reader, address = _Reader(channel.language), channel.address
    else:
        reader, address = _reader(notification.seat_id), _address(notification)
    if address is None:
        return None
    allowed = players(page.brand_id, at)
    if allowed is not None and notification.seat_id not in allowed:
        return None
    message = _about_page(notification, page, reader, offered=offered)
    return Parcel(notification.transport, address, message if allowed is None else as_drill(message))


def is_offered(page: Page, seat_id: UUID | None) -> bool:
    """Whether somebody who holds the page asks this person to take it over."""
    offers = HandOver.objects.filter(page_id=page.pk, to_seat_id=seat_id, stage=HandOverStage.OFFERED)
    return bool(offers.exists())


def code_for(way: ContactMethod, *, job_id: UUID, at: datetime) -> Parcel | None:
    """The code that a person sends back, or None when there is none to send any more."""
    if way.code is None or way.address is None or way.code_ends_at is None or way.code_ends_at <= at:
        return None
    reader = _reader(way.seat_id)
    with translation.override(_language(reader, way.transport)):
        subject = _("Your code: %(code)s") % {"code": way.code}
        text = _(
            "%(code)s is your code. Whoever sends it back within ten minutes is told here when something happens. "
            "If you know nothing of it, you need do nothing."
        ) % {"code": way.code}
        spoken = _("Your code is: %(code)s.") % {"code": ", ".join(way.code)}
    return _plain(way.transport, way.address, job_id, reader, ("code", subject, text, text, spoken), code=way.code)


def test_for(to: ContactMethod | Channel, *, job_id: UUID) -> Parcel | None:
    """A message that says it is a test, or None when there is nowhere to send it any more: a drill's twin has nobody
    but those who play it.
    """
    if to.address is None or (isinstance(to, Channel) and is_twin(to.brand_id)):
        return None
    reader = _reader(to.seat_id) if isinstance(to, ContactMethod) else _Reader(to.language)
    with translation.override(_language(reader, to.transport)):
        subject = _("This is a test")
        text = _("This is a test. When something happens, you are told here.")
    return _plain(to.transport, to.address, job_id, reader, ("test", subject, text, text, text))


def said_back(outcome: str, seat_id: UUID | None) -> str:
    """What somebody hears who answered by a text message or a key, in their language."""
    with translation.override(_reader(seat_id).language):
        return _spoken_outcome(outcome)


def said_aloud(outcome: str, seat_id: UUID | None) -> tuple[str, str]:
    """The same for a call: the text, and the language that it is in."""
    language = _language(_reader(seat_id), Transport.VOICE)
    with translation.override(language):
        return _spoken_outcome(outcome), language


def page_words(seat_id: UUID | None) -> tuple[str, dict[str, str]]:
    """The language of the page behind a link, and its words."""
    language = _reader(seat_id).language
    with translation.override(language):
        return language, {
            "title": _("Somebody has to look at this"),
            "severity": _("Severity"),
            "raised_at": _("Raised at"),
            "take": _("I take it"),
            "taken": _("It is yours. Nobody else is woken for it."),
            "not_open": _("It needs nobody any more: somebody has taken it, or it is over."),
            "dead": _("This link opens nothing: it is too old, or never was."),
            "refused": _("You may not take it."),
            "later": _("Too many requests came from your network. Try again in a minute."),
        }


def _spoken_outcome(outcome: str) -> str:
    match outcome:
        case "taken":
            return _("It is yours. Nobody else is woken for it.")
        case "not_open":
            return _("It needs nobody any more: somebody has taken it, or it is over.")
        case "refused":
            return _("You may not take it.")
        case _:
            return _("We did not understand. Answer OK to take it.")


def _reader(seat_id: UUID | None) -> _Reader:
    if seat_id is None:
        return _Reader("en")
    rules = rules_of(seat_id)
    return _Reader(rules.language, rules.time_zone)


def _language(reader: _Reader, transport: str) -> str:
    return SPOKEN.get(reader.language, reader.language) if transport == Transport.VOICE else reader.language


def _address(notification: Notification) -> str | None:
    """Where the person is to be reached; None when they have gone, or the way has."""
    seat: Seat | None = Seat.objects.all().active().select_related("user").filter(pk=notification.seat_id).first()
    if seat is None:
        return None
    if notification.contact_id is None:
        return seat.user.email
    way: ContactMethod = ContactMethod.objects.found(notification.contact_id)
    address: str | None = way.address
    return address


def _plain(
    transport: str, address: str, job_id: UUID, reader: _Reader, words: tuple[str, str, str, str, str], **more: str
) -> Parcel:
    kind, subject, text, short, spoken = words
    message = Message(
        # One name for all attempts of the job, whichever of them arrives.
        id=uuid5(job_id, kind),
        reference="",
        subject=subject,
        text=text,
        data={"kind": kind, **more},
        language=_language(reader, transport),
        short=short,
        spoken=spoken,
    )
    return Parcel(transport, address, message)


def _about_page(notification: Notification, page: Page, reader: _Reader, *, offered: bool) -> Message:
    slug = Agency.objects.values_list("slug", flat=True).get(pk=standing_agency())
    brand = Brand.objects.found(page.brand_id).name if page.brand_id else ""
    url = f"{settings.PUBLIC_URL}/v1/agencies/{slug}/pages/{page.pk}"
    language = _language(reader, notification.transport)
    token = ""
    if notification.seat_id is not None:  # a channel is nobody, and nobody cannot take a page
        token = token_of(Named(standing_agency(), notification.pk, notification.cycle))
    with translation.override(language):
        words = _words(notification, page, brand, reader, offered=offered)
        lines = [
            words["about"],
            words["when"],
            *words["more"],
            "",
            *([_("To take it: %(link)s") % {"link": link_of(token)}] if token else []),
            _("Page: %(url)s") % {"url": url},
            "",
            _("Notification %(reference)s. If you see this reference twice, it is the same message.")
            % {"reference": notification.reference},
        ]
    return Message(
        id=notification.pk,
        reference=notification.reference,
        subject=words["subject"],
        text="\n".join(lines),
        data=_for_programs(notification, page, slug, brand, url),
        language=language,
        short=_short(words, notification, token, language),
        spoken=_spoken(words, page, token, language),
        about=about(standing_agency(), notification.pk),
        token=token,
    )


def link_of(token: str) -> str:
    return f"{settings.PUBLIC_URL}/v1/acknowledge/{token}"


def _words(notification: Notification, page: Page, brand: str, reader: _Reader, *, offered: bool) -> dict[str, Any]:
    """The pieces of a message about a page, in the language that is on."""
    said = f"{brand}: {page.headline}" if brand else page.headline
    raised = page.raised_at.astimezone(ZoneInfo(reader.time_zone))
    when = _("Severity %(severity)s, raised at %(when)s %(zone)s.") % {
        "severity": page.severity,
        "when": f"{raised:%Y-%m-%d %H:%M}",
        "zone": reader.time_zone,
    }
    more = []
    if page.cause_kind in KINDS and translation.get_language() != "en":
        more.append(_(KINDS[page.cause_kind]))
    if page.suppressed:
        more.append(
            ngettext(
                "%(count)s more sign of the same has come since.",
                "%(count)s more signs of the same have come since.",
                page.suppressed,
            )
            % {"count": page.suppressed}
        )
    if offered:
        more.append(_("Whoever holds it asks you to take it over."))
    elif notification.step > len(page.steps):
        more.append(_("Every step of the escalation has been taken and nobody has answered."))
    subject = _("[%(reference)s] Severity %(severity)s: %(about)s") % {
        "reference": notification.reference,
        "severity": page.severity,
        "about": said,
    }
    return {"about": said, "when": when, "more": more, "subject": subject}


def _short(words: dict[str, Any], notification: Notification, token: str, language: str) -> str:
    """At most three text messages' worth."""
    with translation.override(language):
        said = f"{notification.reference} {words['about'][:LONGEST_ABOUT]}"
        if not token:
            return said
        answers = settings.SMS_PROVIDER == "twilio"
        how = _("To take it, answer OK or open %(link)s") if answers else _("To take it, open %(link)s")
        return f"{said} {how % {'link': link_of(token)}}"


def _spoken(words: dict[str, Any], page: Page, token: str, language: str) -> str:
    with translation.override(language):
        said = _("Severity %(severity)s. %(about)s.") % {"severity": page.severity, "about": words["about"]}
        presses = token and settings.VOICE_PROVIDER == "twilio"
        return f"{said} {_('To take it, press 1.')}" if presses else said


def _for_programs(notification: Notification, page: Page, slug: str, brand: str, url: str) -> dict[str, Any]:
    return {
        "kind": "page",
        "page_id": str(page.pk),
        "agency": slug,
        "brand": brand,
        "severity": page.severity,
        "headline": page.headline,
        "step": notification.step,
        "raised_at": page.raised_at.isoformat(),
        "url": url,
    }


@dataclass(frozen=True, slots=True)
class Texted:
    """A text message about a page that went to a number."""

    agency_id: UUID
    notification_id: UUID
    cycle: int
    sent_at: datetime


def newest_text(number: str, *, reference: str | None, since: datetime) -> Texted | None:
    """The newest text message to a number, of one reference if one is named, about a page that still lives."""
    rows = (
        Notification.objects.filter(
            transport=Transport.SMS,
            stage__in=(NotificationStage.SENT, NotificationStage.DELIVERED),
            settled_at__gt=since,
            contact__isnull=False,
            page__stage__in=LIVE,
        )
        .select_related("contact")
        .order_by("-settled_at", "-id")
    )
    for row in rows:
        if row.contact.address == number and reference in (None, row.reference):
            return Texted(standing_agency(), row.pk, row.cycle, row.settled_at)
    return None
