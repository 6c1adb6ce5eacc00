"""Settings that Kong has: answered in one line or refused; values in files and references."""

from __future__ import annotations

import pytest

from ostiary.settings import (
    LoadedSettings,
    SettingsInvalid,
    read_settings,
    show_settings,
)


def load(text: str | None = None, **environ: str) -> LoadedSettings:
    return read_settings(file_text=text, environ=environ)


def refused(text: str | None = None, **environ: str) -> str:
    with pytest.raises(SettingsInvalid) as caught:
        load(text, **environ)
    assert caught.value.code == "settings_invalid"
    return str(caught.value)


def with_files(files: dict[str, str], **environ: str) -> LoadedSettings:
    def read(path: str) -> str:
        if path not in files:
            raise FileNotFoundError(2, "No such file or directory", path)
        return files[path]

    return read_settings(file_text=None, environ=environ, read_file=read)


@pytest.mark.spec("gateway#5.5")
@pytest.mark.parametrize("prefix", ["KONG_", "OSTIARY_"])
@pytest.mark.parametrize("text", ["hunter2", "hunter2\n", "hunter2\r\n"])
def test_a_value_can_be_in_a_file(prefix: str, text: str) -> None:
    loaded = with_files({"/run/pw": text}, **{f"{prefix}PG_PASSWORD_FILE": "/run/pw"})

    assert loaded.settings.pg_password == "hunter2"
    assert loaded.warnings == ()


def test_a_value_and_its_file_cannot_both_be_set() -> None:
    with pytest.raises(SettingsInvalid) as caught:
        with_files({"/run/pw": "a"}, KONG_PG_PASSWORD="hunter2", KONG_PG_PASSWORD_FILE="/run/pw")  # fmt: skip

    assert str(caught.value) == (
        "KONG_PG_PASSWORD and KONG_PG_PASSWORD_FILE: only one of them can be set"
    )


def test_a_file_that_cannot_be_read_is_named_with_its_reason() -> None:
    with pytest.raises(SettingsInvalid) as caught:
        with_files({}, OSTIARY_SMTP_PASSWORD_FILE="/run/pw")

    assert str(caught.value) == (
        "OSTIARY_SMTP_PASSWORD_FILE: cannot read /run/pw: No such file or directory"
    )


def test_a_file_for_a_setting_that_does_not_exist_is_an_unknown_name() -> None:
    assert load(KONG_ODD_FILE="/x").warnings == ("ignored settings: KONG_ODD_FILE",)
    assert refused(OSTIARY_ODD_FILE="/x").startswith("OSTIARY_ODD_FILE: unknown")


@pytest.mark.spec("gateway#5.1")
def test_a_reference_is_another_variable() -> None:
    environ = {"MY_PASS": "hunter2", "OTHER": '{"pw": "nested"}'}
    for reference, expected in (("my-pass", "hunter2"), ("other/pw", "nested")):
        found = load(KONG_PG_PASSWORD=f"{{vault://env/{reference}}}", **environ)
        assert found.settings.pg_password == expected


@pytest.mark.parametrize(
    "reference", ["env/nobody", "env/other/nobody", "aws/my-pass", "env/my-pass/x"]
)
def test_a_reference_that_leads_nowhere_stops_the_start(reference: str) -> None:
    environ = {"MY_PASS": "hunter2", "OTHER": '{"pw": "nested"}'}
    told = refused(KONG_PG_PASSWORD=f"{{vault://{reference}}}", **environ)

    assert told == (
        f"in 'pg_password': the reference {{vault://{reference}}} leads nowhere"
    )


