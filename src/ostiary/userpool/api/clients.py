"""Operations on app clients."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Final

from ostiary.model.pool import Pool, PoolClient, SealedSecret
from ostiary.model.pool_settings import (
    ClientSettings,
)
from ostiary.userpool import messages
from ostiary.userpool.api.caller import Call, Operations, Shape
from ostiary.userpool.api.client_rules import check_client, load_known
from ostiary.userpool.api.errors import check_line, read_settings
from ostiary.userpool.api.paging import cut_page, read_page_token, with_token
from ostiary.userpool.api.pools import load_pool, timestamp
from ostiary.userpool.api.records import missing
from ostiary.userpool.identifiers import new_client_id, new_client_secret
from ostiary.userpool.services import client_secret_purpose, client_secrets

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import type_defs as t

_USUAL_PAGE: Final = 60


def seal_secret(
    call: Call, client_id: str, secret: str, *, taken: Collection[str]
) -> SealedSecret:
    """
    A client's secret of now, sealed.

    Args:
        taken: The names of its other secrets, which hold the second they were made in.
    """
    now, vault = call.services.now(), call.services.vault
    name = next(
        name
        for second in count(int(now))
        if (name := f"{client_id}--{second}") not in taken
    )
    purpose = client_secret_purpose(client_id)
    sealed = vault.seal(secret.encode(), purpose=purpose)
    return SealedSecret(id=name, created_at=now, sealed=sealed)


def build_client_shape(call: Call, client: PoolClient) -> Shape:
    """A client as the API shows it, with the older one of two secrets."""
    shape: Shape = {
        "UserPoolId": client.pool_id,
        "ClientName": client.name,
        "ClientId": client.id,
        "LastModifiedDate": timestamp(client.modified_at),
        "CreationDate": timestamp(client.created_at),
        **client.settings.to_wire(),
    }
    secrets = client_secrets(client, call.services.vault)
    return {**shape, "ClientSecret": secrets[0]} if secrets else shape


async def load_client(call: Call, pool: Pool, client_id: str) -> PoolClient:
    """
    A client of this pool.

    Raises:
        ApiError: There is none.
    """
    client = await call.services.config.store.load_client(client_id)
    if client is None or client.pool_id != pool.id:
        raise missing(messages.CLIENT_MISSING.format(client_id))
    return client


async def create_client(
    call: Call,
    given: t.CreateUserPoolClientRequestTypeDef,
    *,
    client_id: str | None = None,
) -> Shape:
    """
    CreateUserPoolClient.

    Args:
        client_id: One of the caller's choice, in process only.

    Raises:
        AlreadyExists: That one is taken.
    """
    pool = await load_pool(call, given["UserPoolId"])
    config, now = call.services.config, call.services.now()
    secret = given.get("ClientSecret") or (
        new_client_secret(config.entropy) if given.get("GenerateSecret") else None
    )
    settings = read_settings(
        ClientSettings,
        given,
        "UserPoolId",
        "ClientName",
        "GenerateSecret",
        "ClientSecret",
    )
    known = await load_known(call, pool, settings)
    check_client(pool, settings, known, has_secret=secret is not None)
    client_id = client_id or new_client_id(config.entropy)
    sealed = seal_secret(call, client_id, secret, taken=()) if secret else None
    client = PoolClient(
        id=client_id,
        pool_id=pool.id,
        name=check_line("ClientName", given["ClientName"]),
        settings=settings,
        secrets=(sealed,) if sealed else (),
        created_at=now,
        modified_at=now,
    )
    await config.store.add_client(client)
    return {"UserPoolClient": build_client_shape(call, client)}


async def describe_client(
    call: Call, given: t.DescribeUserPoolClientRequestTypeDef
) -> Shape:
    """DescribeUserPoolClient."""
    pool = await load_pool(call, given["UserPoolId"])
    client = await load_client(call, pool, given["ClientId"])
    return {"UserPoolClient": build_client_shape(call, client)}


async def update_client(
    call: Call, given: t.UpdateUserPoolClientRequestTypeDef
) -> Shape:
    """UpdateUserPoolClient: what is left out reverts to its default."""
    pool = await load_pool(call, given["UserPoolId"])
    client = await load_client(call, pool, given["ClientId"])
    settings = read_settings(
        ClientSettings, given, "UserPoolId", "ClientId", "ClientName"
    )
    known = await load_known(call, pool, settings)
    check_client(pool, settings, known, has_secret=bool(client.secrets))
    name = check_line("ClientName", given.get("ClientName") or client.name)
    now = call.services.now()

    def change(before: PoolClient) -> tuple[PoolClient, PoolClient]:
        after = replace(before, name=name, settings=settings, modified_at=now)
        return after, after

    changed = await call.services.config.store.change_client(client.id, change)
    if changed is None:
        raise missing(messages.CLIENT_MISSING.format(client.id))
    return {"UserPoolClient": build_client_shape(call, changed)}


async def delete_client(
    call: Call, given: t.DeleteUserPoolClientRequestTypeDef
) -> Shape:
    """DeleteUserPoolClient, with what was signed in through it."""
    pool = await load_pool(call, given["UserPoolId"])
    client = await load_client(call, pool, given["ClientId"])
    await call.services.config.store.delete_client(client)
    return {}


async def list_clients(call: Call, given: t.ListUserPoolClientsRequestTypeDef) -> Shape:
    """ListUserPoolClients; nobody registers clients dynamically here."""
    pool = await load_pool(call, given["UserPoolId"])
    if given.get("ClientType") == "DCR":
        return {"UserPoolClients": []}
    size, purpose = given.get("MaxResults") or _USUAL_PAGE, f"clients {pool.id}"
    found = await call.services.config.store.list_clients(
        pool_id=pool.id,
        after=read_page_token(call, given.get("NextToken"), purpose=purpose),
        limit=size + 1,
    )
    page, token = cut_page(call, found, size, purpose=purpose, name_of=lambda c: c.id)
    shown = [
        {"ClientId": c.id, "UserPoolId": pool.id, "ClientName": c.name} for c in page
    ]
    return with_token({"UserPoolClients": shown}, token)


OPERATIONS: Final[Operations] = {
    "CreateUserPoolClient": create_client,
    "DescribeUserPoolClient": describe_client,
    "UpdateUserPoolClient": update_client,
    "DeleteUserPoolClient": delete_client,
    "ListUserPoolClients": list_clients,
}
