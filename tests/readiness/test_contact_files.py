"""Tables and cards: read with each mistake, taken in whole or not at all, written so that they come back alike."""

from __future__ import annotations

from csv import writer
from io import StringIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.models import Event
from permissions.tables import cell
from readiness.cards import NotACard, property_of
from readiness.contact_files import COLUMNS, MOST_ROWS, NotReadable, Row, as_cards, as_cells, read_cards, read_table
from readiness.contact_form import check_contact
from readiness.models import Contact
from tests.cast import Answer, Person, send, walled
from tests.conftest import North

Body = dict[str, Any]
TABLE = """name;organisation;email;mobile;hours;outside;tags
Ana;Daily;ana@x.org; +49 (30) 123-456 ;Mo-Fr 09:00-17:00;yes;press; national
"""
CARDS = """BEGIN:VCARD\r
VERSION:4.0\r
FN:Simon Perreault\r
ORG;TYPE=work:Viagénie;Legal\\, and more\r
item1.EMAIL;PREF=2;TYPE=work:simon@x.ca\r
TEL;VALUE=uri;PREF=1;TYPE="voice,cell":tel:+1-418-656-9254;ext=102\r
TZ:America/Toronto\r
LANG;PREF=1:fr\r
CATEGORIES:a,b\\,c\r
PHOTO:data:image/jpeg;base64,AAAA\r
NOTE:first\\nsec\r
 ond\r
END:VCARD\r
BEGIN:VCARD
VERSION:3.0
N:Doe;Jane;;Dr.;
TEL;TYPE=CELL;TYPE=pref:+49 30 1234567
TEL;WORK:+49 30 7654321
EMAIL;TYPE=INTERNET:jane@x.org
TZ:-05:00
END:VCARD
"""


def faults(row: Row) -> list[tuple[str, str]]:
    return [(fault["field"], fault["code"]) for fault in row.faults]


# -- reading --------------------------------------------------------------------------------------------------------


def test_a_table_is_read_as_people_write_it() -> None:
    table = (
        "\ufeffName,Organisation,Email,Mobile,Hours,Outside,Confirm_days\r\n"
        '"Ana, the first",\'=1+1,ana@x.org; ana@y.org,+49 (30) 123-456,Mo-Fr 09:00-17:00,Yes,\r\n'
        "\r\n"
        "Bo,,,,,,30\r\n"
    )
    ana, bo = read_table(table)
    assert ana.said == {
        "name": "Ana, the first",
        "organisation": "=1+1",
        "channels": [
            {"kind": "email", "address": "ana@x.org"},
            {"kind": "email", "address": "ana@y.org"},
            {"kind": "mobile", "address": "+4930123456"},
        ],
        "hours": [{"days": [0, 1, 2, 3, 4], "starts": "09:00", "ends": "17:00"}],
        "outside": True,
    }
    assert bo.said == {
        "name": "Bo", "organisation": "", "channels": [], "hours": [], "outside": False, "confirm_days": 30,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (";x;;;;", "name"),
        ("Ana;;nobody;;;", "channels.0.address"),
        ("Ana;;;030 12;;", "channels.0.address"),
        ("Ana;;;;nine to five;", "hours"),
        ("Ana;;;;;maybe", "outside"),
        ("Ana;;;;;yes;too;many", "row"),
    ],
)
def test_each_mistake_of_a_row_is_told(line: str, field: str) -> None:
    good, bad = read_table(f"name;organisation;email;mobile;hours;outside\nAna;;;;;\n{line}\n")
    assert faults(good) == []
    assert [where for where, _ in faults(bad)] == [field]
    assert bad.number == 2


@pytest.mark.parametrize(
    "text",
    [
        "", "surname\nAna\n", "name,wild\nAna,x\n", "name,name\nAna,Bo\n", 'name\n"Ana\n',
        "name\n" + "Ana\n" * (MOST_ROWS + 1),
    ],
    ids=["nothing", "no name", "unknown", "twice", "open quote", "too many"],
)  # fmt: skip
def test_what_is_no_table_is_refused(text: str) -> None:
    with pytest.raises(NotReadable):
        read_table(text)


