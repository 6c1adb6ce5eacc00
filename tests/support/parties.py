"""Configurations and small acts that tests of sign-in share."""

from __future__ import annotations

from typing import Any

from ostiary.signin.party import Party
from tests.support.browser import ORIGIN, Browser, World

PAGE = f"{ORIGIN}/cognito/page"
LASTING: dict[str, Any] = {"session_idling_timeout": 0, "session_rolling_timeout": 0}
XHR = ((b"X-Requested-With", b"XMLHttpRequest"),)
LOGOUT: dict[str, Any] = {"logout_query_arg": "logout", "logout_methods": ["GET"]}


async def signed_in(world: World, party: Party) -> Browser:
    """A browser that has signed in."""
    browser = world.browser()
    await browser.sign_in(party)
    return browser


def bearer(token: str) -> tuple[tuple[bytes, bytes], ...]:
    """The field that carries a token."""
    return ((b"Authorization", f"Bearer {token}".encode()),)
