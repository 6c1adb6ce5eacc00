"""Settings of the portal: what is taken, and what is refused with a word about what to do."""

from __future__ import annotations

import pytest

from ostiary.settings import SettingsInvalid, read_settings


def load(**environ: str) -> object:
    return read_settings(file_text=None, environ=environ).settings


@pytest.mark.spec("portal#1.1")
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("KONG_PORTAL_GUI_HOST", "https://kong-ee:8446", "no scheme"),
        ("KONG_PORTAL_GUI_HOST", "kong ee", "must be a host"),
        ("KONG_PORTAL_GUI_PROTOCOL", "ftp", "http"),
        ("KONG_PORTAL_AUTH", "ldap-auth", "must be one of: basic-auth"),
        ("KONG_PORTAL_AUTH_CONF", "{", "must be JSON"),
        ("KONG_PORTAL_DEVELOPER_META_FIELDS", "nothing", "must be JSON"),
        ("KONG_SMTP_ADMIN_EMAILS", "a@b.c, nobody", "e-mail addresses"),
    ],
)
def test_what_cannot_be_is_said(name: str, value: str, words: str) -> None:
    with pytest.raises(SettingsInvalid, match=words):
        load(**{name: value})


@pytest.mark.spec("portal#1.9")
def test_a_portal_needs_a_database() -> None:
    with pytest.raises(SettingsInvalid, match="developers are kept in it"):
        load(KONG_PORTAL="on", KONG_DATABASE="off")


def test_addresses_are_a_list() -> None:
    found = read_settings(
        file_text=None, environ={"KONG_SMTP_ADMIN_EMAILS": "a@b.c, d@e.f"}
    ).settings

    assert found.smtp_admin_emails == ("a@b.c", "d@e.f")
