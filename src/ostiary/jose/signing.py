"""
Plain RSA signatures, for what others verify with a tool and no library of ours.

Spec: RFC 8017 §8.2 (RSASSA-PKCS1-v1_5) with SHA-256.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ostiary.jose.errors import MalformedKey
from ostiary.jose.keys import MIN_RSA_BITS


@dataclass(frozen=True, slots=True)
class RsaSigner:
    """A private key that signs."""

    key: RSAPrivateKey = field(repr=False)

    def sign(self, text: str) -> str:
        """The signature of a text, in base64."""
        made = self.key.sign(text.encode(), PKCS1v15(), SHA256())
        return base64.b64encode(made).decode()


def read_rsa_signer(pem: bytes) -> RsaSigner:
    """
    The RSA private key in a PEM text without a passphrase.

    Raises:
        MalformedKey: It is none, or shorter than 2048 bits.
    """
    try:
        key = load_pem_private_key(pem, None)
    except TypeError as error:
        raise MalformedKey("it is locked with a passphrase") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise MalformedKey("it is no private key in PEM") from error
    if not isinstance(key, RSAPrivateKey):
        raise MalformedKey("it is no RSA key")
    if key.key_size < MIN_RSA_BITS:
        raise MalformedKey(f"it has fewer than {MIN_RSA_BITS} bits")
    return RsaSigner(key)
