"""A person with a password, and the app and the browser they sign in with."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.test import Client

from tests.cast import Answer, Person, open_session

PASSWORD = "a-long-enough-password"


@dataclass
class App:
    """An app client: keeps the newest session token, as apps do."""

    token: str | None = None
    address: str = "192.0.2.1"
    headers: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, body: Any = None) -> Answer:
        """`path` is below /_allauth/app/v1/, or whole when it starts with a slash."""
        headers = {**self.headers, **({"X-Session-Token": self.token} if self.token else {})}
        response = Client().generic(
            method,
            path if path.startswith("/") else f"/_allauth/app/v1/{path}",
            "" if body is None else json.dumps(body),
            content_type="application/json",
            headers=headers,
            REMOTE_ADDR=self.address,
        )
        is_json = "json" in response.headers.get("Content-Type", "")
        answer = Answer(
            response.status_code, json.loads(response.content) if is_json else response.content, dict(response.headers)
        )
        if is_json and isinstance(answer.body, dict) and (token := answer.body.get("meta", {}).get("session_token")):
            self.token = token
        return answer

    def sign_in(self, person: Person, password: str = PASSWORD) -> Answer:
        return self.call("POST", "auth/login", {"email": person.user.email, "password": password})

    def reauthenticate(self, password: str = PASSWORD) -> Answer:
        return self.call("POST", "auth/reauthenticate", {"password": password})

    def opens(self, agency: str = "north") -> int:
        """The status of the agency's own page."""
        return self.call("GET", f"/v1/agencies/{agency}/agency").status


def with_password(person: Person) -> Person:
    """The person as an accepted invitation leaves them: a password and a proved address."""
    person.user.set_password(PASSWORD)
    person.user.save(update_fields=["password"])
    EmailAddress.objects.create(user=person.user, email=person.user.email, verified=True, primary=True)
    person.headers["X-Session-Token"] = open_session(person.user)
    return person


@pytest.fixture(autouse=True)
def fresh_counters(db: None) -> None:
    """Attempts are counted in the cache; each test starts at none."""
    cache.clear()


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def pat(lea: Person) -> Person:
    """Lea, who can sign in with a password."""
    return with_password(lea)
