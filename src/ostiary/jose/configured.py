"""
Tokens verified with a key that an operator configured, for one algorithm that goes with it.

The algorithm is the configuration's. A token that names another is refused before anything is
computed, so that a public key can never serve as a shared secret (algorithm confusion).

Spec: RFC 7515 §5.2, RFC 7518 §3.2 (HMAC), RFC 8725 §3.1.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from cryptography.exceptions import UnsupportedAlgorithm as UnsupportedKey
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from joserfc.errors import JoseError as LibraryError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from ostiary.jose.encoding import decode_base64url, parse_json_object
from ostiary.jose.errors import BadSignature, MalformedKey, UnsupportedAlgorithm
from ostiary.jose.jwt import parse_header, verify_jwt
from ostiary.jose.keys import MIN_RSA_BITS, AnyKey, KeySet, PublicKey, parse_public_key

_HASHES: Final = {
    "HS256": hashlib.sha256,
    "HS384": hashlib.sha384,
    "HS512": hashlib.sha512,
}


class Verifier(Protocol):
    """Believes tokens of one key."""

    def verify(self, token: str) -> Mapping[str, object]:
        """
        The claims of a token.

        Raises:
            UnsupportedAlgorithm: It names another algorithm.
            BadSignature: The key says no.
            MalformedToken, TokenTooLarge, CriticalHeader: As `parse_header`.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretVerifier:
    """A shared secret of any length, as operators have them."""

    algorithm: str
    secret: bytes = field(repr=False)

    def verify(self, token: str) -> Mapping[str, object]:
        _check_algorithm(token, self.algorithm)
        signing_input, _, signature = token.rpartition(".")
        claims = parse_json_object(decode_base64url(signing_input.partition(".")[2]))
        mac = hmac.new(
            self.secret, signing_input.encode("ascii"), _HASHES[self.algorithm]
        )
        if not hmac.compare_digest(mac.digest(), decode_base64url(signature)):
            raise BadSignature("invalid signature")
        return claims


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicVerifier:
    """A public key."""

    algorithm: str
    keys: KeySet

    def verify(self, token: str) -> Mapping[str, object]:
        _check_algorithm(token, self.algorithm)
        return verify_jwt(
            token, self.keys, algorithms=frozenset({self.algorithm})
        ).claims


def _check_algorithm(token: str, algorithm: str) -> None:
    if parse_header(token).alg != algorithm:
        raise UnsupportedAlgorithm("the token names another algorithm")


def read_verifier(
    algorithm: str, *, secret: bytes | None = None, public_pem: str | None = None
) -> Verifier:
    """
    What believes tokens of a key.

    Raises:
        MalformedKey: There is no key that goes with the algorithm.
    """
    if algorithm in _HASHES:
        if not secret:
            raise MalformedKey(f"{algorithm} needs a secret")
        return SecretVerifier(algorithm=algorithm, secret=secret)
    if not public_pem:
        raise MalformedKey(f"{algorithm} needs a public key")
    key = parse_public_key(_read_pem(public_pem, algorithm))
    if algorithm not in key.algorithms:
        raise MalformedKey(f"the key cannot verify {algorithm}")
    # The token's kid may be anything: the credential has chosen the key already.
    return PublicVerifier(algorithm=algorithm, keys=_AnyName(keys=(key,)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _AnyName(KeySet):
    """One key, whatever a token calls it."""

    def fitting(self, kid: str | None, algorithm: str) -> tuple[PublicKey, ...]:  # noqa: ARG002 - as said
        return tuple(key for key in self.keys if algorithm in key.algorithms)


def _read_pem(pem: str, algorithm: str) -> Mapping[str, object]:
    key: AnyKey
    try:
        match load_pem_public_key(pem.encode()):
            case RSAPublicKey() as found if found.key_size >= MIN_RSA_BITS:
                key = RSAKey.import_key(found)
            case EllipticCurvePublicKey() as found:
                key = ECKey.import_key(found)
            case Ed25519PublicKey() | Ed448PublicKey() as found:
                key = OKPKey.import_key(found)
            case _:
                raise MalformedKey(f"the key cannot verify {algorithm}")
        return key.as_dict(private=False)
    except KeyError as error:
        # What the library says of a curve that it does not know.
        raise MalformedKey(f"the key cannot verify {algorithm}") from error
    except (LibraryError, UnsupportedKey, ValueError, TypeError) as error:
        raise MalformedKey("the PEM holds no public key") from error
