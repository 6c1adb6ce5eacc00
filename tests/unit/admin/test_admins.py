"""`/admins`: who runs the gateway, and what they may do where."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ostiary.model.workspaces import DEFAULT_WORKSPACE
from tests.unit.admin.admin_kit import NOW, Node
from tests.unit.admin.admins_kit import ADA, EMAIL, GUI, crew, roles_of
from tests.unit.admin.test_rbac import ROOT, Guarded, can

TOKEN = "a-token-that-ada-chose"


@pytest.fixture
async def root(tmp_path: Path) -> AsyncIterator[Guarded]:
    async with crew(tmp_path) as made:
        yield made


async def invite(root: Guarded, prefix: str = "", **said: Any) -> dict[str, Any]:
    reply = await root.send("POST", f"{prefix}/admins", {**ADA, **said})
    assert reply.status == 200, reply.text
    row: dict[str, Any] = reply.json()["admin"]
    return row


async def link_of(root: Guarded, who: str = "ada", prefix: str = "") -> dict[str, str]:
    """What a registration link holds."""
    path = f"{prefix}/admins/{who}?generate_register_url=true"
    reply = await root.get(path)
    assert reply.status == 200, reply.text
    url = urlsplit(reply.json()["register_url"])
    assert url.geturl().startswith(f"{GUI}/auth/register?")
    return {k: v[0] for k, v in parse_qs(url.query).items()}


async def register(root: Guarded, **said: Any) -> Any:
    return await root.be(None).send("POST", "/admins/register", said)


@pytest.mark.spec("portal#2.7")
async def test_an_invited_admin_is_known_and_may_do_nothing_yet(root: Guarded) -> None:
    row = await invite(root)
    listed = (await root.get("/admins")).json()["data"]

    assert row["status"] == 4
    assert row["email"] == EMAIL
    assert listed == [row]
    assert not {"invitation", "rbac_user", "workspaces"} & row.keys()


@pytest.mark.parametrize("key", ["ada", EMAIL, "ADA@example.com"])
async def test_an_admin_is_found_by_name_and_address(root: Guarded, key: str) -> None:
    row = await invite(root)

    assert (await root.get(f"/admins/{key}")).json() == row
    assert (await root.get(f"/admins/{row['id']}")).json() == row
    assert (await root.get("/admins/nobody")).status == 404


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"username": "ada"},
        {"email": "ada@example.com"},
        {"username": "ada", "email": "none"},
        {**ADA, "rbac_user": {"id": DEFAULT_WORKSPACE}},
        {**ADA, "workspaces": [DEFAULT_WORKSPACE]},
        {**ADA, "invitation": "x"},
    ],
)
async def test_what_is_no_admin_is_refused(root: Guarded, said: dict[str, Any]) -> None:
    assert (await root.send("POST", "/admins", said)).status == 400
    assert (await root.get("/admins")).json()["data"] == []


@pytest.mark.parametrize(
    "said",
    [
        {"email": "x@example.com"},
        {"username": "x"},
        {"username": "kong_admin", "email": "x@example.com"},
    ],
)
async def test_nobody_is_taken_for_somebody_who_is_there(
    root: Guarded, said: dict[str, str]
) -> None:
    await invite(root)

    reply = await root.send("POST", "/admins", {**ADA, **said})

    assert reply.status == 409
    assert len((await root.get("/admins")).json()["data"]) == 1


async def test_a_name_is_nobody_elses_address(root: Guarded) -> None:
    """Both find an admin in a path, and whoever plants a row must not let another sign in to it."""
    planted = {"username": "Boss@Example.com", "email": "eve@example.com"}
    made = await root.send("POST", "/admins", planted)
    await invite(root, username=EMAIL)
    changed = await root.send("PATCH", f"/admins/{EMAIL}", {"email": "x@example.com"})

    assert (made.status, changed.status) == (400, 400)
    assert made.json()["fields"].keys() == {"username"}
    both = {"username": "x@example.com", "email": "x@example.com"}
    assert (await root.send("PATCH", f"/admins/{EMAIL}", both)).status == 200


@pytest.mark.parametrize("name", ["ADA", "Ada", " ada "])
async def test_two_admins_are_not_called_alike(root: Guarded, name: str) -> None:
    await invite(root)
    said = {"username": name, "email": "x@example.com"}

    assert (await root.send("POST", "/admins", said)).status == 409


async def test_nobody_revokes_or_deletes_themself(root: Guarded) -> None:
    """The last who may let others in is there to stay."""
    await invite(root)
    await root.make("/admins/ada/roles", {"roles": "super-admin"})
    await register(root, **await link_of(root), password=TOKEN)
    ada = root.be(TOKEN)
    revoked = await ada.send("PATCH", "/admins/ada", {"status": 3})
    deleted = await ada.send("DELETE", "/admins/ada")
    named = await ada.send("PATCH", "/admins/ada", {"custom_id": "7"})

    assert (revoked.status, deleted.status, named.status) == (400, 400, 200)
    assert "this is you" in revoked.json()["message"]
    assert (await root.send("PATCH", "/admins/ada", {"status": 3})).status == 200


@pytest.mark.spec("portal#2.7")
async def test_whoever_has_the_link_chooses_a_token_once(root: Guarded) -> None:
    await invite(root)
    await root.make("/admins/ada/roles", {"roles": "read-only"})
    link = await link_of(root)
    first = await register(root, **link, password=TOKEN, email=EMAIL)
    again = await register(root, **link, password="another-token-of-somebody")

    assert first.status == 201
    assert again.status == 400
    assert (await root.be(TOKEN).get("/services")).status == 200
    assert (await root.be(TOKEN).send("POST", "/services", {})).status == 403
    assert (await root.get("/admins/ada")).json()["status"] == 0


async def test_a_newer_link_makes_the_older_worth_nothing(root: Guarded) -> None:
    await invite(root)
    older = await link_of(root)
    newer = await link_of(root)

    assert (await register(root, **older, password=TOKEN)).status == 400
    assert (await register(root, **newer, password=TOKEN)).status == 201


@pytest.mark.parametrize(
    "edit",
    [
        {"token": "0" * 64},
        {"token": ""},
        {"token": None},
        {"token": 5},
        {"username": "eve"},
        {"username": None},
        {"password": "short"},
        {"password": None},
        {"password": "not-ascii-\u00fc-but-long"},
        {"password": ROOT},
    ],
)
async def test_without_all_of_the_link_nobody_registers(
    root: Guarded, edit: dict[str, Any]
) -> None:
    await invite(root)
    said: dict[str, Any] = {**await link_of(root), "password": TOKEN, **edit}

    reply = await register(root, **said)

    assert reply.status == 400
    assert ROOT not in reply.text
    assert (await root.get("/admins/ada")).json()["status"] == 4


async def test_a_wrong_link_and_a_wrong_name_are_told_alike(root: Guarded) -> None:
    await invite(root)
    wrong = await register(root, username="ada", token="0" * 64, password=TOKEN)
    nobody = await register(root, username="eve", token="0" * 64, password=TOKEN)

    assert wrong.text == nobody.text


async def test_a_link_is_good_until_its_time(tmp_path: Path) -> None:
    times = [NOW]
    options: dict[str, Any] = {"now": lambda: times[0], "invitation_s": 60}
    async with crew(tmp_path, **options) as root:
        await invite(root)
        link = await link_of(root)
        times[0] = NOW + 60

        assert (await register(root, **link, password=TOKEN)).status == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/admins/register/"),
        ("POST", "/default/admins/register"),
        ("POST", "/admins/./register"),
        ("POST", "/admins%2fregister"),
        ("GET", "/admins/register"),
        ("PATCH", "/admins/register"),
        ("POST", "/admins/password_resets"),
        ("POST", "/admins/arrivals"),
        ("POST", "/admins"),
    ],
)
async def test_nothing_else_is_open_without_a_token(
    root: Guarded, method: str, path: str
) -> None:
    reply = await root.be(None).send(method, path, {})

    assert reply.status == 401


async def test_admins_of_a_provider_register_there(tmp_path: Path) -> None:
    async with crew(tmp_path, at_provider=True) as root:
        await invite(root)
        path = "/admins/ada?generate_register_url=true"
        shown = (await root.get(path)).json()
        reply = await register(root, username="ada", token="x", password=TOKEN)

    assert shown["register_url"] == f"{GUI}/auth/sign-in"
    assert "token" not in shown
    assert reply.status == 400
    assert "sign in at the provider" in reply.json()["message"]


async def test_a_link_needs_the_managers_address(tmp_path: Path) -> None:
    async with crew(tmp_path, gui_url=None) as root:
        await invite(root)
        reply = await root.get("/admins/ada?generate_register_url=true")

    assert reply.status == 400
    assert "admin_gui_url" in reply.json()["message"]


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_there_are_no_passwords_to_reset(root: Guarded, method: str) -> None:
    reply = await root.send(method, "/admins/password_resets", {"email": EMAIL})

    assert reply.status == 400
    assert "no passwords" in reply.json()["message"]


@pytest.mark.spec("portal#1.5")
async def test_a_revoked_admins_token_is_worth_nothing_at_once(root: Guarded) -> None:
    await invite(root)
    await root.make("/admins/ada/roles", {"roles": "read-only"})
    await register(root, **await link_of(root), password=TOKEN)
    ada = root.be(TOKEN)
    before = (await ada.get("/services")).status
    await root.send("PATCH", "/admins/ada", {"status": 3})
    revoked = (await ada.get("/services")).status
    await root.send("PATCH", "/admins/ada", {"status": 0})

    assert (before, revoked) == (200, 401)
    assert (await ada.get("/services")).status == 200


@pytest.mark.spec("portal#1.5")
@pytest.mark.parametrize("status", [1, 3, 5, 7])
async def test_a_status_that_cannot_follow_is_refused(
    root: Guarded, status: int
) -> None:
    await invite(root)

    reply = await root.send("PATCH", "/admins/ada", {"status": status})

    assert reply.status == 400
    assert (await root.get("/admins/ada")).json()["status"] == 4


async def test_an_admin_can_be_called_something_else(root: Guarded) -> None:
    row = await invite(root)
    changed = await root.send("PATCH", "/admins/ada", {"username": "countess"})

    assert changed.json() == {**row, "username": "countess"}
    assert (await root.get("/rbac/users/countess")).status == 200
    assert (await root.get("/rbac/users/ada")).status == 404


async def test_an_admin_without_a_token_gets_none(root: Guarded) -> None:
    await invite(root)
    await register(root, **await link_of(root), password=TOKEN)
    reply = await root.send("PATCH", "/admins/ada", {"rbac_token_enabled": False})
    given = await root.send("PATCH", "/rbac/users/ada", {"user_token": "x" * 20})

    assert reply.json()["rbac_token_enabled"] is False
    assert (await root.be(TOKEN).get("/auth")).status == 401
    assert given.status == 400
    assert (await root.be("x" * 20).get("/auth")).status == 401


async def test_a_deleted_admin_is_gone_with_all_that_is_theirs(root: Guarded) -> None:
    await invite(root)
    await root.make("/team/admins/ada/roles", {"roles": "workspace-admin"})
    await register(root, **await link_of(root), password=TOKEN)
    reply = await root.send("DELETE", "/admins/ada")

    assert reply.status == 204
    assert (await root.be(TOKEN).get("/auth")).status == 401
    assert (await root.get("/rbac/users/ada")).status == 404
    assert (await root.send("DELETE", "/admins/ada")).status == 404
    await invite(root)
    assert await roles_of(root, "ada", of="") == set()


@pytest.mark.spec("portal#2.7")
async def test_roles_are_those_of_the_workspace_of_the_path(root: Guarded) -> None:
    await invite(root)
    await root.make("/admins/ada/roles", {"roles": "read-only,admin"})
    given = await root.make("/team/admins/ada/roles", {"roles": "workspace-admin"})
    everywhere = (await root.get("/admins/ada/roles?all_workspaces=true")).json()
    places = (await root.get("/admins/ada/workspaces")).json()

    assert [role["name"] for role in given["roles"]] == ["workspace-admin"]
    assert await roles_of(root, "ada") == {"admin", "read-only"}
    assert await roles_of(root, "ada", of="/team") == {"workspace-admin"}
    assert len(everywhere["roles"]) == 3
    assert sorted(place["name"] for place in places) == ["default", "team"]


async def test_a_role_that_is_taken_is_gone(root: Guarded) -> None:
    await invite(root)
    await root.make("/admins/ada/roles", {"roles": "read-only,admin"})
    reply = await root.send("DELETE", "/admins/ada/roles", {"roles": "admin"})

    assert reply.status == 204
    assert await roles_of(root, "ada") == {"read-only"}
    missing = await root.send("POST", "/admins/ada/roles", {"roles": "none"})
    assert missing.status == 400


@pytest.mark.spec("gateway#1.16")
async def test_roles_of_a_workspace_allow_there_and_nowhere_else(root: Guarded) -> None:
    await invite(root)
    await root.make("/team/admins/ada/roles", {"roles": "workspace-super-admin"})
    await register(root, **await link_of(root), password=TOKEN)
    ada = root.be(TOKEN)
    service = {"name": "s", "host": "h.example"}

    assert (await ada.send("POST", "/team/services", service)).status == 201
    assert (await ada.send("POST", "/services", service)).status == 403
    assert (await ada.get("/admins")).status == 403
    assert (await ada.get("/team/admins")).status == 200


async def test_a_workspace_that_goes_takes_its_roles_along(root: Guarded) -> None:
    await invite(root)
    await root.make("/team/admins/ada/roles", {"roles": "workspace-admin"})
    await root.send("DELETE", "/workspaces/team?cascade=true")

    assert (await root.get("/admins/ada/workspaces")).json() == []
    everywhere = (await root.get("/admins/ada/roles?all_workspaces=true")).json()
    assert everywhere == {"roles": []}


@pytest.fixture
async def boss(root: Guarded) -> Guarded:
    """Somebody who may do everything in `team`, and nothing elsewhere."""
    return await root.hire("boss", "workspace-super-admin", prefix="/team")


async def test_a_workspace_sees_its_own_admins_alone(
    root: Guarded, boss: Guarded
) -> None:
    await invite(root)
    await root.make("/admins/ada/roles", {"roles": "admin"})
    await invite(boss, "/team", username="eve", email="eve@example.com")

    for path in ("/team/admins", "/team/admins?all_workspaces=true"):
        rows = (await boss.get(path)).json()["data"]
        assert [row["username"] for row in rows] == ["eve"]
    assert (await boss.get("/team/admins/ada")).status == 404
    everybody = (await root.get("/admins?all_workspaces=true")).json()["data"]
    assert [row["username"] for row in everybody] == ["ada", "eve"]


@pytest.mark.parametrize(
    ("method", "path", "said"),
    [
        ("PATCH", "/team/admins/ada", {"email": "boss@example.com"}),
        ("PATCH", "/team/admins/ada", {"username": "x"}),
        ("PATCH", "/team/admins/ada", {"status": 0}),
        ("DELETE", "/team/admins/ada", None),
        ("GET", "/team/admins/ada?generate_register_url=true", None),
    ],
)
async def test_a_workspace_cannot_take_over_who_has_roles_elsewhere(
    root: Guarded, boss: Guarded, method: str, path: str, said: Any
) -> None:
    """Whoever changes an address signs in as its owner: that would give them the other roles."""
    row = await invite(root)
    await root.make("/admins/ada/roles", {"roles": "super-admin"})
    await root.make("/team/admins/ada/roles", {"roles": "workspace-admin"})

    reply = await boss.send(method, path, said)

    assert reply.status == 403
    assert (await root.get("/admins/ada")).json() == row


async def test_a_workspace_decides_about_admins_that_are_its_alone(
    boss: Guarded,
) -> None:
    await invite(boss, "/team")
    changed = await boss.send("PATCH", "/team/admins/ada", {"username": "countess"})
    link = await link_of(boss, "countess", "/team")
    gone = await boss.send("DELETE", "/team/admins/countess")

    assert changed.status == 200
    assert link["username"] == "countess"
    assert gone.status == 204


async def test_a_workspace_gives_its_own_roles_only(
    root: Guarded, boss: Guarded
) -> None:
    await invite(boss, "/team")

    own = await boss.send("POST", "/team/admins/ada/roles", {"roles": "workspace-admin"})  # fmt: skip
    others = await boss.send("POST", "/team/admins/ada/roles", {"roles": "super-admin"})
    elsewhere = await boss.send("POST", "/admins/ada/roles", {"roles": "super-admin"})

    assert own.status == 201
    assert others.status == 400
    assert elsewhere.status == 403
    assert await roles_of(root, "ada") == set()


@pytest.mark.spec("gateway#1.16")
@pytest.mark.parametrize("path", ["/admins", "/groups", "/admins/x/roles"])
async def test_whoever_may_not_touch_rbac_gets_not_at_it_through_admins(
    root: Guarded, path: str
) -> None:
    """Kong's role `admin` is for everything but who may do what."""
    admin = await root.hire("worker", "admin")

    assert (await admin.get("/services")).status == 200
    assert (await admin.get(path)).status == 403
    assert (await admin.send("POST", path, {})).status == 403


