"""
The paths about who may use the Admin API, and about who did, as OpenAPI.

A node has them where it has a database, and those of the audit log where that is on.

Spec: gateway §§1.15-1.17.
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
from ostiary.admin.openapi.rows import build_input
from ostiary.admin.openapi.values import UUID, Json, build_list, build_object, ref
from ostiary.model.access import ACTIONS
from ostiary.model.kinds import EVERY_KIND

_TEXT: Final[Json] = {"type": "string"}
_MAYBE: Final[Json] = {"type": ["string", "null"]}
_COUNT: Final[Json] = {"type": "integer"}
_BODY: Final = ("400", "413", "415", "503")
_PAGE_QUERY: Final = tuple(parameter(name) for name in PAGED)
_WORDS: Final[Json] = {"type": "string", "enum": [*ACTIONS, "*"]}
_ACTIONS: Final[Json] = {
    "description": "A list, a text with commas, or `*`.",
    "anyOf": [
        {**build_list(_WORDS), "minItems": 1},
        {"type": "string", "minLength": 1},
    ],
}
_RULE: Final = build_object(
    {"actions": build_list(_TEXT), "negative": {"type": "boolean"}}
)
_RULES: Final[Json] = {"type": "object", "additionalProperties": _RULE}
_PERMISSIONS: Final = build_object(
    {
        "endpoints": {"type": "object", "additionalProperties": _RULES},
        "entities": _RULES,
    }
)
_ROLES_OF: Final = build_object(
    {"roles": build_list(ref("RbacRole")), "user": ref("RbacUser")}
)
_NAMES: Final = build_body(
    build_object({"roles": {"anyOf": [_TEXT, {**build_list(_TEXT), "minItems": 1}]}})
)


def _input(kind: str, *names: str, required: tuple[str, ...] = ()) -> Json:
    """What may be said of a row, of its fields alone that are not in the path."""
    fields = build_input(EVERY_KIND[kind])["properties"]
    chosen = {name: fields[name] for name in names}
    if "actions" in chosen:
        chosen["actions"] = _ACTIONS
    more = {"required": [*required]} if required else {}
    return {"type": "object", "properties": chosen, **more}


_USER: Final = ("name", "user_token", "enabled", "comment")
_ROLE: Final = ("name", "comment")
_OF_RULES: Final = ("actions", "negative", "comment")


def _rows(
    model: str, kind: str, fields: tuple[str, ...], required: tuple[str, ...]
) -> Json:
    word = "user" if model == "RbacUser" else "role"
    made = build_reply(f"The new {word}.", ref(model))
    return {
        "get": build_get(f"list{model}s", "rbac", f"List the {word}s", build_page(ref(model)), "400", "503", query=_PAGE_QUERY),
        "post": build_operation(
            f"create{model}", "rbac", f"Make a {word}",
            requestBody=build_body(_input(kind, *fields, required=required)),
            responses={"201": made, **errors(*_BODY, "409")},
        ),
    }  # fmt: skip


def _row(
    model: str, kind: str, fields: tuple[str, ...], required: tuple[str, ...]
) -> Json:
    word = "user" if model == "RbacUser" else "role"
    kept = build_reply(f"The {word} as it is now.", ref(model))
    body = build_body(_input(kind, *fields))
    whole = build_body(_input(kind, *fields, required=required))
    return {
        "get": build_get(f"get{model}", "rbac", f"Show a {word}", ref(model), "404", "503"),
        "put": build_operation(
            f"put{model}", "rbac", f"Put a {word}, made anew of what is said alone",
            requestBody=whole, responses={"200": kept, **errors(*_BODY, "409")},
        ),
        "patch": build_operation(
            f"update{model}", "rbac", f"Change some of a {word}",
            requestBody=body, responses={"200": kept, **errors(*_BODY, "404", "409")},
        ),
        "delete": build_do(f"delete{model}", "rbac", f"Let a {word} go", "503"),
    }  # fmt: skip


def _rules(model: str, kind: str, *names: str) -> Json:
    made = build_reply("The new rule.", ref(model))
    fields = _input(kind, *names, *_OF_RULES, required=(names[0],))
    return {
        "get": build_get(f"list{model}s", "rbac", "What a role says", build_page(ref(model)), "400", "404", "503", query=_PAGE_QUERY),
        "post": build_operation(
            f"create{model}", "rbac", "Let a role say more",
            requestBody=build_body(fields),
            responses={"201": made, **errors(*_BODY, "404", "409")},
        ),
    }  # fmt: skip


def _one_rule(model: str, kind: str) -> Json:
    kept = build_reply("The rule as it is now.", ref(model))
    return {
        "get": build_get(f"get{model}", "rbac", "One thing that a role says", ref(model), "404", "503"),
        "patch": build_operation(
            f"update{model}", "rbac", "Let a role say something else",
            requestBody=build_body(_input(kind, *_OF_RULES)),
            responses={"200": kept, **errors(*_BODY, "404")},
        ),
        "delete": build_do(f"delete{model}", "rbac", "A role says it no more", "404", "503"),
    }  # fmt: skip


_RBAC: Final[Mapping[str, Json]] = {
    "/rbac/users": _rows("RbacUser", "rbac_users", _USER, ("name", "user_token")),
    "/rbac/users/{rbac_users}": _row("RbacUser", "rbac_users", _USER, ("user_token",)),
    "/rbac/users/{rbac_users}/roles": {
        "get": build_get("listRolesOfUser", "rbac", "The roles of a user", _ROLES_OF, "404", "503"),
        "post": build_operation(
            "addRolesToUser", "rbac", "Give roles to a user", requestBody=_NAMES,
            responses={"201": build_reply("All of them.", _ROLES_OF), **errors(*_BODY, "404")},
        ),
        "delete": {
            **build_do("removeRolesOfUser", "rbac", "Take roles from a user", *_BODY, "404"),
            "requestBody": _NAMES,
        },
    },
    "/rbac/users/{rbac_users}/permissions": {
        "get": build_get("listPermissionsOfUser", "rbac", "What the roles of a user say", _PERMISSIONS, "404", "503")
    },
    "/rbac/roles": _rows("RbacRole", "rbac_roles", _ROLE, ("name",)),
    "/rbac/roles/{rbac_roles}": _row("RbacRole", "rbac_roles", _ROLE, ()),
    "/rbac/roles/{rbac_roles}/permissions": {
        "get": build_get("listPermissionsOfRole", "rbac", "All that a role says", _PERMISSIONS, "404", "503")
    },
    "/rbac/roles/{rbac_roles}/endpoints": _rules("RbacRoleEndpoint", "rbac_role_endpoints", "endpoint", "workspace"),
    "/rbac/roles/{rbac_roles}/endpoints/{workspace}/{endpoint}": _one_rule("RbacRoleEndpoint", "rbac_role_endpoints"),
    "/rbac/roles/{rbac_roles}/entities": _rules("RbacRoleEntity", "rbac_role_entities", "entity_id"),
    "/rbac/roles/{rbac_roles}/entities/{entity_id}": _one_rule("RbacRoleEntity", "rbac_role_entities"),
}  # fmt: skip

_REQUEST: Final = build_object(
    {
        "client_ip": _MAYBE, "method": _TEXT, "path": _TEXT, "payload": _MAYBE,
        "rbac_user_id": _MAYBE, "rbac_user_name": _MAYBE, "removed_from_payload": _MAYBE,
        "request_id": _TEXT, "request_source": _MAYBE, "request_timestamp": _COUNT,
        "signature": _MAYBE, "status": _COUNT, "ttl": _COUNT, "workspace": _TEXT,
    }
)  # fmt: skip
_OBJECT: Final = build_object(
    {
        "dao_name": _TEXT, "entity": _TEXT, "entity_key": _TEXT, "expire": _COUNT, "id": UUID,
        "operation": {"type": "string", "enum": ["create", "update", "delete"]},
        "rbac_user_id": _MAYBE, "removed_from_entity": _MAYBE, "request_id": _TEXT,
        "request_timestamp": _COUNT, "signature": _MAYBE, "ttl": _COUNT,
    }
)  # fmt: skip


def _records(name: str, summary: str, item: Json, *fields: str) -> Json:
    query = (
        *_PAGE_QUERY,
        *(
            {"name": field, "in": "query", "schema": _TEXT, "description": "Records with this value alone."}
            for field in fields
        ),
        *(
            {"name": side, "in": "query", "schema": {"type": "integer"}, "description": "Unix seconds."}
            for side in ("before", "after")
        ),
    )  # fmt: skip
    page = build_page(item, total=_COUNT)
    return {"get": build_get(name, "audit", summary, page, "400", "503", query=query)}


_AUDIT: Final[Mapping[str, Json]] = {
    "/audit/requests": _records(
        "listAuditRequests", "What was asked of the Admin API", _REQUEST,
        "method", "path", "rbac_user_name", "request_id", "workspace",
    ),
    "/audit/objects": _records(
        "listAuditObjects", "What became of rows", _OBJECT,
        "dao_name", "entity_key", "operation", "request_id",
    ),
}  # fmt: skip
_WORKSPACES: Final[Mapping[str, Json]] = {
    "/workspaces/{workspaces}/meta": {
        "get": build_get(
            "countWorkspace", "workspaces", "How many rows a workspace has",
            build_object({"counts": {"type": "object", "additionalProperties": _COUNT}}), "404", "503",
        )
    }
}  # fmt: skip


def build_access(there: Iterable[str]) -> dict[str, Json]:
    """Those of these paths that a node has."""
    known = {*there}
    chosen = {p: o for p, o in {**_RBAC, **_AUDIT}.items() if p in known}
    found: dict[str, Json] = {}
    for path, operations in {**_WORKSPACES, **chosen}.items():
        names = find_parameters(path)
        found[path] = {**({"parameters": names} if names else {}), **operations}
    return found
