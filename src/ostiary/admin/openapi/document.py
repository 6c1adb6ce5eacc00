"""
The whole document.

Spec: OpenAPI 3.1.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ostiary.admin.openapi.access import build_access
from ostiary.admin.openapi.admins import build_admins
from ostiary.admin.openapi.applications import build_applications
from ostiary.admin.openapi.credentials import build_credentials
from ostiary.admin.openapi.others import TAGS, build_others, change_rows
from ostiary.admin.openapi.paths import build_paths, build_tags
from ostiary.admin.openapi.portal import build_portal
from ostiary.admin.openapi.replies import HEADERS, PARAMETERS, RESPONSES, SCHEMAS
from ostiary.admin.openapi.rows import PluginModels, build_schemas
from ostiary.admin.openapi.values import Json
from ostiary.model.workspaces import DEFAULT_NAME

_ABOUT: Final = """\
Kong's Admin API as Ostiary serves it.

Every path answers OPTIONS with its verbs, and HEAD as GET without a body. One slash at the end
of a path does not count. Bodies are JSON, or forms whose names are paths: `config.minute=5`,
`protocols[]=http`, `service.name=orders`; in forms texts are numbers and truth values where the
field is one, and empty texts are null.

Of a node without a database only `/config` can be written: everything else answers 405."""


def build_servers() -> list[Json]:
    """Where the API is: any path may begin with a workspace."""
    named = {"default": DEFAULT_NAME, "description": "The name or id of a workspace."}
    return [
        {"url": "/", "description": "This node; rows are those of `default`."},
        {
            "url": "/{workspace}",
            "description": "The same, with the rows of a workspace.",
            "variables": {"workspace": named},
        },
    ]


def build_document(
    plugins: PluginModels, *, version: str, more: Iterable[str] = ()
) -> Json:
    """
    The Admin API as OpenAPI.

    Args:
        version: Ostiary's.
        more: Paths that not every node has.
    """
    paths = build_paths()
    change_rows(paths)
    paths |= build_others() | build_access(more) | build_portal(more)
    paths |= build_applications(more)
    paths |= build_credentials(more)
    paths |= build_admins(more)
    tags = [{"name": name, "description": text} for name, text in TAGS.items()]
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": "Ostiary Admin API",
            "summary": "Kong's Admin API, row by row.",
            "description": _ABOUT,
            "version": version,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": build_servers(),
        "security": [{}, {"token": []}],
        "tags": [*build_tags(), *tags],
        "paths": dict(sorted(paths.items(), key=lambda item: item[0].split("/"))),
        "components": {
            "schemas": {**build_schemas(plugins), **SCHEMAS},
            "responses": {**RESPONSES},
            "parameters": {**PARAMETERS},
            "headers": {**HEADERS},
            "securitySchemes": {
                "token": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Kong-Admin-Token",
                    "description": "Whose request it is, where that is asked.",
                }
            },
        },
    }
