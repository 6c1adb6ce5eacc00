"""A workspace's files as pages: what a portal begins with, who may read what, and changes at once."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from ostiary.model.files import File
from ostiary.portal import library
from ostiary.portal.library import Library
from ostiary.ports.pool_store import StoreUnavailable
from tests.unit.portal.portal_kit import API, EMAIL, GUI, HOME, PortalWorld

PAGE = "---\ntitle: For partners\nreadable_by: [partner]\n---\n# Deep secret\n\nplanted-words\n"
OPEN = "---\ntitle: Open\n---\nOpen words\n"


async def put(world: PortalWorld, path: str, contents: str, ws: str = "") -> None:
    reply = await world.node.send(
        "PUT", f"{ws}/files/{path}", {"path": path, "contents": contents}
    )
    assert reply.status == 200, reply.text


async def paths(world: PortalWorld, ws: str = "") -> list[str]:
    found: list[dict[str, Any]] = (
        await world.node.call(f"{ws}/files?fields=path&size=1000")
    ).json()["data"]
    return sorted(row["path"] for row in found)


@pytest.mark.spec("portal#1.4")
async def test_a_portal_begins_with_the_shipped_files_once(world: PortalWorld) -> None:
    first = await paths(world)
    home = await world.browser().ask(HOME)
    await world.node.send("DELETE", "/files/content/about.md")
    await world.configure(portal=False)
    await world.configure(portal=True)

    assert "portal.conf.yaml" in first
    assert "content/index.md" in first
    assert home.status == 200
    assert await paths(world) == [path for path in first if path != "content/about.md"]


@pytest.mark.spec("portal#1.4")
async def test_another_workspace_begins_with_those_of_default(
    world: PortalWorld,
) -> None:
    await put(world, "content/ours.md", OPEN)
    reply = await world.node.send(
        "POST", "/workspaces", {"name": "team", "config": {"portal": True}}
    )
    await put(world, "content/later.md", OPEN)

    assert reply.status == 201, reply.text
    theirs = await paths(world, "/team")
    assert "content/ours.md" in theirs
    assert "content/later.md" not in theirs
    assert (await world.browser().ask(f"{GUI}/team/ours")).status == 200
    assert (await world.browser().ask(f"{GUI}/team/later")).status == 404


@pytest.mark.spec("portal#3.4")
async def test_what_is_for_a_role_is_found_and_read_by_those_alone(
    world: PortalWorld,
) -> None:
    """One rule, wherever a page could be seen: its address, search, lists, the API."""
    await world.node.send("POST", "/developers/roles", {"name": "partner"})
    await put(world, "content/partners.md", PAGE)
    await world.developer(status=0)
    browser = world.browser()

    async def look() -> dict[str, Any]:
        page = await browser.ask(f"{HOME}/partners")
        texts = [
            (await browser.ask(f"{HOME}{path}")).text
            for path in ("/search?q=planted", "/search?q=partners", "/llms.txt", "")
        ]
        files = (await browser.call("GET", "/files?size=1000")).json()["data"]
        return {
            "status": page.status,
            "to": page.field("location"),
            "seen": any("For partners" in t or "planted-words" in t for t in texts),
            "listed": "content/partners.md" in [row["path"] for row in files],
        }

    stranger = await look()
    await browser.sign_in()
    developer = await look()
    await world.node.send("PATCH", f"/developers/{EMAIL}", {"roles": ["partner"]})
    partner = await look()
    await world.set_status(3)
    revoked = await look()

    away = {"seen": False, "listed": False}
    assert stranger == {
        "status": 303,
        "to": "/default/login?next=/default/partners",
        **away,
    }
    assert developer == {"status": 403, "to": None, **away}
    assert partner == {"status": 200, "to": None, "seen": True, "listed": True}
    assert revoked == {"status": 303, "to": "/default/unauthorized", **away}


@pytest.mark.spec("portal#3.4")
async def test_a_rule_about_a_role_that_is_not_there_is_refused(
    world: PortalWorld,
) -> None:
    reply = await world.node.send(
        "PUT", "/files/content/p.md", {"path": "content/p.md", "contents": PAGE}
    )

    assert reply.status == 400
    assert "partner" in reply.text


async def test_a_file_that_changes_is_shown_at_once(world: PortalWorld) -> None:
    browser = world.browser()
    await put(world, "content/news.md", OPEN)
    first = await browser.ask(f"{HOME}/news")
    await put(world, "content/news.md", OPEN.replace("Open words", "New words"))
    second = await browser.ask(f"{HOME}/news")
    await world.node.send("DELETE", "/files/content/news.md")
    third = await browser.ask(f"{HOME}/news")

    assert "Open words" in first.text
    assert "New words" in second.text
    assert third.status == 404


@pytest.mark.spec("portal#1.6")
async def test_files_have_pages_and_fields(world: PortalWorld) -> None:
    browser = world.browser()
    first = (await browser.call("GET", "/files?size=2&fields=path,checksum")).json()
    next_path = first["next"].removeprefix("/default")
    second = (await browser.call("GET", next_path)).json()

    assert [set(row) for row in first["data"]] == [{"path", "checksum"}] * 2
    assert not {r["path"] for r in first["data"]} & {r["path"] for r in second["data"]}
    for wrong in ("size=x", "offset=-1", "fields=password", "size=99999999999"):
        assert (await browser.call("GET", f"/files?{wrong}")).status == 400


@pytest.mark.spec("T-R5")
async def test_what_a_file_says_runs_nowhere(world: PortalWorld) -> None:
    hostile = (
        "---\ntitle: '<script>1</script>'\n---\n<script>alert(1)</script>\n"
        "[x](javascript:alert(1)) <img src=x onerror=alert(1)>\n"
    )
    await put(world, "content/h.md", hostile)
    seen = await world.browser().ask(f"{HOME}/h")

    assert "<script" not in seen.text
    assert 'href="javascript' not in seen.text
    assert "onerror" not in seen.text
    policy = seen.field("content-security-policy") or ""
    assert "default-src 'none'" in policy
    assert "script-src" not in policy


async def test_a_file_is_sent_with_a_policy_of_its_own(world: PortalWorld) -> None:
    sheet = await world.browser().ask(f"{HOME}/_theme.css")
    spec = await world.browser().ask(f"{HOME}/_specs/bookshop.yaml")

    for seen in (sheet, spec):
        assert seen.status == 200
        assert seen.field("x-content-type-options") == "nosniff"
        assert "sandbox" in (seen.field("content-security-policy") or "")
    assert (spec.field("content-disposition") or "").startswith("attachment")
    assert (await world.browser().ask(f"{API}/default/nowhere")).status == 404


@dataclass(slots=True, kw_only=True)
class OneFile:
    """A store with one page."""

    revision: int = 1
    words: str = OPEN
    reads: int = field(default=0)

    async def files_revision(self) -> int:
        await asyncio.sleep(0)
        return self.revision

    def within(self, _: str) -> OneFile:
        return self

    async def page(self, _: object, *, after: str, size: int) -> object:
        assert (after, size > 0) == ("", True)
        self.reads += 1
        await asyncio.sleep(0)
        row = File.model_validate({"path": "content/a.md", "contents": self.words})
        return SimpleNamespace(rows=(row,), after=None)

    def change(self, words: str) -> None:
        self.revision, self.words = self.revision + 1, words


def portal_of(
    name: str = "team", *, has_sign_in: bool = False
) -> Any:  # Any: as much of a portal as is asked for
    return SimpleNamespace(id=f"id of {name}", name=name, has_sign_in=has_sign_in)


async def load(shelves: Library, portal: Any) -> str:
    """What the page says."""
    return (await shelves.load(portal)).site.routes["/a"].body.strip()


class Breaking:
    """A builder of sites that breaks when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_broken = False
        self.count = 0
        self._build = library._build
        monkeypatch.setattr(library, "_build", self.build)

    def build(self, *args: Any) -> Any:
        self.count += 1
        if self.is_broken:
            raise KeyError("planted-words")
        return self._build(*args)


