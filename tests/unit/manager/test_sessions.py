"""Who is signed in: listed without what opens a session, and ended for the next request."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from ostiary.adapters.shared import MemoryShared
from ostiary.adapters.sql.config_rows import Sealer
from ostiary.adapters.sql.config_store import STEPS, SqlConfigStore
from ostiary.adapters.sql.engine import Database
from ostiary.admin.sessions import SessionsFound
from ostiary.manager.sessions import Listed, SessionList
from ostiary.model.workspaces import DEFAULT_WORKSPACE
from ostiary.node.route_sessions import RouteSession
from ostiary.node.sessions import SessionsOfNode
from ostiary.portal.config import Portal
from ostiary.portal.sessions import KeptSessions
from ostiary.portal.sessions import Sessions as OwnSessions
from ostiary.ports.shared import SharedUnavailable
from tests.support.ports import FakeClock
from tests.unit.admin.admin_kit import KEY, Node, database_node
from tests.unit.manager.manager_kit import ADA, EVE, Browser, Site, manager_site
from tests.unit.portal.own_kit import PASSWORD, switch_own
from tests.unit.portal.portal_kit import portal_world

PLAIN = "ostiary-manager"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with manager_site(tmp_path, rbac=True) as found:
        yield found


@pytest.fixture
async def tab(site: Site) -> Browser:
    found = site.tab()
    await found.sign_in(ADA)
    return found


async def end(tab: Browser, session: str) -> Any:
    page = await tab.get("/default/sessions")
    return await tab.post(
        "/default/sessions", {"_csrf": page.values()["_csrf"][0], "session": session}
    )


async def sessions(site: Site) -> list[dict[str, Any]]:
    rows = (await site.admin("GET", "/openid-connect/sessions"))["data"]
    found: list[dict[str, Any]] = rows
    return found


@pytest.mark.spec("D14")
async def test_a_session_that_is_ended_is_gone_at_its_next_request(
    site: Site, tab: Browser
) -> None:
    eve = site.tab()
    await eve.sign_in(EVE)
    page = await tab.get("/default/sessions")
    row = next(row for row in await sessions(site) if row["who"] == "eve")
    reply = await end(tab, row["id"])
    out = await eve.get("/default/services")

    assert "ada this browser" in page.words
    assert "eve this browser" not in page.words
    assert "eve" in page.words
    assert reply.location == "/default/sessions?done=session-ended"
    assert out.location.startswith("/auth/sign-in")
    assert [row["who"] for row in await sessions(site)] == ["ada"]


async def test_what_is_listed_opens_no_session(site: Site, tab: Browser) -> None:
    rows = await sessions(site)
    page = await tab.get("/default/sessions")
    thief = site.tab(jar={PLAIN: rows[0]["id"]})

    assert tab.jar[PLAIN] not in page.text
    assert tab.jar[PLAIN] not in str(rows)
    assert (await thief.get("/workspaces")).status == 302


async def test_whoever_signs_out_is_not_listed(site: Site, tab: Browser) -> None:
    eve = site.tab()
    await eve.sign_in(EVE)
    await eve.post("/auth/sign-out")

    assert [row["who"] for row in await sessions(site)] == ["ada"]


async def test_a_session_ends_by_itself_and_is_not_listed(
    site: Site, tab: Browser
) -> None:
    site.clock.move(3601)

    assert await sessions(site) == []


@pytest.mark.parametrize("session", ["", "x", "0" * 64, "../../services", "a/b"])
async def test_what_is_no_session_ends_none(
    site: Site, tab: Browser, session: str
) -> None:
    reply = await end(tab, session)

    assert reply.status in {302, 404, 405, 403}
    assert len(await sessions(site)) == 1


async def test_whoever_has_no_right_sees_and_ends_nothing(
    site: Site, tab: Browser
) -> None:
    eve = site.tab()
    await eve.sign_in(EVE)
    row = next(row for row in await sessions(site) if row["who"] == "ada")
    page = await eve.get("/default/sessions")
    reply = await eve.post(
        "/default/sessions",
        {"_csrf": eve.jar["ostiary-manager-csrf"], "session": row["id"]},
    )

    assert page.status == 403
    assert reply.status == 403
    assert (await tab.get("/workspaces")).status == 200


OIDC = {
    "name": "openid-connect",
    "config": {"issuer": "https://idp.example", "client_id": ["c"]},
    "instance_name": "sso",
}


class Routes:
    """Whom workers have seen, without workers."""

    def __init__(self) -> None:
        self.rows: list[RouteSession] = []
        self.problem: str | None = None

    def add(self, *plugins: str) -> None:
        self.rows += [
            RouteSession(
                name=f"{number:064x}",
                plugin=plugin,
                who=f"<i>w{number}</i>@example.com",
                subject=f"sub-{number}",
                began_at=1000.7,
                seen_at=2000.7 - number,
                ends_at=None,
            )
            for number, plugin in enumerate(plugins)
        ]

    async def find_all(
        self, plugins: Collection[str]
    ) -> tuple[list[RouteSession], str | None]:
        return [row for row in self.rows if row.plugin in plugins], self.problem

    async def end(self, name: str, plugins: Collection[str]) -> bool:
        before = len(self.rows)
        self.rows = [
            row for row in self.rows if row.name != name or row.plugin not in plugins
        ]
        if self.problem and len(self.rows) == before:
            raise SharedUnavailable(self.problem)
        return len(self.rows) < before


def find_in(places: Mapping[str, str]) -> Callable[[str], frozenset[str]]:
    """The plugins of a workspace, by the id of the workspace of each."""
    return lambda place: frozenset(key for key in places if places[key] == place)


async def test_who_is_signed_in_at_a_route_is_listed_with_the_plugin_and_ended(
    tmp_path: Path,
) -> None:
    routes, places = Routes(), dict[str, str]()
    more = {"routes": routes, "find_plugins": find_in(places)}
    async with manager_site(tmp_path, rbac=True, sessions=more) as site:
        tab = site.tab()
        await tab.sign_in(ADA)
        empty = await tab.get("/default/sessions")
        plugin = (await site.admin("POST", "/plugins", OIDC))["id"]
        nobody = await tab.get("/default/sessions")
        routes.add(plugin, "of-no-plugin")
        places[plugin] = DEFAULT_WORKSPACE
        page = await tab.get("/default/sessions")
        reply = await end(tab, routes.rows[0].name)

    assert "No plugin of this workspace signs people in" in empty.words
    assert "Nobody has come by" in nobody.words
    assert "<i>w0</i>@example.com sub-0 sso" in page.words
    assert "<i>" not in page.text
    assert "w1" not in page.words
    assert reply.location == "/default/sessions?done=session-ended"
    assert [row.plugin for row in routes.rows] == ["of-no-plugin"]


@pytest.mark.spec("D14")
async def test_a_workspace_sees_and_ends_its_own_sessions_alone(
    tmp_path: Path,
) -> None:
    routes, places = Routes(), {"theirs": DEFAULT_WORKSPACE}
    routes.add("ours", "theirs")
    more = {"routes": routes, "find_plugins": find_in(places)}
    async with manager_site(tmp_path, rbac=True, sessions=more) as site:
        await site.tab().sign_in(ADA)
        team = (await site.admin("POST", "/workspaces", {"name": "team"}))["id"]
        places["ours"] = team
        ours = (await site.admin("GET", "/team/openid-connect/sessions"))["data"]
        theirs = (await site.admin("GET", "/openid-connect/sessions"))["data"]
        path = f"/team/openid-connect/sessions/{routes.rows[1].name}"
        refused = await site.node.send("DELETE", path, **{"kong-admin-token": ADA})

    assert [(row["plugin"], row["workspace"]) for row in ours] == [
        ({"id": "ours"}, "team")
    ]
    assert refused.status == 404
    assert [row["site"] for row in theirs] == ["manager", "gateway"]
    assert len(routes.rows) == 2


async def test_who_is_silent_is_told_about_and_hinders_no_end_elsewhere(
    tmp_path: Path,
) -> None:
    routes = Routes()
    routes.problem = "no answer from worker 2"
    async with manager_site(tmp_path, rbac=True, sessions={"routes": routes}) as site:
        tab, eve = site.tab(), site.tab()
        await tab.sign_in(ADA)
        await eve.sign_in(EVE)
        told = await site.admin("GET", "/openid-connect/sessions")
        page = await tab.get("/default/sessions")
        row = next(row for row in told["data"] if row["who"] == "eve")
        reply = await end(tab, row["id"])
        out = await eve.get("/default/services")
        unknown = await end(tab, "0" * 64)

    assert told["incomplete"] == "no answer from worker 2"
    assert "This list may not be complete: no answer from worker 2" in page.words
    assert reply.location == "/default/sessions?done=session-ended"
    assert out.location.startswith("/auth/sign-in")
    assert unknown.status == 503
    assert "no answer from worker 2" in unknown.words


@pytest.mark.spec("D14")
async def test_the_rights_in_a_workspace_are_those_over_its_sessions(
    tmp_path: Path,
) -> None:
    """Whoever has rights in `default` alone neither reads nor ends sessions of others."""
    routes, places = Routes(), dict[str, str]()
    routes.add("ours", "theirs")
    more = {"routes": routes, "find_plugins": find_in(places)}
    async with manager_site(tmp_path, rbac=True, sessions=more) as site:
        team = (await site.admin("POST", "/workspaces", {"name": "team"}))["id"]
        places |= {"ours": team, "theirs": DEFAULT_WORKSPACE}
        for name in ("default", "team"):
            await hire(site, name)
        statuses = {
            (name, where): (
                await site.node.send(
                    "GET",
                    f"/{where}/openid-connect/sessions",
                    **{"kong-admin-token": f"token-of-{name}"},
                )
            ).status
            for name in ("default", "team")
            for where in ("default", "team")
        }
        path = f"/team/openid-connect/sessions/{routes.rows[0].name}"
        refused = await site.node.send(
            "DELETE", path, **{"kong-admin-token": "token-of-default"}
        )
        kept = [*routes.rows]
        gone = await site.node.send(
            "DELETE", path, **{"kong-admin-token": "token-of-team"}
        )

    assert statuses == {
        ("default", "default"): 200,
        ("default", "team"): 403,
        ("team", "default"): 403,
        ("team", "team"): 200,
    }
    assert refused.status == 403
    assert len(kept) == 2
    assert gone.status == 204
    assert [row.plugin for row in routes.rows] == ["theirs"]


async def hire(site: Site, workspace: str) -> None:
    """A user with every right in one workspace, with the token `token-of-…`."""
    rule = {"workspace": workspace, "endpoint": "*", "actions": "read,delete"}
    await site.admin("POST", "/rbac/roles", {"name": f"of-{workspace}"})
    await site.admin("POST", f"/rbac/roles/of-{workspace}/endpoints", rule)
    user = {"name": f"u-{workspace}", "user_token": f"token-of-{workspace}"}
    await site.admin("POST", "/rbac/users", user)
    await site.admin("POST", f"/rbac/users/u-{workspace}/roles", {"roles": f"of-{workspace}"})  # fmt: skip


async def test_a_manager_that_asks_nobody_says_so(tmp_path: Path) -> None:
    async with manager_site(tmp_path) as site:
        page = await site.tab().get("/default/sessions")

    assert "asks nobody who they are" in page.words


async def begin(found: SessionList, number: int, user: str) -> str:
    """A session that is kept and listed."""
    name = f"{number:064x}"
    for key in (f"manager:session:{name}", f"manager:seen:{name}"):
        await found.shared.set(key, b"0", ttl_s=600)
    listed = Listed(name=name, who=user, began=number, user=user)
    await found.note(listed, ttl_s=600)
    return name


async def test_of_one_users_sessions_the_oldest_of_too_many_ends(site: Site) -> None:
    """Nobody signs in so often that the sessions of others are listed no more."""
    found = SessionList(site.shared)
    other = await begin(found, 0, "ada")
    names = [await begin(found, number, "eve") for number in range(1, 26)]
    listed = {one.name for one in await found.find_all()}

    assert listed == {other, *names[5:]}
    assert await site.shared.get(f"manager:session:{names[4]}") is None


async def test_what_has_ended_takes_no_place_in_the_list(site: Site) -> None:
    found = SessionList(site.shared)
    first = await begin(found, 0, "eve")
    for number in range(1, 40):
        await found.end(await begin(found, number, "eve"))

    assert [one.name for one in await found.find_all()] == [first]


async def test_a_session_that_is_not_listed_has_ended(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ostiary.manager.sessions._MOST_LISTED", 3)
    found = SessionList(site.shared)
    names = [await begin(found, number, f"w{number}") for number in range(5)]
    kept = [await site.shared.get(f"manager:session:{name}") for name in names]

    assert [one.name for one in await found.find_all()] == names[:1:-1]
    assert [value is None for value in kept] == [True, True, False, False, False]


# Portals.


@pytest.fixture
async def portals(tmp_path: Path) -> AsyncIterator[tuple[Node, Any, list[str]]]:
    async with database_node(tmp_path):
        pass
    url = f"sqlite:///{tmp_path / 'config.db'}"
    store = SqlConfigStore(Database(url, steps=STEPS), Sealer(KEY))
    kept = store.open_sessions(FakeClock())
    told: list[str] = []
    desk = SessionsOfNode(
        managers=SessionList(MemoryShared(FakeClock())),
        store=store,
        portals=kept,
        forget=lambda: told.append("forget"),
    )
    try:
        yield Node(store=store, sessions=desk), kept, told
    finally:
        await store.close()


async def test_a_developers_session_is_listed_and_ended_without_its_key(
    portals: tuple[Node, Any, list[str]],
) -> None:
    node, kept, told = portals
    place = "0dc6f45b-8f8d-40d2-a504-473544ee190b"
    mark = hashlib.sha256(f"portal:{place}".encode()).hexdigest()[:8]
    key = f"__Host-ostiary-portal-session-{mark}:{'ab' * 32}"
    await kept.set(key, b"sealed", ttl_s=600)
    await kept.set("session-of-a-plugin:x", b"sealed", ttl_s=600)
    rows = (await node.call("/openid-connect/sessions")).json()["data"]
    gone = await node.call(f"/openid-connect/sessions/{rows[0]['id']}", "DELETE")
    again = await node.call(f"/openid-connect/sessions/{rows[0]['id']}", "DELETE")

    assert [(row["site"], row["workspace"], row["who"]) for row in rows] == [
        ("portal", "default", None)
    ]
    assert "ab" * 32 not in str(rows)
    assert gone.status == 204
    assert again.status == 404
    assert told == ["forget"]
    assert await kept.get(key) is None
    assert await kept.get("session-of-a-plugin:x") == b"sealed"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPortal:
    """A portal that signs developers in itself, and a node that lists its sessions."""

    node: Node
    sessions: OwnSessions
    portal: Portal

    async def begin(self, developer: str, epoch: int = 0) -> str:
        """A session; its id, as the cookie has it."""
        _, cookie = await self.sessions.begin(self.portal, developer, epoch)
        return cookie.decode().partition(";")[0].partition("=")[2]

    async def list(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (
            await self.node.call("/openid-connect/sessions")
        ).json()["data"]
        return found


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[OwnPortal]:
    async with portal_world(tmp_path) as world:
        await switch_own(world)
        clock, ring = world.base.clock, world.base.ring
        store = cast("SqlConfigStore", world.node.store)
        kept = store.open_sessions(clock)
        desk = SessionsOfNode(
            managers=SessionList(MemoryShared(FakeClock())),
            store=store,
            portals=kept,
            own=KeptSessions(kept, ring),
        )
        yield OwnPortal(
            node=Node(store=store, sessions=desk, portal=world.site.portals),
            sessions=OwnSessions(kept, clock, world.base.entropy, ring),
            portal=await world.site.find("default"),
        )


async def test_a_session_that_the_portal_keeps_shows_whose_it_is_and_is_ended(
    own: OwnPortal,
) -> None:
    body = {"email": "ada@example.com", "meta": '{"full_name": "Ada"}', "status": 0, "password": PASSWORD}  # fmt: skip
    ada = (await own.node.send("POST", "/developers", body)).json()["id"]
    cookie = await own.begin(ada)
    rows = await own.list()
    gone = await own.node.call(f"/openid-connect/sessions/{rows[0]['id']}", "DELETE")

    assert [(row["site"], row["workspace"], row["who"]) for row in rows] == [
        ("portal", "default", "ada@example.com")
    ]
    assert rows[0]["began_at"] < rows[0]["ends_at"]
    assert cookie not in str(rows)
    assert rows[0]["id"] != cookie
    assert gone.status == 204
    assert await own.list() == []
    again = await own.node.call(f"/openid-connect/sessions/{rows[0]['id']}", "DELETE")
    assert again.status == 404


async def test_sessions_that_have_ended_or_are_not_ours_are_not_listed(
    own: OwnPortal,
) -> None:
    body = {"email": "ada@example.com", "meta": '{"full_name": "Ada"}', "status": 0, "password": PASSWORD}  # fmt: skip
    ada = (await own.node.send("POST", "/developers", body)).json()["id"]
    await own.begin(ada)
    await own.begin("00000000-0000-4000-8000-000000000000")
    kept = own.sessions._store
    await kept.set(f"portal:{'ab' * 32}", b"of another ring", ttl_s=600)
    await kept.set("portal-attempts:x", b"3", ttl_s=600)
    before = [row["who"] for row in await own.list()]
    await own.node.send("PATCH", f"/developers/{ada}", {"password": f"{PASSWORD} 2"})

    assert before == ["ada@example.com"]
    assert await own.list() == []


async def test_what_cannot_be_known_is_no_empty_list(site: Site) -> None:
    class Away:
        async def find_all(self, _: str) -> SessionsFound:
            raise SharedUnavailable("away")

        async def end(self, *_: str) -> bool:
            raise SharedUnavailable("away")

    node = Node(sessions=Away())

    assert (await node.call("/openid-connect/sessions")).status == 503
    assert (await node.call("/openid-connect/sessions/x", "DELETE")).status == 503


# What the audit log says of who could not come in.


async def failures(site: Site) -> list[tuple[str, str, str | None]]:
    rows = (await site.admin("GET", "/audit/requests?size=1000"))["data"]
    return [
        (row["method"], row["path"], row["client_ip"])
        for row in rows
        if row["status"] == 401
    ]


async def test_a_wrong_token_is_in_the_audit_log(site: Site, tab: Browser) -> None:
    before = await failures(site)
    reply = await site.tab().sign_in("a-wrong-token-of-somebody")
    after = await failures(site)

    assert reply.status == 403
    assert before == []
    assert after == [("GET", "/auth", "127.0.0.1")]
    rows = await site.admin("GET", "/audit/requests?size=1000")
    assert "a-wrong-token-of-somebody" not in str(rows)


async def test_guesses_that_are_not_tried_fill_no_log(site: Site) -> None:
    guest = site.tab()
    for _ in range(8):
        await guest.sign_in("a-wrong-token-of-somebody")

    assert len(await failures(site)) == 5
