"""Approvals over HTTP."""

from approvals.api import approvals, delegations

routes = [*approvals.routes, *delegations.routes]
