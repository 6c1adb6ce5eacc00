"""Where browsers are sent: here, to the provider, or where the operator wrote."""

from __future__ import annotations

import itertools
import re
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.gateway.compile import compile_config
from ostiary.gateway.decision import Answer, Pending
from ostiary.gateway.gateway import Gateway, GatewayOptions
from ostiary.http.head import Reply, RequestHead, find, find_all
from ostiary.http.path import AmbiguousTarget, parse_target
from ostiary.kit import Services
from ostiary.model.declarative import read_declarative
from ostiary.plugins import CATALOG
from ostiary.signin.party import Party
from ostiary.signin.values import Refused, SendAway, Step
from tests.spec.conformance.provider import (
    CALLBACK,
    Suite,
    assert_signs_in,
    session_cookies,
)
from tests.support.browser import ORIGIN, Browser, build_party, refused
from tests.support.parties import LOGOUT, PAGE, XHR
from tests.support.provider import CLIENT_ID, ISSUER
from tests.unit.gateway.gateway_kit import PEER, NoBody

LOOKS_ELSEWHERE = (
    "//", "/\\", "\\/", "\\\\", "/%09/", "/%0a/", "/\t/", "/\n/", "///", "////",
    "/%5c", "/%2f", "/%2f%2f", "https:", "https:/", "https://", "http:\\\\",
    "//a@", "//a:b@", "/@", "@", "javascript:", "data:text/html,", "/;//", "/..//",
    "/.//", "/%2e%2e//", "/ //", "\t//", "\u3002//", "//%E3%80%82", ":", "?//", "#//",
)  # fmt: skip
HOSTS = (
    "evil.example", "evil.example/", "evil.example:443", "2130706433", "0x7f000001",
    "017700000001", "127.1", "[::1]", "evil%E3%80%82example", "evil\u3002example",
    "gw.example.evil.example", "gw.example@evil.example", "evil.example\\@gw.example",
)  # fmt: skip
PLACES = ("{}", "/cognito{}", "/cognito/page?rd={}", "/cognito/page?{}", "{}?logout=0")
# Names under which gateways, portals and providers take a return address.
RETURNS = (
    "rd", "next", "url", "redirect", "redirect_uri", "redirect_url", "return_to",
    "returnTo", "continue", "target", "target_link_uri", "post_logout_redirect_uri",
    "logout_uri", "login_redirect_uri", "unauthorized_redirect_uri", "RelayState",
    "service", "X-Forwarded-Host",
)  # fmt: skip
EVIL = "https://evil.example/"


def origin_as_browsers_read(url: str) -> str:
    """The origin of an http(s) URL as WHATWG URL §4.4 reads it, slips forgiven."""
    text = re.sub(r"[\t\n\r]", "", url.strip("".join(map(chr, range(33)))))
    scheme, colon, rest = text.partition(":")
    assert colon, url
    assert scheme.lower() in {"http", "https"}, url
    authority = re.split(r"[/\\?#]", rest.lstrip("/\\"), maxsplit=1)[0]
    return f"{scheme.lower()}://{authority.rpartition('@')[2].lower()}"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://gw.example/x", "https://gw.example"),
        ("https:/\\evil.example/", "https://evil.example"),
        ("https:evil.example", "https://evil.example"),
        ("https://gw.example@evil.example/", "https://evil.example"),
        ("https://gw.example\\@evil.example", "https://gw.example"),
        ("\t https://gw.\texample?//evil.example", "https://gw.example"),
    ],
)
def test_origins_are_read_as_browsers_do(url: str, origin: str) -> None:
    assert origin_as_browsers_read(url) == origin


async def walk(world: Suite, party: Party, target: str) -> str | None:
    """Where a sign-in that began at a target ends; None when the target is refused."""
    browser = world.browser()
    request = browser.request(PAGE)
    try:
        request.target = parse_target(target.encode())
    except AmbiguousTarget:
        return None
    begun = await world.signin.authenticate(request, party)
    assert isinstance(begun, SendAway), begun
    assert origin_as_browsers_read(begun.location) == origin_as_browsers_read(ISSUER)
    browser.keep(begun)
    step = await browser.ask(
        party, f"{CALLBACK}?{world.provider.authorize(begun.location)}"
    )
    assert isinstance(step, SendAway), step
    assert (step.status, len(session_cookies(browser))) == (303, 1)
    return step.location


@pytest.mark.spec("T-R1")
@pytest.mark.parametrize("place", PLACES)
async def test_no_target_leads_a_sign_in_to_another_origin(place: str) -> None:
    world, party = Suite(), build_party()
    ends = []
    for mark, host in itertools.product(LOOKS_ELSEWHERE, HOSTS):
        end = await walk(world, party, place.format(mark + host))
        if end is not None:
            assert end.startswith(f"{ORIGIN}/")
            assert origin_as_browsers_read(end) == ORIGIN
            ends.append(end)

    assert len(ends) >= 20


@pytest.mark.spec("T-R1")
async def test_a_target_of_this_origin_is_reached_byte_for_byte() -> None:
    world, party = Suite(), build_party()
    for target in ("/cognito/a%20b?c=%2F&d=//e", "/cognito", "//two/slashes?"):
        assert await walk(world, party, target) == f"{ORIGIN}{target}"


