"""Security events: who is believed, and what each does."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.cache import cache
from django.utils import timezone
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from core.wall import inside
from permissions.needs import Need
from tenants.actions.security_events import CAEP, RISC, add_transmitter, remove_transmitter
from tenants.models import DirectoryUser, EventTransmitter, Identity, IdentityProvider, SecurityEvent
from tests.cast import Answer, Person, events_of, key_of, send
from tests.conftest import North
from tests.tenants.directory.cast import DirectoryClient

pytestmark = pytest.mark.django_db

ISSUER = "https://idp.example.com"
AUDIENCE = "https://crisis.example.org/north"
SESSION_REVOKED = f"{CAEP}session-revoked"
DISABLED = f"{RISC}account-disabled"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
WEAK_KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - must be refused
EC_KEY = ec.generate_private_key(ec.SECP256R1())
STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwk_of(key: Any, kid: str, **more: str) -> dict[str, Any]:
    algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    return {**json.loads(algorithm.to_jwk(key.public_key())), "kid": kid, "use": "sig", **more}


class Host:
    """The sender's own server, with its keys."""

    def __init__(self) -> None:
        self.keys = [jwk_of(RSA_KEY, "r1"), jwk_of(EC_KEY, "e1"), jwk_of(WEAK_KEY, "weak")]
        self.status = 200
        self.asked = 0
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.asked += 1
                body = json.dumps({"keys": host.keys}).encode()
                self.send_response(host.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks.json"


@pytest.fixture
def host() -> Iterator[Host]:
    host = Host()
    thread = threading.Thread(target=host.server.serve_forever, daemon=True)
    thread.start()
    yield host
    host.server.shutdown()
    host.server.server_close()
    thread.join()


@pytest.fixture
def sender(north: North, ana: Person, host: Host) -> EventTransmitter:
    cache.clear()
    with inside(north.agency.pk):
        return add_transmitter(
            name="Okta", issuer=ISSUER, audience=AUDIENCE, jwks_url=host.url, by=ana.actor, at=timezone.now()
        )


def email(person: Person) -> dict[str, Any]:
    return {"format": "email", "email": person.user.email}


def claims(kind: str, subject: dict[str, Any], **more: Any) -> dict[str, Any]:
    said = {
        "iss": ISSUER, "aud": AUDIENCE, "iat": int(timezone.now().timestamp()), "jti": uuid4().hex,
        "sub_id": subject, "events": {kind: {"event_timestamp": 1}}, **more,
    }  # fmt: skip
    return {name: value for name, value in said.items() if value is not None}


def token(
    said: dict[str, Any], *, key: Any = RSA_KEY, algorithm: str = "RS256", kid: str | None = "r1", **header: Any
) -> str:
    headers = {"typ": "secevent+jwt", **({"kid": kid} if kid else {}), **header}
    return jwt.encode(said, key, algorithm=algorithm, headers=headers)


def push(body: str | bytes, agency: str = "north", media_type: str = "application/secevent+jwt") -> Answer:
    return send("POST", f"/ssf/v1/{agency}/events", body, **{"Content-Type": media_type})


def taken(north: North) -> list[tuple[str, str, object]]:
    with inside(north.agency.pk):
        events = SecurityEvent.objects.order_by("pk")
        return [(event.kind, event.outcome, event.seat_id) for event in events]


def test_a_revoked_session_ends_every_way_in_of_before(north: North, bo: Person, sender: EventTransmitter) -> None:
    key = key_of(bo, Need.BRANDS_READ)
    assert (bo.get("brands").status, key.get("brands").status) == (200, 200)
    assert push(token(claims(SESSION_REVOKED, email(bo)))).status == 202
    assert bo.get("brands").status in {401, 404}
    assert key.get("brands").status == 401
    with inside(north.agency.pk):
        before = bo.seat.auth_epoch
        bo.seat.refresh_from_db()
        event = SecurityEvent.objects.get()
    assert (bo.seat.stage, bo.seat.auth_epoch) == ("ACTIVE", before + 1)
    assert bo.seat.signed_in_after == event.received_at
    facts = {"kind": "session-revoked", "outcome": "sessions_ended", "seat_id": str(bo.seat.pk)}
    assert events_of(event) == [("security_event.taken", "rule:security events", facts)]


@pytest.mark.parametrize("kind", [DISABLED, f"{RISC}account-purged"])
def test_a_disabled_account_ends_the_seat(north: North, bo: Person, sender: EventTransmitter, kind: str) -> None:
    said = token(claims(kind, email(bo)), key=EC_KEY, algorithm="ES256", kid="e1")
    assert push(said).status == 202
    assert [outcome for _, outcome, _ in taken(north)] == ["seat_ended"]
    with inside(north.agency.pk):
        bo.seat.refresh_from_db()
    assert (bo.seat.stage, bo.seat.end_reason) == ("ENDED", "left")
    assert push(token(claims(kind, {"format": "email", "email": bo.user.email.upper()}))).status == 202
    assert [outcome for _, outcome, _ in taken(north)][1:] == ["unknown_subject"]


@pytest.mark.parametrize("kind", ["credential-compromise", "account-credential-change-required", "sessions-revoked"])
def test_credentials_in_wrong_hands_end_every_way_in(
    north: North, bo: Person, sender: EventTransmitter, kind: str
) -> None:
    assert push(token(claims(RISC + kind, email(bo)))).status == 202
    assert taken(north) == [(kind, "sessions_ended", bo.seat.pk)]


@pytest.mark.parametrize(
    "kind",
    [
        f"{RISC}account-enabled", "https://schemas.openid.net/secevent/ssf/event-type/verification",
        f"{CAEP}device-compliance-change", "https://example.com/anything",
    ],
)  # fmt: skip
def test_what_asks_for_nothing_is_taken_and_nothing_is_done(
    north: North, bo: Person, sender: EventTransmitter, kind: str
) -> None:
    assert push(token(claims(kind, email(bo)))).status == 202
    assert [outcome for _, outcome, _ in taken(north)] == ["nothing_done"]
    assert bo.get("brands").status == 200


def test_the_same_event_is_taken_once(north: North, bo: Person, sender: EventTransmitter) -> None:
    said = token(claims(SESSION_REVOKED, email(bo)))
    assert [push(said).status for _ in range(3)] == [202, 202, 202]
    assert len(taken(north)) == 1
    with inside(north.agency.pk):
        bo.seat.refresh_from_db()
    assert bo.seat.auth_epoch == 2


def test_the_last_owner_keeps_the_seat_and_loses_the_ways_in(
    north: North, ana: Person, sender: EventTransmitter
) -> None:
    assert push(token(claims(DISABLED, email(ana)))).status == 202
    assert taken(north) == [("account-disabled", "last_owner", ana.seat.pk)]
    assert ana.get("seats/me").status in {401, 404}
    with inside(north.agency.pk):
        ana.seat.refresh_from_db()
    assert ana.seat.stage == "ACTIVE"


def test_a_person_is_found_in_every_way_they_are_named(
    north: North, bo: Person, directory: DirectoryClient, sender: EventTransmitter
) -> None:
    ida = directory.add_user("ida", externalId="00u7")
    with inside(north.agency.pk):
        seat = DirectoryUser.objects.get(pk=ida["id"]).seat
        provider = IdentityProvider.objects.create(
            name="Okta", issuer="https://other.example.com", client_id="x", created_at=timezone.now()
        )
        Identity.objects.create(provider=provider, subject="b7", user=bo.user, seat=bo.seat, linked_at=timezone.now())
    known: list[tuple[dict[str, Any], object]] = [
        ({"format": "iss_sub", "iss": "https://other.example.com", "sub": "b7"}, bo.seat.pk),
        ({"subject_type": "iss-sub", "iss": "https://other.example.com", "sub": "b7"}, bo.seat.pk),
        ({"format": "iss_sub", "iss": ISSUER, "sub": "00u7"}, seat.pk),
        ({"format": "opaque", "id": ida["id"]}, seat.pk),
        ({"format": "opaque", "id": "00u7"}, seat.pk),
        ({"format": "email", "email": "IDA@example.com"}, seat.pk),
        ({"format": "complex", "user": email(bo), "session": {"format": "opaque", "id": "s"}}, bo.seat.pk),
        ({"user": {"format": "email", "email": "ida@example.com"}}, seat.pk),
        ({"format": "aliases", "identifiers": [{"format": "phone_number", "phone_number": "+1"}, email(bo)]},
         bo.seat.pk),
    ]  # fmt: skip
    for subject, expected in known:
        assert push(token(claims(SESSION_REVOKED, subject))).status == 202
        assert taken(north)[-1][1:] == ("sessions_ended", expected), subject
    strangers: list[Any] = [
        {"format": "iss_sub", "iss": "https://evil.example.com", "sub": "00u7"},
        {"format": "iss_sub", "iss": ISSUER, "sub": "b7"},
        {"format": "opaque", "id": ""}, {"format": "opaque", "id": 7}, {"format": "email"}, {"format": "did"}, {},
        {"format": "complex", "session": {"format": "opaque", "id": "s"}}, {"format": "complex", "user": "x"},
        {"format": "complex", "user": {"format": "complex", "user": email(bo)}},
    ]  # fmt: skip
    for subject in strangers:
        assert push(token(claims(SESSION_REVOKED, subject))).status == 202
        assert taken(north)[-1][1:] == ("unknown_subject", None), subject
    old_draft = claims(SESSION_REVOKED, {}, sub_id=None)
    old_draft["events"][SESSION_REVOKED]["subject"] = email(bo)
    assert push(token(old_draft)).status == 202
    assert taken(north)[-1][1:] == ("sessions_ended", bo.seat.pk)


def test_a_person_of_another_agency_is_a_stranger(north: North, eve: Person, sender: EventTransmitter) -> None:
    assert push(token(claims(DISABLED, email(eve)))).status == 202
    assert taken(north) == [("account-disabled", "unknown_subject", None)]
    assert eve.get("seats/me").status == 200
    answer = push(token(claims(DISABLED, email(eve))), agency="south")
    assert (answer.status, answer.body["err"]) == (400, "invalid_issuer")


@pytest.mark.parametrize(
    ("change", "err"),
    [
        ({"iss": "https://evil.example.com"}, "invalid_issuer"),
        ({"iss": None}, "invalid_request"),
        ({"aud": "https://somebody.else"}, "invalid_audience"),
        ({"aud": None}, "invalid_request"),
        ({"jti": None}, "invalid_request"),
        ({"jti": ""}, "invalid_request"),
        ({"jti": "x" * 256}, "invalid_request"),
        ({"jti": 7}, "invalid_request"),
        ({"iat": None}, "invalid_request"),
        ({"iat": "now"}, "invalid_request"),
        ({"iat": True}, "invalid_request"),
        ({"iat": 10**18}, "invalid_request"),
        ({"iat": 1_700_000_000}, "invalid_request"),
        ({"exp": 1_700_000_000}, "invalid_request"),
        ({"events": None}, "invalid_request"),
        ({"events": {}}, "invalid_request"),
        ({"events": {SESSION_REVOKED: "x"}}, "invalid_request"),
        ({"events": [SESSION_REVOKED]}, "invalid_request"),
    ],
)
def test_a_token_that_is_not_in_order_is_not_taken(
    north: North, bo: Person, sender: EventTransmitter, change: dict[str, Any], err: str
) -> None:
    body = claims(SESSION_REVOKED, email(bo))
    changed = {name: value for name, value in {**body, **change}.items() if value is not None}
    header = {"typ": "secevent+jwt", "kid": "r1"}
    signed = jwt.PyJWS().encode(json.dumps(changed).encode(), RSA_KEY, "RS256", header)
    answer = push(signed)
    assert (answer.status, answer.body["err"]) == (400, err), answer.body
    assert set(answer.body) == {"err", "description"}
    assert taken(north) == []


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")  # said to the forger
def test_nothing_in_the_token_says_how_it_is_to_be_believed(
    north: North, bo: Person, sender: EventTransmitter, host: Host
) -> None:
    """No signature, a shared secret, the public key as one, a key or an address of keys brought along, a weak key."""
    said = claims(SESSION_REVOKED, email(bo))
    public = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    own = jwk_of(STRANGER, "r1")
    unsigned = jwt.encode(said, None, algorithm="none", headers={"typ": "secevent+jwt", "kid": "r1"})
    good = token(said)
    for forged in (
        unsigned,
        token(said, key="a secret that is long enough for it", algorithm="HS256"),
        _signed_with_text(said, public),
        token(said, key=STRANGER),
        token(said, key=STRANGER, jwk=own),
        token(said, key=STRANGER, jku="http://127.0.0.1:1/jwks.json", x5u="http://127.0.0.1:1/x"),
        token(said, key=WEAK_KEY, kid="weak"),
        token(said, key=EC_KEY, algorithm="ES256", kid="r1"),
        token(said, kid="../../r1"),
        token(said, kid="nobody"),
        token(said, typ="JWT"),
        token(said, crit=["b64"], b64=True),
        good[:-4] + "AAAA",
        ".".join([good.split(".")[0], unsigned.split(".")[1] + "A", good.split(".")[2]]),
        good.rpartition(".")[0] + ".",
        "a.b.c", "", "x", "." * 200, "..",
    ):  # fmt: skip
        answer = push(forged)
        assert answer.status == 400, forged
        assert set(answer.body) == {"err", "description"}
    assert taken(north) == []
    assert bo.get("brands").status == 200
    assert push(good).status == 202


def _signed_with_text(said: dict[str, Any], secret: bytes) -> str:
    """HS256 with the public key as the secret, which libraries refuse to make."""
    header = {"typ": "secevent+jwt", "kid": "r1"}
    forger = jwt.PyJWS()
    forger.unregister_algorithm("HS256")
    plain = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    plain.prepare_key = lambda key: key  # type: ignore[method-assign,return-value]
    forger.register_algorithm("HS256", plain)
    forged = forger.encode(json.dumps(said).encode(), secret, "HS256", header)
    assert isinstance(forged, str)
    return forged


def test_keys_are_kept_and_asked_for_again_once_for_one_that_is_new(
    north: North, bo: Person, sender: EventTransmitter, host: Host
) -> None:
    for _ in range(3):
        assert push(token(claims(SESSION_REVOKED, email(bo)))).status == 202
    assert host.asked == 1
    new = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    host.keys = [jwk_of(new, "r2")]
    rotated = token(claims(SESSION_REVOKED, email(bo)), key=new, kid="r2")
    # The last time is too near: whoever makes up ids does not make us call.
    assert (push(rotated).status, host.asked) == (400, 1)
    for name in ("r3", "r4"):
        assert push(token(claims(SESSION_REVOKED, email(bo)), kid=name)).status == 400
    assert host.asked == 1
    cache.delete(_asked(host))
    assert (push(rotated).status, host.asked) == (202, 2)
    assert push(token(claims(SESSION_REVOKED, email(bo)))).status == 400  # the old key is gone


def _asked(host: Host) -> str:
    return "jwks:" + hashlib.sha256(host.url.encode()).hexdigest() + ":asked"


@pytest.mark.django_db(transaction=True)  # a refusal marks the transaction of the test
def test_a_sender_whose_keys_are_away_is_asked_to_try_again(
    north: North, bo: Person, sender: EventTransmitter, host: Host
) -> None:
    host.status = 500
    said = token(claims(SESSION_REVOKED, email(bo)))
    assert [push(said).status for _ in range(2)] == [503, 503]
    assert host.asked == 1
    host.status = 200
    cache.clear()
    assert push(said).status == 202


def test_a_token_without_the_id_of_its_key_is_taken_when_one_key_alone_fits(
    north: North, bo: Person, sender: EventTransmitter, host: Host
) -> None:
    without = {"key": EC_KEY, "algorithm": "ES256", "kid": None}
    assert push(token(claims(SESSION_REVOKED, email(bo)), **without)).status == 202
    assert push(token(claims(SESSION_REVOKED, email(bo)), kid=None)).status == 400  # two RSA keys


def test_a_sender_who_was_removed_is_not_heard(north: North, ana: Person, bo: Person, sender: EventTransmitter) -> None:
    with inside(north.agency.pk):
        remove_transmitter(transmitter_id=sender.pk, reason="over", by=ana.actor, at=timezone.now())
    said = token(claims(SESSION_REVOKED, email(bo)))
    gone, nowhere = push(said), push(said, agency="nowhere")
    assert (gone.status, gone.body) == (nowhere.status, nowhere.body)
    assert gone.body["err"] == "invalid_issuer"


@pytest.mark.django_db(transaction=True)  # a refusal marks the transaction of the test
def test_only_tokens_are_taken(sender: EventTransmitter) -> None:
    assert push("{}", media_type="application/json").status == 415
    assert push(b"x" * (64 * 1024 + 1)).status == 413
    assert push("\xff\x00é".encode()).status == 400
    deep = ".".join(["e30", base64.urlsafe_b64encode(b"[" * 30_000).decode().rstrip("="), "x"])
    assert push(deep).status == 400
    assert send("GET", "/ssf/v1/north/events").status == 405
