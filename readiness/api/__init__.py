"""Plans and the library over HTTP."""

from __future__ import annotations

from readiness.api import library, plans

routes = [*plans.routes, *library.routes]
