"""The auditor's own way out: nothing of it is shared with the transports that it watches over."""

from __future__ import annotations

import json
import smtplib
from collections.abc import Sequence
from email.message import EmailMessage

import structlog
from django.conf import settings

from core.outbound import OutboundFailed, post, request

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 5.0
WEBHOOK_SECONDS = 10.0


def tell_operator(*, subject: str, lines: Sequence[str]) -> bool:
    """Mail the operator; where no mail goes out, call their webhook. False when neither has taken it."""
    return mail_operator(subject=subject, lines=lines) or call_operator(subject=subject, lines=lines)


def mail_operator(*, subject: str, lines: Sequence[str]) -> bool:
    """Mail the operator; False when there is no address to write to or no server that takes the mail."""
    if not settings.OPERATOR_EMAIL:
        return False
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = subject, settings.DEFAULT_FROM_EMAIL, settings.OPERATOR_EMAIL
    mail.set_content("\n".join(lines) + "\n")
    try:
        with smtplib.SMTP(settings.EMAIL_HOST, settings.EMAIL_PORT, timeout=settings.EMAIL_TIMEOUT) as server:
            if settings.EMAIL_USE_TLS:
                server.starttls()
            if settings.EMAIL_HOST_USER:
                server.login(settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD)
            server.send_message(mail)
    except (smtplib.SMTPException, OSError) as problem:
        log.warning("operator_not_reached", kind=type(problem).__name__)
        return False
    return True


def call_operator(*, subject: str, lines: Sequence[str]) -> bool:
    """Post the alarm as JSON; `text` is what chat services show. False when there is no URL or nobody takes it."""
    if not settings.OPERATOR_WEBHOOK_URL:
        return False
    body = {"kind": "alarm", "subject": subject, "lines": list(lines), "text": "\n".join([subject, *lines])}
    headers = {"Content-Type": "application/json"}
    try:
        answer = post(
            settings.OPERATOR_WEBHOOK_URL, body=json.dumps(body).encode(), headers=headers, deadline=WEBHOOK_SECONDS
        )
    except OutboundFailed as problem:
        log.warning("operator_not_called", reason=problem.reason)
        return False
    if not answer.ok:
        log.warning("operator_not_called", status=answer.status)
    return answer.ok


def beat() -> bool:
    """Tell the outside that the auditor lives; its silence is what alarms. True when there is nobody to tell."""
    if not settings.HEARTBEAT_URL:
        return True
    try:
        return request("GET", settings.HEARTBEAT_URL, deadline=HEARTBEAT_SECONDS).ok
    except OutboundFailed as problem:
        log.warning("heartbeat_failed", reason=problem.reason)
        return False
