"""
TLS as the settings want it: towards clients, and towards upstreams.

Spec: Kong's settings (gateway §5.4).
"""

from __future__ import annotations

import ssl
from pathlib import Path

from ostiary.gateway.certificates import Served
from ostiary.proxy.tls import ServerTls, UpstreamTls, load_pair, refuse_passphrase
from ostiary.settings import Settings

_VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}
# Mozilla's intermediate list for TLS 1.2: forward secrecy and AEAD only.
_INTERMEDIATE = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)


def _build_context(settings: Settings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    versions = [_VERSIONS[name] for name in settings.ssl_protocols]
    context.minimum_version, context.maximum_version = min(versions), max(versions)
    if settings.ssl_cipher_suite == "modern":
        context.minimum_version = ssl.TLSVersion.TLSv1_3
    else:
        context.set_ciphers(settings.ssl_ciphers or _INTERMEDIATE)
    context.set_alpn_protocols(["http/1.1"])
    return context


def build_tls(settings: Settings, cert: Path | str, key: Path | str) -> ssl.SSLContext:
    """
    The context of the TLS listeners: HTTP/1.1, nothing below TLS 1.2.

    Raises:
        OSError: A file cannot be read, is encrypted, or is no certificate with its key.
        ssl.SSLError: `ssl_ciphers` names no cipher.
    """
    context = _build_context(settings)
    context.load_cert_chain(cert, key, password=refuse_passphrase)
    return context


def build_server_tls(
    settings: Settings, cert: Path | str, key: Path | str
) -> ServerTls:
    """
    What the TLS listeners show: this certificate to whoever asks for no name of another.

    Raises:
        OSError, ssl.SSLError: As `build_tls`.
    """

    def build(served: Served) -> ssl.SSLContext:
        context = _build_context(settings)
        for pair in served.pairs:
            load_pair(context, pair)
        return context

    return ServerTls(build_tls(settings, cert, key), build)


def build_upstream_tls(settings: Settings) -> UpstreamTls:
    """How upstreams are trusted, and what is shown to them."""
    trusted = settings.lua_ssl_trusted_certificate
    client = None
    if (
        settings.client_ssl
        and settings.client_ssl_cert
        and settings.client_ssl_cert_key
    ):
        client = (settings.client_ssl_cert, settings.client_ssl_cert_key)
    return UpstreamTls(
        ca_file=None if trusted == "system" else trusted, client_certificate=client
    )


def check_files(settings: Settings, cert: Path, key: Path) -> str | None:
    """What is wrong with the certificates that the settings name, in one sentence; None if nothing."""
    try:
        _build_context(settings)
    except (OSError, ValueError):
        return "cannot use ssl_ciphers: no cipher of TLS 1.2 can be chosen by it"
    pairs = [("the certificate", str(cert), str(key))]
    if settings.userpool and settings.userpool_ssl_cert:
        own_key = settings.userpool_ssl_cert_key or settings.userpool_ssl_cert
        pairs.append(("userpool_ssl_cert", settings.userpool_ssl_cert, own_key))
    if settings.client_ssl and settings.client_ssl_cert:
        own_key = settings.client_ssl_cert_key or settings.client_ssl_cert
        pairs.append(("client_ssl_cert", settings.client_ssl_cert, own_key))
    for name, pem, secret in pairs:
        try:
            build_tls(settings, pem, secret)
        except (OSError, ValueError) as error:
            return f"cannot use {name} {pem} with the key {secret}: {error}"
    trusted = settings.lua_ssl_trusted_certificate
    try:
        build_upstream_tls(settings).check()
    except (OSError, ValueError) as error:
        return f"cannot use lua_ssl_trusted_certificate {trusted}: {error}"
    return None
