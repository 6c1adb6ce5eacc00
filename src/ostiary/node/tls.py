"""
TLS as the settings want it: towards clients, and towards upstreams.

Spec: Kong's settings (gateway §5.4).
"""

from __future__ import annotations

import ssl
from pathlib import Path

from ostiary.proxy.tls import UpstreamTls
from ostiary.settings import Settings

_VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}
# Mozilla's intermediate list for TLS 1.2: forward secrecy and AEAD only.
_INTERMEDIATE = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)


def build_tls(settings: Settings, cert: Path, key: Path) -> ssl.SSLContext:
    """
    The context of the TLS listeners: HTTP/1.1, nothing below TLS 1.2.

    Raises:
        OSError: A file cannot be read, or is no certificate with its key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    versions = [_VERSIONS[name] for name in settings.ssl_protocols]
    context.minimum_version, context.maximum_version = min(versions), max(versions)
    if settings.ssl_cipher_suite == "modern":
        context.minimum_version = ssl.TLSVersion.TLSv1_3
    else:
        context.set_ciphers(settings.ssl_ciphers or _INTERMEDIATE)
    context.load_cert_chain(cert, key)
    context.set_alpn_protocols(["http/1.1"])
    return context


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
        build_tls(settings, cert, key)
    except OSError as error:
        return f"cannot use the certificate {cert} with the key {key}: {error}"
    try:
        build_upstream_tls(settings).check()
    except OSError as error:
        return f"cannot use client_ssl_cert or lua_ssl_trusted_certificate: {error}"
    return None