@pytest.mark.spec("D28")
@pytest.mark.parametrize(
    ("name", "wrong", "fine"),
    [
        ("portal_is_legacy", "on", "off"),
        ("portal_gui_use_subdomains", "on", "off"),
        ("enforce_route_path_pattern", "/a/.*", "off"),
        ("role", "data_plane", "traditional"),
        ("role", "control_plane", "traditional"),
        ("router_flavor", "expressions", "traditional_compatible"),
        ("proxy_server", "http://proxy:3128", "none"),
        ("pg_iam_auth", "on", "off"),
        ("lua_ssl_protocols", "TLSv1.3", "TLSv1.2 TLSv1.3"),
        ("vaults", "off", "bundled"),
        ("pg_ssl_required", "on", "off"),
    ],
)
def test_what_would_restrict_or_verify_and_is_not_built_is_refused(
    name: str, wrong: str, fine: str
) -> None:
    variable = f"KONG_{name.upper()}"

    assert refused(**{variable: wrong}).startswith(f"{variable}: ")
    assert refused(f"{name} = {wrong}").startswith(f"setting {name}: ")
    assert load(**{variable: fine}).warnings == ()


@pytest.mark.parametrize(
    "name", ["nginx_http_deny", "nginx_admin_allow", "nginx_proxy_auth_basic", "nginx_http_limit_req", "nginx_proxy_ssl_client_certificate", "nginx_proxy_ssl_verify_client"]
)  # fmt: skip
def test_a_directive_that_restricts_is_refused(name: str) -> None:
    assert "would restrict who gets in" in refused(f"{name} = x")


def test_required_tls_is_what_tls_means_with_postgresql() -> None:
    loaded = load(KONG_PG_SSL="on", KONG_PG_SSL_REQUIRED="on")

    assert loaded.settings.pg_ssl
    assert loaded.warnings == ()


# Of §§5.2-5.8, those that have no field here, with a value that asks for something.
ANSWERED = {
    "cassandra_port": "9042", "license_path": "/x",
    "admin_gui_api_url": "http://a", "admin_gui_auth_header": "X-User", "admin_gui_header_bg_color": "red", "keyring_enabled": "on", "event_hooks_enabled": "on", "vitals": "on",
    "smtp_domain": "a", "admin_emails_from": "a", "cluster_mtls": "shared",
    "cluster_listen": "0.0.0.0:8005", "cluster_dp_labels": "a:b", "pg_ro_host": "b", "pg_max_concurrent_queries": "9",
    "pg_semaphore_timeout": "9", "db_update_frequency": "5", "db_cache_ttl": "1", "mem_cache_size": "128m",
    "worker_consistency": "strict", "worker_state_update_frequency": "5", "lmdb_map_size": "2048m", "admin_ssl_cert": "/x",
    "status_ssl_cert_key": "/x", "ssl_dhparam": "/x", "ssl_session_timeout": "1d", "lua_ssl_verify_depth": "2", "vaults": "aws",
    "router_flavor": "traditional", "dns_resolver": "10.0.0.1", "dns_order": "A", "resolver_address": "10.0.0.1", "new_dns_client": "on",
    "tracing_instrumentations": "all", "tracing_sampling_rate": "1", "request_debug": "on", "anonymous_reports": "on",
    "error_default_type": "text/html", "error_template_html": "/x", "stream_listen": "0.0.0.0:9000", "proxy_stream_access_log": "x",
    "client_body_buffer_size": "8k", "lua_max_req_headers": "9", "lua_socket_pool_size": "9", "untrusted_lua": "on", "nginx_user": "kong",
    "nginx_daemon": "on", "nginx_http_gzip": "on", "nginx_admin_client_max_body_size": "10m", "nginx_main_env": "A",
    "proxy_server_ssl_verify": "on",
}  # fmt: skip


@pytest.mark.spec("gateway#5.3")
@pytest.mark.parametrize("name", ANSWERED)
def test_what_has_no_effect_is_said_in_one_line(name: str) -> None:
    in_file = load(f"{name} = {ANSWERED[name]}").warnings
    variable = f"OSTIARY_{name.upper()}"
    in_environ = load(**{variable: ANSWERED[name]}).warnings

    assert [text.partition(": ")[0] for text in in_file] == [f"setting {name}"]
    assert [text.partition(": ")[0] for text in in_environ] == [variable]
    assert len(in_file[0].partition(": ")[2]) > 20


@pytest.mark.parametrize(
    "text",
    ["nginx_daemon = off", "portal = off", "anonymous_reports = off", "vaults = bundled", "stream_listen = off", "worker_consistency = eventual", "role = traditional", "keyring_enabled = off", "tracing_instrumentations = off"],
)  # fmt: skip
def test_what_asks_for_what_happens_anyway_needs_no_word(text: str) -> None:
    assert load(text).warnings == ()


