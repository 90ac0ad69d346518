"""Agencies and their people over HTTP."""

from tenants.api import agencies, directory, invitations, providers, seats

routes = [*agencies.routes, *seats.routes, *invitations.routes, *directory.routes, *providers.routes]
