"""
The paths of portals' files and developers as OpenAPI. A node has them where it has a portal.

Spec: portal §1.7.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ostiary.admin.openapi.others import build_do, build_get, build_operation
from ostiary.admin.openapi.paths import find_parameters
from ostiary.admin.openapi.replies import (
    PAGED,
    build_body,
    build_page,
    build_reply,
    errors,
    parameter,
)
from ostiary.admin.openapi.values import UUID, Json, build_list, build_object
from ostiary.model.portal import STATUS_NAMES

_TEXT: Final[Json] = {"type": "string"}
_COUNT: Final[Json] = {"type": "integer"}
_BODY: Final = ("400", "413", "415", "503")
_FILE: Final = build_object(
    {
        "id": UUID,
        "path": _TEXT,
        "contents": _TEXT,
        "checksum": {**_TEXT, "description": "SHA-256 of the contents, in hex."},
        "created_at": _COUNT,
        "updated_at": _COUNT,
        "tags": {"anyOf": [build_list(_TEXT), {"type": "null"}]},
    }
)
_SOME: Final[Json] = {"type": "object", "properties": _FILE["properties"]}
_PATH: Final[Json] = {"type": "string", "minLength": 1, "maxLength": 255}
_FIELDS: Final[Json] = {"path": _PATH, "contents": _TEXT}
_QUERY: Final = (
    *(parameter(name) for name in PAGED),
    {
        "name": "fields", "in": "query", "schema": _TEXT,
        "description": "The fields to show of each, with commas between them; all of them otherwise.",
    },
)  # fmt: skip


def _body(*required: str) -> Json:
    more = {"required": [*required]} if required else {}
    return build_body({"type": "object", "properties": _FIELDS, **more})


_MAYBE: Final[Json] = {"type": ["string", "null"]}
_EMAIL: Final[Json] = {"type": "string", "minLength": 3, "maxLength": 255}
_STATUS: Final[Json] = {"type": "integer", "enum": [*STATUS_NAMES]}
_DEVELOPER: Final = build_object(
    {
        "id": UUID, "email": _TEXT, "status": _STATUS,
        "meta": {**_TEXT, "description": "A JSON object, as a text."},
        "custom_id": _MAYBE, "roles": build_list(_TEXT), "created_at": _COUNT, "updated_at": _COUNT,
    }
)  # fmt: skip
_ROLE: Final = build_object(
    {
        "id": UUID, "name": _TEXT, "comment": _MAYBE, "created_at": _COUNT, "updated_at": _COUNT,
        "permissions": {"type": "object"},
    }
)  # fmt: skip
_OF_DEVELOPER: Final[Json] = {
    "email": _EMAIL, "status": _STATUS, "custom_id": {"type": ["string", "null"], "minLength": 1},
    "meta": {"anyOf": [_TEXT, {"type": "object"}], "description": "A JSON object, or one as a text."},
    "roles": {"type": "array", "items": _TEXT},
}  # fmt: skip
# Where the portal signs in with it; never in an answer.
_SECRETS: Final[Json] = {
    name: {
        "type": ["string", "null"],
        "writeOnly": True,
        "description": f"What they sign in with, where `portal_auth` is {auth}. Another ends their sessions.",
    }
    for name, auth in (("password", "basic-auth"), ("key", "key-auth"))
}
_OF_ROLE: Final[Json] = {
    "name": {"type": "string", "minLength": 1, "maxLength": 100},
    "comment": {"type": ["string", "null"], "minLength": 1},
}
_TOLD: Final = build_object({"count": _COUNT, "emails": {"type": "object"}})
_PLAIN: Final = tuple(parameter(name) for name in ("size", "offset"))


def _given(fields: Json, *required: str) -> Json:
    more = {"required": [*required]} if required else {}
    return build_body({"type": "object", "properties": fields, **more})


_KEPT: Final = build_reply("The file as it is now.", _FILE)
_PATHS: Final[Mapping[str, Json]] = {
    "/files": {
        "get": build_get("listFiles", "files", "List the files of a portal", build_page(_SOME), "400", "503", query=_QUERY),
        "post": build_operation(
            "createFile", "files", "Make a file", requestBody=_body("path", "contents"),
            responses={"201": build_reply("The new file.", _FILE), **errors(*_BODY, "409")},
        ),
    },
    "/files/{files}": {
        "get": build_get("getFile", "files", "Show a file", _FILE, "404", "503"),
        "put": build_operation(
            "putFile", "files", "Put a file, made anew of what is said alone",
            requestBody=_body("contents"), responses={"200": _KEPT, **errors(*_BODY, "409")},
        ),
        "patch": build_operation(
            "updateFile", "files", "Change some of a file", requestBody=_body(),
            responses={"200": _KEPT, **errors(*_BODY, "404", "409")},
        ),
        "delete": build_do("deleteFile", "files", "Let a file go", "503"),
    },
    "/developers": {
        "get": build_get(
            "listDevelopers", "developers", "List the developers of a portal",
            build_page(_DEVELOPER, total=_COUNT), "400", "503",
            query=(
                *_PLAIN,
                {"name": "status", "in": "query", "schema": _STATUS, "description": "Those of a status alone."},
            ),
        ),
        "post": build_operation(
            "createDeveloper", "developers", "Register a developer",
            requestBody=_given({**_OF_DEVELOPER, **_SECRETS}, "email", "meta"),
            responses={"200": build_reply("The new developer.", _DEVELOPER), **errors(*_BODY, "409")},
        ),
    },
    "/developers/export": {
        "get": build_get("exportDevelopers", "developers", "Addresses and statuses", _TEXT, "503", kind="text/csv")
    },
    "/developers/invite": {
        "post": build_operation(
            "inviteDevelopers", "developers", "Mail the way to the registration",
            requestBody=_given({"emails": {"type": "array", "items": _EMAIL, "minItems": 1, "maxItems": 100}}, "emails"),
            responses={
                "200": build_reply("Who was told.", build_object({"sent": _TOLD, "error": _TOLD, "smtp_mock": {"type": "boolean"}})),
                **errors(*_BODY),
            },
        )
    },
    "/developers/roles": {
        "get": build_get("listDeveloperRoles", "developers", "The roles that developers may have", build_page(_ROLE), "503"),
        "post": build_operation(
            "createDeveloperRole", "developers", "Make a role", requestBody=_given(_OF_ROLE, "name"),
            responses={"201": build_reply("The new role.", _ROLE), **errors(*_BODY, "409")},
        ),
    },
    "/developers/roles/{developer_roles}": {
        "get": build_get("getDeveloperRole", "developers", "Show a role", _ROLE, "404", "503"),
        "patch": build_operation(
            "updateDeveloperRole", "developers", "Comment on a role", requestBody=_given({"comment": _OF_ROLE["comment"]}),
            responses={"200": build_reply("The role as it is now.", _ROLE), **errors(*_BODY, "404")},
        ),
        "delete": build_do("deleteDeveloperRole", "developers", "Let a role go, of everybody", "503"),
    },
    "/developers/{developers}": {
        "get": build_get("getDeveloper", "developers", "Show a developer", _DEVELOPER, "404", "503"),
        "patch": build_operation(
            "updateDeveloper", "developers", "Approve, reject, revoke, or say something else",
            requestBody=_given({**_OF_DEVELOPER, **_SECRETS}),
            responses={
                "200": build_reply("The developer as they are now.", build_object({"developer": _DEVELOPER})),
                **errors(*_BODY, "404", "409"),
            },
        ),
        "delete": build_do("deleteDeveloper", "developers", "Let a developer go", "503"),
    },
}  # fmt: skip


def build_portal(there: Iterable[str]) -> dict[str, Json]:
    """Those of these paths that a node has."""
    known = {*there}
    found: dict[str, Json] = {}
    for path, operations in _PATHS.items():
        if path in known:
            names = find_parameters(path)
            found[path] = {**({"parameters": names} if names else {}), **operations}
    return found
