"""Plans and the library over HTTP."""

from __future__ import annotations

from readiness.api import acknowledgements, library, plans, policies

routes = [*plans.routes, *library.routes, *policies.routes, *acknowledgements.routes]
