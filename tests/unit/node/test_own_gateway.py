"""Which requests of the portal reach the gateway: those that a route of its workspace takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest

from ostiary.adapters.loopback import Listener
from ostiary.model.gateway import Plugin, Route, Service
from ostiary.model.row import Row
from ostiary.model.workspaces import DEFAULT_WORKSPACE, Workspace
from ostiary.node.own_gateway import NodeGateway
from ostiary.ports.config_store import ConfigStore, Page, Wanted
from ostiary.ports.own_gateway import NotRouted, OwnReply, OwnRequest
from ostiary.settings import read_settings

TEAM = str(uuid4())
LISTEN = "0.0.0.0:8000, 127.0.0.1:8443 ssl"


class Rows:
    """A store of a few rows."""

    def __init__(self, rows: Sequence[Row], space: str = DEFAULT_WORKSPACE) -> None:
        self.rows, self.space, self.reads = rows, space, [0]

    def within(self, workspace: str) -> Rows:
        inner = Rows(self.rows, workspace)
        inner.reads = self.reads
        return inner

    async def revision(self) -> int:
        return 1

    async def page(self, wanted: Wanted, *, after: str = "", size: int) -> Page:
        assert (after, size > 0) == ("", True)
        self.reads[0] += 1
        kind = {"workspaces": Workspace, "routes": Route, "services": Service, "plugins": Plugin}[wanted.kind]  # fmt: skip
        found = [
            row for row in self.rows
            if isinstance(row, kind) and (kind is Workspace or (row.ws_id or DEFAULT_WORKSPACE) == self.space)
        ]  # fmt: skip
        return Page(rows=tuple(found))


class Sender:
    """Notes what would be sent, and where to."""

    def __init__(self) -> None:
        self.sent: list[tuple[OwnRequest, Listener]] = []

    async def send(self, request: OwnRequest, listener: Listener) -> OwnReply:
        self.sent.append((request, listener))
        return OwnReply(status=200, fields=(), body=b"", took_ms=1)

    async def close(self) -> None:
        pass


def service(**more: Any) -> Service:
    return Service(id=str(uuid4()), host="upstream", **more)


def route(of: Service, **more: Any) -> Route:
    return Route(id=str(uuid4()), service=of.id, **more)


def gateway_of(*rows: Row, listen: str = LISTEN, **more: Any) -> tuple[NodeGateway, Sender, Rows]:  # fmt: skip
    settings = read_settings(
        file_text=None, environ={}, overrides={"proxy_listen": listen, **more}
    ).settings
    store = Rows((*rows, Workspace(id=TEAM, name="team")))
    made, sender = NodeGateway(settings, cast("ConfigStore", store), Path("/p")), Sender()  # fmt: skip
    made._loopback = sender  # type: ignore[assignment]
    return made, sender, store


def ask(target: str = "/pets/1", host: str = "kong-ee", **more: Any) -> OwnRequest:
    return OwnRequest(
        method=more.pop("method", "GET"), host=host, target=target, client_ip="192.0.2.7", **more
    )  # fmt: skip


async def refused(made: NodeGateway, request: OwnRequest, space: str = DEFAULT_WORKSPACE) -> str:  # fmt: skip
    with pytest.raises(NotRouted) as caught:
        await made.send(request, workspace=space)
    assert caught.value.code == "not_routed"
    return caught.value.reason


@pytest.mark.spec("portal#5.2")
async def test_what_a_route_of_the_workspace_takes_is_sent_to_this_machine() -> None:
    """To the plain listener, whatever the host; the configuration is read once."""
    pets = service()
    made, sender, store = gateway_of(pets, route(pets, paths=("/pets",)))
    for host in ("kong-ee", "elsewhere.example:444"):
        await made.send(ask(host=host), workspace=DEFAULT_WORKSPACE)

    assert [(at.host, at.port, at.certificate) for _, at in sender.sent] == [("127.0.0.1", 8000, None)] * 2  # fmt: skip
    assert store.reads == [7]


@pytest.mark.spec("security#T-O7")
async def test_what_another_workspace_would_take_is_not_sent() -> None:
    """Also where a route of the own workspace matches, but less closely."""
    pets, theirs = service(), service(ws_id=TEAM)
    made, sender, _ = gateway_of(
        pets, theirs, route(pets, paths=("/",)),
        route(theirs, paths=("/admin",), ws_id=TEAM), route(theirs, hosts=("team.example",), ws_id=TEAM),
    )  # fmt: skip
    told = await refused(made, ask("/admin/x"))
    await refused(made, ask("/pets", host="team.example"))
    await refused(made, ask("/pets"), TEAM)
    await made.send(ask("/pets"), workspace=DEFAULT_WORKSPACE)

    assert "No route of this portal’s workspace" in told
    assert len(sender.sent) == 1


@pytest.mark.parametrize(
    "request_",
    [ask("/none"), ask(method="POST"), ask(host="a b"), ask("/pets/%2e%2e%2fx"), ask("pets"), ask("/pets/..%2f..%2fadmin")],
)  # fmt: skip
async def test_what_no_route_takes_is_not_sent(request_: OwnRequest) -> None:
    """Another path or method, no host, and what can be read in two ways."""
    pets = service()
    made, sender, _ = gateway_of(pets, route(pets, paths=("/pets",), methods=("GET",)))

    assert await refused(made, request_)
    assert sender.sent == []


async def test_a_route_of_a_service_that_is_off_takes_nothing() -> None:
    """The gateway has no such route, either."""
    pets = service(enabled=False)
    made, _, _ = gateway_of(pets, route(pets, paths=("/pets",)))

    assert await refused(made, ask())


async def test_a_route_for_tls_alone_is_called_over_tls() -> None:
    """At the listener that shows the node's own certificate; without one not at all."""
    pets = service()
    only = route(pets, paths=("/pets",), protocols=("https",))
    made, sender, _ = gateway_of(pets, only)
    await made.send(ask(), workspace=DEFAULT_WORKSPACE)
    plain, _, _ = gateway_of(pets, only, listen="127.0.0.1:8000")

    assert sender.sent[0][1] == Listener(host="127.0.0.1", port=8443, certificate=Path("/p/ssl/default.crt"))  # fmt: skip
    assert "does not listen for" in await refused(plain, ask())


