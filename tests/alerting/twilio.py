"""A server that keeps to Twilio's documented contract: it checks who asks and what, and signs what it sends back."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.cast import Answer, send

ACCOUNT, TOKEN = "AC" + "0" * 32, "a token of tests"
NUMBER = "+15005550006"
RESOURCES = {"Messages.json": ("SM", {"To", "Body"}), "Calls.json": ("CA", {"To", "From", "Twiml"})}
CODES = {400: 21211, 401: 20003, 429: 20429, 500: 20500}
Said = tuple[int, dict[str, str], bytes]


@dataclass
class Twilio:
    """What was asked of it, and what it answers next: (status, headers, body), or the seconds for which it hangs."""

    url: str = ""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    sids: list[str] = field(default_factory=list)
    answers: list[Said | float] = field(default_factory=list)
    closed: Event = field(default_factory=Event)

    def refuse(self, status: int, code: int, **headers: str) -> None:
        """Answer the next request with an error in Twilio's form."""
        self.answers.append((status, headers, problem(status, code)))

    def answer(self, path: str, raw: bytes, authorization: str) -> Said:
        """What the documented API says to a request."""
        resource = path.removeprefix(f"/2010-04-01/Accounts/{ACCOUNT}/")
        if authorization != "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode():
            return 401, {}, problem(401, 20003)
        if resource not in RESOURCES:
            return 404, {}, problem(404, 20404)
        form = {name: values[-1] for name, values in parse_qs(raw.decode(), strict_parsing=True).items()}
        kind, needed = RESOURCES[resource]
        if needed - set(form) or not ({"From", "MessagingServiceSid"} & set(form)):
            return 400, {}, problem(400, 21603)
        if not form["To"].startswith("+"):
            return 400, {}, problem(400, 21211)
        self.asked.append((resource, form))
        if self.answers:
            wanted = self.answers.pop(0)
            if not isinstance(wanted, float):
                return wanted
            self.closed.wait(wanted)
        self.sids.append(kind + hashlib.md5(str(len(self.sids)).encode()).hexdigest())  # noqa: S324 - a name only
        told = {"sid": self.sids[-1], "account_sid": ACCOUNT, "status": "queued", "error_code": None, "to": form["To"]}
        return 201, {}, json.dumps(told).encode()

    @property
    def forms(self) -> list[dict[str, str]]:
        return [form for _, form in self.asked]

    def call_back(self, url: str, form: dict[str, str], *, token: str = TOKEN) -> Answer:
        """A request of Twilio's to an address of ours, signed as the documents say."""
        signed = url + "".join(name + form[name] for name in sorted(form))
        signature = base64.b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()).decode()
        parts = urlsplit(url)
        return send(
            "POST",
            parts.path + (f"?{parts.query}" if parts.query else ""),
            urlencode(form),
            Content_Type="application/x-www-form-urlencoded",
            X_Twilio_Signature=signature,
        )

    def status(self, status: str, *, nth: int = -1, **more: str) -> Answer:
        """Say what has become of a message or a call that was asked for."""
        form, sid = self.forms[nth], self.sids[nth]
        kind = "Message" if sid.startswith("SM") else "Call"
        told = {f"{kind}Sid": sid, f"{kind}Status": status, "AccountSid": ACCOUNT, "To": form["To"], **more}
        return self.call_back(form["StatusCallback"], told)

    def text_from(self, number: str, text: str, *, base: str = "http://127.0.0.1:8000") -> Answer:
        told = {"MessageSid": "SM" + "f" * 32, "From": number, "To": NUMBER, "Body": text, "NumMedia": "0"}
        return self.call_back(f"{base}/v1/inbound/twilio/sms", told)


def problem(status: int, code: int) -> bytes:
    return json.dumps({"code": code, "message": "no", "more_info": "https://example.org/", "status": status}).encode()


@contextmanager
def serving(twilio: Twilio) -> Iterator[Twilio]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers, body = twilio.answer(self.path, raw, self.headers.get("Authorization", ""))
            self.send_response(status)
            told = {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
            for name, value in told.items():
                self.send_header(name, value)
            try:
                self.end_headers()
                self.wfile.write(body)
            except OSError:  # whoever asked has hung up
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    twilio.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield twilio
    finally:
        twilio.closed.set()
        server.shutdown()
        server.server_close()
        thread.join()


def seconds_now() -> str:
    return str(int(time.time()))
