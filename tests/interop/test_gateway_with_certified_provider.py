"""Our gateway as the relying party of a certified provider that nobody here wrote."""

from __future__ import annotations

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest

from tests.interop.clients import OTHER_API
from tests.interop.stage import (
    Stage,
    Visitor,
    asks_to_sign_in,
    call,
    gateway_cookies,
    header,
    machine_token,
    until,
)
from tests.support.node import HOST

KINDS = {"basic": "RS256", "post": None, "public": "ES256"}
NAME = base64.b64encode("Ada Lovelace, Gräfin".encode()).decode()


@pytest.mark.parametrize("kind", KINDS)
def test_somebody_signs_in_with_every_kind_of_client(
    stage: Stage, visitor: Visitor, kind: str
) -> None:
    page = f"{stage.page(kind)}?x=1&y=%C3%A4"
    arrived = visitor.sign_in_at_provider(page, login=f"ada-{kind}")

    assert (arrived.status, arrived.url) == (200, page)
    assert gateway_cookies(visitor)
    before = stage.provider.count("grant.success", client=f"gateway:{kind}")
    for _ in range(6):
        found = visitor.ask(page)
        assert header(found, "x-user-email") == f"ada-{kind}@example.com"
        assert header(found, "x-user-name") == NAME
        assert str(found["authorization"]).startswith("Bearer ")
        assert found["cookies"] == []
    assert stage.provider.count("grant.success", client=f"gateway:{kind}") == before


@pytest.mark.parametrize("kind", [k for k, alg in KINDS.items() if alg])
def test_a_resource_indicator_brings_a_jwt_for_that_resource(
    stage: Stage, visitor: Visitor, kind: str
) -> None:
    visitor.sign_in_at_provider(stage.page(kind))
    bearer = visitor.ask(stage.page(kind))["bearer"]

    assert bearer["header"]["typ"] == "at+jwt"
    assert bearer["header"]["alg"] == KINDS[kind]
    assert bearer["claims"]["iss"] == stage.provider.issuer
    assert bearer["claims"]["aud"] == f"{stage.node.site.gateway}/api"
    assert bearer["claims"]["client_id"] == f"gateway:{kind}"


def test_without_a_resource_the_access_token_is_opaque_and_claims_still_travel(
    stage: Stage, visitor: Visitor
) -> None:
    visitor.sign_in_at_provider(stage.page("post"))
    found = visitor.ask(stage.page("post"))

    assert found["bearer"] is None
    assert str(found["authorization"]).startswith("Bearer ")
    assert header(found, "x-user-email") == "ada@example.com"


def test_a_short_token_is_refreshed_with_rotated_refresh_tokens(
    stage: Stage, visitor: Visitor
) -> None:
    page = stage.page("short")
    visitor.sign_in_at_provider(page)

    def refreshes() -> int:
        return stage.provider.count(
            "grant.success", client="gateway:short", grant="refresh_token"
        )

    before, tokens = refreshes(), set()
    # The second refresh needs the token that the first one brought: the old one is spent.
    for wanted in (1, 2):

        def refreshed(wanted: int = wanted) -> bool:
            tokens.add(visitor.ask(page)["bearer"]["claims"]["jti"])
            return refreshes() - before == wanted

        until(refreshed, f"refresh {wanted}")
    assert len(tokens) >= 2
    assert header(visitor.ask(page), "x-user-email") == "ada@example.com"


def test_requests_at_the_same_time_refresh_once(stage: Stage, visitor: Visitor) -> None:
    page = stage.page("short")
    visitor.sign_in_at_provider(page, login="grace")
    first = visitor.ask(page)["bearer"]["claims"]
    facts = {"client": "gateway:short", "grant": "refresh_token"}
    before = stage.provider.count("grant.success", **facts)
    refused = stage.provider.count("grant.error", **facts)
    # The gateway counts expires_in from when the reply came: up to a second later than exp.
    until(lambda: time.time() > first["exp"] + 1.2, "the token ends")
    twins = [visitor.twin() for _ in range(8)]
    with ThreadPoolExecutor(len(twins)) as pool:
        found = list(pool.map(lambda twin: twin.ask(page), twins))

    fresh = {f["bearer"]["claims"]["jti"] for f in found}
    assert len(fresh - {first["jti"]}) == len(fresh) == 1
    assert stage.provider.count("grant.success", **facts) == before + 1
    assert stage.provider.count("grant.error", **facts) == refused


