"""A host on the loopback that answers what a test tells it to, over real sockets."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from listening.sources.seam import Asked

Headers = dict[str, str]
# What a request is told by: path, query, headers, body.
Seen = tuple[str, dict[str, str], Headers, bytes]


@dataclass
class Said:
    """One answer. `pace` sends the body so many bytes a tenth of a second; `cut` promises more than it sends."""

    body: bytes = b""
    status: int = 200
    headers: Headers = field(default_factory=dict)
    pace: int = 0
    cut: bool = False


Answering = Callable[[Seen], Said]


class Host:
    """`answers` maps a path to what it says: a `Said`, a list of them (one a request), or a function."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.answers: dict[str, Said | list[Said] | Answering] = {}
        host = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                parts = urlsplit(self.path)
                headers = {name.lower(): value for name, value in self.headers.items()}
                seen = (parts.path, dict(parse_qsl(parts.query)), headers, raw)
                host.seen.append(seen)
                said = host.answers.get(parts.path, Said(status=404))
                if isinstance(said, list):
                    said = said.pop(0) if len(said) > 1 else said[0]
                if callable(said):
                    said = said(seen)
                self.send_response(said.status)
                length = len(said.body) + (1_000 if said.cut else 0)
                for name, value in {"Content-Length": str(length), **said.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self._send(said)

            def _send(self, said: Said) -> None:
                try:
                    if not said.pace:
                        self.wfile.write(said.body)
                        return
                    for start in range(0, len(said.body), said.pace):
                        self.wfile.write(said.body[start : start + said.pace])
                        time.sleep(0.1)
                except OSError:
                    pass  # the caller has had enough

            do_POST = do_GET = _answer  # noqa: N815 - the library's names

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def asked(
    place: dict[str, Any], cursor: Any = None, *, at: datetime, seconds: float = 5.0, **credentials: Any
) -> Asked:
    return Asked(place, credentials, cursor, time.monotonic() + seconds, at)