@pytest.mark.parametrize(
    "endpoint",
    ["/rbac", "/rbac/*", "/rbac/*/*", "/rbac/users", "/rbac/users/ada", "/rbac/*/ada"],
)
async def test_however_rbac_is_forbidden_admins_are_too(
    root: Guarded, endpoint: str
) -> None:
    rule = can(endpoint=endpoint, negative=True)
    await root.role("most", can(), rule)
    worker = await root.hire("worker", "most")

    assert (await worker.get("/admins")).status == 403
    assert (await worker.get("/groups")).status == 403
    assert (await worker.get("/services")).status == 200


async def test_the_rbac_user_of_an_admin_is_no_users_of_another_workspace(
    root: Guarded, boss: Guarded
) -> None:
    await invite(root)
    await root.make("/team/admins/ada/roles", {"roles": "workspace-admin"})
    said = {"user_token": "planted-by-the-boss"}

    assert (await boss.send("PATCH", "/team/rbac/users/ada", said)).status == 404
    assert (await root.be("planted-by-the-boss").get("/auth")).status == 401


@pytest.mark.spec("portal#2.7")
async def test_whoever_is_known_may_come_and_go(root: Guarded) -> None:
    nothing = await root.hire("nobody")

    assert (await nothing.get("/auth")).json() == {}
    assert (await nothing.send("DELETE", "/auth?session_logout=true")).status == 204
    assert (await nothing.get("/auth/x")).status == 403
    assert (await root.be(None).get("/auth")).status == 401


