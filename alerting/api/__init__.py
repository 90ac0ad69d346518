"""Rotas, escalation policies, contact methods and pages over HTTP."""

from __future__ import annotations

from alerting.api import channels, contacts, pages, policies, rotas, rules

routes = [
    *rotas.routes,
    *policies.routes,
    *contacts.routes,
    *rules.routes,
    *channels.routes,
    *pages.routes,
]
