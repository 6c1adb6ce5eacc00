"""What every handler works with, made once per app."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

from ostiary.model.pool import Pool, PoolClient
from ostiary.oidc.op.client import Client
from ostiary.userpool.config import UserPoolConfig
from ostiary.userpool.errands import Errands
from ostiary.userpool.keys import KeyRing, Vault
from ostiary.userpool.strangers import Strangers
from ostiary.userpool.turns import Turns

# A hash takes 46 MiB; more at once would starve the machine, not the guesser.
_HASHES_AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The configuration, the vault and the opened keys."""

    config: UserPoolConfig
    vault: Vault
    key_ring: KeyRing
    hashing: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(_HASHES_AT_ONCE), repr=False
    )

    errands: Errands = field(default_factory=Errands, repr=False)
    strangers: Strangers = field(default_factory=Strangers, repr=False)
    turns: Turns = field(default_factory=Turns, repr=False)

    def now(self) -> float:
        return self.config.clock.now()


def build_services(config: UserPoolConfig) -> Services:
    """The services of one app."""
    vault = Vault(config.database_key, config.entropy)
    return Services(
        config=config,
        vault=vault,
        key_ring=KeyRing(store=config.store, vault=vault),
    )


def client_secret(client: PoolClient, vault: Vault) -> str | None:
    """A confidential client's secret, opened."""
    if client.sealed_secret is None:
        return None
    purpose = client_secret_purpose(client.id)
    return vault.unseal(client.sealed_secret, purpose=purpose).decode()


def client_secret_purpose(client_id: str) -> str:
    """What the seal of a client's secret is bound to."""
    return f"client secret of {client_id}"


def build_client(client: PoolClient, vault: Vault) -> Client:
    """A client as the protocol's rules see it."""
    settings = client.settings
    may_flow = settings.AllowedOAuthFlowsUserPoolClient
    return Client(
        id=client.id,
        redirect_uris=settings.CallbackURLs or (),
        default_redirect_uri=settings.DefaultRedirectURI,
        logout_uris=settings.LogoutURLs or (),
        scopes=settings.AllowedOAuthScopes or (),
        flows=frozenset(settings.AllowedOAuthFlows or ()) if may_flow else frozenset(),
        secret=client_secret(client, vault),
    )


async def load_clients(
    services: Services, pool: Pool, client_id: str | None
) -> tuple[PoolClient, Client] | None:
    """A client of this pool, stored and as the rules see it."""
    if client_id is None:
        return None
    stored = await services.config.store.load_client(client_id)
    if stored is None or stored.pool_id != pool.id:
        return None
    return stored, build_client(stored, services.vault)
