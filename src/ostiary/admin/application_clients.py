"""
Clients that are made for applications in a user pool: one for each, known by its `custom_id`.

Spec: portal §3.8 (external-oauth2); decision 0045.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from ostiary.admin import refusals
from ostiary.admin.entities import Entities
from ostiary.admin.rows import read_every
from ostiary.admin.shapes import Json
from ostiary.model.applications import Application
from ostiary.model.row import Row
from ostiary.ports.app_clients import AppClients, ClientsUnavailable
from ostiary.ports.config_store import ConfigReads

Find = Callable[[ConfigReads], Awaitable[Application]]
_LOG: Final = logging.getLogger("ostiary.admin")


def _need(clients: AppClients | None) -> AppClients:
    if clients is None:
        text = "no user pool makes clients here: see the setting portal_user_pool_id"
        raise refusals.say(404, text)
    return clients


def _check_same(before: Application, now: Application) -> None:
    """Whoever else has changed it meanwhile was first. Raises Refused."""
    if now != before:
        raise refusals.say(409, "the application was changed meanwhile")


async def make_client(
    clients: AppClients | None, entities: Entities, find: Find
) -> Json:
    """
    A new client for an application, in place of the one before; its secret is told this once.

    Raises:
        Refused: There is no pool, it does not do it, or the application has another client id.
    """
    pool = _need(clients)
    before = await find(entities.store)
    if before.custom_id is not None and not before.pool_client:
        text = "the application has a client id already: take custom_id away first"
        raise refusals.say(409, text)
    try:
        made = await pool.make(before.name)
    except ClientsUnavailable as error:
        text = f"the user pool makes no client: {error.reason}"
        raise refusals.say(503, text) from error
    new = before.model_copy(update={"custom_id": made.client_id, "pool_client": True})
    try:
        async with entities.writing() as write:
            _check_same(before, await find(write))
            await write.put(new)
    except BaseException:
        await forget_clients(pool, [new])
        raise
    await forget_clients(pool, [before])
    return {
        "client_id": made.client_id,
        "client_secret": made.client_secret,
        "client_type": "confidential",
        "application": {"id": before.id},
        "consumer": {"id": before.id},
    }


async def drop_client(
    clients: AppClients | None, entities: Entities, find: Find
) -> None:
    """
    Let an application's client go; tokens that it has pass no more.

    Raises:
        Refused: There is no pool, or no such application.
    """
    pool = _need(clients)
    async with entities.writing() as write:
        before = await find(write)
        if before.pool_client:
            gone = {"custom_id": None, "pool_client": False}
            await write.put(before.model_copy(update=gone))
    await forget_clients(pool, [before])


async def read_applications(reads: ConfigReads, developer: str) -> list[Row]:
    """The applications of a developer's id."""
    return await read_every(reads, "applications", {"developer": developer})


async def forget_clients(clients: AppClients | None, rows: Iterable[Row]) -> None:
    """Let the clients go that were made for applications; one that stays is named in the log."""
    for row in rows:
        if not isinstance(row, Application) or not row.pool_client or not row.custom_id:
            continue
        reason = "no user pool is configured"
        if clients is not None:
            try:
                await clients.drop(row.custom_id)
            except ClientsUnavailable as error:
                reason = error.reason
            else:
                continue
        _LOG.warning("the client %s stays in the user pool: %s", row.custom_id, reason)
