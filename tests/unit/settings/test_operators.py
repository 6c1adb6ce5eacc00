"""How operators sign in: what is taken, and what is refused with a word about what to do."""

from __future__ import annotations

import json

import pytest

from ostiary.settings import Settings, SettingsInvalid, read_settings
from ostiary.settings.operators import SessionClocks, read_session_clocks

PLANTED = "planted-secret"
OIDC = {
    "KONG_ADMIN_GUI_AUTH": "openid-connect",
    "KONG_ADMIN_GUI_URL": "https://gw.example:8445",
    "KONG_ENFORCE_RBAC": "on",
    "KONG_ADMIN_GUI_AUTH_CONF": '{"issuer":"https://idp.example"}',
}


def load(**environ: str) -> Settings:
    return read_settings(file_text=None, environ=environ).settings


def refused(**environ: str) -> str:
    with pytest.raises(SettingsInvalid) as caught:
        load(**environ)
    return str(caught.value)


@pytest.mark.spec("portal#2.7")
def test_openid_connect_is_taken_with_all_that_it_needs() -> None:
    found = load(**OIDC)

    assert found.admin_gui_auth == "openid-connect"


@pytest.mark.spec("portal#2.7")
@pytest.mark.parametrize("value", ["off", "none"])
def test_without_a_way_to_sign_in_there_are_tokens(value: str) -> None:
    assert load(KONG_ADMIN_GUI_AUTH=value).admin_gui_auth is None


@pytest.mark.spec("gateway#5.6")
@pytest.mark.parametrize("value", ["basic-auth", "ldap-auth-advanced", "x"])
def test_other_ways_to_sign_in_are_refused_with_what_there_is(value: str) -> None:
    told = refused(KONG_ADMIN_GUI_AUTH=value)

    assert "must be openid-connect or not set" in told
    assert "RBAC tokens" in told


@pytest.mark.spec("portal#2.7")
@pytest.mark.parametrize(
    ("without", "words"),
    [
        ("KONG_ENFORCE_RBAC", "needs enforce_rbac = on"),
        ("KONG_ADMIN_GUI_URL", "needs admin_gui_url"),
        ("KONG_ADMIN_GUI_AUTH_CONF", "required with admin_gui_auth"),
    ],
)
def test_what_sign_in_needs_is_named(without: str, words: str) -> None:
    assert words in refused(**{k: v for k, v in OIDC.items() if k != without})


@pytest.mark.parametrize("name", ["ADMIN_GUI_AUTH_CONF", "ADMIN_GUI_SESSION_CONF"])
@pytest.mark.parametrize("text", [f'{{"a":"{PLANTED}"', f'["{PLANTED}"]'])
def test_what_is_no_record_is_refused_without_its_text(name: str, text: str) -> None:
    told = refused(**{**OIDC, f"KONG_{name}": text})

    assert "must be a JSON object" in told
    assert PLANTED not in told


def test_the_clocks_of_a_session_have_the_words_of_kongs_plugin() -> None:
    said = {"secret": "x", "cookie_secure": False, "idling_timeout": 600}

    assert read_session_clocks(None) == SessionClocks(idle_s=3600, absolute_s=43200)
    assert read_session_clocks(json.dumps(said)) == SessionClocks(idle_s=600)
    assert read_session_clocks('{"absolute_timeout": 60}') == SessionClocks(
        idle_s=60, absolute_s=60
    )
    assert read_session_clocks('{"absolute_timeout": 0}') == SessionClocks()


@pytest.mark.spec("portal#6.1")
@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"cokie_name": "a"}, "unknown fields: cokie_name"),
        ({"idling_timeout": True}, "idling_timeout: must be a number"),
        ({"idling_timeout": "5"}, "idling_timeout: must be a number"),
        ({"absolute_timeout": -1}, "absolute_timeout: must be between"),
        ({"absolute_timeout": 1e12}, "absolute_timeout: must be between"),
    ],
)
def test_a_session_that_nobody_could_mean_is_refused(
    said: dict[str, object], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        read_session_clocks(json.dumps(said))


def test_the_configuration_of_sign_in_is_no_setting_to_be_seen() -> None:
    shown = repr(load(**{**OIDC, "KONG_ADMIN_GUI_AUTH_CONF": f'{{"a":"{PLANTED}"}}'}))

    assert PLANTED not in shown
