"""Who else may say who somebody is: an agency's OpenID provider, its directory (SCIM), its security events (SSF)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from core.sealed import SealedTextField
from core.wall import TenantKey, TenantRow
from tenants.models.people import Seat


class IdentityProvider(TenantRow):
    """An OpenID provider of one agency. A person is known by (agency, issuer, subject), never by an e-mail address.

    Whoever signs in through it is signed in to this agency alone.
    """

    name = models.CharField(max_length=120)
    issuer = models.URLField(max_length=300)
    client_id = models.CharField(max_length=200)
    client_secret = SealedTextField(null=True)
    proves_second_factor = models.BooleanField(default=False)  # the provider asks for one itself
    created_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "issuer"], condition=Q(removed_at=None), name="an_agency_trusts_an_issuer_once"
            ),
        ]


class Identity(TenantRow):
    """A person as an agency's provider knows them."""

    provider = TenantKey(IdentityProvider)
    subject = models.CharField(max_length=255)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    seat = TenantKey(Seat)  # the seat it was linked to; it ends with it
    linked_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "subject"], condition=Q(ended_at=None), name="a_subject_is_one_person"
            ),
        ]


class DirectoryToken(TenantRow):
    """What an agency's directory signs in with, at the SCIM endpoints and nowhere else. Stored hashed."""

    name = models.CharField(max_length=120)
    prefix = models.CharField(max_length=60, unique=True)
    secret_sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    created_by = TenantKey(Seat, null=True)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)


class DirectoryUser(TenantRow):
    """A person as the agency's directory keeps them. Their seat comes and goes with `active`; nothing old revives."""

    user_name = models.CharField(max_length=254)
    external_id = models.CharField(max_length=255, default="", blank=True)
    email = models.EmailField()
    display_name = models.CharField(max_length=120)
    attributes = models.JSONField(default=dict)  # what else the directory wrote, given back as it came
    active = models.BooleanField(default=True)
    seat = TenantKey(Seat, null=True)  # the present or last one
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "agency",
                Lower("user_name"),
                condition=Q(deleted_at=None),
                name="a_user_name_is_one_person_of_a_directory",
            ),
        ]


class DirectoryGroup(TenantRow):
    """A group of the agency's directory. It gives nothing until somebody here says which role it stands for."""

    display_name = models.CharField(max_length=200)
    external_id = models.CharField(max_length=255, default="", blank=True)
    role = models.CharField(max_length=40, default="", blank=True)
    brand_ids = models.JSONField(default=list)  # empty: the whole agency
    mapped_by_id = models.UUIDField(null=True)  # the seat on whose word members get the role
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)


class DirectoryMembership(TenantRow):
    """A directory's user is in a directory's group; the grants it gave are remembered, to be withdrawn with it."""

    group = TenantKey(DirectoryGroup)
    member = TenantKey(DirectoryUser)
    grant_ids = models.JSONField(default=list)
    # Why the member does not hold the group's role: the code of the refusal; empty: they do, or nothing is due.
    problem = models.CharField(max_length=40, default="", db_default="", blank=True)
    added_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["group", "member"], name="a_group_has_a_member_once"),
        ]


class EventTransmitter(TenantRow):
    """Who may tell this agency security events (Shared Signals Framework): issuer, audience, and where its keys are."""

    name = models.CharField(max_length=120)
    issuer = models.URLField(max_length=300)
    audience = models.CharField(max_length=300)
    jwks_url = models.URLField(max_length=300)
    created_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "issuer"], condition=Q(removed_at=None), name="an_agency_hears_an_issuer_once"
            ),
        ]


class SecurityEvent(TenantRow):
    """A security event token that was taken; its `jti` makes hearing it twice harmless."""

    transmitter = TenantKey(EventTransmitter)
    jti = models.CharField(max_length=255)
    kind = models.CharField(max_length=200)
    seat = TenantKey(Seat, null=True)  # whom it was about, where that is known here
    outcome = models.CharField(max_length=40)
    received_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["transmitter", "jti"], name="an_event_is_taken_once"),
        ]
