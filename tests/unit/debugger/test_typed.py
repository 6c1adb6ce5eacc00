"""What a person typed is judged field by field, and a secret stays with whom it is for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.debugger.client import AUTH_METHODS
from ostiary.debugger.typed import (
    MAX_LEEWAY_S,
    MAX_TEXT,
    Typed,
    judge_client,
    read_query,
    read_setup,
)
from ostiary.debugger.values import ENDPOINTS, Setup
from tests.unit.debugger.debugger_kit import BACK

FORM = {
    "issuer": "https://idp.example/pool",
    "client_id": "shop",
    "scope": "openid email",
    "pkce": "on",
}
BEFORE = Setup(issuer=FORM["issuer"], client_id="shop", client_secret="s3cret-1")
OWN = BACK


def read(**changes: str | None) -> Typed:
    return read_after(BEFORE, **changes)


def read_after(before: Setup, **changes: str | None) -> Typed:
    form = {k: v for k, v in {**FORM, **changes}.items() if v is not None}
    return read_setup(tuple(form.items()), before, own_redirect_uri=OWN)


def test_a_whole_form_is_a_setup() -> None:
    typed = read_after(
        Setup(),
        issuer=" https://idp.example/pool ",
        client_secret=" blank at both ends ",
        auth_method="client_secret_post",
        redirect_uri="https://app.example/cb",
        prompt="login",
        audience="https://api.example",
        logout_redirect_uri="app.example/bye",
        logout_form="cognito",
        leeway="30",
        token_endpoint="https://idp.example/t",
    )

    assert typed.errors == {}
    assert typed.setup == Setup(
        issuer="https://idp.example/pool",
        client_id="shop",
        client_secret=" blank at both ends ",
        auth_method="client_secret_post",
        redirect_uri="https://app.example/cb",
        scope="openid email",
        prompt="login",
        audience="https://api.example",
        logout_redirect_uri="app.example/bye",
        logout_form="cognito",
        leeway_s=30,
        endpoints=(("token_endpoint", "https://idp.example/t"),),
    )


def test_what_is_left_empty_has_a_default() -> None:
    typed = read_setup((("issuer", FORM["issuer"]),), Setup(), own_redirect_uri=OWN)

    assert typed.errors == {}
    assert typed.setup == Setup(
        issuer=FORM["issuer"], redirect_uri=OWN, scope="", uses_pkce=False
    )


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"issuer": "idp.example"}, "issuer"),
        ({"issuer": "ftp://idp.example"}, "issuer"),
        ({"issuer": "https://ada:pw@idp.example"}, "issuer"),
        ({"issuer": None}, "issuer"),
        ({"issuer": "https://idp.example/\x07"}, "issuer"),
        ({"issuer": f"https://idp.example/{'x' * MAX_TEXT}"}, "issuer"),
        ({"redirect_uri": "/callback"}, "redirect_uri"),
        ({"redirect_uri": "https://app.example/cb#top"}, "redirect_uri"),
        ({"scope": "openid  email"}, "scope"),
        ({"scope": 'openid "email"'}, "scope"),
        ({"client_secret": "x" * (MAX_TEXT + 1)}, "client_secret"),
        ({"auth_method": "private_key_jwt"}, "auth_method"),
        ({"leeway": "-1"}, "leeway"),
        ({"leeway": "1.5"}, "leeway"),
        ({"leeway": "³"}, "leeway"),
        ({"leeway": str(MAX_LEEWAY_S + 1)}, "leeway"),
        ({"leeway": "000000001234567"}, "leeway"),
        ({"token_endpoint": "idp.example/token"}, "token_endpoint"),
        ({"jwks_uri": "https://[x"}, "jwks_uri"),
    ],
)
def test_each_field_is_judged_by_itself(
    changes: dict[str, str | None], field: str
) -> None:
    typed = read(**changes)

    assert list(typed.errors) == [field]


@pytest.mark.parametrize("leeway", ["", "0", "5", str(MAX_LEEWAY_S)])
def test_a_leeway_of_whole_seconds_is_taken(leeway: str) -> None:
    typed = read(leeway=leeway)

    assert (typed.errors, typed.setup.leeway_s) == ({}, int(leeway or 0))


@pytest.mark.parametrize("method", ["", *AUTH_METHODS])
def test_each_method_of_the_list_is_taken(method: str) -> None:
    assert (read(auth_method=method).errors, read(auth_method=method).setup.auth_method) == ({}, method)  # fmt: skip


def test_endpoints_stand_in_for_an_issuer() -> None:
    typed = read(issuer=None, token_endpoint="https://idp.example/token")

    assert (typed.errors, typed.setup.endpoint("token_endpoint")) == (
        {},
        "https://idp.example/token",
    )


# The secret.


def test_a_secret_that_is_left_empty_stays_and_another_one_replaces_it() -> None:
    assert read().setup.client_secret == "s3cret-1"
    assert read(client_secret="").setup.client_secret == "s3cret-1"
    assert read(issuer=f"{FORM['issuer']}/").setup.client_secret == "s3cret-1"
    assert read(client_secret="s3cret-2").setup.client_secret == "s3cret-2"


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "other"},
        {"issuer": "https://evil.example"},
        {"auth_method": "none"},
    ],
)
def test_a_secret_goes_to_nobody_but_its_own_provider_and_client(
    changes: dict[str, str | None],
) -> None:
    assert read(**changes).setup.client_secret == ""


def test_without_an_issuer_the_endpoints_say_whose_a_secret_is() -> None:
    mine = (("token_endpoint", "https://idp.example/token"),)
    before = replace(BEFORE, issuer="", endpoints=mine)

    def left(url: str) -> str:
        return read_after(before, issuer=None, token_endpoint=url).setup.client_secret

    assert left("https://idp.example/token") == "s3cret-1"
    assert left("https://evil.example/token") == ""


def test_a_client_without_a_secret_has_none_even_if_one_is_typed() -> None:
    assert read(auth_method="none", client_secret="x").setup.client_secret == ""


# The client, and links.


def test_a_step_that_needs_a_client_says_so_once() -> None:
    typed = read(client_id=None)
    long = read(client_id="x" * (MAX_TEXT + 1))

    assert typed.errors == {}
    assert list(judge_client(typed.setup, typed.errors)) == ["client_id"]
    assert judge_client(read().setup, {}) == {}
    assert judge_client(replace(long.setup, client_id=""), long.errors) == long.errors


def test_a_link_fills_in_texts_but_neither_secrets_nor_endpoints() -> None:
    query = (
        ("issuer", " https://idp.example "),
        ("client_id", "shop"),
        ("client_secret", "s3cret"),
        ("token_endpoint", "https://evil.example/token"),
        ("audience", "x" * (MAX_TEXT + 1)),
    )
    setup = read_query(query, own_redirect_uri=OWN)

    assert setup == Setup(
        issuer="https://idp.example",
        client_id="shop",
        audience="x" * MAX_TEXT,
        redirect_uri=OWN,
    )
    assert read_query((), own_redirect_uri=OWN) == Setup(redirect_uri=OWN)


FIELDS = ("issuer", "client_id", "client_secret", "scope", "leeway", "redirect_uri", "auth_method", "logout_form", *ENDPOINTS)  # fmt: skip


@given(
    st.lists(
        st.tuples(
            st.sampled_from(FIELDS),
            st.text(max_size=30) | st.builds("https://{}".format, st.text(max_size=9)),
        ),
        max_size=8,
    )
)
@settings(max_examples=200, deadline=None)
def test_no_form_is_too_strange(form: list[tuple[str, str]]) -> None:
    typed = read_setup(tuple(form), BEFORE, own_redirect_uri=OWN)

    assert set(typed.errors) <= {*FIELDS, "prompt", "audience", "logout_redirect_uri"}
    assert all(typed.errors.values())
    assert 0 <= typed.setup.leeway_s <= MAX_LEEWAY_S
    assert typed.setup.auth_method in {"", *AUTH_METHODS}
