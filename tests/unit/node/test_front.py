"""What settings become in a worker: options, limits, TLS."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest

from ostiary.adapters.certificates import make_leaf, write_pair
from ostiary.node.front import build_dns_times, build_limits, build_options
from ostiary.node.tls import build_tls, check_files
from ostiary.settings import Settings, SettingsInvalid, read_settings


def settings(**environ: str) -> Settings:
    return read_settings(
        file_text=None, environ={f"KONG_{k.upper()}": v for k, v in environ.items()}
    ).settings


@pytest.mark.spec("gateway#5.3")
def test_the_headers_setting_names_what_is_sent() -> None:
    tokens = build_options(settings(headers="via, X-Kong-Upstream-Status")).tokens

    assert (tokens.via, tokens.upstream_status) == (True, True)
    assert (tokens.server, tokens.request_id, tokens.proxy_latency) == (False,) * 3
    assert build_options(settings()).tokens.upstream_request_id
    assert not build_options(
        settings(headers_upstream="off")
    ).tokens.upstream_request_id
    assert not build_options(settings(headers="off")).tokens.server


@pytest.mark.spec("gateway#5.3")
def test_times_and_sizes_reach_the_proxy() -> None:
    limits = build_limits(
        settings(
            nginx_http_client_header_timeout="2s",
            nginx_http_client_body_timeout="500ms",
            nginx_http_send_timeout="1m",
            nginx_http_keepalive_timeout="75",
            nginx_http_keepalive_requests="7",
            upstream_keepalive_pool_size="3",
            upstream_keepalive_max_requests="9",
            upstream_keepalive_idle_timeout="30",
        )
    )

    assert (limits.head_timeout_ms, limits.body_timeout_ms) == (2000, 500)
    assert (limits.write_timeout_ms, limits.keepalive_timeout_ms) == (60_000, 75_000)
    assert (limits.keepalive_requests, limits.pool_idle_per_key) == (7, 3)
    assert (limits.pool_requests, limits.pool_idle_ms) == (9, 30_000)
    assert limits.tick_ms == 125
    assert build_dns_times(settings(dns_valid_ttl="3")).valid_s == 3


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"headers": "nonsense"}, "unknown header 'nonsense'"),
        ({"nginx_http_send_timeout": "soon"}, "must be a time, for example 60s"),
        ({"nginx_http_send_timeout": "0s"}, "send_timeout"),
        ({"ssl_protocols": "SSLv3"}, "must name TLSv1.2, TLSv1.3 or both"),
        ({"ssl_cipher_suite": "old"}, "must be one of modern, intermediate, custom"),
        ({"ssl_cipher_suite": "custom"}, "go together"),
        ({"client_ssl": "on"}, "client_ssl needs client_ssl_cert"),
        ({"real_ip_header": "proxy_protocol"}, "not supported yet"),
        ({"nginx_http_keepalive_requests": "0"}, "keepalive_requests"),
    ],
)
def test_what_cannot_be_is_said(environ: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsInvalid, match=message):
        settings(**environ)


def pair(folder: Path, name: str) -> tuple[Path, Path]:
    cert, key = folder / f"{name}.crt", folder / f"{name}.key"
    write_pair(
        *make_leaf([f"{name}.test"], ca=None, days=1), cert_path=cert, key_path=key
    )
    return cert, key


@pytest.mark.spec("gateway#5.4")
def test_a_listener_speaks_the_versions_and_ciphers_of_the_settings(
    tmp_path: Path,
) -> None:
    files = pair(tmp_path, "gate")
    modern = build_tls(settings(ssl_cipher_suite="modern"), *files)
    usual = build_tls(settings(), *files)
    old = build_tls(settings(ssl_protocols="TLSv1.2"), *files)

    assert modern.minimum_version is ssl.TLSVersion.TLSv1_3
    assert usual.minimum_version is ssl.TLSVersion.TLSv1_2
    assert old.maximum_version is ssl.TLSVersion.TLSv1_2
    below = [c for c in usual.get_ciphers() if c["protocol"] != "TLSv1.3"]
    assert below
    assert all("GCM" in c["name"] or "CHACHA" in c["name"] for c in below)


def test_a_certificate_that_does_not_fit_is_one_sentence(tmp_path: Path) -> None:
    cert, key = pair(tmp_path, "gate")
    _, other_key = pair(tmp_path, "other")
    shown: dict[str, Any] = {"client_ssl": "on", "client_ssl_cert": str(cert)}

    assert check_files(settings(), cert, key) is None
    wrong = check_files(settings(), cert, other_key)
    assert wrong is not None
    assert wrong.startswith("cannot use the certificate")
    good = settings(**shown, client_ssl_cert_key=str(key))
    assert check_files(good, cert, key) is None
    bad = settings(**shown, client_ssl_cert_key=str(other_key))
    found = check_files(bad, cert, key)
    assert found is not None
    assert found.startswith("cannot use client_ssl_cert")
    lost = settings(lua_ssl_trusted_certificate=str(tmp_path / "none.pem"))
    assert check_files(lost, cert, key) is not None
