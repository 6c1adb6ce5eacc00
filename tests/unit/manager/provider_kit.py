"""A Manager whose operators sign in at a provider in memory."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

from ostiary.http.url import origin_of
from ostiary.manager.provider import AdminProvider, read_provider
from ostiary.manager.reception import Reception
from ostiary.settings import read_settings
from tests.support.browser import RING, World
from tests.support.provider import CLIENT_ID, ISSUER, FakeProvider
from tests.unit.manager.manager_kit import Browser, Reply, Site, manager_site

HOME = "https://gui.example:8445"
EMAIL = "ada@example.com"
CONF: dict[str, Any] = {"issuer": ISSUER, "client_id": [CLIENT_ID]}
NAVIGATES = {"sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
BACK = {**NAVIGATES, "sec_fetch_site": "cross-site"}
COOKIE = "__Host-ostiary-manager"


def build_provider(home: str = HOME, **conf: Any) -> AdminProvider:
    environ = {
        "KONG_ADMIN_GUI_AUTH": "openid-connect",
        "KONG_ADMIN_GUI_URL": home,
        "KONG_ENFORCE_RBAC": "on",
        "KONG_ADMIN_GUI_AUTH_CONF": json.dumps({**CONF, **conf}),
    }
    found = read_provider(read_settings(file_text=None, environ=environ).settings)
    assert found is not None
    return found


@dataclass(slots=True, kw_only=True)
class Office:
    """A Manager, its provider, and people who come."""

    site: Site
    world: World

    def tab(self, **more: Any) -> Browser:
        """A browser at the Manager's address."""
        said = {"host": "gui.example:8445", "scheme": "https", **more}
        return self.site.tab(**said)

    def say(self, **claims: Any) -> None:
        """What the provider says of whoever signs in from now on."""
        self.world.provider.id_edits = claims

    def tell(self, **claims: Any) -> None:
        """What it says in its user info."""
        told = {"sub": "ada", **claims}
        self.world.provider.replies["userinfo"] = FakeProvider.json(200, told)

    async def leave(self, tab: Browser, wanted: str = "") -> str:
        """Press the button; where the browser is sent."""
        reply = await tab.get(f"/auth/provider?next={wanted}", **NAVIGATES)
        assert reply.status == 302, reply.words
        return reply.location

    def answer(self, location: str) -> str:
        """The provider signs somebody in: the address that it sends them back to."""
        assert location.startswith(f"{ISSUER}/authorize")
        query = self.world.provider.authorize(location)
        callback = self.reception.provider.callback
        return f"{callback}?{query}"

    @property
    def reception(self) -> Reception:
        found = self.site.config.door.reception  # type: ignore[union-attr]  # of a provider
        assert isinstance(found, Reception)
        return found

    async def sign_in(self, tab: Browser, wanted: str = "") -> Reply:
        """The whole way; the page that somebody ends at, before it leads on."""
        back = self.answer(await self.leave(tab, wanted))
        return await tab.get(back, **BACK)


def onward(page: Reply) -> str:
    """Where a page leads on to by itself."""
    _, _, rest = page.text.partition('http-equiv="refresh" content="0; url=')
    assert rest, page.words
    return unescape(rest.partition('"')[0])


@asynccontextmanager
async def office(folder: Path, home: str = HOME, **conf: Any) -> AsyncIterator[Office]:
    """Everybody is `default:super-admin`, with a verified address, until a test says otherwise."""
    world = World()
    reception = Reception(
        world.signin, build_provider(home, **conf), RING, world.entropy
    )
    url = origin_of(home)
    async with manager_site(
        folder, rbac=True, gui_url=url, reception=reception
    ) as site:
        world.clock.move(site.clock.now() - world.clock.now())
        await site.admin("POST", "/rbac/roles", {"name": "super-admin"})
        await site.admin(
            "POST",
            "/rbac/roles/super-admin/endpoints",
            {"endpoint": "*", "workspace": "*", "actions": "*"},
        )
        found = Office(site=site, world=world)
        found.say(email=EMAIL, email_verified=True, groups=["default:super-admin"])
        yield found
