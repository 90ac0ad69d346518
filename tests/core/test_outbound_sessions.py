"""Calls by `requests` go through the one door."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest
import requests
from pytest_django import Settings

from core.outbound.sessions import READ_LIMIT, session


class Host(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "/")
            body = b""
        else:
            self.send_response(200)
            body = b"x" * (READ_LIMIT + 1) if self.path == "/long" else b'{"seen": "%s"}' % self.path.encode()
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        said = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.end_headers()
        self.wfile.write(said + b" " + self.headers["Content-Type"].encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def host() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Host) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_answers_come_back_as_requests_knows_them(host: str) -> None:
    with session() as calls:
        got = calls.get(f"{host}/config", params={"a": "b"})
        assert (got.status_code, got.json()) == (200, {"seen": "/config?a=b"})
        sent = calls.post(host, data={"grant": "a b"})
        assert (sent.status_code, sent.text) == (201, "grant=a+b application/x-www-form-urlencoded")


def test_redirects_are_not_followed_and_long_answers_are_refused(host: str) -> None:
    with session() as calls:
        with pytest.raises(requests.TooManyRedirects):
            calls.get(f"{host}/away")
        with pytest.raises(requests.ConnectionError):
            calls.get(f"{host}/long")


def test_what_may_not_be_called_is_a_connection_error(host: str, settings: Settings) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = []
    with session() as calls:
        for url in (host, "https://169.254.169.254/latest/meta-data", "http://example.org/"):
            with pytest.raises(requests.ConnectionError):
                calls.get(url)
