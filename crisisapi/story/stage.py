"""What the story needs of the world: a mail server and a web hook that really receive what is sent to them."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self, TypeVar

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

Found = TypeVar("Found")
TOKEN = re.compile(r"cin_[0-9a-f]{32}_[0-9a-f]{32}_[\w-]+")


class Arrivals:
    """Things that arrive, in order; whoever waits for one is woken when it comes."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self._changed = threading.Condition()

    def add(self, item: Any) -> None:
        with self._changed:
            self.items.append(item)
            self._changed.notify_all()

    def wait_for(self, look: Callable[[list[Any]], Found | None], *, seconds: float, what: str) -> Found:
        """The first thing that `look` finds among what has arrived; TimeoutError names what did not come."""
        found: Found | None = None

        def arrived() -> bool:
            nonlocal found
            found = look(self.items)
            return found is not None

        with self._changed:
            if not self._changed.wait_for(arrived, timeout=seconds) or found is None:
                raise TimeoutError(f"{what} did not arrive within {seconds:g} s.")
            return found


class _Mailbox:
    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.original_content or b""
        self._arrivals.add((list(envelope.rcpt_tos), message_from_bytes(content, policy=policy.default)))
        return "250 Accepted"


class MailServer:
    """An SMTP server on loopback that keeps what it gets."""

    def __init__(self, port: int) -> None:
        self.mail = Arrivals()
        self._controller = Controller(_Mailbox(self.mail), hostname="127.0.0.1", port=port)

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    def invitation_for(self, address: str, *, seconds: float = 180) -> str:
        """The token in the newest invitation to an address."""

        def look(mails: list[tuple[list[str], EmailMessage]]) -> str | None:
            for recipients, message in reversed(mails):
                if address in recipients and (token := TOKEN.search(text_of(message))):
                    return token.group()
            return None

        return self.mail.wait_for(look, seconds=seconds, what=f"The invitation for {address}")

    def letter_to(self, address: str, *, containing: str, seconds: float = 180) -> EmailMessage:
        """The first mail to an address whose subject or text contains a word."""

        def look(mails: list[tuple[list[str], EmailMessage]]) -> EmailMessage | None:
            for recipients, message in mails:
                if address in recipients and containing in f"{message['Subject']} {text_of(message)}":
                    return message
            return None

        return self.mail.wait_for(look, seconds=seconds, what=f"A mail to {address} about {containing}")


def text_of(message: EmailMessage) -> str:
    """The words of a mail, whichever parts it has."""
    parts = message.walk() if message.is_multipart() else [message]
    return "\n".join(str(p.get_content()) for p in parts if p.get_content_maintype() == "text")


class HookReceiver:
    """A web hook on loopback that keeps the JSON it gets."""

    def __init__(self) -> None:
        self.calls = arrivals = Arrivals()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                arrivals.add(json.loads(body or b"{}"))
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Keeps quiet: the story tells what arrived."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/pages"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def call_about(self, word: str, *, seconds: float = 180) -> dict[str, Any]:
        """The first call whose JSON contains a word."""

        def look(calls: list[dict[str, Any]]) -> dict[str, Any] | None:
            return next((call for call in calls if word in json.dumps(call)), None)

        return self.calls.wait_for(look, seconds=seconds, what=f"A call about {word}")

    def code(self, *, seconds: float = 180) -> str:
        """The code that proves the address."""

        def look(calls: list[dict[str, Any]]) -> str | None:
            return next((call["code"] for call in calls if call.get("kind") == "code"), None)

        return self.calls.wait_for(look, seconds=seconds, what="A code")
