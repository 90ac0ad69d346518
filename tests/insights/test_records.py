"""The audit trail and the work that failed."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from incidents.models import Incident
from jobs.models import Job
from tenants.models import Agency
from tests.cast import Person, events_of
from tests.conftest import North

pytestmark = pytest.mark.django_db


def dead(agency: Agency, state: str = "DEAD", key: str = "k") -> Job:
    now = timezone.now()
    return Job.objects.create(
        handler="incidents.breach_clock",
        key=key,
        agency_id=agency.pk,
        args={},
        queue="alerts",
        due_at=now,
        state=state,
        attempts=8,
        max_attempts=8,
        last_error="Boom",
        created_at=now,
        finished_at=now + timedelta(seconds=1),
    )


def test_the_trail_is_newest_first_and_can_be_narrowed(crisis: Incident, lea: Person) -> None:
    items = lea.get("events?limit=100").body["items"]
    seqs = [event["seq"] for event in items]
    assert seqs == sorted(seqs, reverse=True)
    one = lea.get("events?name=incident.activated").body["items"]
    assert [(e["subject_id"], e["brand_id"]) for e in one] == [(str(crisis.pk), str(crisis.brand_id))]
    assert {e["incident_id"] for e in lea.get(f"events?incident={crisis.pk}").body["items"]} == {str(crisis.pk)}
    assert len(lea.get(f"events?subject={crisis.pk}").body["items"]) == 2
    assert lea.get(f"events?brand={crisis.pk}").body["items"] == []
    assert lea.get("events?name=nonsense").status == 400


def test_pages_of_the_trail_join_without_gap_or_double(crisis: Incident, lea: Person) -> None:
    whole = [e["seq"] for e in lea.get("events?limit=100").body["items"]]
    seen, cursor = [], ""
    while cursor is not None:
        page = lea.get(f"events?limit=7{f'&cursor={cursor}' if cursor else ''}").body
        seen += [e["seq"] for e in page["items"]]
        cursor = page["next"]
    assert seen == whole


def test_the_trail_is_for_those_who_may_audit(crisis: Incident, bo: Person, cy: Person, eve: Person) -> None:
    assert bo.get("events").code == "not_allowed"
    assert cy.get("events").code == "not_allowed"
    assert eve.get("/v1/agencies/north/events").status == 404
    assert all(e["incident_id"] is None for e in eve.get("events").body["items"])


def test_the_trail_costs_the_same_queries_whatever_its_length(
    crisis: Incident, lea: Person, django_assert_max_num_queries: object
) -> None:
    counts = []
    for limit in (1, 1, 50):
        with django_assert_max_num_queries(20) as counted:  # type: ignore[operator]
            assert lea.get(f"events?limit={limit}").status == 200
        counts.append(len(counted))
    assert counts[1] == counts[2]
    assert counts[2] <= 15


def test_dead_work_is_seen_and_put_back(north: North, ana: Person) -> None:
    job = dead(north.agency)
    [shown] = ana.get("dead-jobs").body["items"]
    assert (shown["id"], shown["state"], shown["last_error"]) == (str(job.pk), "DEAD", "Boom")
    answer = ana.post(f"dead-jobs/{job.pk}/replay")
    assert (answer.status, answer.body["state"], answer.body["attempts"]) == (200, "READY", 0)
    assert events_of(job, agency_id=north.agency.pk) == [
        ("job.replayed", str(ana.actor), {"handler": "incidents.breach_clock"})
    ]
    assert ana.get("dead-jobs").body["items"] == []
    assert ana.get(f"dead-jobs/{job.pk}").status == 404


def test_what_was_lost_past_its_point_of_no_return_is_never_run_again(north: North, ana: Person) -> None:
    job = dead(north.agency, "INTERRUPTED")
    refused = ana.post(f"dead-jobs/{job.pk}/replay")
    assert (refused.status, refused.code) == (409, "not_replayable")
    assert [row["state"] for row in ana.get("dead-jobs?state=INTERRUPTED").body["items"]] == ["INTERRUPTED"]
    assert ana.get("dead-jobs?state=DEAD").body["items"] == []


def test_dead_work_of_another_agency_is_not_there(
    north: North, south: Agency, ana: Person, lea: Person, eve: Person
) -> None:
    ours, theirs = dead(north.agency), dead(south, key="other")
    assert [row["id"] for row in ana.get("dead-jobs").body["items"]] == [str(ours.pk)]
    assert ana.post(f"dead-jobs/{theirs.pk}/replay").status == 404
    assert lea.get("dead-jobs").code == "not_allowed"
    assert eve.get("/v1/agencies/north/dead-jobs").status == 404
    assert eve.post(f"/v1/agencies/north/dead-jobs/{ours.pk}/replay").status == 404
    assert eve.get(f"dead-jobs/{ours.pk}").status == 404
    assert Job.objects.get(pk=UUID(str(ours.pk))).state == "DEAD"
