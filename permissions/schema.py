"""What OpenAPI says of every view: its need, its refusals, its headers."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter

# For every operation that changes what people edit.
SEEN = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    required=True,
    description="The ETag of the version that you saw. 428 without, 412 when it has changed since.",
)
PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem details. `code` is stable; `facts` are for programs.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "request_id": {"type": "string"},
        "facts": {"type": "object", "additionalProperties": True},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "field": {"type": "string"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
    "required": ["type", "title", "status", "code"],
}
REFUSALS = {
    "400": "The input is wrong; `errors` points at each field.",
    "401": "No valid credential.",
    "403": "Known, but without the need.",
    "404": "Nothing here that you may see.",
    "409": "The present state does not allow it.",
    "429": "Too many requests; Retry-After says when to come back.",
}


class HouseSchema(AutoSchema):
    """Adds the need as `x-need`, the problem answers, and the Idempotency-Key header to every operation."""

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        needs = getattr(self.view, "needs", {})
        need = needs.get(getattr(self.view, "action", ""))
        if need is not None:
            operation["x-need"] = need.value
            operation["description"] = f"{operation.get('description', '')}\n\nNeeds `{need.value}`.".strip()
        content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        for code, meaning in REFUSALS.items():
            operation["responses"].setdefault(code, {"description": meaning, "content": content})
        return operation

    def get_override_parameters(self) -> list[Any]:
        parameters: list[Any] = list(super().get_override_parameters())
        asks = getattr(self.view, "asks", None)
        if getattr(self.view, "action", "") == "list" and asks is not None and asks().fields:
            parameters.append(asks)
        if self.method == "POST":
            required = getattr(self.view, "action", "") in getattr(self.view, "key_required", ())
            parameters.append(
                OpenApiParameter(
                    "Idempotency-Key",
                    str,
                    OpenApiParameter.HEADER,
                    required=required,
                    description="Makes a repeated call answer what the first one answered.",
                )
            )
        return parameters


def add_problem(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Put the one error shape among the components."""
    result["components"].setdefault("schemas", {})["Problem"] = PROBLEM
    return result
