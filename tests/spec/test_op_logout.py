"""Where signing out may lead."""

from __future__ import annotations

import pytest

from ostiary.oidc.op.client import Client
from ostiary.oidc.op.logout import (
    LeaveTo,
    LogoutMistake,
    SignInAgain,
    decide_logout,
)
from ostiary.oidc.op.parameters import parse_parameters

OUT = "https://app.example/bye"
CLIENT = Client(id="c", redirect_uris=("https://app.example/cb",), logout_uris=(OUT,))
NO_REDIRECT = LogoutMistake(
    message="Required String parameter 'redirect_uri' is not present"
)


@pytest.mark.spec("OIDC-RPLogout#3")
@pytest.mark.parametrize(
    ("query", "lenient", "strict"),
    [
        ({"logout_uri": OUT}, LeaveTo(location=OUT), LeaveTo(location=OUT)),
        (
            {"logout_uri": "app.example/bye"},
            LeaveTo(location=OUT, completed=True),
            NO_REDIRECT,
        ),
        ({"logout_uri": "https://evil.example"}, NO_REDIRECT, NO_REDIRECT),
        ({"logout_uri": f"{OUT}/"}, NO_REDIRECT, NO_REDIRECT),
        ({"post_logout_redirect_uri": OUT}, LeaveTo(location=OUT), NO_REDIRECT),
        (
            {"post_logout_redirect_uri": OUT, "state": "s t"},
            LeaveTo(location=f"{OUT}?state=s+t"),
            NO_REDIRECT,
        ),
        (
            {"post_logout_redirect_uri": "https://evil.example"},
            NO_REDIRECT,
            NO_REDIRECT,
        ),
        (
            {"redirect_uri": "https://app.example/cb"},
            SignInAgain(),
            SignInAgain(),
        ),
        (
            {"redirect_uri": "https://evil.example"},
            LogoutMistake(message="redirect_mismatch"),
            LogoutMistake(message="redirect_mismatch"),
        ),
        ({}, NO_REDIRECT, NO_REDIRECT),
    ],
)
def test_only_registered_places_are_reached(
    query: dict[str, str], lenient: object, strict: object
) -> None:
    parameters = parse_parameters([("client_id", "c"), *query.items()])

    assert decide_logout(parameters, CLIENT, strict=False) == lenient
    assert decide_logout(parameters, CLIENT, strict=True) == strict


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([], "Required String parameter 'client_id' is not present"),
        ([("client_id", "nobody")], "Client does not exist."),
    ],
)
def test_without_a_client_there_is_nowhere_to_go(
    pairs: list[tuple[str, str]], message: str
) -> None:
    assert decide_logout(parse_parameters(pairs), None, strict=False) == LogoutMistake(
        message=message
    )


def test_a_logout_uri_given_twice_counts_as_none() -> None:
    parameters = parse_parameters(
        [
            ("client_id", "c"),
            ("logout_uri", OUT),
            ("logout_uri", "https://evil.example"),
        ]
    )

    assert decide_logout(parameters, CLIENT, strict=False) == NO_REDIRECT
