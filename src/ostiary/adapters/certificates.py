"""
Certificates that we make ourselves: the default of a TLS listener, and the demo's own CA.

The CA is constrained by name, so that losing its key cannot hurt any other site.

Spec: RFC 5280 §4.2.1.10 (name constraints); decision D31.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey
_LEEWAY = dt.timedelta(minutes=5)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _base(
    subject: x509.Name, issuer: x509.Name, key: Key, days: int
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _LEEWAY)
        .not_valid_after(now + dt.timedelta(days=days))
    )


def make_ca(
    name: str,
    *,
    permitted_dns: Sequence[str],
    permitted_networks: Sequence[str],
    days: int,
) -> tuple[x509.Certificate, Key]:
    """A certificate authority for these names and networks only, that makes no further ones."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(name)
    permitted: list[x509.GeneralName] = [x509.DNSName(n) for n in permitted_dns]
    permitted += [x509.IPAddress(ipaddress.ip_network(n)) for n in permitted_networks]
    usage = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=True, crl_sign=True,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    certificate = (
        _base(subject, subject, key, days)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.NameConstraints(permitted, None), critical=True)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    return certificate, key


def make_leaf(
    names: Sequence[str], *, ca: tuple[x509.Certificate, Key] | None, days: int
) -> tuple[x509.Certificate, Key]:
    """A server certificate for these names and addresses; self-signed without a CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = ca[0].subject if ca else _name(names[0])
    builder = (
        _base(_name(names[0]), issuer, key, days)
        .add_extension(
            x509.SubjectAlternativeName([_general(n) for n in names]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
        )
    )
    if ca:
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca[1].public_key()),
            critical=False,
        )
    return builder.sign(ca[1] if ca else key, hashes.SHA256()), key


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read, replacing any in one step."""
    fresh = path.with_name(path.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    fresh.replace(path)


def write_pair(
    certificate: x509.Certificate, key: Key, *, cert_path: Path, key_path: Path
) -> None:
    """Write a certificate and its key as PEM, the key for the owner only."""
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    write_private(key_path, pem)
    cert_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def read_pair(cert_path: Path, key_path: Path) -> tuple[x509.Certificate, Key]:
    """Read back what `write_pair` wrote."""
    key = serialization.load_pem_private_key(key_path.read_bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return x509.load_pem_x509_certificate(cert_path.read_bytes()), key
