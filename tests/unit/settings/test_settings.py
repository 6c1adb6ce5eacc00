"""Settings: Kong's names, our names, every mistake at once."""

from __future__ import annotations

import traceback
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.settings import (
    ListenAddress,
    LoadedSettings,
    Settings,
    SettingsInvalid,
    parse_file,
    parse_listen,
    read_settings,
)
from tests.support.page_environment import SEED

FAST = settings(max_examples=200, deadline=None, derandomize=True)


def load(text: str | None = None, **environ: str) -> LoadedSettings:
    return read_settings(file_text=text, environ=environ)


def refused(text: str | None = None, **environ: str) -> str:
    with pytest.raises(SettingsInvalid) as caught:
        load(text, **environ)
    assert caught.value.code == "settings_invalid"
    return str(caught.value)


def at(host: str, port: int, *, tls: bool = False) -> ListenAddress:
    return ListenAddress(host=host, port=port, tls=tls)


@pytest.mark.spec("gateway#5.1")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("off", ()),
        ("off, 0.0.0.0:1", ()),
        ("", ()),
        (" , ", ()),
        ("0.0.0.0:8001 , 0.0.0.0:8444 ssl",
         (at("0.0.0.0", 8001), at("0.0.0.0", 8444, tls=True))),
        ("127.0.0.1:8000", (at("127.0.0.1", 8000),)),
        ("[::1]:8443 ssl http2", (at("::1", 8443, tls=True),)),
        ("localhost:1", (at("localhost", 1),)),
        ("0.0.0.0:8443 http2 ssl reuseport backlog=16384",
         (at("0.0.0.0", 8443, tls=True),)),
        ("a:1 deferred bind ipv6only=on so_keepalive=off", (at("a", 1),)),
        ("[::]:1 ipv6only=on, [::]:2 ipv6only=off",
         (ListenAddress(host="::", port=1, ipv6only=True),
          ListenAddress(host="::", port=2, ipv6only=False))),
        ("a:0", (at("a", 0),)),
        ("a:65535", (at("a", 65535),)),
    ],
)  # fmt: skip
def test_a_listen_setting_is_addresses(
    text: str, expected: tuple[ListenAddress, ...]
) -> None:
    assert parse_listen(text) == expected


@pytest.mark.parametrize(
    "text",
    ["8000", "a", "a:", ":80", "a:x", "a:65536", "a:1 tls", "::1:80", "[::1]", "a:1 ssl=on", "[::]:1 ipv6only=yes", "unix:/tmp/x", "a b:1", "a:1, b", "http://a:1"],
)  # fmt: skip
def test_another_form_is_refused_in_the_words_of_kong(text: str) -> None:
    with pytest.raises(
        ValueError, match=r"^must be of form: \[off\] \| <ip>:<port> \[ssl\]"
    ):
        parse_listen(text)


def test_a_flag_that_is_not_built_is_refused() -> None:
    with pytest.raises(ValueError, match="proxy_protocol is not supported yet"):
        parse_listen("a:1 proxy_protocol")


@FAST
@given(st.text("a0:.[], sloff", max_size=20))
def test_any_text_is_addresses_or_refused(text: str) -> None:
    try:
        found = parse_listen(text)
    except ValueError:
        return

    assert all(0 <= address.port <= 65535 and address.host for address in found)


@pytest.mark.spec("gateway#5.1")
def test_a_file_has_comments_and_blanks() -> None:
    text = (
        "# all\n\n log_level = warn # loud\n prefix=/a\\#b\nproxy_access_log = off#x\n"
    )

    assert parse_file(text) == {
        "log_level": "warn", "prefix": "/a#b", "proxy_access_log": "off"
    }  # fmt: skip


def test_every_line_that_is_none_is_told() -> None:
    text = refused("a b\nlog_level = warn\nLOG = 1\n= 2")

    assert [part.partition(":")[0] for part in text.split("; ")] == [
        "line 1", "line 3", "line 4"
    ]  # fmt: skip


@FAST
@given(st.text("ab_=# \\\n\t9", max_size=40))
def test_any_text_is_a_file_or_refused(text: str) -> None:
    try:
        found = parse_file(text)
    except SettingsInvalid:
        return

    assert all(name and name == name.strip() for name in found)


def test_defaults_are_said_once() -> None:
    loaded = load()

    assert loaded == LoadedSettings(settings=Settings(database="sqlite"), warnings=())
    assert loaded.settings.admin_listen == (at("127.0.0.1", 8001),)
    assert loaded.settings.upstream_tls_verify is True


