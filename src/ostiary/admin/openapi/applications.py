"""
The paths of applications, contracts, keys and document objects as OpenAPI.

Spec: portal §1.7.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from ostiary.admin.openapi.others import build_do, build_get, build_operation
from ostiary.admin.openapi.paths import find_parameters
from ostiary.admin.openapi.replies import (
    build_body,
    build_page,
    build_reply,
    errors,
    parameter,
)
from ostiary.admin.openapi.values import UUID, Json, build_object
from ostiary.model.applications import CONTRACT_NAMES, MAX_NAME_CHARS, MAX_TEXT_CHARS

_TEXT: Final[Json] = {"type": "string"}
_MAYBE: Final[Json] = {"type": ["string", "null"]}
_COUNT: Final[Json] = {"type": "integer"}
_WHOM: Final = build_object({"id": UUID})
_BODY: Final = ("400", "413", "415", "503")
_PLAIN: Final = tuple(parameter(name) for name in ("size", "offset"))
_STATUS: Final[Json] = {"type": "integer", "enum": [*CONTRACT_NAMES]}
_OF_STATUS: Final[Json] = {
    "name": "status", "in": "query", "schema": _STATUS, "description": "Those of a status alone.",
}  # fmt: skip
_APPLICATION: Final = build_object(
    {
        "id": UUID, "name": _TEXT, "description": _MAYBE, "redirect_uri": _MAYBE, "custom_id": _MAYBE,
        "pool_client": {"type": "boolean"}, "developer": _WHOM,
        "consumer": {**_WHOM, "description": "Whom upstreams hear of: the application's own id."},
        "created_at": _COUNT, "updated_at": _COUNT,
    }
)  # fmt: skip
_INSTANCE: Final = build_object(
    {
        "id": UUID, "application": _WHOM, "service": _WHOM, "status": _STATUS,
        "suspended": {"type": "boolean"}, "composite_id": _TEXT, "created_at": _COUNT, "updated_at": _COUNT,
    }
)  # fmt: skip
_SHOWN: Final[Json] = {
    **_TEXT,
    "description": "All of it when it is new, its beginning afterwards.",
}
_KEY: Final = build_object(
    {
        "id": UUID, "key": _SHOWN, "client_id": _SHOWN, "application": _WHOM, "consumer": _WHOM,
        "created_at": _COUNT, "expires_at": {"type": ["integer", "null"]},
    }
)  # fmt: skip
_DOCUMENT: Final = build_object(
    {
        "id": UUID,
        "service": _WHOM,
        "path": _TEXT,
        "created_at": _COUNT,
        "updated_at": _COUNT,
    }
)
_CLIENT: Final = build_object(
    {
        "client_id": _TEXT,
        "client_secret": _TEXT,
        "client_type": _TEXT,
        "application": _WHOM,
        "consumer": _WHOM,
    }
)
_USED: Final = build_object(
    {"service": _WHOM, "day": {"type": "string", "format": "date"}, "ok": _COUNT, "refused": _COUNT, "failed": _COUNT}
)  # fmt: skip
_DAYS: Final[Json] = {
    "name": "days", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 365},
    "description": "How many days, with today.",
}  # fmt: skip
_OF_APPLICATION: Final[Json] = {
    "name": {"type": "string", "minLength": 1, "maxLength": MAX_NAME_CHARS},
    "description": {"type": ["string", "null"], "maxLength": MAX_TEXT_CHARS},
    "redirect_uri": {
        "type": ["string", "null"],
        "minLength": 1,
        "maxLength": MAX_TEXT_CHARS,
    },
    "custom_id": {"type": ["string", "null"], "minLength": 1, "maxLength": 255},
}
_OF_CONTRACT: Final[Json] = {"status": _STATUS, "suspended": {"type": "boolean"}}
_SERVICE: Final[Json] = {
    "anyOf": [{"type": "object", "properties": {"id": _TEXT, "name": _TEXT}}, _TEXT]
}
_TTL: Final[Json] = {
    "ttl": {"type": ["integer", "null"], "minimum": 1, "maximum": 100_000_000, "description": "In seconds from now."}
}  # fmt: skip


def _given(fields: Json, *required: str) -> Json:
    more = {"required": [*required]} if required else {}
    closed = {"type": "object", "properties": fields, "additionalProperties": False}
    return build_body({**closed, **more})


def _build_rows(base: str, mark: str) -> Iterator[tuple[str, Json]]:
    """What is below `applications`, wherever that is; `mark` tells operations apart."""
    tag = "applications"
    one = f"{base}/{{applications}}"
    created: Json = {
        "post": build_operation(
            f"create{mark}Application", tag, "Make an application", requestBody=_given(_OF_APPLICATION, "name"),
            responses={"201": build_reply("The new application.", _APPLICATION), **errors(*_BODY, "404", "409")},
        )
    }  # fmt: skip
    yield base, {
        "get": build_get(f"list{mark}Applications", tag, "List applications", build_page(_APPLICATION, total=_COUNT), "400", "404", "503", query=_PLAIN),
        **(created if mark else {}),
    }  # fmt: skip
    yield one, {
        "get": build_get(f"get{mark}Application", tag, "Show an application", _APPLICATION, "404", "503"),
        "patch": build_operation(
            f"update{mark}Application", tag, "Change what an application says of itself", requestBody=_given(_OF_APPLICATION),
            responses={"200": build_reply("The application as it is now.", _APPLICATION), **errors(*_BODY, "404", "409")},
        ),
        "delete": build_do(f"delete{mark}Application", tag, "Let an application go, with its contracts and keys", "404", "503"),
    }  # fmt: skip
    yield f"{one}/application_instances", {
        "get": build_get(
            f"list{mark}Contracts", tag, "List the contracts of an application", build_page(_INSTANCE, total=_COUNT),
            "400", "404", "503", query=(*_PLAIN, _OF_STATUS),
        ),
        "post": build_operation(
            f"create{mark}Contract", tag, "Ask for a contract with a service",
            requestBody=_given({"service": _SERVICE, **_OF_CONTRACT}, "service"),
            responses={"201": build_reply("The new contract.", _INSTANCE), **errors(*_BODY, "404", "409")},
        ),
    }  # fmt: skip
    yield f"{one}/application_instances/{{application_instances}}", {
        "get": build_get(f"get{mark}Contract", tag, "Show a contract", _INSTANCE, "404", "503"),
        "patch": build_operation(
            f"update{mark}Contract", tag, "Approve, reject, revoke or suspend a contract", requestBody=_given(_OF_CONTRACT),
            responses={"200": build_reply("The contract as it is now.", _INSTANCE), **errors(*_BODY, "404")},
        ),
        "delete": build_do(f"delete{mark}Contract", tag, "End a contract", "404", "503"),
    }  # fmt: skip
    yield f"{one}/credentials/user-pool", {
        "post": build_operation(
            f"create{mark}ApplicationClient", tag, "Make a client in the user pool; its secret is shown this once",
            responses={"201": build_reply("The new client.", _CLIENT), **errors("404", "409", "503")},
        ),
        "delete": build_do(f"delete{mark}ApplicationClient", tag, "Let that client go", "404", "503"),
    }  # fmt: skip
    yield f"{one}/usage", {
        "get": build_get(f"get{mark}ApplicationUsage", tag, "Requests by day and service", build_page(_USED), "400", "404", "503", query=(_DAYS,)),
    }  # fmt: skip
    yield f"{one}/credentials/key-auth", {
        "get": build_get(f"list{mark}ApplicationKeys", tag, "List the keys of an application", build_page(_KEY, total=_COUNT), "400", "404", "503", query=_PLAIN),
        "post": build_operation(
            f"create{mark}ApplicationKey", tag, "Make a key, which is shown this once", requestBody=_given(_TTL),
            responses={"201": build_reply("The new key.", _KEY), **errors(*_BODY, "404")},
        ),
    }  # fmt: skip
    yield f"{one}/credentials/key-auth/{{application_keys}}", {
        "get": build_get(f"get{mark}ApplicationKey", tag, "Show a key's beginning", _KEY, "404", "503"),
        "patch": build_operation(
            f"update{mark}ApplicationKey", tag, "Let a key end sooner", requestBody=_given(_TTL, "ttl"),
            responses={"200": build_reply("The key as it is now.", _KEY), **errors(*_BODY, "404")},
        ),
        "delete": build_do(f"delete{mark}ApplicationKey", tag, "Let a key go", "404", "503"),
    }  # fmt: skip


def _build_documents() -> Iterator[tuple[str, Json]]:
    tag = "document_objects"

    def both(mark: str, *needed: str) -> Json:
        fields = {"path": {"type": "string", "minLength": 1, "maxLength": 255}, **({"service": _SERVICE} if "service" in needed else {})}  # fmt: skip
        return {
            "get": build_get(f"list{mark}Documents", tag, "Which specifications describe which services", build_page(_DOCUMENT), "404", "503"),
            "post": build_operation(
                f"put{mark}Document", tag, "Say which specification describes a service", requestBody=_given(fields, *needed),
                responses={"201": build_reply("The new document object.", _DOCUMENT), **errors(*_BODY, "404", "409")},
            ),
        }  # fmt: skip

    yield "/document_objects", both("", "path", "service")
    yield "/services/{services}/document_objects", both("Service", "path")
    yield "/document_objects/{document_objects}", {
        "get": build_get("getDocument", tag, "Show a document object", _DOCUMENT, "404", "503"),
        "delete": build_do("deleteDocument", tag, "Let a document object go", "503"),
    }  # fmt: skip


def build_applications(there: Iterable[str]) -> dict[str, Json]:
    """Those of these paths that a node has."""
    known = {*there}

    def contracts(mark: str) -> Json:
        return build_get(
            f"list{mark}Contracts", "applications", f"List the contracts of {'a service' if mark == 'Service' else 'everybody'}",
            build_page(_INSTANCE, total=_COUNT), "400", "404", "503", query=(*_PLAIN, _OF_STATUS),
        )  # fmt: skip

    paths = (
        *_build_rows("/applications", ""),
        *_build_rows("/developers/{developers}/applications", "Developer"),
        ("/services/{services}/application_instances", {"get": contracts("Service")}),
        ("/application_instances", {"get": contracts("All")}),
        *_build_documents(),
    )
    return {
        path: {
            **({"parameters": names} if (names := find_parameters(path)) else {}),
            **operations,
        }
        for path, operations in paths
        if path in known
    }
