"""`admin_gui_auth_conf`: what is taken as it is pasted, and what is refused on start."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ostiary.manager.provider import ProviderInvalid, read_provider
from ostiary.node.manager import describe_provider
from ostiary.settings import read_settings
from tests.support.provider import CLIENT_ID, ISSUER
from tests.unit.manager.provider_kit import HOME, build_provider

PLANTED = "planted-secret"
# As Kong's documentation has it, before 3.6 and since.
OLD: dict[str, Any] = {
    "issuer": ISSUER,
    "admin_claim": ["email"],
    "client_id": [CLIENT_ID],
    "client_secret": [PLANTED],
    "authenticated_groups_claim": ["groups"],
    "ssl_verify": False,
    "leeway": 60,
    "redirect_uri": [f"{HOME}/default"],
    "login_redirect_uri": [f"{HOME}/default"],
    "logout_methods": ["GET", "DELETE"],
    "logout_query_arg": "logout",
    "logout_redirect_uri": [f"{HOME}/default"],
    "scopes": ["openid", "profile", "email", "offline_access"],
    "auth_methods": ["authorization_code"],
}
NEW: dict[str, Any] = {
    **OLD,
    "admin_claim": "email",
    "login_redirect_uri": HOME,
    "logout_redirect_uri": HOME,
    "session_secret": PLANTED,
    "session_cookie_secure": False,
    "session_cookie_same_site": "Lax",
    "admin_auto_create": False,
    "admin_auto_create_rbac_token_disabled": True,
}
del NEW["redirect_uri"]


def refused(**conf: Any) -> str:
    with pytest.raises(ProviderInvalid) as caught:
        build_provider(**conf)
    return str(caught.value)


@pytest.mark.spec("portal#2.7")
def test_the_spelling_before_3_6_is_taken() -> None:
    found = build_provider(**OLD)

    assert found.claim == ("email",)
    assert found.groups == ("groups",)
    assert found.redirect_uri == f"{HOME}/default"
    assert found.config.logout_redirect_uri == (f"{HOME}/default",)


@pytest.mark.spec("portal#2.7")
def test_the_spelling_since_3_6_is_taken() -> None:
    found = build_provider(**NEW)

    assert found.redirect_uri == f"{HOME}/auth/callback"
    assert not found.auto_create
    assert not found.rbac_token_enabled
    assert PLANTED not in repr(found)


@pytest.mark.spec("portal#2.7")
def test_what_is_left_out_is_what_kong_means_by_it() -> None:
    found = build_provider()

    assert (found.claim, found.groups) == (("email",), ("groups",))
    assert found.auto_create
    assert found.rbac_token_enabled
    assert found.config.logout_redirect_uri == (f"{HOME}/auth/sign-in",)


@pytest.mark.spec("portal#2.7")
@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("auth_methods", ["password", "bearer"], ("authorization_code",)),
        ("login_action", "redirect", "upstream"),
        ("login_tokens", ["tokens"], ("id_token",)),
        ("verify_signature", False, True),
        ("verify_nonce", False, True),
        ("verify_claims", False, True),
        ("response_mode", "form_post", None),
        ("session_cookie_name", "x", "session"),
        ("authorization_cookie_name", "x", "authorization"),
        ("session_cookie_domain", "example", None),
        ("anonymous", "5e2b0b3f-7f4c-4c8f-9d2e-000000000001", None),
    ],
)
def test_what_the_manager_decides_itself_is_taken_and_ignored(
    name: str, value: Any, kept: Any
) -> None:
    found = getattr(build_provider(**{name: value}).config, name)

    assert found == (kept if kept is not None else getattr(build_provider().config, name))  # fmt: skip
    assert found != value


@pytest.mark.parametrize("value", [[], {}, None])
def test_without_a_claim_for_groups_roles_are_given_by_hand(value: Any) -> None:
    assert build_provider(authenticated_groups_claim=value).groups is None


@pytest.mark.spec("portal#2.7")
@pytest.mark.parametrize(
    "uri",
    [
        "http://gui.example:8001/auth",
        "https://gui.example:8444/auth",
        "https://evil.example/auth/callback",
        f"{HOME}/auth/callback?x=1",
        f"{HOME}@evil.example/",
        "nonsense",
    ],
)
def test_answers_come_to_the_manager_or_the_start_is_refused(uri: str) -> None:
    """At the Admin API, where Kong 3.6 wants them, there is no session of the Manager's."""
    told = refused(redirect_uri=[uri])

    assert "redirect_uri: must be one address of the Manager itself" in told
    assert f"register {HOME}/auth/callback at the provider" in told


@pytest.mark.parametrize(
    ("conf", "words"),
    [
        ({"issuer": None}, "issuer"),
        ({"issuer": 5}, "issuer"),
        ({"client_id": []}, "client_id: required field missing"),
        ({"nonsense": 1}, "nonsense: unknown field"),
        ({"admin_claim": 5}, "admin_claim: must be the name of a claim"),
        ({"admin_claim": [""]}, "admin_claim: must be the name of a claim"),
        ({"admin_claim": []}, "admin_claim: must name a claim"),
        ({"authenticated_groups_claim": [1]}, "authenticated_groups_claim: must be"),
        ({"admin_auto_create": "yes"}, "admin_auto_create: must be true or false"),
        ({"redirect_uri": [HOME, HOME]}, "redirect_uri: must be one address"),
        ({"redirect_uri": [f"{HOME}/auth/sign-out"]}, "is a page of the Manager"),
        ({"verify_signature": "perhaps"}, "verify_signature"),
    ],
)
def test_what_cannot_be_used_says_where_it_is_wrong(
    conf: dict[str, Any], words: str
) -> None:
    told = refused(**{**conf, "client_secret": [PLANTED]})

    assert told.startswith("admin_gui_auth_conf: ")
    assert words in told
    assert PLANTED not in told


def test_without_the_setting_there_is_no_provider() -> None:
    environ = {"KONG_ADMIN_GUI_AUTH_CONF": json.dumps(OLD)}

    assert (
        read_provider(read_settings(file_text=None, environ=environ).settings) is None
    )


@pytest.mark.parametrize(
    ("claim", "is_told"),
    [
        ("email", False),
        ("sub", False),
        ("name", True),
        ("nickname", True),
        ("preferred_username", True),
        (["custom:staff"], True),
    ],
)
def test_a_claim_that_people_choose_is_warned_about(claim: Any, is_told: bool) -> None:
    conf = {"issuer": ISSUER, "client_id": [CLIENT_ID], "admin_claim": claim}
    environ = {
        "KONG_ADMIN_GUI_AUTH": "openid-connect",
        "KONG_ADMIN_GUI_URL": HOME,
        "KONG_ENFORCE_RBAC": "on",
        "KONG_ADMIN_GUI_AUTH_CONF": json.dumps(conf),
    }
    settings = read_settings(file_text=None, environ=environ).settings

    assert ("admin_claim" in str(describe_provider(settings))) is is_told
