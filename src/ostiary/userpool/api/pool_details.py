"""Operations on what belongs to a pool: tags, custom attributes, the signing certificate."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ostiary.jose.certificates import issue_certificate
from ostiary.model.pool import Pool
from ostiary.model.pool_settings import (
    STANDARD_ATTRIBUTES,
    PoolSettings,
    SchemaAttribute,
)
from ostiary.userpool import messages
from ostiary.userpool.api.caller import Call, Operations, Shape
from ostiary.userpool.api.errors import invalid, read_settings
from ostiary.userpool.api.pools import load_pool, refuse_during_import
from ostiary.userpool.api.schema import attribute_names, check_schema

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import type_defs as t

_ARN: Final = re.compile(r"arn:[\w-]+:cognito-idp:[\w-]+:[0-9]+:userpool/([\w-]+)")
_CERTIFICATE_DAYS: Final = 3650


async def _load_tagged(call: Call, arn: str) -> Pool:
    found = _ARN.fullmatch(arn)
    if found is None:
        raise invalid(messages.ARN_WRONG.format(arn))
    return await load_pool(call, found[1])


async def _save_settings(call: Call, pool: Pool, settings: PoolSettings) -> None:
    changed = replace(pool, settings=settings, modified_at=call.services.now())
    await call.services.config.store.save_pool(changed)


async def tag(call: Call, given: t.TagResourceRequestTypeDef) -> Shape:
    """TagResource: new tags beside the others, or in place of those with the same key."""
    pool = await _load_tagged(call, given["ResourceArn"])
    tags = {**pool.settings.UserPoolTags, **given["Tags"]}
    settings = pool.settings.model_copy(update={"UserPoolTags": tags})
    await _save_settings(call, pool, settings)
    return {}


async def untag(call: Call, given: t.UntagResourceRequestTypeDef) -> Shape:
    """UntagResource; keys that are not there are no error."""
    pool = await _load_tagged(call, given["ResourceArn"])
    kept = {
        key: value
        for key, value in pool.settings.UserPoolTags.items()
        if key not in given["TagKeys"]
    }
    settings = pool.settings.model_copy(update={"UserPoolTags": kept})
    await _save_settings(call, pool, settings)
    return {}


async def list_tags(call: Call, given: t.ListTagsForResourceRequestTypeDef) -> Shape:
    """ListTagsForResource."""
    pool = await _load_tagged(call, given["ResourceArn"])
    return {"Tags": pool.settings.UserPoolTags}


def _check_new(pool: Pool, added: tuple[SchemaAttribute, ...]) -> None:
    known = set(attribute_names(pool.settings))
    for attribute in added:
        # Standard and custom attributes share one list here, told apart by their names.
        if attribute.Name in STANDARD_ATTRIBUTES:
            raise invalid(messages.NOT_YET.format(f"custom:{attribute.Name}"))
        prefix = "dev:custom:" if attribute.DeveloperOnlyAttribute else "custom:"
        name = f"{prefix}{attribute.Name}"
        if name in known:
            raise invalid(messages.ATTRIBUTE_EXISTS.format(attribute.Name, name))
        known.add(name)


async def add_attributes(
    call: Call, given: t.AddCustomAttributesRequestTypeDef
) -> Shape:
    """AddCustomAttributes: all of them or none."""
    pool = await load_pool(call, given["UserPoolId"])
    await refuse_during_import(call, pool)
    wire = {"Schema": given["CustomAttributes"]}
    added = read_settings(PoolSettings, wire)
    _check_new(pool, added.Schema)
    check_schema(added)
    schema = (*pool.settings.Schema, *added.Schema)
    settings = pool.settings.model_copy(update={"Schema": schema})
    await _save_settings(call, pool, settings)
    return {}


async def get_certificate(
    call: Call, given: t.GetSigningCertificateRequestTypeDef
) -> Shape:
    """GetSigningCertificate: of the key that signs access tokens."""
    pool = await load_pool(call, given["UserPoolId"])
    keys = await call.services.key_ring.load(pool.id)
    certificate = issue_certificate(
        keys.access_key, pool.id, since=int(pool.created_at), days=_CERTIFICATE_DAYS
    )
    return {"Certificate": certificate}


OPERATIONS: Final[Operations] = {
    "TagResource": tag,
    "UntagResource": untag,
    "ListTagsForResource": list_tags,
    "AddCustomAttributes": add_attributes,
    "GetSigningCertificate": get_certificate,
}
