"""The SCIM endpoints of one agency: discovery, users, groups, search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, ClassVar
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from scim2_models import (
    Context,
    InvalidSyntaxException,
    ListResponse,
    NotFoundException,
    PatchOp,
    PreconditionFailedException,
    ResponseParameters,
    ScimFilter,
    SearchRequest,
    TooManyException,
)

from core.wall import wall
from permissions.viewset import STATEMENT_TIMEOUT_MS
from tenants.actions.directory import (
    DIRECTORY,
    Written,
    WrittenGroup,
    change_directory_group,
    change_directory_user,
    create_directory_group,
    create_directory_user,
    delete_directory_group,
    delete_directory_user,
)
from tenants.models import DirectoryGroup, DirectoryUser
from tenants.scim import filters, resources
from tenants.scim.authentication import Directory, DirectoryTokenAuthentication
from tenants.scim.speech import ScimJSONParser, ScimParser, ScimRenderer, handle

SEARCHED = {"filter", "startIndex", "count", "sortBy", "sortOrder", "attributes", "excludedAttributes"}


class ScimView(APIView):
    """One transaction a request, inside the agency whose directory asks."""

    authentication_classes = (DirectoryTokenAuthentication,)
    permission_classes = (IsAuthenticated,)
    parser_classes = (ScimParser, ScimJSONParser)
    renderer_classes = (ScimRenderer, JSONRenderer)
    schema = None  # described by /Schemas and /ResourceTypes

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        return transaction.non_atomic_requests(super().as_view(**initkwargs))

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        with transaction.atomic(), ExitStack() as self.standing:
            response = super().dispatch(request, *args, **kwargs)
            if response.status_code >= 400:  # noqa: PLR2004 - whatever is refused leaves no trace
                transaction.set_rollback(True)
        return response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.standing.enter_context(wall(self.directory.agency_id))
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(STATEMENT_TIMEOUT_MS)])

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], Any]:
        return handle

    @property
    def directory(self) -> Directory:
        directory: Any = self.request.auth
        assert isinstance(directory, Directory)  # noqa: S101 - the only way in
        return directory

    @property
    def told(self) -> dict[str, Any]:
        return {"by": DIRECTORY, "at": self.directory.at}


# -- discovery ------------------------------------------------------------------------------------------------------


class Described(ScimView):
    """What there is, from one of the discovery endpoints."""

    what: ClassVar[str]

    def _all(self) -> list[Any]:
        found = resources.PROVIDER.schemas if self.what == "Schema" else resources.PROVIDER.resource_types
        return [self._shown(each) for each in found]

    def _shown(self, thing: Any) -> dict[str, Any]:
        shown: dict[str, Any] = thing.model_dump(mode="json", scim_ctx=Context.RESOURCE_QUERY_RESPONSE)
        location = resources.address_of(self.directory.slug, f"{self.what}s", str(thing.id))
        return {**shown, "meta": {"resourceType": self.what, "location": location}}

    def get(self, _request: Request, name: str = "", **_: Any) -> Response:
        if name:
            for each in self._all():
                if each["id"].lower() == name.lower():
                    return Response(each)
            raise NotFoundException
        return Response(_listed(self._all(), total=len(self._all()), start=0))


class Schemas(Described):
    what = "Schema"


class ResourceTypes(Described):
    what = "ResourceType"


class Config(ScimView):
    def get(self, _request: Request, **_: Any) -> Response:
        shown = resources.CONFIG.model_dump(mode="json", scim_ctx=Context.RESOURCE_QUERY_RESPONSE)
        location = resources.address_of(self.directory.slug, "ServiceProviderConfig")
        return Response({**shown, "meta": {"resourceType": "ServiceProviderConfig", "location": location}})


class Nothing(ScimView):
    """Every other address below an agency's."""

    def _nothing(self, _request: Request, **_: Any) -> Response:
        raise NotFoundException

    get = post = put = patch = delete = _nothing


def _listed(shown: Sequence[Any], *, total: int, start: int) -> dict[str, Any]:
    return {
        "schemas": [str(ListResponse.__schema__)],
        "totalResults": total,
        "startIndex": start + 1,
        "itemsPerPage": len(shown),
        "Resources": list(shown),
    }


# -- users and groups -----------------------------------------------------------------------------------------------


class Kind:
    """What differs between users and groups."""

    model: Any
    columns: ClassVar[dict[str, tuple[str, str]]]

    @staticmethod
    def rows() -> QuerySet[Any]:
        raise NotImplementedError

    @staticmethod
    def shown(rows: Sequence[Any], slug: str, asked: ResponseParameters[Any] | None = None) -> list[Any]:
        raise NotImplementedError


