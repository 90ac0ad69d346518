"""Rotas, escalation policies, contact methods, pages and silences over HTTP."""

from __future__ import annotations

from alerting.api import (
    absences,
    alarms,
    calendars,
    channels,
    contacts,
    coverage,
    pages,
    policies,
    rotas,
    rules,
    silences,
    swaps,
)

routes = [
    *rotas.routes,
    *swaps.routes,
    *absences.routes,
    *calendars.routes,
    *coverage.routes,
    *policies.routes,
    *contacts.routes,
    *rules.routes,
    *channels.routes,
    *pages.routes,
    *silences.routes,
    *alarms.routes,
]
