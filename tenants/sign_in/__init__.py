"""Signing in: allauth does it (docs/security.md); here is what this house adds around it."""

from tenants.sign_in.authentication import CookieAuthentication, SessionTokenAuthentication

__all__ = ["CookieAuthentication", "SessionTokenAuthentication"]
