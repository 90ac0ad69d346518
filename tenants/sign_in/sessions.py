"""Sessions whose tables open nothing: what is stored of a session's token is its hash.

Everything on our side of the door knows a session by the hash of its token: Django's table of sessions, allauth's list
of a person's sessions, and whatever ends one. The token itself passes in two places only, `TokenStrategy` for apps and
`SessionMiddleware` for browsers; the setting SESSION_ENGINE names this module.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from typing import Any

from allauth.headless.tokens.strategies.sessions import SessionTokenStrategy
from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.middleware import SessionMiddleware as CookieMiddleware
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import get_random_string

TOKEN_PREFIX = "css_"  # noqa: S105 - a kind of token, told apart from keys (csk_) and invitations (cin_)
TOKEN_LENGTH = 43  # of 62 letters: 256 bits
KEPT_BYTES = 30  # of SHA-256; 40 letters, which is what the tables have room for


def key_of_token(token: str) -> str:
    """The name under which the session of a token is stored; nothing leads back."""
    return urlsafe_b64encode(hashlib.sha256(token.encode()).digest()[:KEPT_BYTES]).decode()


class Key(str):
    """The stored name of a session. Where its token is known it rides along: allauth makes new stores from keys."""

    __slots__ = ("token",)
    token: str

    @classmethod
    def of(cls, token: str) -> Key:
        key = cls(key_of_token(token))
        key.token = token
        return key


class SessionStore(DatabaseStore):
    """Django's store in the database; `session_key` is the hash of the token."""

    @classmethod
    def of_token(cls, token: str) -> SessionStore:
        """The session that a token opens, if there is one."""
        return cls(Key.of(token))

    def _get_new_session_key(self) -> str:
        """Called for every new session and whenever one gets a new id."""
        return Key.of(TOKEN_PREFIX + get_random_string(TOKEN_LENGTH))

    def known_token(self) -> str:
        """The token of this session, to be given to its owner; raises LookupError when it is not known here."""
        if isinstance(self.session_key, Key):
            return self.session_key.token
        raise LookupError("Only the session's owner knows its token.")


class TokenStrategy(SessionTokenStrategy):  # type: ignore[misc]
    """How app clients name their session: by its token, in `X-Session-Token`."""

    def create_session_token(self, request: HttpRequest) -> str:
        super().create_session_token(request)
        return _store_of(request).known_token()

    def lookup_session(self, session_token: str) -> SessionBase | None:
        store = SessionStore.of_token(session_token)
        return store if store.exists(key_of_token(session_token)) else None


class SessionMiddleware(CookieMiddleware):
    """Django's, with the token in the cookie."""

    def process_request(self, request: HttpRequest) -> None:
        token = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
        request.session = SessionStore.of_token(token) if token else SessionStore()

    def process_response(self, request: HttpRequest, response: Any) -> HttpResponse:
        answer = super().process_response(request, response)
        cookie = answer.cookies.get(settings.SESSION_COOKIE_NAME)
        if cookie is not None and cookie.value:  # an empty one tells the browser to forget
            token = _store_of(request).known_token()
            cookie.set(settings.SESSION_COOKIE_NAME, token, token)
        return answer


def _store_of(request: HttpRequest) -> SessionStore:
    store: Any = request.session
    if not isinstance(store, SessionStore):
        raise TypeError("The setting SESSION_ENGINE names another kind of session.")
    return store
