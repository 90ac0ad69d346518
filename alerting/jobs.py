"""Doors for machines: a step of a page, a notification, a silence's times, a letter."""

from __future__ import annotations

from uuid import UUID

import structlog
from django.conf import settings

from alerting.actions import (
    climb_page,
    drop_notification,
    lapse_hand_over,
    lapse_page,
    let_silence_end,
    note_channel_unreachable,
    note_failed,
    note_sent,
    note_unreachable,
    remind_of_silence,
    start_silence,
    tell_swap_past_due,
    unsnooze_page,
)
from alerting.actions.silences import HALF_TIME_LETTER, OVER_LETTER
from alerting.actions.swaps import PAST_DUE, PAST_DUE_LETTER
from alerting.models import Channel, ContactMethod, Notification
from alerting.queries import Parcel, code_for, parcel_for, test_for
from alerting.queries.drills import message_of
from alerting.queries.silence_letters import half_time_letter, letter_posted, over_letter
from alerting.queries.swap_letters import past_due_letter
from alerting.transports import Message, TransportError, deliver
from core.actor import Actor
from core.failpoints import failpoint
from core.letters import DESKS, Desk, register_letters
from core.wall import inside
from jobs.handlers import Run, TryAgain, job
from permissions.queries.twins import is_twin
from tenants.actions.invitations import forget_token
from tenants.models import Agency, Invitation

log = structlog.get_logger(__name__)

# Timers write to Postgres in one short transaction. When a worker dies, another takes them up after so many seconds.
TIMER_LEASE = 6

ESCALATION = Actor.rule("escalation")
REACHING = Actor.rule("reaching people")
ROTAS = Actor.rule("rotas")
SILENCES = Actor.rule("silences")


@job("alerting.climb_page", queue="alerts", semantics="at_least_once", max_attempts=20, lease=TIMER_LEASE)
def climb(run: Run) -> None:
    climb_page(page_id=UUID(run.args["page_id"]), step=run.args["step"], by=ESCALATION, at=run.at)


@job("alerting.unsnooze_page", queue="alerts", semantics="at_least_once", max_attempts=20, lease=TIMER_LEASE)
def unsnooze(run: Run) -> None:
    unsnooze_page(page_id=UUID(run.args["page_id"]), by=ESCALATION, at=run.at)


@job("alerting.lapse_page", queue="alerts", semantics="at_least_once", max_attempts=20, lease=TIMER_LEASE)
def lapse(run: Run) -> None:
    lapse_page(page_id=UUID(run.args["page_id"]), by=ESCALATION, at=run.at)


@job("alerting.lapse_hand_over", queue="alerts", semantics="at_least_once", max_attempts=20, lease=TIMER_LEASE)
def lapse_offer(run: Run) -> None:
    lapse_hand_over(hand_over_id=UUID(run.args["hand_over_id"]), by=ESCALATION, at=run.at)


@job("alerting.notify", queue="messages", semantics="at_least_once", max_attempts=6, lease=30, transactional=False)
def notify(run: Run) -> None:
    """Send one notification. After a crash it is sent again, with the same id and reference."""
    assert run.agency_id is not None  # noqa: S101 - written by queue_notifications
    notification_id = UUID(run.args["notification_id"])
    with inside(run.agency_id):
        parcel = parcel_for(Notification.objects.found(notification_id), run.at)
        if parcel is None:
            drop_notification(notification_id=notification_id, at=run.at)
            return
    failpoint("alerting.before_delivery")
    try:
        sent = deliver(parcel.transport, parcel.address, parcel.message)
    except TransportError as problem:
        if not problem.permanent and not run.last_attempt:
            raise TryAgain(str(problem), after=problem.after) from problem
        with inside(run.agency_id):
            note_failed(
                notification_id=notification_id,
                problem=str(problem),
                permanent=problem.permanent,
                by=ESCALATION,
                at=run.at,
            )
        return
    failpoint("alerting.after_delivery")
    with inside(run.agency_id):
        note_sent(notification_id=notification_id, receipt=sent.receipt, arrived=sent.arrived, by=ESCALATION, at=run.at)


@job("alerting.send_code", queue="messages", semantics="at_least_once", max_attempts=6, lease=30, transactional=False)
def send_code(run: Run) -> None:
    """Send the code that a person shows to have read, by the very way that it proves."""
    assert run.agency_id is not None  # noqa: S101 - written by add_contact_method
    contact_id = UUID(run.args["contact_method_id"])
    with inside(run.agency_id):
        parcel = code_for(ContactMethod.objects.found(contact_id), job_id=run.job_id, at=run.at)
    if not _went_out(parcel, run):
        with inside(run.agency_id):
            note_unreachable(contact_method_id=contact_id, by=REACHING, at=run.at)


@job("alerting.send_test", queue="messages", semantics="at_least_once", max_attempts=3, lease=30, transactional=False)
def send_test(run: Run) -> None:
    """Send somebody a message that says it is a test."""
    assert run.agency_id is not None  # noqa: S101 - written by try_contact_method
    contact_id = UUID(run.args["contact_method_id"])
    with inside(run.agency_id):
        parcel = test_for(ContactMethod.objects.found(contact_id), job_id=run.job_id)
    if not _went_out(parcel, run):
        with inside(run.agency_id):
            note_unreachable(contact_method_id=contact_id, by=REACHING, at=run.at)


