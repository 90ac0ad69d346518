"""The directory of an agency, as its requests look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django.utils import timezone

from core.wall import inside
from tenants.actions.directory_tokens import issue_directory_token
from tests.cast import Answer, Person, send

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


@dataclass
class DirectoryClient:
    slug: str
    token: str

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        said = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/scim+json", **headers}
        if body is None:
            said.pop("Content-Type")
        return send(method, f"/scim/v2/{self.slug}/{path}", body, **said)

    def get(self, path: str, **headers: str) -> Answer:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        return self.call("POST", path, body, **headers)

    def put(self, path: str, body: Any, **headers: str) -> Answer:
        return self.call("PUT", path, body, **headers)

    def patch(self, path: str, *operations: dict[str, Any], **headers: str) -> Answer:
        return self.call("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)}, **headers)

    def delete(self, path: str, **headers: str) -> Answer:
        return self.call("DELETE", path, **headers)

    def add_user(self, name: str = "", /, **more: Any) -> dict[str, Any]:
        answer = self.post("Users", person(name, **more))
        assert answer.status == 201, answer.body
        return dict(answer.body)

    def add_group(self, name: str, *members: dict[str, Any]) -> dict[str, Any]:
        answer = self.post("Groups", group(name, *members))
        assert answer.status == 201, answer.body
        return dict(answer.body)


def person(name: str = "", /, **more: Any) -> dict[str, Any]:
    """As Okta creates one."""
    address = f"{name or uuid4().hex[:8]}@example.com"
    return {
        "schemas": [USER],
        "userName": address,
        "name": {"givenName": "Ida", "familyName": "Moss"},
        "emails": [{"primary": True, "value": address, "type": "work"}],
        "displayName": "Ida Moss",
        "active": True,
        **more,
    }


def group(name: str, *members: dict[str, Any]) -> dict[str, Any]:
    return {"schemas": [GROUP], "displayName": name, "members": [{"value": member["id"]} for member in members]}


def directory_of(owner: Person) -> DirectoryClient:
    with inside(owner.agency.pk):
        issued = issue_directory_token(
            issuer=owner.caller(), name="Okta", expires_at=None, by=owner.actor, at=timezone.now()
        )
    return DirectoryClient(owner.agency.slug, issued.token)
