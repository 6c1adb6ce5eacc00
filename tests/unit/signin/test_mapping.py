"""Consumers, virtual credentials, groups, required claims, and the anonymous consumer."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.gateway.directory import build_directory
from ostiary.model.gateway import Consumer
from tests.support.browser import Browser, World, allowed, build_party, refused
from tests.support.parties import PAGE, XHR, bearer

ADA = Consumer(
    id="11111111-1111-4111-8111-111111111111", username="ada", custom_id="c1"
)
NOBODY = Consumer(id="22222222-2222-4222-8222-222222222222", username="nobody")
EVE = Consumer(id="33333333-3333-4333-8333-333333333333", custom_id="eve-id")


def browser_with(world: World, *rows: Consumer) -> Browser:
    browser = world.browser()
    browser.consumers = build_directory(rows).of(None)
    return browser


async def ask(
    world: World, browser: Browser, claims: dict[str, Any], **config: Any
) -> Any:
    party = build_party(auth_methods=["bearer"], **config)
    token = world.provider.access_token(**claims)
    return await browser.ask(party, PAGE, fields=bearer(token))


@pytest.mark.spec("OP25-8")
async def test_a_claim_names_the_consumer() -> None:
    world = World()
    mapped = {"consumer_claims": [["preferred_username"]], "consumer_by": ["username"]}
    claims = {"preferred_username": "ada"}

    missing = refused(await ask(world, browser_with(world), claims, **mapped))
    found = allowed(await ask(world, browser_with(world, ADA), claims, **mapped))

    assert missing.status == 403
    assert "claim (preferred_username) fits none" in missing.detail
    assert {
        (b"x-consumer-id", (ADA.id or "").encode()),
        (b"x-consumer-username", b"ada"),
        (b"x-consumer-custom-id", b"c1"),
    } <= set(found.upstream_fields)
    assert found.consumer is not None
    assert found.credential == ADA.id


@pytest.mark.parametrize(
    ("config", "claims", "expected"),
    [
        ({"consumer_claims": [["a"], ["b"]]}, {"b": "ada"}, "ada"),
        ({"consumer_claims": [["a"], ["b"]]}, {"a": "x", "b": "ada"}, None),
        ({"consumer_claims": [["user", "name"]]}, {"user": {"name": "ada"}}, "ada"),
        ({"consumer_claims": [["list", "2"]]}, {"list": ["x", "ada"]}, "ada"),
        (
            {"consumer_claims": [["n"]], "consumer_by": ["custom_id"]},
            {"n": "c1"},
            "ada",
        ),
        ({"consumer_claims": [["n"]], "consumer_by": ["username"]}, {"n": "c1"}, None),
        ({"consumer_claims": [["n"]], "consumer_by": ["id"]}, {"n": ADA.id}, "ada"),
        ({"consumer_claims": [["n"]]}, {"n": "ADA"}, None),
        (
            {"consumer_claims": [["n"]], "by_username_ignore_case": True},
            {"n": "ADA"},
            "ada",
        ),
        ({"consumer_claims": [["n"]]}, {"n": True}, None),
        ({"consumer_claims": [["n"]]}, {}, None),
        ({"consumer_claim": "n"}, {"n": "ada"}, "ada"),
    ],
)
@pytest.mark.spec("oidc-plugin#7.3")
async def test_consumers_are_found_as_kong_finds_them(
    config: dict[str, Any], claims: dict[str, Any], expected: str | None
) -> None:
    world = World()
    step = await ask(world, browser_with(world, ADA, EVE), claims, **config)

    if expected is None:
        assert refused(step).status == 403
    else:
        consumer = allowed(step).consumer
        assert consumer is not None
        assert consumer.username == expected


async def test_without_a_consumer_an_optional_mapping_leaves_a_credential() -> None:
    world = World()

    step = allowed(
        await ask(
            world,
            browser_with(world),
            {},
            consumer_claims=[["x"]],
            consumer_optional=True,
        )
    )

    assert step.consumer is None
    assert step.credential == "ada"
    assert (b"x-credential-identifier", b"ada") in step.upstream_fields


async def test_a_remembered_answer_does_not_outlive_its_consumers() -> None:
    world, party = World(), build_party(consumer_claims=[["sub"]])
    token = world.provider.access_token()
    browser = browser_with(world, ADA)
    allowed(await browser.ask(party, PAGE, fields=bearer(token)))
    signed_in = browser_with(world, ADA)
    await signed_in.sign_in(party)
    allowed(await signed_in.visit(party))

    for one in (browser, signed_in):
        one.consumers = build_directory(()).of(None)

    assert refused(await browser.ask(party, PAGE, fields=bearer(token))).status == 403
    assert refused(await signed_in.visit(party)).status == 403


@pytest.mark.spec("T-J18")
def test_names_that_differ_in_case_only_are_nobody_when_case_does_not_count() -> None:
    directory = build_directory(
        (Consumer(id=ADA.id, username="ada"), Consumer(id=EVE.id, username="Ada"))
    ).of(None)

    assert directory.find("ADA", by=["username"], ignore_case=True) is None
    exact = directory.find("Ada", by=["username"], ignore_case=True)
    assert exact is not None
    assert exact.id == EVE.id


@pytest.mark.spec("oidc-plugin#7.6")
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("openid email profile", b"openid, email, profile"),
        (["a", "b"], b"a, b"),
        (["cn=a,dc=b", "x"], b"cn%3Da%2Cdc%3Db, x"),
        (["a\r\nx: y"], b"a%0D%0Ax%3A y"),
        (["\u00e9"], b"%C3%A9"),
    ],
)
async def test_groups_are_published_and_none_can_become_two(
    value: Any, expected: bytes
) -> None:
    world = World()

    step = allowed(
        await ask(
            world, world.browser(), {"g": value}, authenticated_groups_claim=["g"]
        )
    )

    assert dict(step.upstream_fields)[b"x-authenticated-groups"] == expected
    assert step.groups is not None
    assert len(step.groups) == expected.count(b", ") + 1


@pytest.mark.spec("OP25-10")
@pytest.mark.parametrize(
    ("required", "scope", "status"),
    [
        (["openid"], "openid email", 200),
        (["openid"], "email", 403),
        (["openid email"], "email openid", 200),
        (["openid email"], "openid", 403),
        (["admin", "openid"], "openid", 200),
        (["openid"], None, 403),
    ],
)
async def test_scopes_are_required_all_words_of_one_element(
    required: list[str], scope: str | None, status: int
) -> None:
    world = World()

    step = await ask(world, world.browser(), {"scope": scope}, scopes_required=required)

    if status == 200:
        assert allowed(step).method == "bearer"
    else:
        assert (refused(step).status, refused(step).error) == (
            403,
            "insufficient_scope",
        )


# Anonymous


@pytest.mark.spec("oidc-plugin#7.7")
@pytest.mark.parametrize(
    ("fields", "config"),
    [
        ((), {}),
        (((b"Authorization", b"Bearer "),), {}),
        (bearer("a.b.c"), {}),
        ((), {"auth_methods": ["bearer"]}),
        (XHR, {}),
    ],
)
async def test_whoever_is_nobody_is_the_anonymous_consumer(
    fields: Any, config: dict[str, Any]
) -> None:
    world = World()
    party = build_party(anonymous="nobody", **config)
    browser = browser_with(world, NOBODY)

    step = allowed(await browser.ask(party, PAGE, fields=fields))

    assert set(step.upstream_fields) == {
        (b"x-consumer-id", (NOBODY.id or "").encode()),
        (b"x-consumer-username", b"nobody"),
        (b"x-anonymous-consumer", b"true"),
    }
    assert (step.session, step.subject) == (None, "")
    assert browser.cookies == {}


async def test_whom_the_requirements_refuse_is_anonymous_too() -> None:
    world = World()
    browser = browser_with(world, NOBODY)

    step = allowed(
        await ask(world, browser, {}, anonymous=NOBODY.id, scopes_required=["admin"])
    )

    assert step.method == "anonymous"


async def test_a_good_credential_is_not_anonymous_and_a_login_can_come_first() -> None:
    world = World()
    browser = browser_with(world, NOBODY)
    first = build_party(anonymous="nobody", ostiary={"sign_in_before_anonymous": True})

    good = allowed(await ask(world, browser, {}, anonymous="nobody"))
    location = await browser.start(first)
    script = allowed(await browser.ask(first, PAGE, fields=XHR))

    assert good.method == "bearer"
    assert (b"x-anonymous-consumer", b"true") not in good.upstream_fields
    assert "response_type=code" in location
    assert script.method == "anonymous"


@pytest.mark.parametrize("name", ["unknown", "eve-id"])
async def test_an_anonymous_consumer_that_is_not_there_is_our_own_fault(
    name: str,
) -> None:
    world = World()
    party = build_party(anonymous=name, display_errors=True)

    step = refused(await browser_with(world, EVE).ask(party, PAGE))

    assert step.status == 500
    assert step.message.endswith("(anonymous consumer was not found)")
