"""How often pages and OAuth endpoints may be asked, by each address and for each client."""

from __future__ import annotations

import base64
import html
import re
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from ostiary.userpool.app import create_app
from ostiary.userpool.config import ConsoleConfig, LoopbackOnly
from ostiary.userpool.limits import Limits
from ostiary.web.buckets import Buckets
from tests.userpool.hosted_kit import SIGN_IN
from tests.userpool.pool_kit import (
    CALLBACK,
    Answer,
    Browser,
    Demo,
    PoolSite,
    query_of,
)

ENDPOINTS = ["authorize", "token", "revoke", "userInfo", "form", "link"]


def limit(
    demo: Demo, *, clients: float = 0, addresses: float = 0, kept: int = 10_000
) -> None:
    """Let the demo's site begin to count."""
    limits = Limits(clients=Buckets(clients, kept=kept), addresses=Buckets(addresses))
    config = replace(
        demo.site.config,
        limits=limits,
        console=ConsoleConfig(access=LoopbackOnly()),
    )
    demo.site.app = create_app(config)
    demo.browser.app = demo.site.app


def come_from(app: ASGIApp, address: str) -> ASGIApp:
    """The site as it is for whoever has this address."""

    async def moved(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "client": (address, 1)}, receive, send)

    return moved


async def ask(demo: Demo, name: str, browser: Browser | None = None) -> Answer:
    """Ask an endpoint something that it refuses with nothing worse than a 400."""
    browser = browser or demo.site.browser()
    fields = {"client_id": demo.client_id, "token": "x", "grant_type": "refresh_token"}
    match name:
        case "token" | "revoke":
            return await browser.post(f"/oauth2/{name}", fields)
        case "userInfo":
            header, claims = {"alg": "RS256"}, {"client_id": demo.client_id}
            forged = f"{encode(header)}.{encode(claims)}.e30"
            return await browser.get(
                "/oauth2/userInfo", authorization=f"Bearer {forged}"
            )
        case "form":
            return await browser.post(f"/login?{demo.query()}", SIGN_IN)
        case "link":
            query = urlencode({"client_id": demo.client_id, "user_name": "nobody"})
            return await browser.get(f"/confirmUser?{query}")
        case _:
            return await browser.get(f"/oauth2/authorize?{demo.query()}")


def encode(value: dict[str, str]) -> str:
    text = str(value).replace("'", '"').encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


@pytest.mark.parametrize("name", ENDPOINTS)
async def test_an_address_that_asks_too_often_is_told_when_to_come_again(
    demo: Demo, name: str
) -> None:
    """One request of the address passes, the next is 429, and a second later one passes again."""
    limit(demo, addresses=1)
    seen = [(await ask(demo, name)).status for _ in range(3)]
    refused = await ask(demo, name)
    demo.site.clock.pass_s(int(refused.header("retry-after")))
    later = await ask(demo, name)

    assert seen[0] not in {429, 500}
    assert seen[1:] == [429, 429]
    assert refused.header("retry-after") == "1"
    assert later.status == seen[0]


@pytest.mark.parametrize("name", ENDPOINTS)
async def test_a_client_is_counted_wherever_it_is_named(demo: Demo, name: str) -> None:
    """What any endpoint takes from a client's rate is gone at all others, and for it alone."""
    made = await demo.site.call(
        "CreateUserPoolClient", UserPoolId=demo.pool_id, ClientName="another"
    )
    other = replace(demo, client_id=made["UserPoolClient"]["ClientId"])
    limit(demo, clients=1)
    first = await ask(demo, name)
    others = {n: (await ask(demo, n)).status for n in ENDPOINTS}
    by_api = await demo.site.call_raw(
        "ForgotPassword", {"ClientId": demo.client_id, "Username": "nobody"}
    )

    assert first.status != 429
    assert others == dict.fromkeys(ENDPOINTS, 429)
    assert by_api.json()["__type"] == "TooManyRequestsException"
    assert (await ask(other, name)).status != 429


async def test_a_client_is_counted_by_the_name_in_its_basic_credentials(
    demo: Demo,
) -> None:
    """Basic names the client, whether or not its secret is right."""
    limit(demo, clients=1)
    basic = base64.b64encode(f"{demo.client_id}:wrong".encode()).decode()
    answers = [
        await demo.token({"grant_type": "x"}, authorization=f"Basic {basic}")
        for _ in range(2)
    ]

    assert [a.status for a in answers] == [400, 429]


