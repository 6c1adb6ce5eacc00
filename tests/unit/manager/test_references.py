"""References that whoever uses a form cannot see: kept, never cleared, and never made global."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ostiary.admin.access import RbacAccess
from tests.unit.manager import manager_kit
from tests.unit.manager.manager_kit import EVE, HOME, Browser, Site, manager_site

ENTITIES = {"entity_type": "plugins", "actions": "read,update"}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with manager_site(tmp_path) as found:
        yield found


@pytest.fixture
def tab(site: Site) -> Browser:
    return site.tab()


@pytest.fixture
async def guarded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Site]:
    """A site where Eve may change one plugin, and not see the consumer that it is for."""

    def build(**values: Any) -> RbacAccess:
        return RbacAccess(**{**values, "level": "entity"})

    monkeypatch.setattr(manager_kit, "RbacAccess", build)
    async with manager_site(tmp_path, rbac=True) as found:
        everything = {"entity_id": "*", "entity_type": "wildcard", "actions": "create,read,update,delete"}  # fmt: skip
        await found.admin("POST", "/rbac/roles/adas/entities", everything)
        await make_plugin(found)
        yield found


async def make_plugin(site: Site) -> Any:
    bob = await site.admin("POST", "/consumers", {"username": "bob"})
    body = {"name": "request-termination", "consumer": {"id": bob["id"]}}
    return await site.admin("POST", "/plugins", body)


async def test_a_reference_that_cannot_be_seen_stays_when_a_form_is_saved(
    guarded: Site,
) -> None:
    plugin = (await guarded.admin("GET", "/plugins"))["data"][0]
    body = {**ENTITIES, "entity_id": plugin["id"]}
    await guarded.admin("POST", "/rbac/roles/eves/entities", body)
    tab = guarded.tab()
    await tab.sign_in(EVE)
    target = f"{HOME}/plugins/{plugin['id']}/edit"
    page = await tab.get(target)
    reply = await tab.submit(target, tags="x")
    after = await guarded.admin("GET", f"/plugins/{plugin['id']}")

    assert page.values()["consumer"] == [plugin["consumer"]["id"]]
    assert reply.location.endswith("?done=saved")
    assert after["tags"] == ["x"]
    assert after["consumer"] == plugin["consumer"]


async def test_an_unchanged_reference_is_not_sent(site: Site, tab: Browser) -> None:
    plugin = await make_plugin(site)
    await tab.submit(f"{HOME}/plugins/{plugin['id']}/edit", tags="x")
    sent = (await site.admin("GET", "/audit/requests?method=PATCH"))["data"][0]

    assert sent["payload"] == '{"tags":["x"]}'


async def test_a_form_without_a_reference_does_not_clear_it(
    site: Site, tab: Browser
) -> None:
    plugin = await make_plugin(site)
    target = f"{HOME}/plugins/{plugin['id']}/edit"
    values = {**(await tab.get(target)).values(), "tags": "x"}
    del values["consumer"]
    await tab.post(target, values)
    after = await site.admin("GET", f"/plugins/{plugin['id']}")

    assert (after["consumer"], after["tags"]) == (plugin["consumer"], ["x"])


async def test_a_reference_goes_when_somebody_clears_it(
    site: Site, tab: Browser
) -> None:
    plugin = await make_plugin(site)
    await tab.submit(f"{HOME}/plugins/{plugin['id']}/edit", consumer="")

    after = await site.admin("GET", f"/plugins/{plugin['id']}")
    assert after["consumer"] is None


async def test_a_reference_can_be_chosen_again_after_a_refusal(
    site: Site, tab: Browser
) -> None:
    plugin = await make_plugin(site)
    target = f"{HOME}/plugins/{plugin['id']}/edit"
    reply = await tab.submit(target, consumer="", config__status_code="7")

    assert reply.status == 400
    assert f'<option value="{plugin["consumer"]["id"]}"' in reply.text


async def test_a_scope_that_a_link_names_by_its_name_is_chosen(
    site: Site, tab: Browser
) -> None:
    bob = await site.admin("POST", "/consumers", {"username": "bob"})
    target = f"{HOME}/plugins/new?name=request-termination&consumer=bob"
    page = await tab.get(target)
    await tab.submit(target)
    made = (await site.admin("GET", "/plugins"))["data"]

    assert page.values()["consumer"] == ["bob"]
    assert [row["consumer"] for row in made] == [{"id": bob["id"]}]


@pytest.mark.parametrize("gone", ["nobody", "11111111-1111-4111-8111-111111111111"])
async def test_a_scope_that_is_gone_makes_nothing_for_everybody(
    site: Site, tab: Browser, gone: str
) -> None:
    reply = await tab.submit(
        f"{HOME}/plugins/new?name=request-termination&consumer={gone}"
    )

    assert reply.status == 400
    assert 'id="consumer-error"' in reply.text
    assert (await site.admin("GET", "/plugins"))["data"] == []


async def test_a_scope_that_a_plugin_does_not_know_makes_nothing_for_everybody(
    site: Site, tab: Browser
) -> None:
    bob = await site.admin("POST", "/consumers", {"username": "bob"})
    reply = await tab.submit(f"{HOME}/plugins/new?name=key-auth&consumer={bob['id']}")

    assert reply.status == 400
    assert 'id="consumer-error"' in reply.text
    assert (await site.admin("GET", "/plugins"))["data"] == []


async def test_a_preset_of_any_row_that_is_gone_is_said_and_not_dropped(
    site: Site, tab: Browser
) -> None:
    reply = await tab.submit(f"{HOME}/routes/new?service=gone", paths="/x")

    assert reply.status == 400
    assert reply.values()["service"] == ["gone"]
    assert (await site.admin("GET", "/routes"))["data"] == []
