"""Rotas, escalation policies, contact methods and pages over HTTP."""

from __future__ import annotations

from alerting.api import contacts, pages, policies, rotas

routes = [
    *rotas.routes,
    *policies.routes,
    *contacts.routes,
    *pages.routes,
]
