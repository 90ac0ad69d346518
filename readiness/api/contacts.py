"""The contact book over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Because, Flag, Shape
from core.refusals import Invalid
from permissions import gate
from permissions.needs import Need
from permissions.schema import SEEN
from permissions.tables import table
from permissions.viewset import ReadViews
from readiness.actions import (
    add_contact,
    ask_contact,
    change_contact,
    confirm_contact,
    import_contacts,
    note_export,
    note_reached,
    remove_contact,
)
from readiness.contact_files import COLUMNS, NotReadable, as_cards, as_cells, read_cards, read_table
from readiness.contact_form import LONGEST, MOST_CHANNELS, MOST_CONFIRM_DAYS, MOST_HOURS, MOST_TAGS, hint, reached_at
from readiness.models import Contact, ContactChannel
from readiness.queries.contacts import as_said, confirmed_at, with_channels
from readiness.queries.sharing import visible_or_shared
from readiness.states import ChannelKind, LegalBasis
from tenants.models import Brand, Seat

LONGEST_FILE = 900_000
FORMS = {"csv": "A table (CSV).", "vcard3": "Cards (vCard 3.0).", "vcard4": "Cards (vCard 4.0)."}


class ChannelLine(serializers.ModelSerializer[ContactChannel]):
    address_hint = serializers.SerializerMethodField(help_text="Enough to recognise the address.")

    class Meta:
        model = ContactChannel
        fields = ["id", "kind", "position", "address_hint", "proved_at", "proved_by_id", "failed_at"]

    def get_address_hint(self, channel: ContactChannel) -> str:
        return hint(channel.kind, channel.address)


class ContactChannelView(ChannelLine):
    address = serializers.CharField(read_only=True)

    class Meta(ChannelLine.Meta):
        fields = [*ChannelLine.Meta.fields, "address"]


class HoursShape(Shape):
    days = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=6), max_length=7, help_text="Monday is 0."
    )
    starts = serializers.CharField(max_length=5, help_text="On their own clock, as in `09:00`.")
    ends = serializers.CharField(max_length=5, help_text="Not later than `starts`: on the next day.")


class ContactLine(serializers.ModelSerializer[Contact]):
    channels = ChannelLine(
        many=True, read_only=True, source="in_order", help_text="In the order in which they are tried."
    )
    hours = HoursShape(many=True, read_only=True)
    reached_now = serializers.SerializerMethodField(help_text="Whether now is within their hours.")
    confirmed = serializers.SerializerMethodField(help_text="Whether somebody has confirmed the entry in time.")

    class Meta:
        model = Contact
        fields = [
            "id", "brand", "name", "organisation", "department", "job_title", "outside", "seat", "language",
            "time_zone", "hours", "reached_now", "tags", "channels", "confirmed", "confirmed_at", "confirm_due_at",
            "version",
        ]  # fmt: skip

    @property
    def _now(self) -> datetime:
        now: datetime = self.context["view"].now
        return now

    def get_reached_now(self, contact: Contact) -> bool:
        return reached_at(contact.hours, contact.time_zone, self._now)

    def get_confirmed(self, contact: Contact) -> bool:
        return contact.confirmed_at is not None and contact.confirm_due_at > self._now


class ContactView(ContactLine):
    channels = ContactChannelView(
        many=True, read_only=True, source="in_order", help_text="In the order in which they are tried."
    )
    note = serializers.CharField(read_only=True, allow_null=True)

    class Meta(ContactLine.Meta):
        fields = [*ContactLine.Meta.fields, "note", "legal_basis", "confirm_days", "created_at", "asked_at"]


class ContactChannelShape(Shape):
    kind = serializers.ChoiceField(choices=ChannelKind.choices)
    address = serializers.CharField(
        max_length=LONGEST["address"],
        help_text="An e-mail address; a number with its country, as `+4930901820`; a messenger and a name there.",
    )


class ContactChange(Shape):
    name = serializers.CharField(max_length=LONGEST["name"], required=False)
    organisation = serializers.CharField(max_length=LONGEST["organisation"], required=False, allow_blank=True)
    department = serializers.CharField(max_length=LONGEST["department"], required=False, allow_blank=True)
    job_title = serializers.CharField(max_length=LONGEST["job_title"], required=False, allow_blank=True)
    outside = serializers.BooleanField(required=False, help_text="Neither of the agency nor of the client.")
    seat = serializers.UUIDField(required=False, allow_null=True, help_text="Who of the people here they are.")
    language = serializers.CharField(max_length=12, required=False)
    time_zone = serializers.CharField(max_length=64, required=False)
    hours = HoursShape(many=True, required=False, max_length=MOST_HOURS)  # type: ignore[call-arg] # a list's
    tags = serializers.ListField(
        child=serializers.CharField(max_length=LONGEST["tag"]), required=False, max_length=MOST_TAGS
    )
    note = serializers.CharField(max_length=LONGEST["note"], required=False, allow_blank=True)
    legal_basis = serializers.ChoiceField(
        choices=LegalBasis.choices, required=False, help_text="Why data about them may be kept (GDPR, article 6)."
    )
    confirm_days = serializers.IntegerField(min_value=1, max_value=MOST_CONFIRM_DAYS, required=False)
    channels = ContactChannelShape(  # type: ignore[call-arg] # a list's
        many=True, required=False, max_length=MOST_CHANNELS, help_text="All of them, in the order of trying."
    )


class NewContact(ContactChange):
    brand = serializers.UUIDField(required=False, allow_null=True, help_text="Null for all brands of the agency.")
    name = serializers.CharField(max_length=LONGEST["name"])


class ReachedShape(Shape):
    channel = serializers.UUIDField()
    reached = serializers.BooleanField(help_text="Whether it led to them.")


class ContactsWanted(Shape):
    brand = serializers.UUIDField(required=False)
    department = serializers.CharField(max_length=80, required=False)
    outside = Flag(required=False)
    tag = serializers.CharField(max_length=40, required=False)
    confirmed = Flag(required=False, help_text="Whether somebody has confirmed the entry in time.")
    search = serializers.CharField(max_length=80, required=False, help_text="Part of a name or an organisation.")


class ContactImport(Shape):
    brand = serializers.UUIDField(required=False, allow_null=True, help_text="Null for all brands of the agency.")
    form = serializers.ChoiceField(choices=["csv", "vcard"])
    text = serializers.CharField(max_length=LONGEST_FILE, trim_whitespace=False)
    dry_run = serializers.BooleanField(default=False, help_text="Only tell what would become of each row.")


class ImportedRow(serializers.Serializer[Any]):
    row = serializers.IntegerField(help_text="From 1; the head of a table is not counted.")
    outcome = serializers.ChoiceField(choices=["created", "changed", "unchanged"])
    contact = serializers.UUIDField(allow_null=True, help_text="Null in a dry run for whoever is not there yet.")


class ImportFault(serializers.Serializer[Any]):
    field = serializers.CharField(help_text="As in `rows.3.channels.0.address`.")
    code = serializers.CharField()
    detail = serializers.CharField()


class ImportedContacts(serializers.Serializer[Any]):
    dry_run = serializers.BooleanField()
    created = serializers.IntegerField()
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    rows = ImportedRow(many=True)
    errors = ImportFault(  # type: ignore[assignment] # DRF takes fields off the class
        many=True, help_text="In a dry run; without one they are the problem's."
    )


class ContactExport(Shape):
    form = serializers.ChoiceField(choices=list(FORMS.items()), default="csv")
    brand = serializers.UUIDField(required=False)


class Contacts(ReadViews):
    """Who is called when it burns. A list shows hints, a contact its addresses."""

    sees = Need.CONTACTS_READ
    needs: ClassVar[Any] = {
        "list": Need.CONTACTS_READ,
        "retrieve": Need.CONTACTS_READ,
        "create": Need.CONTACTS_WRITE,
        "partial_update": Need.CONTACTS_WRITE,
        "remove": Need.CONTACTS_WRITE,
        "reached": Need.CONTACTS_READ,
        "confirm": Need.CONTACTS_WRITE,
        "ask": Need.CONTACTS_WRITE,
        "import_file": Need.CONTACTS_WRITE,
        "export": Need.CONTACTS_WRITE,
    }
    serializer_class = ContactView
    keyset = ("name", "id")

    def rows(self) -> Any:
        return Contact.objects.filter(removed_at=None)

    def get_queryset(self) -> QuerySet[Any]:
        return visible_or_shared(self.rows(), to=self.caller, need=self.sees)

    @extend_schema(parameters=[ContactsWanted], responses=ContactLine(many=True))
    def list(self, _request: Request, **_: Any) -> Response:
        """By name. `brand` leaves out those of other brands, and those of none."""
        wanted = self.asked(ContactsWanted)
        rows = with_channels(self.get_queryset())
        if (confirmed := wanted.pop("confirmed", None)) is not None:
            rows = rows.filter(confirmed_at(self.now)) if confirmed else rows.exclude(confirmed_at(self.now))
        if (tag := wanted.pop("tag", None)) is not None:
            rows = rows.filter(tags__contains=[tag])
        if (department := wanted.pop("department", None)) is not None:
            rows = rows.filter(department__iexact=department)
        if (part := wanted.pop("search", None)) is not None:
            rows = rows.filter(Q(name__icontains=part) | Q(organisation__icontains=part))
        return self.show_page(rows.filter(**wanted), ContactLine)

    @extend_schema(request=NewContact, responses={201: ContactView})
    def create(self, _request: Request, **_: Any) -> Response:
        """Somebody is in the book. One of all brands needs `contacts.write` for the whole agency."""
        wanted = self.read(NewContact)
        brand_id = self._place(wanted.pop("brand", None))
        seat_id = self._seat(wanted.pop("seat", None))
        return self.show_created(add_contact(brand_id=brand_id, said=wanted, seat_id=seat_id, **self.told))

    def _place(self, brand_id: Any) -> Any:
        """The brand that the body names, None for all; 403 without `contacts.write` there."""
        brand = brand_id and self.named(Brand.objects.all(), brand_id, field="brand", sees=Need.BRANDS_READ)
        self.require(Need.CONTACTS_WRITE, brand or None)
        return brand_id

    def _seat(self, seat_id: Any) -> Any:
        if seat_id is not None:
            self.named(Seat.objects.all().active(), seat_id, field="seat", sees=Need.SEATS_READ)
        return seat_id

    @extend_schema(parameters=[SEEN], request=ContactChange, responses=ContactView)
    def partial_update(self, _request: Request, **_: Any) -> Response:
        """Change what is named. Channels are named all; one that stays keeps what is known of it."""
        contact: Contact = self.subject(seen=True)
        wanted = self.read(ContactChange, partial=True)
        forget = "seat" in wanted and wanted["seat"] is None
        seat_id = self._seat(wanted.pop("seat", None))
        return self.show(
            change_contact(contact_id=contact.pk, said=wanted, seat_id=seat_id, forget_seat=forget, **self.told)
        )

    @extend_schema(parameters=[SEEN], request=Because, responses={204: None})
    @action(detail=True, methods=["post"])
    def remove(self, _request: Request, **_: Any) -> Response:
        """They are in the book no more, and what it knew of them is erased."""
        contact: Contact = self.subject(seen=True)
        remove_contact(contact_id=contact.pk, **self.read(Because), **self.told)
        return Response(status=204)

    @extend_schema(request=ReachedShape, responses=ContactView)
    @action(detail=True, methods=["post"])
    def reached(self, _request: Request, **_: Any) -> Response:
        """Say whether a channel led to them: what was proved lately is what one tries first at night."""
        contact: Contact = self.subject()
        wanted = self.read(ReachedShape)
        if not ContactChannel.objects.filter(contact=contact, pk=wanted["channel"]).exists():
            detail = "The contact has no such channel."
            raise Invalid(detail, errors=[{"field": "channel", "code": "does_not_exist", "detail": detail}])
        return self.show(
            note_reached(contact_id=contact.pk, channel_id=wanted["channel"], reached=wanted["reached"], **self.told)
        )

    @extend_schema(parameters=[SEEN], request=None, responses=ContactView)
    @action(detail=True, methods=["post"])
    def confirm(self, _request: Request, **_: Any) -> Response:
        """Say that you have asked them, and that the entry is right."""
        contact: Contact = self.subject(seen=True)
        return self.show(confirm_contact(contact_id=contact.pk, **self.told))

    @extend_schema(request=None, responses=ContactView)
    @action(detail=True, methods=["post"])
    def ask(self, _request: Request, **_: Any) -> Response:
        """Write to them, with a link by which they confirm the entry themselves."""
        return self.show(ask_contact(contact_id=self.subject().pk, **self.told))

    @extend_schema(request=ContactImport, responses=ImportedContacts)
    @action(detail=False, methods=["post"], url_path="import")
    def import_file(self, _request: Request, **_: Any) -> Response:
        """Take a table or cards in, whole or not at all. Whoever is there already is known by their e-mail address."""
        wanted = self.read(ContactImport)
        brand_id = self._place(wanted.get("brand"))
        try:
            rows = (read_table if wanted["form"] == "csv" else read_cards)(wanted["text"])
        except NotReadable as wrong:
            raise Invalid(errors=[{"field": "text", "code": "not_readable", "detail": str(wrong)}]) from wrong
        done = import_contacts(brand_id=brand_id, rows=rows, dry_run=wanted["dry_run"], **self.told)
        told = {
            "dry_run": wanted["dry_run"],
            **{outcome: done.count(outcome) for outcome in ("created", "changed", "unchanged")},
            "rows": [{"row": row, "outcome": outcome, "contact": contact} for row, outcome, contact in done.rows],
            "errors": done.errors,
        }
        return Response(ImportedContacts(told).data)

    @extend_schema(
        parameters=[ContactExport],
        operation_id="contacts_export",
        responses={
            (200, "text/csv"): OpenApiResponse(OpenApiTypes.STR),
            (200, "text/vcard"): OpenApiResponse(OpenApiTypes.STR),
        },
    )
    @action(detail=False, methods=["get"], pagination_class=None)
    def export(self, _request: Request, **_: Any) -> HttpResponse:
        """The contacts that you may write, with their addresses. The trail says who took them out."""
        wanted = self.asked(ContactExport)
        form = wanted.pop("form")
        rows = gate.visible(self.rows(), to=self.caller, need=Need.CONTACTS_WRITE).filter(**wanted)
        contacts = [as_said(contact) for contact in with_channels(rows.order_by("name", "pk"))]
        note_export(form=form, contacts=len(contacts), **self.told)
        if form == "csv":
            return table("contacts", COLUMNS, [as_cells(contact) for contact in contacts])
        return HttpResponse(
            as_cards(contacts, version="3.0" if form == "vcard3" else "4.0"),
            content_type="text/vcard; charset=utf-8",
            headers={
                "Content-Disposition": 'attachment; filename="contacts.vcf"',
                "Cache-Control": "no-store",
                "X-Content-Type-Options": "nosniff",
            },
        )


routes = [("contacts", Contacts, "contact")]