@job(
    "alerting.send_channel_test",
    queue="messages",
    semantics="at_least_once",
    max_attempts=3,
    lease=30,
    transactional=False,
)
def send_channel_test(run: Run) -> None:
    """Send a channel a message that says it is a test."""
    assert run.agency_id is not None  # noqa: S101 - written by try_channel
    channel_id = UUID(run.args["channel_id"])
    with inside(run.agency_id):
        parcel = test_for(Channel.objects.found(channel_id), job_id=run.job_id)
    if not _went_out(parcel, run):
        with inside(run.agency_id):
            note_channel_unreachable(channel_id=channel_id, by=REACHING, at=run.at)


def _went_out(parcel: Parcel | None, run: Run) -> bool:
    """Whether it went out, or was not to go any more; False when it never will. Raises TryAgain in between."""
    if parcel is None:
        return True
    try:
        deliver(parcel.transport, parcel.address, parcel.message)
    except TransportError as problem:
        if not problem.permanent and not run.last_attempt:
            raise TryAgain(str(problem), after=problem.after) from problem
        return False
    return True


@job(PAST_DUE, queue="alerts", semantics="at_least_once", max_attempts=20, lease=30)
def swap_past_due(run: Run) -> None:
    tell_swap_past_due(swap_id=UUID(run.args["swap_id"]), by=ROTAS, at=run.at)


@job("alerting.start_silence", queue="alerts", semantics="at_least_once", max_attempts=20, lease=30)
def start(run: Run) -> None:
    start_silence(silence_id=UUID(run.args["silence_id"]), by=SILENCES, at=run.at)


@job("alerting.remind_of_silence", queue="alerts", semantics="at_least_once", max_attempts=20, lease=30)
def remind(run: Run) -> None:
    remind_of_silence(silence_id=UUID(run.args["silence_id"]), by=SILENCES, at=run.at)


@job("alerting.end_silence", queue="alerts", semantics="at_least_once", max_attempts=20, lease=30)
def end(run: Run) -> None:
    let_silence_end(silence_id=UUID(run.args["silence_id"]), by=SILENCES, at=run.at)


register_letters(HALF_TIME_LETTER, Desk(write=half_time_letter, posted=letter_posted))
register_letters(OVER_LETTER, Desk(write=over_letter, posted=letter_posted))
register_letters(PAST_DUE_LETTER, Desk(write=past_due_letter, posted=letter_posted))


@job(
    "alerting.deliver_invitation",
    queue="messages",
    semantics="at_least_once",
    max_attempts=12,
    lease=30,
    transactional=False,
)
def deliver_invitation(run: Run) -> None:
    """Mail the invitation's token to the address that it is for, then forget it."""
    assert run.agency_id is not None  # noqa: S101 - written by queue_invitation_letter
    with inside(run.agency_id):
        invitation: Invitation = Invitation.objects.found(UUID(run.args["invitation_id"]))
        agency = Agency.objects.get(pk=run.agency_id)
        token = invitation.token_to_send
        drill = any(is_twin(brand_id) for brand_id in invitation.brand_ids)
    if token is None or invitation.expires_at <= run.at or drill:  # sent before, void, too late, or to a drill
        return
    try:
        deliver("email", invitation.email, _letter(invitation, agency, token))
    except TransportError as problem:
        raise TryAgain(str(problem), after=problem.after) from problem
    failpoint("alerting.after_letter")
    with inside(run.agency_id):
        forget_token(invitation_id=invitation.pk)


def _letter(invitation: Invitation, agency: Agency, token: str) -> Message:
    text = "\n".join(
        [
            f"{agency.name} offers you a seat as {invitation.role.replace('_', ' ')}.",
            "",
            f"To accept: POST {settings.PUBLIC_URL}/v1/invitations/accept with this token, your name and a password.",
            "",
            token,
            "",
            f"The offer ends at {invitation.expires_at:%Y-%m-%d %H:%M} UTC. Whoever has the token can take the seat.",
        ]
    )
    return Message(invitation.pk, "", f"{agency.name} offers you a seat", text)


@job(
    "alerting.deliver_letter",
    queue="messages",
    semantics="at_least_once",
    max_attempts=12,
    lease=30,
    transactional=False,
)
def deliver_letter(run: Run) -> None:
    """Mail a letter of another app, written now. An address that the mail server refuses for good ends it."""
    assert run.agency_id is not None  # noqa: S101 - written by queue_letter
    desk, thing_id = DESKS[run.args["kind"]], UUID(run.args["thing_id"])
    with inside(run.agency_id):
        letter = desk.write(thing_id, run.at)
        message = None if letter is None else message_of(letter, run.at)
    if letter is None or message is None:
        return
    try:
        deliver("email", letter.address, message)
    except TransportError as problem:
        if not problem.permanent:
            raise TryAgain(str(problem), after=problem.after) from problem
        log.warning("letter_refused", kind=run.args["kind"], thing_id=str(thing_id))
    failpoint("alerting.after_letter")
    with inside(run.agency_id):
        desk.posted(thing_id)
