"""Whose form a hosted page takes: its own, from any tab; and no one else's."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.userpool.hosted_kit import SIGN_IN
from tests.userpool.pool_kit import CALLBACK, Answer, Browser, Demo, PoolSite, query_of

OWN = {"sec-fetch-site": "same-origin"}
# As browsers send it with forms of pages that hide where they are.
HIDDEN = {**OWN, "origin": "null"}
ORIGIN = "https://demo.auth.localhost:9443"
STALE = "This form has expired. Please try again."
TABS = 20


async def _open_tabs(
    site: PoolSite, demo: Demo, tabs: int
) -> tuple[Browser, list[Answer]]:
    """A browser whose tabs all asked before any answer came; the last cookie has won."""
    asked = [site.browser() for _ in range(tabs)]
    pages = await asyncio.gather(
        *(b.get(f"/login?{demo.query(state=str(n))}") for n, b in enumerate(asked))
    )

    assert len({b.cookies["XSRF-TOKEN"] for b in asked}) == tabs

    return replace(asked[-1], cookies=dict(asked[-1].cookies)), pages


async def test_tabs_opened_at_once_each_lead_to_their_own_client_page(
    site: PoolSite, demo: Demo
) -> None:
    await demo.confirm()
    browser, pages = await _open_tabs(site, demo, TABS)
    browser.extra = HIDDEN
    answers = await asyncio.gather(*(browser.submit(p, SIGN_IN) for p in pages))

    assert [a.status for a in answers] == [302] * TABS
    assert [query_of(a.location)["state"] for a in answers] == [
        str(n) for n in range(TABS)
    ]
    assert all(a.location.startswith(CALLBACK) for a in answers)
    assert len({query_of(a.location)["code"] for a in answers}) == TABS


async def test_a_browser_that_says_nothing_is_shown_a_form_that_works(
    site: PoolSite, demo: Demo
) -> None:
    await demo.confirm()
    browser, pages = await _open_tabs(site, demo, 2)
    refused = await browser.submit(pages[0], SIGN_IN)

    assert refused.status == 403
    assert STALE in refused.text
    assert 'value="ada@example.org"' in refused.text
    assert (await browser.submit(refused, SIGN_IN)).status == 302


@pytest.mark.parametrize(
    ("headers", "token", "status"),
    [
        (OWN, "other", 302),
        (OWN, "none", 302),
        (OWN | {"origin": ORIGIN}, "other", 302),
        (HIDDEN, "other", 302),
        ({}, "own", 302),
        ({"origin": ORIGIN}, "own", 302),
        ({"sec-fetch-site": "none"}, "own", 302),
        ({}, "none", 403),
        ({}, "other", 403),
        ({"origin": ORIGIN}, "other", 403),
        ({"origin": "null"}, "other", 403),
        ({"sec-fetch-site": "none"}, "none", 403),
        ({"sec-fetch-site": "cross-site"}, "own", 403),
        ({"sec-fetch-site": "same-site"}, "own", 403),
        ({"sec-fetch-site": "cross-site", "origin": "null"}, "own", 403),
        ({"sec-fetch-site": "elsewhere"}, "own", 403),
        ({"origin": "https://evil.example"}, "own", 403),
        (OWN | {"origin": "https://evil.example"}, "own", 403),
        (OWN | {"origin": "https://other.auth.localhost:9443"}, "own", 403),
    ],
)
async def test_the_browser_is_believed_and_where_it_is_silent_the_token(
    demo: Demo, headers: dict[str, str], token: str, status: int
) -> None:
    await demo.confirm()
    demo.browser.cookies.pop("cognito")
    await demo.browser.get(f"/login?{demo.query()}")
    given = {
        "own": {"_csrf": demo.browser.cookies["XSRF-TOKEN"]},
        "other": {"_csrf": "00000000-0000-4000-8000-000000000000"},
        "none": {},
    }[token]
    answer = await demo.browser.post(
        f"/login?{demo.query()}", {**given, **SIGN_IN}, **headers
    )

    assert answer.status == status
    assert ("cognito" in demo.browser.cookies) is (status == 302)
    assert status == 302 or STALE in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1:9000", "pool.internal"])
async def test_behind_a_proxy_that_changes_the_host_the_pools_own_name_counts(
    site: PoolSite, demo: Demo, host: str
) -> None:
    await demo.confirm()
    browser = site.browser(host=host)
    page = await browser.get(f"/_domain/demo/login?{demo.query()}")
    browser.extra = {"origin": ORIGIN}

    assert (await browser.submit(page, SIGN_IN)).status == 302


@pytest.mark.parametrize(
    "path",
    [
        "/login",
        "/signup",
        "/confirm",
        "/resendcode",
        "/forgotPassword",
        "/confirmforgotPassword",
        "/confirmForgotPassword",
    ],
)
async def test_every_form_is_refused_from_elsewhere_and_without_a_token(
    site: PoolSite, demo: Demo, path: str
) -> None:
    await demo.sign_up()
    sent = len(site.mailer.sent)
    token = {"_csrf": demo.browser.cookies["XSRF-TOKEN"]}
    target = f"{path}?{demo.query()}"
    for fields, headers in (
        (token, {"sec-fetch-site": "cross-site"}),
        (token, {"sec-fetch-site": "same-site"}),
        (token, {"origin": "https://evil.example"}),
        ({}, {}),
    ):
        answer = await demo.browser.post(target, {**fields, **SIGN_IN}, **headers)

        assert answer.status == 403
        assert STALE in answer.text
    await site.settle()

    assert len(site.mailer.sent) == sent

    own = await demo.browser.post(target, SIGN_IN, **OWN)

    assert STALE not in own.text


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/plain", b"username=ada%40example.org"),
        ("application/x-www-form-urlencoded", b"username=%ff"),
        ("application/x-www-form-urlencoded", b"a=" + b"x" * 65536),
    ],
)
async def test_what_is_no_form_is_refused_whatever_the_browser_says(
    demo: Demo, kind: str, body: bytes
) -> None:
    answer = await demo.browser.request(
        "POST",
        f"/login?{demo.query()}",
        body=body,
        headers={**OWN, "content-type": kind},
    )

    assert answer.status == 403
