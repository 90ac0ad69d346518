"""The addresses of signing in: allauth's own, and the way back from an identity provider.

None of them runs in a request's transaction. On the way letters are sent and providers asked, who may be slow; and an
attempt must be counted at once, and also when the request fails, while others from the same address wait for the count.
What has to hold together is atomic by itself, in allauth and here.
"""

from __future__ import annotations

from collections.abc import Iterable

from allauth.headless import urls as headless
from django.db import transaction
from django.urls import URLPattern, URLResolver, include, path

from tenants.sign_in.oidc import callback


def outside_transactions(patterns: Iterable[URLPattern | URLResolver]) -> None:
    """Mark every view below these patterns."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            outside_transactions(pattern.url_patterns)
        else:
            transaction.non_atomic_requests(pattern.callback)


outside_transactions(headless.urlpatterns)

urlpatterns = [
    path("oidc/<str:provider_id>/callback", transaction.non_atomic_requests(callback), name="openid_connect_callback"),
    path("", include("allauth.headless.urls")),
]