@pytest.mark.spec("D24")
@pytest.mark.parametrize(
    ("text", "environ", "expected"),
    [
        (None, {}, "notice"),
        ("log_level = warn", {}, "warn"),
        ("log_level = warn", {"KONG_LOG_LEVEL": "error"}, "error"),
        (None, {"KONG_LOG_LEVEL": "error", "OSTIARY_LOG_LEVEL": "info"}, "info"),
        ("log_level = warn", {"OSTIARY_LOG_LEVEL": "info"}, "info"),
    ],
)
def test_ours_wins_over_kongs_over_the_file_over_the_default(
    text: str | None, environ: dict[str, str], expected: str
) -> None:
    assert load(text, **environ).settings.log_level == expected


def test_overrides_win_over_everything() -> None:
    loaded = read_settings(
        file_text=None,
        environ={"OSTIARY_LOG_LEVEL": "info"},
        overrides={"log_level": "debug"},
    )

    assert loaded.settings.log_level == "debug"


@pytest.mark.spec("D24")
def test_unknown_names_of_kong_are_one_warning() -> None:
    environ = {"KONG_VITALIS": "x", "KONG_EE_DATABASE_PORT": "tcp://1", "KONG_UPSTREAM_TLS_VERIFY": "off"}  # fmt: skip
    loaded = load(**environ)

    assert loaded.warnings == (
        "ignored settings: KONG_EE_DATABASE_PORT, KONG_UPSTREAM_TLS_VERIFY, KONG_VITALIS",
    )
    assert loaded.settings.upstream_tls_verify is True


@pytest.mark.spec("D24")
@pytest.mark.parametrize(
    ("text", "environ", "expected"),
    [
        (None, {"OSTIARY_LOGLEVEL": "x"},
         "OSTIARY_LOGLEVEL: unknown setting, did you mean log_level?"),
        (None, {"OSTIARY_ZZZ": "x"}, "OSTIARY_ZZZ: unknown setting"),
        ("proxy_listn = off", {},
         "setting proxy_listn: unknown setting, did you mean proxy_listen?"),
    ],
)  # fmt: skip
def test_an_unknown_name_of_ours_is_refused_with_the_nearest(
    text: str | None, environ: dict[str, str], expected: str
) -> None:
    assert refused(text, **environ) == expected


@pytest.mark.spec("gateway#5.2")
def test_the_variables_of_the_pages_command_are_obeyed_or_named() -> None:
    loaded = load(**SEED)

    found = loaded.settings
    assert (found.database, found.pg_host) == ("postgres", "kong-ee-database")
    assert found.proxy_access_log == "/dev/stdout"
    assert found.admin_access_log == "/dev/stdout"
    assert found.proxy_error_log == "/dev/stderr"
    assert found.admin_error_log == "/dev/stderr"
    assert found.admin_gui_url == "http://kong-ee:8002"
    assert found.audit_log
    assert found.admin_listen == (
        at("0.0.0.0", 8001), at("0.0.0.0", 8444, tls=True)
    )  # fmt: skip
    assert [text.partition(": ")[0] for text in loaded.warnings] == [
        "KONG_CASSANDRA_CONTACT_POINTS",
        "KONG_LICENSE_DATA",
    ]
    assert found.portal
    assert found.portal_gui_protocol == "https"
    assert found.portal_gui_host == "kong-ee:8446"
    assert found.portal_gui_listen == (
        at("0.0.0.0", 8003), at("0.0.0.0", 8446, tls=True)
    )  # fmt: skip
    assert found.portal_api_listen == (
        at("0.0.0.0", 8004), at("0.0.0.0", 8447, tls=True)
    )  # fmt: skip
    assert "planted" not in "".join(loaded.warnings)


@pytest.mark.spec("gateway#0")
def test_the_pages_database_is_taken_and_another_is_refused() -> None:
    assert load(**SEED).settings.database == "postgres"
    assert "Cassandra as a datastore" in refused(KONG_DATABASE="cassandra")
    assert refused(KONG_DATABASE="mysql") == (
        "in 'database': must be one of postgres, sqlite, off (is 'mysql')"
    )


def test_without_a_word_there_is_a_database_unless_there_is_a_file() -> None:
    assert load().settings.database == "sqlite"
    assert load(KONG_DECLARATIVE_CONFIG="kong.yml").settings.database == "off"


