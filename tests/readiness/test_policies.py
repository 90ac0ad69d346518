"""Social media policies over HTTP: drafts, versions, what they say of a text, and who sees which part."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import DatabaseError, connection

from readiness.models import Policy, PolicyVersion
from readiness.policy_rules import Context
from readiness.queries.policies import policies_for
from tests.cast import Answer, Person, events_of, key_of, walled
from tests.conftest import North

pytestmark = pytest.mark.django_db
Body = dict[str, Any]
CHAPTERS = [
    {"chapter": "copyright", "title": "What others made", "text": "Ask, and name them."},
    {"chapter": "privacy", "title": "People", "text": "No names of customers."},
    {"chapter": "confidentiality", "title": "Secrets", "text": "Nothing before it is announced."},
    {"chapter": "brand_voice", "title": "How we speak", "text": "Plainly."},
    {"chapter": "free", "title": "At weekends", "text": "As on any day."},
]
PROMISES = {"id": "no-promises", "kind": "banned", "severity": "block", "words": ["guarantee*"]}
SECRETS = {"id": "secrets", "kind": "confidential", "severity": "block", "names": ["Project Falcon", "Ida Red"]}
TONE = {"id": "tone", "kind": "tone", "severity": "advise", "words": [{"word": "cheap", "instead": "good value"}]}
DRAFT: Body = {"chapters": CHAPTERS, "rules": [PROMISES, SECRETS, TONE], "audience": {"who": [{"role": "responder"}]}}


def published(person: Person, policy: Answer, draft: Body | None = None, **more: Any) -> Answer:
    """The next version of a policy, from a draft when one is given."""
    path = f"policies/{policy.body['id']}"
    if draft is not None:
        assert person.patch(path, {"draft": draft}, If_Match=person.get(path).etag).status == 200
    answer = person.post(f"{path}/publish", more, If_Match=person.get(path).etag)
    assert answer.status == 201, answer.body
    return answer


@pytest.fixture
def policy(north: North, lea: Person) -> Answer:
    """A policy of brand aurora with a draft."""
    return lea.post("policies", {"brand": str(north.aurora.pk), "name": "Social media", "draft": DRAFT})


def check(person: Person, brand: object, text: str, **context: Any) -> Answer:
    return person.post("policies/check", {"brand": str(brand), "text": text, "context": context})


def test_what_is_drafted_holds_when_it_is_published(north: North, lea: Person, policy: Answer) -> None:
    assert (policy.status, policy.body["number"], policy.body["drafted"]) == (201, 0, True), policy.body
    assert policy.body["draft"] == DRAFT | {"audience": {"who": [{"role": "responder"}], "due_days": 14}}
    text = "We guarantee it."
    assert check(lea, north.aurora.pk, text).body["findings"] == []
    version = published(lea, policy)
    assert (version.body["number"], version.body["rules"]) == (1, DRAFT["rules"])
    assert version.body["chapters"] == CHAPTERS
    assert lea.get(f"policy-versions/{version.body['id']}").body == version.body
    checked = check(lea, north.aurora.pk, text)
    assert checked.status == 200, checked.body
    assert checked.body == {
        "blocked": True,
        "findings": [
            {
                "version_id": version.body["id"], "rule": "no-promises", "kind": "banned", "severity": "block",
                "start": 3, "end": 12, "advice": "Say it without these words.",
            }
        ],
        "undecided": [],
        "policies": [
            {"policy": policy.body["id"], "version": version.body["id"], "name": "Social media", "number": 1}
        ],
    }  # fmt: skip
    assert check(lea, north.borealis.pk, text).body["policies"] == []
    with walled(north.agency):
        row = Policy.objects.found(policy.body["id"])
    assert events_of(row) == [
        ("policy.created", f"seat:{lea.seat.pk}", {"name": "Social media"}),
        (
            "policy.published",
            f"seat:{lea.seat.pk}",
            {
                "name": "Social media", "number": 1, "version_id": version.body["id"], "asks_again": True, "rules": 3,
            },
        ),
    ]  # fmt: skip


def test_a_brand_keeps_to_its_own_and_to_its_agencys_policies(north: North, ana: Person, bo: Person) -> None:
    whole = ana.post("policies", {"name": "House", "draft": {"rules": [PROMISES]}})
    assert (whole.status, whole.body["brand"]) == (201, None), whole.body
    published(ana, whole)
    own = ana.post("policies", {"brand": str(north.aurora.pk), "name": "Aurora", "draft": {"rules": [TONE]}})
    published(ana, own)
    found = check(bo, north.aurora.pk, "Cheap, guaranteed").body
    assert [(f["rule"], f["severity"]) for f in found["findings"]] == [("tone", "advise"), ("no-promises", "block")]
    in_force = bo.get(f"policies/in-force?brand={north.aurora.pk}").body
    assert [(one["name"], one["brand"]) for one in in_force] == [("House", None), ("Aurora", str(north.aurora.pk))]
    assert [one["name"] for one in bo.get("policies").body["items"]] == ["Aurora", "House"]
    assert bo.get(f"policies/{whole.body['id']}").status == 200
    with walled(north.agency):
        assert [v.policy.name for v in policies_for(north.borealis.pk).versions] == ["House"]
    assert check(bo, north.borealis.pk, "x").body["errors"][0]["field"] == "brand"


def test_the_newest_version_counts_and_the_old_ones_stay(north: North, lea: Person, policy: Answer) -> None:
    first = published(lea, policy)
    draft = DRAFT | {"rules": [PROMISES | {"words": ["guarantee*", "promise"]}, SECRETS], "chapters": CHAPTERS[:4]}
    path = f"policies/{policy.body['id']}"
    lea.patch(path, {"draft": draft}, If_Match=lea.get(path).etag)
    changes = [
        {"path": "chapters[At weekends]", "change": "removed", "before": CHAPTERS[4], "after": None},
        {"path": "rules.no-promises.words[promise]", "change": "added", "before": None, "after": "promise"},
        {"path": "rules.tone", "change": "removed", "before": TONE, "after": None},
    ]
    assert lea.get(f"{path}/diff").body == {"before": first.body["id"], "changes": changes}
    second = published(lea, policy)
    assert lea.get(f"policy-versions/{second.body['id']}/diff").body == {
        "before": first.body["id"], "changes": changes,
    }  # fmt: skip
    back = lea.get(f"policy-versions/{first.body['id']}/diff?against={second.body['id']}").body["changes"]
    assert [one["change"] for one in back] == ["added", "removed", "added"]
    assert lea.get(f"policy-versions/{first.body['id']}/diff").body["before"] is None
    other = lea.get(f"policy-versions/{first.body['id']}/diff?against={north.aurora.pk}")
    assert other.body["errors"][0]["field"] == "against"
    listed = lea.get(f"policy-versions?policy={policy.body['id']}").body["items"]
    assert [(one["number"], "rules" in one) for one in listed] == [(2, False), (1, False)]
    assert lea.get(f"policy-versions?brand={north.borealis.pk}").body["items"] == []
    assert [f["rule"] for f in check(lea, north.aurora.pk, "promise cheap").body["findings"]] == ["no-promises"]


def test_confidential_names_are_for_those_who_publish(north: North, lea: Person, bo: Person, policy: Answer) -> None:
    first = published(lea, policy)
    published(lea, policy, DRAFT | {"rules": [SECRETS | {"names": ["Project Falcon", "Blue"]}]})
    seen = bo.get(f"policy-versions/{first.body['id']}")
    assert seen.body["rules"][1] == SECRETS | {"names": [], "hidden": 2}
    path = f"policies/{policy.body['id']}"
    lea.patch(path, {"draft": DRAFT}, If_Match=lea.get(path).etag)
    assert (bo.get(path).body["drafted"], bo.get(path).body["draft"]) == (True, None)
    assert bo.get(f"{path}/diff").status == 403
    newest = bo.get(f"policy-versions?policy={policy.body['id']}").body["items"][0]
    told = bo.get(f"policy-versions/{newest['id']}/diff")
    assert not any(name in str(told.body) for name in ("Falcon", "Red", "Blue"))
    assert [f["rule"] for f in check(bo, north.aurora.pk, "#ProjectFalcon").body["findings"]] == ["secrets"]


def test_a_text_is_checked_where_and_when_it_is_to_appear(north: North, lea: Person, policy: Answer) -> None:
    rules = [
        {"id": "short", "kind": "length", "severity": "block", "networks": {"sandbox": 5}},
        {"id": "news", "kind": "embargo", "severity": "block", "until": "2040-01-01T00:00:00Z", "words": ["news"]},
        {"id": "credit", "kind": "credit", "severity": "warn", "marks": ["©"]},
        {"id": "health", "kind": "required", "severity": "warn", "words": ["ask"], "when": {"claims": ["health"]}},
        {"id": "german", "kind": "banned", "severity": "block", "words": ["billig"], "when": {"languages": ["de"]}},
        {"id": "posts", "kind": "banned", "severity": "block", "words": ["reply"], "when": {"kinds": ["post"]}},
    ]
    published(lea, policy, DRAFT | {"rules": rules})
    text = "news billig reply"
    nothing_said = check(lea, north.aurora.pk, text).body
    assert [one["rule"] for one in nothing_said["findings"]] == ["news"]
    assert sorted(one["rule"] for one in nothing_said["undecided"]) == ["credit", "german", "health", "posts", "short"]
    context = {
        "network": "sandbox", "language": "de-CH", "kind": "post", "claims": ["health"], "media": {"count": 1},
        "at": "2041-01-01T00:00:00Z",
    }  # fmt: skip
    whole = check(lea, north.aurora.pk, text, **context).body
    assert (whole["undecided"], {one["rule"] for one in whole["findings"]}) == (
        [], {"short", "credit", "german", "posts", "health"},
    )  # fmt: skip
    assert check(lea, north.aurora.pk, text, mood="bad").status == 400


def test_release_asks_the_same_question_with_one_query(
    north: North, lea: Person, policy: Answer, django_assert_num_queries: Callable[..., Any]
) -> None:
    published(lea, policy)
    context = Context(at=datetime.now(UTC))
    with walled(north.agency):
        assert policies_for(north.aurora.pk).rules.check("We guarantee", context).blocked
        with django_assert_num_queries(1):
            assert not policies_for(north.aurora.pk).rules.check("We try", context).blocked
    published(lea, policy, DRAFT | {"rules": []})
    with walled(north.agency):
        assert not policies_for(north.aurora.pk).rules.check("We guarantee", context).blocked


def test_a_mistake_is_told_with_its_place(lea: Person, policy: Answer) -> None:
    path = f"policies/{policy.body['id']}"
    wrong = {
        "rules": [PROMISES, {"id": "p", "kind": "pattern", "severity": "warn", "pattern": "ab(?!c)"}],
    }
    answer = lea.patch(path, {"draft": wrong}, If_Match=policy.etag)
    assert (answer.status, answer.code) == (400, "invalid")
    assert answer.body["errors"] == [
        {
            "field": "draft.rules.1.pattern", "code": "invalid_pattern", "detail": "invalid perl operator: (?!",
            "position": 2,
        }
    ]  # fmt: skip
    nobody = {"audience": {"who": [{"role": "poet"}]}}
    answer = lea.patch(path, {"draft": nobody}, If_Match=policy.etag)
    assert answer.body["errors"][0]["field"] == "draft.audience.who.0.role"
    for bad in ([], {"chapters": [{"chapter": "weather", "title": "x"}]}, {"audience": {"who": [{}]}}, {"more": 1}):
        assert lea.patch(path, {"draft": bad}, If_Match=policy.etag).status == 400, bad


def test_only_what_is_drafted_is_published(lea: Person, policy: Answer) -> None:
    path = f"policies/{policy.body['id']}"
    assert lea.post(f"{path}/publish", {}).status == 428
    published(lea, policy)
    assert lea.post(f"{path}/publish", {}, If_Match=policy.etag).status == 412
    again = lea.post(f"{path}/publish", {}, If_Match=lea.get(path).etag)
    assert (again.status, again.code) == (409, "nothing_drafted")
    lea.patch(path, {"draft": DRAFT}, If_Match=lea.get(path).etag)
    dropped = lea.patch(path, {"draft": None}, If_Match=lea.get(path).etag)
    assert (dropped.body["drafted"], dropped.body["number"]) == (False, 1)


def test_a_retired_policy_holds_no_more_and_frees_its_name(north: North, lea: Person, policy: Answer) -> None:
    version = published(lea, policy)
    twin = {"brand": str(north.aurora.pk), "name": "Social media"}
    taken = lea.post("policies", twin)
    assert (taken.status, taken.code, taken.body["facts"]) == (409, "policy_exists", {"policy_id": policy.body["id"]})
    path = f"policies/{policy.body['id']}"
    retired = lea.post(f"{path}/retire", {"reason": "Replaced."}, If_Match=lea.get(path).etag)
    assert retired.status == 200, retired.body
    assert check(lea, north.aurora.pk, "We guarantee").body["policies"] == []
    assert lea.patch(path, {"name": "Other"}, If_Match=retired.etag).code == "policy_retired"
    assert lea.get(f"policy-versions/{version.body['id']}").status == 200
    other = lea.post("policies", twin)
    assert other.status == 201
    renamed = lea.patch(f"policies/{other.body['id']}", {"name": "Voice"}, If_Match=other.etag)
    assert renamed.body["name"] == "Voice"
    assert [one["name"] for one in lea.get("policies?retired=true").body["items"]] == ["Social media"]
    assert [one["name"] for one in lea.get("policies?retired=false").body["items"]] == ["Voice"]


def test_a_version_never_changes(north: North, lea: Person, policy: Answer) -> None:
    version = published(lea, policy)
    with pytest.raises(DatabaseError, match="Cannot update or delete"), walled(north.agency):
        PolicyVersion.objects.filter(pk=version.body["id"]).update(rules=[])


def test_who_may_do_what(
    north: North, ana: Person, lea: Person, bo: Person, cy: Person, eve: Person, policy: Answer
) -> None:
    version = published(lea, policy)
    path, version_path = f"policies/{policy.body['id']}", f"policy-versions/{version.body['id']}"
    seen = bo.get(path)
    assert bo.post("policies", {"brand": str(north.aurora.pk), "name": "Mine"}).status == 403
    assert bo.patch(path, {"name": "Mine"}, If_Match=seen.etag).status == 403
    assert bo.get(f"{version_path}/people").status == 403
    assert bo.get(f"{version_path}/campaign").status == 200
    assert cy.get(path).status == 403
    assert check(cy, north.aurora.pk, "x").status == 403
    key = key_of(ana, "policies.read")
    assert key.get(path).status == 200
    assert key.post(f"{path}/publish", {}, If_Match=seen.etag).status == 403
    for method, where, body in (
        ("get", path, None), ("patch", path, {"name": "x"}), ("post", f"{path}/publish", {}),
        ("post", f"{path}/retire", {"reason": "x"}), ("get", f"{path}/diff", None), ("get", version_path, None),
        ("get", f"{version_path}/diff", None), ("get", f"{version_path}/campaign", None),
        ("get", f"{version_path}/people", None),
    ):  # fmt: skip
        act = getattr(eve, method)
        url = f"/v1/agencies/north/{where}"
        answer = act(url) if body is None else act(url, body, If_Match=seen.etag)
        assert answer.status == 404, where
    assert check(eve, north.aurora.pk, "x").body["errors"][0]["field"] == "brand"
    assert eve.get("policies").body["items"] == eve.get("policy-versions").body["items"] == []


def test_lists_ask_the_same_for_one_and_for_many(
    north: North, bo: Person, lea: Person, policy: Answer, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    published(lea, policy)
    for number in range(5):
        more = lea.post("policies", {"brand": str(north.aurora.pk), "name": f"P{number}", "draft": DRAFT})
        published(lea, more)
    for path, most in (("policies", 16), ("policy-versions", 16)):
        bo.get(path)
        with django_assert_max_num_queries(most, connection=connection):
            assert len(bo.get(path).body["items"]) == 6
