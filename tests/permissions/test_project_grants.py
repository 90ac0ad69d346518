"""After an upgrade people hold what their roles say now."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command

from permissions.models import AgencyReach
from permissions.roles import ROLES
from tests.cast import Person, walled
from tests.conftest import North

pytestmark = pytest.mark.django_db


def test_a_need_that_a_role_gained_reaches_those_who_hold_the_role(north: North, ana: Person, bo: Person) -> None:
    with walled(north.agency):
        AgencyReach.objects.filter(user=ana.user, permission__codename="brands.create").delete()
    assert ana.post("brands", {"slug": "cirrus", "name": "Cirrus"}).status == 403
    out = StringIO()
    call_command("project_grants", stdout=out)
    assert out.getvalue() == "2 people hold what their roles say.\n"
    assert ana.post("brands", {"slug": "cirrus", "name": "Cirrus"}).status == 201
    with walled(north.agency):
        held = AgencyReach.objects.filter(user=ana.user).values_list("permission__codename", flat=True)
        assert set(held) == {need.value for need in ROLES["owner"].needs}
