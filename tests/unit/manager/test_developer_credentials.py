"""Credentials of developers in the Manager: on their page, and in the portal's settings."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ostiary.model.developer_credentials import CREDENTIAL_PLUGINS
from tests.unit.manager.desk import Desk, open_desk
from tests.unit.portal.portal_kit import EMAIL

pytestmark = pytest.mark.spec("portal#4.1")
OF = f"/developers/{EMAIL}/credentials"
SETTINGS = "/default/portal/settings"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(tmp_path) as made:
        await made.world.switch_on()
        await made.world.developer(status=0)
        yield made


async def find_page(desk: Desk) -> str:
    row = (await desk.world.node.call(f"/developers/{EMAIL}")).json()
    return f"/default/developers/{row['id']}"


@pytest.mark.parametrize("plugin", CREDENTIAL_PLUGINS)
async def test_one_is_made_shown_once_listed_and_deleted(
    desk: Desk, plugin: str
) -> None:
    at = await find_page(desk)
    empty = await desk.browser.get(at)
    made = await desk.browser.post(at, {"plugin": plugin, "go": "add-credential"})
    secret = re.search(r'id="new-secret">([A-Za-z0-9]{32})<', made.text)
    assert secret is not None
    listed = await desk.browser.get(at)
    row = (await desk.world.node.call(f"{OF}/{plugin}")).json()["data"][0]
    form = {"plugin": plugin, "credential": row["id"], "go": "delete-credential"}
    gone = await desk.browser.post(at, form)

    assert "New credential" in empty.words
    assert EMAIL in made.words
    assert "shown this once" in made.words
    assert secret[1] not in listed.text
    assert "by an admin" in listed.words
    assert gone.location == f"{at}?done=credential-deleted"
    assert (await desk.world.node.call(f"{OF}/{plugin}")).json()["data"] == []


async def test_who_is_not_approved_gets_none_and_it_says_why(desk: Desk) -> None:
    at = await find_page(desk)
    await desk.world.set_status(3)
    page = await desk.browser.get(at)
    refused = await desk.browser.post(
        at, {"plugin": "key-auth", "go": "add-credential"}
    )

    assert "Make it" not in page.words
    assert "Only an approved developer can have new ones" in page.words
    assert refused.status == 400
    assert "only an approved developer can have credentials" in refused.words


async def test_another_plugin_is_not_there(desk: Desk) -> None:
    at = await find_page(desk)
    seen = await desk.browser.post(at, {"plugin": "../x", "go": "add-credential"})

    assert seen.status == 404


@pytest.mark.parametrize(
    ("typed", "kept", "shown"),
    [
        ("key-auth, jwt", ["key-auth", "jwt"], "key-auth, jwt"),
        ("none", [], "none"),
        ("", None, ""),
    ],
)
async def test_which_developers_make_is_a_box_of_the_settings(
    desk: Desk, typed: str, kept: list[str] | None, shown: str
) -> None:
    name = "portal_developer_credentials"
    saved = await desk.browser.submit(SETTINGS, portal_developer_credentials=typed)
    row = (await desk.world.node.call("/workspaces/default")).json()
    page = await desk.browser.get(SETTINGS)

    assert saved.location == f"{SETTINGS}?done=saved"
    assert row["config"][name] == kept
    box = re.search(rf'<input id="{name}"[^>]*>', page.text)
    assert box is not None
    assert (f'value="{shown}"' in box[0]) is bool(shown)


async def test_what_is_no_such_plugin_is_told_at_the_box(desk: Desk) -> None:
    refused = await desk.browser.submit(SETTINGS, portal_developer_credentials="acl")

    assert refused.status == 400
    assert 'id="portal_developer_credentials-error"' in refused.text
