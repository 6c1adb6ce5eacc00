"""Operations on pools."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ostiary.model.pool import Pool, RecordKind
from ostiary.model.pool_settings import MfaSettings, PoolSettings, PoolUpdate
from ostiary.ports.pool_store import AlreadyExists
from ostiary.userpool import messages
from ostiary.userpool.api.caller import Call, Operations, Shape, pool_arn
from ostiary.userpool.api.errors import (
    ApiError,
    check_line,
    invalid,
    pool_missing,
    read_settings,
)
from ostiary.userpool.api.paging import cut_page, read_page_token, with_token
from ostiary.userpool.api.schema import build_schema, check_schema
from ostiary.userpool.identifiers import new_pool_id
from ostiary.userpool.import_jobs import has_running_import
from ostiary.userpool.keys import issue_keys

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import type_defs as t

_CHOSEN_ID: Final = "_custom_id_"
_MIRRORED: Final = (
    ("EmailMessage", "EmailVerificationMessage"),
    ("EmailSubject", "EmailVerificationSubject"),
    ("SmsMessage", "SmsVerificationMessage"),
)


# What a pool without a policy of its own allows; shown, and not kept.
_USUAL_SIGN_IN: Final = {"AllowedFirstAuthFactors": ["PASSWORD"]}


def timestamp(at: float) -> float:
    """Epoch seconds with milliseconds, as the API writes times."""
    return round(at, 3)


def build_pool_shape(pool: Pool, *, users: int, has_providers: bool = False) -> Shape:
    """A pool as the API shows it."""
    settings = pool.settings.to_wire()
    settings.pop("Schema", None)
    settings["Policies"].setdefault("SignInPolicy", _USUAL_SIGN_IN)
    template = settings["VerificationMessageTemplate"]
    for inner, outer in _MIRRORED:
        value = template.get(inner) or settings.get(outer)
        if value:
            template[inner] = settings[outer] = value
    shape: Shape = {
        "Id": pool.id,
        "Name": pool.name,
        "Arn": pool_arn(pool.id),
        "LambdaConfig": {},
        "LastModifiedDate": timestamp(pool.modified_at),
        "CreationDate": timestamp(pool.created_at),
        "SchemaAttributes": build_schema(pool.settings, has_providers=has_providers),
        "EstimatedNumberOfUsers": users,
        **settings,
    }
    if pool.domain is not None:
        shape["Domain"] = pool.domain
    if pool.custom_domain is not None:
        shape["CustomDomain"] = pool.custom_domain
    return shape


async def load_pool(call: Call, pool_id: str) -> Pool:
    """
    A pool of the caller's region.

    Raises:
        ApiError: There is none.
    """
    pool = await call.services.config.store.load_pool(pool_id)
    if pool is None or pool_id.partition("_")[0] != call.region:
        raise pool_missing(pool_id)
    return pool


async def refuse_during_import(call: Call, pool: Pool) -> None:
    """
    Refuse what may not happen while users are being imported.

    Raises:
        ApiError: UserImportInProgressException.
    """
    if await has_running_import(call.services, pool.id):
        raise ApiError("UserImportInProgressException", messages.IMPORT_RUNS)


def _choose_id(call: Call, settings: PoolSettings) -> str:
    chosen = settings.UserPoolTags.get(_CHOSEN_ID)
    if chosen is None:
        return new_pool_id(call.services.config.entropy, call.region)
    if not re.fullmatch(rf"{re.escape(call.region)}_[0-9a-zA-Z]{{1,20}}", chosen):
        raise invalid(messages.POOL_ID_WRONG.format(call.region))
    return chosen


def _settle_mfa(settings: PoolUpdate, mfa: MfaSettings) -> MfaSettings:
    """
    The factors of a pool with these settings: short messages, where nothing else was chosen.

    Raises:
        ApiError: Factors are asked for, and there is none.
    """
    if settings.MfaConfiguration == "OFF" or mfa.has_factors:
        return mfa
    if settings.SmsConfiguration is None:
        raise invalid(messages.MFA_NEEDS_SMS)
    sms = {"SmsConfiguration": settings.SmsConfiguration.to_wire()}
    return mfa.model_copy(update={"SmsMfaConfiguration": sms})


async def create_pool(call: Call, given: t.CreateUserPoolRequestTypeDef) -> Shape:
    """CreateUserPool."""
    settings = read_settings(PoolSettings, given, "PoolName")
    if settings.AliasAttributes and settings.UsernameAttributes:
        raise invalid(messages.ALIAS_AND_USERNAME)
    check_schema(settings)
    config, now = call.services.config, call.services.now()
    pool = Pool(
        id=_choose_id(call, settings),
        name=check_line("PoolName", given["PoolName"]),
        settings=settings,
        created_at=now,
        modified_at=now,
        mfa=_settle_mfa(settings, MfaSettings()),
    )
    keys = await issue_keys(
        pool.id,
        vault=call.services.vault,
        entropy=config.entropy,
        make_key=config.make_key,
    )
    try:
        await config.store.add_pool(pool, keys)
    except AlreadyExists as error:
        raise invalid(messages.POOL_EXISTS.format(pool.id)) from error
    return {"UserPool": build_pool_shape(pool, users=0)}


async def describe_pool(call: Call, given: t.DescribeUserPoolRequestTypeDef) -> Shape:
    """DescribeUserPool."""
    pool = await load_pool(call, given["UserPoolId"])
    store = call.services.config.store
    users = await store.count_users(pool.id)
    providers = await store.list_records(
        pool_id=pool.id, kind=RecordKind.IDENTITY_PROVIDER, limit=1
    )
    shape = build_pool_shape(pool, users=users, has_providers=bool(providers))
    return {"UserPool": shape}


async def update_pool(call: Call, given: t.UpdateUserPoolRequestTypeDef) -> Shape:
    """UpdateUserPool: what is left out reverts to its default."""
    pool = await load_pool(call, given["UserPoolId"])
    await refuse_during_import(call, pool)
    changed = read_settings(PoolUpdate, given, "UserPoolId", "PoolName")
    settings = pool.settings.model_copy(
        update={name: getattr(changed, name) for name in PoolUpdate.model_fields}
    )
    await call.services.config.store.save_pool(
        replace(
            pool,
            name=check_line("PoolName", given.get("PoolName") or pool.name),
            settings=settings,
            mfa=_settle_mfa(settings, pool.mfa),
            modified_at=call.services.now(),
        )
    )
    return {}


async def list_pools(call: Call, given: t.ListUserPoolsRequestTypeDef) -> Shape:
    """ListUserPools, of the caller's region."""
    purpose, size = f"pools {call.region}", given["MaxResults"]
    found = await call.services.config.store.list_pools(
        region=call.region,
        after=read_page_token(call, given.get("NextToken"), purpose=purpose),
        limit=size + 1,
    )
    page, token = cut_page(call, found, size, purpose=purpose, name_of=lambda p: p.id)
    shown = [
        {
            "Id": pool.id,
            "Name": pool.name,
            "LambdaConfig": {},
            "LastModifiedDate": timestamp(pool.modified_at),
            "CreationDate": timestamp(pool.created_at),
        }
        for pool in page
    ]
    return with_token({"UserPools": shown}, token)


async def delete_pool(call: Call, given: t.DeleteUserPoolRequestTypeDef) -> Shape:
    """DeleteUserPool, with all that it holds."""
    pool = await load_pool(call, given["UserPoolId"])
    if pool.domain is not None or pool.custom_domain is not None:
        raise invalid(messages.POOL_HAS_DOMAIN)
    if pool.settings.DeletionProtection == "ACTIVE":
        raise invalid(messages.POOL_PROTECTED)
    await refuse_during_import(call, pool)
    await call.services.config.store.delete_pool(pool.id)
    call.services.key_ring.forget(pool.id)
    return {}


OPERATIONS: Final[Operations] = {
    "CreateUserPool": create_pool,
    "DescribeUserPool": describe_pool,
    "UpdateUserPool": update_pool,
    "ListUserPools": list_pools,
    "DeleteUserPool": delete_pool,
}
