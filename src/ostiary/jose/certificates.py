"""
Certificates about signing keys, for peers that take X.509 instead of a JWK Set.

Not for TLS: nothing here names a host.

Spec: RFC 5280 §4.1, RFC 7468.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ostiary.jose.errors import MalformedKey
from ostiary.jose.keys import PrivateKey


def issue_certificate(key: PrivateKey, name: str, *, since: int, days: int) -> str:
    """
    A self-signed certificate of an RSA key: base64 of its DER, without line ends.

    The same arguments make the same certificate, so that it need not be kept.

    Args:
        name: The subject's common name, at most 64 characters.
        since: Unix time in seconds from which it holds.

    Raises:
        MalformedKey: The key is not RSA.
    """
    private = key.library_key.raw_value
    if not isinstance(private, RSAPrivateKey):
        raise MalformedKey("the certificate's key is not RSA")
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begins = dt.datetime.fromtimestamp(since, dt.UTC)
    # Positive and at most 20 octets, as RFC 5280 §4.1.2.2 asks.
    serial = int.from_bytes(hashlib.sha256(key.kid.encode()).digest()[:19], "big") | 1
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(serial)
        .not_valid_before(begins)
        .not_valid_after(begins + dt.timedelta(days=days))
        .sign(private, SHA256())
    )
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode("ascii")
