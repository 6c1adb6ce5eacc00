"""The Developer Portal's pages: switched, set up, and who registered."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ostiary.adapters.declarative import dump_yaml
from ostiary.adapters.shared import MemoryShared
from ostiary.admin.inside import InsideClient
from ostiary.manager.app import create_manager
from ostiary.manager.config import Finding, ManagerConfig, OpenDoor
from ostiary.web.guard import build_guard
from tests.support.ports import FakeClock
from tests.unit.admin.admin_kit import Numbers
from tests.unit.manager.manager_kit import HOME, Browser
from tests.unit.portal.portal_kit import PortalWorld, portal_world

PORTAL, DEVELOPERS = f"{HOME}/portal", f"{HOME}/developers"
SECRET = "client-secret-of-the-portal"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[PortalWorld]:
    async with portal_world(tmp_path) as made:
        yield made


async def _examine(_config: Mapping[str, Any], _uri: str) -> Sequence[Finding]:
    return ()


@pytest.fixture
def tab(world: PortalWorld) -> Browser:
    clock = FakeClock()
    config = ManagerConfig(
        admin=InsideClient(world.node.app),
        shared=MemoryShared(clock),
        clock=clock,
        entropy=Numbers(),
        door=OpenDoor(admits_strangers=False),
        guard=build_guard(allowed_hosts=(), gui_url=None),
        examine=_examine,
        dump_yaml=dump_yaml,
        version="1",
        portal_gui="https://portal.test:8446",
    )
    return Browser(create_manager(config))


async def register(world: PortalWorld, email: str, name: str = "Ada") -> Any:
    body = {"email": email, "meta": json.dumps({"full_name": name})}
    reply = await world.node.send("POST", "/developers", body)
    assert reply.status == 200, reply.text
    return reply.json()


async def test_a_portal_is_switched_on_and_off(
    world: PortalWorld, tab: Browser
) -> None:
    before = await tab.get(PORTAL)
    await tab.post(PORTAL, {"go": "enable"})
    on = await tab.get(PORTAL)
    row = (await world.node.call("/workspaces/default")).json()
    await tab.post(PORTAL, {"go": "disable"})
    off = await tab.get(PORTAL)

    assert "Enable Developer Portal" in before.words
    assert row["config"]["portal"]
    assert 'href="https://portal.test:8446/default"' in on.text
    assert "Turn off" in on.words
    assert "nobody sees its pages" in off.words


async def test_settings_are_changed_and_their_secret_is_not_shown(
    world: PortalWorld, tab: Browser
) -> None:
    page = await tab.get(PORTAL)
    conf = json.dumps({"issuer": "https://idp.test", "client_secret": [SECRET]})
    values = {
        **page.values(), "go": "save", "config.portal_auth_conf": conf,
        "config.portal_auto_approve": "true", "config.portal_cors_origins": "https://a.test",
    }  # fmt: skip
    saved = await tab.post(PORTAL, values)
    again = await tab.get(PORTAL)
    kept = await tab.post(PORTAL, {**again.values(), "go": "save", "config.portal_emails_from": "p@x.test"})  # fmt: skip
    config = (await world.node.call("/workspaces/default")).json()["config"]

    assert [saved.status, kept.status] == [302, 302]
    assert SECRET not in again.text
    assert SECRET in str(config["portal_auth_conf"])
    assert (config["portal_auto_approve"], config["portal_cors_origins"]) == (True, ["https://a.test"])  # fmt: skip
    assert config["portal_emails_from"] == "p@x.test"


async def test_what_is_wrong_with_a_setting_stands_at_its_field(tab: Browser) -> None:
    page = await tab.get(PORTAL)
    values = {**page.values(), "go": "save", "config.portal_developer_meta_fields": "{"}
    reply = await tab.post(PORTAL, values)

    assert reply.status == 400
    assert 'id="config.portal_developer_meta_fields-error"' in reply.text
    assert reply.values()["config.portal_developer_meta_fields"] == ["{"]


@pytest.mark.spec("portal#4.3")
async def test_a_developer_is_approved_and_moves(
    world: PortalWorld, tab: Browser
) -> None:
    await world.switch_on()
    ada = await register(world, "ada@example.com")
    home = await tab.get(PORTAL)
    requested = await tab.get(DEVELOPERS)
    done = await tab.post(f"{DEVELOPERS}/{ada['id']}", {"go": "approve", "from": "list"})  # fmt: skip
    after = await tab.get(DEVELOPERS)
    approved = await tab.get(f"{DEVELOPERS}?status=0")
    row = (await world.node.call(f"/developers/{ada['id']}")).json()

    assert "1 developer waits for your approval" in home.words
    assert "ada@example.com" in requested.words
    assert done.location == f"{DEVELOPERS}?status=1&done=saved"
    assert "ada@example.com" not in after.words
    assert "Revoke ada@example.com" in approved.words
    assert row["status"] == 0


async def test_only_what_can_be_done_is_offered_and_the_rest_is_refused(
    world: PortalWorld, tab: Browser
) -> None:
    await world.switch_on()
    ada = await register(world, "ada@example.com")
    target = f"{DEVELOPERS}/{ada['id']}"
    page = await tab.get(target)
    wrong = await tab.post(target, {"go": "revoke"})
    await tab.post(target, {"go": "reject"})
    rejected = await tab.get(target)

    assert 'value="approve"' in page.text
    assert 'value="revoke"' not in page.text
    assert wrong.status == 400
    assert "cannot change from PENDING to REVOKED" in wrong.words
    assert "Approve again" in rejected.words


async def test_a_developer_is_deleted(world: PortalWorld, tab: Browser) -> None:
    await world.switch_on()
    ada = await register(world, "ada@example.com")
    await tab.post(f"{DEVELOPERS}/{ada['id']}", {"go": "delete"})

    assert (await tab.get(f"{DEVELOPERS}/{ada['id']}")).status == 404


async def test_hostile_words_of_developers_are_text(
    world: PortalWorld, tab: Browser
) -> None:
    await world.switch_on()
    ada = await register(world, "ada@example.com", "<script>alert(1)</script>")
    pages = [await tab.get(p) for p in (DEVELOPERS, f"{DEVELOPERS}/{ada['id']}")]

    for page in pages:
        assert "<script" not in page.text
        assert "alert(1)" in page.words


async def test_people_are_invited(world: PortalWorld, tab: Browser) -> None:
    await world.switch_on()
    good = await tab.post(DEVELOPERS, {"emails": "a@example.com, b@example.com"})
    bad = await tab.post(DEVELOPERS, {"emails": "a@example.com\nnobody"})

    assert good.status == 200
    assert 'role="status"' in good.text
    assert bad.status == 400
    assert 'id="emails-error"' in bad.text
    assert "nobody" in bad.values()["emails"][0]
