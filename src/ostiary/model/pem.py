"""
Certificates and keys in PEM, as far as entities must know them.

Spec: Kong's certificate entities (gateway §1.8).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from pydantic import AfterValidator

_CANNOT_READ = (ValueError, TypeError, UnsupportedAlgorithm)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """What is asked of the first certificate of a PEM text."""

    public_key: bytes
    kind: str
    digest: str
    count: int
    is_ca: bool
    ends_at: datetime


def read_certificates(pem: str) -> Leaf:
    """
    The first certificate of a text, and how many there are.

    Raises:
        ValueError: There is none, or one cannot be read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = x509.load_pem_x509_certificates(pem.encode())
            first = found[0]
            key = first.public_key()
            try:
                basic = first.extensions.get_extension_for_class(x509.BasicConstraints)
                is_ca = basic.value.ca
            except x509.ExtensionNotFound:
                is_ca = False
    except _CANNOT_READ as error:
        raise ValueError("invalid certificate: not a PEM certificate") from error
    return Leaf(
        public_key=key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        kind=type(key).__name__.strip("_").removesuffix("PublicKey"),
        digest=first.fingerprint(SHA256()).hex(),
        count=len(found),
        is_ca=is_ca,
        ends_at=first.not_valid_after_utc,
    )


def read_key(pem: str) -> PrivateKeyTypes:
    """
    A private key without a passphrase.

    Raises:
        ValueError: It is none.
    """
    try:
        return load_pem_private_key(pem.encode(), None)
    except _CANNOT_READ as error:
        raise ValueError("invalid key: not a PEM private key") from error


def is_pair(certificate: str, key: str) -> bool:
    """
    Whether a certificate is of a key.

    Raises:
        ValueError: One of them cannot be read.
    """
    public = read_key(key).public_key()
    mine = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return mine == read_certificates(certificate).public_key


def _check_certificate(value: str) -> str:
    read_certificates(value)
    return value


def _check_key(value: str) -> str:
    read_key(value)
    return value


def _check_authority(value: str) -> str:
    leaf = read_certificates(value)
    if leaf.count > 1:
        raise ValueError("please submit only one certificate at a time")
    if not leaf.is_ca:
        raise ValueError(
            'certificate does not appear to be a CA because it is missing the "CA" basic constraint'
        )
    return value


Certificate = Annotated[str, AfterValidator(_check_certificate)]
Key = Annotated[str, AfterValidator(_check_key)]
Authority = Annotated[str, AfterValidator(_check_authority)]
