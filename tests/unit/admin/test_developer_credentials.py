"""Credentials of developers themselves, by the Admin API: made, changed, held, and nobody else's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from ostiary.admin.developer_credentials import MAX_CREDENTIALS
from ostiary.model.applications import digest_key
from ostiary.model.developer_credentials import (
    CREDENTIAL_PLUGINS,
    DeveloperCredential,
    build_hint,
)
from ostiary.model.identity import hash_password
from ostiary.ports.usage import Used
from tests.unit.admin.admin_kit import NOW, database_node
from tests.unit.admin.audit_kit import audited_node
from tests.unit.admin.desk_kit import OpenDesk
from tests.unit.admin.rows_kit import PAIR, make_pem
from tests.unit.admin.test_applications import APPS
from tests.unit.admin.test_rbac import ROOT, guarded
from tests.unit.demo.asgi import Reply
from tests.unit.portal.portal_kit import EMAIL, PortalWorld, portal_world

pytestmark = pytest.mark.spec("portal#1.7")
OF = f"/developers/{EMAIL}/credentials"
BOB = "bob@example.com"
RSA = make_pem("rsa", is_rsa=True)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[PortalWorld]:
    async with portal_world(tmp_path) as made:
        await made.switch_on()
        await made.developer(status=0)
        yield made


async def make(world: PortalWorld, plugin: str, **said: Any) -> dict[str, Any]:
    reply = await world.node.send("POST", f"{OF}/{plugin}", said)
    assert reply.status == 201, reply.text
    row: dict[str, Any] = reply.json()
    return row


async def kept(world: PortalWorld, identity: str) -> DeveloperCredential:
    row = await world.node.store.get("developer_credentials", identity)
    assert isinstance(row, DeveloperCredential)
    return row


@pytest.mark.parametrize("plugin", CREDENTIAL_PLUGINS)
async def test_one_is_made_listed_shown_ended_and_deleted(
    world: PortalWorld, plugin: str
) -> None:
    made = await make(world, plugin, ttl=600)
    path = f"{OF}/{plugin}/{made['id']}"
    shown = await world.node.call(path)
    listed = await world.node.call(f"{OF}/{plugin}")
    sooner = await world.node.send("PATCH", path, {"ttl": 60})
    never = await world.node.send("PATCH", path, {"ttl": 6000})

    assert made["consumer"] == made["developer"]
    assert made["expires_at"] == NOW + 600
    assert listed.json() == {"data": [shown.json()], "next": None, "total": 1}
    assert (sooner.status, sooner.json()["expires_at"]) == (200, NOW + 60)
    assert never.json()["expires_at"] == NOW + 60
    assert (await world.node.send("DELETE", path)).status == 204
    assert (await world.node.call(path)).status == 404


@pytest.mark.parametrize(
    ("plugin", "secret"), [("key-auth", "key"), ("basic-auth", "password"), ("jwt", "secret")]
)  # fmt: skip
async def test_what_is_generated_is_shown_once(
    world: PortalWorld, plugin: str, secret: str
) -> None:
    made = await make(world, plugin)
    shown = await world.node.call(f"{OF}/{plugin}/{made['id']}")
    row = await kept(world, made["id"])

    assert len(made[secret]) == 32
    assert made[secret] not in shown.text
    assert shown.json()[secret].endswith("********")
    assert made[secret] not in repr(row)
    assert row.held is row.self_made is False


async def test_what_an_admin_gives_is_kept_as_of_a_consumer_and_not_repeated(
    world: PortalWorld,
) -> None:
    key = await make(world, "key-auth", key="chosen by an admin, and long")
    basic = await make(world, "basic-auth", username="ada", password="pass word")
    jwt = await make(world, "jwt", key="iss-1", secret="quiet", algorithm="HS512")
    pair = await make(world, "jwt", algorithm="ES256", rsa_public_key=PAIR.public)
    rows = [await kept(world, row["id"]) for row in (key, basic, jwt, pair)]

    assert key["key"] == "chos********"
    assert rows[0].value == digest_key("chosen by an admin, and long")
    assert (basic["username"], basic["password"]) == ("ada", "********")
    assert rows[1].password == hash_password("pass word", rows[1].developer)
    assert (jwt["key"], jwt["secret"], jwt["algorithm"]) == ("iss-1", "********", "HS512")  # fmt: skip
    assert rows[2].secret == "quiet"
    assert (pair["secret"], rows[3].secret) == (None, None)
    assert pair["rsa_public_key"] == PAIR.public


def test_a_short_secret_has_no_beginning_to_show() -> None:
    assert (build_hint("a" * 19), build_hint("a" * 20)) == ("", "aaaa")


async def test_they_change_one_by_one(world: PortalWorld) -> None:
    node = world.node
    basic = await make(world, "basic-auth", username="ada", password="one")
    jwt = await make(world, "jwt")
    key = await make(world, "key-auth")
    other = await node.send(
        "PATCH", f"{OF}/basic-auth/{basic['id']}", {"password": "two"}
    )
    named = await node.send(
        "PATCH", f"{OF}/basic-auth/{basic['id']}", {"username": "countess"}
    )
    paired = await node.send(
        "PATCH",
        f"{OF}/jwt/{jwt['id']}",
        {"algorithm": "ES256", "rsa_public_key": PAIR.public},
    )
    again = await node.send("PATCH", f"{OF}/jwt/{jwt['id']}", {"algorithm": "HS256"})
    keyed = await node.send(
        "PATCH", f"{OF}/key-auth/{key['id']}", {"key": "another key, as long"}
    )
    row = await kept(world, basic["id"])

    assert (other.status, named.json()["username"]) == (200, "countess")
    assert row.password == hash_password("two", row.developer)
    assert paired.json()["secret"] is None
    assert len(again.json()["secret"]) == 32
    assert again.json()["rsa_public_key"] is None
    assert keyed.json()["key"] == "anot********"
    assert (await kept(world, key["id"])).value == digest_key("another key, as long")


@pytest.mark.parametrize(
    ("plugin", "said", "field"),
    [
        ("key-auth", {"username": "ada"}, "username"),
        ("key-auth", {"key": 7}, "key"),
        ("key-auth", {"key": ""}, "key"),
        ("key-auth", {"key": "a\tb"}, "key"),
        ("basic-auth", {"username": "a\r\nX-Admin: 1"}, "username"),
        ("jwt", {"key": "a\0"}, "key"),
        ("jwt", {"key": "a\x7f"}, "key"),
        ("basic-auth", {"password": ""}, "password"),
        ("jwt", {"secret": ""}, "secret"),
        ("key-auth", {"ttl": 0}, "ttl"),
        ("basic-auth", {"key": "k"}, "key"),
        ("jwt", {"algorithm": "none"}, "algorithm"),
        ("jwt", {"algorithm": "RS256"}, "rsa_public_key"),
        ("jwt", {"id": "x"}, "id"),
        ("jwt", {"held": False}, "held"),
        ("jwt", {"self_made": True}, "self_made"),
    ],
)
async def test_what_is_wrong_is_told_at_its_field(
    world: PortalWorld, plugin: str, said: dict[str, Any], field: str
) -> None:
    reply = await world.node.send("POST", f"{OF}/{plugin}", said)

    assert (reply.status, reply.json()["code"]) == (400, 2)
    assert field in reply.json()["fields"]


@pytest.mark.spec("RFC8725#3.1")
async def test_a_public_key_goes_with_its_algorithm_and_is_kept_alone(
    world: PortalWorld,
) -> None:
    said = {"algorithm": "ES256", "rsa_public_key": f"# mine\n{PAIR.public}# end"}
    made = await make(world, "jwt", **said)
    path = f"{OF}/jwt/{made['id']}"
    wrong = [
        await world.node.send("POST", f"{OF}/jwt", {**said, "algorithm": "RS256"}),
        await world.node.send("PATCH", path, {"algorithm": "ES384"}),
        await world.node.send("PATCH", path, {"rsa_public_key": RSA.public}),
    ]
    both = {"algorithm": "PS256", "rsa_public_key": f"x{RSA.public}"}
    changed = await world.node.send("PATCH", path, both)

    assert made["rsa_public_key"] == PAIR.public
    assert [reply.status for reply in wrong] == [400] * 3
    assert [[*reply.json()["fields"]] for reply in wrong] == [["rsa_public_key"]] * 3
    assert wrong[1].json()["fields"]["rsa_public_key"] == "must be P-384 for ES384"
    assert (changed.status, changed.json()["rsa_public_key"]) == (200, RSA.public)


@pytest.mark.parametrize("plugin", ["oauth2", "hmac-auth", "acl", "openid-connect"])
async def test_of_other_plugins_there_are_none_and_it_says_which_there_are(
    world: PortalWorld, plugin: str
) -> None:
    reply = await world.node.call(f"{OF}/{plugin}")

    assert reply.status == 404
    assert "key-auth, basic-auth, jwt" in reply.json()["message"]


async def test_a_name_is_one_consumers_or_one_developers(world: PortalWorld) -> None:
    node = world.node
    await world.developer(BOB, status=0)
    await node.send("POST", "/consumers", {"username": "anna"})
    await node.send("POST", "/consumers/anna/key-auth", {"key": "hers"})
    await node.send("POST", "/consumers/anna/basic-auth", {"username": "anna", "password": "p"})  # fmt: skip
    await node.send("POST", "/consumers/anna/jwt", {"key": "hers"})
    await make(world, "key-auth", key="mine")
    await make(world, "basic-auth", username="mine", password="p")
    await make(world, "jwt", key="mine")
    seen: list[Reply] = []
    for owner, value in ((f"/developers/{BOB}/credentials", "hers"), (f"/developers/{BOB}/credentials", "mine"), ("/consumers/anna", "mine")):  # fmt: skip
        user = "anna" if value == "hers" else value
        seen += [
            await node.send("POST", f"{owner}/key-auth", {"key": value}),
            await node.send("POST", f"{owner}/basic-auth", {"username": user, "password": "p"}),
            await node.send("POST", f"{owner}/jwt", {"key": value}),
        ]  # fmt: skip

    assert [reply.status for reply in seen] == [409] * 9
    assert {reply.json()["code"] for reply in seen} == {5}
    assert not any(EMAIL in reply.text for reply in seen)


async def test_a_key_of_an_application_is_no_other_credential(
    world: PortalWorld,
) -> None:
    app = (await world.node.send("POST", APPS, {"name": "Shop"})).json()["id"]
    key = (await world.node.send("POST", f"{APPS}/{app}/credentials/key-auth")).json()
    reply = await world.node.send("POST", f"{OF}/key-auth", {"key": key["key"]})

    assert reply.status == 409
    assert key["key"] not in reply.text


async def test_one_keeps_its_own_name_when_it_is_changed(world: PortalWorld) -> None:
    made = await make(world, "basic-auth", username="ada", password="p")
    path = f"{OF}/basic-auth/{made['id']}"
    same = await world.node.send("PATCH", path, {"username": "ada"})
    await make(world, "basic-auth", username="other", password="p")
    taken = await world.node.send("PATCH", path, {"username": "other"})

    assert (same.status, taken.status) == (200, 409)


async def test_nobody_reaches_anothers(world: PortalWorld) -> None:
    await world.developer(BOB, status=0)
    made = await make(world, "key-auth")
    bobs = f"/developers/{BOB}/credentials/key-auth/{made['id']}"
    wrong_plugin = f"{OF}/jwt/{made['id']}"

    for path in (bobs, wrong_plugin):
        assert (await world.node.call(path)).status == 404
        assert (await world.node.send("PATCH", path, {"ttl": 5})).status == 404
        assert (await world.node.send("DELETE", path)).status == 404
    assert (await kept(world, made["id"])).expires_at is None
    assert (await world.node.call("/developers/no@example.com/credentials/jwt")).status == 404  # fmt: skip


@pytest.mark.spec("T-O7")
async def test_another_workspace_has_nothing_of_them(world: PortalWorld) -> None:
    made = await make(world, "key-auth", key="the same in both of them")
    await world.node.send("POST", "/workspaces", {"name": "team", "config": {"portal": True}})  # fmt: skip
    body = {"email": EMAIL, "meta": '{"full_name": "A"}', "status": 0}
    await world.node.send("POST", "/team/developers", body)
    other = f"/team{OF}/key-auth"
    made_there = await world.node.send("POST", other, {"key": "the same in both of them"})  # fmt: skip

    assert (await world.node.call(f"{other}/{made['id']}")).status == 404
    assert made_there.status == 201


@pytest.mark.spec("T-O7")
async def test_no_consumer_of_any_workspace_gets_a_developers_id(
    world: PortalWorld,
) -> None:
    node = world.node
    made = await make(world, "key-auth")
    theirs, free = made["developer"]["id"], "99999999-2222-4333-8444-555555555555"
    await node.send("POST", "/workspaces", {"name": "team"})
    wrong = []
    for workspace in ("", "/team"):
        path, body = f"{workspace}/consumers", {"username": "anna"}
        wrong += [
            await node.send("PUT", f"{path}/{theirs}", body),
            await node.send("POST", path, {**body, "id": theirs}),
            await node.send("PUT", f"{path}/anna", {"id": theirs}),
        ]
        assert (await node.call(path)).json()["data"] == []
    good = [
        await node.send("PUT", f"/team/consumers/{free}", {"username": "anna"}),
        await node.send("PUT", f"/team/consumers/{free}", {"username": "anne"}),
        await node.send("POST", "/consumers", {"username": "anna"}),
    ]

    assert [reply.status for reply in wrong] == [400] * 6
    assert {reply.json()["code"] for reply in wrong} == {3}
    assert not any(EMAIL in reply.text for reply in wrong)
    assert [reply.status for reply in good] == [200, 200, 201]


@pytest.mark.spec("portal#1.5")
@pytest.mark.parametrize("status", [1, 2, 5])
async def test_who_is_not_approved_gets_none(world: PortalWorld, status: int) -> None:
    await world.developer(BOB, status=status)
    path = f"/developers/{BOB}/credentials/key-auth"
    reply = await world.node.send("POST", path)

    assert reply.status == 400
    assert "approved" in reply.json()["message"]
    assert (await world.node.call(path)).json()["total"] == 0


@pytest.mark.spec("portal#1.5")
async def test_they_are_held_while_their_developer_is_revoked(
    world: PortalWorld,
) -> None:
    made = await make(world, "key-auth")
    before = (await kept(world, made["id"])).held
    await world.set_status(3)
    revoked = (await kept(world, made["id"])).held
    await world.set_status(0)

    assert (before, revoked) == (False, True)
    assert (await kept(world, made["id"])).held is False


@pytest.mark.spec("portal#1.9")
async def test_they_go_with_their_developer(world: PortalWorld) -> None:
    made = await make(world, "jwt")
    await world.node.send("DELETE", f"/developers/{EMAIL}")

    assert await world.node.store.get("developer_credentials", made["id"]) is None


@pytest.mark.spec("portal#6.1")
async def test_consumers_files_and_lists_know_nothing_of_them(
    world: PortalWorld,
) -> None:
    for plugin in CREDENTIAL_PLUGINS:
        await make(world, plugin)
    for path in ("/consumers", "/key-auths", "/basic-auths", "/jwts", "/tags"):
        assert (await world.node.call(path)).json()["data"] == []
    said = await world.node.store.load()

    assert {type(row).__name__ for row in said.rows} == {"Workspace"}


async def test_there_is_an_end_to_how_many(world: PortalWorld) -> None:
    for number in range(MAX_CREDENTIALS):
        await make(world, "jwt", key=f"key-{number}", secret="s")
    reply = await world.node.send("POST", f"{OF}/jwt", {"key": "more"})
    first = await world.node.call(f"{OF}/jwt?size=15")
    rest = await world.node.call(first.json()["next"])

    assert reply.status == 400
    assert "at most 20" in reply.json()["message"]
    assert [len(page.json()["data"]) for page in (first, rest)] == [15, 5]
    assert await make(world, "key-auth")


async def test_without_a_portal_none_is_made(world: PortalWorld) -> None:
    await world.configure(portal=False)
    reply = await world.node.send("POST", f"{OF}/key-auth")

    assert reply.status == 400


async def test_roles_of_developers_are_no_developers(world: PortalWorld) -> None:
    await world.node.send("POST", "/developers/roles", {"name": "usage"})
    role = await world.node.call("/developers/roles/usage")
    nobody = await world.node.call("/developers/roles/credentials/jwt")

    assert role.json()["name"] == "usage"
    assert nobody.status == 404


@pytest.mark.spec("gateway#1.17")
async def test_the_audit_log_has_no_secret_of_them(tmp_path: Path) -> None:
    async with audited_node(tmp_path, portal=OpenDesk()) as node:
        await node.send("POST", "/developers", {"email": EMAIL, "meta": "{}", "status": 0})  # fmt: skip
        said = {
            "key-auth": {"key": "secret-key-of-an-admin"},
            "basic-auth": {"username": "ada", "password": "secret-password"},
            "jwt": {"key": "issuer", "secret": "secret-secret"},
        }
        shown: list[dict[str, Any]] = []
        for plugin, body in said.items():
            reply = await node.send("POST", f"{OF}/{plugin}", body)
            assert reply.status == 201
            shown.append((await node.send("POST", f"{OF}/{plugin}")).json())
        written = node.written()

    assert "developer_credentials" in written
    assert "secret-" not in written
    assert digest_key("secret-key-of-an-admin") not in written
    for row, name in zip(shown, ("key", "password", "secret"), strict=True):
        assert row[name] not in written


@pytest.mark.spec("T-O7")
async def test_whoever_may_nothing_sees_and_makes_none(tmp_path: Path) -> None:
    async with guarded(tmp_path, "both", portal=OpenDesk()) as made:
        root = made.be(ROOT)
        await root.send(
            "POST", "/developers", {"email": EMAIL, "meta": "{}", "status": 0}
        )
        eve = await root.hire("eve")
        for method in ("GET", "POST"):
            assert (await eve.send(method, f"{OF}/key-auth", {})).status == 403
        assert (await root.get(f"{OF}/key-auth")).status == 200


@pytest.mark.spec("portal#1.6")
async def test_usage_of_all_applications_is_told_by_day(tmp_path: Path) -> None:
    class Known:
        async def add(self, used: Sequence[Used]) -> None:
            raise AssertionError(used)

        async def read(self, application: str, *, since: int) -> tuple[Used, ...]:
            asked.append((application, since))
            return (
                Used(application=application, service="s", day=19723, ok=2),
                Used(application=application, service="t", day=19723, failed=1),
            )

    asked: list[tuple[str, int]] = []
    async with database_node(tmp_path, portal=OpenDesk(), usage=Known()) as node:
        await node.send("POST", "/developers", {"email": EMAIL, "meta": "{}"})
        apps = {
            (await node.send("POST", APPS, {"name": name})).json()["id"]
            for name in ("Shop", "Till")
        }
        told = await node.call(f"/developers/{EMAIL}/usage?days=7")
        wrong = await node.call(f"/developers/{EMAIL}/usage?days=400")

    today = int(NOW) // 86400
    assert {*asked} == {(app, today - 6) for app in apps}
    assert told.json()["data"] == [{"day": "2024-01-01", "ok": 4, "refused": 0, "failed": 2}]  # fmt: skip
    assert wrong.status == 400
