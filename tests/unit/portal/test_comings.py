"""Who came to a portal and who went is in the audit log, and nothing that could let in anybody else."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.portal.own_kit import (
    PASSWORD,
    enter,
    fill_in,
    is_in,
    sign_up,
    switch_own,
)
from tests.unit.portal.portal_kit import API, HOME, PortalWorld, portal_world

pytestmark = pytest.mark.spec("portal#4.4")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[PortalWorld]:
    """A portal whose node keeps an audit log."""
    async with portal_world(tmp_path, audit=True) as made:
        await made.switch_on()
        yield made


async def told(world: PortalWorld) -> list[tuple[str, str, int, str]]:
    """What the log says of the portal's door, the oldest first."""
    rows = (await world.node.call("/audit/requests?size=1000")).json()["data"]
    return [
        (r["method"], r["path"], r["status"], r["client_ip"])
        for r in reversed(rows)
        if r["request_source"] == "portal" and r["path"].endswith("/auth")
    ]


def written(folder: Path) -> str:
    """All that the log holds, as one text."""
    rows: list[Any] = []
    with sqlite3.connect(folder / "config.db") as db:
        for table in ("audit_requests", "audit_objects"):
            rows += db.execute(f"SELECT * FROM {table}").fetchall()
    db.close()
    return json.dumps(rows, default=str)


async def test_who_signs_in_at_the_provider_and_out_again_is_recorded(
    world: PortalWorld, tmp_path: Path
) -> None:
    row = await world.developer(status=0)
    browser = world.browser("192.0.2.7")
    await browser.sign_in()
    await browser.ask(f"{HOME}/dashboard")
    cookies = [*browser.jar.values()]
    # Whoever is in already and asks again does not come once more.
    await browser.go(f"{API}/default/auth")
    await browser.go(f"{HOME}/logout")

    path = f"/default/developers/{row['id']}/auth"
    assert await told(world) == [
        ("GET", path, 200, "192.0.2.7"),
        ("DELETE", path, 204, "192.0.2.7"),
    ]
    text = written(tmp_path)
    assert not any(value in text for value in cookies if len(value) > 20)
    assert "eyJ" not in text
    assert "code=" not in text


async def test_whoever_the_portal_does_not_know_comes_below_no_name(
    world: PortalWorld,
) -> None:
    browser = world.browser()
    await browser.sign_in()
    await browser.go(f"{API}/default/auth?logout=true")

    assert [(m, p) for m, p, _, _ in await told(world)] == [
        ("GET", "/default/developers/auth"),
        ("DELETE", "/default/developers/auth"),
    ]


async def test_nobody_came_where_the_provider_refused_and_nobody_went_who_was_not_in(
    world: PortalWorld,
) -> None:
    browser = world.browser()
    await browser.ask(f"{API}/default/auth")
    await browser.ask(f"{API}/default/auth?code=x&state=y")
    await browser.ask(f"{API}/default/auth?error=access_denied&state=y")
    await browser.go(f"{API}/default/auth?logout=true")

    assert await told(world) == []


@pytest.mark.spec("portal#2.2")
async def test_a_registration_at_the_first_sign_in_is_recorded(tmp_path: Path) -> None:
    async with portal_world(tmp_path, audit=True) as world:
        await world.switch_on(portal_oidc_auto_register=True)
        world.base.provider.id_edits = {"email_verified": True, "name": "Ada L"}
        await world.browser("192.0.2.7").sign_in()
        rows = (await world.node.call("/audit/requests?size=1000")).json()["data"]

    assert [
        (r["path"], r["status"], r["client_ip"])
        for r in rows
        if r["method"] == "POST" and r["request_source"] == "portal"
    ] == [("/default/developers", 200, "192.0.2.7")]


async def test_who_signs_in_with_a_password_and_out_again_is_recorded(
    world: PortalWorld, tmp_path: Path
) -> None:
    await switch_own(world)
    row = await sign_up(world)
    browser = world.browser()
    await enter(browser)
    await browser.call("DELETE", "/auth")
    await fill_in(browser)
    await browser.ask(f"{HOME}/logout")

    path = f"/default/developers/{row['id']}/auth"
    assert [(m, p) for m, p, _, _ in await told(world)] == [
        ("GET", path), ("DELETE", path), ("GET", path), ("DELETE", path),
    ]  # fmt: skip
    assert PASSWORD not in written(tmp_path)


async def test_wrong_passwords_and_strangers_who_leave_are_no_comings_and_goings(
    world: PortalWorld,
) -> None:
    await switch_own(world)
    await sign_up(world)
    browser = world.browser()
    await enter(browser, password="wrong horse battery")
    await fill_in(browser, password="wrong horse battery")
    await browser.call("DELETE", "/auth")
    await browser.ask(f"{HOME}/logout")

    assert not await is_in(browser)
    assert await told(world) == []


async def test_nobody_else_can_say_that_somebody_came(world: PortalWorld) -> None:
    row = await world.developer(status=0)
    says = {"x-request-source": "portal"}
    for path in ("/developers/auth", f"/developers/{row['id']}/auth"):
        assert (await world.node.call(path, headers=says)).status == 404
    gone = await world.node.call(
        f"/developers/{row['id']}/auth", "DELETE", headers=says
    )

    assert gone.status == 404
    assert await told(world) == []