@pytest.mark.spec("T-R1")
@pytest.mark.parametrize("action", ["redirect", "upstream"])
async def test_tokens_in_a_fragment_stay_on_this_origin(action: str) -> None:
    world = Suite()
    party = build_party(login_action=action, login_tokens=["id_token"])
    end = await walk(world, party, "//evil.example/cognito@x")

    assert end is not None
    assert origin_as_browsers_read(end) == ORIGIN
    assert ("#id_token=" in end) is (action == "redirect")


@pytest.mark.spec("T-R1")
@given(
    path=st.text("/\\@:.?#%25c9afe\t;&=", max_size=24),
    query=st.none() | st.text("/\\@:.?#%&=evil\t", max_size=24),
)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_whatever_is_a_target_stays_behind_our_origin(
    path: str, query: str | None
) -> None:
    text = path if query is None else f"{path}?{query}"
    try:
        target = parse_target(text.encode())
    except AmbiguousTarget:
        return

    assert target.raw == text
    assert target.raw.startswith("/")
    assert origin_as_browsers_read(ORIGIN + target.raw) == ORIGIN
    assert "\\" not in target.raw_path
    assert not re.search(r"[\x00-\x20#]", target.raw)


def places_of(step: Step) -> list[str]:
    """Every address that a step shows to a browser."""
    found = [getattr(step, "location", None), getattr(step, "login_url", None)]
    return [url for url in found if url is not None]


async def every_end(browser: Browser, party: Party, extra: str) -> list[Step]:
    """A request of each kind that ends in an address, each with something added."""
    world = browser.world
    begun = await browser.ask(party, f"{PAGE}?{extra}")
    location = await browser.start(party, f"{PAGE}?x=1")
    state = world.provider.authorize(location)
    declined = f"error=access_denied&{state.partition('&')[2]}"
    steps = [
        begun,
        await browser.ask(party, f"{PAGE}?{extra}", fields=XHR),
        await browser.ask(party, f"{CALLBACK}?code=1&state=made-up&{extra}"),
        await browser.ask(party, f"{CALLBACK}?{declined}&{extra}"),
    ]
    location = await browser.start(party, f"{PAGE}?x=1")
    answer = world.provider.authorize(location)
    steps.append(await browser.ask(party, f"{CALLBACK}?{answer}&{extra}"))
    steps.append(await browser.ask(party, f"{CALLBACK}?{answer}&{extra}"))
    steps.append(await browser.ask(party, f"{PAGE}?logout=1&{extra}"))
    return steps


@pytest.mark.spec("T-R3")
@pytest.mark.parametrize("name", RETURNS)
async def test_no_argument_says_where_anything_ends(name: str) -> None:
    world = Suite()
    party = build_party(**LOGOUT, logout_redirect_uri=["https://app.example/bye"])
    extra = f"{name}={quote(EVIL, safe='')}"
    steps = await every_end(world.browser(), party, extra)

    kinds = [
        getattr(s, "why", "") if isinstance(s, SendAway) else getattr(s, "code", "")
        for s in steps
    ]
    assert kinds == [
        "login",
        "unauthorized",
        "callback_mismatch",
        "login_failed",
        "signed_in",
        "signed_in",
        "logout",
    ]
    places = [url for step in steps for url in places_of(step)]
    assert len(places) == 7
    assert {origin_as_browsers_read(url) for url in places} == {
        ORIGIN,
        origin_as_browsers_read(ISSUER),
    }
    assert not any("evil" in url for url in places)
    assert "post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye" in places[-1]


@pytest.mark.spec("T-R3")
async def test_an_operators_own_addresses_are_used_as_written() -> None:
    world = Suite()
    written = {
        "login_redirect_uri": "https://app.example/in",
        "logout_redirect_uri": f"{ISSUER}/end?fixed=1",
        "unauthorized_redirect_uri": "https://app.example/401",
    }
    changes: dict[str, Any] = {name: [url] for name, url in written.items()}
    party = build_party(**LOGOUT, **changes, login_action="redirect", login_tokens=[])
    steps = await every_end(world.browser(), party, "rd=%2F%2Fevil.example")
    places = [getattr(step, "location", "") for step in steps]

    assert places[1] == places[3] == "https://app.example/401"
    assert places[4] == "https://app.example/in"
    assert places[6] == f"{ISSUER}/end?fixed=1"
    assert not any("evil" in place for place in places)


