"""What the directory speaks of: our User and Group schemas, and the way between them and rows.

A schema names what is kept. Whatever else a directory sends is passed over, because it cannot always be told not to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from pydantic import Field
from scim2_models import (
    AnyExtension,
    AuthenticationScheme,
    Bulk,
    CaseExact,
    ChangePassword,
    ComplexAttribute,
    Email,
    ETag,
    Extension,
    External,
    Filter,
    GroupMembership,
    InvalidValueException,
    Meta,
    Mutability,
    Name,
    Pagination,
    Patch,
    PhoneNumber,
    Reference,
    Required,
    Resource,
    ResourceType,
    ScimPolicy,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
    Uniqueness,
)
from scim2_models.urn import URN

from tenants.actions.directory import Written, WrittenGroup
from tenants.models import DirectoryGroup, DirectoryMembership, DirectoryUser

LARGEST_PAGE = 200
USUAL_PAGE = 100
NOT_STORED = ("id", "meta", "groups", "schemas")

POLICY = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    # Two habits of Microsoft Entra.
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)


class Manager(ComplexAttribute):
    value: Annotated[str | None, CaseExact.true] = None
    """The id of the manager, as the directory writes it."""

    display_name: str | None = None
    """The name of the manager."""


class EnterpriseUser(Extension):
    __schema__ = URN("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User")

    employee_number: str | None = None
    """What the organization numbers the person by."""

    cost_center: str | None = None
    """The cost center."""

    organization: str | None = None
    """The organization."""

    division: str | None = None
    """The division."""

    department: str | None = None
    """The department."""

    manager: Manager | None = None
    """The person's manager."""


class User(Resource[AnyExtension]):
    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:User")

    user_name: Annotated[str | None, Uniqueness.server, Required.true] = None
    """The name that is unique in the directory; where it is an e-mail address and no other is given, that one."""

    name: Name | None = None
    """The parts of the person's name."""

    display_name: str | None = None
    """The name that is shown to others."""

    nick_name: str | None = None
    """How the person is called."""

    profile_url: Reference[External] | None = None
    """A page about the person."""

    title: str | None = None
    """The person's title."""

    user_type: str | None = None
    """How the person stands to the organization."""

    preferred_language: str | None = None
    """The language that the person prefers."""

    locale: str | None = None
    """The person's locale."""

    timezone: str | None = None
    """The person's time zone."""

    active: bool | None = None
    """Whether the person sits in the agency; from true to false ends the seat with everything it opened."""

    emails: list[Email] | None = None
    """E-mail addresses; the primary one is the person's here."""

    phone_numbers: list[PhoneNumber] | None = None
    """Phone numbers."""

    groups: Annotated[list[GroupMembership] | None, Mutability.read_only] = None
    """The groups that the person is in."""


