"""Rights over HTTP."""

from permissions.api import grants, keys

routes = [*grants.routes, *keys.routes]
