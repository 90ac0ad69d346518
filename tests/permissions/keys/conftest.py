"""Keys as integrations use them: issued over HTTP, with nothing but their token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.cast import Answer, Person, send


@dataclass(frozen=True)
class Issued:
    id: str
    token: str
    body: dict[str, Any]

    def get(self, path: str, *, agency: str = "north", **headers: str) -> Answer:
        return send("GET", f"/v1/agencies/{agency}/{path}", Authorization=f"Bearer {self.token}", **headers)

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        return send("POST", f"/v1/agencies/north/{path}", body, Authorization=f"Bearer {self.token}", **headers)


def as_issued(answer: Answer) -> Issued:
    assert answer.status == 201, answer.body
    return Issued(answer.body["id"], answer.body["token"], answer.body)


def issue(person: Person, *needs: str, **more: Any) -> Issued:
    return as_issued(person.post("keys", {"name": "feed", "needs": list(needs) or ["brands.read"]} | more))
