"""
What a user pool holds: pools, clients, users, codes, grants, sessions. Values only.

Everything secret here is already hashed or sealed; a plain password, code or token never
becomes part of these values. Times are Unix seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ostiary.model.pool_settings import ClientSettings, PoolSettings


class UserStatus(StrEnum):
    """Where a user stands, in the API's words."""

    UNCONFIRMED = "UNCONFIRMED"
    CONFIRMED = "CONFIRMED"
    RESET_REQUIRED = "RESET_REQUIRED"
    FORCE_CHANGE_PASSWORD = "FORCE_CHANGE_PASSWORD"  # noqa: S105 - a status, not a password


class CodeKind(StrEnum):
    """What a mailed code is for."""

    CONFIRM = "confirm"
    RESET = "reset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A user pool. `domain` is the prefix of its hosted pages, if it has one."""

    id: str
    name: str
    settings: PoolSettings
    created_at: float
    modified_at: float
    domain: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedKey:
    """A signing key: its public half in the open, its private half sealed."""

    pool_id: str
    purpose: str
    kid: str
    public_jwk: Mapping[str, str]
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolClient:
    """An app client. A confidential one has a sealed secret."""

    id: str
    pool_id: str
    name: str
    settings: ClientSettings
    created_at: float
    modified_at: float
    sealed_secret: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolDomain:
    """A prefix of hosted pages and the pool behind it."""

    prefix: str
    pool_id: str
    managed_login_version: int
    created_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordRecord:
    """What is kept of a password: an argon2id hash, and the SRP salt and verifier in hex."""

    argon2: str = field(repr=False)
    srp_salt: str = field(repr=False)
    srp_verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person in a pool. `login_key` is the sign-in name, folded as the pool compares it."""

    pool_id: str
    username: str
    sub: str
    login_key: str = field(repr=False)
    attributes: Mapping[str, str] = field(repr=False)
    status: UserStatus
    password: PasswordRecord | None
    created_at: float
    modified_at: float
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """Failed password attempts of one user, for the lock-out rule."""

    failures: int = 0
    last_failed_at: float = 0.0
    locked_until: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MailedCode:
    """A mailed code's authenticator and its counters. No `mac` means no code is open."""

    mac: bytes | None = field(default=None, repr=False)
    expires_at: float = 0.0
    tries: int = 0
    tries_since: float = 0.0
    sends: int = 0
    sends_since: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """
    One sign-in towards one client: what codes and refresh tokens of it stand for.

    `id` is the `origin_jti` of every token made from it.
    """

    id: str
    pool_id: str
    client_id: str
    username: str
    scopes: tuple[str, ...]
    auth_time: int
    nonce: str | None = field(default=None, repr=False)
    revoked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationCode:
    """An authorization code by its hash, and what its exchange must match."""

    code_hash: str = field(repr=False)
    grant_id: str
    redirect_uri: str
    code_challenge: str | None = field(repr=False)
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshToken:
    """A refresh token by its hash."""

    token_hash: str = field(repr=False)
    grant_id: str
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedSession:
    """A browser signed in at a pool's hosted pages, by the hash of its cookie."""

    id_hash: str = field(repr=False)
    pool_id: str
    username: str
    auth_time: int
    expires_at: float
