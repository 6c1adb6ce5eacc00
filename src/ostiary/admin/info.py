"""
What the Admin API tells of itself and of the node: root, endpoints, tags, schemas, the licence.

Spec: gateway §§1.14, 1.18; interop hook 5.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from ostiary.admin import refusals
from ostiary.admin.bodies import read_given
from ostiary.admin.contracts import PluginRules
from ostiary.admin.entities import Entities
from ostiary.admin.paging import build_list, read_asked
from ostiary.admin.places import list_places
from ostiary.admin.schemas import describe_kind, describe_plugin
from ostiary.admin.scope import scoped, shown_path
from ostiary.admin.state import NodeView
from ostiary.model.entity import Entity
from ostiary.model.keys import EnvConfig
from ostiary.model.kinds import KINDS
from ostiary.model.workspaces import DEFAULT_WORKSPACE, Workspace
from ostiary.ports.config_store import Tagged

KONG_VERSION: Final = "3.9.1"
VALID: Final = {"message": "schema validation successful"}
_OTHERS: Final = (
    "/", "/clustering/data-planes", "/config", "/consumer_groups/{consumer_groups}/consumers",
    "/consumer_groups/{consumer_groups}/consumers/{consumers}",
    "/consumers/{consumers}/consumer_groups",
    "/consumers/{consumers}/consumer_groups/{consumer_groups}", "/endpoints",
    "/kong", "/license/report", "/metrics", "/openid-connect/flows",
    "/openid-connect/flows/{request_id}", "/openid-connect/issuers",
    "/openid-connect/issuers/{key}", "/openid-connect/jwks",
    "/openid-connect/redirect-uris", "/openapi.json", "/plugins/enabled", "/plugins/schema/{name}", "/robots.txt",
    "/schemas/plugins/validate", "/schemas/plugins/{name}", "/schemas/vaults/{name}",
    "/schemas/{name}", "/schemas/{name}/validate", "/status", "/tags", "/tags/{tag}",
    "/upstreams/{upstreams}/health", "/upstreams/{upstreams}/targets/all",
    "/upstreams/{upstreams}/targets/{targets}/healthy",
    "/upstreams/{upstreams}/targets/{targets}/{address}/healthy",
    "/upstreams/{upstreams}/targets/{targets}/{address}/unhealthy",
    "/upstreams/{upstreams}/targets/{targets}/unhealthy",
    "/workspaces/{workspaces}/meta",
)  # fmt: skip


class KnownPlugins(PluginRules, Protocol):
    """What schemas say of plugins beyond their models."""

    def is_for_nobody(self, name: str) -> bool:
        """Whether its rows cannot be bound to consumers."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class InfoEndpoints:
    """
    Everything that only tells.

    `settings` are shown at the root, without secrets; `more` are paths that not every node has.
    """

    view: NodeView
    plugins: KnownPlugins
    settings: Mapping[str, Any]
    now: Callable[[], float]
    more: tuple[str, ...] = ()

    async def root(self, _: Request) -> Response:
        """`GET /`."""
        view = self.view
        return JSONResponse(
            {
                "version": KONG_VERSION,
                "edition": "community",
                "tagline": "Welcome to Ostiary",
                "ostiary_version": view.version,
                "node_id": view.node_id,
                "hostname": view.hostname,
                "lua_version": None,
                "pids": {"master": view.master, "workers": [*view.pids.values()]},
                "timers": {"running": 0, "pending": 0},
                "configuration": {**self.settings},
                "plugins": {
                    "available_on_server": {
                        name: {"priority": priority, "version": view.version}
                        for name, priority in view.plugins.items()
                    },
                    "enabled_in_cluster": sorted({p.name for p in view.plugin_rows()}),
                },
            }
        )

    async def endpoints(self, _: Request) -> Response:
        """`GET /endpoints`."""
        found = {*_OTHERS, *self.more, *list_places()}
        ordered = sorted(found, key=lambda path: path.split("/"))
        return JSONResponse({"data": ordered})

    async def tags(self, request: Request) -> Response:
        """`GET /tags` and `GET /tags/{tag}`."""
        tag = request.path_params.get("tag")
        query = dict(request.query_params)
        asked = read_asked(query, columns=3)
        after = (
            (asked.after[0], asked.after[1], asked.after[2]) if asked.after else None
        )
        store = scoped(request).store
        rows = await store.tags(tag, after=after, size=asked.size + 1)
        more, rows = len(rows) > asked.size, rows[: asked.size]
        ends = (rows[-1].tag, rows[-1].kind, rows[-1].id) if more else None
        shown = [
            {"entity_name": row.kind, "entity_id": row.id, "tag": row.tag}
            for row in rows
            if await _is_visible(scoped(request), row)
        ]
        return JSONResponse(
            build_list(shown, after=ends, path=shown_path(request), query=query)
        )

    async def schema(self, request: Request) -> Response:
        """`GET /schemas/{entity}`."""
        name = request.path_params["name"]
        kind = KINDS.get(name.replace("-", "_"))
        if kind is None:
            raise refusals.say(404, f"No entity named '{name}'")
        return JSONResponse(describe_kind(kind))

    def _plugin_model(self, name: str) -> type[Entity]:
        model = self.plugins.schema(name)
        if model is None:
            raise refusals.say(404, f"No plugin named '{name}'")
        return model

    async def plugin_schema(self, request: Request) -> Response:
        """`GET /schemas/plugins/{name}`."""
        name = request.path_params["name"]
        model = self._plugin_model(name)
        return JSONResponse(
            describe_plugin(
                model,
                protocols=self.plugins.protocols(name),
                no_consumer=self.plugins.is_for_nobody(name),
            )
        )

    async def plugin_config_schema(self, request: Request) -> Response:
        """`GET /plugins/schema/{name}`: the older form, the config alone."""
        model = self._plugin_model(request.path_params["name"])
        described = describe_plugin(model, protocols=(), no_consumer=False)
        return JSONResponse(described["fields"][2]["config"])

    async def vault_schema(self, request: Request) -> Response:
        """`GET /schemas/vaults/{name}`."""
        name = request.path_params["name"]
        if name != "env":
            raise refusals.say(404, f"No vault named '{name}'")
        described = describe_plugin(EnvConfig, protocols=(), no_consumer=False)
        return JSONResponse({"fields": [described["fields"][2]]})

    async def validate(self, request: Request) -> Response:
        """`POST /schemas/{entity}/validate`."""
        return await self._validate(request, request.path_params["name"])

    async def validate_plugin(self, request: Request) -> Response:
        """`POST /schemas/plugins/validate`."""
        return await self._validate(request, "plugins")

    async def _validate(self, request: Request, name: str) -> Response:
        kind = KINDS.get(name.replace("-", "_"))
        if kind is None:
            raise refusals.say(404, f"No entity named '{name}'")
        given = await read_given(request)
        entities = scoped(request)
        given, _ = entities.take(kind, given)
        await entities.build(entities.store, kind, given)
        return JSONResponse(VALID)

    async def enabled_plugins(self, _: Request) -> Response:
        """`GET /plugins/enabled`."""
        return JSONResponse({"enabled_plugins": [*self.view.plugins]})

    async def license_report(self, request: Request) -> Response:
        """`GET /license/report`: nothing here needs a licence."""
        count = self.view.count
        here = await scoped(request).store.counts()
        return JSONResponse(
            {
                "counters": {"buckets": [], "total_requests": 0},
                "plugins_count": {
                    "tiers": {"free": self.view.plugin_counts(), "enterprise": {}, "custom": {}},
                    "unique_route_lambdas": 0,
                    "unique_route_kafkas": 0,
                },
                "services_count": count("services"),
                "routes_count": count("routes"),
                "rbac_users": here.get("rbac_users", 0),
                "workspaces_count": self._count_workspaces(),
                "kong_version": KONG_VERSION,
                "db_version": self.view.database,
                "system_info": {
                    "cores": self.view.cores,
                    "hostname": self.view.hostname,
                    "uname": f"{platform.system()} {platform.machine()}",
                },
                "deployment_info": {"type": "traditional"},
                "license": {
                    "license_expiration_date": None,
                    "license_key": "UNLICENSED",
                },
                "timestamp": int(self.now()),
            }
        )  # fmt: skip

    def _count_workspaces(self) -> int:
        named = {
            row.id for row in self.view.rows.values() if isinstance(row, Workspace)
        }
        return len(named | {DEFAULT_WORKSPACE})

    async def robots(self, _: Request) -> Response:
        """`GET /robots.txt`."""
        return PlainTextResponse("User-agent: *\nDisallow: /")

    async def data_planes(self, _: Request) -> Response:
        """`GET /clustering/data-planes`: this is no control plane of others."""
        message = "this endpoint is only available when Kong is configured to run as Control Plane for the cluster"
        raise refusals.say(400, message)


async def _is_visible(entities: Entities, tagged: Tagged) -> bool:
    if entities.rights is None:
        return True
    row = await entities.store.get(tagged.kind, tagged.id)
    return row is not None and bool(entities.visible([row]))
