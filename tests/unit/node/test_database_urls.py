"""The database of the settings as a URL, and which plugins a node may use."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from ostiary.node.enabled import PluginMissing, choose_plugins
from ostiary.node.stores import build_url
from ostiary.plugins import CATALOG
from ostiary.settings import read_settings


def url(**settings: str) -> str:
    loaded = read_settings(
        file_text=None, environ={}, overrides={"database": "postgres", **settings}
    )
    return build_url(loaded.settings, Path("/prefix"))


def query(**settings: str) -> dict[str, str]:
    found = parse_qs(urlsplit(url(**settings)).query)
    return {name: values[0] for name, values in found.items()}


@pytest.mark.spec("gateway#5.5")
def test_what_is_said_of_postgresql_is_in_its_url() -> None:
    said = {"pg_user": "a@b", "pg_password": "p/:%", "pg_database": "my db"}
    parts = urlsplit(url(**said, pg_host="db", pg_port="5433"))

    assert parts.netloc == "a%40b:p%2F%3A%25@db:5433"
    assert parts.path == "/my%20db"
    assert query(pg_schema="kong") == {"sslmode": "disable", "search_path": "kong"}
    assert query(pg_host="/run/pg")["host"] == "/run/pg"
    assert url(database="sqlite") == "sqlite:////prefix/config.db"


@pytest.mark.spec("gateway#5.5")
def test_a_server_that_is_to_be_verified_is_held_against_a_list() -> None:
    own = query(
        pg_ssl="on", pg_ssl_verify="on", lua_ssl_trusted_certificate="/etc/ca.pem"
    )
    system = query(pg_ssl="on", pg_ssl_verify="on")

    assert own == {"sslmode": "verify-full", "sslrootcert": "/etc/ca.pem"}
    assert system["sslmode"] == "verify-full"
    assert Path(system.get("sslrootcert", "/")).exists()
    assert query(pg_ssl="on") == {"sslmode": "require"}


def test_tls_with_postgresql_has_a_version_and_a_client_certificate() -> None:
    pair = {"pg_ssl_cert": "/c.pem", "pg_ssl_cert_key": "/k.pem"}

    assert query(pg_ssl="on", pg_ssl_version="tlsv1_3", **pair) == {
        "sslmode": "require",
        "ssl_min_protocol_version": "TLSv1.3",
        "sslcert": "/c.pem",
        "sslkey": "/k.pem",
    }


@pytest.mark.spec("gateway#5.3")
def test_only_named_plugins_can_be_used() -> None:
    assert choose_plugins(("bundled",), CATALOG) == CATALOG
    assert [*choose_plugins(("cors", "jwt"), CATALOG)] == ["cors", "jwt"]
    assert choose_plugins((), CATALOG) == {}
    assert choose_plugins(("cors", "bundled"), CATALOG) == CATALOG


def test_a_plugin_that_is_not_installed_stops_the_start() -> None:
    with pytest.raises(PluginMissing) as caught:
        choose_plugins(("bundled", "my-own"), CATALOG)

    assert caught.value.code == "plugin_missing"
    assert str(caught.value).startswith(
        "in 'plugins': my-own plugin is enabled but not installed; there are acl, "
    )
