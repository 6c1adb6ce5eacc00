"""What no route can ever take is known before it is sent; what one might take is not judged here."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.model.gateway import Route
from ostiary.model.workspaces import DEFAULT_WORKSPACE
from ostiary.node.likely_routes import read_likely_routes
from tests.unit.node.test_own_gateway import TEAM, gateway_of, route, service

PORTS = frozenset({8000, 8443})
pytestmark = pytest.mark.spec("portal#5.2")


def may(
    said: dict[str, Any], path: str, host: str = "kong-ee", method: str = "GET"
) -> bool:
    likely = read_likely_routes([Route(**said)])
    return likely.may_take(method, host, path, ports=PORTS)


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ({"paths": ("/pets",)}, "/pets/cats"),
        ({"paths": ("/pets/tom",)}, "/pets/{name}"),
        ({"paths": ("/pets/tom/toys",)}, "/pets/{name}/toys"),
        ({"paths": ("~/pets/[0-9]+$",)}, "/pets/{name}"),
        ({"paths": ("~/pets/[0-9]+$",)}, "/pets/{name}/toys"),
        ({"paths": ("/a%20b",)}, "/a%20b"),
        ({"methods": ("GET",)}, "/anything"),
        ({"hosts": ("kong-ee",)}, "/pets"),
        ({"hosts": ("kong-ee:8443",)}, "/pets"),
        ({"paths": ("/pets",), "headers": {"x-version": ("2",)}}, "/pets"),
        ({"paths": ("/pets",), "snis": ("elsewhere.example",)}, "/pets"),
    ],
)
def test_what_a_route_might_take_is_not_ruled_out(
    said: dict[str, Any], path: str
) -> None:
    assert may(said, path)


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ({"paths": ("/pets",)}, "/dogs"),
        ({"paths": ("/pets/tom",)}, "/pets"),
        ({"paths": ("/pets/tom",)}, "/dogs/{name}"),
        ({"paths": ("~/pets/[0-9]+$",)}, "/dogs/{name}"),
        ({"methods": ("POST",)}, "/pets"),
        ({"hosts": ("shop.example",)}, "/pets"),
        ({"hosts": ("*.shop.example",)}, "/pets"),
        ({"hosts": ("kong-ee:9000",)}, "/pets"),
    ],
)
def test_what_no_route_takes_is_ruled_out(said: dict[str, Any], path: str) -> None:
    assert not may(said, path)


def test_hosts_with_a_star_are_any_of_theirs() -> None:
    said = {"hosts": ("*.shop.example", "kong.*")}

    assert may(said, "/pets", host="a.shop.example")
    assert may(said, "/pets", host="kong.example:8443")
    assert not may(said, "/pets", host="shop.elsewhere")


def test_a_host_that_is_none_has_no_route() -> None:
    assert may({"paths": ("/",)}, "/", host="kong-ee:8443")
    assert not may({"paths": ("/",)}, "/", host="a b:x")


async def test_routes_of_other_workspaces_and_of_services_that_are_off_do_not_count() -> None:  # fmt: skip
    pets, theirs, off = service(), service(ws_id=TEAM), service(enabled=False)
    made, _, _ = gateway_of(
        pets, theirs, off, route(pets, paths=("/pets",)),
        route(theirs, paths=("/team",), ws_id=TEAM), route(off, paths=("/off",)),
    )  # fmt: skip

    async def ask(path: str, space: str = DEFAULT_WORKSPACE) -> bool:
        return await made.may_take("GET", "kong-ee:8443", path, workspace=space)

    assert await ask("/pets/{name}")
    assert await ask("/team", TEAM)
    assert [await ask("/team"), await ask("/off"), await ask("/pets", TEAM)] == [False] * 3  # fmt: skip
    assert not await ask("/pets", "a workspace without routes")
