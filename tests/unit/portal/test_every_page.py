"""What holds for every page of a portal, whoever asks for it and with whatever arguments."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest

from ostiary.portal.account_pages import AccountPages
from ostiary.portal.applications.pages import ApplicationPages
from ostiary.portal.credentials.pages import CredentialPages
from tests.unit.portal.portal_kit import HOME, Browser, PortalWorld, Seen, portal_world

CONTENT: object = None
PATHS = (
    "", "documentation", "guides", "search", "nothing-here",
    *AccountPages(CONTENT).pages,  # type: ignore[arg-type]  # only its paths are asked for
    *ApplicationPages(CONTENT).pages,  # type: ignore[arg-type]  # as above
    *CredentialPages(CONTENT).pages,  # type: ignore[arg-type]  # as above
)  # fmt: skip
HOSTILE = quote("\"><script>alert(1)</script>'{{7*7}}")
ARGUMENTS = (
    "next",
    "q",
    "id",
    "key",
    "plugin",
    "contract",
    "token",
    "email",
    "reason",
    "tag",
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[PortalWorld]:
    async with portal_world(tmp_path) as made:
        await made.switch_on(portal_developer_credentials=["key-auth", "jwt"])
        await made.developer(status=0)
        yield made


def check(path: str, seen: Seen) -> None:
    policy = seen.field("content-security-policy") or ""
    if seen.status < 300 or seen.status >= 400:
        assert "frame-ancestors 'none'" in policy, path
        assert "script-src" not in policy or "unsafe-inline" not in policy, path
        assert "default-src 'none'" in policy or "default-src 'self'" in policy, path
        assert seen.field("referrer-policy") in {"no-referrer", "same-origin"}, path
        assert seen.field("x-content-type-options") == "nosniff", path
    assert seen.field("cache-control") == "no-store", path
    assert "<script" not in seen.text, path
    for name, value in seen.fields:
        if name == "set-cookie":
            words = {word.strip().lower() for word in value.split(";")[1:]}
            assert {"secure", "httponly"} <= words, value
            assert words & {"samesite=lax", "samesite=strict"}, value


async def see_all(browser: Browser) -> None:
    arguments = "&".join(f"{name}={HOSTILE}" for name in ARGUMENTS)
    for path in PATHS:
        if path == "logout":
            continue
        seen = await browser.ask(f"{HOME}/{path}?{arguments}".replace("/?", "?"))
        check(path, seen)
        assert seen.status < 500, path
        location = seen.field("location") or "/default"
        assert location.startswith(("/default", "https://kong-ee:844")), path


@pytest.mark.spec("T-C13")
@pytest.mark.spec("T-R3")
@pytest.mark.spec("T-R5")
@pytest.mark.spec("T-R7")
async def test_no_page_can_be_framed_leaks_where_it_is_or_says_what_it_is_told(
    world: PortalWorld,
) -> None:
    await see_all(world.browser())
    ada = world.browser()
    await ada.sign_in()
    await see_all(ada)


@pytest.mark.spec("T-C12")
async def test_no_page_does_anything_for_a_form_of_another_site(
    world: PortalWorld,
) -> None:
    ada = world.browser()
    await ada.sign_in()
    kind = {"content-type": "application/x-www-form-urlencoded"}
    foreign = {**kind, "origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    for path in PATHS:
        seen = await ada.ask(f"{HOME}/{path}", "POST", fields=foreign)
        assert seen.status == 403, path
    assert (await world.node.call("/developers")).json()["total"] == 1
