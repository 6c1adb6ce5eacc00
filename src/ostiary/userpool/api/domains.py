"""
Operations on domains: prefixes of ours, and whole names of the operator's own.

A name of one's own is served as soon as its DNS leads here; its certificate is the business of
whoever ends TLS, so the ARN is only kept.

Spec: cognito §1.1, §3.5, §3.14.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from ostiary.model.pool import CustomDomain, Pool, PoolDomain
from ostiary.ports.pool_store import AlreadyExists
from ostiary.userpool import messages
from ostiary.userpool.api.caller import ACCOUNT, Call, Operations, Shape
from ostiary.userpool.api.errors import invalid
from ostiary.userpool.api.pools import load_pool
from ostiary.userpool.api.records import missing
from ostiary.userpool.config import UserPoolConfig

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import type_defs as t

_RESERVED: Final = ("aws", "amazon", "cognito")
_CLOUD_FRONT: Final = "d000000000000.cloudfront.net"
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_VERSIONS: Final = frozenset({1, 2})
Given = Mapping[str, Any]  # Any: an input that the model has checked


def _describe(domain: PoolDomain) -> Shape:
    custom = domain.custom
    shown = {} if custom is None else {"CertificateArn": custom.certificate_arn}
    if custom is not None and custom.security_policy is not None:
        shown["SecurityPolicy"] = custom.security_policy
    return {
        "UserPoolId": domain.pool_id,
        "AWSAccountId": ACCOUNT,
        "Domain": domain.prefix,
        "S3Bucket": "aws-cognito-prod-pdx-assets",
        "CloudFrontDistribution": _CLOUD_FRONT,
        "Version": "20190128175402",
        "Status": "ACTIVE",
        "CustomDomainConfig": shown,
        "ManagedLoginVersion": domain.managed_login_version,
    }


def _read_custom(given: Given) -> CustomDomain | None:
    custom = given.get("CustomDomainConfig")
    if custom is None:
        return None
    return CustomDomain(
        certificate_arn=custom["CertificateArn"],
        security_policy=custom.get("SecurityPolicy"),
    )


def _read_version(given: Given, usual: int) -> int:
    version = given.get("ManagedLoginVersion")
    if version is not None and version not in _VERSIONS:
        raise invalid(messages.LOGIN_VERSION)
    if given.get("Routing"):
        raise invalid(messages.NOT_YET.format("Routing"))
    return version or usual


def _is_ours(name: str, config: UserPoolConfig) -> bool:
    """Whether a name leads to the site of all pools, or to another pool's prefix."""
    below = (f".{config.domain_suffix.lower()}", ".localhost")
    return f".{name}".endswith(below) or name == urlsplit(config.issuer_base).hostname


def check_name(name: str, config: UserPoolConfig, *, is_custom: bool) -> None:
    """
    See that a name may be a domain at all.

    Raises:
        ApiError: It may not.
    """
    if is_custom:
        is_ours = _is_ours(name, config)
        labels = name.split(".")
        if len(labels) == 1 or is_ours or not all(map(_LABEL.fullmatch, labels)):
            raise invalid(messages.DOMAIN_NOT_OWN)
        return
    if not _LABEL.fullmatch(name):
        raise invalid(messages.DOMAIN_PATTERN.format(name))
    for word in _RESERVED:
        if word in name:
            raise invalid(messages.DOMAIN_RESERVED.format(word))


def _answer(given: Given, domain: PoolDomain) -> Shape:
    shape: Shape = {}
    if given.get("ManagedLoginVersion") is not None:
        shape["ManagedLoginVersion"] = domain.managed_login_version
    if domain.custom is not None:
        shape["CloudFrontDomain"] = _CLOUD_FRONT
    return shape


async def describe_domain(
    call: Call, given: t.DescribeUserPoolDomainRequestTypeDef
) -> Shape:
    """DescribeUserPoolDomain: an empty description says that the name is free."""
    domain = await call.services.config.store.load_domain(given["Domain"])
    return {"DomainDescription": {} if domain is None else _describe(domain)}


async def create_domain(
    call: Call, given: t.CreateUserPoolDomainRequestTypeDef
) -> Shape:
    """CreateUserPoolDomain; it is active at once."""
    pool = await load_pool(call, given["UserPoolId"])
    config, custom, name = call.services.config, _read_custom(given), given["Domain"]
    version = _read_version(given, usual=1)
    check_name(name, config, is_custom=custom is not None)
    if await config.store.load_domain(name) is not None:
        raise invalid(messages.DOMAIN_TAKEN)
    if (pool.domain if custom is None else pool.custom_domain) is not None:
        raise invalid(messages.DOMAIN_SECOND)
    domain = PoolDomain(
        prefix=name,
        pool_id=pool.id,
        managed_login_version=version,
        created_at=call.services.now(),
        custom=custom,
    )
    try:
        await config.store.add_domain(domain)
    except AlreadyExists as error:
        raise invalid(messages.DOMAIN_TAKEN) from error
    return _answer(given, domain)


async def _load(call: Call, pool: Pool, name: str) -> PoolDomain:
    domain = await call.services.config.store.load_domain(name)
    if domain is None or domain.pool_id != pool.id:
        raise missing(messages.DOMAIN_MISSING.format(name, pool.id))
    return domain


async def update_domain(
    call: Call, given: t.UpdateUserPoolDomainRequestTypeDef
) -> Shape:
    """UpdateUserPoolDomain: the pages' version, or the certificate of a name of one's own."""
    pool = await load_pool(call, given["UserPoolId"])
    domain = await _load(call, pool, given["Domain"])
    custom = _read_custom(given)
    if custom is not None and domain.custom is None:
        raise invalid(messages.DOMAIN_NOT_CUSTOM)
    changed = replace(
        domain,
        managed_login_version=_read_version(given, usual=domain.managed_login_version),
        custom=custom or domain.custom,
    )
    await call.services.config.store.save_domain(changed)
    return _answer(given, changed)


async def delete_domain(
    call: Call, given: t.DeleteUserPoolDomainRequestTypeDef
) -> Shape:
    """DeleteUserPoolDomain: the name is free at once."""
    pool = await load_pool(call, given["UserPoolId"])
    domain = await _load(call, pool, given["Domain"])
    await call.services.config.store.delete_domain(domain.prefix)
    return {}


OPERATIONS: Final[Operations] = {
    "CreateUserPoolDomain": create_domain,
    "DescribeUserPoolDomain": describe_domain,
    "UpdateUserPoolDomain": update_domain,
    "DeleteUserPoolDomain": delete_domain,
}
