"""What the API keeps as records: made, found or missed, listed in pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from ostiary.model.pool import Pool, Record, RecordKind
from ostiary.userpool.api.caller import Call
from ostiary.userpool.api.errors import ApiError
from ostiary.userpool.api.paging import cut_page, read_page_token

USUAL_PAGE: Final = 60
Value = Mapping[str, Any]  # Any: JSON


def missing(text: str) -> ApiError:
    """A ResourceNotFoundException."""
    return ApiError("ResourceNotFoundException", text)


def new_record(
    call: Call,
    pool: Pool,
    kind: RecordKind,
    value: Value,
    *,
    name: str,
    owner: str = "",
) -> Record:
    """A record of now, not stored yet."""
    now = call.services.now()
    return Record(
        pool_id=pool.id,
        kind=kind,
        owner=owner,
        name=name,
        value=value,
        created_at=now,
        modified_at=now,
    )


def change_record(call: Call, record: Record, value: Value) -> Record:
    """A record with another value, changed now."""
    return replace(record, value=value, modified_at=call.services.now())


def pick(given: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The members of an input that are there."""
    return {name: given[name] for name in names if name in given}


async def load_kept(
    call: Call, pool: Pool, kind: RecordKind, *, name: str, owner: str = "", text: str
) -> Record:
    """
    A record.

    Args:
        text: What to say when there is none.

    Raises:
        ApiError: ResourceNotFoundException.
    """
    found = await call.services.config.store.load_record(
        pool_id=pool.id, kind=kind, name=name, owner=owner
    )
    if found is None:
        raise missing(text)
    return found


async def find_named(
    call: Call, pool: Pool, kind: RecordKind, *, name: str, text: str
) -> Record:
    """
    A record by its name, whoever owns it.

    Raises:
        ApiError: ResourceNotFoundException.
    """
    found = await call.services.config.store.list_records(
        pool_id=pool.id, kind=kind, name=name, limit=1
    )
    if not found:
        raise missing(text)
    return found[0]


async def list_kept(
    call: Call,
    pool: Pool,
    kind: RecordKind,
    *,
    owner: str | None = None,
    name: str | None = None,
    size: int | None,
    token: str | None,
) -> tuple[list[Record], str | None]:
    """
    A page of records by name (with `name`: by owner), and the token of the next page.

    Args:
        size: As the caller asks for; nothing and 0 stand for 60.
        token: The caller's page token.

    Raises:
        ApiError: The token is none of this listing.
    """
    purpose = f"{kind.value} {owner} {name} of {pool.id}"
    wanted = size or USUAL_PAGE
    found = await call.services.config.store.list_records(
        pool_id=pool.id,
        kind=kind,
        owner=owner,
        name=name,
        after=read_page_token(call, token, purpose=purpose),
        limit=wanted + 1,
    )
    by: Callable[[Record], str] = (
        (lambda record: record.name) if name is None else (lambda record: record.owner)
    )
    page, following = cut_page(call, found, wanted, purpose=purpose, name_of=by)
    return list(page), following