@pytest.mark.spec("gateway#5.1")
@pytest.mark.parametrize(
    ("directive", "name", "value", "expected"),
    [
        ("nginx_http_client_max_body_size", "client_max_body_size", "8k", 8192),
        ("nginx_proxy_client_max_body_size", "client_max_body_size", "8k", 8192),
        ("nginx_http_keepalive_requests", "keepalive_requests", "7", 7),
        ("nginx_proxy_keepalive_timeout", "keepalive_timeout", "30s", 30.0),
        ("nginx_upstream_keepalive", "upstream_keepalive_pool_size", "9", 9),
        ("nginx_upstream_keepalive_timeout", "upstream_keepalive_idle_timeout", "9s", 9.0),
        ("nginx_upstream_keepalive_requests", "upstream_keepalive_max_requests", "9", 9),
        ("nginx_proxy_real_ip_recursive", "real_ip_recursive", "on", True),
        ("nginx_main_worker_processes", "nginx_worker_processes", "3", 3),
    ],
)  # fmt: skip
def test_directives_of_nginx_are_translated(
    directive: str, name: str, value: str, expected: object
) -> None:
    loaded = load(**{f"KONG_{directive.upper()}": value})

    assert getattr(loaded.settings, name) == expected
    assert loaded.warnings == ()


@pytest.mark.parametrize(
    ("value", "expected"),
    [("bundled", ("bundled",)), ("off", ()), ("cors, jwt,", ("cors", "jwt")), ("bundled,my_own", ("bundled", "my_own"))],
)  # fmt: skip
def test_plugins_are_names(value: str, expected: tuple[str, ...]) -> None:
    assert load(KONG_PLUGINS=value).settings.plugins == expected


@pytest.mark.parametrize("value", ["off,cors", "CORS", "a b", ","])
def test_other_plugins_are_refused(value: str) -> None:
    assert refused(KONG_PLUGINS=value) == (
        f"in 'plugins': must be bundled, names of plugins, or off alone (is '{value}')"
    )


def test_a_configuration_in_a_variable_needs_no_database_and_is_not_shown() -> None:
    text = "_format_version: '3.0' # planted"
    found = load(KONG_DECLARATIVE_CONFIG_STRING=text).settings

    assert (found.database, found.declarative_config_string) == ("off", text)
    assert "planted" not in repr(found)
    told = refused(
        KONG_DECLARATIVE_CONFIG_STRING=text, KONG_DECLARATIVE_CONFIG="kong.yml"
    )
    assert told == (
        "only one of declarative_config and declarative_config_string can be set"
    )


@pytest.mark.spec("gateway#1.14")
def test_what_clients_see_of_the_settings_holds_no_secret() -> None:
    environ = {
        "KONG_PG_PASSWORD": "planted",
        "KONG_DECLARATIVE_CONFIG_STRING": "planted",
        "KONG_SMTP_PASSWORD": "planted",
        "OSTIARY_USERPOOL_DATABASE": "postgresql://u:planted@h/d",
        "OSTIARY_USERPOOL_CREDENTIALS": "a:planted",
    }
    shown = show_settings(load(**environ).settings)

    assert "planted" not in str(shown)
    assert shown["pg_password"] == "******"
    assert shown["pg_host"] == "127.0.0.1"
    assert show_settings(load().settings)["pg_password"] is None


@pytest.mark.parametrize("name", ["ssl_cert", "ssl_cert_key", "client_ssl_cert_key"])
@pytest.mark.parametrize("value", ["-----BEGIN X-----planted", "a.pem,b.pem"])
def test_a_certificate_is_the_path_of_one_file(name: str, value: str) -> None:
    told = refused(f"{name} = {value}")

    assert f"in '{name}': must be the path of one PEM file" in told
    assert "planted" not in told


def test_a_long_value_is_cut_short() -> None:
    assert len(refused(f"log_level = {'x' * 5000}")) < 300
