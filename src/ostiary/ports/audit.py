"""
Where the records of the audit log are kept, and how they are asked for.

Records of requests come one by one; those of rows are kept with the write that they are about,
see `ConfigWrites.note`. Neither is ever changed, and both go when their time is over.

Spec: gateway §1.17.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRecord:
    """One request to the Admin API; times in Unix seconds. No secret is in it."""

    request_id: str
    request_timestamp: int
    expires_at: int
    client_ip: str | None
    method: str
    path: str
    status: int
    workspace: str
    payload: str | None = field(default=None, repr=False)
    removed_from_payload: str | None = None
    rbac_user_id: str | None = None
    rbac_user_name: str | None = None
    request_source: str | None = None
    signature: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectRecord:
    """One row that came, changed or went; times in Unix seconds. No secret is in it."""

    id: str
    request_id: str
    request_timestamp: int
    expires_at: int
    dao_name: str
    entity_key: str
    operation: str
    entity: str = field(repr=False)
    removed_from_entity: str | None = None
    rbac_user_id: str | None = None
    signature: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """
    Which records: those with these values in their fields, from `after` on, before `before`.

    They come newest first, in the order in which they were kept; a page goes on behind the
    number that the one before ended with.
    """

    values: Mapping[str, str | int] = field(default_factory=dict)
    after: int | None = None
    before: int | None = None
    behind: int | None = None
    size: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Found(Generic[Record]):
    """A page of records, how many there are in all, and the number to go on behind, if any."""

    records: tuple[Record, ...]
    total: int
    behind: int | None = None


class AuditLog(Protocol):
    """The records of one configuration. Everything raises StoreUnavailable."""

    async def keep(self, record: RequestRecord) -> None:
        """Keep a record for good, and let some go whose time is over."""
        ...

    async def requests(self, search: Search, *, now: int) -> Found[RequestRecord]:
        """Records of requests whose time is not over."""
        ...

    async def objects(self, search: Search, *, now: int) -> Found[ObjectRecord]:
        """Records of rows whose time is not over."""
        ...
