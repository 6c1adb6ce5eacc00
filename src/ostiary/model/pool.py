"""
What a user pool holds: pools, clients, users, codes, grants, sessions. Values only.

Everything secret here is already hashed or sealed; a plain password, code or token never
becomes part of these values. Times are Unix seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ostiary.model.pool_settings import ClientSettings, MfaSettings, PoolSettings


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
    EMAIL = "email"
    PHONE = "phone"
    FACTOR = "factor"  # counters only


class RecordKind(StrEnum):
    """What a record of a pool is; `owner` and `name` say which one."""

    GROUP = "group"
    MEMBER = "member"  # owner: username, name: group
    RESOURCE_SERVER = "resource server"
    IDENTITY_PROVIDER = "identity provider"
    DEVICE = "device"  # owner: username
    PASSKEY = "passkey"  # owner: username
    WAITING = "waiting attribute"  # owner: username, name: attribute
    LOOK = "look"  # owner: client id or ALL
    BRANDING = "branding"  # owner: client id, name: branding id
    RISK = "risk"  # owner: client id or empty
    LOG_DELIVERY = "log delivery"
    TERMS = "terms"  # owner: client id, name: terms id
    IMPORT_JOB = "import job"
    IMPORT_FILE = "import file"  # name: job id
    PASSWORD_HISTORY = "password history"  # noqa: S105 - owner: username


RECORDS_OF_USERS = frozenset(
    {
        RecordKind.MEMBER,
        RecordKind.DEVICE,
        RecordKind.PASSKEY,
        RecordKind.WAITING,
        RecordKind.PASSWORD_HISTORY,
    }
)
RECORDS_OF_CLIENTS = frozenset(
    {RecordKind.LOOK, RecordKind.BRANDING, RecordKind.RISK, RecordKind.TERMS}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Something a pool holds under a name, as JSON; secrets in it are sealed."""

    pool_id: str
    kind: RecordKind
    name: str
    owner: str = ""
    value: Mapping[str, Any] = field(default_factory=dict, repr=False)  # Any: JSON
    created_at: float
    modified_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A user pool. `domain` is its pages' prefix, `custom_domain` a whole name of them."""

    id: str
    name: str
    settings: PoolSettings
    created_at: float
    modified_at: float
    domain: str | None = None
    custom_domain: str | None = None
    mfa: MfaSettings = field(default_factory=MfaSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedKey:
    """A signing key: its public half in the open, its private half sealed."""

    pool_id: str
    purpose: str
    kid: str
    public_jwk: Mapping[str, str]
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedSecret:
    """One of a client's secrets, sealed, and what it is called."""

    id: str
    created_at: float
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolClient:
    """An app client. A confidential one has a sealed secret, or two while it changes them."""

    id: str
    pool_id: str
    name: str
    settings: ClientSettings
    created_at: float
    modified_at: float
    secrets: tuple[SealedSecret, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomDomain:
    """What belongs to a name of one's own, kept as it was given."""

    certificate_arn: str
    security_policy: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolDomain:
    """A prefix of hosted pages, or a whole name, and the pool behind it."""

    prefix: str
    pool_id: str
    managed_login_version: int
    created_at: float
    custom: CustomDomain | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordRecord:
    """What is kept of a password: an argon2id hash, and the SRP salt and verifier in hex."""

    argon2: str = field(repr=False)
    srp_salt: str = field(repr=False)
    srp_verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """
    A user's second factors. The secret of an authenticator app is sealed.

    `preferred` is the name of a challenge, or None where the user chooses each time.
    """

    sms: bool = False
    email: bool = False
    software_token: bool = False
    preferred: str | None = None
    sealed_totp: str | None = field(default=None, repr=False)
    totp_verified: bool = False
    totp_name: str = ""
    last_totp_step: int = 0
    passkeys: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """
    A person in a pool.

    `login_key` is the sign-in name, folded as the pool compares it; `aliases` are other names
    that work as well. `password_set_at` tells when a temporary password runs out.
    """

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
    aliases: tuple[str, ...] = field(default=(), repr=False)
    factors: Factors = Factors()
    password_set_at: float = 0.0


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
class ChallengeUse:
    """How often a challenge's session was answered wrongly, and whether it is used up."""

    tries: int = 0
    spent: bool = False


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
    device_key: str | None = None


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
    """A refresh token by its hash. `rotated_at`: when another took its place, else None."""

    token_hash: str = field(repr=False)
    grant_id: str
    expires_at: float
    rotated_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedSession:
    """A browser signed in at a pool's hosted pages, by the hash of its cookie."""

    id_hash: str = field(repr=False)
    pool_id: str
    username: str
    auth_time: int
    expires_at: float