def test_cards_of_other_programs_are_read() -> None:
    simon, jane = read_cards(CARDS)
    assert simon.said == {
        "name": "Simon Perreault",
        "organisation": "Viagénie",
        "department": "Legal, and more",
        "job_title": "",
        "note": "first\nsecond",
        "language": "fr",
        "time_zone": "America/Toronto",
        "tags": ["a", "b,c"],
        "channels": [{"kind": "mobile", "address": "+14186569254"}, {"kind": "email", "address": "simon@x.ca"}],
    }
    assert (jane.said["name"], "time_zone" in jane.said) == ("Dr. Jane Doe", False)
    assert jane.said["channels"] == [
        {"kind": "mobile", "address": "+49301234567"},
        {"kind": "email", "address": "jane@x.org"},
        {"kind": "phone", "address": "+49307654321"},
    ]


def test_each_mistake_of_a_card_is_told() -> None:
    def card(*lines: str) -> Row:
        [row] = read_cards("\n".join(["BEGIN:VCARD", "VERSION:3.0", "FN:A", *lines, "END:VCARD"]))
        return row

    assert faults(card("EMAIL:nobody")) == [("channels.0.address", "not_an_address")]
    assert faults(card("nothing")) == faults(card("TEL;A=b")) == faults(card(":x")) == [("card", "invalid")]
    [old] = read_cards("BEGIN:VCARD\nVERSION:2.1\nN:A\nEND:VCARD")
    [none] = read_cards("BEGIN:VCARD\nVERSION:3.0\nEND:VCARD")
    assert (faults(old), faults(none)) == ([("version", "invalid")], [("name", "required")])
    for text in ("", "FN:A", "BEGIN:VCARD\nFN:A", "BEGIN:VCARD\n" + "X:1\n" * 600 + "END:VCARD"):
        with pytest.raises(NotReadable):
            read_cards(text)


@given(st.text(st.sampled_from('aT;:=",\\.- \t'), max_size=80))
def test_any_line_is_a_property_or_is_refused(line: str) -> None:
    try:
        found = property_of(line)
    except NotACard:
        return
    assert line.endswith(f":{found.value}")


# -- writing and back -----------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=30).map(str.strip)
WRITTEN = st.fixed_dictionaries(
    {
        "id": st.uuids().map(str),
        "name": TEXT.filter(bool),
        "organisation": TEXT,
        "department": TEXT,
        "job_title": TEXT,
        "outside": st.booleans(),
        "language": st.sampled_from(["en", "pt-BR"]),
        "time_zone": st.sampled_from(["UTC", "Asia/Tokyo"]),
        "hours": st.just([{"days": [0, 6], "starts": "22:00", "ends": "06:00"}]) | st.just([]),
        "tags": st.lists(st.sampled_from(["press", "a,b", "ü"]), unique=True),
        "note": st.lists(TEXT, max_size=3).map("\n".join).map(str.strip),
        "legal_basis": st.sampled_from(["consent", "contract"]),
        "confirm_days": st.integers(1, 900),
        "channels": st.lists(
            st.sampled_from(
                [
                    {"kind": "email", "address": "a@x.org"}, {"kind": "email", "address": "b@x.org"},
                    {"kind": "mobile", "address": "+4930123456"}, {"kind": "phone", "address": "+4930123456"},
                    {"kind": "message", "address": "signal:+49,a"},
                ]
            ),
            unique_by=lambda channel: (channel["kind"], channel["address"]),
        ),
    }
)  # fmt: skip


def plain(contact: Body) -> Body:
    """Without what the quote of spreadsheets cannot tell apart: words that begin with a quote of their own."""
    return {key: value.lstrip("'") if isinstance(value, str) else value for key, value in contact.items()}


