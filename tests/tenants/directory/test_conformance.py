"""What a public conformance tester says of our SCIM endpoints, over WSGI."""

from __future__ import annotations

import pytest
from django.core.wsgi import get_wsgi_application
from scim2_client.engines.wsgi import WSGISCIMClient
from scim2_tester import Status, check_server

from tests.tenants.directory.cast import DirectoryClient

# Over WSGI each request closes its connection: it must be a transaction of its own.
pytestmark = pytest.mark.django_db(transaction=True)


def test_every_check_of_the_tester_passes(directory: DirectoryClient) -> None:
    client = WSGISCIMClient(
        get_wsgi_application(),
        base_url="http://localhost/scim/v2/north",
        headers={"Authorization": f"Bearer {directory.token}"},
    )
    results = check_server(client)
    failed = [f"{result.title}: {result.reason}" for result in results if result.status != Status.SUCCESS]
    assert failed == [], "\n".join(failed)
    assert len(results) > 50
