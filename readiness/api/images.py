"""The pictures of the library over HTTP: multipart in, an attachment out."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework import status as codes
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.parser import StrictJSONParser
from core.http.shapes import Shape
from core.http.uploads import Anything, UploadParser, attached, content_of, spoken
from core.refusals import NotFound
from permissions.needs import Need
from permissions.schema import SEEN
from permissions.viewset import ReadViews
from readiness.actions import add_image, change_image, remove_image
from readiness.models import Image
from tenants.models import Brand

MOST_TAGS = 20
TAG = r"^[^,\s][^,]{0,39}$"


class ImageView(serializers.ModelSerializer[Image]):
    kind = serializers.CharField(source="file.kind", read_only=True, help_text="Its media type.")
    size = serializers.IntegerField(source="file.size", read_only=True, help_text="Bytes.")
    width = serializers.IntegerField(source="file.width", read_only=True)
    height = serializers.IntegerField(source="file.height", read_only=True)

    class Meta:
        model = Image
        fields = [
            "id", "brand", "name", "alt", "tags", "kind", "size", "width", "height", "sha256", "author", "created_at",
            "version",
        ]  # fmt: skip


class ImageUpload(Shape):
    file = serializers.FileField(help_text="PNG, JPEG, GIF or WebP, told by its content.")
    brand = serializers.UUIDField()
    name = serializers.CharField(max_length=120, required=False, help_text="The file's name, when absent.")
    alt = serializers.CharField(max_length=1000, help_text="What is to be seen, for those who cannot see it.")
    tags = serializers.CharField(max_length=800, default="", allow_blank=True, help_text="Words between commas.")

    def validate_tags(self, said: str) -> list[str]:
        tags = [tag.strip() for tag in said.split(",") if tag.strip()]
        if len(tags) > MOST_TAGS or any(len(tag) > 40 for tag in tags):  # noqa: PLR2004 - as the column takes them
            raise serializers.ValidationError(
                f"At most {MOST_TAGS} words of at most 40 characters.", code="out_of_range"
            )
        return tags


class ImageChange(Shape):
    name = serializers.CharField(max_length=120, required=False)
    alt = serializers.CharField(max_length=1000, required=False)
    tags = serializers.ListField(child=serializers.RegexField(TAG), max_length=MOST_TAGS, required=False)


class ImagesWanted(Shape):
    brand = serializers.UUIDField(required=False)
    tag = serializers.CharField(max_length=40, required=False)


class LibraryImages(ReadViews):
    """Pictures that are ready for statements, each with what it shows in words."""

    sees = Need.MESSAGES_READ
    needs: ClassVar[Any] = {
        "list": Need.MESSAGES_READ,
        "retrieve": Need.MESSAGES_READ,
        "create": Need.MESSAGES_WRITE,
        "partial_update": Need.MESSAGES_WRITE,
        "destroy": Need.MESSAGES_WRITE,
        "content": Need.MESSAGES_READ,
    }
    parser_classes = (UploadParser, StrictJSONParser)
    serializer_class = ImageView
    asks = ImagesWanted

    def rows(self) -> Any:
        return Image.objects.filter(removed_at=None).select_related("file")

    def spoken(self, request: Request) -> Any:
        return spoken(request)

    @extend_schema(parameters=[ImagesWanted], responses=ImageView(many=True))
    def list(self, _request: Request, **_: Any) -> Response:
        wanted = self.asked(ImagesWanted)
        if "tag" in wanted:
            wanted["tags__contains"] = [wanted.pop("tag")]
        return self.show_page(self.get_queryset().filter(**wanted))

    @extend_schema(request={"multipart/form-data": ImageUpload}, responses={201: ImageView})
    def create(self, _request: Request, **_: Any) -> Response:
        """Add a picture. It is made anew from its pixels: whatever else was in the file does not come in."""
        wanted = self.read(ImageUpload)
        brand = self.named(Brand.objects.all(), wanted.pop("brand"), field="brand", sees=Need.BRANDS_READ)
        self.require(Need.MESSAGES_WRITE, brand)
        upload = wanted.pop("file")
        wanted.setdefault("name", upload.name)
        added = add_image(brand_id=brand.pk, content=content_of(upload), **wanted, **self.told)
        return self.show_created(added)

    @extend_schema(parameters=[SEEN], request={"application/json": ImageChange}, responses=ImageView)
    def partial_update(self, _request: Request, **_: Any) -> Response:
        image: Image = self.subject(seen=True)
        return self.show(change_image(image_id=image.pk, **self.read(ImageChange, partial=True), **self.told))

    @extend_schema(parameters=[SEEN], responses={204: None})
    def destroy(self, _request: Request, **_: Any) -> Response:
        """Take it out of the library; statements that show it keep it."""
        remove_image(image_id=self.subject(seen=True).pk, **self.told)
        return Response(status=codes.HTTP_204_NO_CONTENT)

    @extend_schema(responses={(200, "*/*"): OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"], renderer_classes=[Anything])
    def content(self, _request: Request, **_: Any) -> Any:
        """The picture itself, to be saved."""
        image: Image = self.subject()
        if image.file is None:
            raise NotFound
        return attached(image.file, name=image.name)


routes = [("library-images", LibraryImages, "library-image")]