class UserKind(Kind):
    model = resources.Person
    columns = filters.USER_COLUMNS

    @staticmethod
    def rows() -> QuerySet[Any]:
        return DirectoryUser.objects.filter(deleted_at=None)

    @staticmethod
    def shown(rows: Sequence[Any], slug: str, asked: ResponseParameters[Any] | None = None) -> list[Any]:  # noqa: ARG004
        return resources.people(rows, slug)


class GroupKind(Kind):
    model = resources.Group
    columns = filters.GROUP_COLUMNS

    @staticmethod
    def rows() -> QuerySet[Any]:
        return DirectoryGroup.objects.filter(deleted_at=None)

    @staticmethod
    def shown(rows: Sequence[Any], slug: str, asked: ResponseParameters[Any] | None = None) -> list[Any]:
        unwanted = [str(path).lower() for path in (asked and asked.excluded_attributes) or []]
        return resources.groups(rows, slug, with_members="members" not in unwanted)


class Matches:
    """The resources of a kind that a filter matches: counted, and read in slices in the order of their making."""

    def __init__(self, kind: type[Kind], asked: SearchRequest[Any], slug: str) -> None:
        self.kind, self.asked, self.slug = kind, asked, slug
        self.rows = kind.rows().order_by("pk")
        self.read: list[Any] | None = None
        if asked.filter is not None:
            node = asked.filter.ast
            condition, whole = filters.in_columns(node, kind.columns)
            self.rows = self.rows.filter(condition)
            if not whole:
                self.read = self._asked_one_by_one()

    def _asked_one_by_one(self) -> list[Any]:
        rows = list(self.rows[: filters.MOST_READ + 1])
        if len(rows) > filters.MOST_READ:
            raise TooManyException
        # Bound to this kind alone: what it has no attribute for does not match.
        matching = ScimFilter[self.kind.model](str(self.asked.filter))  # type: ignore[name-defined]
        shown = self.kind.shown(rows, self.slug)
        return [row for row, each in zip(rows, shown, strict=True) if matching.match(each)]

    def count(self) -> int:
        return self.rows.count() if self.read is None else len(self.read)

    def slice(self, start: int, stop: int) -> list[dict[str, Any]]:
        rows = list(self.rows[start:stop]) if self.read is None else self.read[start:stop]
        return [_dumped(each, self.asked) for each in self.kind.shown(rows, self.slug, self.asked)]


def _dumped(shown: Any, asked: ResponseParameters[Any] | None) -> dict[str, Any]:
    dumped: dict[str, Any] = shown.model_dump(
        mode="json",
        scim_ctx=Context.RESOURCE_QUERY_RESPONSE,
        response_parameters=asked,
        scim_policy=resources.POLICY,
    )
    return dumped


def _page(matches: Sequence[Matches], asked: SearchRequest[Any]) -> dict[str, Any]:
    """One page over the kinds, one after the other."""
    start = (asked.start_index or 1) - 1
    wanted = min(resources.USUAL_PAGE if asked.count is None else asked.count, resources.LARGEST_PAGE)
    shown: list[dict[str, Any]] = []
    total = 0
    for each in matches:
        count = each.count()
        first = max(start - total, 0)
        left = wanted - len(shown)
        if left > 0 and first < count:
            shown += each.slice(first, first + left)
        total += count
    return _listed(shown, total=total, start=start)


class Many(ScimView):
    """`/Users` or `/Groups`: list and create."""

    kind: ClassVar[type[Kind]]

    def get(self, request: Request, **_: Any) -> Response:
        said = {name: value for name, value in request.query_params.items() if name in SEARCHED}
        asked = SearchRequest[self.kind.model].model_validate(said)  # type: ignore[name-defined]
        return Response(_page([Matches(self.kind, asked, self.directory.slug)], asked))

    def post(self, request: Request, **_: Any) -> Response:
        said = self.kind.model.model_validate(
            resources.tidied(request.data), scim_ctx=Context.RESOURCE_CREATION_REQUEST, scim_policy=resources.POLICY
        )
        return _answer(self.kind, self._created(said), request, self.directory.slug, status=201)

    def _created(self, said: Any) -> Any:
        raise NotImplementedError


class Users(Many):
    kind = UserKind

    def _created(self, said: Any) -> DirectoryUser:
        return create_directory_user(said=resources.written_person(said), **self.told)


class Groups(Many):
    kind = GroupKind

    def _created(self, said: Any) -> DirectoryGroup:
        return create_directory_group(said=resources.written_group(said), **self.told)


