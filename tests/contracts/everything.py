"""One row of every tenant table that a URL can name, made from the tables themselves, each with a word to look for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count
from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from core.ids import uuid7
from core.sealed import SealedJSONField, SealedTextField
from core.wall import TenantKey, inside
from core.walls import walled_models
from readiness.scenarios import ready_made
from tenants.models import Agency, Brand
from tests.cast import Person

numbers = count(1)

# Kept by their own machinery, or numbers without a name of their own.
LEFT_OUT = {
    "ledger.Event", "ledger.Head", "permissions.AgencyReach", "permissions.BrandReach", "permissions.IncidentReach",
    "permissions.Grant", "tenants.Seat", "tenants.Brand", "incidents.ReferenceCounter", "listening.Band",
    "listening.Bucket", "listening.DetectorState", "listening.Mention", "listening.MentionKey",
    "listening.StoryMention", "listening.SearchDay", "listening.Term", "listening.Word",
    "listening.BrandLexicon", "core.IdempotentAnswer", "alerting.PersonalRules",
    "permissions.Restriction", "permissions.DenyRule", "permissions.SeparationRule",
}  # fmt: skip
STAGE = {"name": "client", "role": "client_approver", "side": "client", "quorum": 1}
PLAN = {"crisis_kinds": [], "duties": [], "approval": {"stages": [STAGE]}, "alert": {"escalation_policy": None}}
SAID: dict[str, dict[str, Any]] = {
    "alerting.Page": {"policy": {"policy_id": None, "name": "", "steps": []}, "severity": 2},
    "alerting.EscalationPolicy": {"steps": []},
    "alerting.Rota": {"time_zone": "UTC"},
    "alerting.Rotation": {"position": 1, "time_zone": "UTC"},
    "alerting.Notification": {"channel": None},
    "approvals.Approval": {"stages": [STAGE], "payload": {"deliveries": []}},
    "approvals.AskedStep": {"place": 0, "roles": ["client_approver"]},
    "approvals.Bypass": {"second_seat": None, "second_person": None},
    "approvals.Decision": {"stage_index": 0, "on_behalf_of": None},
    "connectors.Withdrawal": {"proof": ""},
    "incidents.Clock": {"minutes": 30},
    "incidents.Incident": {"severity": 2},
    "incidents.Duty": {"deputy": None},
    "incidents.IncidentLink": {"kind": "url"},
    "incidents.StatementVersion": {"number": 1, "payload": {"deliveries": [], "language": "en"}},
    "listening.Signal": {"explanation": {}, "severity_hint": 2},
    "permissions.ApiKey": {"needs": ["brands.read"]},
    "permissions.CustomRole": {"needs": ["brands.read"], "side": "staff"},
    "permissions.Revocation": {"stage": "CANCELLED", "reason": "left"},
    "publishing.Pause": {"scope": "brand"},
    "readiness.Drill": {"scenario": ready_made("product_harm", "small")},
    "readiness.Plan": {"version": 1},
    "readiness.PlanTemplate": {"version": 1},
    "readiness.PlanTemplateVersion": {"number": 1, "body": {}},
    "readiness.PlanVersion": {"body": PLAN, "number": 1},
    "readiness.PolicyVersion": {"number": 1, "chapters": [], "rules": [], "audience": {"who": [], "due_days": 14}},
    "tenants.Invitation": {"side": "staff", "role": "responder"},
}
# A key that may be null, and in this row is not.
COMES_AFTER = {"readiness.Image": {"tenants.StoredFile"}}


def one_of_everything(agency: Agency, brand: Brand, person: Person, word: str) -> dict[str, UUID]:
    """The id of one row of each model by its label. Every text of theirs holds `word`."""
    known: dict[str, UUID] = {"tenants.Brand": brand.pk, "tenants.Seat": person.seat.pk}
    with inside(agency.pk):
        grants = apps.get_model("permissions", "Grant").objects
        known["alerting.PersonalRules"] = person.seat.pk  # everybody has rules, known by their seat
        known["permissions.Grant"] = grants.filter(seat=person.seat).values_list("pk", flat=True)[0]
        todo = [model for model in walled_models() if model._meta.label not in LEFT_OUT]
        while todo:
            ready = [model for model in todo if _needed(model) <= set(known)]
            assert ready, f"these point at each other: {todo}"
            for model in ready:
                row = _row_of(model, known, person, word)
                model._default_manager.bulk_create([row])
                known[model._meta.label] = row.pk
                todo.remove(model)
    return known


def _needed(model: type[models.Model]) -> set[str]:
    keys: Iterable[Any] = (f for f in model._meta.concrete_fields if isinstance(f, TenantKey) and not f.null)
    return {key.related_model._meta.label for key in keys} | COMES_AFTER.get(model._meta.label, set())


def _row_of(model: type[models.Model], known: dict[str, UUID], person: Person, word: str) -> Any:
    said = dict(SAID.get(model._meta.label, {}))
    values: dict[str, Any] = {}
    for field in model._meta.concrete_fields:
        if field.name in ("id", "agency"):
            continue
        if field.name in said:
            values[field.attname] = said[field.name]
        elif isinstance(field, TenantKey):
            values[field.attname] = known.get(field.related_model._meta.label)
        elif isinstance(field, models.ForeignKey):
            values[field.attname] = person.user.pk
        elif field.name in ("scope_id", "brand_id"):
            values[field.attname] = known["tenants.Brand"]
        elif _wants_a_value(field):
            values[field.attname] = _value_of(field, word)
    return model(id=uuid7(), **values)


def _wants_a_value(field: Any) -> bool:
    """Whatever has no value of its own, and every place in which a secret or somebody's words can stand."""
    if isinstance(field, SealedTextField | SealedJSONField):
        return True
    words = isinstance(field, models.CharField | models.TextField) and field.blank and not field.choices
    return not field.null and (words or not field.has_default())


KINDS: list[tuple[type[Any], Callable[[Any, str], Any]]] = [
    (SealedTextField, lambda _, word: f"{word}-{next(numbers)}@example.org"),
    (SealedJSONField, lambda _, word: {"secret": word}),
    (ArrayField, lambda _, __: []),
    (models.EmailField, lambda _, word: f"{word}-{next(numbers)}@example.org"),
    (models.URLField, lambda _, word: f"https://{word}-{next(numbers)}.example"),
    (models.CharField, lambda field, word: _text_of(field, word)),  # noqa: PLW0108 - it stands below
    (models.TextField, lambda _, word: f"{word}-{next(numbers)}"),
    (models.BinaryField, lambda _, word: word.encode()),
    (models.UUIDField, lambda _, __: uuid7()),
    (models.DateTimeField, lambda _, __: timezone.now()),
    (models.JSONField, lambda _, __: {}),
    (models.BooleanField, lambda _, __: False),
    (models.Field, lambda _, __: next(numbers)),
]


def _value_of(field: Any, word: str) -> Any:
    return next(make(field, word) for kind, make in KINDS if isinstance(field, kind))


def _text_of(field: Any, word: str) -> str:
    if field.choices:
        return str(field.choices[0][0])
    return f"{next(numbers):064x}" if field.max_length == 64 else f"{word}-{next(numbers)}"[: field.max_length]
