"""The provider's judgement of authorization requests, check by check."""

from __future__ import annotations

import pytest

from ostiary.oidc.op.authorize import (
    AuthorizationRequest,
    build_code_redirect,
    build_error_redirect,
    build_token_redirect,
    check_authorization,
    is_fresh_enough,
    refuse,
)
from ostiary.oidc.op.client import Client
from ostiary.oidc.op.errors import RedirectError, ShowError
from ostiary.oidc.op.parameters import parse_parameters

CALLBACK = "https://app.example/cb"
IMPLICIT = Client(
    id="c",
    redirect_uris=("https://app.example/cb",),
    scopes=("openid",),
    flows=frozenset({"implicit"}),
)
CLIENT = Client(
    id="c",
    redirect_uris=(CALLBACK, "https://app.example/cb2?x=1"),
    scopes=("openid", "email", "custom/read"),
    flows=frozenset({"code"}),
)
GOOD = {
    "client_id": "c",
    "redirect_uri": CALLBACK,
    "response_type": "code",
    "scope": "openid",
    "state": "s",
}


def judge(
    client: Client | None = CLIENT, *extra: tuple[str, str], **changes: str
) -> AuthorizationRequest | ShowError | RedirectError:
    pairs = [(k, v) for k, v in (GOOD | changes).items() if v != "-"]
    return check_authorization(parse_parameters([*pairs, *extra]), client)


@pytest.mark.spec("RFC6749#4.1.1")
def test_a_right_request_is_read() -> None:
    request = judge(nonce="n", prompt="login", max_age="9", login_hint="h")

    assert isinstance(request, AuthorizationRequest)
    assert request.scopes == ("openid",)
    assert request.nonce == "n"
    assert request.max_age_s == 9
    assert request.prompts == {"login"}


def test_without_scope_all_of_the_client_s_are_asked_for() -> None:
    request = judge(scope="-")

    assert isinstance(request, AuthorizationRequest)
    assert request.scopes == CLIENT.scopes


@pytest.mark.spec("RFC6749#4.1.2.1")
@pytest.mark.parametrize(
    ("client", "changes", "extra", "code"),
    [
        (None, {}, (), "invalid_request"),
        (CLIENT, {"client_id": "-"}, (), "invalid_request"),
        (CLIENT, {}, (("client_id", "c"),), "invalid_request"),
        (CLIENT, {"redirect_uri": "-"}, (), "invalid_request"),
        (CLIENT, {}, (("redirect_uri", CALLBACK),), "invalid_request"),
        (CLIENT, {"redirect_uri": f"{CALLBACK}/"}, (), "redirect_mismatch"),
        (CLIENT, {"redirect_uri": f"{CALLBACK}?a"}, (), "redirect_mismatch"),
        (CLIENT, {"redirect_uri": f"{CALLBACK}#a"}, (), "redirect_mismatch"),
        (CLIENT, {"redirect_uri": "https://APP.example/cb"}, (), "redirect_mismatch"),
        (
            CLIENT,
            {"redirect_uri": "https://app.example:443/cb"},
            (),
            "redirect_mismatch",
        ),
        (
            CLIENT,
            {"redirect_uri": "https://app.example@evil/cb"},
            (),
            "redirect_mismatch",
        ),
    ],
)
def test_an_unproven_redirect_uri_gets_nothing(
    client: Client | None,
    changes: dict[str, str],
    extra: tuple[tuple[str, str], ...],
    code: str,
) -> None:
    shown = judge(client, *extra, **changes)

    assert isinstance(shown, ShowError)
    assert shown.code == code


@pytest.mark.spec("RFC6749#4.1.2.1")
@pytest.mark.parametrize(
    ("changes", "extra", "code", "description"),
    [
        ({"response_type": "-"}, (), "invalid_request", "response_type is missing"),
        ({"response_type": "id_token"}, (), "unsupported_response_type", None),
        ({"response_type": "token"}, (), "unauthorized_client", None),
        ({"response_mode": "fragment"}, (), "invalid_request", "response_mode"),
        ({"scope": "openid phone"}, (), "invalid_request", "invalid_scope"),
        ({"scope": "openid offline_access"}, (), "invalid_request", "invalid_scope"),
        ({"scope": "email"}, (), "invalid_request", "invalid_scope"),
        (
            {"code_challenge": "a" * 43},
            (),
            "invalid_request",
            "code_challenge_method is missing",
        ),
        (
            {"code_challenge_method": "S256"},
            (),
            "invalid_request",
            "code_challenge is missing",
        ),
        (
            {"code_challenge": "a" * 43, "code_challenge_method": "plain"},
            (),
            "invalid_request",
            "code_challenge_method must be S256",
        ),
        (
            {"code_challenge": "a" * 42, "code_challenge_method": "S256"},
            (),
            "invalid_request",
            "code_challenge is not 43 base64url characters",
        ),
        ({"prompt": "none login"}, (), "invalid_request", "prompt none stands alone"),
        ({"prompt": "now"}, (), "invalid_request", "prompt has an unknown value"),
        (
            {"max_age": "-1"},
            (),
            "invalid_request",
            "max_age is not a number of seconds",
        ),
        (
            {"identity_provider": "Google"},
            (),
            "invalid_request",
            "identity_provider is not one of the client's",
        ),
        (
            {"idp_identifier": "example.org"},
            (),
            "invalid_request",
            "idp_identifier is not one of the client's",
        ),
        ({"request": "a.b.c"}, (), "request_not_supported", None),
        ({"request_uri": "urn:x"}, (), "request_uri_not_supported", None),
        ({}, (("scope", "email"),), "invalid_request", "scope is given twice"),
    ],
)
def test_other_mistakes_are_told_to_the_client(
    changes: dict[str, str],
    extra: tuple[tuple[str, str], ...],
    code: str,
    description: str | None,
) -> None:
    told = judge(CLIENT, *extra, **changes)

    assert isinstance(told, RedirectError)
    assert (told.code, told.description, told.state) == (code, description, "s")


