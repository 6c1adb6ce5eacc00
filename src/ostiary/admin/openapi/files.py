"""
The paths of a portal's files as OpenAPI. A node has them where it has a database.

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
}  # fmt: skip


def build_files(there: Iterable[str]) -> dict[str, Json]:
    """Those of these paths that a node has."""
    known = {*there}
    found: dict[str, Json] = {}
    for path, operations in _PATHS.items():
        if path in known:
            names = find_parameters(path)
            found[path] = {**({"parameters": names} if names else {}), **operations}
    return found
