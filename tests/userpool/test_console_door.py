"""Who may open the console: this machine, or whoever has the token; and no page of another site."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from ostiary.node.secrets import SecretsUnsafe, open_console_token
from ostiary.node.userpool import build_console
from ostiary.settings import Settings, SettingsInvalid, read_settings
from ostiary.userpool.config import ConsoleConfig, LoopbackOnly, TokenSignIn
from ostiary.userpool.console.signing_in import read_next
from tests.userpool.console_kit import TOKEN, Console, open_console
from tests.userpool.pool_kit import Browser, build_demo, open_site


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Console]:
    async with open_console(tmp_path, access=TokenSignIn(token=TOKEN)) as opened:
        opened.browser.host = "192.0.2.7:9443"
        yield opened


@pytest.mark.parametrize(
    "host", ["127.0.0.1:9229", "[::1]:9229", "localhost", "cognito-idp.localhost:9443"]
)
async def test_this_machines_names_open_it(console: Console, host: str) -> None:
    answer = await Browser(console.site.app, host=host).get("/console")

    assert answer.status == 200


@pytest.mark.parametrize(
    "host", ["attacker.example", "192.0.2.7:9229", "127.0.0.1.attacker.example", ""]
)
async def test_without_sign_in_no_other_name_does(console: Console, host: str) -> None:
    answer = await Browser(console.site.app, host=host).get("/console")

    assert answer.status == 403
    assert "Your user pools" not in answer.text


async def test_a_pools_own_pages_have_no_console(console: Console) -> None:
    await build_demo(console.site)
    by_host = await Browser(console.site.app, host="demo.auth.localhost:9443").get(
        "/console"
    )
    by_path = await console.browser.get("/_domain/demo/console")

    assert by_host.status == 404
    assert by_path.status == 404


async def test_there_is_none_where_it_is_off(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        answer = await Browser(site.app, host="127.0.0.1:9229").get("/console")

        assert answer.status == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "none", "sec-fetch-mode": "navigate"}, 200),
        ({"sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate"}, 200),
        ({"sec-fetch-site": "same-site", "sec-fetch-mode": "navigate"}, 200),
        ({"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors"}, 403),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, 403),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, 403),
        ({"origin": "http://localhost:3000"}, 403),
    ],
)
async def test_pages_of_other_sites_read_nothing(
    console: Console, headers: dict[str, str], status: int
) -> None:
    answer = await console.get("", **headers)

    assert answer.status == status
    assert ("Your user pools" in answer.text) is (status == 200)
    assert answer.header("access-control-allow-origin") == ""


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "http://localhost:3000"},
    ],
)
async def test_pages_of_other_sites_change_nothing(
    console: Console, headers: dict[str, str]
) -> None:
    demo = await build_demo(console.site)
    answer = await console.post(
        f"/pools/{demo.pool_id}/groups", {"group_name": "planted"}, **headers
    )
    groups = await console.site.call("ListGroups", UserPoolId=demo.pool_id)

    assert answer.status == 403
    assert groups["Groups"] == []


async def test_a_browser_that_says_nothing_proves_its_form_by_the_token(
    console: Console,
) -> None:
    demo = await build_demo(console.site)
    path = f"/console/pools/{demo.pool_id}/groups"
    page = await console.browser.get(path)
    token = re.findall(r'name="_csrf" value="([^"]*)"', page.text)[0]
    fields = {"group_name": "staff", "_csrf": token}
    made = await console.browser.post(path, fields)
    stale = await console.browser.post(path, {**fields, "_csrf": "0" * 36})

    assert made.status == 302
    assert stale.status == 403


async def test_what_is_no_form_is_refused(console: Console) -> None:
    answer = await console.post("/create-pool", {}, **{"content-type": "text/plain"})
    many = await console.post("/create-pool", {f"f{n}": "" for n in range(500)})

    assert answer.status == 400
    assert many.status == 400


async def test_the_network_signs_in_and_comes_where_it_wanted(guarded: Console) -> None:
    first = await guarded.get("/create-pool")
    wrong = await guarded.post("/sign-in", {"token": "guess", "next": "/console"})
    right = await guarded.post(
        "/sign-in", {"token": TOKEN, "next": "/console/create-pool"}
    )

    assert first.location == "/console/sign-in?next=/console/create-pool"
    assert wrong.status == 403
    assert "This is not the console&#39;s token." in wrong.text
    assert right.location == "/console/create-pool"
    cookie = right.header("set-cookie")
    assert cookie.startswith("__Host-console=")
    assert {"Path=/", "Secure", "HttpOnly", "SameSite=Lax"} <= set(cookie.split("; "))
    assert (await guarded.get("/create-pool")).status == 200


async def test_nothing_is_done_before_sign_in(guarded: Console) -> None:
    demo = await build_demo(guarded.site)
    answer = await guarded.post(
        f"/pools/{demo.pool_id}/groups", {"group_name": "staff"}
    )
    groups = await guarded.site.call("ListGroups", UserPoolId=demo.pool_id)

    assert answer.status == 302
    assert groups["Groups"] == []


async def test_a_session_ends_by_sign_out_time_or_another_token(
    guarded: Console,
) -> None:
    await guarded.post("/sign-in", {"token": TOKEN})
    kept = dict(guarded.browser.cookies)
    config = replace(
        guarded.site.config, console=ConsoleConfig(access=TokenSignIn(token="n" * 43))
    )

    assert (await guarded.get()).status == 200
    assert "Sign out" in (await guarded.get()).text

    await guarded.post("/sign-out", {})

    assert (await guarded.get()).status == 302

    guarded.browser.cookies = kept
    guarded.site.clock.pass_s(8 * 3600)

    assert (await guarded.get()).status == 302

    guarded.site.clock.pass_s(-8 * 3600)
    from_before = open_changed(guarded, config)

    assert (await from_before.get("/console")).status == 302


def open_changed(console: Console, config: object) -> Browser:
    from ostiary.userpool.app import create_app
    from ostiary.userpool.config import UserPoolConfig

    assert isinstance(config, UserPoolConfig)
    return Browser(
        create_app(config),
        host=console.browser.host,
        cookies=dict(console.browser.cookies),
    )


async def test_a_copy_of_a_cookie_is_no_good_after_sign_out(guarded: Console) -> None:
    await guarded.post("/sign-in", {"token": TOKEN})
    other = dict(guarded.browser.cookies)
    await guarded.post("/sign-in", {"token": TOKEN})
    copied = dict(guarded.browser.cookies)
    await guarded.post("/sign-out", {})
    guarded.browser.cookies = copied

    assert (await guarded.get()).status == 302

    guarded.browser.cookies = other

    assert (await guarded.get()).status == 200


async def test_a_forged_session_is_none(guarded: Console) -> None:
    guarded.browser.cookies["__Host-console"] = "Zm9yZ2Vk"

    assert (await guarded.get()).status == 302


async def test_guesses_are_slowed_down(guarded: Console) -> None:
    for _ in range(5):
        await guarded.post("/sign-in", {"token": "guess"})
    locked = await guarded.post("/sign-in", {"token": TOKEN})
    guarded.site.clock.pass_s(3)
    later = await guarded.post("/sign-in", {"token": TOKEN})

    cleared = [await guarded.post("/sign-in", {"token": TOKEN}) for _ in range(9)]

    assert [answer.status for answer in cleared] == [302] * 9
    assert locked.status == 403
    assert "Too many wrong tokens" in locked.text
    assert later.status == 302


@pytest.mark.parametrize(
    ("wanted", "led"),
    [
        ("/console/pools/a_b/users?text=x%20y", "/console/pools/a_b/users?text=x%20y"),
        ("//attacker.example", "/console"),
        ("https://attacker.example/console", "/console"),
        ("/console/../oauth2", "/console"),
        ("/console\\@attacker.example", "/console"),
        ("/consoles", "/console"),
    ],
)
def test_sign_in_leads_into_the_console_only(wanted: str, led: str) -> None:
    assert read_next(wanted) == led


def settings_of(**changes: object) -> Settings:
    return read_settings(
        file_text=None, environ={}, overrides={"userpool": True, **changes}
    ).settings


def test_only_loopback_is_without_sign_in(tmp_path: Path) -> None:
    here = build_console(settings_of(), tmp_path)
    open_to_all = build_console(
        settings_of(userpool_listen="127.0.0.1:9229, 0.0.0.0:9443 ssl"), tmp_path
    )
    with_keys = build_console(
        settings_of(userpool_credentials="AKIAEXAMPLE:secret"), tmp_path
    )
    off = build_console(settings_of(userpool_console=False), tmp_path)

    assert here == ConsoleConfig(access=LoopbackOnly())
    assert open_to_all == ConsoleConfig(
        access=TokenSignIn(token=open_console_token(tmp_path))
    )
    assert with_keys == open_to_all
    assert off is None


def test_the_token_is_the_owners_alone_and_can_be_changed(tmp_path: Path) -> None:
    first = open_console_token(tmp_path)
    path = tmp_path / "secrets" / "console-token"

    assert path.stat().st_mode & 0o777 == 0o600
    assert open_console_token(tmp_path) == first
    assert open_console_token(tmp_path, fresh=True) != first

    path.chmod(0o644)
    with pytest.raises(SecretsUnsafe, match="can be read by others"):
        open_console_token(tmp_path)

    path.chmod(0o600)
    path.write_text("short")
    with pytest.raises(SecretsUnsafe, match="too short"):
        open_console_token(tmp_path)


def test_the_mailbox_is_a_web_address() -> None:
    with pytest.raises(SettingsInvalid, match="userpool_mailbox_url"):
        settings_of(userpool_mailbox_url="javascript:alert(1)")
