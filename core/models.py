"""The only table of the ground: answers that were given once and must be given again."""

from __future__ import annotations

from django.db import models
from rest_framework.utils.encoders import JSONEncoder


class IdempotentAnswer(models.Model):
    """The answer to a request that carried an `Idempotency-Key`; written in the transaction of its effect.

    The migration walls it like a tenant table, with one difference: rows of no agency are seen where no wall stands.
    """

    id = models.BigAutoField(primary_key=True)
    agency_id = models.UUIDField(null=True)
    principal = models.TextField()
    method = models.CharField(max_length=8)
    route = models.TextField()
    key = models.CharField(max_length=255)
    body_sha256 = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    headers = models.JSONField()
    body = models.JSONField(null=True, encoder=JSONEncoder)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="a_key_has_one_answer",
                fields=["agency_id", "principal", "method", "route", "key"],
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                name="only_success_is_given_again", condition=models.Q(status__gte=200, status__lt=300)
            ),
        ]
        indexes = [models.Index(name="answers_by_age_for_purge", fields=["created_at"])]