@pytest.mark.spec("T-R6")
@pytest.mark.parametrize(
    "fields",
    [
        ((b"Sec-Fetch-Mode", b"no-cors"), (b"Sec-Fetch-Dest", b"image")),
        ((b"Sec-Fetch-Mode", b"no-cors"), (b"Sec-Fetch-Dest", b"script")),
        ((b"Sec-Fetch-Mode", b"cors"), (b"Sec-Fetch-Dest", b"empty")),
        ((b"Accept", b"image/avif,image/webp"),),
        XHR,
    ],
)
async def test_what_a_page_loads_does_not_move_the_end_of_its_sign_in(
    fields: tuple[tuple[bytes, bytes], ...],
) -> None:
    world, party = Suite(), build_party()
    browser = world.browser()
    location = await browser.start(party, f"{ORIGIN}/cognito/page?x=1")
    before = dict(browser.cookies)
    step = refused(
        await browser.ask(party, f"{ORIGIN}/cognito/logo.png", fields=fields)
    )

    assert step.status == 401
    assert browser.cookies == before
    assert find_all(step.fields, b"set-cookie") == ()
    answer = world.provider.authorize(location)
    end = await browser.ask(party, f"{CALLBACK}?{answer}")
    assert places_of(end) == [f"{ORIGIN}/cognito/page?x=1"]


class Front:
    """A whole gateway in memory, with the bundled plugin on one route."""

    def __init__(self, world: Suite) -> None:
        self.world = world
        self.gateway = Gateway(
            GatewayOptions(version="1"), new_request_id=lambda: "id", now=lambda: 0
        )
        data: dict[str, Any] = {
            "_format_version": "3.0",
            "services": [
                {
                    "name": "app",
                    "host": "app.internal",
                    "routes": [{"name": "app", "paths": ["/cognito"]}],
                }
            ],
            "plugins": [
                {
                    "name": "openid-connect",
                    "config": {"issuer": ISSUER, "client_id": [CLIENT_ID]},
                }
            ],
        }
        services = Services(signin=world.worker(), log=world.log)
        self.gateway.snapshot = compile_config(
            read_declarative(data), CATALOG, services
        )
        self.cookies: dict[str, str] = {}

    async def get(self, target: str) -> Reply:
        """What a browser that wants a page is answered."""
        jar = "; ".join(f"{k}={v}" for k, v in self.cookies.items()).encode()
        fields = ((b"Host", b"gw.example"), (b"Accept", b"text/html"))
        head = RequestHead(
            method=b"GET",
            target=target.encode(),
            fields=(*fields, *(((b"Cookie", jar),) if jar else ())),
        )
        decision = self.gateway.on_request(head, PEER, NoBody())
        if isinstance(decision, Pending):
            decision = await decision.decision
        assert isinstance(decision, Answer), decision
        for value in find_all(decision.reply.fields, b"set-cookie"):
            name, _, rest = value.decode().partition("=")
            self.cookies[name] = rest.partition(";")[0]
        return decision.reply

    async def answer(self) -> str:
        """The target of a callback that would sign in."""
        reply = await self.get("/cognito/page")
        location = find(reply.fields, b"location") or b""
        return f"/cognito?{self.world.provider.authorize(location.decode())}"


@pytest.mark.spec("T-R7")
async def test_a_callback_that_succeeds_leaves_its_address_at_once() -> None:
    front = Front(Suite())
    target = await front.answer()
    reply = await front.get(target)
    location = find(reply.fields, b"location") or b""

    assert reply.status == 303
    assert reply.body == b""
    assert find(reply.fields, b"refresh") is None
    assert urlsplit(location.decode()).path == "/cognito/page"
    assert b"code" not in location
    assert b"state" not in location


@pytest.mark.spec("T-R7")
@pytest.mark.parametrize("fault", ["nonce-invalid", "made-up state", "error"])
async def test_a_callback_that_fails_tells_nobody_its_address(fault: str) -> None:
    world = Suite()
    front = Front(world)
    target = await front.answer()
    match fault:
        case "nonce-invalid":
            world.provider.behave(fault)
        case "error":
            target = target.replace("code=", "error=")
        case _:
            target = "/cognito?code=code-1&state=made-up"
    reply = await front.get(target)
    page = reply.body.decode()
    code, state = (part.partition("=")[2] for part in target[9:].split("&"))

    assert reply.status in {400, 401}
    assert find(reply.fields, b"content-type") == b"text/html; charset=utf-8"
    assert find(reply.fields, b"referrer-policy") == b"no-referrer"
    assert find(reply.fields, b"cache-control") == b"no-store"
    policy = find(reply.fields, b"content-security-policy") or b""
    assert policy.startswith(b"default-src 'none'; ")
    assert not re.search(r"<(script|img|iframe|object|embed|base)\b", page)
    addresses = re.findall(r"(?:src|href|action)=[\"']?([^\"'\s>]*)", page)
    assert addresses
    assert {a for a in addresses if not a.startswith(("data:", "#"))} <= {
        f"{ORIGIN}/cognito/page",
        f"{ORIGIN}/cognito",
    }
    assert state not in page
    assert code not in page


@pytest.mark.spec("T-R3")
async def test_a_sign_in_that_is_tried_again_leads_to_the_same_page() -> None:
    world, party = Suite("nonce-invalid"), build_party()
    browser = world.browser()
    location = await browser.start(party, f"{ORIGIN}//evil.example/x?y=1")
    answer = world.provider.authorize(location)
    step = await browser.ask(party, f"{CALLBACK}?{answer}&rd=//evil.example")

    assert isinstance(step, Refused)
    assert step.login_url == f"{ORIGIN}//evil.example/x?y=1"
    await assert_signs_in(world, browser, party)
