"""Plans and the library over HTTP."""

from __future__ import annotations

from readiness.api import acknowledgements, facts, library, plans, policies

routes = [*plans.routes, *library.routes, *facts.routes, *policies.routes, *acknowledgements.routes]
