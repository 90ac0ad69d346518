"""Which messages of the library fit a crisis."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import F, Func, JSONField, Q, QuerySet, Value

from approvals.states import ApprovalStage
from readiness.models import Message
from tenants.models import SocialAccount

# ["account id", …] of a message, in the order of its deliveries.
ACCOUNTS = Func(
    F("deliveries"),
    Value("$[*].account"),
    function="jsonb_path_query_array",
    template="%(function)s(%(expressions)s::jsonpath)",
    output_field=JSONField(),
)


def fitting(
    rows: QuerySet[Message],
    *,
    severity: int | None = None,
    network: str | None = None,
    account_id: UUID | None = None,
) -> QuerySet[Message]:
    """Those meant for crises of a severity, or of any; with a text for a network, or for an account. None: whatever."""
    if severity is not None:
        rows = rows.filter(Q(severity=severity) | Q(severity=None))
    if account_id is not None:
        rows = rows.filter(deliveries__contains=[{"account": str(account_id)}])
    if network is not None:
        there = SocialAccount.objects.filter(network=network).values_list("pk", flat=True)
        rows = rows.alias(accounts=ACCOUNTS).filter(accounts__has_any_keys=[str(account) for account in there])
    return rows


def standing_ready(rows: QuerySet[Message], *, at: datetime, ready: bool) -> QuerySet[Message]:
    """Those that people have agreed to, that have not expired and are not used; or the others.

    Whether all who agreed are still in office is not asked here: see `preapproved`.
    """
    fit = Q(approved_at__isnull=False, expires_at__gt=at, approval__stage=ApprovalStage.GRANTED)
    return rows.filter(fit) if ready else rows.exclude(pk__in=rows.filter(fit).values("pk"))
