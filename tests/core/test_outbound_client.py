"""Calls over real sockets to hosts that behave badly."""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from core.outbound import OutboundFailed, post, request

Behaviour = Callable[[socket.socket], None]
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Host:
    """A listening socket on loopback; each connection is handed to a behaviour and what came in is kept."""

    def __init__(self, behaviour: Behaviour, *, address: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self.behaviour = behaviour
        self.tls = tls
        self.received: list[bytes] = []
        self.connections = 0
        self.listener = socket.create_server((address, 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"http://{address}:{self.port}/hook?x=1"
        self.thread = Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            connection.settimeout(10)
            with suppress(OSError), connection:
                self._answer(connection)

    def _answer(self, plain: socket.socket) -> None:
        connection = self.tls.wrap_socket(plain, server_side=True) if self.tls else plain
        with connection:
            self.received.append(read_message(connection))
            self.behaviour(connection)

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(10)


def read_message(connection: socket.socket) -> bytes:
    message = b""
    while b"\r\n\r\n" not in message:
        message += received(connection)
    head, _, body = message.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += received(connection)
    return head + b"\r\n\r\n" + body


def received(connection: socket.socket) -> bytes:
    if chunk := connection.recv(65536):
        return chunk
    raise ConnectionError("The caller hung up.")


def says(answer: bytes) -> Behaviour:
    return lambda connection: connection.sendall(answer)


def drips(head: bytes, drop: bytes) -> Behaviour:
    def drip(connection: socket.socket) -> None:
        connection.sendall(head)
        # Until the caller hangs up: a broken pipe for who drips, an empty read for who is silent.
        while drop and not Event().wait(0.05):
            connection.sendall(drop)
        connection.recv(1)

    return drip


@pytest.fixture
def host() -> Iterator[Callable[..., Host]]:
    hosts: list[Host] = []

    def start(behaviour: Behaviour, **options: Any) -> Host:
        hosts.append(Host(behaviour, **options))
        return hosts[-1]

    yield start
    for each in hosts:
        each.close()


@pytest.fixture(autouse=True)
def loopback(settings: Any) -> Any:
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    return settings


def names(*addresses: str) -> Callable[[str, int], Sequence[str]]:
    return lambda _host, _port: addresses


def failure(url: str, **options: Any) -> OutboundFailed:
    with pytest.raises(OutboundFailed) as failed:
        post(url, body=b"{}", headers={}, **options)
    assert "127.0.0.1" not in str(failed.value)
    return failed.value


class TestMessages:
    def test_the_message_is_what_was_meant_and_nothing_more(self, host: Callable[..., Host]) -> None:
        receiver = host(says(OK))
        answer = post(receiver.url, body=b'{"a": 1}', headers={"Content-Type": "application/json", "X-Team": "desk"})
        assert (answer.status, answer.body, answer.ok, answer.whole) == (200, b"{}", True, True)
        assert answer.headers["content-type"] == "application/json"
        head, _, body = receiver.received[0].partition(b"\r\n\r\n")
        assert head.split(b"\r\n") == [
            b"POST /hook?x=1 HTTP/1.1",
            f"Host: 127.0.0.1:{receiver.port}".encode(),
            b"User-Agent: crisisapi",
            b"Accept-Encoding: identity",
            b"Connection: close",
            b"Content-Type: application/json",
            b"X-Team: desk",
            b"Content-Length: 8",
        ]
        assert body == b'{"a": 1}'

    def test_a_get_has_no_body(self, host: Callable[..., Host]) -> None:
        receiver = host(says(OK))
        assert request("GET", receiver.url).status == 200
        assert receiver.received[0].startswith(b"GET /hook?x=1 ")
        assert b"content-length" not in receiver.received[0].lower()

    def test_the_name_goes_into_host_and_the_vetted_address_is_called(self, host: Callable[..., Host]) -> None:
        receiver = host(says(OK), address="127.0.0.3")
        url = f"http://hooks.example.org:{receiver.port}/"
        assert post(url, body=b"", headers={}, resolve=names("127.0.0.3")).status == 200
        assert f"Host: hooks.example.org:{receiver.port}".encode() in receiver.received[0]

    def test_a_caller_of_ours_may_sign_in_but_not_frame_the_message(self, host: Callable[..., Host]) -> None:
        receiver = host(says(OK))
        assert request("GET", receiver.url, headers={"Authorization": "Bearer " + "x" * 4_000}).ok
        for header in ({"Host": "x"}, {"Content-Length": "0"}, {"X": "a\r\nB: c"}):
            with pytest.raises(OutboundFailed) as failed:
                request("GET", receiver.url, headers=header)
            assert (failed.value.kind, failed.value.reason) == ("never_sent", "refused")
        assert receiver.connections == 1

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_is_an_answer_and_nobody_goes_there(self, host: Callable[..., Host], status: int) -> None:
        inside = host(says(OK), address="127.0.0.2")
        receiver = host(says(f"HTTP/1.1 {status} Go\r\nLocation: {inside.url}\r\nContent-Length: 0\r\n\r\n".encode()))
        answer = post(receiver.url, body=b"", headers={})
        assert (answer.status, answer.ok) == (status, False)
        assert (receiver.connections, inside.connections) == (1, 0)

    def test_nothing_is_sent_twice(self, host: Callable[..., Host]) -> None:
        receiver = host(lambda _connection: None)
        assert failure(receiver.url).kind == "unknown"
        assert receiver.connections == 1

    def test_proxies_in_the_environment_are_ignored(
        self, host: Callable[..., Host], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        receiver, proxy = host(says(OK)), host(says(OK), address="127.0.0.2")
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert post(receiver.url, body=b"", headers={}).ok
        assert (receiver.connections, proxy.connections) == (1, 0)


class TestAnswers:
    def test_a_giant_body_is_cut_at_the_limit(self, host: Callable[..., Host]) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n"
        receiver = host(says(head + b"x" * 4_000_000))
        answer = post(receiver.url, body=b"", headers={})
        assert (answer.status, len(answer.body), answer.whole) == (200, 64 * 1024, False)

    def test_a_body_of_exactly_the_limit_is_whole(self, host: Callable[..., Host]) -> None:
        receiver = host(says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 100))
        answer = request("GET", receiver.url, read_limit=100)
        assert (len(answer.body), answer.whole) == (100, True)

    def test_a_compressed_body_is_not_unpacked(self, host: Callable[..., Host]) -> None:
        bomb = b"\x1f\x8b" + b"x" * 50
        receiver = host(says(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 52\r\n\r\n" + bomb))
        assert post(receiver.url, body=b"", headers={}).body == bomb

    @pytest.mark.parametrize(
        ("head", "drop"),
        [
            (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x"),
            (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"),
            (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
            (b"", b""),
        ],
        ids=["body", "header", "interim answers", "silence"],
    )
    def test_one_deadline_ends_every_way_of_being_slow(
        self, host: Callable[..., Host], head: bytes, drop: bytes
    ) -> None:
        receiver = host(drips(head, drop))
        started = time.monotonic()
        assert failure(receiver.url, deadline=0.6).kind == "unknown"
        assert 0.5 < time.monotonic() - started < 2

    def test_a_peer_that_does_not_read_is_left_at_the_deadline_too(self) -> None:
        enough = Event()

        class Deaf(Host):
            def _answer(self, plain: socket.socket) -> None:  # noqa: ARG002
                enough.wait(10)

        receiver = Deaf(says(b""))
        started = time.monotonic()
        with pytest.raises(OutboundFailed) as failed:
            post(receiver.url, body=b"x" * 50_000_000, headers={}, deadline=0.6)
        enough.set()
        receiver.close()
        assert failed.value.kind == "unknown"
        assert time.monotonic() - started < 2

    @pytest.mark.parametrize(
        "answer",
        [
            b"",
            b"nonsense\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
            b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300_000 + b"\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 40_000 + b"\r\n",
        ],
        ids=["nothing", "nonsense", "cut", "two lengths", "long header", "many headers"],
    )
    def test_an_answer_that_is_none_leaves_the_outcome_unknown(self, host: Callable[..., Host], answer: bytes) -> None:
        assert failure(host(says(answer)).url, deadline=5).kind == "unknown"


class TestNeverSent:
    def test_a_closed_port(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        assert failure(f"http://127.0.0.1:{port}/").kind == "never_sent"

    def test_an_unknown_name_and_an_inner_address_tell_the_same(self) -> None:
        def unknown(_host: str, _port: int) -> Sequence[str]:
            raise OSError

        first = failure("https://nowhere.example/", resolve=unknown)
        second = failure("https://inside.example/", resolve=names("10.0.0.1"))
        third = failure("https://[::1]/")
        assert (first.kind, str(first)) == (second.kind, str(second)) == (third.kind, str(third))
        assert first.kind == "never_sent"

    def test_a_name_that_moves_inside_between_saving_and_calling_is_refused(self, host: Callable[..., Host]) -> None:
        inside = host(says(OK), address="127.0.0.2")
        answers = iter([["93.184.215.14"], ["169.254.169.254"]])
        failed = failure("https://hooks.example.org/", resolve=lambda *_: next(answers), deadline=0.01)
        assert failed.kind == "never_sent"
        failed = failure("https://hooks.example.org/", resolve=lambda *_: next(answers))
        assert (failed.kind, failed.reason) == ("never_sent", "refused")
        assert inside.connections == 0

    def test_the_name_is_asked_for_once_in_a_call(self, host: Callable[..., Host]) -> None:
        receiver = host(says(OK))
        asked = []

        def resolve(name: str, port: int) -> Sequence[str]:
            asked.append((name, port))
            return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

        assert post(f"http://rebinds.example:{receiver.port}/", body=b"", headers={}, resolve=resolve).ok
        assert asked == [("rebinds.example", receiver.port)]

    def test_the_second_address_is_tried_when_the_first_is_down(self, host: Callable[..., Host]) -> None:
        receiver = host(says(OK))
        url = f"http://two.example:{receiver.port}/"
        assert post(url, body=b"", headers={}, resolve=names("127.0.0.9", "127.0.0.1")).ok

    def test_a_resolver_that_hangs(self) -> None:
        wait = Event()
        started = time.monotonic()

        def hanging(_host: str, _port: int) -> Sequence[str]:
            wait.wait(10)
            return ["127.0.0.1"]

        try:
            assert failure("http://slow.example/", resolve=hanging, deadline=0.3).kind == "never_sent"
        finally:
            wait.set()
        assert time.monotonic() - started < 2


def certificate(folder: Path, *names_: x509.GeneralName) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS context and the file that vouches for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names_), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_file, key_file)
    return context, certificate_file


class TestTLS:
    @pytest.fixture
    def secure(self, tmp_path: Path, host: Callable[..., Host]) -> tuple[Host, Path, list[str | None]]:
        tls, trusted = certificate(tmp_path, x509.DNSName("hooks.example.org"), x509.IPAddress(ip_address("127.0.0.1")))
        asked_for: list[str | None] = []
        tls.sni_callback = lambda _socket, name, _context: asked_for.append(name)
        return host(says(OK), tls=tls), trusted, asked_for

    def test_the_name_goes_into_sni_and_must_be_in_the_certificate(
        self, secure: tuple[Host, Path, list[str | None]], loopback: Any
    ) -> None:
        receiver, trusted, asked_for = secure
        loopback.OUTBOUND_CA_FILE = str(trusted)
        resolve = names("127.0.0.1")
        url = f"https://hooks.example.org:{receiver.port}/"
        assert post(url, body=b"{}", headers={}, resolve=resolve).ok
        assert asked_for == ["hooks.example.org"]
        assert f"Host: hooks.example.org:{receiver.port}".encode() in receiver.received[0]
        failed = failure(f"https://other.example.org:{receiver.port}/", resolve=resolve)
        assert failed.kind == "never_sent"
        assert len(receiver.received) == 1

    def test_an_address_may_be_certified_too(self, secure: tuple[Host, Path, list[str | None]], loopback: Any) -> None:
        receiver, trusted, _ = secure
        loopback.OUTBOUND_CA_FILE = str(trusted)
        assert post(f"https://127.0.0.1:{receiver.port}/", body=b"", headers={}).ok

    def test_a_certificate_that_nobody_vouches_for_gets_nothing(
        self, secure: tuple[Host, Path, list[str | None]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        receiver, trusted, _ = secure
        monkeypatch.setenv("SSL_CERT_FILE", os.fspath(trusted))
        url = f"https://hooks.example.org:{receiver.port}/"
        assert failure(url, resolve=names("127.0.0.1")).kind == "never_sent"
        assert receiver.received == []

    def test_a_host_that_speaks_no_tls_gets_nothing(self, host: Callable[..., Host]) -> None:
        receiver = host(says(OK))
        assert failure(f"https://127.0.0.1:{receiver.port}/", deadline=0.5).kind == "never_sent"

    def test_a_handshake_that_drags_on_ends_at_the_deadline(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            started = time.monotonic()
            failed = failure(f"https://127.0.0.1:{silent.getsockname()[1]}/", deadline=0.4)
        assert failed.kind == "never_sent"
        assert time.monotonic() - started < 2
