"""Agencies and their people over HTTP."""

from tenants.api import agencies, invitations, seats

routes = [*agencies.routes, *seats.routes, *invitations.routes]
