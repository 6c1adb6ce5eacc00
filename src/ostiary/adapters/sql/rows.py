"""Rows to values and back."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict
from typing import Any

from sqlalchemy import RowMapping

from ostiary.model.pool import (
    Attempts,
    AuthorizationCode,
    ChallengeUse,
    CustomDomain,
    Factors,
    Grant,
    HostedSession,
    MailedCode,
    PasswordRecord,
    Pool,
    PoolClient,
    PoolDomain,
    Record,
    RecordKind,
    RefreshToken,
    SealedKey,
    SealedSecret,
    User,
    UserStatus,
)
from ostiary.model.pool_settings import ClientSettings, MfaSettings, PoolSettings

Values = dict[str, Any]  # Any: what a column may hold


def pool_values(pool: Pool) -> Values:
    """Columns of a pool."""
    return {
        "id": pool.id,
        "name": pool.name,
        "settings": pool.settings.model_dump_json(exclude_none=True),
        "mfa": pool.mfa.model_dump_json(exclude_none=True),
        "created_at": pool.created_at,
        "modified_at": pool.modified_at,
    }


def read_pool(row: RowMapping) -> Pool:
    """A pool, joined with its domains."""
    return Pool(
        id=row["id"],
        name=row["name"],
        settings=PoolSettings.model_validate_json(row["settings"]),
        created_at=row["created_at"],
        modified_at=row["modified_at"],
        domain=row["prefix"],
        custom_domain=row["custom_domain"],
        mfa=MfaSettings.model_validate_json(row["mfa"]),
    )


def key_values(key: SealedKey) -> Values:
    """Columns of a signing key."""
    return {
        "pool_id": key.pool_id,
        "purpose": key.purpose,
        "kid": key.kid,
        "public_jwk": json.dumps(dict(key.public_jwk)),
        "sealed": key.sealed,
    }


def read_key(row: RowMapping) -> SealedKey:
    """A signing key."""
    return SealedKey(
        pool_id=row["pool_id"],
        purpose=row["purpose"],
        kid=row["kid"],
        public_jwk=json.loads(row["public_jwk"]),
        sealed=row["sealed"],
    )


def client_values(client: PoolClient) -> Values:
    """Columns of an app client."""
    return {
        "id": client.id,
        "pool_id": client.pool_id,
        "name": client.name,
        "settings": client.settings.model_dump_json(exclude_none=True),
        "secrets": json.dumps([_secret_value(s) for s in client.secrets]),
        "created_at": client.created_at,
        "modified_at": client.modified_at,
    }


def _secret_value(secret: SealedSecret) -> Values:
    sealed = base64.b64encode(secret.sealed).decode("ascii")
    return {"id": secret.id, "created_at": secret.created_at, "sealed": sealed}


def _read_secret(value: Values) -> SealedSecret:
    return SealedSecret(**{**value, "sealed": base64.b64decode(value["sealed"])})


def read_client(row: RowMapping) -> PoolClient:
    """An app client."""
    return PoolClient(
        id=row["id"],
        pool_id=row["pool_id"],
        name=row["name"],
        settings=ClientSettings.model_validate_json(row["settings"]),
        secrets=tuple(map(_read_secret, json.loads(row["secrets"]))),
        created_at=row["created_at"],
        modified_at=row["modified_at"],
    )


def domain_values(domain: PoolDomain) -> Values:
    """Columns of a domain."""
    return {
        "prefix": domain.prefix,
        "pool_id": domain.pool_id,
        "custom": json.dumps(asdict(domain.custom)) if domain.custom else None,
        "is_custom": domain.custom is not None,
        "managed_login_version": domain.managed_login_version,
        "created_at": domain.created_at,
    }


def read_domain(row: RowMapping) -> PoolDomain:
    """A domain."""
    custom = row["custom"]
    return PoolDomain(
        prefix=row["prefix"],
        pool_id=row["pool_id"],
        managed_login_version=row["managed_login_version"],
        created_at=row["created_at"],
        custom=None if custom is None else CustomDomain(**json.loads(custom)),
    )


def user_values(user: User) -> Values:
    """Columns of a user, but for the lock-out counters."""
    password = user.password
    return {
        "pool_id": user.pool_id,
        "username": user.username,
        "sub": user.sub,
        "login_key": user.login_key,
        "attributes": json.dumps(dict(user.attributes), ensure_ascii=False),
        "status": user.status.value,
        "enabled": user.enabled,
        "argon2": password.argon2 if password else None,
        "srp_salt": password.srp_salt if password else None,
        "srp_verifier": password.srp_verifier if password else None,
        "factors": json.dumps(asdict(user.factors)),
        "password_set_at": user.password_set_at,
        "created_at": user.created_at,
        "modified_at": user.modified_at,
    }


def read_user(row: RowMapping, aliases: tuple[str, ...]) -> User:
    """A user, with the aliases that another table holds."""
    password = (
        None
        if row["argon2"] is None
        else PasswordRecord(
            argon2=row["argon2"],
            srp_salt=row["srp_salt"],
            srp_verifier=row["srp_verifier"],
        )
    )
    return User(
        pool_id=row["pool_id"],
        username=row["username"],
        sub=row["sub"],
        login_key=row["login_key"],
        attributes=json.loads(row["attributes"]),
        status=UserStatus(row["status"]),
        enabled=row["enabled"],
        password=password,
        created_at=row["created_at"],
        modified_at=row["modified_at"],
        aliases=aliases,
        factors=Factors(**json.loads(row["factors"])),
        password_set_at=row["password_set_at"],
    )


def record_values(record: Record) -> Values:
    """Columns of a record."""
    return {
        "pool_id": record.pool_id,
        "kind": record.kind.value,
        "owner": record.owner,
        "name": record.name,
        "value": json.dumps(dict(record.value), ensure_ascii=False),
        "created_at": record.created_at,
        "modified_at": record.modified_at,
    }


def read_record(row: RowMapping) -> Record:
    """A record."""
    return Record(
        pool_id=row["pool_id"],
        kind=RecordKind(row["kind"]),
        owner=row["owner"],
        name=row["name"],
        value=json.loads(row["value"]),
        created_at=row["created_at"],
        modified_at=row["modified_at"],
    )


def read_challenge(row: RowMapping) -> ChallengeUse:
    """The counters of a challenge."""
    return ChallengeUse(tries=row["tries"], spent=row["spent"])


def refresh_token_values(token: RefreshToken) -> Values:
    """Columns of a refresh token."""
    return {
        "token_hash": token.token_hash,
        "grant_id": token.grant_id,
        "expires_at": token.expires_at,
        "rotated_at": token.rotated_at,
    }


def attempts_values(attempts: Attempts) -> Values:
    """Columns of the lock-out counters."""
    return {
        "failures": attempts.failures,
        "last_failed_at": attempts.last_failed_at,
        "locked_until": attempts.locked_until,
    }


def read_attempts(row: RowMapping) -> Attempts:
    """The lock-out counters."""
    return Attempts(
        failures=row["failures"],
        last_failed_at=row["last_failed_at"],
        locked_until=row["locked_until"],
    )


def code_values(code: MailedCode) -> Values:
    """Columns of a mailed code."""
    return {
        "mac": code.mac,
        "expires_at": code.expires_at,
        "tries": code.tries,
        "tries_since": code.tries_since,
        "sends": code.sends,
        "sends_since": code.sends_since,
    }


def read_code(row: RowMapping) -> MailedCode:
    """A mailed code."""
    return MailedCode(
        mac=row["mac"],
        expires_at=row["expires_at"],
        tries=row["tries"],
        tries_since=row["tries_since"],
        sends=row["sends"],
        sends_since=row["sends_since"],
    )


def grant_values(grant: Grant) -> Values:
    """Columns of a grant."""
    return {
        "id": grant.id,
        "pool_id": grant.pool_id,
        "username": grant.username,
        "client_id": grant.client_id,
        "scopes": " ".join(grant.scopes),
        "auth_time": grant.auth_time,
        "nonce": grant.nonce,
        "revoked": grant.revoked,
        "device_key": grant.device_key,
    }


def read_grant(row: RowMapping) -> Grant:
    """A grant."""
    return Grant(
        id=row["id"],
        pool_id=row["pool_id"],
        username=row["username"],
        client_id=row["client_id"],
        scopes=tuple(row["scopes"].split()),
        auth_time=row["auth_time"],
        nonce=row["nonce"],
        revoked=row["revoked"],
        device_key=row["device_key"],
    )


def authorization_code_values(code: AuthorizationCode) -> Values:
    """Columns of an authorization code that nobody has used."""
    return {
        "code_hash": code.code_hash,
        "grant_id": code.grant_id,
        "redirect_uri": code.redirect_uri,
        "code_challenge": code.code_challenge,
        "expires_at": code.expires_at,
        "used": 0,
    }


def read_authorization_code(row: RowMapping) -> AuthorizationCode:
    """An authorization code."""
    return AuthorizationCode(
        code_hash=row["code_hash"],
        grant_id=row["grant_id"],
        redirect_uri=row["redirect_uri"],
        code_challenge=row["code_challenge"],
        expires_at=row["expires_at"],
    )


def session_values(session: HostedSession) -> Values:
    """Columns of a hosted session."""
    return {
        "id_hash": session.id_hash,
        "pool_id": session.pool_id,
        "username": session.username,
        "auth_time": session.auth_time,
        "expires_at": session.expires_at,
    }


def read_session(row: RowMapping) -> HostedSession:
    """A hosted session."""
    return HostedSession(**row)
