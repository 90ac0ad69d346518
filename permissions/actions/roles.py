"""An agency's own roles: defining, revising and retiring them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import transaction

from core.actor import Actor
from core.refusals import Refusal
from ledger.actions import record
from permissions.actions.grants import WrongSide, hold_rules_still, project, unproject
from permissions.gate import Caller, everywhere
from permissions.models import CustomRole, Grant
from permissions.needs import Need
from permissions.queries.holders import as_role
from permissions.roles import ROLES

FOR_CLIENTS = frozenset[Need]().union(*(role.needs for role in ROLES.values() if role.side == "client"))


class RoleKnown(Refusal):
    """A slug names one role for ever: a built-in one, or one that the agency has or had."""

    code = "role_known"
    title = "There is, or was, a role of this name."


class RoleTooWide(Refusal):
    """A role never holds a right that its maker lacks on the whole agency."""

    code = "role_too_wide"
    status = 403
    title = "A role cannot hold a right that you do not hold on the whole agency."


class RoleInUse(Refusal):
    """People hold the role, or are invited to."""

    code = "role_in_use"
    title = "Withdraw the grants of this role first."


class RoleRetired(Refusal):
    code = "role_retired"
    title = "This role has been retired."


@transaction.atomic
def define_role(
    *, slug: str, label: str, side: str, needs: Iterable[str], maker: Caller, by: Actor, at: datetime
) -> CustomRole:
    """Make a role of the agency's own. Raises RoleKnown, RoleTooWide, WrongSide."""
    hold_rules_still(to_change=True)
    if slug in ROLES or CustomRole.objects.filter(slug=slug).exists():
        raise RoleKnown(slug=slug)
    wanted = {Need(need) for need in needs}
    _refuse_too_wide(wanted, side=side, maker=maker)
    role = CustomRole(slug=slug, label=label, side=side, needs=_sorted(wanted), created_at=at)
    role.save(force_insert=True)
    record("role.defined", on=role, by=by, at=at, slug=slug, side=side, needs=role.needs)
    return role


@transaction.atomic
def revise_role(
    *,
    role_id: UUID,
    maker: Caller,
    by: Actor,
    at: datetime,
    label: str | None = None,
    needs: Iterable[str] | None = None,
) -> CustomRole:
    """Change what a role is called or may do; everybody who holds it holds its new needs with the commit.

    The maker holds each need that is added. Raises RoleRetired, RoleTooWide, WrongSide.
    """
    hold_rules_still(to_change=True)
    role: CustomRole = CustomRole.objects.locked(role_id)
    if role.retired_at is not None:
        raise RoleRetired(slug=role.slug)
    wanted = _sorted({Need(need) for need in needs}) if needs is not None else role.needs
    _refuse_too_wide({Need(need) for need in set(wanted) - set(role.needs)}, side=role.side, maker=maker)
    if (label or role.label, wanted) == (role.label, role.needs):
        return role
    changed = wanted != role.needs
    role.label, role.needs = label or role.label, wanted
    role.version += 1
    role.save(update_fields=["label", "needs", "version"])
    held = _project_again(role, at=at) if changed else 0
    record("role.revised", on=role, by=by, at=at, slug=role.slug, needs=wanted, grants=held)
    return role


@transaction.atomic
def retire_role(*, role_id: UUID, reason: str, by: Actor, at: datetime) -> CustomRole:
    """Take a role out of use; its slug is not given again. Raises RoleInUse while anybody holds it or will."""
    hold_rules_still(to_change=True)
    role: CustomRole = CustomRole.objects.locked(role_id)
    if role.retired_at is not None:
        return role
    invitations: Any = apps.get_model("tenants", "Invitation").objects
    pending = invitations.filter(role=role.slug, accepted_at=None, voided_at=None, expires_at__gt=at).count()
    held = Grant.objects.all().lasting(at).filter(role=role.slug).count()
    if held or pending:
        raise RoleInUse(grants=held, invitations=pending)
    role.retired_at = at
    role.version += 1
    role.save(update_fields=["retired_at", "version"])
    record("role.retired", on=role, by=by, at=at, slug=role.slug, needs=role.needs, reason=reason)
    return role


def _sorted(needs: Iterable[Need]) -> list[str]:
    return sorted(need.value for need in needs)


def _refuse_too_wide(needs: set[Need], *, side: str, maker: Caller) -> None:
    if side == "client" and (strange := _sorted(needs - FOR_CLIENTS)):
        raise WrongSide("A role for clients holds what a built-in role for clients holds.", needs=strange)
    if lacking := sorted(need.value for need in needs if not everywhere(maker, need)):
        raise RoleTooWide(needs=lacking)


def _project_again(role: CustomRole, *, at: datetime) -> int:
    """Give every grant of the role its new needs; returns how many there are."""
    lasting = Grant.objects.all().lasting(at).filter(role=role.slug)
    grants = list(lasting.order_by("pk").select_for_update(of=("self",), no_key=True))
    unproject([grant.pk for grant in grants])
    project(grants, {role.slug: as_role(role)})
    return len(grants)
