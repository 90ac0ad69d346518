"""Plans and the library over HTTP."""

from __future__ import annotations

from readiness.api import acknowledgements, facts, images, library, plans, policies

routes = [*plans.routes, *library.routes, *facts.routes, *images.routes, *policies.routes, *acknowledgements.routes]
