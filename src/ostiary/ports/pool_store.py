"""
Where user pools live.

A look-up that finds nothing answers None. `rule` arguments are pure functions applied inside
one write transaction, so that counting and deciding cannot be raced.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ostiary.model.pool import (
    Attempts,
    AuthorizationCode,
    CodeKind,
    Grant,
    HostedSession,
    MailedCode,
    Pool,
    PoolClient,
    PoolDomain,
    RefreshToken,
    SealedKey,
    User,
)

T = TypeVar("T")


class StoreError(Exception):
    """Root of what a store can say."""

    code = "store_error"


class StoreUnavailable(StoreError):
    """The store cannot answer now. Never to be read as "there is no such thing"."""

    code = "store_unavailable"


class AlreadyExists(StoreError):
    """Something with the same unique name is there already."""

    code = "already_exists"


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenCode:
    """An authorization code and its grant. `first` is true for exactly one taker."""

    code: AuthorizationCode
    grant: Grant
    first: bool


class PoolStore(Protocol):
    """Pools and all they hold. Every method may raise StoreUnavailable."""

    async def ping(self) -> None: ...

    async def add_pool(self, pool: Pool, keys: tuple[SealedKey, ...]) -> None: ...
    async def save_pool(self, pool: Pool) -> None: ...
    async def load_pool(self, pool_id: str) -> Pool | None: ...
    async def list_pools(
        self, *, region: str, after: str, limit: int
    ) -> tuple[Pool, ...]: ...
    async def load_keys(self, pool_id: str) -> tuple[SealedKey, ...]: ...

    async def add_client(self, client: PoolClient) -> None: ...
    async def save_client(self, client: PoolClient) -> None: ...
    async def load_client(self, client_id: str) -> PoolClient | None: ...
    async def list_clients(
        self, *, pool_id: str, after: str, limit: int
    ) -> tuple[PoolClient, ...]: ...

    async def add_domain(self, domain: PoolDomain) -> None:
        """Raises AlreadyExists when the prefix is taken or the pool has one."""
        ...

    async def load_domain(self, prefix: str) -> PoolDomain | None: ...

    async def add_user(self, user: User) -> None:
        """Raises AlreadyExists when username or login key is taken."""
        ...

    async def save_user(self, user: User) -> None:
        """Replace all but the names of a user. Raises AlreadyExists as `add_user`."""
        ...

    async def load_user(self, *, pool_id: str, username: str) -> User | None: ...
    async def find_user(self, *, pool_id: str, login_key: str) -> User | None: ...
    async def list_users(
        self, *, pool_id: str, after: str, limit: int
    ) -> tuple[User, ...]: ...
    async def count_users(self, pool_id: str) -> int: ...

    async def update_attempts(
        self,
        *,
        pool_id: str,
        username: str,
        rule: Callable[[Attempts], tuple[Attempts, T]],
    ) -> T: ...
    async def update_code(
        self,
        *,
        pool_id: str,
        username: str,
        kind: CodeKind,
        rule: Callable[[MailedCode], tuple[MailedCode, T]],
    ) -> T: ...

    async def add_grant(self, grant: Grant, code: AuthorizationCode | None) -> None: ...
    async def load_grant(self, grant_id: str) -> Grant | None: ...
    async def revoke_grant(self, grant_id: str) -> None: ...
    async def take_code(self, code_hash: str) -> TakenCode | None:
        """Use up a code. Of any number of takers, one sees `first`."""
        ...

    async def add_refresh_token(self, token: RefreshToken) -> None: ...
    async def load_refresh_token(self, token_hash: str) -> RefreshToken | None: ...

    async def add_hosted_session(self, session: HostedSession) -> None: ...
    async def load_hosted_session(self, id_hash: str) -> HostedSession | None: ...
    async def delete_hosted_session(self, id_hash: str) -> None: ...

    async def delete_expired(self, now: float) -> None:
        """Forget codes, tokens and sessions that ended more than a day ago."""
        ...
