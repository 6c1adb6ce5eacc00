"""
Credentials of consumers, as the rows of key-auth, basic-auth, jwt and acl.

Spec: gateway §1.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar

from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import AfterValidator, Field

from ostiary.model.entity import Check
from ostiary.model.fields import NonEmpty, Uuid, between, one_of
from ostiary.model.row import Row
from ostiary.model.words import Problem

_SHARED = ("HS256", "HS384", "HS512")
_PAIRS = (
    "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512",
    "EdDSA",
)  # fmt: skip


def _check_public_key(value: str) -> str:
    try:
        load_pem_public_key(value.encode())
    except Exception as error:
        raise ValueError("invalid key") from error
    return value


class KeyAuth(Row):
    """A key of key-auth; `ttl` in seconds from its creation."""

    consumer: Uuid
    key: NonEmpty = Field(repr=False)
    ttl: Annotated[int, between(0, 100_000_000)] | None = None


class BasicAuth(Row):
    """A name and a password; what is kept is Kong's hash of the password."""

    consumer: Uuid
    username: NonEmpty
    password: NonEmpty = Field(repr=False)


def _judge_algorithm(values: Mapping[str, Any]) -> Iterable[Problem]:
    if values["algorithm"] in _PAIRS and values["rsa_public_key"] is None:
        yield ("rsa_public_key",), "required field missing"
        yield (), "failed conditional validation given value of field 'algorithm'"
    if values["algorithm"] in _SHARED and values["secret"] is None:
        yield ("secret",), "required field missing"


class JwtSecret(Row):
    """A key with which a consumer's tokens are verified."""

    consumer: Uuid
    key: NonEmpty
    secret: NonEmpty | None = Field(default=None, repr=False)
    rsa_public_key: Annotated[NonEmpty, AfterValidator(_check_public_key)] | None = None
    algorithm: Annotated[str, one_of(*_SHARED, *_PAIRS)] = "HS256"

    checks: ClassVar = (
        Check(fields=("algorithm", "rsa_public_key", "secret"), judge=_judge_algorithm),
    )


class Acl(Row):
    """A consumer's place in a group."""

    consumer: Uuid
    group: NonEmpty