async def test_groups_have_roles_of_any_workspace(root: Guarded) -> None:
    group = await root.make("/groups", {"name": "crew", "comment": "of the ship"})
    await root.make("/groups/crew/roles", {"rbac_role_id": "read-only"})
    of_team = {"rbac_role_id": "workspace-admin", "workspace_id": "team"}
    made = await root.make("/groups/crew/roles", of_team)
    shown = (await root.get(f"/groups/{group['id']}/roles")).json()["data"]

    assert made["workspace"]["name"] == "team"
    assert sorted(row["rbac_role"]["name"] for row in shown) == [
        "read-only", "workspace-admin",
    ]  # fmt: skip
    again = await root.send("POST", "/groups/crew/roles", of_team)
    assert again.status == 409
    taken = await root.send("DELETE", "/groups/crew/roles", of_team)
    assert taken.status == 204
    assert (await root.send("DELETE", "/groups/crew/roles", of_team)).status == 404
    assert (await root.send("DELETE", "/groups/crew")).status == 204
    assert (await root.get("/groups/crew")).status == 404


async def test_a_group_goes_not_with_a_role_or_workspace_of_its(root: Guarded) -> None:
    await root.make("/groups", {"name": "crew"})
    said = {"rbac_role_id": "workspace-admin", "workspace_id": "team"}
    await root.make("/groups/crew/roles", said)
    await root.send("DELETE", "/workspaces/team?cascade=true")

    assert (await root.get("/groups/crew/roles")).json()["data"] == []
    assert (await root.get("/groups")).json()["data"] != []


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"rbac_role_id": "none"},
        {"rbac_role_id": "read-only", "workspace_id": "none"},
        {"rbac_role_id": "read-only", "workspace_id": "team"},
        {"rbac_role_id": 5},
        {"rbac_role_id": "kong_admin"},
    ],
)
async def test_a_role_that_is_not_there_is_no_groups(
    root: Guarded, said: dict[str, Any]
) -> None:
    await root.make("/groups", {"name": "crew"})

    assert (await root.send("POST", "/groups/crew/roles", said)).status == 400


async def test_a_node_with_a_file_has_no_admins() -> None:
    node = Node()

    assert (await node.send("GET", "/admins")).status == 404
    assert (await node.send("GET", "/groups")).status == 404


async def test_a_rule_may_still_let_somebody_at_admins(root: Guarded) -> None:
    await root.role("hr", can(endpoint="/admins"))
    clerk = await root.hire("clerk", "hr")

    assert (await clerk.get("/admins")).status == 200
    assert (await clerk.get("/rbac/users")).status == 403
