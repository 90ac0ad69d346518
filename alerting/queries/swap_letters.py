"""What somebody is written whose turns nobody took."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from django.utils import translation
from django.utils.translation import gettext as _

from alerting.models import Rota, ShiftSwap
from alerting.queries.rules import rules_of
from alerting.states import SwapStage
from core.letters import Letter
from tenants.models import Seat


def past_due_letter(swap_id: UUID, at: datetime) -> Letter | None:
    """That they still answer; None when somebody took the turns after all, or it is over."""
    swap: ShiftSwap = ShiftSwap.objects.found(swap_id)
    seat = Seat.objects.all().active().select_related("user").filter(pk=swap.seat_id).first()
    if seat is None or swap.stage != SwapStage.OFFERED or swap.ends_at <= at:
        return None
    rules = rules_of(seat.pk)
    zone = ZoneInfo(rules.time_zone)
    with translation.override(rules.language):
        words = {
            "rota": Rota.objects.found(swap.rota_id).name,
            "starts": f"{swap.starts_at.astimezone(zone):%Y-%m-%d %H:%M}",
            "ends": f"{swap.ends_at.astimezone(zone):%Y-%m-%d %H:%M}",
            "zone": rules.time_zone,
        }
        subject = _("Nobody took your turns: %(rota)s") % words
        text = _("You answer for %(rota)s yourself from %(starts)s to %(ends)s %(zone)s, as planned.") % words
    return Letter(uuid5(swap.pk, swap.offered_at.isoformat()), seat.user.email, subject, text, None, seat.pk)
