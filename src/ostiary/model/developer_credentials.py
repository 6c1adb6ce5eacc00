"""
Credentials of developers themselves, with which they call services as nobody but themselves.

A developer is no consumer: these have no place among `/consumers`, `/key-auths` and their like, and
no name that somebody chose for themselves reaches an upstream (decision 0049).

Spec: portal §§1.6, 1.7 (`/credentials/<plugin>`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)
from pydantic import Field

from ostiary.jose.configured import read_verifier
from ostiary.jose.errors import MalformedKey
from ostiary.jose.keys import EC_ALGORITHMS, MIN_RSA_BITS
from ostiary.model.applications import HINT_CHARS, digest_key
from ostiary.model.fields import NonEmpty, Uuid, one_of
from ostiary.model.row import Row

KEY_AUTH: Final = "key-auth"
BASIC_AUTH: Final = "basic-auth"
JWT: Final = "jwt"
# The plugins whose credentials a developer may have, and where those of consumers are.
CREDENTIAL_KINDS: Final[Mapping[str, str]] = {
    KEY_AUTH: "keyauth_credentials",
    BASIC_AUTH: "basicauth_credentials",
    JWT: "jwt_secrets",
}
CREDENTIAL_PLUGINS: Final = tuple(CREDENTIAL_KINDS)
# What is shorter says too much of itself by its beginning.
_MIN_HINTED: Final = 20
# A key of a stranger's choice with a large exponent makes a worker count for milliseconds with
# each request: these are the ones that tools make.
_MAX_RSA_BITS: Final = 4096
_MAX_EXPONENT: Final = 65537


def build_name(plugin: str, value: str) -> str:
    """What a credential is found by: of keys only their digests are kept."""
    return f"{plugin}:{digest_key(value) if plugin == KEY_AUTH else value}"


def build_hint(secret: str) -> str:
    """The beginning of a secret, where that does not give it away."""
    return secret[:HINT_CHARS] if len(secret) >= _MIN_HINTED else ""


def read_public_key(pem: str, algorithm: str, *, is_chosen: bool) -> str:
    """
    A public key as it is kept: the key alone, whatever text was around it.

    Args:
        is_chosen: Whether a developer chose it: then verifying with it must cost little.

    Raises:
        ValueError: It is not taken; the text says why.
    """
    try:
        key = load_pem_public_key(pem.encode())
    except Exception as error:
        raise ValueError("invalid key") from error
    if is_chosen:
        _check_cost(key)
    kept = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    try:
        read_verifier(algorithm, public_pem=kept)
    except MalformedKey as error:
        curve = {name: curve for curve, name in EC_ALGORITHMS.items()}.get(algorithm)
        usual = "Ed25519" if algorithm == "EdDSA" else f"RSA with {MIN_RSA_BITS} bits or more"  # fmt: skip
        raise ValueError(f"must be {curve or usual} for {algorithm}") from error
    return kept


def _check_cost(key: PublicKeyTypes) -> None:
    """
    Let a key go on that is verified with quickly.

    Raises:
        ValueError: It is another.
    """
    if isinstance(key, RSAPublicKey):
        is_usual = MIN_RSA_BITS <= key.key_size <= _MAX_RSA_BITS
        if not is_usual or key.public_numbers().e > _MAX_EXPONENT:
            raise ValueError(
                f"must have {MIN_RSA_BITS} to {_MAX_RSA_BITS} bits, and an exponent up to {_MAX_EXPONENT}"
            )
    elif not isinstance(key, EllipticCurvePublicKey | Ed25519PublicKey):
        raise ValueError("must be a key of RSA, of an elliptic curve, or Ed25519")


class DeveloperCredential(Row):
    """
    A developer's credential for one plugin; `name` is what that finds it by, and no other has.

    `password` is as basic-auth keeps it of a consumer. `self_made` ones were made in the portal
    or changed there, and open nothing where it gives them out no longer; `held` ones while their developer is not
    approved. `expires_at` in Unix seconds.
    """

    developer: Uuid
    plugin: Annotated[str, one_of(*CREDENTIAL_PLUGINS)]
    name: NonEmpty = Field(repr=False)
    hint: Annotated[str, Field(max_length=HINT_CHARS)] = ""
    password: NonEmpty | None = Field(default=None, repr=False)
    secret: NonEmpty | None = Field(default=None, repr=False)
    algorithm: NonEmpty | None = None
    rsa_public_key: NonEmpty | None = None
    self_made: bool = False
    held: bool = False
    expires_at: int | None = None

    @property
    def value(self) -> str:
        """The name without its plugin: a username, a key of jwt, or a digest."""
        return self.name.partition(":")[2]
