"""Rows to values and back."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import RowMapping

from ostiary.model.pool import (
    Attempts,
    AuthorizationCode,
    Grant,
    HostedSession,
    MailedCode,
    PasswordRecord,
    Pool,
    PoolClient,
    PoolDomain,
    SealedKey,
    User,
    UserStatus,
)
from ostiary.model.pool_settings import ClientSettings, PoolSettings

Values = dict[str, Any]  # Any: what a column may hold


def pool_values(pool: Pool) -> Values:
    """Columns of a pool."""
    return {
        "id": pool.id,
        "name": pool.name,
        "settings": pool.settings.model_dump_json(exclude_none=True),
        "created_at": pool.created_at,
        "modified_at": pool.modified_at,
    }


def read_pool(row: RowMapping) -> Pool:
    """A pool, joined with its domain's prefix."""
    return Pool(
        id=row["id"],
        name=row["name"],
        settings=PoolSettings.model_validate_json(row["settings"]),
        created_at=row["created_at"],
        modified_at=row["modified_at"],
        domain=row["prefix"],
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
        "sealed_secret": client.sealed_secret,
        "created_at": client.created_at,
        "modified_at": client.modified_at,
    }


def read_client(row: RowMapping) -> PoolClient:
    """An app client."""
    return PoolClient(
        id=row["id"],
        pool_id=row["pool_id"],
        name=row["name"],
        settings=ClientSettings.model_validate_json(row["settings"]),
        sealed_secret=row["sealed_secret"],
        created_at=row["created_at"],
        modified_at=row["modified_at"],
    )


def domain_values(domain: PoolDomain) -> Values:
    """Columns of a domain."""
    return {
        "prefix": domain.prefix,
        "pool_id": domain.pool_id,
        "managed_login_version": domain.managed_login_version,
        "created_at": domain.created_at,
    }


def read_domain(row: RowMapping) -> PoolDomain:
    """A domain."""
    return PoolDomain(**row)


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
        "created_at": user.created_at,
        "modified_at": user.modified_at,
    }


def read_user(row: RowMapping) -> User:
    """A user."""
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
    )


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
