"""What is kept ready, over HTTP."""

from __future__ import annotations

from readiness.api import (
    acknowledgements,
    contacts,
    drills,
    facts,
    images,
    library,
    plan_drafts,
    plans,
    policies,
)

routes = [
    *plans.routes,
    *plan_drafts.routes,
    *library.routes,
    *facts.routes,
    *images.routes,
    *policies.routes,
    *acknowledgements.routes,
    *contacts.routes,
    *drills.routes,
]
