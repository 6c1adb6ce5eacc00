"""
The paths of those who run the gateway as OpenAPI: admins, groups of a provider, coming and going.

Spec: portal §2.7.
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
from ostiary.admin.traffic import LONGEST_MINUTES
from ostiary.model.admins import ADMIN_STATUS_NAMES
from ostiary.model.kinds import EVERY_KIND

_TEXT: Final[Json] = {"type": "string"}
_MAYBE: Final[Json] = {"type": ["string", "null"]}
_COUNT: Final[Json] = {"type": "integer"}
_BODY: Final = ("400", "413", "415", "503")
_PAGE_QUERY: Final = tuple(parameter(name) for name in PAGED)
_PLAIN: Final = tuple(parameter(name) for name in ("size", "offset"))
_STATUS: Final[Json] = {"type": "integer", "enum": [*ADMIN_STATUS_NAMES]}
_FIELDS: Final[Json] = {
    "id": UUID, "username": _TEXT, "email": _MAYBE, "custom_id": _MAYBE, "status": _STATUS,
    "rbac_token_enabled": {"type": "boolean"}, "created_at": _COUNT, "updated_at": _COUNT,
}  # fmt: skip
_ADMIN: Final = build_object(_FIELDS)
_SHOWN: Final = build_object(
    _FIELDS,
    register_url={**_TEXT, "description": "Where somebody invited becomes an admin."},
    token={**_TEXT, "description": "What the link proves; links before it are worth nothing."},
)  # fmt: skip
_ROLES: Final = build_object({"roles": build_list({"type": "object"})})
_NAMES: Final = build_body(
    build_object({"roles": {"anyOf": [_TEXT, {**build_list(_TEXT), "minItems": 1}]}})
)


def _flag(name: str, text: str) -> Json:
    values: Json = {"type": "string", "enum": ["true", "false"]}
    return {"name": name, "in": "query", "schema": values, "description": text}


_EVERYWHERE: Final = _flag(
    "all_workspaces", "`true`: those of every workspace. Of `default` only."
)


def _given(
    kind: str, *names: str, required: tuple[str, ...] = (), **more: Json
) -> Json:
    fields = build_input(EVERY_KIND[kind])["properties"]
    chosen = {name: fields[name] for name in names} | more
    must = {"required": [*required]} if required else {}
    return build_body({"type": "object", "properties": chosen, **must})


_SAID: Final = ("username", "email", "custom_id", "rbac_token_enabled")
_GROUP_ROLE: Final = build_object(
    {"group": ref("Group"), "rbac_role": ref("RbacRole"), "workspace": {"type": "object"}}
)  # fmt: skip
_WHICH: Final = build_body(
    {
        "type": "object",
        "properties": {
            "rbac_role_id": {**_TEXT, "minLength": 1, "description": "The role's id or name."},
            "workspace_id": {**_TEXT, "description": "The workspace's id or name; `default` if left out."},
        },
        "required": ["rbac_role_id"],
    }
)  # fmt: skip
_ADMINS: Final[Mapping[str, Json]] = {
    "/admins": {
        "get": build_get("listAdmins", "admins", "List the admins of a workspace", build_page(_ADMIN), "400", "503", query=(*_PLAIN, _EVERYWHERE)),
        "post": build_operation(
            "inviteAdmin", "admins", "Invite an admin",
            requestBody=_given("admins", *_SAID, required=("username", "email")),
            responses={"200": build_reply("Who may come.", build_object({"admin": _ADMIN})), **errors(*_BODY, "409")},
        ),
    },
    "/admins/register": {
        "post": build_operation(
            "registerAdmin", "admins", "Choose the token to sign in with, by a registration link",
            requestBody=build_body(
                {
                    "type": "object",
                    "properties": {
                        "username": _TEXT,
                        "email": _TEXT,
                        "token": {**_TEXT, "description": "What the registration link holds."},
                        "password": {**_TEXT, "minLength": 16, "description": "The RBAC token from now on."},
                    },
                    "required": ["username", "token", "password"],
                }
            ),
            responses={"201": build_reply("They may sign in.", {"type": "object"}), **errors(*_BODY)},
        )
    },
    "/admins/password_resets": {
        "post": build_operation(
            "askForPasswordReset", "admins", "Always refused: there are no passwords",
            responses=errors("400"),
        ),
        "patch": build_operation(
            "resetPassword", "admins", "Always refused: there are no passwords",
            responses=errors("400"),
        ),
    },
    "/admins/{admins}": {
        "get": build_get(
            "getAdmin", "admins", "Show an admin", _SHOWN, "400", "403", "404", "503",
            query=(_flag("generate_register_url", "`true`: make a registration link for somebody invited."),),
        ),
        "patch": build_operation(
            "updateAdmin", "admins", "Change some of an admin",
            requestBody=_given("admins", *_SAID, status=_STATUS),
            responses={"200": build_reply("The admin as they are now.", _ADMIN), **errors(*_BODY, "403", "404", "409")},
        ),
        "delete": build_do("deleteAdmin", "admins", "Let an admin go, with their RBAC user", "403", "404", "503"),
    },
    "/admins/{admins}/roles": {
        "get": build_get("listRolesOfAdmin", "admins", "The roles of an admin in a workspace", _ROLES, "404", "503", query=(_EVERYWHERE,)),
        "post": build_operation(
            "addRolesToAdmin", "admins", "Give roles of a workspace to an admin", requestBody=_NAMES,
            responses={"201": build_reply("All of them there.", _ROLES), **errors(*_BODY, "404")},
        ),
        "delete": {
            **build_do("removeRolesOfAdmin", "admins", "Take roles of a workspace from an admin", *_BODY, "404"),
            "requestBody": _NAMES,
        },
    },
    "/admins/{admins}/workspaces": {
        "get": build_get("listWorkspacesOfAdmin", "admins", "Where an admin has roles", build_list({"type": "object"}), "404", "503")
    },
    "/auth": {
        "get": build_get("signIn", "admins", "Whether the token is somebody's: the Manager asks it when somebody signs in", {"type": "object"}),
        "delete": build_do("signOut", "admins", "The Manager says so when somebody signs out"),
    },
    "/groups": {
        "get": build_get("listOperatorGroups", "admins", "What the provider calls groups", build_page(ref("Group")), "400", "503", query=_PAGE_QUERY),
        "post": build_operation(
            "createOperatorGroup", "admins", "Name a group of the provider",
            requestBody=_given("groups", "name", "comment", required=("name",)),
            responses={"201": build_reply("The new group.", ref("Group")), **errors(*_BODY, "409")},
        ),
    },
    "/groups/{groups}": {
        "get": build_get("getOperatorGroup", "admins", "Show a group", ref("Group"), "404", "503"),
        "patch": build_operation(
            "updateOperatorGroup", "admins", "Change some of a group", requestBody=_given("groups", "name", "comment"),
            responses={"200": build_reply("The group as it is now.", ref("Group")), **errors(*_BODY, "404", "409")},
        ),
        "delete": build_do("deleteOperatorGroup", "admins", "Let a group go", "503"),
    },
    "/groups/{groups}/roles": {
        "get": build_get("listRolesOfGroup", "admins", "The roles of whoever is in a group", build_page(_GROUP_ROLE), "404", "503"),
        "post": build_operation(
            "addRoleToGroup", "admins", "Give a role to a group", requestBody=_WHICH,
            responses={"201": build_reply("Both sides.", _GROUP_ROLE), **errors(*_BODY, "404", "409")},
        ),
        "delete": {
            **build_do("removeRoleOfGroup", "admins", "Take a role from a group", *_BODY, "404"),
            "requestBody": _WHICH,
        },
    },
}  # fmt: skip

_WHEN: Final[Json] = {"type": ["integer", "null"]}
_SESSION: Final = build_object(
    {
        "id": {**_TEXT, "description": "It opens nothing."},
        "site": {"type": "string", "enum": ["manager", "portal", "gateway"]},
        "who": {**_MAYBE, "description": "What a token calls them; null where only the person's own cookie can tell."},
        "subject": {**_MAYBE, "description": "Who they are to the provider, where they signed in at a route."},
        "plugin": {"type": ["object", "null"], "properties": {"id": _TEXT}, "description": "The openid-connect plugin that signed somebody in at a route."},
        "workspace": _MAYBE, "began_at": _WHEN, "seen_at": _WHEN, "ends_at": _WHEN,
    }
)  # fmt: skip
_SESSIONS_FOUND: Final = build_object(
    {
        "data": {"type": "array", "items": _SESSION},
        "next": {"type": "null"},
        "incomplete": {
            **_MAYBE,
            "description": "Why these may not be all; null where they are.",
        },
    }
)
_SESSIONS: Final[Mapping[str, Json]] = {
    "/openid-connect/sessions": {
        "get": build_get("listSessions", "openid-connect", "Who is signed in: at routes and at the portal of the workspace, with `default` at the Manager too", _SESSIONS_FOUND, "503")
    },
    "/openid-connect/sessions/{session_id}": {
        "delete": build_do("endSession", "openid-connect", "End a session for its next request", "404", "503")
    },
}  # fmt: skip

_MINUTES: Final[Json] = {
    "name": "minutes", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": LONGEST_MINUTES},
    "description": "How far back; 60 if left out.",
}  # fmt: skip
_CODES: Final[Json] = {"type": "object", "additionalProperties": _COUNT}
_TRAFFIC: Final[Mapping[str, Json]] = {
    "/vitals/status_codes/by_workspace": {
        "get": build_get(
            "countStatusCodes", "node", "Requests of a workspace by status code, minute by minute, at this node",
            build_object(
                {
                    "meta": {"type": "object"},
                    "stats": build_object({"node": {"type": "object", "additionalProperties": _CODES}}),
                }
            ),
            "400", query=(_MINUTES,),
        )
    }
}  # fmt: skip


def build_admins(there: Iterable[str]) -> dict[str, Json]:
    """Those of these paths that a node has."""
    known = {*there}
    found: dict[str, Json] = {}
    for path, operations in {**_ADMINS, **_SESSIONS, **_TRAFFIC}.items():
        if path in known:
            names = find_parameters(path)
            found[path] = {**({"parameters": names} if names else {}), **operations}
    return found
