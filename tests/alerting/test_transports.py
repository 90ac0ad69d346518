"""Each transport against a server that really listens: taken, not now, or never."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from apprise.plugins.discord import NotifyDiscord
from apprise.plugins.slack import NotifySlack
from apprise.plugins.telegram import NotifyTelegram
from apprise.plugins.workflows import NotifyWorkflows
from cryptography import x509
from pytest_django import Settings

from alerting.transports import Message, Sent, TransportError, answers, deliver
from alerting.transports.chat import delivery as chat
from tests.alerting.conftest import Hook
from tests.alerting.twilio import NUMBER, Twilio
from tests.core.test_outbound_client import certificate

PHONE = "+998901234567"
SLACK = "slack://T1JJ3T3L2/B1A0MN1B9/aBcDeFgHiJkLmNoPqRsTuVwX"
DISCORD = "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js"
TELEGRAM = "tgram://123456789:AAbcdefghijklmnopqrstuvwxyz_01234/-1001234567"
TEAMS = "workflows://prod-11.westus.logic.azure.com/643e69f8302343f8a1b2/DqwCnRAnzDsUAaxASmYrqgbF"
MESSAGE = Message(
    id=UUID(int=7),
    reference="K7QF-2XMA",
    subject="[K7QF-2XMA] Severity 1: Aurora",
    text="Aurora\nNotification K7QF-2XMA.",
    short="K7QF-2XMA Aurora & co",
    spoken="Severity 1. Aurora & co.",
    about="0" * 32 + "." + "0" * 31 + "7",
    token="signed",
)


def failure(transport: str, address: str, message: Message = MESSAGE) -> TransportError:
    with pytest.raises(TransportError) as caught:
        deliver(transport, address, message)
    return caught.value


# -- Twilio -----------------------------------------------------------------------------------------------------------


def test_a_text_message_says_who_whom_and_where_to_tell_of_it(twilio: Twilio) -> None:
    sent = deliver("sms", PHONE, MESSAGE)
    assert sent == Sent(receipt=twilio.sids[0])
    assert twilio.asked == [
        (
            "Messages.json",
            {
                "To": PHONE,
                "From": NUMBER,
                "Body": "K7QF-2XMA Aurora & co",
                "StatusCallback": f"http://127.0.0.1:8000/v1/inbound/twilio/status?about={MESSAGE.about}",
            },
        )
    ]


def test_a_messaging_service_chooses_the_number_itself(twilio: Twilio, settings: Settings) -> None:
    settings.TWILIO_FROM = "MG" + "1" * 32
    deliver("sms", PHONE, MESSAGE)
    assert (twilio.forms[0]["MessagingServiceSid"], "From" in twilio.forms[0]) == (settings.TWILIO_FROM, False)


def test_a_call_says_the_text_twice_and_waits_for_a_key(twilio: Twilio) -> None:
    sent = deliver("voice", PHONE, MESSAGE)
    assert sent.receipt.startswith("CA")
    said = '<Say language="en-US">Severity 1. Aurora &amp; co.</Say>'
    assert twilio.forms[0]["Twiml"] == (
        '<Response><Gather numDigits="1" timeout="10" method="POST" '
        f'action="http://127.0.0.1:8000/v1/inbound/twilio/voice?token=signed">{said}<Pause/>{said}</Gather></Response>'
    )


@pytest.mark.parametrize("code", [21211, 21610, 21614])
def test_a_number_that_can_never_be_reached_fails_for_good(twilio: Twilio, code: int) -> None:
    twilio.refuse(400, code)
    problem = failure("sms", PHONE)
    assert (problem.permanent, problem.after) == (True, None)
    assert PHONE not in str(problem)


@pytest.mark.parametrize(
    ("status", "code", "headers", "after"),
    [
        (429, 20429, {"Retry-After": "30"}, timedelta(seconds=30)),
        (429, 20429, {"Retry-After": "86400"}, timedelta(minutes=2)),
        (429, 20429, {}, None),
        (500, 20500, {}, None),
        (503, 20503, {"Retry-After": "5"}, timedelta(seconds=5)),
        (401, 20003, {}, None),
    ],
)
def test_what_can_pass_is_tried_again(
    twilio: Twilio, status: int, code: int, headers: dict[str, str], after: timedelta | None
) -> None:
    twilio.refuse(status, code, **headers)
    problem = failure("sms", PHONE)
    assert (problem.permanent, problem.after) == (False, after)


@pytest.mark.parametrize(
    "body", [b"<html>Welcome to the hotel</html>", b"{}", b'{"sid": "X", "status": "queued"}', b"[1]", b""]
)
def test_a_success_that_does_not_look_like_one_is_none(twilio: Twilio, body: bytes) -> None:
    twilio.answers = [(200, {"Content-Type": "text/html"}, body)]
    assert failure("sms", PHONE).permanent is False


def test_a_message_that_failed_at_once_is_judged_by_its_code(twilio: Twilio) -> None:
    sid = "SM" + "a" * 32
    twilio.answers = [(201, {}, f'{{"sid": "{sid}", "status": "failed", "error_code": 30005}}'.encode())]
    assert failure("sms", PHONE).permanent is True


def test_a_provider_that_takes_a_message_and_hangs_is_left_in_time(
    twilio: Twilio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "DEADLINE_SECONDS", 0.3)
    twilio.answers = [30.0]
    started = time.monotonic()
    problem = failure("sms", PHONE)
    assert time.monotonic() - started < 3
    assert (problem.permanent, len(twilio.asked)) == (False, 1)


@pytest.mark.parametrize("transport", ["sms", "voice"])
def test_without_a_provider_nothing_is_carried(settings: Settings, transport: str) -> None:
    settings.SMS_PROVIDER = settings.VOICE_PROVIDER = ""
    assert failure(transport, PHONE).permanent is True


# -- a carrier of the operator's own ---------------------------------------------------------------------------------


def test_a_gateway_gets_our_little_contract(gateway: Hook) -> None:
    assert deliver("sms", PHONE, MESSAGE) == Sent(receipt="G-1")
    ((_, headers, body),) = gateway.requests
    assert headers["authorization"] == "Bearer bearer of tests"
    assert body == {
        "to": PHONE,
        "text": "K7QF-2XMA Aurora & co",
        "kind": "sms",
        "language": "en",
        "reference": MESSAGE.about,
        "callback": "http://127.0.0.1:8000/v1/inbound/gateway/status",
    }
    deliver("voice", PHONE, MESSAGE)
    assert (gateway.bodies[1]["kind"], gateway.bodies[1]["text"]) == ("voice", "Severity 1. Aurora & co.")


@pytest.mark.parametrize(
    ("status", "permanent"), [(400, True), (404, True), (302, True), (401, False), (429, False), (500, False)]
)
def test_a_gateway_that_refuses_is_understood(gateway: Hook, status: int, *, permanent: bool) -> None:
    gateway.answers = [(status, {})]
    assert failure("sms", PHONE).permanent is permanent


def test_a_gateway_that_gives_no_id_has_taken_nothing(gateway: Hook) -> None:
    gateway.body = b"<html></html>"
    assert failure("sms", PHONE).permanent is False


# -- chat and push ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "headers", "permanent", "after"),
    [
        (404, {}, True, None),
        (403, {}, True, None),
        (500, {}, False, None),
        (429, {"Retry-After": "86400"}, False, timedelta(minutes=2)),
        (302, {"Location": "http://169.254.169.254/"}, True, None),
        (200, {"Content-Type": "text/html"}, False, None),
    ],
)
def test_why_a_chat_service_said_no_is_known(
    *,
    hook: Hook,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    headers: dict[str, str],
    permanent: bool,
    after: timedelta | None,
) -> None:
    monkeypatch.setattr(NotifySlack, "webhook_url", hook.url)
    hook.answers = [(status, headers)]
    problem = failure("chat", SLACK)
    assert (problem.permanent, problem.after, len(hook.requests)) == (permanent, after, 1)


def test_a_chat_service_that_limits_us_is_not_waited_for(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NotifyDiscord, "notify_url", hook.url)
    hook.answers = [(429, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 600)})]
    started = time.monotonic()
    problem = failure("chat", DISCORD)
    assert (problem.permanent, time.monotonic() - started < 3) == (False, True)


def test_no_class_of_apprise_reaches_a_private_host(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = []
    with socket.create_server(("127.0.0.1", 0)) as inside:
        inside.settimeout(0.2)
        url = f"https://127.0.0.1:{inside.getsockname()[1]}/"
        for service in (NotifySlack, NotifyDiscord, NotifyTelegram):
            monkeypatch.setattr(service, "webhook_url" if service is NotifySlack else "notify_url", url)
        asked = [str(failure("chat", address)) for address in (SLACK, DISCORD, TELEGRAM)]
        with pytest.raises(TimeoutError):
            inside.accept()
    assert asked == ["The service did not take the message."] * 3


def test_every_class_of_our_list_goes_through_the_guarded_door() -> None:
    modules = {__import__(service.__module__, fromlist=["requests"]) for service in chat.SERVICES.values()}
    assert {type(module.requests).__name__ for module in modules} == {"Door"}


# -- servers that speak TLS -------------------------------------------------------------------------------------------


@contextmanager
def secure_server(folder: Path, name: str, heard: list[tuple[str, bytes]], says: bytes) -> Iterator[tuple[int, Path]]:
    """An HTTPS server on the loopback whose certificate names a host; what it heard, and its authority."""
    tls, trusted = certificate(folder, x509.DNSName(name), x509.IPAddress(ip_address("127.0.0.1")))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(says)))
            self.end_headers()
            self.wfile.write(says)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1], trusted
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_server_of_ntfy_of_ones_own_gets_the_message_as_json(tmp_path: Path, settings: Settings) -> None:
    heard: list[tuple[str, bytes]] = []
    says = b'{"id": "xE73Iyuabi", "time": 1, "event": "message", "topic": "alerts"}'
    with secure_server(tmp_path, "ntfy.example", heard, says) as (port, trusted):
        settings.OUTBOUND_CA_FILE = os.fspath(trusted)
        assert deliver("chat", f"ntfys://127.0.0.1:{port}/alerts", MESSAGE) == Sent()
    ((path, body),) = heard
    assert path == "/"
    assert b'"topic": "alerts"' in body
    assert b"K7QF-2XMA" in body


@pytest.mark.parametrize("says", [b"<html></html>", b'{"event": "open"}'])
def test_a_server_that_is_no_ntfy_has_taken_nothing(tmp_path: Path, settings: Settings, says: bytes) -> None:
    with secure_server(tmp_path, "ntfy.example", [], says) as (port, trusted):
        settings.OUTBOUND_CA_FILE = os.fspath(trusted)
        assert failure("chat", f"ntfys://127.0.0.1:{port}/alerts").permanent is False


@pytest.mark.parametrize(
    ("address", "begins"),
    [
        (TEAMS, "/workflows/643e69f8302343f8a1b2/triggers/manual/paths/invoke?"),
        (
            TEAMS.replace("prod-11.westus.logic.azure.com", "default01ab.3f.environment.api.powerplatform.com"),
            "/powerautomate/automations/direct/workflows/643e69f8302343f8a1b2/triggers/manual/paths/invoke?",
        ),
    ],
)
def test_teams_gets_a_card_through_a_workflow(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch, address: str, begins: str
) -> None:
    heard: list[tuple[str, bytes]] = []
    with secure_server(tmp_path, "teams.example", heard, b"{}") as (port, trusted):
        settings.OUTBOUND_CA_FILE = os.fspath(trusted)
        # The host is one of Microsoft's in every address; here the class is told of the local one.
        monkeypatch.setattr(
            NotifyWorkflows, "host", property(lambda _: f"127.0.0.1:{port}", lambda *_: None), raising=False
        )
        assert deliver("chat", address, MESSAGE) == Sent()
    ((path, body),) = heard
    assert path.startswith(begins)
    assert "sig=DqwCnRAnzDsUAaxASmYrqgbF" in path
    assert b"AdaptiveCard" in body
