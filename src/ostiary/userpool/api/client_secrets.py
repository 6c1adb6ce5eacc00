"""
Operations on a client's secrets: two at a time, so that a change needs no moment without any.

A secret's value is told once, by the call that makes it.

Spec: cognito §1.1, §3.3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from ostiary.model.pool import PoolClient, SealedSecret
from ostiary.userpool import messages
from ostiary.userpool.api.caller import Call, Operations, Shape
from ostiary.userpool.api.clients import load_client, seal_secret
from ostiary.userpool.api.errors import ApiError, invalid
from ostiary.userpool.api.pools import load_pool, timestamp
from ostiary.userpool.api.records import missing
from ostiary.userpool.identifiers import new_client_secret

_AT_MOST: Final = 2
Given = Mapping[str, Any]  # Any: the SDK's types do not know these operations yet
Rule = Callable[[PoolClient], PoolClient]


def _describe(secret: SealedSecret) -> Shape:
    return {
        "ClientSecretId": secret.id,
        "ClientSecretCreateDate": timestamp(secret.created_at),
    }


async def _find(call: Call, given: Given) -> PoolClient:
    pool = await load_pool(call, given["UserPoolId"])
    return await load_client(call, pool, given["ClientId"])


async def _change(call: Call, client: PoolClient, rule: Rule) -> PoolClient:
    """Counting and changing in one transaction, so that two callers cannot add a third."""

    def change(before: PoolClient) -> tuple[PoolClient, PoolClient]:
        after = replace(rule(before), modified_at=call.services.now())
        return after, after

    changed = await call.services.config.store.change_client(client.id, change)
    if changed is None:
        raise missing(messages.CLIENT_MISSING.format(client.id))
    return changed


async def add_secret(call: Call, given: Given) -> Shape:
    """AddUserPoolClientSecret; a value that was made here is in the answer."""
    client = await _find(call, given)
    made = new_client_secret(call.services.config.entropy)
    value = given.get("ClientSecret") or made

    def add(before: PoolClient) -> PoolClient:
        if not before.secrets:
            raise invalid(messages.SECRET_OF_PUBLIC)
        if len(before.secrets) >= _AT_MOST:
            raise ApiError("LimitExceededException", messages.SECRETS_FULL)
        taken = [secret.id for secret in before.secrets]
        fresh = seal_secret(call, before.id, value, taken=taken)
        return replace(before, secrets=(*before.secrets, fresh))

    changed = await _change(call, client, add)
    shape = _describe(changed.secrets[-1])
    if value == made:
        shape["ClientSecretValue"] = made
    return {"ClientSecretDescriptor": shape}


async def list_secrets(call: Call, given: Given) -> Shape:
    """ListUserPoolClientSecrets, without their values."""
    client = await _find(call, given)
    return {"ClientSecrets": [_describe(secret) for secret in client.secrets]}


async def delete_secret(call: Call, given: Given) -> Shape:
    """DeleteUserPoolClientSecret: it counts no more; never the last one."""
    client = await _find(call, given)
    name = given["ClientSecretId"]

    def drop(before: PoolClient) -> PoolClient:
        kept = tuple(secret for secret in before.secrets if secret.id != name)
        if kept == before.secrets:
            raise missing(messages.SECRET_MISSING.format(name))
        if not kept:
            raise invalid(messages.SECRET_LAST)
        return replace(before, secrets=kept)

    await _change(call, client, drop)
    return {}


OPERATIONS: Final[Operations] = {
    "AddUserPoolClientSecret": add_secret,
    "ListUserPoolClientSecrets": list_secrets,
    "DeleteUserPoolClientSecret": delete_secret,
}
