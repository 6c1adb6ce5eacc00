"""
The paths of developers' own credentials, and of how much they call, as OpenAPI.

Spec: portal §§1.6, 1.7.
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
from ostiary.admin.openapi.values import UUID, Json, build_object, words_of
from ostiary.model.developer_credentials import BASIC_AUTH, JWT, KEY_AUTH

_TEXT: Final[Json] = {"type": "string"}
_MAYBE: Final[Json] = {"type": ["string", "null"]}
_COUNT: Final[Json] = {"type": "integer"}
_WHOM: Final = build_object({"id": UUID})
_BODY: Final = ("400", "409", "413", "415", "503")
_PLAIN: Final = tuple(parameter(name) for name in ("size", "offset"))
_GIVEN_TEXT: Final[Json] = {"type": ["string", "null"], "minLength": 1}
_TTL: Final[Json] = {
    "type": ["integer", "null"], "minimum": 1, "maximum": 100_000_000, "description": "In seconds from now.",
}  # fmt: skip
_ONCE: Final = (
    "All of it where it was generated just now, at most its beginning otherwise."
)
_SECRET: Final[Json] = {**_TEXT, "description": _ONCE}
_EVERY: Final[Json] = {
    "id": UUID, "developer": _WHOM,
    "consumer": {**_WHOM, "description": "Whom upstreams hear of: the developer's own id."},
    "created_at": _COUNT, "updated_at": _COUNT, "expires_at": {"type": ["integer", "null"]},
    "self_made": {"type": "boolean", "description": "Whether it was made in the portal."},
}  # fmt: skip
_SHOWN: Final[Json] = {
    KEY_AUTH: {"key": _SECRET},
    BASIC_AUTH: {"username": _TEXT, "password": _SECRET},
    JWT: {
        "key": _TEXT,
        "secret": {"type": ["string", "null"], "description": _ONCE},
        "algorithm": _TEXT,
        "rsa_public_key": _MAYBE,
    },
}
_GIVEN: Final[Json] = {
    KEY_AUTH: {"key": _GIVEN_TEXT},
    BASIC_AUTH: {"username": _GIVEN_TEXT, "password": _GIVEN_TEXT},
    JWT: {
        "key": _GIVEN_TEXT,
        "secret": _GIVEN_TEXT,
        "algorithm": _GIVEN_TEXT,
        "rsa_public_key": _GIVEN_TEXT,
    },
}
_DAY: Final = build_object(
    {"day": {"type": "string", "format": "date"}, "ok": _COUNT, "refused": _COUNT, "failed": _COUNT}
)  # fmt: skip
_DAYS: Final[Json] = {
    "name": "days", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 365},
    "description": "How many days, with today.",
}  # fmt: skip


def _build_one(plugin: str) -> Iterator[tuple[str, Json]]:
    tag, mark = "developers", words_of(plugin)
    base = f"/developers/{{developers}}/credentials/{plugin}"
    shown = build_object({**_EVERY, **_SHOWN[plugin]})
    body = build_body(
        {
            "type": "object",
            "properties": {**_GIVEN[plugin], "ttl": _TTL},
            "additionalProperties": False,
        }
    )
    yield base, {
        "get": build_get(f"listDeveloper{mark}", tag, f"List a developer's credentials of {plugin}", build_page(shown, total=_COUNT), "400", "404", "503", query=_PLAIN),
        "post": build_operation(
            f"createDeveloper{mark}", tag, f"Make a credential of {plugin}; what is not given is generated, and shown this once", requestBody=body,
            responses={"201": build_reply("The new credential.", shown), **errors(*_BODY, "404")},
        ),
    }  # fmt: skip
    yield f"{base}/{{developer_credentials}}", {
        "get": build_get(f"getDeveloper{mark}", tag, f"Show a developer's credential of {plugin}", shown, "404", "503"),
        "patch": build_operation(
            f"updateDeveloper{mark}", tag, f"Change a developer's credential of {plugin}, or let it end sooner", requestBody=body,
            responses={"200": build_reply("The credential as it is now.", shown), **errors(*_BODY, "404")},
        ),
        "delete": build_do(f"deleteDeveloper{mark}", tag, f"Let a developer's credential of {plugin} go", "404", "503"),
    }  # fmt: skip


def build_credentials(there: Iterable[str]) -> dict[str, Json]:
    """Those of these paths that a node has."""
    known = {*there}
    usage = build_get(
        "getDeveloperUsage", "developers", "Requests of all applications of a developer, by day",
        build_page(_DAY), "400", "404", "503", query=(_DAYS,),
    )  # fmt: skip
    paths = (
        *(pair for plugin in (KEY_AUTH, BASIC_AUTH, JWT) for pair in _build_one(plugin)),
        ("/developers/{developers}/usage", {"get": usage}),
    )  # fmt: skip
    return {
        path: {"parameters": find_parameters(path), **operations}
        for path, operations in paths
        if path in known
    }
