"""
What every answer of the Admin API may be: errors, headers, pages, and how bodies are sent.

Spec: gateway §§1.10 (headers), 1.11 (errors), 1.12 (pages), 1.13 (bodies).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ostiary.admin.openapi.values import Json, build_list, build_object, ref
from ostiary.admin.paging import DEFAULT_SIZE, MAX_SIZE, MAX_TAGS

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data"
_TEXT: Final[Json] = {"type": "string"}
_LATENCY: Final[Json] = {
    "X-Kong-Admin-Latency": {"$ref": "#/components/headers/Latency"},
    "X-Kong-Admin-Request-ID": {"$ref": "#/components/headers/RequestId"},
}

HEADERS: Final[Mapping[str, Json]] = {
    "Latency": {
        "description": "Milliseconds that the answer took.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
    },
    "RequestId": {
        "description": "The request in the audit log.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    },
    "Allow": {
        "description": "The verbs of this path.",
        "required": True,
        "schema": _TEXT,
    },
    "RetryAfter": {
        "description": "Seconds after which it may be better.",
        "schema": {"type": "integer", "minimum": 0},
    },
}

SCHEMAS: Final[Mapping[str, Json]] = {
    "Message": {
        "description": "An error that is a message and nothing else.",
        **build_object({"message": _TEXT}),
    },
    "Violation": {
        "description": "What is wrong, all of it; `fields` has the shape of what was sent.",
        **build_object(
            {"code": {"type": "integer"}, "name": _TEXT, "message": _TEXT},
            fields={"type": "object"},
            options={"type": "object", "additionalProperties": _TEXT},
            flattened_errors=build_list(
                build_object(
                    {
                        "entity_type": _TEXT,
                        "entity": {"type": "object"},
                        "errors": build_list({"type": "object"}),
                    },
                    entity_id={}, entity_name={}, entity_tags={},
                )
            ),
        ),
    },
}  # fmt: skip
_EITHER: Final[Json] = {"anyOf": [ref("Violation"), ref("Message")]}


def _header(name: str, field: str) -> Json:
    return {field: {"$ref": f"#/components/headers/{name}"}}


def build_reply(
    description: str, schema: Json | None = None, *, kind: str = JSON, **more: Json
) -> Json:
    """An answer; without a schema it has no body."""
    found: Json = {"description": description, "headers": {**_LATENCY}}
    if schema is not None:
        found["content"] = {kind: {"schema": schema}}
    return found | more


def _with(reply: Json, headers: Json) -> Json:
    return {**reply, "headers": {**reply["headers"], **headers}}


RESPONSES: Final[Mapping[str, Json]] = {
    "400": build_reply("It is wrong.", _EITHER),
    "401": build_reply("Nobody who asks is known.", ref("Message")),
    "403": build_reply(
        "The host, the page or the user that asks is not allowed.", ref("Message")
    ),
    "404": build_reply("Nothing is there.", _EITHER),
    "405": _with(
        build_reply(
            "Not a verb of this path, or nothing is written one by one: a file says what there is.",
            _EITHER,
        ),
        _header("Allow", "Allow"),
    ),
    "409": build_reply("Another has what this one wants.", ref("Violation")),
    "413": build_reply("The body is too large.", ref("Message")),
    "415": build_reply("No such content type is read here."),
    "503": _with(
        build_reply("It cannot be done now.", ref("Message")),
        _header("RetryAfter", "Retry-After"),
    ),
}
NO_CONTENT: Final = build_reply("Done; there is nothing to say.")

PARAMETERS: Final[Mapping[str, Json]] = {
    "size": {
        "name": "size",
        "in": "query",
        "description": "How many rows a page has at most.",
        "schema": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_SIZE,
            "default": DEFAULT_SIZE,
        },
    },
    "offset": {
        "name": "offset",
        "in": "query",
        "description": "Where the page begins: `offset` of the one before it.",
        "schema": _TEXT,
    },
    "tags": {
        "name": "tags",
        "in": "query",
        "description": f"Rows with all of these tags (`a,b`) or one of them (`a/b`); {MAX_TAGS} at most.",
        "schema": {**_TEXT, "minLength": 1},
    },
    "custom_id": {
        "name": "custom_id",
        "in": "query",
        "description": "The one consumer with this id elsewhere; nothing else is looked at then.",
        "schema": {**_TEXT, "minLength": 1},
    },
}
PAGED: Final = ("size", "offset")
FILTERED: Final = ("size", "offset", "tags")


def parameter(name: str) -> Json:
    """A parameter of that name."""
    return {"$ref": f"#/components/parameters/{name}"}


def errors(*statuses: str) -> dict[str, Json]:
    """Refusals; everything may be refused to those who are not known or not allowed."""
    return {
        status: {"$ref": f"#/components/responses/{status}"}
        for status in sorted({"401", "403", *statuses})
    }


def build_page(items: Json, **more: Json) -> Json:
    """A page of a list; `offset` and `next` lead on, and are not there where it ends."""
    return build_object(
        {"data": build_list(items), "next": {"type": ["string", "null"]}, **more},
        offset=_TEXT,
    )


def build_body(
    schema: Json, *, records: tuple[str, ...] = (), example: Json | None = None
) -> Json:
    """A body as JSON or as a form, whose `records` are said as `name[inner]=…`."""
    nested = {name: {"style": "deepObject", "explode": True} for name in records}
    form: Json = {"schema": schema, **({"encoding": nested} if nested else {})}
    shown = {"example": example} if example is not None else {}
    return {
        "required": True,
        "content": {JSON: {"schema": schema, **shown}, FORM: form, MULTIPART: form},
    }
