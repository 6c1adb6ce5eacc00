"""Settings of the audit log: Kong's names and defaults, and what cannot be."""

from __future__ import annotations

import pytest

from ostiary.settings import SettingsInvalid, read_settings
from tests.support.page_environment import SEED


def load(**environ: str) -> tuple[object, tuple[str, ...]]:
    found = read_settings(file_text=None, environ=environ)
    return found.settings, found.warnings


@pytest.mark.spec("gateway#5.7")
def test_names_and_defaults_are_kongs() -> None:
    found = read_settings(file_text=None, environ={}).settings

    assert found.audit_log is False
    assert found.audit_log_ignore_methods == ()
    assert found.audit_log_ignore_paths == ()
    assert found.audit_log_ignore_tables == ()
    assert found.audit_log_payload_exclude == ("token", "secret", "password")
    assert found.audit_log_record_ttl == 2592000
    assert found.audit_log_signing_key is None


@pytest.mark.spec("gateway#5.7")
def test_the_pages_command_switches_it_on_without_a_word() -> None:
    found = read_settings(file_text=None, environ=SEED)

    assert found.settings.audit_log
    assert "audit" not in " ".join(found.warnings).lower()


def test_without_a_database_it_gets_one_line() -> None:
    _, warnings = load(KONG_AUDIT_LOG="on", KONG_DATABASE="off")

    assert warnings == (
        "audit_log: no effect: the audit log needs a database, postgres or sqlite",
    )
    assert load(KONG_AUDIT_LOG="off", KONG_DATABASE="off")[1] == ()
    assert load(KONG_AUDIT_LOG="on", KONG_DATABASE="sqlite")[1] == ()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("AUDIT_LOG", "maybe", "must be on or off"),
        ("AUDIT_LOG_IGNORE_METHODS", "GET,P0ST", "must be HTTP methods"),
        ("AUDIT_LOG_IGNORE_PATHS", "^/a,(", "invalid regex: '('"),
        ("AUDIT_LOG_IGNORE_TABLES", "a b", "must be names"),
        ("AUDIT_LOG_PAYLOAD_EXCLUDE", "to ken", "must be names"),
        ("AUDIT_LOG_RECORD_TTL", "0", "greater than or equal to 1"),
        ("AUDIT_LOG_RECORD_TTL", "soon", "expected an integer"),
    ],
)
def test_what_cannot_be_is_refused_with_the_settings_name(
    name: str, value: str, said: str
) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        load(**{f"KONG_{name}": value})

    assert f"in '{name.lower()}': " in str(caught.value)
    assert said in str(caught.value)