def test_how_people_reach_it_follows_from_where_it_listens() -> None:
    """TLS first, and the published port; without a listener there is none."""
    both, _, _ = gateway_of(port_maps="443:8443")
    plain, _, _ = gateway_of(listen="[::]:8000")
    none, _, _ = gateway_of(listen="off")

    assert (both.scheme, both.port, both.is_there) == ("https", 443, True)
    assert (plain.scheme, plain.port, plain._plain) == ("http", 8000, Listener(host="::1", port=8000))  # fmt: skip
    assert not none.is_there


@pytest.mark.spec("security#T-F2")
async def test_only_we_say_for_whom_a_request_is() -> None:
    """What a form might have smuggled in is gone, by every spelling, and by the operator's name."""
    pets = service()
    made, sender, _ = gateway_of(
        pets, route(pets, paths=("/pets",)), real_ip_header="X-Edge-IP"
    )
    fields = tuple((n, "1.2.3.4") for n in ("x-forwarded-for", "X_Forwarded_For", "X-EDGE-IP", "x_edge_ip", "X-Consumer-ID"))  # fmt: skip
    await made.send(ask(fields=(*fields, ("X-A", "1"))), workspace=DEFAULT_WORKSPACE)

    assert sender.sent[0][0].fields == (
        ("X-A", "1"), ("User-Agent", "Ostiary-Portal"),
        ("X-Forwarded-For", "192.0.2.7"), ("X-Edge-IP", "192.0.2.7"),
    )  # fmt: skip


