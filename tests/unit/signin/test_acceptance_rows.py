"""Rows of the acceptance list and of the security list that are about whole requests."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.gateway.compile import compile_config
from ostiary.http.cookies import parse_cookies
from ostiary.http.head import find, find_all
from ostiary.kit import Services, error_reply
from ostiary.model.declarative import DeclarativeInvalid, read_declarative
from ostiary.plugins import CATALOG
from ostiary.signin.schema import OpenidConnectConfig, describe_warnings
from ostiary.signin.values import SendAway
from tests.support.browser import World, allowed, build_party, refused
from tests.support.parties import LASTING, PAGE, bearer
from tests.support.provider import ISSUER
from tests.unit.signin.test_methods import OPAQUE, party_with


@pytest.mark.spec("OP25-3")
async def test_a_good_bearer_token_passes_and_a_tampered_one_does_not() -> None:
    world, party = World(), build_party(auth_methods=["bearer"])
    token = world.provider.access_token()
    head, payload, signature = token.split(".")
    flipped = "A" if payload[5] != "A" else "B"
    tampered = f"{head}.{payload[:5]}{flipped}{payload[6:]}.{signature}"

    good = await world.browser().ask(party, PAGE, fields=bearer(token))
    bad = await world.browser().ask(party, PAGE, fields=bearer(tampered))

    assert allowed(good).subject == "ada"
    assert (refused(bad).status, refused(bad).error) == (401, "invalid_token")


@pytest.mark.spec("OP25-17")
async def test_logging_out_by_get_deletes_the_cookie_and_redirects() -> None:
    world = World()
    party = build_party(logout_query_arg="logout", logout_methods=["GET"])
    browser = world.browser()
    await browser.sign_in(party)

    step = await browser.ask(party, f"{PAGE}?logout=true")

    assert isinstance(step, SendAway)
    assert step.status == 302
    assert step.location.startswith(f"{ISSUER}/end?")
    gone = [c for c in find_all(step.fields, b"set-cookie") if b"session" in c]
    assert gone
    assert all(b"Max-Age=0" in c for c in gone)


@pytest.mark.spec("OP25-19")
async def test_a_plugin_made_while_the_provider_is_away_works_when_it_is_back() -> None:
    world = World()
    world.provider.down = True
    party = build_party()
    browser = world.browser()

    first = refused(await browser.ask(party, PAGE))
    world.provider.down = False
    world.clock.move(6)
    later = await browser.ask(party, PAGE)

    assert (first.status, first.code) == (500, "provider_unreachable")
    assert isinstance(later, SendAway)
    assert later.status == 302


@pytest.mark.spec("OP25-20")
def test_the_portals_settings_are_accepted_as_the_page_shows_them() -> None:
    config = OpenidConnectConfig.model_validate(
        {
            "issuer": f"{ISSUER}/.well-known/openid-configuration",
            "client_id": ["c"],
            "consumer_by": ["username", "custom_id", "id"],
            "consumer_claim": ["email"],
            "login_tokens": {},
            "login_action": "redirect",
            "login_redirect_mode": "query",
            "ssl_verify": False,
        },
        strict=False,
    )

    assert config.login_tokens == ()
    assert config.consumer_claims == (("email",),)


@pytest.mark.usefixtures("nobody_else_refreshes")
@pytest.mark.spec("T-K11")
@pytest.mark.parametrize("kept", [True, False])
async def test_an_account_that_is_switched_off_is_out_at_the_next_look(
    *, kept: bool
) -> None:
    world, party = World(), build_party(**LASTING)
    browser = world.browser()
    await browser.sign_in(party)
    other = party_with("introspection")
    now = world.clock.now()
    world.provider.told[OPAQUE] = {"active": True, "sub": "ada", "exp": now + 60}
    allowed(await browser.ask(other, PAGE, fields=bearer(OPAQUE), cookies=False))
    if not kept:
        world.provider.token_reply = lambda _: world.provider.json(
            400, {"error": "invalid_grant"}
        )
        world.provider.told = {}

    world.clock.move(world.provider.lifetime + 1)
    step = await browser.visit(party)
    asked = await browser.ask(other, PAGE, fields=bearer(OPAQUE), cookies=False)

    assert (getattr(step, "method", None) == "session") is kept
    assert refused(asked).status == 401


@pytest.mark.spec("T-C14")
@pytest.mark.parametrize(("mode", "arrives"), [("form_post", True), ("query", False)])
async def test_a_browser_sends_the_flows_cookie_with_a_form_of_another_site(
    mode: str, *, arrives: bool
) -> None:
    """As browsers do: a cross-site POST carries cookies of SameSite=None and Secure only."""
    world, party = World(), build_party(response_mode=mode)
    step = await world.browser().ask(party, PAGE)
    assert isinstance(step, SendAway)

    sent = [
        cookie
        for cookie in find_all(step.fields, b"set-cookie")
        if b"SameSite=None" in cookie and b"Secure" in cookie
    ]

    assert bool(parse_cookies(sent)) is arrives


@pytest.mark.spec("T-O5")
def test_certificates_are_checked_unless_the_operator_says_no_and_hears_of_it() -> None:
    usual = OpenidConnectConfig.model_validate({"issuer": ISSUER}, strict=False)
    off = OpenidConnectConfig.model_validate(
        {"issuer": ISSUER, "ssl_verify": False}, strict=False
    )

    assert usual.ssl_verify
    assert not any("ssl_verify" in line for line in describe_warnings(usual))
    assert any("certificate is not checked" in line for line in describe_warnings(off))


@pytest.mark.spec("T-O1")
@pytest.mark.spec("T-O2")
@pytest.mark.parametrize(
    "plugin",
    [
        {"name": "openid-conect", "config": {"issuer": ISSUER}},
        {"name": "openid-connect", "config": {}},
        {"name": "openid-connect", "config": {"issuer": ISSUER, "scope": ["x"]}},
        {"name": "openid-connect", "config": {"issuer": ISSUER, "reverify": True}},
        {"name": "openid-connect", "config": {"issuer": "not a url"}},
    ],
)
def test_a_plugin_that_cannot_be_built_never_leaves_its_route_open(
    plugin: dict[str, Any],
) -> None:
    service = {"name": "s", "host": "up.example"}
    route = {"name": "r", "paths": ["/"], "service": "s", "plugins": [plugin]}
    data = {"_format_version": "3.0", "services": [service], "routes": [route]}
    lent: Services = None  # type: ignore[assignment] # nothing is built from it

    with pytest.raises(DeclarativeInvalid, match="plugin"):
        compile_config(read_declarative(data), CATALOG, lent)


HOSTILE = st.sampled_from(
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "javascript:alert(1)",
        "</pre><svg/onload=alert(1)>",
        "{{7*7}}{% raw %}",
        "'-alert(1)-'",
        "\u2028\u0000",
    ]
)


@pytest.mark.spec("T-R5")
@given(texts=st.lists(HOSTILE | st.text(max_size=30), min_size=4, max_size=4))
@settings(max_examples=60)
def test_no_text_of_others_becomes_a_part_of_a_page(texts: list[str]) -> None:
    title, text, label, shown = texts
    page = error_reply(
        400,
        shown,
        kind="html",
        request_id="r",
        title=title,
        text=text,
        action_url="https://gw.example/again",
        action_label=label,
    )
    body = page.body.decode()

    tags = {tag.lower() for tag in re.findall(r"<\s*/?\s*([a-zA-Z][\w-]*)", body)}
    usual = error_reply(
        400, "m", kind="html", request_id="r", title="t", text="x",
        action_url="https://gw.example/again", action_label="l",
    )  # fmt: skip
    known = re.findall(r"<\s*/?\s*([a-zA-Z][\w-]*)", usual.body.decode())
    assert tags <= {tag.lower() for tag in known}
    assert not re.search(r"<[^>]*\son\w+\s*=", body)
    policy = find(page.fields, b"content-security-policy")
    assert policy is not None
    assert b"default-src 'none'" in policy
    assert b"script-src" not in policy


@pytest.mark.spec("T-C13")
@pytest.mark.parametrize("status", [400, 401, 403, 500])
def test_no_page_of_ours_can_be_framed(status: int) -> None:
    page = error_reply(status, "m", kind="html", request_id="r")

    policy = find(page.fields, b"content-security-policy")
    assert policy is not None
    assert b"frame-ancestors 'none'" in policy