@settings(max_examples=100, deadline=None, database=None, derandomize=True)
@given(st.lists(WRITTEN.map(plain).filter(lambda c: bool(c["name"].strip())), min_size=1, max_size=3))
def test_what_is_written_as_a_table_is_read_alike(contacts: list[Body]) -> None:
    text = StringIO()
    cells = [[str(cell(value)) for value in as_cells(one)] for one in contacts]
    writer(text).writerows([list(COLUMNS), *cells])
    assert not any(value.startswith(("=", "@")) for row in cells for value in row)
    rows = read_table(text.getvalue())
    for row, contact in zip(rows, contacts, strict=True):
        expected = check_contact({key: value for key, value in contact.items() if key != "id"})
        assert (row.faults, str(row.contact_id)) == ((), contact["id"])
        assert row.said == expected


@settings(max_examples=100, deadline=None, database=None, derandomize=True)
@given(st.lists(WRITTEN, min_size=1, max_size=3), st.sampled_from(["3.0", "4.0"]))
def test_what_is_written_as_cards_is_read_alike(contacts: list[Body], version: str) -> None:
    text = as_cards(contacts, version=version)
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    for row, contact in zip(read_cards(text), contacts, strict=True):
        expected = check_contact(contact)
        assert (row.faults, str(row.contact_id)) == ((), contact["id"])
        same = {"name", "organisation", "department", "job_title", "note", "time_zone", "channels"}
        if version == "3.0":  # says only which channel is preferred
            same -= {"channels"}
            assert row.said["channels"][:1] == expected["channels"][:1]
        assert {key: row.said[key] for key in same} == {key: expected[key] for key in same}


# -- over HTTP ------------------------------------------------------------------------------------------------------


def take_in(person: Person, text: str, brand: object = None, **more: Any) -> Answer:
    body = {"form": "csv", "text": text, "brand": brand and str(brand)}
    return person.post("contacts/import", body | more)


@pytest.mark.django_db
def test_a_table_is_taken_in_and_taken_in_again(north: North, bo: Person) -> None:
    table = "name,email,department\nAna,ana@x.org,Legal\nBo,,Care\n"
    dry = take_in(bo, table, north.aurora.pk, dry_run=True)
    assert (dry.status, dry.body["created"], dry.body["dry_run"]) == (200, 2, True), dry.body
    assert bo.get("contacts").body["items"] == []
    done = take_in(bo, table, north.aurora.pk)
    assert [(row["row"], row["outcome"]) for row in done.body["rows"]] == [(1, "created"), (2, "created")]
    ana = done.body["rows"][0]["contact"]
    assert bo.get(f"contacts/{ana}").body["channels"][0]["address"] == "ana@x.org"
    again = take_in(bo, "name,email,department\nAna,ANA@x.org,Legal\n", north.aurora.pk)
    assert [(row["outcome"], row["contact"]) for row in again.body["rows"]] == [("changed", ana)]
    changed = take_in(bo, "name,email,department\nAna,ANA@x.org,Press\nCy,cy@x.org,\n", north.aurora.pk)
    assert (changed.body["changed"], changed.body["created"], changed.body["unchanged"]) == (1, 1, 0)
    assert bo.get(f"contacts/{ana}").body["department"] == "Press"
    assert take_in(bo, "name,email\nAna,ANA@x.org\n", north.aurora.pk).body["unchanged"] == 1
    with walled(north.agency):
        imported = list(Event.objects.filter(name="contact.imported").order_by("seq"))
        assert [(event.brand_id, event.facts) for event in imported][:2] == [
            (north.aurora.pk, {"created": 2, "changed": 0}),
            (north.aurora.pk, {"created": 0, "changed": 1}),
        ]
        assert not Event.objects.filter(name="contact.added").exists()


