"""How much anybody may ask: so many requests a minute for each key, each person, and each address that nobody knows.

The count is a sliding window in Redis, which all processes share. Redis is only the doorbell: when it is away, slow or
hung, requests pass uncounted. A key has its own rate; whoever signs in calls `allow` to say which one counts.

Every answer of the API says what is left (draft-ietf-httpapi-ratelimit-headers): `RateLimit-Policy: "key";q=600;w=60`
is the quota and its window in seconds, `RateLimit: "key";r=599;t=1` what remains and when something comes back.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import cache
from typing import Any

import structlog
from django.conf import settings
from django.http import HttpRequest
from limits import RateLimitItemPerMinute
from limits.storage import RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from core.breaker import Breaker
from core.http.addresses import client_address
from core.refusals import Refusal

log = structlog.get_logger(__name__)

WINDOW_S = 60
PATIENCE_S = 0.1  # what a request waits at most for one answer of Redis
ADDRESS = "address"
PERSON = "person"

breaker = Breaker(failures=2, seconds=10.0)


class RateLimited(Refusal):
    """Facts `policy` and `retry_after` in seconds; the same as the header Retry-After."""

    code = "rate_limited"
    status = 429
    title = "Too many requests: wait a little."


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many requests a minute for one caller: `policy` is the kind of caller, `whose` tells it from others."""

    policy: str
    whose: str
    per_minute: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one request. `remaining` is None when Redis could not be asked, and then it passes."""

    allowance: Allowance
    admitted: bool
    remaining: int | None
    seconds: int  # until something comes back

    @property
    def headers(self) -> dict[str, str]:
        policy = self.allowance.policy
        said = {"RateLimit-Policy": f'"{policy}";q={self.allowance.per_minute};w={WINDOW_S}'}
        if self.remaining is not None:
            said["RateLimit"] = f'"{policy}";r={self.remaining};t={self.seconds}'
        return said

    def refusal(self) -> RateLimited:
        refusal = RateLimited(policy=self.allowance.policy, retry_after=self.seconds)
        refusal.headers["Retry-After"] = str(self.seconds)
        return refusal


def allow(request: HttpRequest | Request, allowance: Allowance) -> None:
    """Say which allowance this request is taken from; called by whoever signs it in."""
    _plain(request).allowance = allowance


def admit(request: HttpRequest | Request, allowance: Allowance) -> None:
    """Count a request; raises RateLimited (429) when the allowance is used up."""
    if not settings.RATE_LIMITS:
        return
    verdict = _plain(request).rate_verdict = ask(allowance)
    if not verdict.admitted:
        raise verdict.refusal()


def ask(allowance: Allowance) -> Verdict:
    """Take one from the allowance, or find that nothing is left. Never raises for what is wrong with Redis."""
    unknown = Verdict(allowance, admitted=True, remaining=None, seconds=0)
    if not breaker.closed():
        return unknown
    item, limiter = RateLimitItemPerMinute(allowance.per_minute), _limiter(settings.REDIS_URL)
    try:
        admitted = limiter.hit(item, allowance.policy, allowance.whose)
        stats = limiter.get_window_stats(item, allowance.policy, allowance.whose)
    except (RedisError, OSError) as error:
        breaker.note(worked=False)
        log.warning("rates_not_counted", error=type(error).__name__)
        return unknown
    breaker.note(worked=True)
    seconds = min(max(math.ceil(stats.reset_time - time.time()), 1), WINDOW_S)
    return Verdict(allowance, admitted, stats.remaining, seconds)


@cache
def _limiter(url: str) -> SlidingWindowCounterRateLimiter:
    """One pool of connections a process. No retries: redis-py's own would wait for seconds."""
    options: dict[str, Any] = {
        "socket_timeout": PATIENCE_S,
        "socket_connect_timeout": PATIENCE_S,
        "retry": Retry(NoBackoff(), 0),
    }
    return SlidingWindowCounterRateLimiter(RedisStorage(url, key_prefix="rates", **options))


class Throttle(BaseThrottle):
    """Counts each request of the API: by its key, else by its person, else by its address.

    A view that lets people in without signing in says `address_rate`: so many requests a minute from one address.
    """

    def allow_request(self, request: Request, view: Any) -> bool:
        admit(request, _allowance_of(request, view))
        return True


def _allowance_of(request: Request, view: Any) -> Allowance:
    per_minute: int | None = getattr(view, "address_rate", None)
    if per_minute is not None:
        return of_address(request, per_minute)
    said: Allowance | None = getattr(request._request, "allowance", None)
    if said is not None:
        return said
    person = getattr(request.user, "user_id", None) or getattr(request.user, "pk", None)
    if person is not None:
        return Allowance(PERSON, str(person), settings.RATE_LIMIT_PERSON)
    return of_address(request)


def of_address(request: HttpRequest | Request, per_minute: int | None = None) -> Allowance:
    return Allowance(ADDRESS, client_address(request), per_minute or settings.RATE_LIMIT_ADDRESS)


def _plain(request: HttpRequest | Request) -> Any:
    """Django's request, which DRF wraps: what is noted on it is seen by the middleware."""
    return getattr(request, "_request", request)
