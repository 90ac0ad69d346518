"""Approvals over HTTP."""

from approvals.api import approvals

routes = [*approvals.routes]