@pytest.mark.spec("RFC7636#4.3")
def test_a_challenge_is_kept() -> None:
    request = judge(code_challenge="a" * 43, code_challenge_method="S256")

    assert isinstance(request, AuthorizationRequest)
    assert request.code_challenge == "a" * 43


def test_a_state_given_twice_is_not_echoed() -> None:
    told = judge(CLIENT, ("state", "t"))

    assert isinstance(told, RedirectError)
    assert told.state is None


def test_a_default_redirect_uri_stands_in() -> None:
    client = Client(
        id="c",
        redirect_uris=(CALLBACK,),
        default_redirect_uri=CALLBACK,
        scopes=("openid",),
        flows=frozenset({"code"}),
    )
    request = judge(client, redirect_uri="-")

    assert isinstance(request, AuthorizationRequest)
    assert request.redirect_uri == CALLBACK


@pytest.mark.spec("RFC6749#4.1.2")
def test_the_code_joins_a_query_that_is_there() -> None:
    request = judge(redirect_uri="https://app.example/cb2?x=1", state="a b&c")

    assert isinstance(request, AuthorizationRequest)
    assert build_code_redirect(request, "k") == (
        "https://app.example/cb2?x=1&code=k&state=a+b%26c"
    )


def test_an_error_names_description_state_error_in_this_order() -> None:
    error = RedirectError(
        redirect_uri=CALLBACK,
        code="invalid_request",
        description="invalid_scope",
        state="s",
    )

    assert build_error_redirect(error) == (
        f"{CALLBACK}?error_description=invalid_scope&state=s&error=invalid_request"
    )


@pytest.mark.spec("OIDC-Core#3.1.2.1")
@pytest.mark.parametrize(
    ("changes", "fresh"),
    [
        ({}, True),
        ({"prompt": "login"}, False),
        ({"prompt": "select_account"}, False),
        ({"prompt": "none"}, True),
        ({"max_age": "10"}, True),
        ({"max_age": "9"}, False),
    ],
)
def test_an_old_sign_in_answers_only_where_it_may(
    changes: dict[str, str], fresh: bool
) -> None:
    request = judge(CLIENT, **changes)

    assert isinstance(request, AuthorizationRequest)
    assert is_fresh_enough(request, auth_time=90, now=100) is fresh


@pytest.mark.spec("RFC6749#4.2.2")
@pytest.mark.parametrize(
    ("id_token", "begin"),
    [("i", "id_token=i&access_token=a"), (None, "access_token=a")],
)
def test_tokens_go_into_the_fragment(id_token: str | None, begin: str) -> None:
    request = judge(IMPLICIT, response_type="token", response_mode="fragment")

    assert isinstance(request, AuthorizationRequest)
    assert (
        build_token_redirect(
            request, id_token=id_token, access_token="a", expires_in_s=60
        )
        == f"{CALLBACK}#{begin}&token_type=bearer&expires_in=60&state=s"
    )


@pytest.mark.spec("RFC6749#4.2.2.1")
@pytest.mark.parametrize(
    ("client", "changes", "query"),
    [
        (CLIENT, {}, "state=s&error=unauthorized_client"),
        (
            IMPLICIT,
            {"scope": "openid x"},
            "error_description=invalid_scope&state=s&error=invalid_request",
        ),
        (
            IMPLICIT,
            {"response_mode": "query"},
            "error_description=response_mode&state=s&error=invalid_request",
        ),
    ],
)
def test_errors_of_who_asks_for_tokens_go_there_too(
    client: Client, changes: dict[str, str], query: str
) -> None:
    told = judge(client, **{"response_type": "token", **changes})

    assert isinstance(told, RedirectError)
    assert build_error_redirect(told) == f"{CALLBACK}#{query}"


def test_a_right_request_can_still_be_refused_where_it_asked() -> None:
    request = judge(IMPLICIT, response_type="token")

    assert isinstance(request, AuthorizationRequest)
    assert build_error_redirect(refuse(request, "server_error")) == (
        f"{CALLBACK}#state=s&error=server_error"
    )
