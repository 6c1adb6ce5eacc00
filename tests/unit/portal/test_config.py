"""A portal's configuration: the page's JSON as it is, and what would send people elsewhere refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ostiary.http.path import parse_target
from ostiary.model.workspaces import DEFAULT, WorkspaceConfig
from ostiary.portal.config import (
    build_addresses,
    describe_warnings,
    judge_portal,
    read_portal,
)
from ostiary.portal.mails import Facts, build_mail
from ostiary.portal.outbox import Letter, Outbox
from ostiary.portal.places import read_next
from ostiary.ports.mail import Message
from tests.unit.portal.portal_kit import (
    CONF,
    EMAIL,
    HOME,
    PortalWorld,
    Postbox,
    build_settings,
    portal_world,
)

# The page's Auth Config JSON, letter by letter.
SEED = """
{
    "leeway": 100,
    "consumer_by": ["username", "custom_id", "id"],
    "scopes": ["openid", "profile", "email"],
    "logout_query_arg": "logout",
    "client_id": ["1pf00c5or942c2hm37mgv0u509"],
    "login_action": "redirect",
    "logout_redirect_uri": [
        "https://kongdemo.auth.ap-southeast-1.amazoncognito.com/logout?client_id=1pf00c5or942c2hm37mgv0u509&logout_uri=kong-ee:8446/default"
    ],
    "login_tokens": {},
    "login_redirect_uri": ["https://kong-ee:8446/default"],
    "forbidden_redirect_uri": ["https://kong-ee:8446/default/unauthorized"],
    "ssl_verify": false,
    "issuer": "https://cognito-idp.ap-southeast-1.amazonaws.com/ap-southeast-1_ie577myCv/.well-known/openid-configuration",
    "logout_methods": ["GET"],
    "consumer_claim": ["email"],
    "login_redirect_mode": "query",
    "redirect_uri": ["https://kong-ee:8447/default/auth"]
}
"""


def workspace(**config: Any) -> Any:
    made = WorkspaceConfig.model_validate(config, strict=False)
    return DEFAULT.model_copy(update={"config": made})


def on(**conf: Any) -> Any:
    text = json.dumps({**CONF, **conf})
    return workspace(portal=True, portal_auth="openid-connect", portal_auth_conf=text)


@pytest.mark.spec("portal#2.1")
def test_the_pages_json_is_taken_as_it_stands() -> None:
    row = workspace(portal=True, portal_auth="openid-connect", portal_auth_conf=SEED)

    assert judge_portal(build_settings(), row) == []
    portal = read_portal(build_settings(), row)
    assert portal.problem is None
    assert portal.oidc is not None
    assert portal.oidc.login_tokens == ()
    assert portal.oidc.scopes == ("openid", "profile", "email")
    assert portal.claim == ("email",)
    assert portal.looked_up_by == ("username", "custom_id", "id")
    assert (portal.gui, portal.api) == (HOME, "https://kong-ee:8447/default")
    (warning,) = describe_warnings(portal)
    assert "ssl_verify is false" in warning


@pytest.mark.spec("portal#6.1")
@pytest.mark.parametrize(
    ("name", "uri", "words"),
    [
        ("redirect_uri", "https://kong-ee:8446/default", "answers to this portal's API"),
        ("redirect_uri", "https://kong-ee:8447/auth", "with the workspace in the path"),
        ("redirect_uri", "http://kong-ee:8447/default/auth", "must be https://"),
        ("redirect_uri", "https://evil.example/default/auth", "must be https://"),
        ("login_redirect_uri", "https://kong-ee:8447/default", "the portal's pages"),
        ("login_redirect_uri", "https://kong-ee:8446", "with the workspace"),
        ("login_redirect_uri", "https://kong-ee:8446/defaults", "or below it"),
        ("forbidden_redirect_uri", "https://kong-ee:8446/unauthorized", "with the workspace"),
        ("logout_redirect_uri", "kong-ee:8446/default", "missing scheme in url"),
    ],
)  # fmt: skip
def test_an_address_that_leads_elsewhere_is_explained_where_it_is_saved(
    name: str, uri: str, words: str
) -> None:
    (problem,) = judge_portal(build_settings(), on(**{name: [uri]}))

    assert problem[0] == ("config", "portal_auth_conf", name, 0)
    assert words in problem[1]


@pytest.mark.spec("portal#6.1")
@pytest.mark.parametrize(
    ("conf", "path"),
    [
        ({"issuer": "nowhere"}, ("issuer",)),
        ({"leeway": "soon"}, ("leeway",)),
        ({"no_such_field": 1}, ("no_such_field",)),
    ],
)
def test_what_the_plugin_refuses_is_refused_at_its_field(
    conf: dict[str, Any], path: tuple[str, ...]
) -> None:
    problems = judge_portal(build_settings(), on(**conf))

    assert ("config", "portal_auth_conf", *path) in [place for place, _ in problems]


def test_sign_in_without_a_configuration_is_refused() -> None:
    row = workspace(portal=True, portal_auth="openid-connect")

    ((place, text),) = judge_portal(build_settings(), row)
    assert place == ("config", "portal_auth_conf")
    assert text.startswith("required field missing")


def test_a_portal_that_cannot_sign_anybody_in_stays_shut_and_says_why() -> None:
    row = workspace(
        portal=True, portal_auth="openid-connect", portal_auth_conf='{"issuer": 5}'
    )
    portal = read_portal(build_settings(), row)

    assert portal.oidc is None
    assert portal.has_sign_in
    assert "issuer" in (portal.problem or "")
    assert any("nobody can sign in" in text for text in describe_warnings(portal))


@pytest.mark.spec("portal#1.3")
@pytest.mark.parametrize(
    ("more", "gui", "api"),
    [
        ({}, "https://kong-ee:8446", "https://kong-ee:8447"),
        ({"portal_gui_protocol": "http"}, "http://kong-ee:8446", "http://kong-ee:8004"),
        ({"portal_api_url": "https://api.example/portal/"}, "https://kong-ee:8446", "https://api.example/portal"),
        ({"portal_gui_host": "dev.example"}, "https://dev.example", "https://dev.example:8447"),
    ],
)  # fmt: skip
def test_addresses_follow_the_settings(
    more: dict[str, Any], gui: str, api: str
) -> None:
    found = build_addresses(build_settings(**more))

    assert (found.gui, found.api) == (gui, api)


@pytest.mark.spec("portal#1.4")
async def test_the_admin_api_says_what_is_wrong(tmp_path: Path) -> None:
    async with portal_world(tmp_path) as world:
        conf = {**CONF, "redirect_uri": [HOME]}
        config = {
            "portal": True,
            "portal_auth": "openid-connect",
            "portal_auth_conf": conf,
        }
        reply = await world.node.send(
            "PATCH", "/workspaces/default", {"config": config}
        )

    assert reply.status == 400
    told = reply.json()["fields"]["config"]["portal_auth_conf"]["redirect_uri"]
    assert "answers to this portal's API" in told[0]


async def test_a_star_lets_no_other_page_act_for_developers(world: PortalWorld) -> None:
    await world.configure(portal_cors_origins=["*", "https://docs.example"])
    row = (await world.node.call("/workspaces/default")).json()
    assert row["config"]["portal_cors_origins"] == ["*", "https://docs.example"]
    browser = world.browser()
    docs = await browser.call("GET", "/session", origin="https://docs.example")
    evil = await browser.call("GET", "/session", origin="https://evil.example")

    assert docs.field("access-control-allow-origin") == "https://docs.example"
    assert evil.status == 403


# Where people are sent.


@pytest.mark.spec("T-R1")
@pytest.mark.spec("T-R3")
@pytest.mark.parametrize(
    "text",
    [
        "", "default", "//evil.example", "/\\evil.example", "/default/../../x", "/defaults",
        "https://evil.example/default", "/default//evil.example", "/default/%2f/evil", "/%09/evil",
        "/default/\t", "/default/%0d%0aLocation:x", "javascript:alert(1)", "/team", "/default/..",
        "/default/%2e%2e/x", "/default/;/../..", "\\\\evil", "/default\u3002evil", "/default/%5cevil",
    ],
)  # fmt: skip
def test_nobody_is_sent_out_of_the_portal(text: str) -> None:
    assert read_next(text, "default") is None


@pytest.mark.spec("T-R3")
@settings(max_examples=300, deadline=None, derandomize=True)
@example("/default/dashboard?x=1")
@given(
    st.one_of(
        st.text(), st.text(alphabet="/default.%2fe\\;:@?#").map("/default".__add__)
    )
)
def test_whatever_is_asked_for_is_a_page_of_the_portal_or_nothing(text: str) -> None:
    found = read_next(text, "default")

    if found is not None:
        path = parse_target(found.encode()).path
        assert path == "/default" or path.startswith("/default/")
        assert "//" not in found
        assert "\\" not in found


# Mail.


@pytest.mark.spec("portal#1.8")
async def test_an_approval_is_told_once(world: PortalWorld) -> None:
    await world.developer()
    for status in (0, 3, 0):
        await world.set_status(status)
    assert world.outbox._task is not None
    await world.outbox._task

    told = [mail for mail in world.post.mails if mail.recipient == EMAIL]
    assert len(told) == 1
    assert f"{HOME}/login" in told[0].text


@pytest.mark.spec("portal#1.8")
@pytest.mark.parametrize(
    "config",
    [{"portal_access_request_email": False}, {"portal_smtp_admin_emails": ["x@y.z"]}],
)
async def test_switches_and_recipients_are_the_workspaces(
    world: PortalWorld, config: dict[str, Any]
) -> None:
    await world.configure(**config)
    await world.developer()
    if world.outbox._task is not None:
        await world.outbox._task

    expected = ["x@y.z"] if "portal_smtp_admin_emails" in config else []
    assert [mail.recipient for mail in world.post.mails] == expected


async def test_a_mail_that_cannot_be_sent_loses_no_registration(
    world: PortalWorld,
) -> None:
    world.post.is_down = True
    await world.developer()

    assert (await world.node.call(f"/developers/{EMAIL}")).status == 200


async def test_a_mail_waits_until_the_server_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    post = Postbox()
    post.is_down = True
    outbox = Outbox(post, waits_s=(0, 0))
    letter = Letter(
        message=Message(recipient=EMAIL, text="planted"), about="a test", of="default"
    )
    outbox.put(letter)
    task = outbox._task
    assert task is not None
    await task
    assert post.mails == []
    assert "could not be sent" in caplog.text
    assert EMAIL not in caplog.text
    post.is_down = False
    outbox.put(letter)
    assert outbox._task is not None
    await outbox._task

    assert len(post.mails) == 1
    assert EMAIL not in repr(letter)


@pytest.mark.spec("portal#1.8")
def test_a_mail_says_nothing_that_a_stranger_wants_said() -> None:
    facts = Facts(
        portal_name="P", portal_url=HOME, workspace="default", email=EMAIL,
        name="Win\r\nBcc: x@y.z\n\nhttps://evil.example " + "x" * 200,
    )  # fmt: skip
    for event in ("request-access", "approved-access"):
        mail = build_mail(event, facts)
        assert "\n" not in mail.subject
        for text in (mail.text, mail.html):
            assert "https://evil" not in text
            assert "\nBcc" not in text
            assert "x" * 100 not in text