class One(ScimView):
    """`/Users/{id}` or `/Groups/{id}`: read, write anew, change in part, delete."""

    kind: ClassVar[type[Kind]]

    @property
    def row_id(self) -> UUID:
        try:
            return UUID(self.kwargs["row_id"])
        except ValueError:
            raise NotFoundException from None

    def get(self, request: Request, **_: Any) -> Response:
        row = self.kind.rows().filter(pk=self.row_id).first()
        if row is None:
            raise NotFoundException
        return _answer(self.kind, row, request, self.directory.slug)

    def put(self, request: Request, **_: Any) -> Response:
        said = self.kind.model.model_validate(
            resources.tidied(request.data), scim_ctx=Context.RESOURCE_REPLACEMENT_REQUEST, scim_policy=resources.POLICY
        )

        def anew(before: Any) -> Any:
            said.replace(before)
            return said

        return _answer(self.kind, self._changed(anew), request, self.directory.slug)

    def patch(self, request: Request, **_: Any) -> Response:
        operations = PatchOp[self.kind.model].model_validate(  # type: ignore[name-defined]
            resources.tidied(request.data), scim_ctx=Context.RESOURCE_PATCH_REQUEST, scim_policy=resources.POLICY
        )

        def patched(before: Any) -> Any:
            operations.patch(before, scim_policy=resources.POLICY)
            return before

        return _answer(self.kind, self._changed(patched), request, self.directory.slug)

    def delete(self, _request: Request, **_: Any) -> Response:
        self._deleted()
        return Response(status=204)

    def _check(self, row: Any) -> None:
        """Go on only when the directory saw this version, if it says which one it saw."""
        seen = self.request.headers.get("If-Match")
        if seen is None or seen.strip() == "*":
            return
        if resources.etag_of(row) not in [tag.strip() for tag in seen.split(",")]:
            raise PreconditionFailedException

    def _before(self, row: Any) -> Any:
        self._check(row)
        return self.kind.shown([row], self.directory.slug)[0]

    def _changed(self, change: Callable[[Any], Any]) -> Any:
        raise NotImplementedError

    def _deleted(self) -> None:
        raise NotImplementedError


class OneUser(One):
    kind = UserKind

    def _changed(self, change: Callable[[Any], Any]) -> DirectoryUser:
        def anew(row: DirectoryUser) -> Written:
            person = change(self._before(row))
            if self.request.method == "PUT" and person.active is None:
                person.active = row.active  # nobody comes or goes because it was left out
            return resources.written_person(person, before=row)

        return change_directory_user(user_id=self.row_id, change=anew, **self.told)

    def _deleted(self) -> None:
        delete_directory_user(user_id=self.row_id, check=self._check, **self.told)


class OneGroup(One):
    kind = GroupKind

    def _changed(self, change: Callable[[Any], Any]) -> DirectoryGroup:
        def anew(row: DirectoryGroup) -> WrittenGroup:
            return resources.written_group(change(self._before(row)))

        return change_directory_group(group_id=self.row_id, change=anew, **self.told)

    def _deleted(self) -> None:
        delete_directory_group(group_id=self.row_id, check=self._check, **self.told)


def _answer(kind: type[Kind], row: Any, request: Request, slug: str, *, status: int = 200) -> Response:
    said = {name: request.query_params[name] for name in ("attributes", "excludedAttributes")
            if name in request.query_params}  # fmt: skip
    asked = ResponseParameters[kind.model].model_validate(said)  # type: ignore[name-defined]
    shown = kind.shown([row], slug, asked)[0]
    headers = {"ETag": resources.etag_of(row), "Location": shown.meta.location}
    return Response(_dumped(shown, asked), status=status, headers=headers)


class Search(ScimView):
    """`POST …/.search`: a list whose question stands in the body."""

    kinds: ClassVar[tuple[type[Kind], ...]] = (UserKind, GroupKind)
    shape: ClassVar[Any] = SearchRequest[resources.Person | resources.Group]

    def post(self, request: Request, **_: Any) -> Response:
        if not isinstance(request.data, dict):
            raise InvalidSyntaxException
        asked = self.shape.model_validate(request.data, scim_ctx=Context.SEARCH_REQUEST, scim_policy=resources.POLICY)
        return Response(_page([Matches(kind, asked, self.directory.slug) for kind in self.kinds], asked))


class SearchUsers(Search):
    kinds = (UserKind,)
    shape = SearchRequest[resources.Person]


class SearchGroups(Search):
    kinds = (GroupKind,)
    shape = SearchRequest[resources.Group]
