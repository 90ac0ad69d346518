"""A client of the public API, like any other: signs in, sends JSON, and survives a server that restarts.

Every POST carries an Idempotency-Key, so that a request whose answer was lost can be sent again without harm.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import uuid4

import httpx

Found = TypeVar("Found")
# A killed worker is started again, and its job is claimed again when the lease ends; a story waits for that.
PATIENCE_S = 180.0
BUSY = {httpx.codes.TOO_MANY_REQUESTS, httpx.codes.BAD_GATEWAY, httpx.codes.SERVICE_UNAVAILABLE}


class Unexpected(RuntimeError):
    """The API answered something that the story did not expect."""


class Client:
    """One caller: a person with a session, a key, or nobody."""

    def __init__(self, base_url: str, agency: str, headers: dict[str, str] | None = None) -> None:
        self._http = httpx.Client(base_url=base_url, headers=headers or {}, timeout=60, trust_env=False)
        self._prefix = f"/v1/agencies/{agency}/"

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request; sent again while the server is away or busy, for a while."""
        url = path if path.startswith("/") else self._prefix + path
        headers = dict(options.pop("headers", {}))
        if method == "POST" and not path.startswith("/"):
            headers.setdefault("Idempotency-Key", str(uuid4()))
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                answer = self._http.request(method, url, headers=headers, **options)
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise
                wait_a_moment()
                continue
            in_flight = answer.status_code == httpx.codes.CONFLICT and code_of(answer) == "in_flight"
            if (answer.status_code in BUSY or in_flight) and time.monotonic() < deadline:
                wait_a_moment()
                continue
            return answer

    def get(self, path: str, **params: Any) -> Any:
        return self._good(self.call("GET", path, params=params))

    def post(self, path: str, body: Any = None, **options: Any) -> Any:
        return self._good(self.call("POST", path, json={} if body is None else body, **options))

    def post_seen(self, path: str, body: Any = None, *, seen: str) -> Any:
        """POST to a thing after looking at it at `seen`, with the version that was seen there."""
        etag = self.call("GET", seen).headers["ETag"]
        return self.post(path, body, headers={"If-Match": etag})

    def patch_seen(self, path: str, body: Any) -> Any:
        """PATCH a thing after looking at it."""
        etag = self.call("GET", path).headers["ETag"]
        return self._good(self.call("PATCH", path, json=body, headers={"If-Match": etag}))

    def everything(self, path: str, **params: Any) -> list[Any]:
        """All pages of a list."""
        items: list[Any] = []
        cursor: str | None = None
        while True:
            page = self.get(path, **params, limit=100, **({"cursor": cursor} if cursor else {}))
            items += page["items"]
            cursor = page["next"]
            if cursor is None:
                return items

    def until(self, look: Callable[[Client], Found | None], *, what: str) -> Found:
        """Ask again and again until `look` finds something; TimeoutError names what did not happen."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            found = look(self)
            if found is not None:
                return found
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what} did not happen within {PATIENCE_S:g} s.")
            wait_a_moment()

    def _good(self, answer: httpx.Response) -> Any:
        if answer.is_success:
            return answer.json() if answer.content else None
        raise Unexpected(
            f"{answer.request.method} {answer.request.url.path} -> {answer.status_code} {answer.text[:600]}"
        )


def code_of(answer: httpx.Response) -> str | None:
    """The stable code of a problem, None for anything else."""
    if "json" not in answer.headers.get("Content-Type", ""):
        return None
    body = answer.json()
    return body.get("code") if isinstance(body, dict) else None


def wait_a_moment() -> None:
    """Between two questions to a server in another process; nothing else tells a client that something changed."""
    time.sleep(0.15)


def sign_in(base_url: str, agency: str, *, email: str, password: str) -> Client:
    """A person signs in with the app client and gets a session token."""
    nobody = Client(base_url, agency)
    answer = nobody.call("POST", "/_allauth/app/v1/auth/login", json={"email": email, "password": password})
    if not answer.is_success:
        raise Unexpected(f"{email} cannot sign in: {answer.status_code} {answer.text[:300]}")
    return Client(base_url, agency, {"X-Session-Token": answer.json()["meta"]["session_token"]})


def with_key(base_url: str, agency: str, token: str) -> Client:
    return Client(base_url, agency, {"Authorization": f"Bearer {token}"})
