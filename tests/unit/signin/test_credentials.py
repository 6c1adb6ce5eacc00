"""Where credentials are looked for, which client is meant, and what is hidden afterwards."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.http.challenge import parse_basic
from ostiary.jose.jwt import verify_jwt
from ostiary.jose.keys import PrivateKey, parse_jwks
from ostiary.ports.client_keys import ClientKeysUnavailable
from ostiary.signin.arguments import MAX_BODY_BYTES, Arguments
from tests.support.browser import ORIGIN, World, allowed, build_party, refused
from tests.support.parties import LASTING, PAGE, bearer
from tests.support.provider import CLIENT_ID, ISSUER
from tests.unit.signin.test_methods import basic, forms, party_with

FORM = ((b"Content-Type", b"application/x-www-form-urlencoded"),)
JSON = ((b"Content-Type", b"application/json; charset=utf-8"),)


def post(fields: Any, body: bytes) -> dict[str, Any]:
    return {"method": b"POST", "fields": fields, "body": body}


@pytest.mark.spec("oidc-plugin#5")
@pytest.mark.parametrize("kind", ["form", "json"])
async def test_a_token_in_the_body_counts_and_does_not_go_on(kind: str) -> None:
    world, party = World(), build_party(auth_methods=["bearer"])
    token = world.provider.access_token()
    if kind == "form":
        sent = post(FORM, f"a=1&access_token={token}&b=%20x".encode())
        left = b"a=1&b=%20x"
    else:
        sent = post(JSON, json.dumps({"a": 1, "access_token": token}).encode())
        left = b'{"a":1}'

    step = allowed(await world.browser().ask(party, PAGE, **sent))

    assert step.method == "bearer"
    assert step.new_body == left


async def test_a_body_goes_on_as_it_came_when_credentials_are_not_hidden() -> None:
    world = World()
    party = build_party(auth_methods=["bearer"], hide_credentials=False)
    token = world.provider.access_token()

    step = await world.browser().ask(
        party, PAGE, **post(FORM, f"access_token={token}".encode())
    )

    assert allowed(step).new_body is None


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        (JSON, b"null"),
        (JSON, b"[]"),
        (JSON, b'{"access_token": null}'),
        (JSON, b'{"access_token": {"a": 1}}'),
        (JSON, b"{"),
        (FORM, b"access_token=%ff"),
        (FORM, b"access_token="),
        ((), b"access_token=TOKEN"),
        (((b"Content-Type", b"multipart/form-data"),), b"access_token=TOKEN"),
        ((*FORM, *JSON), b"access_token=TOKEN"),
        (FORM, b"access_token=TOKEN&access_token=TOKEN"),
        (FORM, b"access_token=TOKEN&a=" + b"x" * MAX_BODY_BYTES),
    ],
)
@pytest.mark.spec("oidc-plugin#5")
async def test_a_body_that_says_nothing_plainly_is_no_credential(
    fields: Any, body: bytes
) -> None:
    world, party = World(), build_party(auth_methods=["bearer"])
    token = world.provider.access_token().encode()

    step = await world.browser().ask(
        party, PAGE, **post(fields, body.replace(b"TOKEN", token))
    )

    assert refused(step).detail == "no credentials were found"


async def test_bodies_are_not_read_where_nothing_is_looked_for_in_them() -> None:
    world = World()
    party = build_party(auth_methods=["bearer"], bearer_token_param_type=["header"])
    token = world.provider.access_token()
    browser = world.browser()
    request = browser.request(
        PAGE, method=b"POST", fields=(*FORM, *bearer(token)), body=b"a=1"
    )

    step = await world.signin.authenticate(request, party)

    assert allowed(step).method == "bearer"
    assert request.body.reads == 0  # type: ignore[attr-defined]


@pytest.mark.spec("oidc-plugin#5")
async def test_a_token_may_come_in_a_cookie_of_a_given_name() -> None:
    world = World()
    party = build_party(
        auth_methods=["bearer"],
        bearer_token_param_type=["cookie"],
        bearer_token_cookie_name="jwt",
    )
    token = world.provider.access_token()
    browser = world.browser()

    step = allowed(
        await browser.ask(
            party, PAGE, fields=((b"Cookie", f"a=1; jwt={token}".encode()),)
        )
    )
    twice = await browser.ask(
        party, PAGE, fields=((b"Cookie", f"jwt={token}; jwt={token}".encode()),)
    )

    assert step.strip_cookies == {"jwt"}
    assert refused(twice).status == 401


@pytest.mark.parametrize("value", ["{}", "Bearer {}", "bearer {}"])
async def test_a_token_may_come_in_a_header_of_a_given_name_only(value: str) -> None:
    world = World()
    party = build_party(auth_methods=["bearer"], bearer_token_header_name="X_Token")
    token = world.provider.access_token()
    browser = world.browser()

    own = await browser.ask(
        party, PAGE, fields=((b"X-Token", value.format(token).encode()),)
    )
    usual = await browser.ask(party, PAGE, fields=bearer(token))

    assert allowed(own).method == "bearer"
    assert refused(usual).status == 401
    assert b"x-token" in party.managed_headers


async def test_an_id_token_beside_the_access_token_must_be_good_too() -> None:
    world = World()
    party = build_party(
        auth_methods=["bearer"],
        id_token_param_name="id_token",
        upstream_headers=[{"header": "x-email", "path": ["email"]}],
    )
    token = world.provider.access_token()
    browser = world.browser()

    async def send(id_token: str) -> Any:
        fields = (*bearer(token), (b"Id-Token", id_token.encode()))
        return await browser.ask(party, PAGE, fields=fields)

    good = allowed(await send(world.provider.id_token("")))
    bad = refused(await send(world.provider.id_token("", aud="else")))
    alone = await browser.ask(
        party, PAGE, fields=((b"Id-Token", world.provider.id_token("").encode()),)
    )

    assert (b"x-email", b"ada@example.com") in good.upstream_fields
    assert bad.status == 401
    assert refused(alone).detail == "no credentials were found"


@pytest.mark.parametrize("place", ["query", "body"])
async def test_user_and_password_may_be_arguments(place: str) -> None:
    world, party = World(), party_with("password")
    text = "username=ada&password=correct+horse"
    browser = world.browser()

    if place == "query":
        step = allowed(await browser.ask(party, f"{PAGE}?a=1&{text}"))
        assert set(step.strip_query) == {"username", "password"}
    else:
        step = allowed(await browser.ask(party, PAGE, **post(FORM, text.encode())))
        assert step.new_body == b""
    assert step.subject == "ada"


# The choice of the client


@pytest.mark.spec("OP25-12")
@pytest.mark.parametrize(
    ("url", "fields", "expected"),
    [
        (PAGE, (), "one"),
        (f"{PAGE}?client_id=2", (), "two"),
        (f"{PAGE}?client_id=two", (), "two"),
        (f"{PAGE}?client_id=3", (), "one"),
        (f"{PAGE}?client_id=0", (), "one"),
        (f"{PAGE}?client_id=nobody", (), "one"),
        (PAGE, ((b"X-Client-ID", b"two"),), "two"),
        (PAGE, ((b"client-id", b"2"),), "two"),
        (f"{PAGE}?client_id=one", ((b"Client-Id", b"two"),), "two"),
    ],
)
async def test_the_caller_picks_the_client(
    url: str, fields: Any, expected: str
) -> None:
    world = World()
    party = build_party(client_id=["one", "two"])

    location = await world.browser().start(party, url, fields=fields)

    assert f"client_id={expected}" in location


async def test_the_chosen_client_finishes_the_flow_and_refreshes() -> None:
    world = World()
    party = build_party(
        client_id=[CLIENT_ID, "two"],
        client_secret=["s1", "s2"],
        client_auth=["client_secret_post"],
        **LASTING,
    )
    world.provider.id_edits = {"aud": "two"}
    browser = world.browser()

    location = await browser.start(party, f"{PAGE}?client_id=2")
    answer = world.provider.authorize(location)
    await browser.ask(party, f"{ORIGIN}/cognito?{answer}")
    world.clock.move(world.provider.lifetime + 1)
    allowed(await browser.visit(party))

    sent = [(f["client_id"], f["client_secret"]) for f in forms(world, "/token")]
    assert sent == [("two", "s2"), ("two", "s2")]


async def test_another_argument_can_name_the_client() -> None:
    world = World()
    party = build_party(client_id=["one", "two"], client_arg="client_config")
    fields = ((b"X-Client-Config", b"2"),)

    location = await world.browser().start(party, PAGE, fields=fields)

    assert "client_id=two" in location


# Client authentication


@pytest.mark.spec("RFC7523#3")
@pytest.mark.parametrize(
    ("method", "more"),
    [
        ("client_secret_jwt", {"client_secret": ["s" * 32]}),
        ("private_key_jwt", {}),
    ],
)
async def test_a_client_can_sign_who_it_is(method: str, more: dict[str, Any]) -> None:
    world, key = World(), PrivateKey.generate_ec("own")
    jwk = {k: v for k, v in key.to_private_jwk().items() if k != "alg"}
    if method == "private_key_jwt":
        more = {"client_jwk": [jwk]}
    party = build_party(client_auth=[method], **more)

    await world.browser().sign_in(party)

    form = forms(world, "/token")[0]
    assert form["client_assertion_type"].endswith("client-assertion-type:jwt-bearer")
    assert "client_id" not in form
    assert "client_secret" not in form
    if method == "private_key_jwt":
        keys = parse_jwks({"keys": [key.public_jwk()]})
        claims = verify_jwt(
            form["client_assertion"], keys, algorithms=frozenset({"ES256"})
        ).claims
        assert (claims["iss"], claims["sub"]) == (CLIENT_ID, CLIENT_ID)
        assert claims["aud"] == f"{ISSUER}/token"
        assert claims["exp"] == world.clock.now() + 60


class NodeKeys:
    """The keys of a node, some algorithms only; none when they are `away`."""

    def __init__(self, *keys: PrivateKey, away: bool = False) -> None:
        self.keys = keys
        self.away = away

    async def find(self, algorithm: str) -> PrivateKey | None:
        if self.away:
            raise ClientKeysUnavailable("the keys are away")
        return next((key for key in self.keys if key.alg == algorithm), None)


@pytest.mark.spec("oidc-plugin#12.6")
@pytest.mark.parametrize(
    ("listed", "configured", "expected"),
    [
        (None, None, "RS256"),
        (["ES256", "EdDSA"], None, "ES256"),
        (["ES512", "RS256"], None, "RS256"),
        (None, "EdDSA", "EdDSA"),
    ],
)
async def test_a_client_without_a_key_signs_with_the_node_s(
    listed: list[str] | None, configured: str | None, expected: str
) -> None:
    keys = (
        PrivateKey.generate_rsa("rsa"),
        PrivateKey.generate_ec("ec"),
        PrivateKey.generate_ed25519("ed"),
    )
    world = World(client_keys=NodeKeys(*keys))
    if listed is not None:
        world.provider.metadata_edits = {
            "token_endpoint_auth_signing_alg_values_supported": listed
        }
    alg = None if configured is None else [configured]
    party = build_party(client_auth=["private_key_jwt"], client_alg=alg)

    await world.browser().sign_in(party)

    published = parse_jwks({"keys": [key.public_jwk() for key in keys]})
    token = forms(world, "/token")[0]["client_assertion"]
    claims = verify_jwt(token, published, algorithms=frozenset({expected})).claims
    assert claims["sub"] == CLIENT_ID


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        (None, "the node's own client keys are not here"),
        (NodeKeys(), "the node has no client key for RS256"),
        (NodeKeys(away=True), "the keys are away"),
    ],
)
async def test_without_a_key_nobody_is_asked_and_nobody_is_let_in(
    keys: NodeKeys | None, why: str
) -> None:
    world = World(client_keys=keys)
    party = build_party(client_auth=["private_key_jwt"])
    browser = world.browser()
    location = await browser.start(party)

    step = refused(
        await browser.ask(
            party, f"{ORIGIN}/cognito?{world.provider.authorize(location)}"
        )
    )

    assert step.status >= 500
    assert why in step.detail
    assert world.provider.asked("/token") == []


async def test_the_node_s_keys_are_used_only_where_they_are_asked_for() -> None:
    world = World(client_keys=NodeKeys(PrivateKey.generate_ec("ec")))
    world.provider.metadata_edits = {
        "token_endpoint_auth_methods_supported": ["private_key_jwt"]
    }

    await world.browser().sign_in(build_party())

    assert "client_assertion" not in forms(world, "/token")[0]


async def test_no_assertion_is_sent_twice() -> None:
    world, key = World(), PrivateKey.generate_ec("own")
    party = build_party(
        client_auth=["private_key_jwt"], client_jwk=[key.to_private_jwk()]
    )

    for _ in range(2):
        await world.browser().sign_in(party)

    sent = {form["client_assertion"] for form in forms(world, "/token")}
    assert len(sent) == 2


async def test_the_token_request_can_be_shaped_and_its_reply_shown() -> None:
    world = World()
    party = party_with(
        "password",
        token_headers_names=["X-Key"],
        token_headers_values=["k"],
        token_headers_client=["X-Trace"],
        token_post_args_names=["realm"],
        token_post_args_values=["r"],
        token_post_args_client=["scope", "tenant"],
        audience=["api"],
    )
    fields = (*basic("ada", "correct horse"), (b"X-Trace", b"1"), (b"Tenant", b"t"))

    allowed(await world.browser().ask(party, f"{PAGE}?scope=evil", fields=fields))

    form = forms(world, "/token")[0]
    assert {"realm": "r", "tenant": "t", "audience": "api"}.items() <= form.items()
    assert form["scope"] == "openid"
    sent = set(world.provider.asked("/token")[0].fields)
    assert {("X-Key", "k"), ("X-Trace", "1")} <= sent


# Pure parts


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"Basic YTpi", ("a", "b")),
        (b"basic YTpiOmM=", ("a", "b:c")),
        (b"Basic a:b", ("a", "b")),
        (b"Basic Ym8=", None),
        (b"Basic Og==", None),
        (b"Basic YTo=", None),
        (b"Basic", None),
        (b"Bearer a:b", None),
        (None, None),
    ],
)
@pytest.mark.spec("RFC7617#2")
def test_basic_is_read(value: bytes | None, expected: tuple[str, str] | None) -> None:
    assert parse_basic(value) == expected


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=8))
@settings(max_examples=200)
def test_taking_an_argument_out_leaves_all_others(
    pairs: list[tuple[str, str]],
) -> None:
    raw = urlencode(pairs).encode("ascii")
    left = Arguments(body=tuple(pairs), kind="form", raw=raw).body_without({"secret"})

    found = parse_qsl(left.decode(), keep_blank_values=True)
    assert found == [(k, v) for k, v in pairs if k != "secret"]
