"""Plugins: the gallery, their forms, the switch, and trying an openid-connect configuration."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ostiary.manager.config import Finding
from tests.unit.manager.manager_kit import EVE, HOME, Browser, Reply, Site, manager_site

ISSUER = "https://idp.test/pool"
SECRET = "client-secret-0123456789"
FINDINGS = (
    Finding(level="ok", code="metadata", text=f"the provider says issuer {ISSUER}"),
    Finding(
        level="error", code="client", text="the token endpoint refuses <client> app",
        remedy="check client_id",
    ),
)  # fmt: skip


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with manager_site(tmp_path, findings=FINDINGS) as found:
        yield found


@pytest.fixture
def tab(site: Site) -> Browser:
    return site.tab()


async def make(tab: Browser, path: str, /, **values: Any) -> Reply:
    reply = await tab.submit(f"{HOME}{path}", **values)
    assert reply.status == 302, reply.words
    return reply


async def make_route(site: Site, **more: Any) -> Any:
    body = {"name": "orders", "url": "http://orders.test"}
    await site.admin("POST", "/services", body)
    route = {"name": "cognito", "paths": ["/cognito/"], **more}
    return await site.admin("POST", "/services/orders/routes", route)


async def make_oidc(site: Site, tab: Browser, **more: Any) -> Any:
    route = await make_route(site)
    values = {
        "config__issuer": ISSUER, "config__client_id": "app", "config__client_secret": SECRET,
        "config.auth_methods": ["authorization_code", "session"], **more,
    }  # fmt: skip
    await make(tab, f"/plugins/new?name=openid-connect&route={route['id']}", **values)
    return (await site.admin("GET", "/plugins"))["data"][0]


async def test_the_gallery_keeps_where_somebody_came_from(
    site: Site, tab: Browser
) -> None:
    route = await make_route(site)
    page = await tab.get(f"{HOME}/plugins/select?route={route['id']}")
    category = page.text.index("<h2>Authentication</h2>")

    assert "For route cognito." in page.words
    assert f"name=key-auth&amp;route={route['id']}" in page.text
    assert (
        category < page.text.index(">openid-connect<") < page.text.index(">key-auth<")
    )
    assert page.text.index(">key-auth<") < page.text.index("<h2>Security</h2>")


async def test_a_plugin_is_made_where_it_was_asked_for(
    site: Site, tab: Browser
) -> None:
    route = await make_route(site)
    await make(tab, f"/plugins/new?name=rate-limiting&route={route['id']}", config__minute="5")  # fmt: skip
    row = (await site.admin("GET", "/plugins"))["data"][0]
    page = await tab.get(f"{HOME}/plugins")

    assert ("rate-limiting", route["id"], 5) == (row["name"], row["route"]["id"], row["config"]["minute"])  # fmt: skip
    assert "route cognito" in page.words


async def test_what_is_wrong_in_a_config_stands_at_its_field(tab: Browser) -> None:
    reply = await tab.submit(
        f"{HOME}/plugins/new?name=rate-limiting", config__minute="ten",
        config__policy="redis", config__redis__port="70000",
    )  # fmt: skip

    assert reply.status == 400
    for name, said in {
        "config.minute": "expected a number",
        "config.redis.port": "value should be between 0 and 65535",
    }.items():
        at = reply.text.split(f'id="{name}-error"')[1].split("</p>")[0]
        assert said in at
    assert reply.values()["config.minute"] == ["ten"]
    assert reply.values()["config.redis.port"] == ["70000"]


async def test_the_switch_in_the_list_switches(site: Site, tab: Browser) -> None:
    row = await site.admin("POST", "/plugins", {"name": "key-auth"})
    off = await tab.post(f"{HOME}/plugins/{row['id']}/toggle", {"enabled": "false"})
    disabled = await site.admin("GET", f"/plugins/{row['id']}")
    page = await tab.get(off.location)
    await tab.post(f"{HOME}/plugins/{row['id']}/toggle", {"enabled": "true"})
    enabled = await site.admin("GET", f"/plugins/{row['id']}")
    opened = await tab.get(f"{HOME}/plugins/{row['id']}/toggle")

    assert [disabled["enabled"], enabled["enabled"]] == [False, True]
    assert "The plugin is disabled." in page.words
    assert "Enable key-auth" in page.words
    assert opened.status in {404, 405}


async def test_openid_connect_is_grouped_as_people_know_it(tab: Browser) -> None:
    page = await tab.get(f"{HOME}/plugins/new?name=openid-connect")
    places = [page.text.index(f"<h2>{name}</h2>") for name in ("General", "Common", "Authorization", "Advanced")]  # fmt: skip
    common = page.text[places[1] : places[2]]
    authorization = page.text[places[2] : places[3]]

    assert places == sorted(places)
    assert {"config.client_id", "config.client_secret", "config.issuer", "config.auth_methods"} == set(re.findall(r'name="([^"~]+)"', common))  # fmt: skip
    assert len(set(re.findall(r'name="([^"]+)"', authorization))) == 9
    assert "Session management" in common


async def test_secrets_of_openid_connect_are_never_shown(
    site: Site, tab: Browser
) -> None:
    row = await make_oidc(site, tab)
    pages = [await tab.get(f"{HOME}/plugins{p}") for p in ("", f"/{row['id']}", f"/{row['id']}/edit")]  # fmt: skip

    assert row["config"]["client_secret"] == [SECRET]
    assert not any(SECRET in page.text for page in pages)
    assert "set, not shown" in pages[1].words
    assert "(hidden)" in pages[1].words
    assert "Leave empty to keep what there is" in pages[2].words


async def test_a_secret_that_was_left_empty_is_kept(site: Site, tab: Browser) -> None:
    row = await make_oidc(site, tab)
    await make(tab, f"/plugins/{row['id']}/edit", config__leeway="7")
    after = await site.admin("GET", f"/plugins/{row['id']}")
    await make(tab, f"/plugins/{row['id']}/edit", config__client_secret="another-secret")  # fmt: skip
    changed = await site.admin("GET", f"/plugins/{row['id']}")

    assert {**row["config"], "leeway": 7} == after["config"]
    assert changed["config"]["client_secret"] == ["another-secret"]


async def test_the_redirect_uri_is_shown_before_and_after_saving(
    site: Site, tab: Browser
) -> None:
    route = await make_route(site)
    link = f"{HOME}/plugins/new?name=openid-connect&route={route['id']}"
    form = await tab.get(link)
    await make(tab, link.removeprefix(HOME), config__issuer=ISSUER, config__client_id="app")  # fmt: skip
    row = (await site.admin("GET", "/plugins"))["data"][0]
    page = await tab.get(f"{HOME}/plugins/{row['id']}")

    for shown in (form, page):
        assert "<code>https://127.0.0.1:8443/cognito</code>" in shown.text


async def test_a_routes_own_host_is_in_the_redirect_uri(
    site: Site, tab: Browser
) -> None:
    route = await make_route(site, hosts=["api.test", "*.wild.test"])
    page = await tab.get(f"{HOME}/plugins/new?name=openid-connect&route={route['id']}")

    assert re.findall(r"<li><code>(.*?)</code>", page.text) == ["https://api.test:8443/cognito"]  # fmt: skip


async def test_a_configuration_is_tried_before_it_is_saved(
    site: Site, tab: Browser
) -> None:
    route = await make_route(site)
    link = f"{HOME}/plugins/new?name=openid-connect&route={route['id']}"
    reply = await tab.submit(link, go="test", config__issuer=ISSUER, config__client_id="app", config__client_secret=SECRET)  # fmt: skip
    config, uri = site.asked[0]

    assert reply.status == 200
    assert "This configuration would fail" in reply.words
    assert "refuses <client> app" in reply.words
    assert "What to do: check client_id" in reply.words
    assert (config["issuer"], config["client_secret"]) == (ISSUER, [SECRET])
    assert uri == "https://127.0.0.1:8443/cognito"
    assert SECRET not in reply.text
    assert (await site.admin("GET", "/plugins"))["data"] == []


async def test_a_change_is_tried_with_the_secret_that_is_kept(
    site: Site, tab: Browser
) -> None:
    row = await make_oidc(site, tab)
    await tab.submit(f"{HOME}/plugins/{row['id']}/edit", go="test", config__issuer="https://other.test")  # fmt: skip
    config, _ = site.asked[0]
    kept = await site.admin("GET", f"/plugins/{row['id']}")

    assert (config["issuer"], config["client_secret"]) == ("https://other.test", [SECRET])  # fmt: skip
    assert kept["config"]["issuer"] == ISSUER


async def test_a_plugin_is_tried_as_it_is_kept(site: Site, tab: Browser) -> None:
    row = await make_oidc(site, tab)
    reply = await tab.post(f"{HOME}/plugins/{row['id']}/test")
    other = await site.admin("POST", "/plugins", {"name": "key-auth"})
    none = await tab.post(f"{HOME}/plugins/{other['id']}/test")

    assert "metadata" in reply.words
    assert row["config"] == site.asked[0][0]
    assert [reply.status, none.status] == [200, 404]
    assert len(site.asked) == 1


async def test_what_is_invalid_is_not_tried(site: Site, tab: Browser) -> None:
    link = f"{HOME}/plugins/new?name=openid-connect"
    reply = await tab.submit(link, go="test", config__issuer="", config__timeout="-1")

    assert "This configuration would fail" in reply.words
    assert "required field missing" in reply.words
    assert site.asked == []


async def test_whoever_may_not_make_plugins_calls_no_provider(tmp_path: Path) -> None:
    async with manager_site(tmp_path, rbac=True) as site:
        body = {"name": "openid-connect", "config": {"issuer": ISSUER, "client_id": ["a"]}}  # fmt: skip
        row = await site.admin("POST", "/plugins", body)
        role = {"endpoint": "/plugins/*", "actions": "read"}
        await site.admin("POST", "/rbac/roles/eves/endpoints", role)
        tab = site.tab()
        await tab.sign_in(EVE)
        seen = await tab.get(f"{HOME}/plugins/{row['id']}")
        replies = [
            await tab.post(f"{HOME}/plugins/{row['id']}/test"),
            await tab.post(f"{HOME}/plugins/{row['id']}/edit", {"go": "test", "config.issuer": ISSUER}),
            await tab.post(f"{HOME}/plugins/new?name=openid-connect", {"go": "test", "config.issuer": ISSUER}),
        ]  # fmt: skip

        assert seen.status == 200
        assert [reply.status for reply in replies] == [403] * 3
        assert site.asked == []


async def test_trying_changes_nothing(site: Site, tab: Browser) -> None:
    row = await make_oidc(site, tab)
    await tab.post(f"{HOME}/plugins/{row['id']}/test")
    await tab.submit(f"{HOME}/plugins/{row['id']}/edit", go="test")

    assert row == await site.admin("GET", f"/plugins/{row['id']}")
    assert (await site.admin("GET", "/audit/objects?dao_name=plugins"))["total"] == 1


async def test_the_preset_for_cognito_chooses_what_its_page_does(
    site: Site, tab: Browser
) -> None:
    route = await make_route(site)
    gallery = await tab.get(f"{HOME}/plugins/select?route={route['id']}")
    link = f"{HOME}/plugins/new?name=openid-connect&preset=cognito&route={route['id']}"
    await make(tab, link.removeprefix(HOME), config__issuer=ISSUER, config__client_id="app")  # fmt: skip
    row = (await site.admin("GET", "/plugins"))["data"][0]

    assert link.replace("&", "&amp;") in gallery.text
    assert row["config"]["auth_methods"] == ["authorization_code", "session"]
    assert row["config"]["scopes"] == ["openid", "email", "profile"]


async def test_a_plugin_is_for_a_group_of_consumers(site: Site, tab: Browser) -> None:
    group = await site.admin("POST", "/consumer_groups", {"name": "gold"})
    page = await tab.get(f"{HOME}/consumer_groups/{group['id']}")
    link = f"/plugins/new?name=rate-limiting&consumer_group={group['id']}"
    await make(tab, link, config__minute="5")
    listed = await tab.get(f"{HOME}/plugins")
    after = await tab.get(f"{HOME}/consumer_groups/{group['id']}")

    assert f"{HOME}/plugins/select?consumer_group={group['id']}" in page.text
    assert "consumer group gold" in listed.words
    assert "rate-limiting" in after.words


async def test_what_fails_says_nothing_of_what_was_typed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with manager_site(tmp_path) as site:

        async def fail(config: Any, uri: str, _: str) -> Any:
            raise RuntimeError(f"{config} {uri}")

        object.__setattr__(site.config, "examine", fail)
        tab = site.tab()
        row = await make_oidc(site, tab)
        reply = await tab.post(f"{HOME}/plugins/{row['id']}/test")

        assert reply.status == 500
        assert "Something went wrong" in reply.words
        assert "a page failed: RuntimeError in fail" in caplog.text
        assert SECRET not in reply.text + caplog.text


async def test_a_configuration_in_a_vault_is_tested_as_it_is_written(
    site: Site, tab: Browser
) -> None:
    """Only whoever examines reads the vault: the Manager never holds the value."""
    reference = "{vault://env/oidc-secret}"
    row = await make_oidc(site, tab, config__client_secret=reference)
    await tab.post(f"{HOME}/plugins/{row['id']}/test")

    assert site.asked[0][0]["client_secret"] == [reference]
