"""Operations on pools and their domains."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from ostiary.model.pool import Pool, PoolDomain
from ostiary.model.pool_settings import PoolSettings
from ostiary.ports.pool_store import AlreadyExists
from ostiary.userpool import messages
from ostiary.userpool.api import inputs
from ostiary.userpool.api.caller import ACCOUNT, Call, pool_arn
from ostiary.userpool.api.errors import invalid, pool_missing
from ostiary.userpool.api.paging import build_page_token, read_page_token
from ostiary.userpool.api.schema import build_schema, check_schema
from ostiary.userpool.identifiers import new_pool_id
from ostiary.userpool.keys import issue_keys

Shape = dict[str, Any]  # Any: JSON
_RESERVED: Final = ("aws", "amazon", "cognito")
_MIRRORED: Final = (
    ("EmailMessage", "EmailVerificationMessage"),
    ("EmailSubject", "EmailVerificationSubject"),
    ("SmsMessage", "SmsVerificationMessage"),
)


def timestamp(at: float) -> float:
    """Epoch seconds with milliseconds, as the API writes times."""
    return round(at, 3)


def build_pool_shape(pool: Pool, *, users: int) -> Shape:
    """A pool as the API shows it."""
    settings = pool.settings.to_wire()
    settings.pop("Schema", None)
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
        "SchemaAttributes": build_schema(pool.settings),
        "EstimatedNumberOfUsers": users,
        **settings,
    }
    if pool.domain is not None:
        shape["Domain"] = pool.domain
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


async def create_pool(call: Call, given: inputs.CreateUserPool) -> Shape:
    """CreateUserPool."""
    settings = PoolSettings.model_validate(
        given.model_dump(include=set(inputs.POOL_FIELDS), exclude_unset=True)
    )
    check_schema(settings)
    config, now = call.services.config, call.services.now()
    pool = Pool(
        id=new_pool_id(config.entropy, call.region),
        name=given.PoolName,
        settings=settings,
        created_at=now,
        modified_at=now,
    )
    keys = await issue_keys(pool.id, vault=call.services.vault, entropy=config.entropy)
    await config.store.add_pool(pool, keys)
    return {"UserPool": build_pool_shape(pool, users=0)}


async def describe_pool(call: Call, given: inputs.DescribeUserPool) -> Shape:
    """DescribeUserPool."""
    pool = await load_pool(call, given.UserPoolId)
    users = await call.services.config.store.count_users(pool.id)
    return {"UserPool": build_pool_shape(pool, users=users)}


async def update_pool(call: Call, given: inputs.UpdateUserPool) -> Shape:
    """UpdateUserPool: what is left out reverts to its default."""
    pool = await load_pool(call, given.UserPoolId)
    fixed = pool.settings.model_dump(
        include={"UsernameAttributes", "UsernameConfiguration", "Schema"},
        exclude_unset=True,
    )
    changed = given.model_dump(exclude={"UserPoolId", "PoolName"}, exclude_unset=True)
    await call.services.config.store.save_pool(
        replace(
            pool,
            name=given.PoolName or pool.name,
            settings=PoolSettings.model_validate({**fixed, **changed}),
            modified_at=call.services.now(),
        )
    )
    return {}


async def list_pools(call: Call, given: inputs.ListUserPools) -> Shape:
    """ListUserPools, of the caller's region."""
    purpose = f"pools {call.region}"
    found = await call.services.config.store.list_pools(
        region=call.region,
        after=read_page_token(call, given.NextToken, purpose=purpose),
        limit=given.MaxResults + 1,
    )
    page = found[: given.MaxResults]
    shape: Shape = {
        "UserPools": [
            {
                "Id": pool.id,
                "Name": pool.name,
                "LambdaConfig": {},
                "LastModifiedDate": timestamp(pool.modified_at),
                "CreationDate": timestamp(pool.created_at),
            }
            for pool in page
        ]
    }
    if len(found) > len(page):
        shape["NextToken"] = build_page_token(call, page[-1].id, purpose=purpose)
    return shape


async def describe_domain(call: Call, given: inputs.DescribeUserPoolDomain) -> Shape:
    """DescribeUserPoolDomain: an empty description says that the prefix is free."""
    domain = await call.services.config.store.load_domain(given.Domain)
    if domain is None:
        return {"DomainDescription": {}}
    return {
        "DomainDescription": {
            "UserPoolId": domain.pool_id,
            "AWSAccountId": ACCOUNT,
            "Domain": domain.prefix,
            "S3Bucket": "aws-cognito-prod-pdx-assets",
            "CloudFrontDistribution": "d000000000000.cloudfront.net",
            "Version": "20190128175402",
            "Status": "ACTIVE",
            "CustomDomainConfig": {},
            "ManagedLoginVersion": domain.managed_login_version,
        }
    }


async def create_domain(call: Call, given: inputs.CreateUserPoolDomain) -> Shape:
    """CreateUserPoolDomain, for prefixes; it is active at once."""
    pool = await load_pool(call, given.UserPoolId)
    for word in _RESERVED:
        if word in given.Domain:
            raise invalid(messages.DOMAIN_RESERVED.format(word))
    store = call.services.config.store
    if await store.load_domain(given.Domain) is not None:
        raise invalid(messages.DOMAIN_TAKEN)
    if pool.domain is not None:
        raise invalid(messages.DOMAIN_SECOND)
    version = given.ManagedLoginVersion
    domain = PoolDomain(
        prefix=given.Domain,
        pool_id=pool.id,
        managed_login_version=version or 1,
        created_at=call.services.now(),
    )
    try:
        await store.add_domain(domain)
    except AlreadyExists as error:
        raise invalid(messages.DOMAIN_TAKEN) from error
    return {} if version is None else {"ManagedLoginVersion": version}
