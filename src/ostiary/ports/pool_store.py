"""
Where user pools live.

A look-up that finds nothing answers None. `rule` arguments are pure functions applied inside
one write transaction, so that counting and deciding cannot be raced.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from ostiary.model.pool import (
    Attempts,
    AuthorizationCode,
    ChallengeUse,
    CodeKind,
    Grant,
    HostedSession,
    MailedCode,
    Pool,
    PoolClient,
    PoolDomain,
    Record,
    RecordKind,
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


class NotADump(StoreError):
    """What is to be restored was not made by `dump`; nothing was changed."""

    code = "not_a_dump"


class AlreadyExists(StoreError):
    """Something with the same unique name is there already."""

    code = "already_exists"


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenCode:
    """An authorization code and its grant. `first` is true for exactly one taker."""

    code: AuthorizationCode
    grant: Grant
    first: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFilter:
    """
    Which users a listing is about.

    `field` is an attribute's name, or one of `username`, `status`, `cognito:user_status`.
    """

    field: str
    value: str
    is_prefix: bool


class PoolStore(Protocol):
    """Pools and all they hold. Every method may raise StoreUnavailable."""

    async def ping(self) -> None: ...

    async def add_pool(self, pool: Pool, keys: tuple[SealedKey, ...]) -> None: ...
    async def save_pool(self, pool: Pool) -> None: ...
    async def delete_pool(self, pool_id: str) -> None: ...
    async def load_pool(self, pool_id: str) -> Pool | None: ...
    async def list_pools(
        self, *, region: str, after: str, limit: int
    ) -> tuple[Pool, ...]: ...
    async def replace_keys(self, pool_id: str, keys: tuple[SealedKey, ...]) -> None: ...
    async def load_keys(self, pool_id: str) -> tuple[SealedKey, ...]: ...

    async def add_client(self, client: PoolClient) -> None: ...
    async def change_client(
        self, client_id: str, rule: Callable[[PoolClient], tuple[PoolClient, T]]
    ) -> T | None:
        """Save what the rule makes of a client; None when there is none."""
        ...

    async def delete_client(self, client: PoolClient) -> None:
        """Forget a client, its records, and all grants made for it."""
        ...

    async def load_client(self, client_id: str) -> PoolClient | None: ...
    async def list_clients(
        self, *, pool_id: str, after: str, limit: int
    ) -> tuple[PoolClient, ...]: ...

    async def add_domain(self, domain: PoolDomain) -> None:
        """Raises AlreadyExists when the name is taken or the pool has one of its kind."""
        ...

    async def save_domain(self, domain: PoolDomain) -> None: ...
    async def delete_domain(self, prefix: str) -> None: ...
    async def load_domain(self, prefix: str) -> PoolDomain | None: ...

    async def add_record(self, record: Record) -> None:
        """Raises AlreadyExists when the pool has one of this kind, owner and name."""
        ...

    async def save_record(self, record: Record) -> None:
        """Put a record in place of the one of this kind, owner and name, or beside the others."""
        ...

    async def load_record(
        self, *, pool_id: str, kind: RecordKind, name: str, owner: str = ""
    ) -> Record | None: ...
    async def delete_record(
        self, *, pool_id: str, kind: RecordKind, name: str, owner: str = ""
    ) -> bool:
        """Tell whether there was one."""
        ...

    async def delete_records(
        self,
        *,
        pool_id: str,
        kind: RecordKind,
        owner: str | None = None,
        name: str | None = None,
    ) -> None:
        """Forget all of a kind with this owner, or this name."""
        ...

    async def list_records(
        self,
        *,
        pool_id: str,
        kind: RecordKind,
        owner: str | None = None,
        name: str | None = None,
        after: str = "",
        limit: int,
    ) -> tuple[Record, ...]:
        """
        Records of a kind after a name, by name; with `name`, after an owner, by owner.

        Args:
            owner: Only this one's; None for all.
            name: Only with this name.
        """
        ...

    async def add_user(self, user: User) -> None:
        """Raises AlreadyExists when username, login key or an alias is taken."""
        ...

    async def save_user(self, user: User) -> None:
        """Replace all but the username. Raises AlreadyExists as `add_user`."""
        ...

    async def change_user(
        self, *, pool_id: str, username: str, rule: Callable[[User], tuple[User, T]]
    ) -> T | None:
        """Save what the rule makes of a user; None when there is none."""
        ...

    async def delete_user(self, *, pool_id: str, username: str) -> bool:
        """Forget a user, what they own, and every grant; tell whether there was one."""
        ...

    async def load_user(self, *, pool_id: str, username: str) -> User | None: ...
    async def find_user(self, *, pool_id: str, login_key: str) -> User | None:
        """The user who signs in with this: a login key or an alias."""
        ...

    async def list_users(
        self,
        *,
        pool_id: str,
        after: str,
        limit: int,
        where: UserFilter | None = None,
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
    async def revoke_grants(self, *, pool_id: str, username: str) -> None:
        """End every grant of a user."""
        ...

    async def take_code(self, code_hash: str) -> TakenCode | None:
        """Use up a code. Of any number of takers, one sees `first`."""
        ...

    async def add_refresh_token(self, token: RefreshToken) -> None: ...
    async def load_refresh_token(self, token_hash: str) -> RefreshToken | None: ...
    async def rotate_refresh_token(
        self, token_hash: str, fresh: RefreshToken, *, now: float, grace_s: float
    ) -> bool:
        """
        Add another token in place of one, and tell whether that was done.

        Of any number of callers one marks the old token as rotated. The others may still add
        theirs within the grace period, and do nothing after it.
        """
        ...

    async def use_challenge(
        self,
        id_hash: str,
        *,
        expires_at: float,
        rule: Callable[[ChallengeUse], tuple[ChallengeUse, T]],
    ) -> T:
        """Count an answer to a challenge; forgotten some time after it expires."""
        ...

    async def load_challenge(self, id_hash: str) -> ChallengeUse:
        """How a challenge stands, without using it; one that nobody has used stands as a new one."""
        ...

    async def add_hosted_session(self, session: HostedSession) -> None: ...
    async def load_hosted_session(self, id_hash: str) -> HostedSession | None: ...
    async def delete_hosted_session(self, id_hash: str) -> None: ...

    async def dump(self) -> dict[str, Any]:  # Any: JSON
        """Everything there is, as JSON."""
        ...

    async def restore(self, data: Mapping[str, Any]) -> None:  # Any: JSON
        """
        Let there be what `dump` said and nothing else; of an empty object, nothing.

        Raises:
            NotADump: Nothing is changed then.
        """
        ...

    async def delete_expired(self, now: float) -> None:
        """Forget codes, tokens and sessions that ended more than a day ago."""
        ...
