"""Logging out with the certified provider: here, there, and from there to here."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.interop.clients import Json
from tests.interop.stage import (
    DEADLINE_S,
    Stage,
    Visitor,
    ask_provider,
    gateway_cookies,
    header,
)
from tests.interop.streams import EVENTS, Open

AT_MOST_S = 1.0
# Every request is a connection of its own: this many reach both workers.
MANY = 8


def shown_token(stage: Stage, visitor: Visitor, route: str) -> str:
    token = header(visitor.ask(stage.page(route)), "x-shown")
    assert token is not None
    return token


def is_active(stage: Stage, token: str) -> bool:
    found = ask_provider(stage, "token/introspection", token=token)
    return bool(found["active"])


@pytest.mark.spec("RFC7009#2")
def test_after_a_logout_that_revokes_the_token_is_dead(
    stage: Stage, visitor: Visitor
) -> None:
    visitor.sign_in_at_provider(stage.page("revoking"))
    token = shown_token(stage, visitor, "revoking")
    assert is_active(stage, token)
    assert visitor.get(f"{stage.page('revoking')}?logout=true").status == 302

    assert not is_active(stage, token)


def test_after_a_logout_that_does_not_revoke_the_token_lives(
    stage: Stage, visitor: Visitor
) -> None:
    visitor.sign_in_at_provider(stage.page("keeping"))
    token = shown_token(stage, visitor, "keeping")
    assert visitor.get(f"{stage.page('keeping')}?logout=true").status == 302

    assert is_active(stage, token)


@pytest.mark.spec("OIDC-RPInitiated#2")
def test_a_logout_ends_the_session_at_the_provider_and_comes_back(
    stage: Stage, visitor: Visitor
) -> None:
    visitor.sign_in_at_provider(stage.page("revoking"))
    confirm = visitor.follow(visitor.get(f"{stage.page('revoking')}?logout=true"))
    visitor.stop_at = f"{stage.node.site.gateway}/revoking"
    back = visitor.submit(confirm, logout="yes")

    assert back.url == f"{stage.node.site.gateway}/revoking"
    visitor.stop_at = None
    again = visitor.follow(visitor.get(stage.page("basic")))
    assert 'name="prompt" value="login"' in again.text


def test_a_way_back_that_is_not_registered_is_refused_there_but_ends_the_session_here(
    stage: Stage, visitor: Visitor
) -> None:
    page = stage.page("astray")
    visitor.sign_in_at_provider(page)
    kept = visitor.twin()
    left = visitor.get(f"{page}?logout=true")
    seen = visitor.follow(left)

    assert seen.status == 400
    assert urlsplit(seen.url).path == "/session/end"
    assert "post_logout_redirect_uri" in parse_qs(urlsplit(seen.url).query)
    assert gateway_cookies(visitor) == set()
    assert [kept.get(page).status for _ in range(4)] == [302] * 4


def statuses(visitor: Visitor, page: str) -> list[int]:
    return [visitor.get(page).status for _ in range(MANY)]


def time_to(check: Callable[[], bool]) -> float:
    """The seconds until something is so."""
    started = time.monotonic()
    while not check():
        assert time.monotonic() < started + DEADLINE_S
    return time.monotonic() - started


def log_out_elsewhere(stage: Stage, visitor: Visitor, route: str) -> None:
    """At the provider itself, which then tells the gateway."""
    facts = {"client": f"gateway:{route}"}
    told = stage.provider.count("backchannel.success", **facts)
    visitor.sign_out_at_provider(stage.provider)
    assert stage.provider.count("backchannel.error", **facts) == 0
    assert stage.provider.count("backchannel.success", **facts) == told + 1


@pytest.mark.spec("OIDC-BackChannel#2.7")
@pytest.mark.parametrize("route", ["heard", "everywhere"])
def test_a_logout_elsewhere_ends_the_session_on_every_worker_within_a_second(
    stage: Stage, visitor: Visitor, route: str
) -> None:
    page = stage.page(route)
    visitor.sign_in_at_provider(page, login=f"leaver-{route}")
    stayer = stage.visitor()
    stayer.sign_in_at_provider(page, login=f"stayer-{route}")
    kept = visitor.twin()
    assert statuses(kept, page) == statuses(stayer, page) == [200] * MANY
    log_out_elsewhere(stage, visitor, route)

    took = time_to(lambda: statuses(kept.twin(), page) == [302] * MANY)
    assert took < AT_MOST_S
    # Somebody else's session goes on, and the one who left can come back.
    assert statuses(stayer, page) == [200] * MANY
    back = stage.visitor()
    assert back.sign_in_at_provider(page, login=f"leaver-{route}").status == 200
    assert statuses(back, page) == [200] * MANY


@pytest.mark.spec("OIDC-BackChannel#2.7")
@pytest.mark.parametrize(("route", "status"), [("heard", 200), ("everywhere", 302)])
def test_another_browser_of_the_person_stays_only_where_the_order_names_a_session(
    stage: Stage, visitor: Visitor, route: str, status: int
) -> None:
    page, login = stage.page(route), f"two-browsers-{route}"
    other = stage.visitor()
    for browser in (visitor, other):
        browser.sign_in_at_provider(page, login=login)
    log_out_elsewhere(stage, visitor, route)

    took = time_to(lambda: statuses(other.twin(), page) == [status] * MANY)
    assert took < AT_MOST_S


@pytest.mark.spec("OIDC-BackChannel#2.7")
@pytest.mark.parametrize("websocket", [True, False])
def test_what_is_open_for_a_session_closes_when_it_ends_elsewhere(
    stage: Stage, visitor: Visitor, *, websocket: bool
) -> None:
    page, ca_file = stage.page("heard"), stage.node.trust.ca_file
    visitor.sign_in_at_provider(page, login=f"watcher-{websocket}")
    stayer = stage.visitor()
    stayer.sign_in_at_provider(page, login=f"goes-on-{websocket}")
    url = f"{page}{EVENTS}"
    mine = [Open(visitor, ca_file, url, websocket=websocket) for _ in range(4)]
    theirs = Open(stayer, ca_file, url, websocket=websocket)
    nobody = Open(stage.visitor(), ca_file, url, websocket=websocket)
    assert {one.status for one in (*mine, theirs)} == {101 if websocket else 200}
    assert nobody.status in {302, 401}
    assert mine[0].is_open()
    log_out_elsewhere(stage, visitor, "heard")

    ends = [one.ends_within(AT_MOST_S) for one in mine]
    assert ends == [True] * len(mine)
    assert theirs.is_open()
    for one in (*mine, theirs, nobody):
        one.close()


def test_a_route_that_does_not_listen_is_not_told(
    stage: Stage, visitor: Visitor
) -> None:
    page = stage.page("keeping")
    visitor.sign_in_at_provider(page, login="unheard")
    kept = visitor.twin()
    visitor.sign_out_at_provider(stage.provider)

    assert stage.provider.count("backchannel.success", client="gateway:keeping") == 0
    assert statuses(kept, page) == [200] * MANY


def signing_kid(stage: Stage) -> str:
    """The name of the key that the provider signs with."""
    keys = json.loads(stage.curl(f"{stage.provider.issuer}/jwks")[1])["keys"]
    return str(next(key["kid"] for key in keys if key["alg"] == "RS256"))


def encode(value: Json) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def forge(stage: Stage, kind: str) -> str:
    """A logout token that the provider has not made."""
    now = int(time.time())
    claims = {
        "iss": stage.provider.issuer,
        "aud": "gateway:everywhere",
        "sub": "target",
        "iat": now,
        "exp": now + 60,
        "jti": f"forged-{kind}",
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
    }
    alg, signature = ("none", "") if kind == "unsigned" else ("RS256", "A" * 342)
    head = {"alg": alg, "typ": "logout+jwt", "kid": signing_kid(stage)}
    return f"{encode(head)}.{encode(claims)}.{signature}"


@pytest.mark.spec("OIDC-BackChannel#2.6")
@pytest.mark.parametrize("kind", ["unsigned", "forged", "garbage"])
def test_a_logout_that_the_provider_has_not_ordered_ends_nothing(
    stage: Stage, visitor: Visitor, kind: str
) -> None:
    page = stage.page("everywhere")
    visitor.sign_in_at_provider(page, login="target")
    token = "garbage" if kind == "garbage" else forge(stage, kind)
    url = f"{stage.node.site.gateway}/everywhere"
    refused = stage.visitor().get(url, form={"logout_token": token})

    assert refused.status == 400
    assert statuses(visitor, page) == [200] * MANY
