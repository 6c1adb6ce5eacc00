"""Where passkeys are: records of their users, and a count among the user's factors."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Final

from ostiary.model.pool import Pool, Record, RecordKind, User
from ostiary.userpool.auth.passkeys import CHALLENGE_BYTES, Passkey, read_passkey
from ostiary.userpool.services import Services

MAX_PASSKEYS: Final = 20
REGISTRATION_S: Final = 300
_WAITING: Final = "registration"


async def load_passkeys(
    services: Services, pool: Pool, username: str
) -> tuple[Passkey, ...]:
    """A user's passkeys, by id."""
    found = await services.config.store.list_records(
        pool_id=pool.id, kind=RecordKind.PASSKEY, owner=username, limit=MAX_PASSKEYS
    )
    return tuple(map(read_passkey, found))


async def begin_registration(services: Services, pool: Pool, user: User) -> bytes:
    """A challenge for a new passkey, which ends an earlier one."""
    challenge, now = services.config.entropy.bytes(CHALLENGE_BYTES), services.now()
    await services.config.store.save_record(
        Record(
            pool_id=pool.id,
            kind=RecordKind.WAITING,
            owner=user.username,
            name=_WAITING,
            value={"challenge": base64.b64encode(challenge).decode("ascii")},
            created_at=now,
            modified_at=now,
        )
    )
    return challenge


async def take_registration(services: Services, pool: Pool, user: User) -> bytes | None:
    """The challenge of a registration that was begun, used up; None where there is none."""
    store, which = services.config.store, {"pool_id": pool.id, "owner": user.username}
    found = await store.load_record(kind=RecordKind.WAITING, name=_WAITING, **which)
    gone = await store.delete_record(kind=RecordKind.WAITING, name=_WAITING, **which)
    if found is None or not gone:
        return None
    if services.now() >= found.created_at + REGISTRATION_S:
        return None
    return base64.b64decode(str(found.value["challenge"]))


async def add_passkey(
    services: Services, pool: Pool, user: User, passkey: Passkey
) -> None:
    """
    Keep a new passkey.

    Raises:
        AlreadyExists: This user has it already.
    """
    await services.config.store.add_record(_record(pool, user, passkey))
    await _count(services, pool, user, 1)


async def save_passkey(
    services: Services, pool: Pool, user: User, passkey: Passkey
) -> None:
    """Keep a passkey's new counter."""
    await services.config.store.save_record(_record(pool, user, passkey))


async def delete_passkey(services: Services, pool: Pool, user: User, key: str) -> bool:
    """Forget a passkey; tell whether there was one."""
    gone = await services.config.store.delete_record(
        pool_id=pool.id, kind=RecordKind.PASSKEY, owner=user.username, name=key
    )
    if gone:
        await _count(services, pool, user, -1)
    return gone


def _record(pool: Pool, user: User, passkey: Passkey) -> Record:
    return Record(
        pool_id=pool.id,
        kind=RecordKind.PASSKEY,
        owner=user.username,
        name=passkey.id,
        value=passkey.to_value(),
        created_at=passkey.created_at,
        modified_at=passkey.created_at,
    )


async def _count(services: Services, pool: Pool, user: User, change: int) -> None:
    def rule(current: User) -> tuple[User, None]:
        count = max(current.factors.passkeys + change, 0)
        return replace(current, factors=replace(current.factors, passkeys=count)), None

    await services.config.store.change_user(
        pool_id=pool.id, username=user.username, rule=rule
    )
