"""How the gateway proves to the certified provider who it is; posted answers."""

from __future__ import annotations

import html
import re

import pytest

from tests.interop.clients import IMPOSTORS
from tests.interop.stage import (
    Stage,
    Visitor,
    asks_to_sign_in,
    gateway_cookies,
    header,
    read_node_keys,
    turn_node_keys,
)
from tests.support.person import Seen


def read_form(page: Seen) -> tuple[str, dict[str, str]]:
    """Where the provider's form posts its answer, and the answer."""
    action = re.search(r'<form method="post" action="([^"]*)"', page.text)
    assert action is not None, page.text
    found = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
    return html.unescape(action[1]), {n: html.unescape(v) for n, v in found}


@pytest.mark.spec("OIDC-Core#9")
@pytest.mark.parametrize("kind", ["keyed", "sealed"])
def test_a_client_that_signs_its_assertions_signs_people_in(
    stage: Stage, visitor: Visitor, kind: str
) -> None:
    page = stage.page(kind)
    facts = {"client": f"gateway:{kind}", "grant": "authorization_code"}
    before = stage.provider.count("grant.success", **facts)
    arrived = visitor.sign_in_at_provider(page)

    assert (arrived.status, arrived.url) == (200, page)
    assert header(visitor.ask(page), "x-user-email") == "ada@example.com"
    assert stage.provider.count("grant.success", **facts) == before + 1


@pytest.mark.spec("OIDC-Core#9")
@pytest.mark.parametrize("kind", IMPOSTORS)
def test_an_assertion_by_a_wrong_key_or_secret_signs_nobody_in(
    stage: Stage, visitor: Visitor, kind: str
) -> None:
    page = visitor.follow(visitor.get(stage.page(kind)))
    page = visitor.submit(page, login="ada", password="any")
    back = visitor.submit(page)

    assert back.url.startswith(f"{stage.node.site.gateway}/{kind}?")
    assert back.status == 401
    assert gateway_cookies(visitor) == set()
    errors = [e for e in stage.provider.events() if e["event"] == "grant.error"]
    assert errors[-1]["error"].startswith("invalid_client")


@pytest.mark.spec("oidc-plugin#12.6")
def test_a_client_without_a_key_signs_with_the_node_s_and_turning_them_counts_at_once(
    stage: Stage, visitor: Visitor
) -> None:
    page = stage.page("node-keyed")
    before = read_node_keys(stage.node)["keys"]
    assert visitor.sign_in_at_provider(page).url == page

    turn_node_keys(stage.node)
    after = read_node_keys(stage.node)["keys"]
    assert [key for key in after if key in before] == before
    assert len(after) > len(before)
    # The provider still has the keys that were registered there.
    late = stage.visitor()
    for _ in range(4):  # whichever worker it is
        arrived = late.follow(late.get(page))
        if asks_to_sign_in(arrived):
            arrived = late.submit(arrived, login="ada", password="any")
        if 'value="consent"' in arrived.text:
            arrived = late.submit(arrived)
        assert arrived.status == 401, (arrived.url, arrived.text)
        assert gateway_cookies(late) == set()


def stop_at_form(stage: Stage, visitor: Visitor) -> tuple[str, dict[str, str]]:
    url, answer = read_form(visitor.sign_in_at_provider(stage.page("form")))
    assert url == f"{stage.node.site.gateway}/form"
    assert set(answer) == {"code", "state", "iss"}
    return url, answer


@pytest.mark.spec("OAuth-FormPost#2")
def test_an_answer_that_a_form_posts_is_accepted_once(
    stage: Stage, visitor: Visitor
) -> None:
    url, answer = stop_at_form(stage, visitor)
    again = visitor.twin()
    arrived = visitor.follow(visitor.get(url, form=answer))

    assert (arrived.status, arrived.url) == (200, stage.page("form"))
    assert header(visitor.ask(stage.page("form")), "x-user-email") == "ada@example.com"
    assert again.get(url, form=answer).status == 400
    assert gateway_cookies(again) == set()


def test_the_cookie_of_a_posted_answer_comes_along_from_another_site(
    stage: Stage, visitor: Visitor
) -> None:
    started = visitor.get(stage.page("form"))
    cookies = [c for c in started.cookies if "authorization" in c.partition("=")[0]]

    assert started.location is not None
    assert "response_mode=form_post" in started.location
    assert cookies
    assert all("SameSite=None" in c and "Secure" in c for c in cookies)


def test_a_posted_answer_in_another_browser_is_refused(
    stage: Stage, visitor: Visitor
) -> None:
    url, answer = stop_at_form(stage, visitor)
    other = stage.visitor()

    assert other.get(url, form=answer).status == 400
    assert gateway_cookies(other) == set()


@pytest.mark.parametrize("name", ["state", "iss"])
def test_a_posted_answer_that_was_changed_is_refused(
    stage: Stage, visitor: Visitor, name: str
) -> None:
    url, answer = stop_at_form(stage, visitor)
    seen = visitor.get(url, form={**answer, name: f"{answer[name]}x"})

    assert seen.status == 400
    assert gateway_cookies(visitor) == set()


@pytest.mark.spec("D5")
def test_where_a_form_was_asked_for_a_query_ends_on_a_page(
    stage: Stage, visitor: Visitor
) -> None:
    url, answer = stop_at_form(stage, visitor)
    facts = {"client": "gateway:form"}
    before = stage.provider.count("grant.success", **facts)
    seen = visitor.get(f"{url}?code={answer['code']}&state={answer['state']}")

    assert seen.status == 400  # anew, it would go round for ever
    assert gateway_cookies(visitor) == set()
    assert stage.provider.count("grant.success", **facts) == before
