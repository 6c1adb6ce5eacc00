"""The provider's back channel: client authentication, codes, refresh tokens, PKCE."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from ostiary.oidc.op import token
from ostiary.oidc.op.client import Client
from ostiary.oidc.op.client_auth import check_client, read_credentials
from ostiary.oidc.op.errors import TokenRefused
from ostiary.oidc.op.parameters import Parameters, parse_parameters
from ostiary.oidc.op.pkce import is_challenge, is_verified

PUBLIC = Client(id="c", flows=frozenset({"code"}))
SECRET = replace(PUBLIC, secrets=("s+cret",))
CHANGING = replace(PUBLIC, secrets=("s+cret", "n3w"))
# RFC 7636 appendix B
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
EXCHANGE = token.CodeExchange(
    code="k", redirect_uri="https://a/cb", code_verifier=VERIFIER
)
ISSUED = token.IssuedCode(
    client_id="c",
    redirect_uri="https://a/cb",
    code_challenge=CHALLENGE,
    expires_at=100,
    first=True,
)
MACHINE = Client(
    id="c",
    flows=frozenset({"client_credentials"}),
    scopes=("openid", "api/read", "api/gone"),
    secrets=("s",),
)
LIVING = frozenset({"api/read", "other/read"})


def form(**values: str) -> Parameters:
    return parse_parameters(values.items())


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.spec("RFC6749#2.3.1")
@pytest.mark.parametrize(
    ("client", "authorization", "fields"),
    [
        (PUBLIC, None, {"client_id": "c"}),
        (PUBLIC, basic("c:"), {}),
        (SECRET, basic("c:s+cret"), {}),
        (SECRET, basic("c:s%2Bcret"), {}),
        (SECRET, basic("c:s+cret"), {"client_id": "c"}),
        (SECRET, None, {"client_id": "c", "client_secret": "s+cret"}),
        (CHANGING, basic("c:s+cret"), {}),
        (CHANGING, basic("c:n3w"), {}),
    ],
)
def test_a_client_is_believed(
    client: Client, authorization: str | None, fields: dict[str, str]
) -> None:
    assert (
        check_client(client, read_credentials(authorization, form(**fields))) == client
    )


@pytest.mark.spec("RFC6749#5.2")
@pytest.mark.parametrize(
    ("client", "authorization", "fields", "code"),
    [
        (None, None, {"client_id": "c"}, "invalid_client"),
        (PUBLIC, None, {}, "invalid_request"),
        (PUBLIC, None, {"client_id": "c", "client_secret": "x"}, "invalid_client"),
        (SECRET, None, {"client_id": "c"}, "invalid_client"),
        (SECRET, None, {"client_id": "c", "client_secret": "s cret"}, "invalid_client"),
        (SECRET, basic("c:wrong"), {}, "invalid_client"),
        (CHANGING, basic("c:wrong"), {}, "invalid_client"),
        (CHANGING, basic("c:"), {}, "invalid_client"),
        (SECRET, basic("c:s+cret"), {"client_id": "d"}, "invalid_client"),
        (SECRET, basic("c:s+cret"), {"client_secret": "s+cret"}, "invalid_request"),
        (SECRET, "Bearer x", {}, "invalid_client"),
        (SECRET, "Basic ***", {}, "invalid_client"),
        (SECRET, basic("no colon"), {}, "invalid_client"),
    ],
)
def test_a_client_is_not_believed(
    client: Client | None,
    authorization: str | None,
    fields: dict[str, str],
    code: str,
) -> None:
    with pytest.raises(TokenRefused) as caught:
        check_client(client, read_credentials(authorization, form(**fields)))

    assert caught.value.code == code


@pytest.mark.spec("RFC6749#4.1.3")
def test_a_matching_code_may_be_exchanged() -> None:
    token.check_code(ISSUED, EXCHANGE, PUBLIC, now=99)


@pytest.mark.spec("RFC6749#4.1.3")
@pytest.mark.parametrize(
    ("issued", "exchange", "now"),
    [
        (replace(ISSUED, first=False), EXCHANGE, 99),
        (ISSUED, EXCHANGE, 100),
        (replace(ISSUED, client_id="d"), EXCHANGE, 99),
        (ISSUED, replace(EXCHANGE, redirect_uri="https://a/cb/"), 99),
        (ISSUED, replace(EXCHANGE, code_verifier=None), 99),
        (replace(ISSUED, code_challenge=None), EXCHANGE, 99),
    ],
)
def test_any_difference_is_an_invalid_grant(
    issued: token.IssuedCode, exchange: token.CodeExchange, now: int
) -> None:
    with pytest.raises(TokenRefused) as caught:
        token.check_code(issued, exchange, PUBLIC, now=now)

    assert caught.value.code == "invalid_grant"


@pytest.mark.parametrize(
    ("grant_type", "client", "code"),
    [
        ("", PUBLIC, "invalid_request"),
        ("authorization_code", Client(id="c"), "unauthorized_client"),
        ("client_credentials", PUBLIC, "unauthorized_client"),
        ("client_credentials", SECRET, "unauthorized_client"),
        ("client_credentials", replace(MACHINE, secrets=()), "unauthorized_client"),
        ("password", PUBLIC, "unsupported_grant_type"),
    ],
)
def test_a_grant_that_cannot_be_used_is_named(
    grant_type: str, client: Client, code: str
) -> None:
    with pytest.raises(TokenRefused) as caught:
        token.read_grant_type(form(grant_type=grant_type), client)

    assert caught.value.code == code


@pytest.mark.spec("RFC6749#4.1.3")
def test_an_exchange_is_read() -> None:
    given = form(code="k", redirect_uri="https://a/cb", code_verifier=VERIFIER)

    assert token.read_code_exchange(given) == EXCHANGE


@pytest.mark.parametrize("missing", ["code", "redirect_uri"])
def test_an_exchange_without_its_half_is_refused(missing: str) -> None:
    fields = {"code": "k", "redirect_uri": "https://a/cb", missing: ""}
    with pytest.raises(TokenRefused) as caught:
        token.read_code_exchange(form(**fields))

    assert caught.value.code == "invalid_request"


@pytest.mark.parametrize("grant_type", ["authorization_code", "refresh_token"])
def test_a_grant_that_can_be_used_is_read(grant_type: str) -> None:
    assert token.read_grant_type(form(grant_type=grant_type), PUBLIC) == grant_type


@pytest.mark.spec("RFC6749#4.4")
def test_a_confidential_client_may_ask_for_itself() -> None:
    given = form(grant_type="client_credentials")

    assert token.read_grant_type(given, MACHINE) == "client_credentials"


@pytest.mark.spec("RFC6749#4.4.2")
@pytest.mark.parametrize(
    "scope", ["", "api/read", "api/read api/read", "api/gone api/read"]
)
def test_a_client_s_own_scopes_are_those_that_its_servers_still_have(
    scope: str,
) -> None:
    assert token.read_client_scopes(form(scope=scope), MACHINE, LIVING) == ("api/read",)


@pytest.mark.spec("RFC6749#3.3")
@pytest.mark.parametrize(
    ("scope", "client", "code"),
    [
        ("openid", MACHINE, "invalid_scope"),
        ("other/read", MACHINE, "invalid_scope"),
        ("api/read x", MACHINE, "invalid_scope"),
        ("api/gone", MACHINE, "invalid_grant"),
        ("", replace(MACHINE, scopes=("openid",)), "invalid_grant"),
    ],
)
def test_scopes_that_a_client_does_not_have_are_refused(
    scope: str, client: Client, code: str
) -> None:
    with pytest.raises(TokenRefused) as caught:
        token.read_client_scopes(form(scope=scope), client, LIVING)

    assert caught.value.code == code


@pytest.mark.parametrize(
    ("text", "expected"), [("", {}), ("{}", {}), ('{"a":"b"}', {"a": "b"})]
)
def test_a_client_s_metadata_is_read(text: str, expected: dict[str, str]) -> None:
    assert token.read_client_metadata(form(aws_client_metadata=text)) == expected


@pytest.mark.parametrize("text", ["x", "[]", "1", '{"a":1}', "[" * 100_000])
def test_metadata_that_is_no_object_of_texts_is_refused(text: str) -> None:
    with pytest.raises(TokenRefused) as caught:
        token.read_client_metadata(form(aws_client_metadata=text))

    assert caught.value.code == "invalid_request"


@pytest.mark.spec("RFC6749#3.2")
def test_a_parameter_of_the_protocol_comes_once() -> None:
    token.check_once(parse_parameters([("x", "1"), ("x", "2"), ("code", "k")]))
    with pytest.raises(TokenRefused) as caught:
        token.check_once(parse_parameters([("code", "k"), ("code", "k")]))

    assert caught.value.code == "invalid_request"


@pytest.mark.spec("RFC7636#4.6")
@pytest.mark.parametrize(
    ("verifier", "challenge", "ok"),
    [
        (VERIFIER, CHALLENGE, True),
        (None, None, True),
        (None, CHALLENGE, False),
        (VERIFIER, None, False),
        ("x" * 43, CHALLENGE, False),
        ("short", CHALLENGE, False),
        (CHALLENGE, CHALLENGE, False),
    ],
)
def test_a_verifier_answers_its_challenge(
    verifier: str | None, challenge: str | None, ok: bool
) -> None:
    assert is_verified(verifier=verifier, challenge=challenge) is ok


@pytest.mark.parametrize(
    ("text", "ok"),
    [(CHALLENGE, True), (CHALLENGE[:-1], False), (f"{CHALLENGE}=", False)],
)
def test_a_challenge_is_43_base64url_characters(text: str, ok: bool) -> None:
    assert is_challenge(text) is ok
