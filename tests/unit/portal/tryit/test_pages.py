"""The page that tries an operation: who may send, what is sent, what is shown."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from ostiary.http.url import origin_of
from ostiary.model.workspaces import DEFAULT_WORKSPACE
from ostiary.portal.gui import create_gui
from ostiary.portal.library import Library
from ostiary.portal.tryit.sending import DEVELOPER_BURST, PORTAL_BURST, TryIt
from ostiary.ports.own_gateway import GatewayAway, NotRouted, OwnReply
from tests.unit.portal.portal_kit import HOME, Browser, PortalWorld, Seen, portal_world
from tests.unit.portal.tryit.try_kit import SPEC, FakeGateway

TRY = f"{HOME}/documentation/pets/get-cat/try"
VALUES = {"path:name": "tom"}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[PortalWorld]:
    async with portal_world(tmp_path) as made:
        await made.switch_on()
        await made.developer(status=0)
        await put(made, SPEC)
        yield made


@pytest.fixture
def gateway(world: PortalWorld) -> FakeGateway:
    made = FakeGateway()
    use(world, TryIt(made, world.base.clock.now))
    return made


@pytest.fixture
async def ada(world: PortalWorld, gateway: FakeGateway) -> Browser:
    assert gateway.sent == []
    browser = world.browser(ip="192.0.2.7")
    await browser.sign_in()
    return browser


def use(world: PortalWorld, trying: TryIt | None) -> None:
    site = replace(world.site, trying=trying)
    world.gui = create_gui(site, Library(world.node.store))


async def put(world: PortalWorld, spec: dict[str, Any]) -> None:
    body = {"path": "specs/pets.json", "contents": json.dumps(spec)}
    reply = await world.node.send("PUT", "/files/specs/pets.json", body)
    assert reply.status == 200, reply.text


async def send(browser: Browser, url: str = TRY, /, **values: str) -> Seen:
    form = {"_csrf": browser.jar.get("XSRF-TOKEN", ""), **VALUES, **values}
    kind = {
        "content-type": "application/x-www-form-urlencoded",
        "origin": origin_of(url),
    }
    return await browser.ask(url, "POST", body=urlencode(form).encode(), fields=kind)


@pytest.mark.spec("portal#5.2")
async def test_a_developer_sends_a_request_and_sees_the_answer(
    ada: Browser, gateway: FakeGateway
) -> None:
    """The request goes to the gateway for the portal's workspace; cookies and the rest stay here."""
    page = await ada.ask(TRY)
    seen = await send(ada, **{"query:size": "big", "auth:token": "s3cret-token"})

    assert (page.status, seen.status) == (200, 200)
    assert 'placeholder="tom"' in page.text
    assert gateway.spaces == [DEFAULT_WORKSPACE]
    sent = gateway.sent[0]
    assert (sent.method, sent.host, sent.target) == ("GET", "kong-ee:8443", "/pets/cats/tom?size=big")  # fmt: skip
    assert sent.client_ip == "192.0.2.7"
    assert sorted(n for n, _ in sent.fields) == ["Accept", "Authorization"]
    assert "200 OK" in seen.text
    assert "12 ms" in seen.text
    assert seen.field("cache-control") == "no-store"
    assert "s3cret-token" not in seen.text
    assert 'value="tom"' in seen.text


async def test_the_operation_leads_to_its_form(
    ada: Browser, world: PortalWorld
) -> None:
    """Only where requests can be sent, and for methods that are."""
    url = TRY.removesuffix("/try")
    with_link = await ada.ask(url)
    trace = await ada.ask(f"{HOME}/documentation/pets/trace-cat")
    use(world, None)
    without = await ada.ask(url)

    assert "get-cat/try" in with_link.text
    assert "trace-cat/try" not in trace.text
    assert "get-cat/try" not in without.text


async def test_who_is_not_approved_sends_nothing(
    world: PortalWorld, gateway: FakeGateway
) -> None:
    """Strangers go to the sign-in, and a developer who was revoked is told so."""
    stranger = world.browser()
    asked = await stranger.ask(TRY)
    sent = await send(stranger)
    await world.set_status(3)
    revoked = world.browser()
    await revoked.sign_in()
    refused = await send(revoked)

    assert asked.field("location") == "/default/login?next=/default/documentation/pets/get-cat/try"  # fmt: skip
    assert sent.status in {303, 403}
    assert (refused.status, refused.field("location")) == (303, "/default/unauthorized")
    assert gateway.sent == []


@pytest.mark.spec("portal#3.4")
async def test_a_specification_that_somebody_may_not_read_cannot_be_tried(
    ada: Browser, world: PortalWorld, gateway: FakeGateway
) -> None:
    """For a role that they lack, and one that is in no list."""
    private = deepcopy(SPEC)
    private["x-headmatter"] = {"readable_by": ["partner"]}
    await world.node.send("POST", "/developers/roles", {"name": "partner"})
    await put(world, private)
    denied = await send(ada)
    private["x-headmatter"] = {"private": True}
    await put(world, private)
    unlisted = await send(ada)

    assert (denied.status, unlisted.status) == (405, 404)
    assert "not in the catalogue" in unlisted.text
    assert gateway.sent == []


