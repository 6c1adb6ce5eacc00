"""Applications: made, asked with, decided about, and their keys, by the Admin API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from ostiary.model.applications import (
    CONTRACT_NAMES,
    CONTRACT_TRANSITIONS,
    digest_key,
    may_follow,
)
from ostiary.ports.usage import Used
from tests.unit.admin.admin_kit import NOW, database_node
from tests.unit.admin.desk_kit import OpenDesk
from tests.unit.admin.test_rbac import ROOT, guarded
from tests.unit.portal.portal_kit import ADMIN, EMAIL, PortalWorld, portal_world

APPS = f"/developers/{EMAIL}/applications"
SPEC = '{"openapi": "3.1.0", "info": {"title": "Pets", "version": "1"}, "paths": {}}'


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[PortalWorld]:
    async with portal_world(tmp_path) as made:
        await made.switch_on()
        yield made


async def add_service(world: PortalWorld, name: str = "pets", **config: Any) -> str:
    """A service that takes applications."""
    body = {"name": name, "url": "https://pets.internal"}
    service = (await world.node.send("POST", "/services", body)).json()["id"]
    plugin = {
        "name": "application-registration",
        "config": {"display_name": name.title(), **config},
    }
    reply = await world.node.send("POST", f"/services/{service}/plugins", plugin)
    assert reply.status == 201, reply.text
    return str(service)


async def add_app(world: PortalWorld, name: str = "Shop", **more: Any) -> str:
    reply = await world.node.send("POST", APPS, {"name": name, **more})
    assert reply.status == 201, reply.text
    return str(reply.json()["id"])


async def ask(world: PortalWorld, app: str, service: str) -> dict[str, Any]:
    reply = await world.node.send(
        "POST",
        f"/applications/{app}/application_instances",
        {"service": {"id": service}},
    )
    assert reply.status == 201, reply.text
    row: dict[str, Any] = reply.json()
    return row


async def told(world: PortalWorld) -> list[str]:
    """Who got a mail, when all that wait have been sent."""
    if world.outbox._task is not None:
        await world.outbox._task
    return [mail.recipient for mail in world.post.mails]


@pytest.mark.spec("portal#1.7")
async def test_an_application_is_made_shown_changed_and_deleted(
    world: PortalWorld,
) -> None:
    await world.developer(status=0)
    node = world.node
    body = {
        "name": "Shop",
        "redirect_uri": "https://shop.example/cb",
        "custom_id": "c-1",
    }
    made = await node.send("POST", APPS, body)
    app = made.json()["id"]
    changed = await node.send("PATCH", f"{APPS}/{app}", {"description": "Sells"})

    assert made.status == 201
    assert made.json()["consumer"] == {"id": app}
    assert (await node.call(f"/applications/{app}")).json() == changed.json()
    assert changed.json()["description"] == "Sells"
    assert [r["id"] for r in (await node.call("/applications")).json()["data"]] == [app]
    assert (await node.call(APPS)).json()["total"] == 1
    assert (await node.send("DELETE", f"{APPS}/{app}")).status == 204
    assert (await node.call(f"/applications/{app}")).status == 404


@pytest.mark.spec("portal#1.9")
async def test_names_differ_per_developer_and_client_ids_everywhere(
    world: PortalWorld,
) -> None:
    await world.developer(status=0)
    await world.developer("bob@example.com", status=0)
    other = "/developers/bob@example.com/applications"
    await add_app(world, custom_id="c-1")

    again = await world.node.send("POST", APPS, {"name": "Shop"})
    same_name = await world.node.send("POST", other, {"name": "Shop"})
    same_id = await world.node.send("POST", other, {"name": "Till", "custom_id": "c-1"})

    assert again.status == 409
    assert same_name.status == 201
    assert (same_id.status, same_id.json()["fields"]) == (409, {"custom_id": "c-1"})


@pytest.mark.spec("portal#6.1")
async def test_an_application_of_another_developer_is_not_there(
    world: PortalWorld,
) -> None:
    await world.developer(status=0)
    await world.developer("bob@example.com", status=0)
    app = await add_app(world)
    bobs = f"/developers/bob@example.com/applications/{app}"

    assert (await world.node.call(bobs)).status == 404
    assert (await world.node.send("DELETE", bobs)).status == 404
    assert (await world.node.call(f"{bobs}/credentials/key-auth")).status == 404
    kept = await world.node.send(
        "PATCH", f"{APPS}/{app}", {"developer": {"id": "x"}, "name": "Till"}
    )
    assert kept.json()["name"] == "Till"
    assert (await world.node.call(f"{APPS}/{app}")).status == 200


@pytest.mark.spec("portal#1.9")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "a\nb"),
        ("name", "x" * 101),
        ("redirect_uri", "javascript:alert(1)"),
        ("redirect_uri", "http://shop.example/cb"),
        ("redirect_uri", "https://shop.example/cb#x"),
        ("custom_id", " c"),
        ("description", "a\x00"),
    ],
)
async def test_what_an_application_says_of_itself_is_judged(
    world: PortalWorld, field: str, value: str
) -> None:
    await world.developer(status=0)
    reply = await world.node.send("POST", APPS, {"name": "Shop", field: value})

    assert reply.status == 400
    assert field in reply.json()["fields"]


@pytest.mark.spec("portal#3.8")
async def test_a_contract_waits_unless_the_service_approves_by_itself(
    world: PortalWorld,
) -> None:
    await world.developer(status=0)
    app = await add_app(world)
    slow = await add_service(world)
    quick = await add_service(world, "quick", auto_approve=True)

    waiting, granted = await ask(world, app, slow), await ask(world, app, quick)
    listed = await world.node.call(f"/services/{slow}/application_instances?status=1")

    assert (waiting["status"], granted["status"]) == (1, 0)
    assert waiting["composite_id"] == f"{app}_{slow}"
    assert waiting["suspended"] is False
    assert [row["id"] for row in listed.json()["data"]] == [waiting["id"]]
    everybody = await world.node.call("/application_instances?status=0")
    assert [row["id"] for row in everybody.json()["data"]] == [granted["id"]]
    assert (
        await world.node.call(f"/services/{slow}/application_instances?status=9")
    ).status == 400


@pytest.mark.spec("portal#3.8")
async def test_only_services_that_take_applications_have_contracts(
    world: PortalWorld,
) -> None:
    await world.developer(status=0)
    app = await add_app(world)
    service = await add_service(world)
    path = f"/applications/{app}/application_instances"
    plain = await world.node.send(
        "POST", "/services", {"name": "plain", "url": "http://p"}
    )

    for said in ({"id": plain.json()["id"]}, {"id": "no"}, None, {"name": ""}):
        reply = await world.node.send("POST", path, {"service": said})
        assert reply.status == 400
        assert "service" in reply.json()["fields"]
    await ask(world, app, service)
    twice = await world.node.send("POST", path, {"service": {"name": "pets"}})
    assert twice.status == 409


@pytest.mark.spec("portal#3.8")
async def test_the_plugin_is_bound_to_a_service_alone(world: PortalWorld) -> None:
    plugin = {"name": "application-registration", "config": {"display_name": "P"}}
    everywhere = await world.node.send("POST", "/plugins", plugin)
    route = (await world.node.send("POST", "/routes", {"paths": ["/p"]})).json()["id"]
    on_route = await world.node.send("POST", f"/routes/{route}/plugins", plugin)

    assert everywhere.json()["fields"] == {"service": "required field missing"}
    assert on_route.json()["fields"] == {"service": "required field missing"}


@pytest.mark.spec("portal#1.5")
@pytest.mark.parametrize("before", CONTRACT_NAMES)
@pytest.mark.parametrize("after", CONTRACT_NAMES)
async def test_a_contract_changes_only_as_it_may(
    world: PortalWorld, before: int, after: int
) -> None:
    await world.developer(status=0)
    app, service = await add_app(world), await add_service(world)
    path = f"/applications/{app}/application_instances"
    body = {"service": {"id": service}, "status": before}
    row = (await world.node.send("POST", path, body)).json()
    reply = await world.node.send("PATCH", f"{path}/{row['id']}", {"status": after})

    if may_follow(before, after):
        assert reply.json()["status"] == after
    else:
        assert reply.status == 400
        assert "status" in reply.json()["fields"]
    assert before not in CONTRACT_TRANSITIONS[before]


@pytest.mark.spec("T-K11")
@pytest.mark.spec("portal#1.9")
async def test_contracts_are_held_while_their_developer_is_revoked(
    world: PortalWorld,
) -> None:
    await world.developer(status=0)
    app, service = await add_app(world), await add_service(world, auto_approve=True)
    row = await ask(world, app, service)
    path = f"/applications/{app}/application_instances/{row['id']}"

    await world.set_status(3)
    held = (await world.node.call(path)).json()
    await world.set_status(0)
    freed = (await world.node.call(path)).json()
    await world.node.send("PATCH", path, {"suspended": True})
    await world.set_status(3)
    await world.set_status(0)
    by_admin = (await world.node.call(path)).json()

    assert (held["status"], held["suspended"]) == (0, True)
    assert freed["suspended"] is False
    assert by_admin["suspended"] is True


@pytest.mark.spec("portal#5.2")
async def test_a_key_is_shown_once_and_kept_as_a_digest(world: PortalWorld) -> None:
    await world.developer(status=0)
    app = await add_app(world)
    path = f"/applications/{app}/credentials/key-auth"
    made = (await world.node.send("POST", path, {"ttl": 60})).json()
    again = (await world.node.call(f"{path}/{made['id']}")).json()
    kept = await world.node.store.get("application_keys", made["id"])

    assert len(made["key"]) == 32
    assert made["key"] == made["client_id"]
    assert made["expires_at"] == int(NOW) + 60
    assert again["key"] == f"{made['key'][:4]}********"
    assert kept is not None
    assert getattr(kept, "digest", "") == digest_key(made["key"])
    assert made["key"] not in kept.model_dump_json()
    assert digest_key(made["key"]) not in repr(kept)
    assert (await world.node.call(f"/applications/{app}/credentials/jwt")).status == 404
    assert (await world.node.call(f"/applications/{app}/credentials/oauth2")).json()[
        "total"
    ] == 1


@pytest.mark.spec("portal#5.2")
async def test_a_key_can_end_sooner_and_never_later(world: PortalWorld) -> None:
    await world.developer(status=0)
    app = await add_app(world)
    path = f"/applications/{app}/credentials/key-auth"
    key = (await world.node.send("POST", path)).json()["id"]

    sooner = await world.node.send("PATCH", f"{path}/{key}", {"ttl": 60})
    later = await world.node.send("PATCH", f"{path}/{key}", {"ttl": 6000})
    for wrong in ({}, {"ttl": 0}, {"ttl": "soon"}, {"ttl": 5, "key": "mine"}):
        reply = await world.node.send("PATCH", f"{path}/{key}", wrong)
        assert reply.status == 400

    assert sooner.json()["expires_at"] == later.json()["expires_at"] == int(NOW) + 60
    assert (await world.node.send("DELETE", f"{path}/{key}")).status == 204
    assert (await world.node.send("DELETE", f"{path}/{key}")).status == 404


@pytest.mark.spec("portal#1.9")
async def test_what_belongs_to_somebody_goes_with_them(world: PortalWorld) -> None:
    await world.developer(status=0)
    app, service = await add_app(world), await add_service(world)
    await ask(world, app, service)
    await world.node.send("POST", f"/applications/{app}/credentials/key-auth")
    await world.node.send("DELETE", f"/developers/{EMAIL}")
    counts = await world.node.store.counts()

    assert not {"applications", "application_instances", "application_keys"} & {*counts}


@pytest.mark.spec("portal#1.9")
async def test_a_contract_goes_with_its_service(world: PortalWorld) -> None:
    await world.developer(status=0)
    app, service = await add_app(world), await add_service(world)
    await ask(world, app, service)
    gone = await world.node.send("DELETE", f"/services/{service}")
    left = await world.node.call(f"/applications/{app}/application_instances")

    assert (gone.status, left.json()["data"]) == (204, [])


@pytest.mark.spec("portal#1.8")
async def test_admins_and_developers_hear_of_contracts_where_that_is_switched_on(
    world: PortalWorld,
) -> None:
    await world.developer(status=0)
    app, service = await add_app(world), await add_service(world)
    await told(world)
    world.post.mails.clear()
    await ask(world, app, service)
    silent = await told(world)
    await world.configure(
        portal_application_request_email=True, portal_application_status_email=True
    )
    other = await add_service(world, "other")
    row = await ask(world, app, other)
    path = f"/applications/{app}/application_instances/{row['id']}"
    await world.node.send("PATCH", path, {"status": 0})
    await told(world)

    assert silent == []
    assert [(m.recipient, m.subject) for m in world.post.mails] == [
        (ADMIN, "Shop asks for a service in default"),
        (EMAIL, "Shop: your request waits for approval"),
        (EMAIL, "Shop: access is granted"),
    ]
    assert f"applications/{app}" in world.post.mails[0].text


@pytest.mark.spec("portal#1.9")
async def test_a_service_has_one_document_and_a_second_takes_its_place(
    world: PortalWorld,
) -> None:
    node, service = world.node, await add_service(world)
    for name in ("a", "b"):
        path = f"specs/{name}.json"
        await node.send("POST", "/files", {"path": path, "contents": SPEC})
    first = await node.send(
        "POST", f"/services/{service}/document_objects", {"path": "specs/a.json"}
    )
    second = await node.send(
        "POST",
        "/document_objects",
        {"path": "specs/b.json", "service": {"id": service}},
    )
    listed = (await node.call(f"/services/{service}/document_objects")).json()["data"]
    missing = await node.send(
        "POST", f"/services/{service}/document_objects", {"path": "specs/c.json"}
    )

    assert (first.status, second.status) == (201, 201)
    assert [row["path"] for row in listed] == ["specs/b.json"]
    assert "path" in missing.json()["fields"]
    one = f"/document_objects/{listed[0]['id']}"
    assert (await node.call(one)).json() == listed[0]
    assert (await node.send("DELETE", one)).status == 204
    assert (await node.call(one)).status == 404


@pytest.mark.spec("portal#5.2")
async def test_usage_is_told_by_day_and_service(tmp_path: Path) -> None:
    class Known:
        async def add(self, used: Sequence[Used]) -> None:
            raise AssertionError(used)

        async def read(self, application: str, *, since: int) -> tuple[Used, ...]:
            asked.append((application, since))
            return (Used(application=application, service="s", day=19723, ok=2),)

    asked: list[tuple[str, int]] = []
    async with database_node(tmp_path, portal=OpenDesk(), usage=Known()) as node:
        await node.send("POST", "/developers", {"email": EMAIL, "meta": "{}"})
        app = (await node.send("POST", APPS, {"name": "Shop"})).json()["id"]
        told = await node.call(f"{APPS}/{app}/usage?days=7")
        wrong = await node.call(f"{APPS}/{app}/usage?days=0")

    today = int(NOW) // 86400
    assert asked == [(app, today - 6)]
    assert told.json()["data"] == [
        {
            "service": {"id": "s"},
            "day": "2024-01-01",
            "ok": 2,
            "refused": 0,
            "failed": 0,
        }
    ]
    assert wrong.status == 400


@pytest.mark.spec("T-O7")
@pytest.mark.parametrize("level", ["on", "entity", "both"])
async def test_what_is_below_a_service_is_not_everybodys(
    tmp_path: Path, level: str
) -> None:
    """Rules of rows know no contracts: whoever's path says nothing sees and changes nothing."""
    async with guarded(tmp_path, level, portal=OpenDesk()) as made:
        root = made.be(ROOT)
        await root.make("/services", {"name": "pets", "url": "https://pets.internal"})
        eve = await root.hire("eve")
        for method, path in (
            ("GET", "/services/pets/application_instances"),
            ("GET", "/services/pets/document_objects"),
            ("POST", "/services/pets/document_objects"),
            ("GET", "/applications"),
            ("GET", "/application_instances"),
            ("GET", "/document_objects"),
            ("GET", "/developers"),
        ):
            refused = await eve.send(method, path, {"path": "specs/a.json"})
            assert refused.status == 403, path
            if method == "GET":
                assert (await root.get(path)).status == 200, path
