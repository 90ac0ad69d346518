"""Pictures that people agree to: given out to whoever may see the request, by its digest and no other way."""

from __future__ import annotations

from typing import ClassVar

from django.http import FileResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from approvals.actions import LinkDead
from approvals.models import Approval
from approvals.queries import agency_in_link, opened
from core.files.contents import safe_name
from core.http.uploads import Anything, attached
from core.refusals import NotFound
from core.wall import wall
from tenants.models import StoredFile

ASKS_A_MINUTE = 120


def picture_of(approval: Approval, sha256: str) -> FileResponse:
    """A picture of the payload as an attachment; raises NotFound for any other, and for one that is kept no more."""
    shown = {
        medium["sha256"] for delivery in approval.payload.get("deliveries", []) for medium in delivery.get("media", [])
    }
    file = StoredFile.objects.filter(sha256=sha256).first() if sha256 in shown else None
    if file is None:
        raise NotFound
    return attached(file, name=safe_name(sha256, file.kind))


class LinkedPicture(APIView):
    """A picture that the link of a letter asks about."""

    authentication_classes = ()
    permission_classes = ()
    renderer_classes = (Anything,)
    address_rate: ClassVar[int] = ASKS_A_MINUTE

    @extend_schema(
        parameters=[OpenApiParameter("sha256", str, OpenApiParameter.PATH, description="Of the picture.")],
        responses={(200, "*/*"): OpenApiTypes.BINARY},
        operation_id="decisions_picture",
    )
    def get(self, _request: Request, token: str, sha256: str) -> FileResponse:
        """One of the pictures that there is to decide about. Consumes nothing."""
        agency_id = agency_in_link(token)
        if agency_id is None:
            raise LinkDead
        with wall(agency_id):
            found = opened(token, at=timezone.now())
            if found is None:
                raise LinkDead
            return picture_of(found.approval, sha256)