def test_a_session_that_ended_at_the_provider_ends_here_with_the_next_refresh(
    stage: Stage, visitor: Visitor
) -> None:
    page = stage.page("short")
    visitor.sign_in_at_provider(page, login="joan")
    assert visitor.get(page).status == 200
    visitor.sign_out_at_provider(stage.provider)

    def sent_away() -> bool:
        seen = visitor.get(page)
        assert seen.status in {200, 302}, (seen.status, seen.text)
        return seen.status == 302

    until(sent_away, "the refused refresh")
    assert gateway_cookies(visitor) == set()
    assert visitor.sign_in_at_provider(page, login="joan").status == 200


def test_new_keys_of_the_provider_are_found(stage: Stage) -> None:
    api = f"{stage.node.site.gateway}/api"
    old = machine_token(stage, api)
    assert call(stage, "api", old)[0] == 200
    stage.provider.stop()
    stage.provider.forget_keys()
    stage.provider.start()
    new = machine_token(stage, api)
    found = [call(stage, "api", new)[0] for _ in range(6)]

    assert found == [200] * 6
    visitor = stage.visitor()
    assert visitor.sign_in_at_provider(stage.page("public")).status == 200


def test_while_the_provider_is_away_sessions_go_on(
    stage: Stage, visitor: Visitor
) -> None:
    page = stage.page("post")
    visitor.sign_in_at_provider(page)
    _, answer = stop_at_callback(stage, other := stage.visitor())
    stage.provider.stop()
    try:
        here = [visitor.get(page).status for _ in range(4)]
        lost = other.get(f"{stage.node.site.gateway}/basic?{urlencode(answer)}")
    finally:
        stage.provider.start()

    assert here == [200] * 4
    assert lost.status == 500
    assert "The identity provider cannot be reached" in lost.text
    assert stage.visitor().sign_in_at_provider(stage.page("basic")).status == 200


def test_arguments_of_the_client_reach_the_provider(
    stage: Stage, visitor: Visitor
) -> None:
    page = visitor.follow(
        visitor.get(f"{stage.page('hints')}?login_hint=a%26b%3D%22c&prompt=login")
    )
    assert asks_to_sign_in(page)
    assert 'value="a&amp;b=&quot;c"' in page.text


def test_a_silent_sign_in_that_cannot_be_is_no_redirect_loop(
    stage: Stage, visitor: Visitor
) -> None:
    page = f"{stage.page('hints')}?prompt=none"
    back = visitor.follow(visitor.get(page))
    assert "error=login_required" in back.url
    assert back.status in {400, 401}

    visitor.sign_in_at_provider(stage.page("hints"))
    visitor.jar.pop(HOST)
    silent = visitor.follow(visitor.get(page))
    assert (silent.status, silent.url) == (200, page)


@pytest.mark.parametrize("kind", KINDS)
def test_logging_out_ends_both_sessions(
    stage: Stage, visitor: Visitor, kind: str
) -> None:
    page = stage.page(kind)
    visitor.sign_in_at_provider(page)
    kept = visitor.twin()
    done = stage.provider.count("end_session.success")
    left = visitor.get(f"{page}?logout=true")

    assert left.status == 302
    assert left.location is not None
    assert left.location.startswith(f"{stage.provider.issuer}/session/end?")
    asked = parse_qs(urlsplit(left.location).query)
    assert asked["post_logout_redirect_uri"] == [f"{stage.node.site.gateway}/{kind}"]
    assert asked["id_token_hint"][0].count(".") == 2
    assert gateway_cookies(visitor) == set()

    confirm = visitor.follow(left)
    assert "Do you want to sign-out" in confirm.text
    again = visitor.submit(confirm, logout="yes")
    assert asks_to_sign_in(again), (again.url, again.text)
    assert stage.provider.count("end_session.success") == done + 1
    # The cookie from before is worth nothing either, on any worker.
    for _ in range(4):
        assert kept.get(page).status == 302


def test_a_single_sign_on_session_needs_no_second_form(
    stage: Stage, visitor: Visitor
) -> None:
    visitor.sign_in_at_provider(stage.page("basic"))
    second = visitor.follow(visitor.get(stage.page("public")))

    # The person is known; only what this other client may see is asked.
    assert 'name="prompt" value="consent"' in second.text
    assert visitor.submit(second).url == stage.page("public")


