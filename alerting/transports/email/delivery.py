"""Handing an e-mail to the operator's mail server, whose EMAIL_* settings are the only host it ever talks to.

Written against the server's own answers and not through Apprise: that cuts an address such as o'brien@… at its
apostrophe and mails somebody else, and it does not tell a mailbox that does not exist from a server that is busy.
"""

from __future__ import annotations

import smtplib
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Timer

import structlog
from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend

from alerting.transports.answers import DEADLINE_SECONDS
from alerting.transports.message import Message, Sent, TransportError

log = structlog.get_logger(__name__)

REFUSED_FOR_GOOD = 500
TOO_LONG_SUBJECT = 200


def deliver(address: str, message: Message) -> Sent:
    """Mail one message. Its Message-ID is the same on every repeat, so that a mailbox can drop the second one."""
    connection = EmailBackend()  # named, so that no setting can send alarms to a file or to nowhere
    mail = EmailMessage(
        subject=" ".join(message.subject.split())[:TOO_LONG_SUBJECT],
        body=message.text,
        to=[address],
        headers={"Message-ID": f"<{message.id}@crisisapi>", "Auto-Submitted": "auto-generated"},
        connection=connection,
    )
    try:
        with _deadline(connection):
            mail.send()
    except smtplib.SMTPRecipientsRefused as problem:
        codes = [code for code, _ in problem.recipients.values()]
        log.info("email_refused", codes=codes)
        raise TransportError(
            "The mail server refused the address.", permanent=all(code >= REFUSED_FOR_GOOD for code in codes)
        ) from problem
    except smtplib.SMTPDataError as problem:
        log.info("email_refused", codes=[problem.smtp_code])
        raise TransportError(
            "The mail server refused the message.", permanent=problem.smtp_code >= REFUSED_FOR_GOOD
        ) from problem
    except (smtplib.SMTPException, OSError) as problem:
        # Sign-in and sender are the operator's settings: they can be put right while we keep trying.
        log.warning("email_failed", kind=type(problem).__name__)
        raise TransportError("The mail server did not take the message.", permanent=False) from problem
    return Sent()


@contextmanager
def _deadline(connection: EmailBackend) -> Iterator[None]:
    """Hang up after ten seconds: the client's own time limit begins anew with each word of the server."""

    def hang_up() -> None:
        # While it signs in, Django keeps the client under the other name.
        client = connection.connection or getattr(connection, "_partial_connection", None)
        sock = getattr(client, "sock", None)
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    timer = Timer(DEADLINE_SECONDS, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
