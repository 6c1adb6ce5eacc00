"""The configuration of a database through the real commands, on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ostiary.admin.tokens import hash_token
from ostiary.cli.rows import opened
from ostiary.model.access import RbacRole, RbacRoleEndpoint, RbacUser
from ostiary.model.identity import build_id
from ostiary.model.row import Row
from ostiary.ports.config_store import Wanted
from ostiary.settings import read_settings
from tests.support.command import Commands
from tests.support.lean_node import eventually, lean_node
from tests.support.postgres_server import PASSWORD, PostgresServer, postgres_server

SECRET = "planted-secret"
SERVICE = {"name": "orders", "host": "a.example"}
ROUTE = {"name": "r", "paths": ["/a"]}
FILE: dict[str, Any] = {
    "services": [{**SERVICE, "routes": [{**ROUTE, "plugins": [{"name": "key-auth"}]}]}],
    "consumers": [
        {
            "username": "ada",
            "keyauth_credentials": [{"key": SECRET}],
            "basicauth_credentials": [{"username": "ada", "password": SECRET}],
        }
    ],
}
ROWS = 6


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as found:
        yield found


def of_postgresql(server: PostgresServer, name: str) -> dict[str, str]:
    return {
        "KONG_DATABASE": "postgres",
        "KONG_PG_HOST": str(server.folder),
        "KONG_PG_USER": "ostiary",
        "KONG_PG_PASSWORD": PASSWORD,
        "KONG_PG_DATABASE": name,
    }


@pytest.fixture(params=["sqlite", "postgresql"])
def commands(request: pytest.FixtureRequest, tmp_path: Path) -> Commands:
    environ = {"KONG_DATABASE": "sqlite"}
    if request.param == "postgresql":
        found: PostgresServer = request.getfixturevalue("server")
        environ = of_postgresql(found, found.make_database())
    return Commands(folder=tmp_path, environ=environ, here=True)


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Commands:
    return Commands(folder=tmp_path, environ={"KONG_DATABASE": "sqlite"}, here=True)


def exported(commands: Commands) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(commands.fine("config", "export"))
    return found


@pytest.mark.spec("gateway#5.9")
def test_the_tables_are_made_once(commands: Commands) -> None:
    assert "its tables were made" in commands.fine("migrate")
    assert "is up to date" in commands.fine("migrate")


@pytest.mark.spec("gateway#2.3")
def test_what_is_exported_can_be_imported_elsewhere_and_is_exported_alike(
    commands: Commands, tmp_path: Path
) -> None:
    file = commands.write("a.yml", **FILE)
    assert commands.fine("config", "import", file) == (
        f"{ROWS} created, 0 updated, 0 deleted, 0 were the same\n"
    )
    first, second = tmp_path / "first.yml", tmp_path / "second.json"
    assert commands.fine("config", "export", first) == f"wrote {first}\n"
    assert stat.S_IMODE(first.stat().st_mode) == 0o600

    other = tmp_path / "other"
    other.mkdir()
    elsewhere = Commands(folder=other, environ={"KONG_DATABASE": "sqlite"}, here=True)
    elsewhere.fine("config", "import", first)
    elsewhere.fine("config", "export", other / "first.yml")
    assert (other / "first.yml").read_text() == first.read_text()
    elsewhere.fine("config", "export", second)
    assert yaml.safe_load(second.read_text()) == yaml.safe_load(first.read_text())
    assert elsewhere.run("config", "diff", second).code == 0


@pytest.mark.spec("gateway#2.2")
def test_an_import_changes_rows_by_name_and_deletes_none(on_sqlite: Commands) -> None:
    commands = on_sqlite
    ids = {"id": "11111111-2222-4333-8444-555555555555"}
    commands.fine("config", "import", commands.write("a.yml", services=[{**SERVICE, **ids}], routes=[ROUTE]))  # fmt: skip
    changed = commands.write("b.yml", services=[{**SERVICE, "host": "b.example"}])

    assert commands.fine("config", "import", changed) == (
        "0 created, 1 updated, 0 deleted, 0 were the same\n"
    )
    now = exported(commands)
    assert now["services"][0]["host"] == "b.example"
    assert now["services"][0]["id"] == ids["id"]
    assert [row["name"] for row in now["routes"]] == ["r"]


@pytest.mark.spec("gateway#2.3")
def test_a_diff_says_what_apply_then_does(commands: Commands) -> None:
    commands.fine("config", "apply", commands.write("a.yml", **FILE))
    consumer = {"username": "ada", "keyauth_credentials": [{"key": "another"}]}
    plugins = [{"name": "rate-limiting", "config": {"minute": 5}}]
    services = [{**SERVICE, "port": 8080, "plugins": plugins}]
    file = commands.write("b.yml", services=services, consumers=[consumer])
    told = commands.run("config", "diff", file)

    assert told.code == 2
    assert SECRET not in told.out
    lines = told.out.splitlines()
    assert "+ plugins rate-limiting (service orders)" in lines
    assert "~ services orders" in lines
    assert "    port: 80 -> 8080" in lines
    assert "- routes r (service orders)" in lines
    assert lines[-1] == "2 to create, 1 to update, 4 to delete, 1 the same"
    done = commands.fine("config", "apply", file)
    assert done == "2 created, 1 updated, 4 deleted, 1 were the same\n"
    after = commands.run("config", "diff", file)
    assert after.code == 0
    assert after.out == "0 to create, 0 to update, 0 to delete, 4 the same\n"


def test_secrets_that_change_are_masked(on_sqlite: Commands) -> None:
    commands = on_sqlite

    def file(name: str, secret: str) -> Path:
        jwt = {"key": "issuer", "secret": secret, "algorithm": "HS256"}
        return commands.write(name, consumers=[{"username": "ada", "jwt_secrets": [jwt]}])  # fmt: skip

    commands.fine("config", "apply", file("a.yml", "planted-one"))
    told = commands.run("config", "diff", file("b.yml", "planted-two"))

    assert "    secret: ****** -> ******" in told.out.splitlines()
    assert "planted" not in told.out


def test_names_can_be_swapped_and_rows_moved(on_sqlite: Commands) -> None:
    commands = on_sqlite
    one, two = (
        {"id": f"{n}1111111-2222-4333-8444-555555555555", "name": name, "host": "a"}
        for n, name in ((1, "a"), (2, "b"))
    )
    commands.fine("config", "apply", commands.write("a.yml", services=[{**one, "routes": [ROUTE]}, two]))  # fmt: skip
    kept = {**two, "name": "a", "routes": [ROUTE]}
    commands.fine("config", "apply", commands.write("b.yml", services=[kept]))
    now = exported(commands)

    assert [(s["id"], s["name"]) for s in now["services"]] == [(two["id"], "a")]
    assert now["routes"][0]["service"] == two["id"]


def test_a_file_that_is_wrong_changes_nothing(commands: Commands) -> None:
    commands.fine("config", "apply", commands.write("a.yml", **FILE))
    before = exported(commands)
    bad = commands.write("b.yml", plugins=[{"name": "cors", "config": {"x": 1}}])

    for verb in ("apply", "import", "diff"):
        assert commands.fails("config", verb, bad) == (
            "in 'plugins[0].config.x': unknown field"
        )
    assert exported(commands) == before


def test_a_row_that_wants_what_another_has_changes_nothing(on_sqlite: Commands) -> None:
    commands = on_sqlite
    ids = [f"{n}1111111-2222-4333-8444-555555555555" for n in (1, 2)]
    commands.fine("config", "import", commands.write("a.yml", consumers=[{"id": ids[0], "username": "ada"}]))  # fmt: skip
    file = commands.write("b.yml", consumers=[{"id": ids[1], "username": "ada"}])

    assert commands.fails("config", "import", file) == (
        "nothing was changed: another row of consumers has the same username"
    )
    assert [row["id"] for row in exported(commands)["consumers"]] == ids[:1]


def test_plugins_that_are_not_enabled_are_refused(on_sqlite: Commands) -> None:
    commands = on_sqlite
    commands.environ["KONG_PLUGINS"] = "cors"
    commands.fine("config", "import", commands.write("a.yml", plugins=[{"name": "cors"}]))  # fmt: skip
    file = commands.write("b.yml", plugins=[{"name": "jwt"}])

    assert "plugin 'jwt' not enabled" in commands.fails("config", "import", file)


def test_a_database_that_is_away_is_one_sentence(tmp_path: Path) -> None:
    away = {"KONG_DATABASE": "postgres", "KONG_PG_HOST": str(tmp_path), "KONG_PG_PASSWORD": SECRET}  # fmt: skip
    commands = Commands(folder=tmp_path, environ=away)
    file = commands.write("a.yml", **FILE)

    for words in (["migrate"], ["config", "export"], ["config", "diff", str(file)], ["config", "import", str(file)]):  # fmt: skip
        told = commands.fails(*words)
        assert told.startswith("cannot use the database: the database failed: ")
        assert SECRET not in told


def test_without_a_database_there_is_nothing_to_bring_a_file_into(
    tmp_path: Path,
) -> None:
    commands = Commands(folder=tmp_path, environ={"KONG_DATABASE": "off"})
    file = commands.write("a.yml", **FILE)

    for verb in ("apply", "import", "diff"):
        assert "name no database" in commands.fails("config", verb, file)
    assert "name no database" in commands.fails("migrate")
    commands.environ["KONG_ADMIN_LISTEN"] = "127.0.0.1:1"
    assert "no node tells" in commands.fails("config", "export")


def test_every_problem_of_a_file_is_told_with_its_place(tmp_path: Path) -> None:
    commands = Commands(folder=tmp_path)
    good = commands.write("good.yml", **FILE)
    bad = commands.write("bad.yml", services=[{"name": "a b"}], odd=1)
    deep = commands.write("deep.yml", services=[{**SERVICE, "plugins": [{"name": "cors", "config": {"x": 1}}]}])  # fmt: skip

    assert commands.fine("config", "validate", good) == (
        f"configuration at {good} is valid\n"
    )
    told = commands.run("config", "validate", bad)
    assert told.code == 1
    places = {line.partition(":")[0] for line in told.out.splitlines()}
    assert places == {"in 'odd'", "in 'services[0].name'", "in 'services[0].host'"}
    assert told.err == f"Error: {bad} has 3 problems\n"
    assert commands.run("config", "validate", deep).out == (
        "cors on service orders: in 'config.x': unknown field\n"
    )
    (tmp_path / "no.yml").write_text("a: [")
    assert "failed parsing" in commands.fails("config", "validate", "no.yml")
    assert "cannot read" in commands.fails("config", "validate", "nowhere.yml")


@pytest.mark.spec("gateway#5.5")
async def test_a_running_node_serves_what_a_command_applied(tmp_path: Path) -> None:
    async with lean_node(tmp_path, database="sqlite") as node:
        commands = Commands(folder=tmp_path, environ={"KONG_DATABASE": "sqlite", "KONG_PREFIX": str(node.prefix)})  # fmt: skip
        url = f"http://127.0.0.1:{node.ports.upstream}"
        routes = [{"name": "a", "paths": ["/a"]}]
        file = commands.write("a.yml", services=[{"name": "echo", "url": url, "routes": routes}])  # fmt: skip
        commands.fine("config", "apply", file)

        async def served() -> bool:
            return (await node.proxy("/a")).status == 200

        await eventually(served)
        assert commands.run("config", "diff", file).code == 0


@pytest.mark.spec("gateway#1.15")
def test_a_file_about_one_workspace_leaves_the_others_alone(commands: Commands) -> None:
    commands.fine("config", "apply", commands.write("a.yml", **FILE))
    theirs = commands.write("t.yml", _workspace="team", services=[SERVICE], routes=[ROUTE])  # fmt: skip
    created = commands.fine("config", "apply", theirs)
    fewer = commands.write("u.yml", _workspace="team", services=[SERVICE])
    changed = commands.fine("config", "apply", fewer)
    whole = commands.folder / "whole.yml"
    commands.fine("config", "export", whole)

    assert created == "3 created, 0 updated, 0 deleted, 0 were the same\n"
    assert changed == "0 created, 0 updated, 1 deleted, 1 were the same\n"
    now = yaml.safe_load(whole.read_text())
    assert [row["name"] for row in now["workspaces"]] == ["team"]
    teams = [row.get("ws_id") for row in now["services"]]
    assert sorted(team or "" for team in teams) == ["", now["workspaces"][0]["id"]]
    assert commands.run("config", "diff", whole).code == 0
    assert commands.run("config", "diff", commands.folder / "a.yml").code == 0


TOKEN = "planted-token-of-bob"


async def hire(commands: Commands, workspace: str) -> None:
    """Somebody who may do everything in a workspace, and a role of `default` that says so too."""
    settings = read_settings(file_text=None, environ=commands.whole_environ()).settings
    async with opened(settings) as store, store.writing() as write:
        named = await write.find("workspaces", {"name": workspace})
        assert named is not None
        inside = write.within(named.id or "")
        user = RbacUser(
            id=build_id("rbac_users", "bob", named.id), name="bob", ws_id=named.id,
            user_token=hash_token(TOKEN, b"s" * 16), created_at=1, updated_at=1,
        )  # fmt: skip
        await inside.put(user)
        role = RbacRole(id=build_id("rbac_roles", "outer"), name="outer", created_at=1, updated_at=1)  # fmt: skip
        await write.put(role)
        await write.put(
            RbacRoleEndpoint(
                id=build_id("rbac_role_endpoints", "outer"), role=role.id or "",
                workspace=workspace, endpoint="*", created_at=1, updated_at=1,
            )
        )  # fmt: skip


async def count_access(commands: Commands) -> dict[str, int]:
    settings = read_settings(file_text=None, environ=commands.whole_environ()).settings
    async with opened(settings) as store:
        found = await store.find("workspaces", {"name": "team"})
        home = await store.page(Wanted(kind="rbac_role_endpoints"), size=100)
        rules = [r for r in home.rows if getattr(r, "workspace", "") == "team"]
        users: tuple[Row, ...] = ()
        if found is not None:
            inside = store.within(found.id or "")
            users = (await inside.page(Wanted(kind="rbac_users"), size=10)).rows
        return {"rules": len(rules), "users": len(users)}


@pytest.mark.spec("gateway#1.15")
@pytest.mark.parametrize("replaces", [False, True])
def test_a_workspace_that_is_made_again_is_nobodys_of_before(
    commands: Commands, replaces: bool
) -> None:
    ids = [f"{n}1111111-2222-4333-8444-555555555555" for n in range(1, 5)]
    a, b = ({"id": ids[n], "name": "ab"[n], "host": "h"} for n in range(2))
    r: dict[str, Any] = {"id": ids[2], "name": "r", "paths": ["/r"]}
    listed = [{"name": "default"}, {"name": "team"}]
    first = commands.write(
        "a.yml", workspaces=listed, services=[a, b], routes=[{**r, "service": "a"}]
    )
    # A route that leaves a service that goes is in the way row by row: all is written anew.
    gone = commands.write(
        "b.yml", workspaces=listed[:1], services=[b] if replaces else [a, b],
        routes=[{**r, "service": "b" if replaces else "a"}],
    )  # fmt: skip
    commands.fine("config", "apply", first)
    asyncio.run(hire(commands, "team"))
    assert asyncio.run(count_access(commands)) == {"rules": 1, "users": 1}

    commands.fine("config", "apply", gone)
    assert asyncio.run(count_access(commands)) == {"rules": 0, "users": 0}
    commands.fine("config", "apply", first)

    assert asyncio.run(count_access(commands)) == {"rules": 0, "users": 0}


@pytest.mark.spec("gateway#1.15")
def test_a_workspace_keeps_its_name_and_shared_rows_their_owner(
    on_sqlite: Commands,
) -> None:
    commands = on_sqlite
    identity = "11111111-2222-4333-8444-555555555555"
    listed = [{"name": "default"}, {"name": "team", "id": identity}]
    commands.fine("config", "apply", commands.write("a.yml", workspaces=listed))
    renamed = [listed[0], {"name": "prod", "id": identity}]
    refused = commands.run(
        "config", "apply", commands.write("b.yml", workspaces=renamed)
    )

    assert refused.code == 1
    assert "Traceback" not in refused.err