class GroupMember(ComplexAttribute):
    value: Annotated[str | None, Mutability.immutable, CaseExact.true] = None
    """The id of a user."""

    ref: Annotated[Reference[User] | None, Mutability.immutable] = Field(  # type: ignore[type-arg]
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    """The address of the user."""

    type: Annotated[str | None, Mutability.immutable] = Field(None, examples=["User"])
    """Always User: groups in groups are not kept."""


class Group(Resource[Any]):
    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:Group")

    display_name: Annotated[str | None, Required.true] = None
    """The group's name."""

    members: list[GroupMember] | None = None
    """The users in the group."""


Person: Any = User[EnterpriseUser]

CONFIG = ServiceProviderConfig(
    patch=Patch(supported=True),
    bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
    filter=Filter(supported=True, max_results=LARGEST_PAGE),
    change_password=ChangePassword(supported=False),
    sort=Sort(supported=False),
    etag=ETag(supported=True),
    pagination=Pagination(
        cursor=False,
        index=True,
        default_pagination_method=Pagination.DefaultPaginationMethod.index,
        default_page_size=USUAL_PAGE,
        max_page_size=LARGEST_PAGE,
    ),
    authentication_schemes=[
        AuthenticationScheme(
            type=AuthenticationScheme.Type.oauthbearertoken,
            name="Bearer token",
            description="A directory token of the agency, in the Authorization header.",
            spec_uri=Reference[External]("https://www.rfc-editor.org/info/rfc6750"),
            primary=True,
        )
    ],
)
PROVIDER = ScimProvider(
    models=[User, EnterpriseUser, Group],
    resource_types=[ResourceType.from_resource(Person), ResourceType.from_resource(Group)],
    config=CONFIG,
    policy=POLICY,
)


def address_of(slug: str, *parts: str) -> str:
    """The address of a thing at an agency's SCIM endpoint, by the configured public URL and no header."""
    return "/".join([settings.PUBLIC_URL, "scim/v2", slug, *parts])


def etag_of(row: DirectoryUser | DirectoryGroup) -> str:
    return f'W/"{row.version}"'


def _meta(row: DirectoryUser | DirectoryGroup, kind: str, slug: str) -> Meta:
    return Meta(
        resource_type=kind,
        created=row.created_at,
        last_modified=row.changed_at,
        location=address_of(slug, f"{kind}s", str(row.pk)),
        version=etag_of(row),
    )


# -- people ---------------------------------------------------------------------------------------------------------


def people(rows: Sequence[DirectoryUser], slug: str) -> list[Any]:
    """Users as SCIM shows them, with their groups; one query for all."""
    memberships = DirectoryMembership.objects.select_related("group").filter(member__in=[row.pk for row in rows])
    groups: dict[UUID, list[dict[str, Any]]] = {}
    for membership in memberships.order_by("group_id"):
        group = {
            "value": str(membership.group_id), "display": membership.group.display_name, "type": "direct",
            "$ref": address_of(slug, "Groups", str(membership.group_id)),
        }  # fmt: skip
        groups.setdefault(membership.member_id, []).append(group)
    return [_person(row, groups.get(row.pk), slug) for row in rows]


def _person(row: DirectoryUser, groups: list[dict[str, Any]] | None, slug: str) -> Any:
    schemas = [str(User.__schema__)]
    if str(EnterpriseUser.__schema__) in row.attributes:
        schemas.append(str(EnterpriseUser.__schema__))
    person = Person.model_validate(
        {**row.attributes, "schemas": schemas, "id": str(row.pk), "groups": groups}, scim_policy=POLICY
    )
    person.meta = _meta(row, "User", slug)
    return person


def written_person(person: Any, *, before: DirectoryUser | None = None) -> Written:
    """What the directory says of a person. Raises InvalidValueException."""
    user_name = _line(person.user_name, "userName", 254)
    if person.active is None and before is None:
        person.active = True
    attributes = person.model_dump(mode="json")
    return Written(
        user_name=user_name,
        external_id=_line(person.external_id or "", "externalId", 255, required=False),
        email=_email_of(person, user_name),
        display_name=_name_of(person, user_name)[:120],
        active=person.active,
        attributes={name: value for name, value in attributes.items() if name not in NOT_STORED},
    )


def _email_of(person: Any, user_name: str) -> str:
    """The primary address, else the first, else a userName that is one; "" when there is none."""
    given = [email for email in person.emails or [] if email.value]
    primary = [email for email in given if email.primary]
    for address in [email.value.strip() for email in primary + given] + [user_name]:
        if _is_address(address):
            return str(address)
    return ""


def _is_address(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return len(text) <= 254  # noqa: PLR2004 - the longest address there is (RFC 5321)


def _name_of(person: Any, user_name: str) -> str:
    name = person.name
    parts = [name.given_name, name.family_name] if name else []
    whole = " ".join(part for part in parts if part)
    return person.display_name or (name and name.formatted) or whole or user_name


def _line(value: str | None, attribute: str, longest: int, *, required: bool = True) -> str:
    text = (value or "").strip()
    if (required and not text) or len(text) > longest:
        raise InvalidValueException(detail=f"{attribute} has 1 to {longest} characters.", attribute=attribute)
    return text


# -- groups ---------------------------------------------------------------------------------------------------------


def groups(rows: Sequence[DirectoryGroup], slug: str, *, with_members: bool = True) -> list[Group]:
    """Groups as SCIM shows them; their members with one query for all."""
    members: dict[UUID, list[dict[str, Any]]] = {}
    if with_members:
        found = DirectoryMembership.objects.filter(group__in=[row.pk for row in rows])
        for membership in found.order_by("member_id"):
            member = {
                "value": str(membership.member_id), "type": "User",
                "$ref": address_of(slug, "Users", str(membership.member_id)),
            }  # fmt: skip
            members.setdefault(membership.group_id, []).append(member)
    return [_group(row, members.get(row.pk), slug) for row in rows]


def _group(row: DirectoryGroup, members: list[dict[str, Any]] | None, slug: str) -> Group:
    group = Group.model_validate(
        {
            "schemas": [str(Group.__schema__)], "id": str(row.pk), "displayName": row.display_name,
            "externalId": row.external_id or None, "members": members,
        }
    )  # fmt: skip
    group.meta = _meta(row, "Group", slug)
    return group


def written_group(group: Group) -> WrittenGroup:
    """What the directory says of a group. Raises InvalidValueException."""
    return WrittenGroup(
        display_name=_line(group.display_name, "displayName", 200),
        external_id=_line(group.external_id or "", "externalId", 255, required=False),
        member_ids=_member_ids(group.members or []),
    )


def _member_ids(members: Iterable[GroupMember]) -> list[UUID]:
    ids = []
    for member in members:
        try:
            ids.append(UUID(str(member.value)))
        except ValueError:
            raise InvalidValueException(detail="A member is no user of this directory.", attribute="members") from None
    return list(dict.fromkeys(ids))


# -- what directories write that is not quite SCIM --------------------------------------------------------------------

ACTIVE = {"active", f"{User.__schema__}:active".lower()}
MANAGER = {f"{EnterpriseUser.__schema__}:manager".lower()}
WORDS = {"true": True, "false": False}


def tidied(body: Any) -> Any:
    """The body with `active` as a boolean wherever it is set, and a manager as an object.

    Microsoft Entra writes "True" and "False", and a manager as the bare id. Any other value of `active` is refused:
    raises InvalidValueException.
    """
    if not isinstance(body, dict):
        return body
    return {name: _tidied_operations(value) if name.lower() == "operations" else _tidied(name, value)
            for name, value in body.items()}  # fmt: skip


def _tidied_operations(operations: Any) -> Any:
    if not isinstance(operations, list):
        return operations
    return [_tidied_operation(each) if isinstance(each, dict) else each for each in operations]


def _tidied_operation(operation: Mapping[str, Any]) -> dict[str, Any]:
    names = {name.lower(): name for name in operation}
    path = operation.get(names.get("path", ""))
    value = operation.get(names.get("value", ""))
    removes = str(operation.get(names.get("op", ""), "")).lower() == "remove"
    if "value" not in names or removes:
        return dict(operation)
    if path:
        return {**operation, names["value"]: _tidied(str(path), value)}
    if isinstance(value, dict):
        return {**operation, names["value"]: {name: _tidied(name, each) for name, each in value.items()}}
    return dict(operation)


def _tidied(name: str, value: Any) -> Any:
    if name.lower() in ACTIVE:
        word = WORDS.get(value.lower()) if isinstance(value, str) else value
        if not isinstance(word, bool):
            raise InvalidValueException(detail="active is true or false.", attribute="active")
        return word
    if name.lower() in MANAGER and not isinstance(value, dict):
        only = value[0] if isinstance(value, list) and len(value) == 1 else value
        return {"value": only} if isinstance(only, str) else only
    if isinstance(value, dict) and name.lower() == str(EnterpriseUser.__schema__).lower():
        return {each: _tidied(f"{name}:{each}", inner) for each, inner in value.items()}
    return value
