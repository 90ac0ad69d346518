"""The keys of those who tell us security events: fetched where the agency said they are, and kept for some minutes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import jwt
from django.core.cache import cache

from core.http.parser import strict_json
from core.outbound import OutboundFailed, request, vet
from core.outbound.addresses import allowed_networks
from core.refusals import Refusal

KEPT_S = 600
# A key that we do not know is asked for at most so often; so is a host that does not answer.
AGAIN_AFTER_S = 30
DEADLINE_S = 5.0
MOST_KEYS = 100
WEAKEST_RSA = 2048
ANY_PUBLIC_ADDRESS = "1.1.1.1"

# algorithm -> the kind of key and its curve. Signatures with a shared secret, and none at all, are not on the list.
ALGORITHMS: dict[str, tuple[str, str | None]] = {
    "RS256": ("RSA", None), "RS384": ("RSA", None), "RS512": ("RSA", None),
    "PS256": ("RSA", None), "PS384": ("RSA", None), "PS512": ("RSA", None),
    "ES256": ("EC", "P-256"), "ES384": ("EC", "P-384"), "EdDSA": ("OKP", "Ed25519"),
}  # fmt: skip


class KeysUnavailable(Refusal):
    """The sender tries again: nothing is known yet about its event."""

    code = "keys_unavailable"
    status = 503
    title = "The sender's keys could not be fetched."


def checked_url(url: str) -> str:
    """The address as it will be called; raises OutboundRefused (400). Where its name points is judged at each call."""
    return vet(url, resolve=_not_asked_yet).url


def _not_asked_yet(_host: str, _port: int) -> Sequence[str]:
    """The resolver is the network, and addresses are saved inside transactions: take its kindest answer."""
    return (str(next((network[0] for network in allowed_networks()), ANY_PUBLIC_ADDRESS)),)


def key_for(url: str, *, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
    """The sender's key of this id that fits the algorithm; without an id, the only one that fits. None: there is none.

    Calls the sender when its keys are not at hand, and once more for an id that is not among them. Raises
    KeysUnavailable. Never call it inside a transaction.
    """
    name = "jwks:" + hashlib.sha256(url.encode()).hexdigest()
    kept: list[dict[str, Any]] | None = cache.get(name)
    if kept is not None and (found := _fitting(kept, kid, algorithm)) is not None:
        return found
    if not cache.add(f"{name}:asked", 1, AGAIN_AFTER_S):
        if kept is None:
            raise KeysUnavailable
        return None
    fresh = _fetched(url)
    cache.set(name, fresh, KEPT_S)
    return _fitting(fresh, kid, algorithm)


def _fetched(url: str) -> list[dict[str, Any]]:
    try:
        answer = request("GET", url, headers={"Accept": "application/json"}, deadline=DEADLINE_S)
    except OutboundFailed as failed:
        raise KeysUnavailable from failed
    if not answer.ok or not answer.whole:
        raise KeysUnavailable
    try:
        said = strict_json(answer.body)
    except Refusal as refusal:
        raise KeysUnavailable from refusal
    keys = said.get("keys") if isinstance(said, dict) else None
    return [key for key in (keys if isinstance(keys, list) else [])[:MOST_KEYS] if isinstance(key, dict)]


def _fitting(keys: list[dict[str, Any]], kid: str | None, algorithm: str) -> jwt.PyJWK | None:
    kind, curve = ALGORITHMS[algorithm]
    fit = [
        key
        for key in keys
        if key.get("kty") == kind
        and (curve is None or key.get("crv") == curve)
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and (kid is None or key.get("kid") == kid)
    ]
    if len(fit) != 1:
        return None
    try:
        key = jwt.PyJWK(fit[0], algorithm=algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    return key if getattr(key.key, "key_size", WEAKEST_RSA) >= WEAKEST_RSA or kind != "RSA" else None
