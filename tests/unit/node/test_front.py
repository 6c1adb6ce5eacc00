"""What settings become in a worker: options, limits, TLS."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from ostiary.adapters.certificates import make_leaf, write_pair
from ostiary.node.front import build_dns_times, build_limits, build_options
from ostiary.node.serving import serve_site
from ostiary.node.supervisor import _join, bind
from ostiary.node.tls import build_tls, check_files
from ostiary.settings import Settings, SettingsInvalid, parse_listen, read_settings


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
        ({"real_ip_header": "Proxy_Protocol"}, "not supported yet"),
        ({"real_ip_header": "X-Réal"}, "must be the name of a header field"),
        ({"real_ip_header": "x y"}, "must be the name of a header field"),
        ({"real_ip_header": "X-Real-IP\n"}, "must be the name of a header field"),
        ({"headers_upstream": "via"}, "must be x-kong-request-id or off"),
        ({"headers_upstream": "server_tokens"}, "must be x-kong-request-id or off"),
        (
            {"ssl_cipher_suite": "modern", "ssl_protocols": "TLSv1.2"},
            "ssl_cipher_suite = modern needs TLSv1.3 in ssl_protocols",
        ),
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
    found = check_files(lost, cert, key)
    assert found is not None
    assert found.startswith("cannot use lua_ssl_trusted_certificate ")
    broken = settings(ssl_cipher_suite="custom", ssl_ciphers="NOPE")
    found = check_files(broken, cert, key)
    assert found is not None
    assert found.startswith("cannot use ssl_ciphers: ")


def encrypt(key: Path, folder: Path) -> Path:
    loaded = serialization.load_pem_private_key(key.read_bytes(), None)
    found = folder / "encrypted.key"
    found.write_bytes(
        loaded.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"word"),
        )
    )
    return found


@pytest.mark.parametrize("place", ["ssl_cert", "client_ssl_cert", "userpool_ssl_cert"])
def test_an_encrypted_key_is_one_sentence_and_no_question(
    tmp_path: Path, place: str
) -> None:
    cert, key = pair(tmp_path, "gate")
    closed = encrypt(key, tmp_path)
    values = {place: str(cert), f"{place}_key": str(closed)}
    chosen = read_settings(
        file_text=None,
        environ={},
        overrides={
            "client_ssl": place == "client_ssl_cert",
            "userpool": True,
            **values,
        },
    ).settings
    used = closed if place == "ssl_cert" else key
    found = check_files(chosen, cert, used)

    name = "the certificate" if place == "ssl_cert" else place
    assert found == (
        f"cannot use {name} {cert} with the key {closed}: "
        "the key is encrypted, and a passphrase cannot be given"
    )


async def test_a_site_speaks_the_tls_of_the_settings(tmp_path: Path) -> None:
    files = pair(tmp_path, "gate")
    server = build_tls(settings(ssl_protocols="TLSv1.3"), *files)
    sock = socket.create_server(("127.0.0.1", 0))
    port = sock.getsockname()[1]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError(scope, receive, send)

    client = ssl.create_default_context(cafile=files[0])
    to: dict[str, Any] = {"ssl": client, "server_hostname": "gate.test"}
    async with serve_site(app, [("tls", sock)], tls=server):
        _, writer = await asyncio.open_connection("127.0.0.1", port, **to)
        spoken = writer.get_extra_info("ssl_object").version()
        writer.close()
        client.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("127.0.0.1", port, **to)

    assert spoken == "TLSv1.3"


@pytest.mark.parametrize(("flag", "expected"), [("on", 1), ("off", 0)])
def test_an_ipv6_listener_is_for_ipv6_only_where_that_is_said(
    flag: str, expected: int
) -> None:
    (address,) = parse_listen(f"[::]:0 ipv6only={flag}")
    with bind(address, reuse_port=True) as first, _join(address) as second:
        for sock in (first, second):
            only = sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
            assert only == expected
