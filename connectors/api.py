"""What is "out there" on the sandbox network, for people, drills and tests to look at."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from connectors.models import SandboxPost
from core.http.shapes import Shape
from permissions.needs import Need
from permissions.viewset import ReadViews


class SandboxPostView(serializers.ModelSerializer[SandboxPost]):
    class Meta:
        model = SandboxPost
        fields = ["id", "brand", "account", "text", "external_id", "url", "published_at", "deleted_at"]


class Wanted(Shape):
    """What the list can be narrowed to."""

    brand = serializers.UUIDField(required=False)
    account = serializers.UUIDField(required=False)
    external_id = serializers.CharField(max_length=120, required=False)


class SandboxPosts(ReadViews):
    """Posts on the sandbox network, as its public would see them; deleted ones say since when."""

    sees = Need.POSTS_READ
    needs: ClassVar[Any] = {"list": Need.POSTS_READ, "retrieve": Need.POSTS_READ}
    serializer_class = SandboxPostView

    def rows(self) -> Any:
        return SandboxPost.objects.all()

    @extend_schema(parameters=[Wanted], responses=SandboxPostView(many=True))
    def list(self, _request: Request, **_: Any) -> Response:
        """Newest first."""
        return self.show_page(self.get_queryset().filter(**self.asked(Wanted)))


routes = [("sandbox/posts", SandboxPosts, "sandbox-post")]
