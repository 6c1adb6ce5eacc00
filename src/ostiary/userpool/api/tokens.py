"""
Whose call it is: the user behind an access token, the pool behind a client.

Spec: cognito §3.5 (T ops), §3.6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ostiary.jose.errors import BadSignature, JoseError
from ostiary.jose.jwt import read_unverified_claims, verify_jwt
from ostiary.model.pool import Grant, Pool, PoolClient, User, UserStatus
from ostiary.userpool import messages
from ostiary.userpool.api.caller import Call
from ostiary.userpool.api.errors import ApiError
from ostiary.userpool.auth.secret_hash import check_secret_hash
from ostiary.userpool.lookup import find_user
from ostiary.userpool.minting import ADMIN_SCOPE
from ostiary.userpool.nobody import invent_username
from ostiary.userpool.services import client_secrets

_RS256: Final = frozenset({"RS256"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The user who calls with an access token, and through which client it was issued."""

    pool: Pool
    client: PoolClient
    user: User
    grant: Grant | None = field(repr=False)


def _refuse(text: str) -> ApiError:
    return ApiError("NotAuthorizedException", text)


async def load_client(call: Call, client_id: str) -> tuple[Pool, PoolClient]:
    """
    A client, whatever its pool, and that pool.

    Raises:
        ApiError: ResourceNotFoundException.
    """
    store = call.services.config.store
    client = await store.load_client(client_id)
    pool = await store.load_pool(client.pool_id) if client else None
    if client is None or pool is None:
        text = messages.CLIENT_MISSING.format(client_id)
        raise ApiError("ResourceNotFoundException", text)
    return pool, client


async def check_call_hash(
    call: Call, pool: Pool, client: PoolClient, given: str | None, name: str
) -> None:
    """
    Refuse a call without the proof of the client's secret.

    Raises:
        AccountError: NotAuthorizedException.
    """
    secrets = client_secrets(client, call.services.vault)
    if not secrets:
        return
    user = await find_user(call.services, pool, name)
    names = {name}
    if user is not None:
        names.add(user.username)
    elif client.settings.hides_existence:
        names.add(invent_username(call.services, pool, name))
    check_secret_hash(client, secrets, given, names)


async def _read(call: Call, text: str) -> tuple[Mapping[str, object], Pool]:
    try:
        claimed = read_unverified_claims(text).get("iss")
    except JoseError as error:
        raise _refuse(messages.ACCESS_TOKEN_WRONG) from error
    # Only to choose whose keys must verify it.
    pool_id = str(claimed).rpartition("/")[2]
    pool = await call.services.config.store.load_pool(pool_id)
    if pool is None:
        raise _refuse(messages.ACCESS_TOKEN_WRONG)
    keys = await call.services.key_ring.load(pool.id)
    try:
        claims = verify_jwt(text, keys.key_set, algorithms=_RS256).claims
    except BadSignature as error:
        raise _refuse(messages.ACCESS_TOKEN_SIGNATURE) from error
    except JoseError as error:
        raise _refuse(messages.ACCESS_TOKEN_WRONG) from error
    if claims.get("iss") != call.services.config.issuer(pool.id):
        raise _refuse(messages.ACCESS_TOKEN_WRONG)
    return claims, pool


async def load_caller(
    call: Call, access_token: str, *, needs_scope: bool = True
) -> Caller:
    """
    The user that an access token of ours stands for.

    Raises:
        ApiError: NotAuthorizedException: not ours, over, revoked, or without the scope;
            UserNotFoundException; PasswordResetRequiredException; UserNotConfirmedException.
    """
    claims, pool = await _read(call, access_token)
    expires, store = claims.get("exp"), call.services.config.store
    if claims.get("token_use") != "access" or not isinstance(expires, int):
        raise _refuse(messages.ACCESS_TOKEN_WRONG)
    if call.services.now() >= expires:
        raise _refuse(messages.ACCESS_TOKEN_EXPIRED)
    origin = claims.get("origin_jti")
    grant = await store.load_grant(origin) if isinstance(origin, str) else None
    if isinstance(origin, str) and (grant is None or grant.revoked):
        raise _refuse(messages.ACCESS_TOKEN_REVOKED)
    scopes = str(claims.get("scope", "")).split()
    if needs_scope and ADMIN_SCOPE not in scopes:
        raise _refuse(messages.ACCESS_TOKEN_SCOPES)
    client = await store.load_client(str(claims.get("client_id")))
    if client is None or client.pool_id != pool.id:
        raise _refuse(messages.ACCESS_TOKEN_WRONG)
    user = await store.load_user(pool_id=pool.id, username=str(claims.get("username")))
    if user is None or user.sub != claims.get("sub"):  # another of the same name
        raise ApiError("UserNotFoundException", messages.USER_MISSING)
    if not user.enabled:
        raise _refuse(messages.USER_DISABLED)
    if user.status is UserStatus.RESET_REQUIRED:
        raise ApiError("PasswordResetRequiredException", messages.RESET_REQUIRED)
    return Caller(pool=pool, client=client, user=user, grant=grant)
