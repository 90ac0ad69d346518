"""Rights over HTTP."""

from permissions.api import access, grants, keys, reviews, revocations, roles, rules

routes = [
    *roles.routes,
    *grants.routes,
    *rules.routes,
    *access.routes,
    *reviews.routes,
    *keys.routes,
    *revocations.routes,
]
