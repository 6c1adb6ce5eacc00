"""RBAC: who asks is known by a token, and what their roles say decides."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.adapters.sql.config_rows import Sealer
from ostiary.adapters.sql.config_store import STEPS, SqlConfigStore
from ostiary.adapters.sql.engine import Database
from ostiary.admin.access import RbacAccess, Users
from ostiary.admin.admins import AdminEndpoints
from ostiary.admin.rbac import RbacEndpoints
from ostiary.admin.roles import prepare_access
from ostiary.admin.tokens import build_hint, check_token, hash_token
from ostiary.model.access import ACTIONS, RbacRoleEndpoint, may_call, read_action
from ostiary.model.workspaces import DEFAULT, Workspace
from ostiary.ports.config_store import ConfigStore
from tests.support.ports import FakeEntropy
from tests.unit.admin.admin_kit import KEY, NOW, Node, database_node
from tests.unit.demo.asgi import Reply, call

ROOT = "planted-token-of-the-super-admin"
TEAM = "22222222-2222-4333-8444-555555555555"
SERVICE = {"name": "s", "host": "h.example"}
ROLE = "33333333-2222-4333-8444-555555555555"


class Guarded:
    """A node that knows people, and one of them who asks."""

    def __init__(
        self, node: Node, store: ConfigStore, token: str | None = None
    ) -> None:
        self.node = node
        self.store = store
        self.token = token

    def be(self, token: str | None) -> Guarded:
        return Guarded(self.node, self.store, token)

    async def send(self, method: str, target: str, body: Any = None) -> Reply:
        fields = {} if self.token is None else {"kong-admin-token": self.token}
        return await self.node.send(method, target, body, **fields)

    async def get(self, target: str) -> Reply:
        return await self.send("GET", target)

    async def make(self, target: str, body: Any) -> dict[str, Any]:
        reply = await self.send("POST", target, body)
        assert reply.status == 201, reply.text
        row: dict[str, Any] = reply.json()
        return row

    async def hire(self, name: str, *roles: str, prefix: str = "") -> Guarded:
        """Another user, with roles; their token is `t-` and their name."""
        token = f"t-{name}-{prefix}"
        await self.make(f"{prefix}/rbac/users", {"name": name, "user_token": token})
        if roles:
            path = f"{prefix}/rbac/users/{name}/roles"
            await self.make(path, {"roles": ",".join(roles)})
        return self.be(token)

    async def role(self, name: str, *rules: dict[str, Any], prefix: str = "") -> None:
        await self.make(f"{prefix}/rbac/roles", {"name": name})
        for rule in rules:
            await self.make(f"{prefix}/rbac/roles/{name}/endpoints", rule)


@asynccontextmanager
async def guarded(
    folder: Path,
    level: str,
    *,
    of_admins: Any = None,
    data: bytes | None = None,
    **more: Any,
) -> AsyncIterator[Guarded]:
    """
    A node whose super admin asks, by default of an empty database.

    `of_admins` are the options of `/admins`.
    """
    async with database_node(folder, data=data):
        pass
    store = SqlConfigStore(
        Database(f"sqlite:///{folder / 'config.db'}", steps=STEPS), Sealer(KEY)
    )
    await prepare_access(store, now=NOW, salt=b"s" * 16, password=ROOT)
    users = Users(store, secret=b"k" * 32)
    access = RbacAccess(
        store=store, users=users, level=level, header="Kong-Admin-Token"
    )
    rbac = RbacEndpoints(users=users, entropy=FakeEntropy())
    said = {"now": lambda: NOW, **(of_admins or {})}
    more["admins"] = AdminEndpoints(users=users, entropy=FakeEntropy(), **said)
    try:
        node = Node(store=store, access=access, rbac=rbac, **more)
        yield Guarded(node, store, ROOT)
    finally:
        await store.close()


@pytest.fixture
async def root(tmp_path: Path) -> AsyncIterator[Guarded]:
    async with guarded(tmp_path, "on") as made:
        yield made


@pytest.fixture
async def of_rows(tmp_path: Path) -> AsyncIterator[Guarded]:
    async with guarded(tmp_path, "both") as made:
        yield made


def can(**more: Any) -> dict[str, Any]:
    return {"workspace": "*", "endpoint": "*", "actions": "*", **more}


# Who asks.


@pytest.mark.spec("gateway#1.16")
@pytest.mark.parametrize("token", [None, "", "wrong", ROOT + "x", ROOT[:-1]])
async def test_nobody_is_let_in_without_a_token_that_is_known(
    root: Guarded, token: str | None
) -> None:
    for path in ("/", "/services", "/nowhere", "/openid-connect/flows", "/metrics"):
        reply = await root.be(token).get(path)
        assert reply.status == 401
        assert reply.json() == {"message": "Invalid RBAC credentials"}


@pytest.mark.spec("gateway#1.16")
async def test_two_tokens_are_none(root: Guarded) -> None:
    async def twice(scope: Any, receive: Any, send: Any) -> None:
        named = [field for field in scope["headers"] if field[0] == b"kong-admin-token"]
        scope["headers"] += named
        await root.node.app(scope, receive, send)

    reply = await call(twice, "/services", headers={"kong-admin-token": ROOT})

    assert reply.status == 401


@pytest.mark.spec("gateway#5.5")
async def test_the_first_user_may_do_everything(root: Guarded) -> None:
    shown = (await root.get("/rbac/users/kong_admin")).json()
    roles = (await root.get("/rbac/users/kong_admin/roles")).json()

    assert shown["enabled"] is True
    assert [role["name"] for role in roles["roles"]] == ["super-admin"]
    assert (await root.send("POST", "/services", SERVICE)).status == 201
    assert (await root.send("DELETE", "/services/s")).status == 204


@pytest.mark.spec("gateway#1.16")
async def test_roles_are_made_once_and_the_first_user_only_of_nobody(
    root: Guarded,
) -> None:
    again = await prepare_access(
        root.store, now=NOW, salt=b"s" * 16, password="another"
    )
    assert again
    assert (await root.be("another").get("/services")).status == 401
    names = [r["name"] for r in (await root.get("/rbac/roles")).json()["data"]]

    assert sorted(names) == ["admin", "read-only", "super-admin"]


@pytest.mark.spec("D17")
async def test_a_token_is_kept_and_shown_as_a_hash(
    root: Guarded, tmp_path: Path
) -> None:
    made = await root.make(
        "/rbac/users", {"name": "ada", "user_token": "planted", "comment": "c"}
    )
    data = b"".join(path.read_bytes() for path in tmp_path.glob("config.db*"))

    assert made["user_token"].startswith("$scrypt$")
    assert made["user_token_ident"] == build_hint("planted")
    assert b"planted" not in data.replace(ROOT.encode(), b"")
    assert ROOT.encode() not in data
    assert "planted" not in (await root.get("/rbac/users")).text


@pytest.mark.spec("gateway#1.16")
async def test_a_token_has_one_user(root: Guarded) -> None:
    await root.hire("ada")
    for token in ("t-ada-", ROOT):
        body = {"name": "eve", "user_token": token}
        reply = await root.send("POST", "/rbac/users", body)
        assert reply.status == 409
        assert reply.json()["fields"] == {"user_token": "***"}
    same = await root.send("PATCH", "/rbac/users/ada", {"user_token": "t-ada-"})
    assert same.status == 200


@pytest.mark.spec("gateway#1.16")
async def test_another_token_takes_the_place_of_the_one_before(root: Guarded) -> None:
    ada = await root.hire("ada", "read-only")
    assert (await ada.get("/services")).status == 200
    await root.send("PATCH", "/rbac/users/ada", {"user_token": "another"})

    assert (await ada.get("/services")).status == 401
    assert (await root.be("another").get("/services")).status == 200


@pytest.mark.spec("gateway#1.16")
async def test_a_user_who_is_disabled_or_gone_is_nobody(root: Guarded) -> None:
    ada = await root.hire("ada", "read-only")
    assert (await ada.get("/services")).status == 200
    await root.send("PATCH", "/rbac/users/ada", {"enabled": False})
    assert (await ada.get("/services")).status == 401
    await root.send("PATCH", "/rbac/users/ada", {"enabled": True})
    assert (await ada.get("/services")).status == 200
    assert (await root.send("DELETE", "/rbac/users/ada")).status == 204
    assert (await ada.get("/services")).status == 401
    # Who comes back is somebody else.
    again = await root.hire("ada")
    assert (await again.get("/services")).status == 403


# What roles say.


@pytest.mark.spec("gateway#1.16")
async def test_somebody_without_a_rule_may_do_nothing(root: Guarded) -> None:
    ada = await root.hire("ada")
    for method, word in (("GET", "read"), ("POST", "create"), ("PATCH", "update"), ("PUT", "update"), ("DELETE", "delete")):  # fmt: skip
        path = "/services" if method in {"GET", "POST"} else "/services/s"
        reply = await ada.send(method, path, None if method == "GET" else SERVICE)
        assert reply.status == 403
        text = f"ada, you do not have permissions to {word} this resource"
        assert reply.json() == {"message": text}


@pytest.mark.spec("gateway#1.16")
async def test_the_roles_of_kong(root: Guarded) -> None:
    reader = await root.hire("reader", "read-only")
    admin = await root.hire("operator", "admin")
    named = await root.hire("super-admin")

    assert (await reader.get("/rbac/users")).status == 200
    assert (await reader.send("POST", "/services", SERVICE)).status == 403
    assert (await admin.send("POST", "/services", SERVICE)).status == 201
    for path in ("/rbac/users", "/rbac/users/kong_admin", "/rbac/users/a/roles", "/rbac/roles/a/endpoints/x/y"):  # fmt: skip
        assert (await admin.get(path)).status == 403, path
    assert (await named.get("/rbac/users")).status == 200


RULES: list[tuple[list[dict[str, Any]], str, list[str], str, bool]] = [
    ([can()], "default", ["services"], "read", True),
    ([can(actions="read")], "default", ["services"], "create", False),
    ([can(endpoint="/services")], "default", ["services"], "read", True),
    ([can(endpoint="/services")], "default", ["services", "s"], "read", False),
    ([can(endpoint="/services/*")], "default", ["services", "s"], "read", True),
    ([can(endpoint="/services/*")], "default", ["services", "s", "routes"], "read", False),
    ([can(endpoint="/services/*/routes")], "default", ["services", "s", "routes"], "read", True),
    ([can(endpoint="/serv")], "default", ["services"], "read", False),
    ([can(workspace="team")], "team", ["services"], "read", True),
    ([can(workspace="team")], "default", ["services"], "read", False),
    # The nearer rule decides, whatever the others say.
    ([can(), can(endpoint="/services", negative=True)], "team", ["services"], "read", False),
    ([can(negative=True), can(endpoint="/services")], "team", ["services"], "read", True),
    ([can(workspace="team", negative=True), can(endpoint="/services")], "team", ["services"], "read", True),
    ([can(), can(workspace="team", negative=True)], "team", ["services"], "read", False),
    ([can(workspace="team", endpoint="/services"), can(endpoint="/services", negative=True)], "team", ["services"], "read", True),
    # Of equally near ones the negative one.
    ([can(endpoint="/services/s"), can(endpoint="/services/*", negative=True)], "team", ["services", "s"], "read", False),
    # One that is about other actions is about nothing here.
    ([can(), can(endpoint="/services", negative=True, actions="delete")], "team", ["services"], "read", True),
]  # fmt: skip


def rule(**more: Any) -> RbacRoleEndpoint:
    return RbacRoleEndpoint.model_validate({"role": ROLE, **more}, strict=False)


@pytest.mark.spec("gateway#1.16")
@pytest.mark.parametrize(("rules", "place", "steps", "action", "expected"), RULES)
def test_the_nearest_rule_decides(
    rules: list[dict[str, Any]],
    place: str,
    steps: list[str],
    action: Any,
    expected: bool,
) -> None:
    workspace = DEFAULT if place == "default" else Workspace(id=TEAM, name=place)
    made = [rule(**each) for each in rules]
    found = may_call(made, workspace=workspace, steps=steps, action=action)
    turned = may_call(made[::-1], workspace=workspace, steps=steps, action=action)

    assert found is turned is expected


@pytest.mark.spec("T-O7")
def test_a_role_of_a_workspace_says_nothing_of_others() -> None:
    made = rule(**can(), ws_id=TEAM)
    team, other = Workspace(id=TEAM, name="team"), Workspace(id=ROLE, name="other")

    def may(workspace: Workspace) -> bool:
        return may_call([made], workspace=workspace, steps=["x"], action="read")

    assert [may(team), may(other), may(DEFAULT)] == [True, False, False]


_STEPS = st.lists(st.sampled_from(["services", "routes", "*", "s"]), min_size=1, max_size=3)  # fmt: skip
_RULE = st.builds(
    lambda steps, place, actions, negative: rule(
        endpoint="*" if steps == ["*"] else "/" + "/".join(steps),
        workspace=place,
        actions=[*actions],
        negative=negative,
    ),
    _STEPS,
    st.sampled_from(["*", "team", "default"]),
    st.sets(st.sampled_from(ACTIONS), min_size=1),
    st.booleans(),
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(_RULE, max_size=5), _STEPS, st.sampled_from(ACTIONS))
def test_nothing_is_allowed_that_no_rule_allows(
    rules: list[RbacRoleEndpoint], steps: list[str], action: Any
) -> None:
    allowed = may_call(rules, workspace=DEFAULT, steps=steps, action=action)
    positive = [r for r in rules if not r.negative]
    forbidden = [rule(**can(negative=True))]

    assert not may_call(forbidden, workspace=DEFAULT, steps=steps, action=action)
    if allowed:
        assert may_call(positive, workspace=DEFAULT, steps=steps, action=action)
    if not any(r.negative for r in rules):
        fits = [r for r in rules if may_call([r], workspace=DEFAULT, steps=steps, action=action)]  # fmt: skip
        assert allowed is bool(fits)


@pytest.mark.spec("D22")
async def test_a_path_is_judged_as_it_is_answered(root: Guarded) -> None:
    await root.role("narrow", can(endpoint="/services/s", actions="read"))
    ada = await root.hire("ada", "narrow")
    await root.make("/services", SERVICE)
    await root.make("/services", {"name": "t", "host": "h.example"})

    for path in ("/services/s", "/services/s/", "/services/%73", "/default/services/s"):
        assert (await ada.get(path)).status == 200, path
    for path in ("/services/t", "/services", "/services//s", "/services/s/routes", "/services/s%2Froutes", "/services/./s"):  # fmt: skip
        assert (await ada.get(path)).status == 403, path


@pytest.mark.spec("gateway#1.16")
@pytest.mark.parametrize(
    ("method", "action"),
    [("GET", "read"), ("HEAD", "read"), ("OPTIONS", "read"), ("POST", "create"), ("PUT", "update"), ("PATCH", "update"), ("DELETE", "delete"), ("ODD", "update")],
)  # fmt: skip
def test_a_method_is_an_action(method: str, action: str) -> None:
    assert read_action(method) == action


# Workspaces.


@pytest.mark.spec("gateway#1.15")
async def test_a_workspace_has_roles_of_its_own(root: Guarded) -> None:
    await root.make("/workspaces", {"name": "team", "id": TEAM})
    names = [r["name"] for r in (await root.get("/team/rbac/roles")).json()["data"]]
    boss = await root.hire("boss", "workspace-super-admin", prefix="/team")
    worker = await root.hire("worker", "workspace-admin", prefix="/team")
    reader = await root.hire("reader", "workspace-read-only", prefix="/team")

    assert sorted(names) == [
        "workspace-admin",
        "workspace-read-only",
        "workspace-super-admin",
    ]
    assert (await boss.send("POST", "/team/services", SERVICE)).status == 201
    assert (await boss.get("/team/rbac/users")).status == 200
    assert (await worker.get("/team/rbac/users")).status == 403
    assert (await worker.send("DELETE", "/team/services/s")).status == 204
    assert (await reader.get("/team/services")).status == 200
    assert (await reader.send("POST", "/team/services", SERVICE)).status == 403
    for path in ("/services", "/rbac/users", "/default/services"):
        assert (await boss.get(path)).status == 403
    # A workspace that has roles and nothing else is empty.
    for user in ("boss", "worker", "reader"):
        await root.send("DELETE", f"/team/rbac/users/{user}")
    assert (await root.send("DELETE", "/workspaces/team")).status == 204
    assert (await boss.get("/team/services")).status == 401


@pytest.mark.spec("T-O7")
async def test_nobody_of_a_workspace_gets_beyond_it(root: Guarded) -> None:
    await root.make("/workspaces", {"name": "team", "id": TEAM})
    boss = await root.hire("boss", "workspace-super-admin", prefix="/team")
    rules = "/team/rbac/roles/workspace-super-admin/endpoints"
    told = (await boss.send("POST", rules, can(workspace="default"))).json()
    assert told["fields"] == {"workspace": "must be the workspace of the role"}
    await boss.role("wide", can(), prefix="/team")
    await boss.make("/team/rbac/users/boss/roles", {"roles": "wide"})

    for method, path in (
        ("GET", "/services"),
        ("POST", "/rbac/users"),
        ("POST", "/team/workspaces"),
        ("DELETE", "/team/workspaces/default"),
        ("POST", "/team/ca_certificates"),
        ("GET", "/team/audit/requests"),
        ("GET", "/team/openid-connect/flows"),
        ("DELETE", "/team/openid-connect/jwks"),
        ("GET", "/team/license/report"),
        ("GET", "/team/metrics"),
    ):
        assert (await boss.send(method, path, None if method == "GET" else {})).status == 403, path  # fmt: skip
    for path in ("/team", "/team/kong", "/team/workspaces/team", "/team/endpoints"):
        assert (await boss.get(path)).status == 200, path


# The endpoints.


@pytest.mark.spec("gateway#1.16")
async def test_a_role_is_made_shown_changed_and_let_go(root: Guarded) -> None:
    made = await root.make("/rbac/roles", {"name": "dev", "comment": "c"})
    assert (await root.get("/rbac/roles/dev")).json() == made
    assert made["is_default"] is False
    changed = await root.send("PATCH", "/rbac/roles/dev", {"comment": "d"})
    assert changed.json()["comment"] == "d"
    put = await root.send("PUT", "/rbac/roles/other", {"comment": "e"})
    assert put.json()["name"] == "other"
    assert (await root.send("POST", "/rbac/roles", {"name": "dev"})).status == 409
    assert (await root.send("DELETE", "/rbac/roles/dev")).status == 204
    assert (await root.get("/rbac/roles/dev")).status == 404
    assert (await root.send("POST", "/rbac/roles/other", {})).status == 405
    assert (await root.send("OPTIONS", "/rbac/roles")).headers["allow"] == "GET, HEAD, OPTIONS, POST"  # fmt: skip
    assert (await root.get("/rbac/nowhere")).status == 404


@pytest.mark.spec("gateway#1.16")
async def test_a_rule_about_a_path_is_found_below_its_workspace(root: Guarded) -> None:
    await root.make("/rbac/roles", {"name": "dev"})
    path = "/rbac/roles/dev/endpoints"
    made = await root.make(path, {"endpoint": "services/*", "actions": "read,create"})
    await root.make(path, {"endpoint": "*", "workspace": "*", "actions": ["read"]})

    assert made["endpoint"] == "/services/*"
    assert made["workspace"] == "default"
    assert made["actions"] == ["create", "read"]
    assert made["negative"] is False
    assert (await root.get(f"{path}/default/services/*")).json() == made
    assert (await root.get(f"{path}/*/*")).json()["actions"] == ["read"]
    assert (await root.get(f"{path}/default/routes")).status == 404
    change = {"actions": "delete", "negative": True, "endpoint": "/routes"}
    changed = await root.send("PATCH", f"{path}/default/services/*", change)
    assert changed.json()["endpoint"] == "/services/*"
    assert changed.json()["actions"] == ["delete"]
    shown = (await root.get("/rbac/roles/dev/permissions")).json()
    assert shown["endpoints"] == {
        "*": {"*": {"actions": ["read"], "negative": False}},
        "default": {"/default/services/*": {"actions": ["delete"], "negative": True}},
    }
    assert (await root.send("DELETE", f"{path}/*/*")).status == 204
    assert len((await root.get(path)).json()["data"]) == 1
    wrong = await root.send("POST", path, {"endpoint": "/a", "workspace": "nobody", "actions": "read"})  # fmt: skip
    assert wrong.json()["fields"] == {"workspace": "no such workspace"}
    odd = await root.send("POST", path, {"endpoint": "/a", "actions": "fly"})
    assert odd.status == 400


@pytest.mark.spec("gateway#1.16")
async def test_roles_are_given_and_taken(root: Guarded) -> None:
    await root.hire("ada", "read-only", "admin")
    path = "/rbac/users/ada/roles"
    again = await root.send("POST", path, {"roles": ["admin"]})
    assert again.status == 201
    assert sorted(r["name"] for r in again.json()["roles"]) == ["admin", "read-only"]
    assert again.json()["user"]["name"] == "ada"
    assert (await root.send("DELETE", path, {"roles": "admin"})).status == 204
    assert [r["name"] for r in (await root.get(path)).json()["roles"]] == ["read-only"]
    unknown = await root.send("POST", path, {"roles": "nobody"})
    assert unknown.json() == {"message": "role not found with name 'nobody'"}
    assert (await root.send("POST", path, {})).json()["code"] == 2
    shown = (await root.get("/rbac/users/ada/permissions")).json()
    assert shown["endpoints"]["*"]["*"]["actions"] == ["read"]
    assert (await root.get("/rbac/users/nobody/roles")).status == 404


# Rows.


@pytest.mark.spec("gateway#1.16")
async def test_rows_are_those_of_whoever_made_them(of_rows: Guarded) -> None:
    root = of_rows
    await root.role("dev", can(endpoint="/services"), can(endpoint="/services/*"), can(endpoint="/services/*/*"), can(endpoint="/tags"))  # fmt: skip
    ada, eve = await root.hire("ada", "dev"), await root.hire("eve", "dev")
    made = await ada.make("/services", {**SERVICE, "tags": ["t"]})
    path = f"/services/{made['id']}"

    assert (await ada.get(path)).status == 200
    assert [s["id"] for s in (await ada.get("/services")).json()["data"]] == [
        made["id"]
    ]
    assert (await eve.get("/services")).json()["data"] == []
    assert (await eve.get("/tags")).json()["data"] == []
    assert len((await ada.get("/tags")).json()["data"]) == 1
    for method, place in (("GET", path), ("GET", "/services/s"), ("PATCH", path), ("PUT", path), ("DELETE", path), ("GET", f"{path}/routes")):  # fmt: skip
        reply = await eve.send(method, place, None if method == "GET" else SERVICE)
        assert reply.status == 403, (method, place)
    shared = {"entity_id": made["id"], "actions": "read"}
    await root.make("/rbac/roles/eve/entities", shared)
    assert (await eve.get(path)).status == 200
    assert (await eve.send("PATCH", path, {"port": 81})).status == 403
    assert (await ada.send("PATCH", path, {"port": 81})).status == 200
    assert (await root.get(path)).status == 200
    assert (await ada.send("DELETE", path)).status == 204


@pytest.mark.spec("gateway#1.16")
async def test_a_rule_about_a_row_is_found_by_its_id(of_rows: Guarded) -> None:
    root = of_rows
    service = await root.make("/services", SERVICE)
    await root.make("/rbac/roles", {"name": "dev"})
    path = "/rbac/roles/dev/entities"
    made = await root.make(path, {"entity_id": service["id"], "actions": "read"})

    assert made["entity_type"] == "services"
    assert (await root.get(f"{path}/{service['id']}")).json() == made
    wide = await root.make(path, {"entity_id": "*", "actions": "*", "negative": True})
    assert wide["entity_type"] == "*"
    told = (
        await root.send("POST", path, {"entity_id": TEAM, "actions": "read"})
    ).json()
    assert told["fields"] == {"entity_id": "no such entity"}
    shown = (await root.get("/rbac/roles/dev/permissions")).json()["entities"]
    assert shown[service["id"]] == {"actions": ["read"], "negative": False}
    assert (await root.send("DELETE", f"{path}/*")).status == 204
    assert (await root.get(f"{path}/*")).status == 404


@pytest.mark.spec("gateway#1.16")
async def test_with_rules_of_rows_alone_the_rest_is_for_whoever_has_all(
    tmp_path: Path,
) -> None:
    async with guarded(tmp_path, "entity") as root:
        ada = await root.hire("ada")
        made = await ada.make("/services", SERVICE)

        assert (await ada.get(f"/services/{made['id']}")).status == 200
        for method, path in (("GET", "/rbac/users"), ("POST", "/rbac/users"), ("POST", "/workspaces"), ("POST", "/ca_certificates"), ("DELETE", "/openid-connect/jwks"), ("GET", "/metrics"), ("DELETE", "/workspaces/default")):  # fmt: skip
            reply = await ada.send(method, path, None if method == "GET" else {})
            assert reply.status in {400, 403}, path
            assert reply.status == 403 or path == "/workspaces/default"
        assert (await root.get("/rbac/users")).status == 200


# Tokens.


@pytest.mark.spec("D17")
def test_a_hash_is_of_one_token() -> None:
    kept = hash_token("token", b"s" * 16)

    assert check_token("token", kept)
    assert not check_token("Token", kept)
    assert hash_token("token", b"t" * 16) != kept
    for odd in ("", "token", kept[:-1], kept + "A", "$scrypt$ln=1,r=8,p=1$cw$x", kept.replace("ln=14", "ln=1")):  # fmt: skip
        assert not check_token("token", odd)


async def test_a_node_without_a_database_knows_nobody() -> None:
    node = Node()

    assert (await node.call("/rbac/users")).status == 404
    assert json.loads((await node.call("/")).text)["version"]