def test_logging_out_revokes_what_the_configuration_says(
    stage: Stage, visitor: Visitor
) -> None:
    visitor.sign_in_at_provider(stage.page("post"))
    facts = {"client": "gateway:post"}
    before = stage.provider.count("grant.revoked", **facts)
    visitor.get(f"{stage.page('post')}?logout=true")

    assert stage.provider.count("grant.revoked", **facts) > before
    assert stage.provider.count("revocation.error", **facts) == 0


def stop_at_callback(stage: Stage, visitor: Visitor) -> tuple[str, dict[str, str]]:
    visitor.stop_at = f"{stage.node.site.gateway}/basic?"
    callback = visitor.sign_in_at_provider(stage.page("basic")).url
    visitor.stop_at = None
    base, _, query = callback.partition("?")
    return base, dict(parse_qsl(query))


@pytest.mark.spec("RFC9207#2.4")
@pytest.mark.parametrize("iss", [None, "https://evil.example", ""])
def test_an_answer_with_a_wrong_or_no_iss_is_refused(
    stage: Stage, visitor: Visitor, iss: str | None
) -> None:
    base, answer = stop_at_callback(stage, visitor)
    assert answer["iss"] == stage.provider.issuer
    facts = {"client": "gateway:basic"}
    before = stage.provider.count("grant.success", **facts)
    changed = {k: v for k, v in answer.items() if k != "iss"}
    if iss is not None:
        changed["iss"] = iss
    seen = visitor.get(f"{base}?{urlencode(changed)}")

    assert seen.status == 400
    assert gateway_cookies(visitor) == set()
    assert stage.provider.count("grant.success", **facts) == before


@pytest.mark.spec("RFC9207#2.4")
def test_an_answer_with_the_right_iss_is_accepted_once(
    stage: Stage, visitor: Visitor
) -> None:
    base, answer = stop_at_callback(stage, visitor)
    thief = visitor.twin()
    arrived = visitor.follow(visitor.get(f"{base}?{urlencode(answer)}"))
    stolen = thief.get(f"{base}?{urlencode(answer)}")

    assert (arrived.status, arrived.url) == (200, stage.page("basic"))
    assert stolen.status == 400
    assert stage.visitor().get(f"{base}?{urlencode(answer)}").status == 400


def test_a_person_who_says_no_is_told_so(stage: Stage, visitor: Visitor) -> None:
    page = visitor.follow(visitor.get(stage.page("basic")))
    assert asks_to_sign_in(page)
    back = visitor.follow(visitor.get(f"{page.url}/abort"))

    assert back.url.startswith(f"{stage.node.site.gateway}/basic?")
    assert back.status in {400, 401}
    assert gateway_cookies(visitor) == set()


def test_a_bearer_for_this_api_is_let_through(stage: Stage) -> None:
    token = machine_token(stage, f"{stage.node.site.gateway}/api")
    for _ in range(4):
        status, body = call(stage, "api", token)
        assert status == 200, body
    claims = json.loads(body)["bearer"]["claims"]

    assert claims["aud"] == f"{stage.node.site.gateway}/api"
    assert claims["scope"] == "read"


def test_the_holder_of_a_bearer_cannot_say_who_he_is(stage: Stage) -> None:
    token = machine_token(stage, f"{stage.node.site.gateway}/api")
    status, body = call(
        stage,
        "api",
        token,
        *("--header", "X-User-Email: root@example.com"),
        *("--header", "x_user_name: root"),
    )

    assert status == 200
    assert "root" not in body


def test_a_bearer_for_another_api_is_forbidden(stage: Stage) -> None:
    status, body = call(stage, "api", machine_token(stage, OTHER_API))

    assert status == 403, body


def test_without_a_required_audience_a_bearer_of_another_client_is_refused(
    stage: Stage,
) -> None:
    token = machine_token(stage, f"{stage.node.site.gateway}/api")
    status, body = call(stage, "closed", token)

    assert status == 401, body


def test_a_changed_bearer_is_refused(stage: Stage) -> None:
    head, _, signature = machine_token(
        stage, f"{stage.node.site.gateway}/api"
    ).rpartition(".")
    first = "A" if signature[0] != "A" else "B"
    status, _ = call(stage, "api", f"{head}.{first}{signature[1:]}")

    assert status == 401