@pytest.mark.parametrize(
    ("path", "status"),
    [("pets/trace-cat/try", 404), ("pets/nothing/try", 405), ("pets/try", 405)],
)
async def test_only_operations_of_the_specification_are_sent(
    ada: Browser, gateway: FakeGateway, path: str, status: int
) -> None:
    """TRACE is not, nor what is not there."""
    seen = await send(ada, f"{HOME}/documentation/{path}")

    assert seen.status == status
    assert gateway.sent == []


@pytest.mark.spec("security#T-K")
async def test_a_form_of_another_site_sends_nothing(
    ada: Browser, gateway: FakeGateway
) -> None:
    """Neither cross-site, nor without the page's own token."""
    fields = {"content-type": "application/x-www-form-urlencoded", "origin": "https://evil.example", "sec-fetch-site": "cross-site"}  # fmt: skip
    seen = await ada.ask(TRY, "POST", body=b"path%3Aname=tom", fields=fields)

    assert seen.status == 403
    assert gateway.sent == []


async def test_errors_are_at_their_fields_and_nothing_is_sent(
    ada: Browser, gateway: FakeGateway
) -> None:
    """What was typed stays, but for credentials."""
    seen = await send(
        ada, **{"path:name": "..", "auth:login": "pass-word", "user:login": "ada", "fields": "Cookie: a"}
    )  # fmt: skip

    assert seen.status == 400
    assert seen.text.count('class="field-error"') == 2
    assert "cookies are never sent from here" in seen.text
    assert 'value=".."' in seen.text
    assert "pass-word" not in seen.text
    assert gateway.sent == []


@pytest.mark.spec("portal#5.2")
async def test_what_no_route_takes_has_no_form_but_what_is_missing(
    ada: Browser, gateway: FakeGateway
) -> None:
    """Also for a form that was filled in before the route went; the documentation stays."""
    with_form = await ada.ask(TRY)
    gateway.away = {"kong-ee:8443", "pets.example.com:444"}
    page = await ada.ask(TRY)
    sent = await send(ada)

    assert '<form class="card try-form' in with_form.text
    for seen in (page, sent):
        assert seen.status == 200
        assert "This cannot be tried here yet" in seen.text
        assert (
            "add a route for the host and the path of one of these servers" in seen.text
        )
        assert "try-form" not in seen.text.partition("<body")[2]
    assert gateway.sent == []


@pytest.mark.parametrize(
    "error", [NotRouted("No route of this workspace"), GatewayAway("No answer")]
)
async def test_a_request_that_got_no_answer_is_told(
    ada: Browser, gateway: FakeGateway, error: NotRouted | GatewayAway
) -> None:
    """With the reason, and with the form as it was."""
    gateway.reply = error
    seen = await send(ada)

    assert seen.status == 400
    assert error.reason in seen.text
    assert 'value="tom"' in seen.text


async def test_an_answer_does_nothing_to_the_browser(
    ada: Browser, gateway: FakeGateway
) -> None:
    """No cookie of it is set, no script of it runs, no redirect of it is followed."""
    fields = (("Set-Cookie", "portal=stolen; Path=/"), ("Location", "https://evil.example/"), ("Content-Type", "text/html"))  # fmt: skip
    gateway.reply = OwnReply(
        status=302, fields=fields, body=b"<script>alert(1)</script>", took_ms=1
    )
    seen = await send(ada)

    assert seen.status == 200
    assert seen.field("location") is None
    assert "stolen" not in seen.text
    assert "portal" not in ada.jar
    assert "<script" not in seen.text
    assert "evil.example" in seen.text


async def test_without_a_listener_or_a_sign_in_it_is_off(
    ada: Browser, world: PortalWorld, gateway: FakeGateway
) -> None:
    """The page says why."""
    use(world, None)
    off = await ada.ask(TRY)
    use(world, TryIt(gateway, world.base.clock.now))
    await world.configure(portal_auth=None)
    open_to_all = await send(ada)

    assert (off.status, open_to_all.status) == (404, 404)
    assert "cannot be sent from this portal" in off.text
    assert gateway.sent == []


async def test_whoever_sends_too_often_waits(
    ada: Browser, gateway: FakeGateway, world: PortalWorld
) -> None:
    """Each developer by themselves; it gets better with time."""
    for _ in range(DEVELOPER_BURST):
        assert (await send(ada)).status == 200
    late = await send(ada)
    world.base.clock.time += 3
    again = await send(ada)

    assert (late.status, late.field("retry-after")) == (429, "2")
    assert again.status == 200
    assert len(gateway.sent) == DEVELOPER_BURST + 1
    assert PORTAL_BURST > DEVELOPER_BURST