async def test_what_names_no_client_is_counted_for_none(demo: Demo) -> None:
    """Names that nobody has and bodies that cannot be read leave every client's rate alone."""
    limit(demo, clients=1, kept=1)
    await ask(demo, "token")
    for n in range(5):
        stranger = replace(demo, client_id=f"stranger{n}")
        for name in ("token", "authorize", "form"):
            assert (await ask(stranger, name)).status != 429
    large = await demo.site.browser().post("/oauth2/token", {"code": "x" * 70_000})
    other_type = await demo.site.browser().request("POST", "/oauth2/token", body=b"{}")
    no_basic = await demo.token({"grant_type": "x"}, authorization="Basic !")

    assert {a.json()["error"] for a in (large, other_type)} == {"invalid_request"}
    assert no_basic.json()["error"] == "invalid_client"
    # The one bucket that is kept is still the client's.
    assert (await ask(demo, "token")).status == 429


async def test_what_an_address_may_not_do_uses_up_no_clients_rate(demo: Demo) -> None:
    """However often one address asks, it takes its own rate from the client and no more."""
    limit(demo, clients=3, addresses=1)
    noisy = Browser(come_from(demo.site.app, "192.0.2.1"))
    quiet = Browser(come_from(demo.site.app, "192.0.2.2"))
    flood = [(await ask(demo, "token", noisy)).status for _ in range(9)]

    assert flood == [400] + [429] * 8
    assert (await ask(demo, "token", quiet)).status == 400


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("token", {"error": "too_many_requests"}),
        ("revoke", {"error": "too_many_requests"}),
        (
            "userInfo",
            {"error": "too_many_requests", "error_description": "Rate exceeded"},
        ),
    ],
)
async def test_endpoints_of_clients_refuse_in_their_own_shape(
    demo: Demo, name: str, expected: dict[str, str]
) -> None:
    """JSON that is not stored, and that scripts of other origins may read."""
    limit(demo, addresses=1)
    await ask(demo, name)
    refused = await ask(demo, name)

    assert refused.json() == expected
    assert refused.header("content-type") == "application/json;charset=UTF-8"
    assert refused.header("cache-control") == "no-store"
    assert refused.header("access-control-allow-origin") == "*"


async def test_a_refused_visit_leads_back_to_where_it_wanted(demo: Demo) -> None:
    """The page says what to do, and its button asks for the same page once more."""
    limit(demo, addresses=1)
    wanted = f"/_domain/demo/oauth2/authorize?{demo.query(state='<x>&quot;')}"
    browser = demo.site.browser(host="127.0.0.1:9229")
    await browser.get(wanted)
    refused = await browser.get(wanted)
    button = re.search(r'class="button" href="([^"]*)">Try again<', refused.text)

    assert refused.status == 429
    assert "<h1>Too many requests</h1>" in refused.text
    assert "Wait a moment" in refused.text
    assert "default-src 'none'" in refused.header("content-security-policy")
    assert button is not None
    assert html.unescape(button[1]) == wanted


async def test_a_refused_form_loses_nothing(demo: Demo) -> None:
    """The code on it is not used, the browser keeps its place, and the same form works later."""
    page = await demo.sign_up()
    limit(demo, addresses=1)
    await ask(demo, "link")
    kept, code = dict(demo.browser.cookies), demo.site.mailer.last_code()
    refused = await demo.browser.submit(page, {"code": code})

    assert refused.status == 429
    assert "Try again</a>" not in refused.text
    assert demo.browser.cookies == kept

    demo.site.clock.pass_s(1)
    done = await demo.browser.submit(page, {"code": code})

    assert done.location.startswith(CALLBACK)
    assert "code" in query_of(done.location)


@pytest.mark.parametrize(
    "path",
    [
        "/health",
        "/{pool}/.well-known/jwks.json",
        "/{pool}/.well-known/openid-configuration",
        "/_look/{pool}/ALL/none.css",
        "/login?{query}",
        "/signup?{query}",
        "/logout?{query}",
        "/error",
        "/console",
    ],
)
async def test_what_is_only_looked_at_is_not_counted(demo: Demo, path: str) -> None:
    """Probes, keys, style sheets, empty forms, leaving and the console have no limit."""
    limit(demo, clients=1, addresses=1)
    await ask(demo, "token")
    asked = path.format(pool=demo.pool_id, query=demo.query())
    console = Browser(demo.site.app, host="127.0.0.1:9229")
    browser = console if path == "/console" else demo.site.browser()

    assert 429 not in [(await browser.get(asked)).status for _ in range(5)]


async def test_without_limits_nobody_is_counted(site: PoolSite, demo: Demo) -> None:
    """A rate of nothing, as it is when nobody sets one, refuses nobody."""
    answers: list[Any] = [await ask(demo, name) for name in ENDPOINTS * 5]

    assert site.config.limits.clients.per_second == 0
    assert 429 not in [answer.status for answer in answers]
