"""The token endpoint's replies and the tokens in them, clause by clause."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.http.exchange import IncomingReply
from ostiary.jose.errors import JoseError
from ostiary.jose.jwt import sign_jwt
from ostiary.jose.keys import PrivateKey, parse_jwks
from ostiary.oidc.claims import find_path, read_audience, read_time
from ostiary.oidc.errors import (
    CallbackRefused,
    MalformedReply,
    ProviderError,
    TokenRefused,
)
from ostiary.oidc.pkce import build_challenge, is_answer, is_verifier
from ostiary.oidc.rp.authorization import (
    AuthorizationRequest,
    AuthorizationResponse,
    build_authorization_url,
    check_response,
    find_response,
)
from ostiary.oidc.rp.client_auth import (
    ClientCredentials,
    choose_auth_method,
    post_form,
)
from ostiary.oidc.rp.metadata import ProviderMetadata
from ostiary.oidc.rp.tokens import (
    code_request,
    read_token_response,
    refresh_request,
    revocation_request,
)
from ostiary.oidc.rp.verify import Rules, verify_access_token, verify_id_token

NOW = 1_800_000_000
ENDPOINT = "https://idp.example/token"
KEY = PrivateKey.generate_ec("k1")
KEYS = parse_jwks({"keys": [KEY.public_jwk()]})
RULES = Rules(issuers=("https://idp.example",), client_ids=("c",))
METADATA = ProviderMetadata(
    issuer="https://idp.example",
    jwks_uri=None,
    authorization_endpoint=None,
    token_endpoint=None,
)


def reply(value: object, status: int = 200) -> IncomingReply:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return IncomingReply(status=status, fields={}, body=body)


GOOD: dict[str, Any] = {"access_token": "a", "token_type": "bearer", "expires_in": "60"}


@pytest.mark.spec("RFC6749#5.1")
def test_a_good_reply_has_an_absolute_end() -> None:
    found = read_token_response(
        reply({**GOOD, "refresh_token": "r", "id_token": ""}), NOW
    )

    assert (found.access_token, found.expires_at, found.refresh_token) == (
        "a",
        NOW + 60,
        "r",
    )
    assert found.id_token is None
    assert (
        read_token_response(
            reply({"access_token": "a", "token_type": "Bearer"}), 0
        ).expires_at
        is None
    )


@pytest.mark.spec("RFC6749#5.2")
def test_an_error_reply_keeps_its_word() -> None:
    with pytest.raises(ProviderError) as caught:
        read_token_response(
            reply({"error": "invalid_grant", "error_description": "x"}, 400), NOW
        )

    assert (caught.value.error, caught.value.description) == ("invalid_grant", "x")


@pytest.mark.spec("RFC6749#5.1")
@pytest.mark.parametrize(
    ("value", "status"),
    [
        (b"not json", 200),
        ({**GOOD, "token_type": "mac"}, 200),
        ({**GOOD, "access_token": None}, 200),
        ({**GOOD, "access_token": 7}, 200),
        ({**GOOD, "expires_in": True}, 200),
        ({**GOOD, "expires_in": -1}, 200),
        ({**GOOD, "expires_in": "soon"}, 200),
        ({**GOOD, "expires_in": 10**400}, 200),
        (GOOD, 500),
        ({"error": "server_error"}, 503),
        ({"error": 7}, 400),
        (b"{" + b" " * 300_000 + b"}", 200),
    ],
)
def test_a_malformed_reply_is_refused(value: object, status: int) -> None:
    with pytest.raises(MalformedReply):
        read_token_response(reply(value, status), NOW)


@pytest.mark.spec("RFC6749#2.3.1")
def test_basic_authentication_form_encodes_both_halves() -> None:
    client = ClientCredentials(
        client_id="a:b", client_secret="s p+c", method="client_secret_basic"
    )
    pairs = code_request(code="x", redirect_uri="https://r", verifier="v")
    request = post_form(ENDPOINT, client, pairs)
    header = dict(request.fields)["Authorization"]

    assert base64.b64decode(header.removeprefix("Basic ")) == b"a%3Ab:s+p%2Bc"
    assert "client_secret" not in request.body.decode()
    assert "s p+c" not in repr(client)


@pytest.mark.spec("RFC6749#2.3.1")
def test_post_authentication_and_public_clients_name_themselves_in_the_body() -> None:
    posted = ClientCredentials(
        client_id="c", client_secret="s", method="client_secret_post"
    )
    refresh = post_form(ENDPOINT, posted, refresh_request(refresh_token="r"))
    form = parse_qs(refresh.body.decode())
    assert form == {
        "grant_type": ["refresh_token"],
        "refresh_token": ["r"],
        "client_id": ["c"],
        "client_secret": ["s"],
    }
    public = ClientCredentials(client_id="c")
    pairs = revocation_request(token="t", hint="access_token")
    body = post_form(ENDPOINT, public, pairs).body.decode()

    assert parse_qs(body) == {
        "token": ["t"],
        "token_type_hint": ["access_token"],
        "client_id": ["c"],
    }


def test_extra_arguments_do_not_replace_the_grants_own() -> None:
    request = post_form(
        ENDPOINT,
        ClientCredentials(client_id="c"),
        refresh_request(refresh_token="r"),
        extra=(("grant_type", "password"), ("audience", "api")),
    )
    form = parse_qs(request.body.decode())

    assert (form["grant_type"], form["audience"]) == (["refresh_token"], ["api"])


@pytest.mark.parametrize(
    ("secret", "configured", "supported", "expected"),
    [
        (None, None, ("client_secret_basic",), "none"),
        ("s", None, ("private_key_jwt", "client_secret_post"), "client_secret_post"),
        ("s", None, (), "client_secret_basic"),
        ("s", "client_secret_post", ("client_secret_basic",), "client_secret_post"),
    ],
)
def test_the_authentication_method_is_chosen(
    secret: str | None,
    configured: str | None,
    supported: tuple[str, ...],
    expected: str,
) -> None:
    chosen = choose_auth_method(
        configured, supported, has_secret=secret is not None, has_key=False
    )

    assert chosen == expected


def claims(**changes: Any) -> dict[str, Any]:
    base = {
        "iss": "https://idp.example",
        "sub": "ada",
        "aud": "c",
        "iat": NOW,
        "exp": NOW + 60,
    }
    return {k: v for k, v in {**base, **changes}.items() if v is not None}


def verify_id(token: str, rules: Rules = RULES, **changes: Any) -> Any:
    options: dict[str, Any] = {
        "client_id": "c",
        "nonce": None,
        "access_token": None,
        "now": NOW,
    }
    return verify_id_token(token, KEYS, rules, **{**options, **changes})


@pytest.mark.spec("OIDC-Core#3.1.3.6")
def test_at_hash_binds_the_access_token() -> None:
    half = hashlib.sha256(b"access").digest()[:16]
    good = base64.urlsafe_b64encode(half).rstrip(b"=").decode()
    token = sign_jwt(claims(at_hash=good), KEY)

    verify_id(token, access_token="access")
    with pytest.raises(TokenRefused) as caught:
        verify_id(token, access_token="another")
    assert caught.value.code == "invalid_at_hash"


@pytest.mark.spec("OIDC-Core#3.1.3.7")
def test_several_audiences_need_the_authorized_party() -> None:
    verify_id(sign_jwt(claims(aud=["c", "api"], azp="c"), KEY))

    with pytest.raises(TokenRefused) as caught:
        verify_id(sign_jwt(claims(aud=["c", "api"]), KEY))
    assert caught.value.code == "invalid_azp"


@pytest.mark.spec("OIDC-Core#3.1.3.7")
@pytest.mark.parametrize(
    ("auth_time", "ok"), [(NOW - 10, True), (NOW - 100, False), (None, False)]
)
def test_max_age_asks_for_a_recent_sign_in(auth_time: int | None, *, ok: bool) -> None:
    rules = Rules(issuers=RULES.issuers, client_ids=("c",), max_age_s=60)
    token = sign_jwt(claims(auth_time=auth_time), KEY)

    if ok:
        verify_id(token, rules)
    else:
        with pytest.raises(TokenRefused) as caught:
            verify_id(token, rules)
        assert caught.value.code == "invalid_auth_time"


@pytest.mark.spec("RFC7519#4.1.4")
@pytest.mark.parametrize(
    ("now", "leeway", "ok"),
    [(59, 0, True), (60, 0, False), (69, 10, True), (70, 10, False)],
)
def test_a_token_ends_exactly_at_exp_and_leeway(
    now: int, leeway: int, *, ok: bool
) -> None:
    rules = Rules(issuers=RULES.issuers, client_ids=("c",), leeway_s=leeway)
    token = sign_jwt(claims(), KEY)

    if ok:
        verify_id(token, rules, now=NOW + now)
    else:
        with pytest.raises(TokenRefused):
            verify_id(token, rules, now=NOW + now)


@pytest.mark.spec("RFC9068#2.1")
@pytest.mark.parametrize(
    ("typ", "ok"),
    [
        ("at+jwt", True),
        ("application/at+jwt", True),
        ("JWT", True),
        ("dpop+jwt", False),
    ],
)
def test_the_type_of_an_access_token(typ: str, *, ok: bool) -> None:
    token = sign_jwt(claims(scope="x"), KEY, typ=typ)

    if ok:
        verify_access_token(token, KEYS, RULES, now=NOW)
    else:
        with pytest.raises(TokenRefused) as caught:
            verify_access_token(token, KEYS, RULES, now=NOW)
        assert caught.value.code == "invalid_typ"


@pytest.mark.spec("D3")
def test_a_configured_audience_replaces_the_client_id_rule() -> None:
    rules = Rules(issuers=RULES.issuers, client_ids=("c",), audiences_required=("api",))

    verify_access_token(sign_jwt(claims(aud="api"), KEY), KEYS, rules, now=NOW)


@pytest.mark.spec("OIDC-Core#3.1.2.1")
def test_the_request_carries_what_is_configured() -> None:
    url = build_authorization_url(
        "https://idp.example/a?tenant=1",
        AuthorizationRequest(
            client_id="c", redirect_uri="https://r/cb?x=1", state="s", nonce="n", scope="openid a",
            verifier="v" * 43, response_mode="form_post", max_age_s=5, audience="api",
            extra=(("prompt", "login"), ("state", "evil")),
        ),
    )  # fmt: skip
    found = parse_qs(url.partition("?")[2])

    assert found == {
        "tenant": ["1"],
        "response_type": ["code"],
        "client_id": ["c"],
        "redirect_uri": ["https://r/cb?x=1"],
        "scope": ["openid a"],
        "state": ["s"],
        "nonce": ["n"],
        "response_mode": ["form_post"],
        "code_challenge": [build_challenge("v" * 43)],
        "code_challenge_method": ["S256"],
        "max_age": ["5"],
        "audience": ["api"],
        "prompt": ["login"],
    }


def test_no_scope_is_sent_when_none_is_configured() -> None:
    request = AuthorizationRequest(
        client_id="c", redirect_uri="r", state="s", nonce="n", scope=None, verifier=None
    )

    assert "scope" not in build_authorization_url("https://idp.example/a", request)


def test_requests_without_state_or_answer_are_no_callbacks() -> None:
    assert find_response((("code", "x"),)) is None
    assert find_response((("state", "x"),)) is None
    with pytest.raises(CallbackRefused):
        find_response((("state", "x" * 5000), ("code", "c")))


def test_an_answer_without_code_is_refused() -> None:
    empty = AuthorizationResponse(
        state="s", code="", iss=None, error=None, error_description=None
    )

    with pytest.raises(CallbackRefused):
        check_response(empty, METADATA)


@pytest.mark.spec("RFC7636#4.6")
def test_only_the_verifier_answers_its_challenge() -> None:
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

    assert build_challenge(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    assert is_answer(verifier, build_challenge(verifier))
    assert not is_answer("short", build_challenge("short"))
    assert not is_verifier("x" * 129)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("a", "b"), 1),
        (("l", "1"), "x"),
        (("l", "2"), "y"),
        (("l", "0"), None),
        (("l", "3"), None),
        (("l", "x"), None),
        (("a", "b", "c"), None),
    ],
)
def test_claim_paths_count_from_one(path: tuple[str, ...], expected: object) -> None:
    assert find_path({"a": {"b": 1}, "l": ["x", "y"]}, path) == expected


@pytest.mark.spec("RFC7519#4.1.3")
def test_audiences_are_texts_or_arrays_of_texts() -> None:
    assert read_audience({}) is None
    assert read_audience({"aud": ["a", "b"]}) == ("a", "b")
    for wrong in (1, ["a", 1], None):
        with pytest.raises(TokenRefused):
            read_audience({"aud": wrong})


@pytest.mark.spec("T-J11")
@given(
    st.one_of(
        st.none(),
        st.booleans(),
        st.text(),
        st.lists(st.integers()),
        st.floats(),
        st.integers(),
    )
)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_a_time_is_a_sane_number_or_refused(value: object) -> None:
    try:
        found = read_time({"exp": value}, "exp")
    except TokenRefused as refused:
        code = refused.code
        found = 0.0
    else:
        code = "invalid_claim"

    assert code == "invalid_claim"
    assert found is not None
    assert abs(found) <= 1e12


@given(st.text(max_size=80))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_nonsense_is_never_a_token(text: str) -> None:
    with pytest.raises((JoseError, TokenRefused)):
        verify_access_token(text, KEYS, RULES, now=NOW)
