"""Real receivers on the loopback: a mail server and an HTTP server, each with a memory and a temper."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as modern
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from pytest_django import Settings

from tests.alerting.twilio import ACCOUNT, NUMBER, TOKEN, Twilio, serving


@dataclass
class Mailbox:
    """What arrived at the mail server, and what it answers to the next messages."""

    port: int
    mails: list[tuple[str, EmailMessage]] = field(default_factory=list)
    refuse_addresses: dict[str, str] = field(default_factory=dict)  # address -> "550 no such user"
    answers: list[str] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.refuse_addresses:
            return self.refuse_addresses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = self.answers.pop(0) if self.answers else "250 OK"
        if answer.startswith("250"):
            mail = message_from_bytes(envelope.content or b"", policy=modern)  # type: ignore[arg-type]
            assert isinstance(mail, EmailMessage)
            self.mails += [(address, mail) for address in envelope.rcpt_tos]
        return answer

    @property
    def texts(self) -> list[str]:
        """The bodies, with the line ends of a file and not of the wire."""
        return [mail.get_content().replace("\r\n", "\n") for _, mail in self.mails]

    @property
    def addresses(self) -> list[str]:
        return [address for address, _ in self.mails]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def mailbox(settings: Settings) -> Iterator[Mailbox]:
    """A mail server that really listens; the settings point at it."""
    box = Mailbox(free_port())
    server = Controller(box, hostname="127.0.0.1", port=box.port)
    server.start()
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", box.port
    yield box
    server.stop()


@dataclass
class Hook:
    """What was posted to the HTTP server, and what it answers to the next requests: (status, headers)."""

    url: str = ""
    requests: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    body: bytes = b"ok"  # what every answer says

    @property
    def bodies(self) -> list[Any]:
        return [body for _, _, body in self.requests]


@pytest.fixture
def hook() -> Iterator[Hook]:
    """An HTTP server that really listens."""
    received = Hook()

    class Handler(BaseHTTPRequestHandler):
        def _receive(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            received.requests.append((self.path, headers, json.loads(raw) if raw else None))
            status, answer_headers = received.answers.pop(0) if received.answers else (200, {})
            self.send_response(status)
            for name, value in {"Content-Length": str(len(received.body)), **answer_headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(received.body)

        do_POST = do_GET = _receive  # noqa: N815 - the library's names

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield received
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def twilio(settings: Settings) -> Iterator[Twilio]:
    """Twilio, as its documents describe it; text messages and calls go there."""
    with serving(Twilio()) as server:
        settings.SMS_PROVIDER = settings.VOICE_PROVIDER = "twilio"
        settings.TWILIO_URL, settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN = server.url, ACCOUNT, TOKEN
        settings.TWILIO_FROM = settings.TWILIO_VOICE_FROM = NUMBER
        yield server


@pytest.fixture
def gateway(settings: Settings, hook: Hook) -> Hook:
    """A carrier of the operator's own, which speaks our contract."""
    settings.SMS_PROVIDER = settings.VOICE_PROVIDER = "gateway"
    settings.GATEWAY_URL, settings.GATEWAY_TOKEN, settings.GATEWAY_SECRET = (
        hook.url,
        "bearer of tests",
        "secret of tests",
    )
    hook.body = b'{"id": "G-1"}'
    return hook


@pytest.fixture
def operator(settings: Settings, mailbox: Mailbox, hook: Hook) -> tuple[Mailbox, Hook]:
    """An operator with an address, and somebody outside who listens for the heartbeat."""
    settings.OPERATOR_EMAIL = "operator@example.org"
    settings.HEARTBEAT_URL = hook.url
    return mailbox, hook
