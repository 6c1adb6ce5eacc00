"""What people and programs get: configured redirects, messages, login actions, odd providers."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ostiary.signin.values import Refused, Respond, SendAway
from tests.support.browser import ORIGIN, World, allowed, build_party, refused
from tests.support.parties import LASTING, LOGOUT, PAGE, XHR, bearer, signed_in
from tests.support.provider import ISSUER

ELSEWHERE = "https://app.example/sorry"


@pytest.mark.spec("oidc-plugin#18.1")
async def test_refusals_lead_where_the_configuration_says() -> None:
    world = World()
    fields = ("unauthorized", "forbidden", "unexpected")
    uris: dict[str, Any] = {
        f"{name}_redirect_uri": [f"{ELSEWHERE}/{name}"] for name in fields
    }
    party = build_party(scopes_required=["admin"], **uris)
    unauthorized = await world.browser().visit(party, fields=XHR)
    token = world.provider.access_token()
    forbidden = await world.browser().visit(party, fields=bearer(token))
    away = World()
    away.provider.down = True
    unexpected = await away.browser().visit(party)

    for step, name in zip((unauthorized, forbidden, unexpected), fields, strict=True):
        assert isinstance(step, SendAway)
        assert (step.status, step.location) == (302, f"{ELSEWHERE}/{name}")


@pytest.mark.spec("oidc-plugin#18.1")
async def test_messages_are_configurable_and_reasons_shown_only_when_asked() -> None:
    world = World()
    texts = {
        "unauthorized_error_message": "Nope",
        "forbidden_error_message": "No entry",
    }
    party = build_party(scopes_required=["admin"], **texts)
    shown = build_party(scopes_required=["admin"], display_errors=True, **texts)
    token = world.provider.access_token()

    assert refused(await world.browser().visit(party, fields=XHR)).message == "Nope"
    assert (
        refused(await world.browser().visit(party, fields=bearer(token))).message
        == "No entry"
    )
    assert (
        "no credentials"
        in refused(await world.browser().visit(shown, fields=XHR)).message
    )
    denied = refused(await world.browser().visit(shown, fields=bearer(token)))
    assert denied.message == "No entry (required scopes were not found)"
    world.provider.down = True
    world.clock.move(4000)
    stale = refused(await World().browser().visit(party, fields=XHR))
    assert stale.error is None


async def test_reasons_of_provider_trouble_are_shown_only_when_asked() -> None:
    world = World()
    world.provider.down = True
    plain = refused(await world.browser().visit(build_party()))
    shown = refused(await world.browser().visit(build_party(display_errors=True)))

    assert plain.message == "An unexpected error occurred"
    assert shown.message.startswith("An unexpected error occurred (no connection")


@pytest.mark.spec("oidc-plugin#18.2")
async def test_the_oauth_word_can_be_kept_back() -> None:
    world = World()
    party = build_party(expose_error_code=False)

    assert (
        refused(await world.browser().visit(party, fields=bearer("a.b.c"))).error
        is None
    )


@pytest.mark.spec("oidc-plugin#9.6")
@pytest.mark.parametrize(
    "tokens", [["id_token"], ["access_token", "refresh_token"], []]
)
async def test_login_action_response_hands_out_the_tokens_it_lists(
    tokens: list[str],
) -> None:
    world = World()
    party = build_party(login_action="response", login_tokens=tokens)
    browser = world.browser()
    answer = world.provider.authorize(await browser.start(party))
    step = await browser.ask(party, f"{ORIGIN}/cognito?{answer}")

    assert isinstance(step, Respond)
    assert list(json.loads(step.body)) == tokens


@pytest.mark.spec("oidc-plugin#9.6")
@pytest.mark.parametrize(
    ("mode", "part"), [("query", "query"), ("fragment", "fragment")]
)
async def test_login_action_redirect_carries_the_tokens_it_lists(
    mode: str, part: str
) -> None:
    world = World()
    party = build_party(
        login_action="redirect",
        login_tokens=["id_token"],
        login_redirect_mode=mode,
        login_redirect_uri=["https://app.example/in?x=1"],
    )
    step = await world.browser().sign_in(party)

    assert list(parse_qs(getattr(urlsplit(step.location), part)))[-1] == "id_token"
    assert step.location.startswith("https://app.example/in?x=1")


@pytest.mark.spec("oidc-plugin#9.5")
@pytest.mark.parametrize(
    ("keep", "end"), [(True, "/cognito/page?x=1"), (False, "/cognito/page")]
)
async def test_login_action_redirect_goes_back_with_or_without_the_query(
    end: str, *, keep: bool
) -> None:
    world = World()
    party = build_party(
        login_action="redirect", login_tokens=None, preserve_query_args=keep
    )

    assert (await world.browser().sign_in(party)).location == f"{ORIGIN}{end}"


async def test_arguments_of_the_request_travel_to_the_provider_when_listed() -> None:
    world = World()
    party = build_party(
        authorization_query_args_client=["login_hint"], audience=["api"], max_age=60
    )
    url = f"{ORIGIN}/cognito/page?login_hint=ada&other=1"
    asked = parse_qs(urlsplit(await world.browser().start(party, url)).query)

    assert (asked["login_hint"], asked["audience"], asked["max_age"]) == (
        ["ada"],
        ["api"],
        ["60"],
    )
    assert "other" not in asked


@pytest.mark.spec("OIDC-Core#3.1.3.3")
async def test_a_reply_without_id_token_signs_nobody_in() -> None:
    world, party = World(), build_party()
    reply = {"access_token": "opaque", "token_type": "Bearer"}
    world.provider.token_reply = lambda _: world.provider.json(200, reply)
    browser = world.browser()
    answer = world.provider.authorize(await browser.start(party))

    assert (
        refused(await browser.ask(party, f"{ORIGIN}/cognito?{answer}")).code
        == "login_failed"
    )


async def test_plain_oauth_without_openid_works_with_opaque_tokens() -> None:
    world, party = World(), build_party(scopes=["email"])
    reply = {"access_token": "opaque", "token_type": "Bearer", "expires_in": 60}
    world.provider.token_reply = lambda _: world.provider.json(200, reply)
    browser = world.browser()
    await browser.sign_in(party)
    step = allowed(await browser.visit(party))

    assert (b"authorization", b"Bearer opaque") in step.upstream_fields


async def test_a_refresh_without_new_id_token_keeps_the_old_one() -> None:
    world, party = World(), build_party(**LASTING)
    browser = await signed_in(world, party)
    world.clock.move(3601)
    fresh = {"access_token": world.provider.access_token(), "token_type": "Bearer"}
    world.provider.token_reply = lambda _: world.provider.json(200, fresh)
    step = allowed(await browser.visit(party))

    assert step.session is not None
    assert step.session.id_token
    assert step.session.refresh_token == "refresh-0"


@pytest.mark.parametrize("edit", [{"revocation_endpoint": None}, {}])
async def test_logging_out_goes_on_when_revoking_does_not_work(
    edit: dict[str, Any],
) -> None:
    world = World()
    world.provider.metadata_edits = edit
    party = build_party(**LOGOUT, logout_revoke=True)
    browser = await signed_in(world, party)
    inner = world.provider.send

    async def send(request: Any, limits: Any) -> Any:
        if request.url.endswith("/revoke"):
            return world.provider.json(503, {})
        return await inner(request, limits)

    world.provider.send = send  # type: ignore[method-assign] # a provider in trouble
    step = await browser.ask(party, f"{PAGE}?logout=true")

    assert isinstance(step, SendAway)
    assert step.location.startswith(f"{ISSUER}/end")
    assert "revo" in world.log.text


async def test_a_path_can_mean_logout() -> None:
    world = World()
    party = build_party(logout_uri_suffix="/bye", logout_methods=["POST"])
    browser = await signed_in(world, party)

    assert isinstance(
        await browser.ask(party, f"{PAGE}/bye?x=1", method=b"POST"), SendAway
    )
    assert isinstance(await browser.ask(party, f"{PAGE}/bye"), SendAway | Refused)


async def test_a_preconfigured_endpoint_wins_over_the_metadata() -> None:
    world = World()
    world.provider.metadata_edits = {
        "token_endpoint": None,
        "authorization_endpoint": None,
    }
    party = build_party(
        token_endpoint=f"{ISSUER}/token", authorization_endpoint=f"{ISSUER}/authorize"
    )
    await world.browser().sign_in(party)
    bare = build_party()

    assert refused(await world.browser().visit(bare)).code == "provider_unreachable"


async def test_a_key_set_elsewhere_is_used_when_configured() -> None:
    world, party = World(), build_party(jwks_endpoint=f"{ISSUER}/other/jwks")
    await world.browser().sign_in(party)

    assert [r.url for r in world.provider.asked("/jwks")] == [f"{ISSUER}/other/jwks"]


async def test_large_or_odd_claims_travel_safely_in_headers() -> None:
    world = World()
    names = ["deep", "yes", "number", "line", "none"]
    party = build_party(
        upstream_headers_claims=names, upstream_headers_names=[f"x_{n}" for n in names]
    )
    world.provider.id_edits = {
        "deep": {"a": [1]}, "yes": True, "number": 7, "line": "a\r\nX-Evil: 1", "none": None,
    }  # fmt: skip
    browser = await signed_in(world, party)
    fields = dict(allowed(await browser.visit(party)).upstream_fields)

    assert fields[b"x-deep"] == b"eyJhIjpbMV19"
    assert (fields[b"x-yes"], fields[b"x-number"]) == (b"true", b"7")
    assert b"\r" not in fields[b"x-line"]
    assert b"x-none" not in fields
