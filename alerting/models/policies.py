"""How a page climbs."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from core.wall import TenantKey, TenantRow


class EscalationPolicy(TenantRow):
    """Who is told first, who next, and after how long. One for a brand; one for the agency, for all other brands.

    `steps` is [{"notify": [target, …], "wait_minutes": n, "important": bool, "when": {…}}, …]. A target is one of
    {"rota": id}, {"seat": id}, {"role": name}, {"duty": name}, {"stage_list": name}, {"channel": id}. The whole climb
    is done `repeats` more times before `last_resort`, a list of targets, is told.
    """

    brand_path = "brand_id"

    name = models.CharField(max_length=120)
    brand = TenantKey("tenants.Brand", null=True)
    steps = models.JSONField()
    repeats = models.PositiveSmallIntegerField(default=0, db_default=0)
    last_resort = models.JSONField(default=list, db_default=[])
    lapses_minutes = models.PositiveSmallIntegerField(null=True)  # an acknowledgement lapses after so much silence
    created_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "brand"], nulls_distinct=False, name="a_brand_has_one_escalation_policy"
            ),
            models.CheckConstraint(name="a_climb_repeats_five_times_at_most", condition=Q(repeats__lte=5)),
        ]
