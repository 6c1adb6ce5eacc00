"""What every handler works with, made once per app."""

from __future__ import annotations

from dataclasses import dataclass, field

from ostiary.model.pool import Pool, PoolClient
from ostiary.oidc.op.client import Client
from ostiary.userpool.config import UserPoolConfig
from ostiary.userpool.errands import Errands
from ostiary.userpool.identifiers import new_code
from ostiary.userpool.keys import KeyRing, Vault
from ostiary.userpool.strangers import Strangers
from ostiary.userpool.turns import Turns


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The configuration, the vault and the opened keys."""

    config: UserPoolConfig
    vault: Vault
    key_ring: KeyRing
    errands: Errands = field(default_factory=Errands, repr=False)
    strangers: Strangers = field(default_factory=Strangers, repr=False)
    turns: Turns = field(default_factory=Turns, repr=False)

    def now(self) -> float:
        return self.config.clock.now()


def issue_code(services: Services, digits: int = 6) -> str:
    """A code to be sent: chance's, unless a test wants a certain one."""
    testing = services.config.testing
    pinned = testing.take_code(digits) if testing is not None else None
    return pinned or new_code(services.config.entropy, digits)


def build_services(config: UserPoolConfig) -> Services:
    """The services of one app."""
    vault = Vault(config.database_key, config.entropy)
    return Services(
        config=config,
        vault=vault,
        key_ring=KeyRing(store=config.store, vault=vault),
    )


def client_secrets(client: PoolClient, vault: Vault) -> tuple[str, ...]:
    """A client's live secrets, opened, the oldest first; a public client has none."""
    purpose = client_secret_purpose(client.id)
    return tuple(
        vault.unseal(secret.sealed, purpose=purpose).decode()
        for secret in client.secrets
    )


def client_secret_purpose(client_id: str) -> str:
    """What the seals of a client's secrets are bound to."""
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
        secrets=client_secrets(client, vault),
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
