"""What is kept ready, over HTTP."""

from __future__ import annotations

from readiness.api import acknowledgements, contacts, drills, library, plans, policies

routes = [*plans.routes, *library.routes, *policies.routes, *acknowledgements.routes, *contacts.routes, *drills.routes]