async def test_those_who_ask_at_once_have_one_site_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, builder = OneFile(), Breaking(monkeypatch)
    shelves: Any = Library(store)  # type: ignore[arg-type]  # as much of a store as is read

    first = await asyncio.gather(*(load(shelves, portal_of()) for _ in range(8)))
    assert (set(first), builder.count, store.reads) == ({"Open words"}, 1, 1)
    store.change("New words")
    again = await asyncio.gather(*(load(shelves, portal_of()) for _ in range(8)))
    assert (set(again), builder.count, store.reads) == ({"New words"}, 2, 2)
    await asyncio.gather(*(load(shelves, portal_of(n)) for n in ("team", "other")))
    assert builder.count == 3
    assert not shelves._locks


async def test_a_site_that_cannot_be_built_is_away_and_none_stands_in_for_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store, builder = OneFile(), Breaking(monkeypatch)
    shelves: Any = Library(store)  # type: ignore[arg-type]  # as much of a store as is read
    await load(shelves, portal_of())
    builder.is_broken = True
    store.change("Broken words")

    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                await load(shelves, portal_of())
    assert builder.count == 2
    assert [r.getMessage() for r in caplog.records] == ["portal of team: its files cannot be shown: KeyError"]  # fmt: skip
    assert "planted-words" not in caplog.text
    builder.is_broken = False
    store.change("Good words")
    assert await load(shelves, portal_of()) == "Good words"
