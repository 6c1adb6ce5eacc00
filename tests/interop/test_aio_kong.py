"""aio-kong as it is, against the Admin API of a real node: every entity that it knows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from kong.client import Kong, KongResponseError

from tests.support.lean_node import LeanNode, eventually, lean_node
from tests.unit.admin.rows_kit import OTHER, PAIR

pytestmark = [
    pytest.mark.spec("gateway#1.21"),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LeanNode]:
    folder = tmp_path_factory.mktemp("node")
    async with lean_node(folder, database="sqlite") as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def kong(node: LeanNode) -> AsyncIterator[Kong]:
    async with Kong(url=f"http://127.0.0.1:{node.ports.admin}") as client:
        yield client
        await client.delete_all()


@pytest_asyncio.fixture(loop_scope="module")
async def team(node: LeanNode, kong: Kong) -> AsyncIterator[Kong]:
    """A client whose workspace is part of its URL."""
    await kong.execute(f"{kong.url}/workspaces", "POST", json={"name": "team"})
    async with Kong(url=f"{kong.url}/team") as client:
        yield client
        await client.delete_all()
        await kong.execute(f"{kong.url}/workspaces/team", "DELETE")


async def crud(component: Any, body: dict[str, Any], change: dict[str, Any]) -> None:
    """Whatever aio-kong can do to one row."""
    made = await component.create(**body)
    assert await component.has(made.id)
    assert (await component.get(made.id)).data == made.data
    changed = await component.update(made.id, **change)
    assert {name: changed[name] for name in change} == change
    assert [row.id for row in await component.get_list()] == [made.id]
    assert [row.id for row in await component.get_full_list(size=1)] == [made.id]
    assert await component.delete(made.id) is True
    assert not await component.has(made.id)


async def test_every_kind_of_row_is_made_read_changed_and_deleted(kong: Kong) -> None:
    tags = {"tags": ["t"]}
    await crud(kong.services, {"name": "s", "host": "a.example"}, {"port": 81})
    await crud(kong.routes, {"name": "r", "paths": ["/x"]}, {"strip_path": False})
    await crud(kong.plugins, {"name": "cors", "config": {"max_age": 5}}, tags)
    await crud(kong.consumers, {"username": "ada"}, {"custom_id": "1"})
    pair = {"cert": PAIR.cert, "key": PAIR.key}
    await crud(kong.certificates, pair, {"cert": OTHER.cert, "key": OTHER.key})

    service = await kong.services.create(name="s", host="a.example")
    await crud(service.routes, {"paths": ["/x"]}, tags)
    await crud(service.plugins, {"name": "cors"}, {"enabled": False})
    route = await service.routes.create(paths=["/x"])
    await crud(route.plugins, {"name": "cors"}, tags)
    certificate = await kong.certificates.create(**pair)
    await crud(certificate.snis, {"name": "a.example"}, tags)
    await kong.snis.create(name="b.example", certificate={"id": certificate.id})
    assert (await kong.snis.get("b.example"))["certificate"]["id"] == certificate.id
    ada = await kong.consumers.create(username="ada")
    await crud(ada.acls, {"group": "g"}, tags)
    await crud(ada.plugins, {"name": "rate-limiting", "config": {"minute": 5}}, tags)
    for credentials in (ada.jwts, ada.keyauths):
        await crud(credentials, {}, {"key": "k"})
    await crud(ada.basicauths, {"username": "u", "password": "p"}, tags)

    # A service goes with its routes and plugins, as aio-kong deletes them first.
    await kong.delete_all()
    assert await kong.services.get_full_list() == []
    assert await kong.routes.get_full_list() == []
    assert await kong.consumers.get_full_list() == []


async def test_credentials_are_forms_and_made_once(kong: Kong) -> None:
    ada = await kong.consumers.create(username="ada")
    made = await ada.jwts.get_or_create()
    again = await ada.jwts.get_or_create()
    key = await ada.keyauths.create_or_update_credentials({"key": "first"})
    basic = {"username": "u", "password": "one"}
    first = await ada.basicauths.create_or_update_credentials(basic)
    second = await ada.basicauths.create_or_update_credentials(
        {**basic, "password": "two"}
    )

    assert made.data == again.data
    assert len(made["secret"]) == 32
    assert key["key"] == "first"
    assert second.id == first.id
    assert second["password"] != first["password"]


async def test_pages_are_followed_to_their_end(kong: Kong) -> None:
    for number in range(7):
        await kong.consumers.create(username=f"c{number}", tags=["all"])
    found = await kong.consumers.get_full_list(size=3, tags="all")

    assert sorted(c.username for c in found) == [f"c{n}" for n in range(7)]


async def test_errors_keep_what_the_node_said(kong: Kong) -> None:
    await kong.services.create(name="s", host="a.example")
    for call, status, code in (
        (kong.services.create(name="s", host="b.example"), 409, 5),
        (kong.services.create(name="t"), 400, 2),
        (kong.services.update("none", port=1), 404, 6),
        (kong.services.get(uuid4()), 404, None),
    ):
        with pytest.raises(KongResponseError) as caught:
            await call
        assert (caught.value.status, caught.value.message.get("code")) == (status, code)


async def test_a_configuration_is_applied_twice_and_serves(
    kong: Kong, node: LeanNode
) -> None:
    upstream = node.ports.upstream
    config = {
        "services": [
            {
                "name": "echo",
                "host": "localhost.localdomain",
                "port": upstream,
                "routes": [
                    {
                        "name": "in",
                        "paths": ["/in"],
                        "plugins": [{"name": "key-auth"}],
                    }
                ],
                "plugins": [{"name": "correlation-id"}],
            }
        ],
        "consumers": [
            {
                "username": "ada",
                "groups": ["staff"],
                "auths": [{"type": "key-auth", "config": {"key": "secret-key"}}],
            }
        ],
        "plugins": [{"name": "request-size-limiting"}],
    }
    for _ in range(2):
        applied = await kong.apply_json(config)
        assert [s.name for s in applied["services"]] == ["echo"]
    await kong.services.update("echo", host="127.0.0.1")
    names = sorted(p.name for p in await kong.plugins.get_full_list())
    assert names == ["correlation-id", "key-auth", "request-size-limiting"]

    async def serves() -> bool:
        return (await node.proxy("/in", apikey="secret-key")).status == 200

    await eventually(serves)
    assert (await node.proxy("/in")).status == 401


@pytest.mark.spec("gateway#1.15")
async def test_a_workspace_in_the_url_is_the_one_that_is_written(
    kong: Kong, team: Kong
) -> None:
    for client, host in ((kong, "a.example"), (team, "b.example")):
        service = await client.services.create(name="s", host=host)
        await service.routes.create(name="r", paths=[f"/{host}"])
        ada = await client.consumers.create(username="ada")
        await ada.keyauths.create(key="k")

    assert (await kong.services.get("s"))["host"] == "a.example"
    assert (await team.services.get("s"))["host"] == "b.example"
    assert len(await team.consumers.get_full_list(size=1)) == 1
    await team.delete_all()
    assert len(await kong.services.get_full_list()) == 1
