"""What allauth asks this house: who may sign up, where a request comes from, how secrets of second factors are kept."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.http import HttpRequest

from core.http.addresses import client_address
from core.sealed import key_ring
from tenants.models import User

# allauth seals before it knows the row, so all secrets of second factors share one place.
PLACE = ("people", "mfa_authenticator", "data", "secret")
NAME = "crisisapi"


class InvitedOnly(DefaultAccountAdapter):  # type: ignore[misc]
    """Nobody signs up by themselves: a person comes by invitation."""

    def is_open_for_signup(self, _request: HttpRequest) -> bool:
        return False

    def set_password(self, user: User, password: str) -> None:
        """Save the password alone: the row also holds what the database counts."""
        user.set_password(password)
        user.save(update_fields=["password"])

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request) or "0.0.0.0"  # noqa: S104 - nothing listens; it stands for "unknown"

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Whoever is signed in is counted apart, so that strangers who guess cannot close the step-up to them."""
        key: str = super()._get_login_attempts_cache_key(request, **credentials)
        return f"{key}:{request.user.pk}" if request.user.is_authenticated else key


class SealedFactors(DefaultMFAAdapter):  # type: ignore[misc]
    """Secrets of authenticator apps and recovery codes are sealed; passkeys belong to the host of PUBLIC_URL."""

    def encrypt(self, text: str) -> str:
        return b64encode(key_ring().seal(text.encode(), PLACE)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return key_ring().open(b64decode(encrypted_text), PLACE).decode()

    def get_totp_issuer(self) -> str:
        return NAME

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {"id": str(urlsplit(settings.PUBLIC_URL).hostname), "name": NAME}
