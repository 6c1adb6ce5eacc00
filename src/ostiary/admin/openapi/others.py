"""
The paths that are not about rows alone, as OpenAPI: what the node tells, groups, health, sign-ins.

One entry per path of `/endpoints`. A test holds both lists against each other, and another one
the shapes against what the handlers answer.

Spec: gateway §§1.4 (groups), 1.7 (health), 1.14, 1.18, 2.3; interop hook 5; oidc-plugin §12.7.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ostiary.admin.openapi.paths import build_group, find_parameters
from ostiary.admin.openapi.replies import (
    FILTERED,
    FORM,
    JSON,
    NO_CONTENT,
    PAGED,
    build_body,
    build_page,
    build_reply,
    errors,
    parameter,
)
from ostiary.admin.openapi.rows import build_reply as build_row
from ostiary.admin.openapi.values import UUID, Json, build_list, build_object, ref
from ostiary.model.kinds import KINDS

_TEXT: Final[Json] = {"type": "string"}
_MAYBE: Final[Json] = {"type": ["string", "null"]}
_COUNT: Final[Json] = {"type": "integer"}
_ANY: Final[Json] = {"type": "object"}
_TEXTS: Final = build_list(_TEXT)
_BODY: Final = ("400", "413", "415", "503")
_SCHEMA: Final = build_object(
    {"fields": build_list(_ANY), "entity_checks": build_list(_ANY)}
)
_FIELDS: Final = build_object({"fields": build_list(_ANY)})
_KEYS: Final = build_list({"type": "object"})

_ROOT: Final = build_object(
    {
        "version": {**_TEXT, "description": "Of the Kong whose Admin API this is."},
        "edition": _TEXT,
        "tagline": _TEXT,
        "ostiary_version": _TEXT,
        "node_id": _TEXT,
        "hostname": _TEXT,
        "lua_version": {"type": "null"},
        "pids": build_object({"master": _COUNT, "workers": build_list(_COUNT)}),
        "timers": build_object({"running": _COUNT, "pending": _COUNT}),
        "configuration": {**_ANY, "description": "Settings, without secrets."},
        "plugins": build_object(
            {
                "available_on_server": {
                    "type": "object",
                    "additionalProperties": build_object(
                        {"priority": _COUNT, "version": _TEXT}
                    ),
                },
                "enabled_in_cluster": _TEXTS,
            }
        ),
    }
)
_STATUS: Final = build_object(
    {
        "database": build_object({"reachable": {"type": "boolean"}}),
        "memory": build_object(
            {
                "lua_shared_dicts": _ANY,
                "workers_lua_vms": build_list(
                    build_object(
                        {
                            "pid": _COUNT,
                            "http_allocated_gc": {"type": ["string", "integer"]},
                        }
                    )
                ),
            }
        ),
        "server": build_object(
            {
                "connections_accepted": _COUNT,
                "connections_handled": _COUNT,
                "connections_active": _COUNT,
                "total_requests": _COUNT,
            }
        ),
        "configuration_hash": _TEXT,
        "workers": {"type": "object", "additionalProperties": _TEXT},
        "warnings": _TEXTS,
        "problem": _MAYBE,
    }
)
_LICENSE: Final = build_object(
    {
        "counters": build_object(
            {"buckets": build_list(_ANY), "total_requests": _COUNT}
        ),
        "plugins_count": build_object(
            {
                "tiers": {"type": "object", "additionalProperties": _ANY},
                "unique_route_lambdas": _COUNT,
                "unique_route_kafkas": _COUNT,
            }
        ),
        "services_count": _COUNT,
        "routes_count": _COUNT,
        "rbac_users": _COUNT,
        "workspaces_count": _COUNT,
        "kong_version": _TEXT,
        "db_version": _TEXT,
        "system_info": build_object(
            {"cores": _COUNT, "hostname": _TEXT, "uname": _TEXT}
        ),
        "deployment_info": build_object({"type": _TEXT}),
        "license": build_object(
            {"license_expiration_date": _MAYBE, "license_key": _TEXT}
        ),
        "timestamp": _COUNT,
    }
)
_TAG: Final = build_object({"entity_name": _TEXT, "entity_id": UUID, "tag": _TEXT})
_ISSUER: Final = build_object(
    {
        "id": UUID,
        "issuer": _TEXT,
        "created_at": _COUNT,
        "configuration": _ANY,
        "keys": _KEYS,
    }
)
_REDIRECT_URI: Final = build_object(
    {
        "plugin": UUID,
        "route": _MAYBE,
        "configured": {"type": ["array", "null"], "items": _TEXT},
        "hosts": _TEXTS,
        "paths": _TEXTS,
        "note": _MAYBE,
    }
)
_TARGET: Final = build_row(KINDS["targets"])
_HEALTHY: Final[Json] = {
    **_TARGET,
    "properties": {**_TARGET["properties"], "health": _TEXT, "data": _ANY},
    "required": [*_TARGET["required"], "health", "data"],
}
_BALANCER: Final = build_object(
    {
        "data": build_object(
            {"id": UUID, "health": _TEXT}, balancer_health=_TEXT, details=_ANY
        ),
        "next": {"type": "null"},
        "node_id": _TEXT,
    }
)
_PAIR: Final = build_object(
    {"consumer_group": ref("ConsumerGroup"), "consumers": build_list(ref("Consumer"))}
)
_OTHER_PAIR: Final = build_object(
    {"consumer": ref("Consumer"), "consumer_groups": build_list(ref("ConsumerGroup"))}
)


def build_operation(
    name: str, tag: str, summary: str, **more: Json | list[Json]
) -> Json:
    """An operation by its name, tag and summary."""
    return {"operationId": name, "summary": summary, "tags": [tag], **more}


def build_get(
    name: str,
    tag: str,
    summary: str,
    schema: Json,
    *refused: str,
    kind: str = JSON,
    query: tuple[Json, ...] = (),
) -> Json:
    """One that shows something."""
    shown = build_reply("What was asked for.", schema, kind=kind)
    asked = {"parameters": [*query]} if query else {}
    return build_operation(
        name, tag, summary, **asked, responses={"200": shown, **errors(*refused)}
    )


def build_do(name: str, tag: str, summary: str, *refused: str) -> Json:
    """One that answers 204."""
    return build_operation(
        name, tag, summary, responses={"204": NO_CONTENT, **errors(*refused)}
    )


def _query(name: str, schema: Json, description: str) -> Json:
    return {"name": name, "in": "query", "schema": schema, "description": description}


def _listed(items: Json) -> Json:
    return build_object({"data": build_list(items), "next": {"type": "null"}})


_PAGED_QUERY: Final = tuple(parameter(name) for name in PAGED)
_ON: Final = {"type": "string", "enum": ["1", "true", "on"]}
_CONFIG_BODY: Final[Json] = {
    "required": True,
    "content": {
        JSON: {"schema": {"type": "object"}},
        FORM: {"schema": build_object({"config": _TEXT})},
        "application/yaml": {"schema": _TEXT},
        "text/yaml": {"schema": _TEXT},
    },
}
_VALID: Final = build_object({"message": _TEXT})

_NODE: Final[Mapping[str, Json]] = {
    "/": {"get": build_get("getNode", "node", "What the node is", _ROOT)},
    "/kong": {"get": build_get("getKong", "node", "What the node is", _ROOT)},
    "/status": {
        "get": build_get(
            "getStatus", "node", "How the node is", _STATUS, "400",
            query=(
                _query("unit", {"type": "string", "enum": ["b", "B", "k", "K", "m", "M", "g", "G"], "default": "m"}, "Of sizes."),
                _query("scale", {"type": "integer", "minimum": 0, "maximum": 9, "default": 2}, "How many digits follow the point."),
            ),
        )
    },
    "/metrics": {
        "get": build_operation(
            "getMetrics", "node", "Numbers for Prometheus",
            responses={
                "200": build_reply(
                    "In the form that was asked for.",
                    content={kind: {"schema": _TEXT} for kind in ("text/plain", "application/openmetrics-text")},
                ),
                **errors(),
            },
        )
    },
    "/robots.txt": {"get": build_get("getRobots", "node", "What crawlers may do: nothing", _TEXT, kind="text/plain")},
    "/endpoints": {"get": build_get("listEndpoints", "node", "Every path", build_object({"data": _TEXTS}))},
    "/openapi.json": {"get": build_get("getOpenapi", "node", "This document", _ANY)},
    "/license/report": {"get": build_get("getLicenseReport", "node", "Nothing here needs a licence", _LICENSE)},
    "/clustering/data-planes": {
        "get": build_operation("listDataPlanes", "node", "This node is no control plane of others", responses=errors("400"))
    },
    "/plugins/enabled": {
        "get": build_get("listEnabledPlugins", "node", "The plugins that there are", build_object({"enabled_plugins": _TEXTS}))
    },
    "/plugins/schema/{name}": {
        "get": build_get("getPluginConfigSchema", "schemas", "A plugin's config as Kong describes it", _FIELDS, "404")
    },
    "/schemas/{name}": {"get": build_get("getSchema", "schemas", "A kind as Kong describes it", _SCHEMA, "404")},
    "/schemas/plugins/{name}": {"get": build_get("getPluginSchema", "schemas", "A plugin as Kong describes it", _SCHEMA, "404")},
    "/schemas/vaults/{name}": {"get": build_get("getVaultSchema", "schemas", "A vault as Kong describes it", _FIELDS, "404")},
    "/schemas/{name}/validate": {
        "post": build_operation(
            "validate", "schemas", "Whether a row could be",
            requestBody=build_body(_ANY),
            responses={"200": build_reply("It could.", _VALID), **errors(*_BODY, "404")},
        )
    },
    "/schemas/plugins/validate": {
        "post": build_operation(
            "validatePlugin", "schemas", "Whether a plugin could be",
            requestBody=build_body(ref("NamedPluginInput"), records=("config", "consumer", "consumer_group", "route", "service")),
            responses={"200": build_reply("It could.", _VALID), **errors(*_BODY)},
        )
    },
    "/tags": {"get": build_get("listTags", "tags", "Tags and the rows that have them", build_page(_TAG), "400", "503", query=_PAGED_QUERY)},
    "/tags/{tag}": {"get": build_get("listTagged", "tags", "The rows with a tag", build_page(_TAG), "400", "503", query=_PAGED_QUERY)},
    "/config": {
        "get": build_get("getConfig", "config", "The whole configuration, as a file", build_object({"config": _TEXT}), "400"),
        "post": build_operation(
            "loadConfig", "config", "Replace the whole configuration",
            parameters=[
                _query("check_hash", _ON, "Nothing is done, and 304 said, when it is what is live."),
                _query("flatten_errors", _ON, "Tell what is wrong by row, too."),
                _query("dry_run", _ON, "Only say whether it could be."),
            ],
            requestBody=_CONFIG_BODY,
            responses={
                "201": build_reply(
                    "The rows by kind and id.",
                    {"type": "object", "additionalProperties": {"type": "object", "additionalProperties": _ANY}},
                ),
                "304": build_reply("It is what is live."),
                **errors("400", "413", "503"),
            },
        ),
    },
}  # fmt: skip

_SIGN_IN: Final[Mapping[str, Json]] = {
    "/openid-connect/redirect-uris": {
        "get": build_get("listRedirectUris", "openid-connect", "What to register at providers", _listed(_REDIRECT_URI))
    },
    "/openid-connect/jwks": {
        "get": build_get(
            "getJwks", "openid-connect", "The public keys of this node's assertions and of its clients",
            build_object({"keys": _KEYS}), "503", kind="application/jwk-set+json",
        ),
        "delete": build_do("turnJwks", "openid-connect", "New client keys; those before are still published", "503"),
    },
    "/openid-connect/issuers": {
        "get": build_get("listIssuers", "openid-connect", "Every provider that some worker has fetched", _listed(_ISSUER), "503"),
        "delete": build_do("forgetIssuers", "openid-connect", "All of them are fetched again", "503"),
    },
    "/openid-connect/issuers/{key}": {
        "get": build_get("getIssuer", "openid-connect", "The provider of an id or an issuer", _ISSUER, "404", "503"),
        "delete": build_do("forgetIssuer", "openid-connect", "A provider is fetched again", "404", "503"),
    },
    "/openid-connect/flows": {"get": build_get("listFlows", "openid-connect", "The latest sign-in decisions", _listed(_ANY))},
    "/openid-connect/flows/{request_id}": {
        "get": build_get("getFlow", "openid-connect", "Why one request was decided as it was", _ANY, "404")
    },
}  # fmt: skip


def _decree(word: str, *, address: bool) -> Json:
    of = "Address" if address else "Target"
    said = "one address of a target" if address else "a target"
    return {
        verb: build_do(f"{verb}{of}{word.capitalize()}", "targets", f"Say that {said} is {word}", "404", "405", "503")
        for verb in ("put", "post")
    }  # fmt: skip


_HEALTH: Final[Mapping[str, Json]] = {
    "/upstreams/{upstreams}/health": {
        "get": build_get(
            "getHealth", "targets", "The health of an upstream's targets",
            {"anyOf": [build_page(_HEALTHY, node_id=_TEXT), _BALANCER]}, "400", "404", "503",
            query=(
                *_PAGED_QUERY,
                _query("balancer_health", {"type": "string", "enum": ["0", "1"]}, "1 asks for the upstream as a whole."),
            ),
        )
    },
    "/upstreams/{upstreams}/targets/all": {
        "get": build_get(
            "listAllTargets", "targets", "List the targets of an upstream, by id",
            build_page(ref("Target")), "400", "404", "503",
            query=tuple(parameter(name) for name in FILTERED),
        )
    },
    "/upstreams/{upstreams}/targets/{targets}/healthy": _decree("healthy", address=False),
    "/upstreams/{upstreams}/targets/{targets}/unhealthy": _decree("unhealthy", address=False),
    "/upstreams/{upstreams}/targets/{targets}/{address}/healthy": _decree("healthy", address=True),
    "/upstreams/{upstreams}/targets/{targets}/{address}/unhealthy": _decree("unhealthy", address=True),
}  # fmt: skip


def _members(
    many: str, one: str, asked: str, tag: str, listed: str, item: Json, pair: Json
) -> dict[str, Json]:
    """Both paths of memberships, by one side."""
    names = {"oneOf": [_TEXT, build_list(_TEXT)]}
    rows = build_list(item)
    page = build_object({listed: rows, "data": rows, "next": {"type": "null"}})
    return {
        "get": build_get(f"list{many}", tag, "Who is in it" if asked == "consumer" else "What it is in", page, "404", "503"),
        "post": build_operation(
            f"add{one}", tag, "Come in",
            requestBody=build_body(build_object({asked: names})),
            responses={"201": build_reply("Both sides.", pair), **errors(*_BODY, "404", "405", "409")},
        ),
        "delete": build_do(f"remove{many}", tag, "Everybody goes", "404", "405", "503"),
    }  # fmt: skip


def _member(one: str, tag: str, pair: Json) -> dict[str, Json]:
    return {
        "get": build_get(
            f"get{one}", tag, "Both sides of a membership", pair, "404", "503"
        ),
        "delete": build_do(f"remove{one}", tag, "It goes", "404", "405", "503"),
    }


_GROUPS: Final[Mapping[str, Json]] = {
    "/consumer_groups/{consumer_groups}/consumers": _members(
        "Members", "Member", "consumer", "consumer_groups", "consumers", ref("Consumer"), _PAIR
    ),
    "/consumer_groups/{consumer_groups}/consumers/{consumers}": _member("Member", "consumer_groups", _PAIR),
    "/consumers/{consumers}/consumer_groups": _members(
        "Groups", "Group", "group", "consumers", "consumer_groups", ref("ConsumerGroup"), _OTHER_PAIR
    ),
    "/consumers/{consumers}/consumer_groups/{consumer_groups}": _member("Group", "consumers", _OTHER_PAIR),
}  # fmt: skip
_LIST_CONSUMERS: Final = _query(
    "list_consumers",
    {"type": "string", "enum": ["true", "false"]},
    "`false` leaves its consumers out.",
)
_CASCADE: Final = _query(
    "cascade",
    {"type": "string", "enum": ["true", "false"]},
    "`true` lets its rows go, too.",
)
TAGS: Final[Mapping[str, str]] = {
    "node": "What the node tells of itself.",
    "schemas": "Kinds and plugins as Kong describes them, and whether a row could be.",
    "tags": "What rows are tagged with.",
    "config": "The whole configuration of a node without a database.",
    "rbac": "Who may use the Admin API.",
    "admins": "Who signs in to the Manager, and as what.",
    "files": "What a workspace's portal is made of.",
    "developers": "Who registered at a workspace's portal.",
    "applications": "What developers call services with, their contracts and their keys.",
    "document_objects": "Which specification describes which service.",
    "audit": "What was asked of the Admin API, and what it changed.",
    "openid-connect": "Sign-ins: providers, keys, and why requests were decided as they were.",
}


def build_others() -> dict[str, Json]:
    """Every path that has a way of its own."""
    found: dict[str, Json] = {}
    for path, operations in {**_NODE, **_SIGN_IN, **_HEALTH, **_GROUPS}.items():
        names = find_parameters(path)
        found[path] = {**({"parameters": names} if names else {}), **operations}
    return found


def change_rows(paths: dict[str, Json]) -> None:
    """
    Where a path of rows is not as all others.

    A group is shown with who is in it; a workspace goes only when it is empty, or with its rows.
    """
    gone = paths["/workspaces/{workspaces}"]["delete"]
    gone["parameters"] = [_CASCADE]
    gone["responses"] |= errors("400")
    shown = paths["/consumer_groups/{consumer_groups}"]["get"]
    shown["parameters"] = [_LIST_CONSUMERS]
    shown["responses"]["200"] = build_reply("The group.", build_group())
