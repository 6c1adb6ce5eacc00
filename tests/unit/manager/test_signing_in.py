"""Sign-in with RBAC tokens, sessions and their ends."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ostiary.manager.attempts import FREE_FAILURES, LONGEST_WAIT_S, Attempts
from ostiary.ports.shared import SharedUnavailable
from tests.unit.manager.manager_kit import ADA, EVE, HOME, Browser, Site, manager_site

PLAIN, SAFE = "ostiary-manager", "__Host-ostiary-manager"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with manager_site(tmp_path, rbac=True, allowed=("gui.example",)) as found:
        yield found


@pytest.fixture
def tab(site: Site) -> Browser:
    return site.tab()


async def test_whoever_is_not_known_is_asked_for_a_token(tab: Browser) -> None:
    page = await tab.get(f"{HOME}/services")
    asked = await tab.get(page.location)

    assert page.status == 302
    assert page.location == "/auth/sign-in?next=/default/services"
    assert "Sign in to the Manager" in asked.words


async def test_a_token_opens_the_page_that_was_asked_for(tab: Browser) -> None:
    reply = await tab.sign_in(next="/default/services")
    page = await tab.get(reply.location)

    assert reply.location == "/default/services"
    assert page.status == 200
    assert "ada" in page.words


@pytest.mark.parametrize("token", ["", "wrong", ADA + "x", ADA.upper()])
async def test_another_token_opens_nothing(tab: Browser, token: str) -> None:
    reply = await tab.sign_in(token)

    assert reply.status == 403
    assert "not the token of an enabled RBAC user" in reply.words
    assert PLAIN not in tab.jar
    assert not token or f'"{token}"' not in reply.text


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "/auth/sign-out",
        "x",
    ],
)
async def test_nobody_is_led_to_another_site(tab: Browser, wanted: str) -> None:
    reply = await tab.sign_in(next=wanted)

    assert reply.location == "/workspaces"


async def test_the_cookie_over_tls_is_bound_to_the_host(site: Site) -> None:
    reply = await site.tab(scheme="https").sign_in()
    cookie = next(c for c in reply.cookies if c.startswith(f"{SAFE}="))
    parts = set(cookie.split("; ")[1:])

    assert {"Path=/", "SameSite=Strict", "Secure", "HttpOnly"} == parts
    assert len(cookie.partition(";")[0].partition("=")[2]) == 64


async def test_what_is_kept_of_a_session_does_not_sign_in(site: Site) -> None:
    tab = site.tab()
    await tab.sign_in()
    value = tab.jar[PLAIN]
    kept = repr(site.shared._rows.rows)

    assert value not in kept
    assert ADA not in kept
    assert hashlib.sha256(value.encode()).hexdigest() in kept


async def test_a_session_begins_with_an_id_of_its_own(site: Site) -> None:
    planted = "ab" * 32
    tab = site.tab(jar={PLAIN: planted})
    await tab.sign_in()
    thief = site.tab(jar={PLAIN: planted})

    assert tab.jar[PLAIN] != planted
    assert (await thief.get(HOME)).status == 302


async def test_signing_in_again_ends_the_session_before(site: Site) -> None:
    tab = site.tab()
    await tab.sign_in()
    before = dict(tab.jar)
    await tab.sign_in(EVE)

    assert (await site.tab(jar=before).get(HOME)).status == 302


async def test_signing_out_ends_every_copy_of_the_cookie(site: Site) -> None:
    tab = site.tab()
    await tab.sign_in()
    copy = site.tab(jar=dict(tab.jar))
    reply = await tab.post("/auth/sign-out")

    assert reply.location == "/auth/sign-in?done=signed-out"
    assert PLAIN not in tab.jar
    assert (await copy.get(HOME)).status == 302


async def test_a_session_ends_when_nobody_uses_it(site: Site) -> None:
    tab = site.tab()
    await tab.sign_in()
    site.clock.move(site.config.idle_s - 1)
    used = await tab.get(HOME)
    site.clock.move(site.config.idle_s - 1)
    again = await tab.get(HOME)
    site.clock.move(site.config.idle_s + 1)
    late = await tab.get(HOME)

    assert [used.status, again.status, late.status] == [200, 200, 302]


async def test_a_session_ends_though_it_is_used(site: Site) -> None:
    tab = site.tab()
    await tab.sign_in()
    for _ in range(site.config.absolute_s // 1800 - 1):
        site.clock.move(1800)

        assert (await tab.get(HOME)).status == 200
    site.clock.move(1800)

    assert (await tab.get(HOME)).status == 302


@pytest.mark.parametrize(
    "change", [{"enabled": False}, {"user_token": "another-token-of-eve"}]
)
async def test_disabling_and_another_token_end_sessions(
    site: Site, change: dict[str, object]
) -> None:
    tab = site.tab()
    await tab.sign_in(EVE)
    before = await tab.get(f"{HOME}/services")
    await site.admin("PATCH", "/rbac/users/eve", change)
    after = await tab.get(f"{HOME}/services")
    await site.admin("PATCH", "/rbac/users/eve", {"enabled": True})
    later = await tab.get(f"{HOME}/services")

    assert [before.status, after.status, later.status] == [200, 302, 302]


async def test_a_deleted_user_is_signed_out(site: Site) -> None:
    tab = site.tab()
    await tab.sign_in(EVE)
    await site.admin("DELETE", "/rbac/users/eve")

    assert (await tab.get(f"{HOME}/services")).status == 302


async def test_guessing_at_one_address_is_slowed_down(site: Site) -> None:
    tab, other = site.tab(), site.tab(address="::1")
    for _ in range(FREE_FAILURES):
        await tab.sign_in("wrong")
    right = await tab.sign_in()
    elsewhere = await other.sign_in()
    site.clock.move(2)
    later = await tab.sign_in()

    assert "Too many wrong tokens" in right.words
    assert [right.status, elsewhere.status, later.status] == [403, 302, 302]


def test_the_wait_doubles_up_to_fifteen_minutes() -> None:
    attempts, now = Attempts(), 0.0
    waits: list[float] = []
    while len(waits) < 20:
        began = now
        while not attempts.begin("10.0.0.1", now=now):
            now += 1
        waits.append(now - began)

    assert waits[:FREE_FAILURES] == [0.0] * FREE_FAILURES
    assert waits[FREE_FAILURES : FREE_FAILURES + 3] == [1.0, 2.0, 4.0]
    assert LONGEST_WAIT_S == max(waits) == waits[-1]


def test_a_right_token_takes_back_its_own_attempt_and_no_guess() -> None:
    attempts, address = Attempts(), "10.0.0.1"
    for _ in range(FREE_FAILURES - 1):
        assert attempts.begin(address, now=0)
    assert attempts.begin(address, now=0)
    attempts.clear(address)

    assert attempts.begin(address, now=0)
    assert not attempts.begin(address, now=0)


def test_right_tokens_alone_never_wait() -> None:
    attempts = Attempts()
    for now in range(FREE_FAILURES * 3):
        assert attempts.begin("10.0.0.1", now=now)
        attempts.clear("10.0.0.1")


def test_guesses_are_forgotten_in_time_though_others_sign_in() -> None:
    attempts, address = Attempts(), "10.0.0.1"
    for _ in range(FREE_FAILURES - 1):
        attempts.begin(address, now=0)
    for now in (300, 600, 901):
        assert attempts.begin(address, now=now)
        attempts.clear(address)

    assert all(attempts.begin(address, now=902) for _ in range(FREE_FAILURES))
    assert not attempts.begin(address, now=902)


def test_a_right_token_ends_no_wait_of_other_guesses() -> None:
    attempts, address = Attempts(), "10.0.0.1"
    for _ in range(FREE_FAILURES + 1):
        attempts.begin(address, now=0)
        attempts.begin(address, now=1)
    attempts.clear(address)
    attempts.clear("10.0.0.2")

    assert attempts.begin(address, now=2)
    assert not attempts.begin(address, now=2)


async def test_one_token_does_not_make_guessing_at_another_faster(site: Site) -> None:
    waits = False
    for _ in range(2):
        for _ in range(FREE_FAILURES - 1):
            reply = await site.tab().sign_in("wrong")
            waits = waits or "Too many wrong tokens" in reply.words
        await site.tab().sign_in(EVE)

    assert waits


def test_one_network_of_ipv6_counts_as_one_address() -> None:
    attempts = Attempts()
    for number in range(FREE_FAILURES):
        attempts.begin(f"2001:db8::{number:x}", now=0)

    assert not attempts.begin("2001:db8::ffff", now=0)
    assert attempts.begin("2001:db8:0:1::1", now=0)


async def test_a_token_is_not_asked_for_where_a_network_could_read_it(
    site: Site,
) -> None:
    tab = site.tab(host="gui.example:8002", address="10.0.0.7")
    page = await tab.get("/auth/sign-in")
    reply = await tab.sign_in()

    assert 'name="token"' not in page.text
    assert "came without encryption" in page.words
    assert reply.status == 403
    assert not {PLAIN, SAFE} & tab.jar.keys()


async def test_a_name_of_this_machine_needs_no_tls_on_it(site: Site) -> None:
    near = await site.tab(host="gui.example:8002").sign_in()
    behind = await site.tab(host="gui.example:8002", headers={"via": "1.1 p"}).sign_in()

    assert [near.status, behind.status] == [302, 403]


async def test_a_terminator_of_tls_that_is_named_is_believed(tmp_path: Path) -> None:
    home = "https://gui.example"
    async with manager_site(tmp_path, rbac=True, gui_url=home) as site:
        tab = site.tab(host="gui.example")
        reply = await tab.sign_in()

        assert reply.status == 302
        assert SAFE in tab.jar


async def test_the_admin_api_knows_who_asks_and_through_what(site: Site) -> None:
    tab = site.tab(address="::1")
    await tab.sign_in()
    await tab.submit(f"{HOME}/services/new", name="orders", url="http://orders.test")
    found = await site.admin(
        "GET", "/audit/requests?method=POST&path=/default/services"
    )
    record = found["data"][0]

    assert record["rbac_user_name"] == "ada"
    assert record["request_source"] == "kong-manager"
    assert record["client_ip"] == "::1"


async def test_an_operator_does_what_roles_allow_and_nothing_else(site: Site) -> None:
    tab = site.tab()
    await tab.sign_in(EVE)
    seen = await tab.get(f"{HOME}/services")
    others = [await tab.get(HOME + p) for p in ("/routes", "/info", "/audit", "/flows", "/rbac/users")]  # fmt: skip
    made = await tab.post(f"{HOME}/services/new", {"name": "x", "host": "x.test"})
    workspace = await tab.post("/workspaces/new", {"name": "mine"})

    assert seen.status == 200
    assert {403} == {page.status for page in others}
    assert [made.status, workspace.status] == [403, 403]
    assert "eve, you do not have permissions to create this resource" in made.words
    assert (await site.admin("GET", "/services"))["data"] == []


@pytest.mark.parametrize(
    "said",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "none"},
        {"origin": "http://evil.example"},
        {"sec_fetch_site": "same-origin", "origin": "http://evil.example"},
    ],
)
async def test_a_form_of_another_page_changes_nothing(
    site: Site, said: dict[str, str]
) -> None:
    tab = site.tab()
    await tab.sign_in()
    data = {"name": "orders", "host": "orders.test"}
    body = await tab.send("POST", f"{HOME}/services/new", data, said)

    assert body.status == 403
    assert (await site.admin("GET", "/services"))["data"] == []


async def test_a_browser_that_says_nothing_shows_the_pages_token(site: Site) -> None:
    tab = site.tab()
    await tab.sign_in()
    page = await tab.get(f"{HOME}/services/new")
    data = {**page.values(), "name": ["orders"], "host": ["orders.test"]}
    wrong = await tab.send("POST", f"{HOME}/services/new", {**data, "_csrf": "x"})
    right = await tab.send("POST", f"{HOME}/services/new", data)

    assert [wrong.status, right.status] == [403, 302]


async def test_without_the_nodes_shared_state_nobody_is_let_in(site: Site) -> None:
    tab = site.tab()
    await tab.sign_in()

    async def away(key: str) -> bytes | None:
        raise SharedUnavailable

    site.shared.get = away  # type: ignore[method-assign]  # as if the socket were gone
    page = await tab.get(HOME)

    assert page.status == 503
    assert page.header("retry-after") == "1"
    assert "Services" not in page.text
