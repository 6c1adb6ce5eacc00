"""A portal that signs developers in itself, and what its tests ask of it."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from tests.unit.portal.portal_kit import EMAIL, HOME, Browser, PortalWorld, Seen

PASSWORD = "correct horse battery"
SECRET = "nobody knows this secret"
META = {"full_name": "Ada L"}
COOKIE = "__Host-ostiary-portal-"


async def switch_own(
    world: PortalWorld, mode: str = "basic-auth", **config: Any
) -> None:
    await world.configure(portal=True, portal_auth=mode, **config)


async def sign_up(
    world: PortalWorld, email: str = EMAIL, password: str = PASSWORD, **more: Any
) -> dict[str, Any]:
    """A developer with a password, as an admin makes one."""
    return await world.developer(email, password=password, **{"status": 0, **more})


def basic(email: str = EMAIL, password: str = PASSWORD) -> dict[str, str]:
    pair = base64.b64encode(f"{email}:{password}".encode()).decode()
    return {"authorization": f"Basic {pair}"}


async def enter(browser: Browser, email: str = EMAIL, password: str = PASSWORD) -> Seen:
    """Sign in with the API."""
    return await browser.call("GET", "/auth", **basic(email, password))


async def fill_in(
    browser: Browser, email: str = EMAIL, password: str = PASSWORD, **more: str
) -> Seen:
    """Sign in with the form."""
    return await browser.post(f"{HOME}/login", email=email, password=password, **more)


async def is_in(browser: Browser) -> bool:
    return (await browser.call("GET", "/developer")).status == 200


def session_of(browser: Browser) -> str | None:
    return next((v for k, v in browser.jar.items() if k.startswith(COOKIE)), None)


async def mails(world: PortalWorld, to: str | None = None) -> list[Any]:
    """Every mail (to an address), once all are sent."""
    task = world.outbox._task
    if task is not None:
        await task
    return [m for m in world.post.mails if to is None or m.recipient == to]


async def register(browser: Browser, email: str = EMAIL, **more: str) -> Seen:
    body = {"email": email, "meta": json.dumps(META), "password": PASSWORD, **more}
    return await browser.call("POST", "/register", body)


def link_in(mail: Any, path: str) -> str:
    found = re.search(rf"{re.escape(HOME)}/{path}\?\S+", mail.text)
    assert found is not None, mail.text
    return found[0]


def token_in(mail: Any) -> str:
    found = re.search(r"token=([^&\s]+)", mail.text)
    assert found is not None, mail.text
    return found[1]
