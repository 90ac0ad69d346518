"""A mail server and an HTTP server that tell which page's messages arrive, and when. Serves; measures nothing.

Run by `bench.alerting` as `python -m bench._receivers MAIL_PORT HOOK_PORT`. One line for each message: the page's id,
the notification's id, and the instant, in seconds since 1970.
"""

from __future__ import annotations

import json
import re
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

PAGE = re.compile(rb"/pages/([0-9a-f-]{36})")
NOTIFICATION = re.compile(rb"^Message-ID: <([0-9a-f-]{36})@", re.MULTILINE)
_one_line = Lock()


def tell(page: str, notification: str, at: float) -> None:
    with _one_line:
        sys.stdout.write(f"{page} {notification} {at}\n")
        sys.stdout.flush()


class Mailbox:
    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        at, mail = time.time(), bytes(envelope.content or b"")
        page, notification = PAGE.search(mail), NOTIFICATION.search(mail)
        if page and notification:
            tell(page[1].decode(), notification[1].decode(), at)
        return "250 OK"


class Hook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        at = time.time()
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        tell(said["page_id"], said["notification_id"], at)
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


def main(mail_port: int, hook_port: int) -> None:
    Controller(Mailbox(), hostname="127.0.0.1", port=mail_port).start()
    server = ThreadingHTTPServer(("127.0.0.1", hook_port), Hook)
    Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write("listening\n")
    sys.stdout.flush()
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    main(int(sys.argv[1]), int(sys.argv[2]))
