"""
Scopes of resource servers: which of them there are.

A client keeps the name of a scope that was deleted from its server; tokens do not.

Spec: cognito §1.9.
"""

from __future__ import annotations

from typing import Final

from ostiary.model.pool import Pool, RecordKind
from ostiary.oidc.op.client import is_custom_scope
from ostiary.userpool.services import Services

_AT_MOST: Final = 1000


async def load_custom_scopes(services: Services, pool: Pool) -> frozenset[str]:
    """The scopes that the pool's resource servers have."""
    servers = await services.config.store.list_records(
        pool_id=pool.id, kind=RecordKind.RESOURCE_SERVER, limit=_AT_MOST
    )
    return frozenset(
        f"{server.name}/{scope['ScopeName']}"
        for server in servers
        for scope in server.value.get("Scopes") or ()
    )


async def keep_living(
    services: Services, pool: Pool, scopes: tuple[str, ...]
) -> tuple[str, ...]:
    """The scopes without those that their resource server no longer has."""
    if not any(map(is_custom_scope, scopes)):
        return scopes
    living = await load_custom_scopes(services, pool)
    return tuple(s for s in scopes if not is_custom_scope(s) or s in living)