@pytest.mark.parametrize("scope", ["route", "service", None])
async def test_a_route_that_lets_in_by_address_is_not_called_from_here(
    scope: str | None,
) -> None:
    """Unless the gateway believes whom we name; a plugin elsewhere, or one that is off, is nothing."""
    pets, other = service(), service(ws_id=TEAM)
    way = route(pets, paths=("/pets",))
    on: dict[str, Any] = {"route": {"route": way.id}, "service": {"service": pets.id}, None: {}}[scope]  # fmt: skip
    plugin = Plugin(id=str(uuid4()), name="ip-restriction", config={}, **on)
    rows = (pets, other, way)
    strict, _, _ = gateway_of(*rows, plugin)
    trusting, told, _ = gateway_of(*rows, plugin, trusted_ips="127.0.0.0/8")
    nothing, sent, _ = gateway_of(
        *rows, plugin.model_copy(update={"enabled": False}),
        plugin.model_copy(update={"route": None, "service": other.id}),
        plugin.model_copy(update={"ws_id": TEAM}),
    )  # fmt: skip
    reason = await refused(strict, ask())
    await trusting.send(ask(), workspace=DEFAULT_WORKSPACE)
    await nothing.send(ask(), workspace=DEFAULT_WORKSPACE)
    unnamed = replace(ask(), client_ip="")

    assert "trusted_ips" in reason
    assert await refused(trusting, unnamed) == reason
    assert len(told.sent) == len(sent.sent) == 1


@pytest.mark.spec("T-O7")
@pytest.mark.parametrize(
    "field",
    [
        {"user-agent": ("~*.*",)}, {"user-agent": ("ostiary-portal",)}, {"x-real-ip": ("192.0.2.7",)},
        {"content-length": ("5",)}, {"connection": ("close",)},
    ],
)  # fmt: skip
async def test_fields_that_are_ours_lead_to_no_other_workspace(
    field: dict[str, tuple[str, ...]],
) -> None:
    """A route may go by any field of the request as it is sent."""
    mine, theirs = service(), service(ws_id=TEAM)
    made, sender, _ = gateway_of(
        mine, route(mine, paths=("/pets",)),
        theirs, route(theirs, paths=("/pets",), headers=field, ws_id=TEAM),
    )  # fmt: skip

    await refused(made, ask(body=b"12345", method="POST"))
    assert sender.sent == []


@pytest.mark.spec("T-O7")
async def test_ports_are_read_as_the_gateway_reads_them() -> None:
    mine, theirs = service(), service(ws_id=TEAM)
    made, _, _ = gateway_of(
        mine, route(mine, paths=("/",)),
        theirs, route(theirs, hosts=("team.example:443",), ws_id=TEAM),
        port_maps="443:8443, 80:8000",
    )  # fmt: skip
    own, sender, _ = gateway_of(
        mine, route(mine, hosts=("kong-ee:80",)), port_maps="443:8443, 80:8000"
    )

    await refused(made, ask(host="team.example:8443"))
    await own.send(ask(host="kong-ee:80"), workspace=DEFAULT_WORKSPACE)
    assert len(sender.sent) == 1


@pytest.mark.spec("T-F2")
@pytest.mark.parametrize("client", ["127.0.0.1", "::ffff:127.0.0.1", "fe80::1%eth0", "", "10.0.0.1"])  # fmt: skip
async def test_whoever_the_gateway_would_not_see_passes_no_rule_of_addresses(
    client: str,
) -> None:
    mine = service()
    way = route(mine, paths=("/pets",))
    limit = Plugin(id=str(uuid4()), name="ip-restriction", route=way.id)
    made, _, _ = gateway_of(
        mine, way, limit, trusted_ips="127.0.0.0/8, 10.0.0.0/8, ::1"
    )
    told = replace(ask(), client_ip=client)

    assert "ip-restriction" in await refused(made, told)
    await made.send(ask(), workspace=DEFAULT_WORKSPACE)
