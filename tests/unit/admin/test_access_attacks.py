"""Ways around workspaces, RBAC and the audit log that somebody has thought of, and that are shut."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ostiary.admin.roles import prepare_access
from ostiary.model.identity import build_id
from ostiary.ports.config_store import Wanted
from tests.unit.admin.admin_kit import NOW, Node
from tests.unit.admin.audit_kit import audited_node
from tests.unit.admin.test_rbac import SERVICE, TEAM, Guarded, can, guarded

OTHER = "33333333-2222-4333-8444-555555555555"
PLANTED = "planted-secret"


@pytest.fixture
async def root(tmp_path: Path) -> AsyncIterator[Guarded]:
    async with guarded(tmp_path, "on") as made:
        yield made


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[Guarded]:
    async with guarded(tmp_path, "both") as made:
        yield made


@pytest.fixture
async def entity(tmp_path: Path) -> AsyncIterator[Guarded]:
    async with guarded(tmp_path, "entity") as made:
        yield made


async def status(who: Guarded, method: str, path: str, body: Any = None) -> int:
    return (await who.send(method, path, body)).status


async def make_workspaces(root: Guarded) -> None:
    for identity, name in ((TEAM, "team"), (OTHER, "other")):
        await root.make("/workspaces", {"id": identity, "name": name})


# Rights that somebody gives themselves.


@pytest.mark.spec("gateway#1.16")
async def test_nothing_below_rbac_is_for_admins(root: Guarded) -> None:
    await make_workspaces(root)
    bob = await root.hire("bob", "admin")
    tim = await root.hire("tim", "workspace-admin", prefix="/team")
    rule = "/rbac/roles/admin/endpoints/*/rbac"
    inside = "/team/rbac/roles/workspace-admin/endpoints/team/rbac"

    for tail in ("", "/*", "/*/*", "/*/*/*", "/*/*/*/*/*/*"):
        assert await status(bob, "DELETE", rule + tail) == 403
        assert await status(tim, "PATCH", inside + tail, {"negative": False}) == 403
    raised = {"roles": "super-admin"}
    assert await status(bob, "POST", "/rbac/users/bob/roles", raised) == 403


@pytest.mark.spec("gateway#1.16")
async def test_admins_have_no_say_in_rbac_at_any_level(entity: Guarded) -> None:
    bob = await entity.hire("bob", "admin")

    for method, path in (("GET", "/rbac/users"), ("POST", "/rbac/users/bob/roles")):
        assert await status(bob, method, path, {"roles": "super-admin"}) == 403


@pytest.mark.spec("gateway#1.16")
async def test_a_role_of_others_cannot_be_made_ones_own(root: Guarded) -> None:
    await root.send("PATCH", "/rbac/roles/read-only", {"is_default": True})
    await root.hire("bob", "read-only")
    await root.send("DELETE", "/rbac/users/bob")

    assert (await root.get("/rbac/roles/read-only")).json()["is_default"] is False
    made = await root.make("/rbac/roles", {"name": "x", "is_default": True})
    assert made["is_default"] is False


@pytest.mark.spec("T-O7")
@pytest.mark.parametrize("name", [TEAM, TEAM.upper(), "*"])
async def test_a_workspace_is_not_called_as_others_are_meant(
    root: Guarded, name: str
) -> None:
    reply = await root.send("POST", "/workspaces", {"name": name})

    assert reply.json()["fields"] == {"name": "must not be * or an id"}


@pytest.mark.spec("gateway#1.15")
@pytest.mark.parametrize("has_rows", [False, True])
async def test_whoever_was_in_a_workspace_that_is_gone_is_nobody(
    root: Guarded, has_rows: bool
) -> None:
    await make_workspaces(root)
    bob = await root.hire("bob", "workspace-super-admin", prefix="/team")
    await root.role("outer", can(workspace="team"))
    eve = await root.hire("eve", "outer")
    if has_rows:
        await root.make("/team/services", SERVICE)
    await root.send("DELETE", "/workspaces/team?cascade=true")
    await root.send("PUT", f"/workspaces/{TEAM}", {"name": "team"})

    assert await status(bob, "GET", "/team/services") == 401
    assert await status(eve, "GET", "/team/services") == 403
    assert (await root.get("/team/rbac/users")).json()["data"] == []


# Rows that somebody takes over.


@pytest.mark.spec("gateway#1.16")
async def test_a_row_of_another_kind_with_the_same_id_is_another_row(
    both: Guarded,
) -> None:
    service = await both.make("/services", SERVICE)
    await both.role("r", can())
    bob = await both.hire("bob", "r")
    path = f"/services/{service['id']}"

    consumer = f"/consumers/{service['id']}"
    assert await status(bob, "PUT", consumer, {"username": "z"}) == 200
    assert await status(bob, "GET", consumer) == 200
    for method in ("GET", "PATCH", "DELETE"):
        assert await status(bob, method, path, {"host": "evil.example"}) == 403


@pytest.mark.spec("gateway#1.16")
async def test_what_is_said_of_a_row_goes_with_it(both: Guarded) -> None:
    await both.role("r", can())
    bob = await both.hire("bob", "r")
    path = f"/services/{build_id('services', 'orders')}"
    await bob.send("PUT", path, SERVICE)
    await bob.send("DELETE", path)
    await both.send("PUT", path, SERVICE)

    assert await status(bob, "GET", path) == 403


@pytest.mark.spec("gateway#1.16")
async def test_a_new_row_changes_no_rule_of_others(both: Guarded) -> None:
    await both.role("r", can())
    bob = await both.hire("bob", "r")
    for role in ("super-admin", "read-only"):
        rule = build_id("rbac_role_entities", role)
        assert await status(bob, "PUT", f"/services/{rule}", {**SERVICE, "name": role}) == 200  # fmt: skip

    assert await status(both, "GET", "/services") == 200
    assert len((await both.get("/services")).json()["data"]) == 2
    # A rule that is there already does not keep anybody from making the row again.
    path = f"/services/{OTHER}"
    await both.send("PUT", path, {**SERVICE, "name": "again"})
    given = {"entity_id": OTHER, "actions": "read"}
    await both.make("/rbac/roles/bob/entities", given)
    await both.send("DELETE", path)
    assert await status(bob, "PUT", path, {**SERVICE, "name": "again"}) == 200


@pytest.mark.spec("gateway#1.16")
async def test_what_is_in_no_workspace_is_not_for_roles_of_one(entity: Guarded) -> None:
    await make_workspaces(entity)
    await entity.make("/other/services", SERVICE)
    tim = await entity.hire("tim", "workspace-admin", prefix="/team")

    gone = "/team/workspaces/other?cascade=true"
    assert await status(tim, "DELETE", gone) == 403
    put = f"/team/workspaces/{build_id('workspaces', 'new')}"
    assert await status(tim, "PUT", put, {"name": "new"}) == 403


@pytest.mark.spec("gateway#1.16")
async def test_no_way_around_the_rules_of_rows(both: Guarded) -> None:
    await both.role("r", can())
    bob = await both.hire("bob", "r")
    hidden = await both.make("/services", SERVICE)
    await both.make("/upstreams", {"name": "u"})
    target = await both.make("/upstreams/u/targets", {"target": "10.0.0.1:80"})
    group = await both.make("/consumer_groups", {"name": "g"})
    ada = await both.make("/consumers", {"username": "ada"})
    plugin = {"name": "rate-limiting", "config": {"minute": 5}}
    await both.make("/consumer_groups/g/plugins", plugin)
    upstream = (await both.get("/upstreams/u")).json()
    for row in (upstream, group, ada):
        seen = {"entity_id": row["id"], "actions": "read"}
        await both.make("/rbac/roles/bob/entities", seen)

    assert (await bob.get("/upstreams/u/health")).json()["data"] == []
    assert (await bob.get("/consumer_groups/g")).json()["plugins"] == []
    for method, path, body in (
        ("PUT", f"/upstreams/u/targets/{target['id']}/unhealthy", None),
        ("POST", "/consumer_groups/g/consumers", {"consumer": "ada"}),
        ("DELETE", "/consumer_groups/g/consumers", None),
        ("POST", "/plugins", {"name": "cors", "service": {"id": hidden["id"]}}),
        ("POST", "/routes", {"paths": ["/x"], "service": {"name": "s"}}),
    ):
        assert await status(bob, method, path, body) == 403, path


# Paths that are judged as one thing and answered as another.


@pytest.mark.spec("D22")
async def test_an_escaped_path_is_not_another_one(root: Guarded) -> None:
    await root.role("r", can(), *(can(endpoint=path, negative=True) for path in ("/openid-connect/jwks", "/metrics", "/tags", "/schemas/*/validate")))  # fmt: skip
    bob = await root.hire("bob", "r")

    for method, path in (
        ("DELETE", "/openid-connect/jwks%0A"), ("DELETE", "/default/openid-connect%2Fjwks"),
        ("GET", "/default/metrics%2F"), ("GET", "/default/tags%0A"), ("GET", "/metrics%0a"),
        ("POST", "/schemas/services%2Fvalidate"), ("POST", "/default/schemas%2Fservices%2Fvalidate"),
    ):  # fmt: skip
        assert await status(bob, method, path, {}) in {403, 404, 405}, path
        assert await status(root, method, path, {}) in {404, 405}, path


async def test_an_issuer_is_named_with_its_slashes_escaped_or_not() -> None:
    node = Node()

    for path in ("https://idp.example/x", "https%3A%2F%2Fidp.example%2Fx"):
        reply = await node.call(f"/openid-connect/issuers/{path}")
        assert reply.status == 404
    assert (await node.call("/openid-connect%2Fissuers")).status == 404


# Tokens.


@pytest.mark.spec("gateway#1.16")
async def test_a_token_that_was_just_changed_is_wrong_for_all_who_ask_at_once(
    root: Guarded,
) -> None:
    bob = await root.hire("bob", "read-only")
    await bob.get("/services")
    await root.send("PATCH", "/rbac/users/bob", {"user_token": "other"})
    replies = await asyncio.gather(*(bob.get("/services") for _ in range(8)))

    assert {reply.status for reply in replies} == {401}


@pytest.mark.spec("gateway#1.16")
@pytest.mark.parametrize("token", ["ünïcode", "a\nb", "\x00"])
async def test_a_token_that_no_header_can_hold_is_refused(
    root: Guarded, token: str
) -> None:
    body = {"name": "ada", "user_token": token}
    reply = await root.send("POST", "/rbac/users", body)

    assert set(reply.json()["fields"]) == {"user_token"}
    assert token not in reply.text


@pytest.mark.spec("gateway#1.16")
@pytest.mark.parametrize("kind", ["users", "roles"])
async def test_names_can_be_written_down(root: Guarded, kind: str) -> None:
    for name in ("a\x00b", "a\nb", "a,b"):
        body = {"name": name, "user_token": "t"} if kind == "users" else {"name": name}
        reply = await root.send("POST", f"/rbac/{kind}", body)
        assert set(reply.json()["fields"]) == {"name"}


@pytest.mark.spec("gateway#1.16")
async def test_tags_tell_nothing_of_users(root: Guarded) -> None:
    body = {"name": "ada", "user_token": "t", "tags": ["x"]}
    await root.send("POST", "/rbac/users", body)

    assert (await root.get("/tags")).json()["data"] == []


# What is written down.


@pytest.mark.spec("gateway#1.17")
@pytest.mark.parametrize(
    "path",
    [
        "/default/schemas%2Fplugins%2Fvalidate",
        "/default/schemas/plugins%2Fvalidate",
        "/default/schemas/plugins/validate%2F",
        "/schemas/keyauth_credentials/validate%0A",
        "/nowhere",
        "/services/x/nowhere",
    ],
)
async def test_a_body_is_kept_only_where_it_is_known_what_it_is(
    tmp_path: Path, path: str
) -> None:
    config = {"http_endpoint": f"https://h.example/{PLANTED}", "odd": PLANTED}
    async with audited_node(tmp_path) as node:
        await node.send("POST", path, {"name": "http-log", "config": config})
        record = await node.last()

    assert PLANTED not in json.dumps(record)
    assert record["payload"] is None


@pytest.mark.spec("gateway#1.17")
async def test_misspelt_tokens_are_in_no_record(tmp_path: Path) -> None:
    async with audited_node(tmp_path) as node:
        body = {
            "name": "u",
            "user_tokn": PLANTED,
            "tok": PLANTED,
            "user_token": PLANTED,
        }
        await node.send("POST", "/rbac/users", body)
        await node.send("POST", "/default/rbac/users", {"name": "v", "user_token": PLANTED})  # fmt: skip
        whole = json.dumps([*await node.records(), *await node.records("objects")])

    assert PLANTED not in whole
    assert "rbac_users" in whole


@pytest.mark.spec("gateway#1.17")
@pytest.mark.parametrize(
    "path",
    ["/key-auths%2F{}", "/default/key-auths%2F{}", "/consumers/ada/key-auth%2F{}", "/key-auths;{}", "/key-auths:{}"],
)  # fmt: skip
async def test_a_key_in_an_odd_path_is_in_no_record(tmp_path: Path, path: str) -> None:
    async with audited_node(tmp_path) as node:
        await node.call(path.format(PLANTED))
        assert PLANTED not in json.dumps(await node.last())


@pytest.mark.spec("gateway#1.17")
async def test_a_path_is_ignored_as_it_is_without_a_workspace(tmp_path: Path) -> None:
    rules = {"ignored_paths": ("^/audit",)}
    async with audited_node(tmp_path, rules=rules) as node:
        for name in ("auditx", "victim"):
            await node.send("POST", "/workspaces", {"name": name})
        await node.call("/auditx/workspaces/victim?cascade=true", "DELETE")
        paths = [record["path"] for record in await node.records()]

    assert "/auditx/workspaces/victim" in paths


@pytest.mark.spec("gateway#5.5")
async def test_the_first_user_may_do_everything_whatever_became_of_the_roles(
    root: Guarded,
) -> None:
    assert await status(root, "DELETE", "/rbac/roles/super-admin") == 204
    async with root.store.writing() as write:
        for row in (await write.page(Wanted(kind="rbac_users"), size=9)).rows:
            await write.delete("rbac_users", row.id or "")
    known = await prepare_access(root.store, now=NOW, salt=b"s" * 16, password="new")

    assert known
    assert await status(root.be("new"), "GET", "/rbac/users") == 200


@pytest.mark.spec("gateway#1.16")
async def test_what_is_said_of_rows_goes_with_their_workspace(both: Guarded) -> None:
    await both.role("r", can())
    bob = await both.hire("bob", "r")
    path = f"/team/services/{OTHER}"
    for number in range(2):
        await both.send("PUT", f"/workspaces/{TEAM}", {"name": "team"})
        seen = {"entity_id": TEAM, "actions": "read"}
        await both.make("/rbac/roles/bob/entities", seen)
        await (both if number else bob).send("PUT", path, SERVICE)
        assert await status(bob, "GET", path) == (403 if number else 200)
        gone = "/workspaces/team?cascade=true"
        assert await status(both, "DELETE", gone) == 204