@pytest.mark.parametrize(
    ("value", "expected"),
    [("0", 0), ("10", 10), ("8k", 8192), ("8K", 8192), ("2m", 2 * 1024**2), ("1g", 1024**3)],
)  # fmt: skip
@pytest.mark.parametrize(
    "name", ["KONG_CLIENT_MAX_BODY_SIZE", "KONG_NGINX_HTTP_CLIENT_MAX_BODY_SIZE"]
)
def test_sizes_have_suffixes(name: str, value: str, expected: int) -> None:
    assert load(**{name: value}).settings.client_max_body_size == expected


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("upstream_tls_verify", "OFF", False),
        ("userpool", "true", True),
        ("nginx_worker_processes", "auto", 0),
        ("nginx_worker_processes", "4", 4),
        ("headers_upstream", "X-Kong-Request-ID", ("x-kong-request-id",)),
        ("headers_upstream", "off", ()),
        ("proxy_access_log", "logs/a.log  json", "logs/a.log json"),
        ("status_error_log", "/dev/stderr", "/dev/stderr"),
        ("real_ip_header", "X-Forwarded-For", "X-Forwarded-For"),
        ("trusted_ips", "10.0.0.1/8, ::1 ,", ("10.0.0.0/8", "::1/128")),
        ("port_maps", "80:8000, 443:8443", ((80, 8000), (443, 8443))),
    ],
)
def test_values_are_read_in_the_forms_of_kong(
    name: str, value: str, expected: object
) -> None:
    found = load(f"{name} = {value}").settings

    assert getattr(found, name) == expected


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("userpool", "maybe", "must be on or off"),
        ("client_max_body_size", "8x", "expected an integer"),
        ("client_max_body_size", "-1", "Input should be greater than or equal to 0"),
        ("nginx_worker_processes", "999", "Input should be less than or equal to 256"),
        ("trusted_ips", "10.0.0.0/8,x", "invalid ip or cidr range: 'x'"),
        ("port_maps", "80", "must be of form: published:listener, for example 80:8000"),
        ("port_maps", "80:99999", "must be of form: published:listener, for example 80:8000"),
        ("log_level", "loud", "must be one of debug, info, notice, warn, error, crit, alert, emerg"),
        ("smtp_port", "x", "expected an integer"),
        ("real_ip_header", "", "must be the name of a header field"),
        ("headers_upstream", "", "must be x-kong-request-id or off"),
        ("proxy_access_log", "", "must be a file, /dev/stdout, /dev/stderr or off"),
        ("proxy_error_log", ".", "must be a file, /dev/stdout, /dev/stderr or off"),
        ("admin_error_log", "logs/", "must be a file, /dev/stdout, /dev/stderr or off"),
        ("admin_access_log", "a.log basic", "only json may follow: Kong's format names are not supported"),
        ("status_access_log", "a.log json x", "only json may follow: Kong's format names are not supported"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_is_named(name: str, value: str, text: str) -> None:
    told = refused(f"{name} = {value}")

    assert told == f"in '{name}': {text} (is '{value}')"


@pytest.mark.spec("gateway#5.1")
def test_every_mistake_is_told_at_once() -> None:
    text = refused("nome = 1\nport_maps = x\nsmtp_port = y", OSTIARY_ODD="1")

    for name in ("nome", "OSTIARY_ODD", "port_maps", "smtp_port"):
        assert name in text
    later = refused("database = x\nlog_level = y\nssl_cert = z")
    for name in ("database", "log_level", "ssl_cert_key"):
        assert name in later


@pytest.mark.spec("D26")
def test_http2_is_accepted_and_said_once() -> None:
    loaded = load(
        KONG_PROXY_LISTEN="0.0.0.0:8443 http2 ssl", KONG_ADMIN_LISTEN="a:1 http2"
    )

    assert loaded.warnings == ("http2 in a listen setting: HTTP/1.1 is served",)


def test_the_mail_password_is_not_shown() -> None:
    found: Any = load(OSTIARY_SMTP_PASSWORD="hunter2").settings

    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://pool:hunter2@db.example/pool?sslmode=verify-full",
        "postgres://pool:hunter2@/pool?host=/run/postgresql",
        "postgresql+asyncpg://pool:hunter2@db.example/pool",
        "sqlite:////var/lib/ostiary/hunter2.db",
        "sqlite+aiosqlite:////var/lib/ostiary/hunter2.db",
    ],
)
def test_the_pools_database_is_taken_and_not_shown(url: str) -> None:
    found = load(OSTIARY_USERPOOL_DATABASE=url).settings

    assert found.userpool_database == url
    assert "hunter2" not in repr(found)
    assert "hunter2" not in str(found)


@pytest.mark.parametrize(
    "url", ["mysql://pool:hunter2@db.example/pool", "hunter2", "postgresql:hunter2"]
)
def test_another_database_is_refused_and_not_shown(url: str) -> None:
    text = refused(f"userpool_database = {url}")

    assert text == (
        "in 'userpool_database': must begin with postgresql:// or sqlite:///"
    )


def test_a_database_is_not_shown_by_the_errors_cause() -> None:
    secret = "hunter" * 2
    with pytest.raises(SettingsInvalid) as caught:
        load(OSTIARY_USERPOOL_DATABASE=secret)

    assert secret not in "".join(traceback.format_exception(caught.value))


def test_triggers_are_urls_or_functions_by_name() -> None:
    text = "a=http://127.0.0.1:9000/a, b=app.hooks:greet"
    loaded = read_settings(file_text=None, environ={"OSTIARY_USERPOOL_TRIGGERS": text})

    assert loaded.settings.userpool_triggers == (
        ("a", "http://127.0.0.1:9000/a"),
        ("b", "app.hooks:greet"),
    )


