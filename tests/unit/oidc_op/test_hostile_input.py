"""Whatever a stranger sends, the rules answer or refuse; they never break."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.oidc.op.authorize import (
    PARAMETERS,
    AuthorizationRequest,
    check_authorization,
)
from ostiary.oidc.op.client import Client, is_registrable_uri, origin_of
from ostiary.oidc.op.client_auth import read_credentials
from ostiary.oidc.op.errors import RedirectError, TokenRefused
from ostiary.oidc.op.parameters import Parameters, parse_parameters
from ostiary.oidc.op.pkce import is_verified

CALLBACK = "https://app.example/cb"
CLIENT = Client(
    id="c",
    redirect_uris=(CALLBACK,),
    scopes=("openid",),
    flows=frozenset({"code"}),
)
VALUES = st.one_of(
    st.text(max_size=20), st.sampled_from(["c", CALLBACK, "code", "openid", "S256"])
)
PAIRS = st.lists(st.tuples(st.sampled_from(sorted(PARAMETERS)), VALUES), max_size=12)


@pytest.mark.spec("RFC6749#4.1.2.1")
@given(PAIRS)
def test_nothing_is_ever_sent_but_to_a_registered_uri(
    pairs: list[tuple[str, str]],
) -> None:
    judged = check_authorization(parse_parameters(pairs), CLIENT)
    if isinstance(judged, AuthorizationRequest | RedirectError):
        assert judged.redirect_uri == CALLBACK
    if isinstance(judged, AuthorizationRequest):
        assert set(judged.scopes) <= set(CLIENT.scopes)


def _outcome(authorization: str | None, parameters: Parameters) -> str:
    try:
        read_credentials(authorization, parameters)
    except TokenRefused as refused:
        return refused.code
    return "read"


@given(
    st.text(max_size=60), st.lists(st.tuples(st.text(max_size=9), st.text(max_size=9)))
)
def test_credentials_are_read_or_refused(
    authorization: str, pairs: list[tuple[str, str]]
) -> None:
    for text in (authorization, f"Basic {authorization}", None):
        assert _outcome(text, parse_parameters(pairs)) in {
            "read",
            "invalid_client",
            "invalid_request",
        }


@given(st.one_of(st.text(max_size=60), st.text(max_size=40).map("https://".__add__)))
def test_a_registrable_uri_has_an_origin(text: str) -> None:
    if is_registrable_uri(text):
        assert origin_of(text)


@given(st.text(max_size=140))
def test_no_verifier_answers_a_challenge_by_being_odd(verifier: str) -> None:
    assert not is_verified(verifier=verifier, challenge="A" * 43)
