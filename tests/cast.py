"""The same few people everywhere. Agency North: Ana owns it, Lea leads crises, Bo manages one brand, Cy approves for
that brand's client, Dee is on call. Agency South: Eve, the outsider.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.db import models
from django.test import Client
from django.utils import timezone

from core.actor import Actor
from core.wall import inside
from jobs.actions import run_job
from jobs.models import Job
from ledger.actions import open_ledger
from ledger.models import Event
from permissions.actions.grants import Place, grant_role
from permissions.actions.keys import issue_key
from permissions.gate import Caller
from permissions.needs import Need
from tenants.actions.accounts import connect_account
from tenants.actions.agencies import create_brand
from tenants.models import Agency, Brand, Seat, SocialAccount, User
from tenants.queries import caller_for
from tenants.sign_in.sessions import SessionStore

SETTING_THE_STAGE = Actor.operator("tests")


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: dict[str, str]

    @property
    def code(self) -> str | None:
        """The problem's stable code."""
        return self.body.get("code") if isinstance(self.body, dict) else None

    @property
    def alike(self) -> tuple[int, Any]:
        """What must be equal for two answers to tell the same: everything but the request's own id."""
        return self.status, {k: v for k, v in self.body.items() if k != "request_id"}

    @property
    def etag(self) -> str:
        return self.headers["ETag"]


def send(method: str, path: str, body: Any = None, **headers: str) -> Answer:
    """One request through the whole stack. Header names in Python spelling: `If_Match='"…"'`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    extra: dict[str, Any] = {"headers": named}
    if body is not None:
        raw = body if isinstance(body, bytes | str) else json.dumps(body, default=str)
        extra.update(data=raw, content_type=named.pop("Content-Type", "application/json"))
    response = Client(raise_request_exception=True).generic(method, path, **extra)
    content = b"".join(response.streaming_content) if response.streaming else response.content
    is_json = "json" in response.headers.get("Content-Type", "")
    return Answer(response.status_code, json.loads(content) if is_json and content else content, dict(response.headers))


@dataclass
class Person:
    """Somebody with a session; talks to the API of their own agency."""

    agency: Agency
    user: User
    seat: Seat
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def actor(self) -> Actor:
        return Actor.seat(self.seat.pk)

    def caller(self, at: datetime | None = None) -> Caller:
        return caller_for(self.seat, at=at or timezone.now())

    def url(self, path: str) -> str:
        return path if path.startswith("/") else f"/v1/agencies/{self.agency.slug}/{path}"

    def get(self, path: str, **headers: str) -> Answer:
        return send("GET", self.url(path), **{**self.headers, **headers})

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return send("POST", self.url(path), {} if body is None else body, **{**self.headers, **headers})

    def patch(self, path: str, body: Any, **headers: str) -> Answer:
        return send("PATCH", self.url(path), body, **{**self.headers, **headers})

    def delete(self, path: str, **headers: str) -> Answer:
        return send("DELETE", self.url(path), **{**self.headers, **headers})


def found_agency(slug: str, name: str, at: datetime) -> Agency:
    agency = Agency.objects.create(slug=slug, name=name, created_at=at)
    with inside(agency.pk):
        open_ledger(agency_id=agency.pk)
    return agency


def add_brand(agency: Agency, slug: str, at: datetime) -> Brand:
    with inside(agency.pk):
        return create_brand(
            slug=slug, name=slug.title(), time_zone="UTC", locale="en", sector="food", by=SETTING_THE_STAGE, at=at
        )


def add_account(brand: Brand, handle: str, at: datetime, **credentials: Any) -> SocialAccount:
    """An account of a brand on the sandbox network."""
    with inside(brand.agency_id):
        return connect_account(
            brand_id=brand.pk, network="sandbox", handle=handle, credentials=credentials, by=SETTING_THE_STAGE, at=at
        )


def seat_person(
    agency: Agency, name: str, role: str, *, brands: list[Brand] | None = None, side: str = "staff", at: datetime
) -> Person:
    """A person with a seat, a role and an open session."""
    user = User(email=f"{name}.{uuid4().hex[:6]}@example.org", name=name.title(), date_joined=at)
    user.set_unusable_password()
    user.save()
    with inside(agency.pk):
        seat = Seat(user=user, side=side, created_at=at)
        seat.save()
        grant_role(
            seat_id=seat.pk,
            role=role,
            places=Place.each([brand.pk for brand in brands or []]),
            reason="the cast",
            starts_at=None,
            ends_at=None,
            sponsor=None,
            by=SETTING_THE_STAGE,
            at=at,
        )
    return Person(agency, user, seat, {"X-Session-Token": open_session(user)})


def open_session(user: User, *, at: datetime | None = None, second_factor: bool = False) -> str:
    """The token of an app client's session, as signing in with a password leaves it; with a code too if so wished."""
    proved_at = (at or timezone.now()).timestamp()
    store = SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    records = [{"method": "password", "at": proved_at, "email": user.email}]
    if second_factor:
        records.append({"method": "mfa", "at": proved_at, "type": "totp"})
    store["account_authentication_methods"] = records
    store["account_authentication_methods_user"] = str(user.pk)
    store.create()
    token = store.known_token()
    UserSession.objects.create(user=user, ip="127.0.0.1", user_agent="tests", session_key=store.session_key)
    return token


def key_of(person: Person, *needs: Need, brands: list[Brand] | None = None) -> Person:
    """The person's integration: the same seat, behind an API key."""
    with inside(person.agency.pk):
        issued = issue_key(
            issuer=person.caller(),
            name="integration",
            needs=needs,
            brand_ids=[brand.pk for brand in brands or []],
            expires_at=None,
            by=person.actor,
            at=timezone.now(),
        )
    return Person(person.agency, person.user, person.seat, {"Authorization": f"Bearer {issued.token}"})


def events_of(obj: models.Model, *, agency_id: UUID | None = None) -> list[tuple[str, str, dict[str, Any]]]:
    """What the ledger says of a thing, oldest first: (name, actor, facts)."""
    with inside(agency_id or obj.agency_id):  # type: ignore[attr-defined]
        events = Event.objects.filter(subject_id=obj.pk).order_by("seq")
        return [(e.name, f"{e.actor_kind}:{e.actor_id or e.actor_name}", e.facts) for e in events]


def run_due_jobs(handler: str | None = None, *, limit: int = 500) -> int:
    """Do what the workers would do, one job after the other, until nothing due is left; returns how many ran."""
    ran = 0
    while ran < limit:
        due = Job.objects.filter(state="READY", due_at__lte=timezone.now()).order_by("due_at", "id")
        if handler:
            due = due.filter(handler=handler)
        progress = [run_job(job_id=job.pk, handler_name=job.handler, at=timezone.now()) for job in due[:100]]
        if not any(progress):
            return ran
        ran += sum(progress)
    raise AssertionError(f"More than {limit} jobs ran; something feeds itself.")


@contextmanager
def walled(agency: Agency) -> Iterator[None]:
    with inside(agency.pk):
        yield
