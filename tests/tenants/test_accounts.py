"""Social accounts: how the connection does, how old its credentials are, who reaches it, and letting go."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from time_machine import travel

from tenants.actions.accounts import note_health
from tenants.models import SocialAccount
from tenants.states import Health
from tests.cast import SETTING_THE_STAGE, Person, add_account, events_of, run_due_jobs, seat_person, walled
from tests.conftest import North

pytestmark = pytest.mark.django_db
SECRET = "tok-3f9c1e7a"


def connected(north: North, by: Person, handle: str = "@aurora-shop") -> dict[str, object]:
    body = {"brand": str(north.aurora.pk), "network": "sandbox", "handle": handle, "credentials": {"token": SECRET}}
    answer = by.post("accounts", body)
    assert answer.status == 201, answer.body
    shown: dict[str, object] = answer.body
    return shown


def test_no_answer_shows_a_credential(north: North, lea: Person) -> None:
    account = connected(north, lea)
    answers = [account, lea.get(f"accounts/{account['id']}").body, lea.get("accounts").body]
    assert SECRET not in str(answers)
    assert not [key for key in account if key == "credentials" or "token" in key or "secret" in key]
    with connection.cursor() as cursor, walled(north.agency):
        cursor.execute("SELECT credentials::text FROM tenants_socialaccount WHERE id = %s", [account["id"]])
        assert SECRET not in cursor.fetchone()[0]


def test_an_account_tells_the_age_of_its_credentials(north: North, lea: Person, now: object) -> None:
    account = connected(north, lea)
    with travel(timedelta(days=3), tick=False):
        aged = lea.get(f"accounts/{account['id']}")
        assert aged.body["credentials_age_seconds"] == pytest.approx(3 * 86_400, abs=60)
        renewed = lea.post(
            f"accounts/{account['id']}/credentials", {"credentials": {"token": "new"}}, If_Match=aged.etag
        )
        assert (renewed.status, renewed.body["credentials_age_seconds"], renewed.body["health"]) == (200, 0, "unknown")
    assert lea.post(f"accounts/{account['id']}/credentials", {"credentials": {}}, If_Match=aged.etag).code == "stale"


def test_it_counts_the_people_who_reach_it(north: North, lea: Person, bo: Person, now: object) -> None:
    """Lea by the whole agency, Bo by the brand; a third who works on the other brand does not."""
    seat_person(north.agency, "kim", "responder", brands=[north.borealis], at=north.agency.created_at)
    shown = {a["handle"]: a["people_with_reach"] for a in lea.get("accounts").body["items"]}
    assert shown == {"@aurora": 2, "@borealis": 2}
    bo_only = bo.get("accounts").body["items"]
    assert [(a["handle"], a["people_with_reach"]) for a in bo_only] == [("@aurora", 2)]


def test_accounts_are_listed_in_a_constant_number_of_queries(
    north: North, lea: Person, django_assert_max_num_queries: object
) -> None:
    for number in range(5):
        add_account(north.aurora, f"@more-{number}", north.agency.created_at)
    counts = []
    for limit in (1, 1, 50):
        with django_assert_max_num_queries(20) as counted:  # type: ignore[operator]
            assert lea.get(f"accounts?limit={limit}").status == 200
        counts.append(len(counted))
    assert counts[1] == counts[2]


def test_how_the_network_took_a_post_shows_on_the_account(north: North, lea: Person, bo: Person) -> None:
    answer = bo.post(
        "posts",
        {
            "account": str(north.aurora_account.pk),
            "text": "Good morning",
            "scheduled_at": north.agency.created_at.isoformat(),
        },
    )
    assert answer.status == 201, answer.body
    run_due_jobs()
    shown = lea.get(f"accounts/{north.aurora_account.pk}").body
    assert (shown["health"], shown["health_detail"]) == ("ok", "")
    assert events_of(north.aurora_account)[-1][0] == "account.health_changed"


def test_health_is_news_only_when_it_changes(north: North, now: object) -> None:
    with walled(north.agency):
        for _ in range(2):
            note_health(
                account_id=north.aurora_account.pk, health=Health.REFUSED, detail="bad_credentials",
                by=SETTING_THE_STAGE, at=north.agency.created_at,
            )  # fmt: skip
    news = [facts for name, _, facts in events_of(north.aurora_account) if name == "account.health_changed"]
    assert news == [{"before": "unknown", "after": "refused"}]


def test_a_disconnected_account_forgets_its_credentials_and_frees_its_handle(north: North, lea: Person) -> None:
    account = connected(north, lea)
    answer = lea.post(f"accounts/{account['id']}/disconnect", {"reason": "the client closed it"})
    assert (answer.status, answer.body["disconnected_at"] is not None) == (200, True)
    with walled(north.agency):
        assert SocialAccount.objects.get(pk=account["id"]).credentials is None
    assert lea.post(f"accounts/{account['id']}/disconnect", {"reason": "again"}).code == "account_disconnected"
    assert connected(north, lea)["id"] != account["id"]


def test_a_connected_account_is_not_connected_again(north: North, lea: Person) -> None:
    connected(north, lea)
    body = {"brand": str(north.aurora.pk), "network": "sandbox", "handle": "@aurora-shop"}
    assert lea.post("accounts", body).code == "account_known"


def test_nobody_else_lets_go_of_an_account(north: North, bo: Person, eve: Person) -> None:
    url = f"accounts/{north.aurora_account.pk}"
    for act in ("disconnect", "credentials"):
        assert bo.post(f"{url}/{act}", {"reason": "x"}, If_Match='"1"').status == 403
        assert eve.post(f"/v1/agencies/north/{url}/{act}", {"reason": "x"}, If_Match='"1"').status == 404
        assert eve.post(f"{url}/{act}", {"reason": "x"}, If_Match='"1"').status == 404