@pytest.mark.parametrize(
    "text", ["a", "a=", "=x:y", "a=ftp://x/y", "a=app.hooks", "a=1x:y"]
)
def test_other_triggers_are_refused(text: str) -> None:
    with pytest.raises(SettingsInvalid, match="userpool_triggers"):
        read_settings(file_text=None, environ={"OSTIARY_USERPOOL_TRIGGERS": text})


@pytest.mark.parametrize(
    ("listen", "fine"),
    [
        ("127.0.0.1:9229, 127.0.0.1:9443 ssl", True),
        ("[::1]:9229", True),
        ("localhost:9229", True),
        ("0.0.0.0:9229", False),
        ("127.0.0.1:9229, 10.0.0.1:9443 ssl", False),
    ],
)
def test_the_endpoints_for_tests_are_for_this_machine_alone(
    listen: str, fine: bool
) -> None:
    environ = {
        "OSTIARY_USERPOOL_TESTING": "on",
        "OSTIARY_USERPOOL_LISTEN": listen,
    }
    if fine:
        assert read_settings(file_text=None, environ=environ).settings.userpool_testing
        return
    with pytest.raises(
        SettingsInvalid, match="userpool_testing lets anybody read codes"
    ):
        read_settings(file_text=None, environ=environ)


def test_credentials_are_read_and_never_shown() -> None:
    environ = {"OSTIARY_USERPOOL_CREDENTIALS": "AKIA1:topsecret, AKIA2:other:colon"}
    settings = read_settings(file_text=None, environ=environ).settings

    assert settings.userpool_credentials == (
        ("AKIA1", "topsecret"),
        ("AKIA2", "other:colon"),
    )
    assert "topsecret" not in repr(settings)


@pytest.mark.parametrize("text", ["topsecret", "AKIA:", ":topsecret", "a:b,topsecret"])
def test_broken_credentials_are_not_repeated(text: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        read_settings(file_text=None, environ={"OSTIARY_USERPOOL_CREDENTIALS": text})

    assert "ACCESS_KEY_ID:SECRET_ACCESS_KEY" in str(caught.value)
    assert "topsecret" not in str(caught.value)


@pytest.mark.spec("gateway#5.1")
@pytest.mark.parametrize(
    "flags",
    ["so_keepalive=on", "so_keepalive=off", "so_keepalive=30m::10", "so_keepalive=::3", "backlog=1", "deferred", "bind", "reuseport", "http2", "ipv6only=on"],
)  # fmt: skip
def test_every_flag_of_a_listen_setting_is_read(flags: str) -> None:
    assert parse_listen(f"127.0.0.1:1 {flags}") == (at("127.0.0.1", 1),)


@pytest.mark.parametrize(
    "flags", ["so_keepalive=", "so_keepalive=::", "so_keepalive=1:2", "backlog=", "backlog=x", "ipv6only", "SSL", "ssl,http2"],
)  # fmt: skip
def test_a_flag_in_another_form_is_refused(flags: str) -> None:
    with pytest.raises(ValueError, match=r"^must be of form: "):
        parse_listen(f"127.0.0.1:1 {flags}")


def test_flags_without_effect_are_said_once() -> None:
    loaded = load(
        KONG_PROXY_LISTEN="0.0.0.0:8000 reuseport backlog=16384, 0.0.0.0:8443 ssl backlog=9",
        KONG_ADMIN_LISTEN="127.0.0.1:8001 deferred",
    )

    assert loaded.warnings == ("no effect in a listen setting: deferred, backlog",)
    assert load(KONG_PROXY_LISTEN="0.0.0.0:8000 reuseport").warnings == ()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("public", "public"),
        ("*", "*"),
        (" IDP.example.org ,*.corp.example", "idp.example.org, *.corp.example"),
        ("[::1], 10.0.0.7", "[::1], 10.0.0.7"),
        ("off", "off"),
        ("", "off"),
    ],
)
def test_the_debugger_s_hosts_are_read(written: str, read: str) -> None:
    assert (
        read_settings(
            file_text=None, environ={}, overrides={"debugger_allowed_hosts": written}
        ).settings.debugger_allowed_hosts
        == read
    )


@pytest.mark.parametrize(
    "written",
    ["https://idp.example.org", "a/b", "off, public", "a b", "*.*", "idp:8443"],
)
def test_what_is_no_host_of_the_debugger_s_is_named(written: str) -> None:
    with pytest.raises(SettingsInvalid, match=r"debugger_allowed_hosts.*is no host"):
        read_settings(
            file_text=None, environ={}, overrides={"debugger_allowed_hosts": written}
        )