@pytest.mark.django_db
def test_a_file_with_a_mistake_changes_nothing(north: North, bo: Person) -> None:
    take_in(bo, "name,email\nOne,one@x.org\nTwo,two@x.org\n", north.aurora.pk)
    table = "name,email\nAna,ana@x.org\nBo,nobody\nCy,ANA@x.org\nBoth,one@x.org; two@x.org\nOne,one@x.org\n"
    answer = take_in(bo, table, north.aurora.pk)
    assert (answer.status, answer.code) == (400, "invalid")
    expected = [
        ("rows.2.channels.0.address", "not_an_address"),
        ("rows.3.row", "duplicate"),
        ("rows.4.channels", "address_taken"),
        ("rows.5.row", "duplicate"),
    ]
    assert [(error["field"], error["code"]) for error in answer.body["errors"]] == expected
    dry = take_in(bo, table, north.aurora.pk, dry_run=True)
    assert [(error["field"], error["code"]) for error in dry.body["errors"]] == expected
    assert [row["row"] for row in dry.body["rows"]] == [1]
    assert len(bo.get("contacts").body["items"]) == 2
    broken = take_in(bo, "surname\nAna\n", north.aurora.pk)
    assert [(error["field"], error["code"]) for error in broken.body["errors"]] == [("text", "not_readable")]
    assert take_in(bo, "FN:A", north.aurora.pk, form="vcard").body["errors"][0]["field"] == "text"


@pytest.mark.django_db
@pytest.mark.parametrize("form", ["csv", "vcard4"])
def test_what_is_exported_comes_back_unchanged(north: North, bo: Person, form: str) -> None:
    body = {
        "brand": str(north.aurora.pk), "name": "=Ana", "department": "-1", "outside": True, "note": "@home\nsecond",
        "hours": [{"days": [0], "starts": "09:00", "ends": "17:00"}], "tags": ["a", "b"],
        "channels": [{"kind": "mobile", "address": "+4930123456"}, {"kind": "email", "address": "a@x.org"}],
    }  # fmt: skip
    bo.post("contacts", body)
    bo.post("contacts", {"brand": str(north.aurora.pk), "name": "Without an address"})
    before = bo.get("contacts").body
    file = bo.get(f"contacts/export?form={form}")
    assert file.status == 200, file.body
    text = file.body.decode()
    assert file.headers["Cache-Control"] == "no-store"
    if form == "csv":
        assert "'=Ana" in text
        assert "mobile:+4930123456; email:a@x.org" in text
    back = take_in(bo, text, north.aurora.pk, form=form.rstrip("4"))
    assert (back.body["unchanged"], back.body["created"]) == (2, 0), back.body
    assert bo.get("contacts").body == before
    with walled(north.agency):
        event = Event.objects.get(name="contact.exported")
        assert (event.facts, event.actor_id) == ({"form": form, "contacts": 2}, bo.seat.pk)


@pytest.mark.django_db
def test_an_export_holds_what_one_may_write(north: North, ana: Person, bo: Person, eve: Person) -> None:
    ana.post("contacts", {"name": "House"})
    ana.post("contacts", {"name": "Boreal", "brand": str(north.borealis.pk)})
    bo.post("contacts", {"name": "Auroral", "brand": str(north.aurora.pk)})
    assert [row.said["name"] for row in read_table(bo.get("contacts/export").body.decode())] == ["Auroral"]
    everything = read_table(ana.get("contacts/export").body.decode())
    assert [row.said["name"] for row in everything] == ["Auroral", "Boreal", "House"]
    cards = ana.get(f"contacts/export?form=vcard3&brand={north.borealis.pk}")
    assert [row.said["name"] for row in read_cards(cards.body.decode())] == ["Boreal"]
    assert eve.get("/v1/agencies/north/contacts/export").status == 404
    assert eve.post("/v1/agencies/north/contacts/import", {}).status == 404
    assert send("GET", "/v1/agencies/north/contacts/export").status == 401
    assert take_in(bo, "name\nA\n").status == 403
    assert take_in(bo, "name\nA\n", north.borealis.pk).body["errors"][0]["field"] == "brand"


@pytest.mark.django_db
def test_another_agencys_ids_in_a_file_mean_nothing(north: North, ana: Person, eve: Person) -> None:
    foreign = eve.post("contacts", {"name": "Foreign"})
    assert foreign.status == 201, foreign.body
    done = take_in(ana, f"id,name\n{foreign.body['id']},Mine\n")
    assert done.body["created"] == 1
    assert eve.get(f"contacts/{foreign.body['id']}").body["name"] == "Foreign"
    with walled(north.agency):
        assert Contact.objects.get().name == "Mine"
