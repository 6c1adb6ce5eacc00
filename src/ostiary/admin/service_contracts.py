"""
Contracts between applications and services: how they are shown, and what decides about them.

Spec: portal §§1.5, 1.7, 1.9, 3.8.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from ostiary.admin import refusals
from ostiary.admin.entities import Entities
from ostiary.admin.rows import read_every
from ostiary.admin.shapes import Json, show_row
from ostiary.model.applications import Application, ApplicationInstance
from ostiary.model.gateway import Plugin, Service
from ostiary.model.kinds import EVERY_KIND, KINDS
from ostiary.model.portal import APPROVED, PENDING, REJECTED, REVOKED, Developer
from ostiary.model.words import Problem
from ostiary.ports.config_store import ConfigReads, ConfigWrites

REGISTRATION: Final = "application-registration"
INSTANCES: Final = EVERY_KIND["application_instances"]

ContractEvent = Literal[
    "application-service-requested",
    "application-service-pending",
    "application-service-approved",
    "application-service-rejected",
    "application-service-revoked",
]
EVENTS: Final[Mapping[int, ContractEvent]] = {
    PENDING: "application-service-pending",
    APPROVED: "application-service-approved",
    REJECTED: "application-service-rejected",
    REVOKED: "application-service-revoked",
}


def show_instance(row: ApplicationInstance) -> Json:
    """A contract as JSON."""
    shown = show_row(row, INSTANCES)
    del shown["tags"], shown["held"]
    return {
        **shown,
        "suspended": row.suspended or row.held,
        "composite_id": row.composite_id,
    }


async def find_registration(reads: ConfigReads, service: str) -> Plugin | None:
    """The plugin that lets a service take applications, if it is there and switched on."""
    for row in await read_every(reads, "plugins", {"service": service}):
        if isinstance(row, Plugin) and row.name == REGISTRATION and row.enabled:
            return row
    return None


async def find_service(entities: Entities, reads: ConfigReads, said: object) -> Service:
    """
    The service that a body means: `{id}` or `{name}`, or one of both alone.

    Raises:
        Refused: It means none, or there is none.
    """
    named = said if isinstance(said, Mapping) else {"id": said}
    key = named.get("id") or named.get("name")
    if not isinstance(key, str) or not key:
        raise refusals.schema_violation([(("service",), "required field missing")])
    row = await entities.find(reads, KINDS["services"], key)
    if not isinstance(row, Service):
        problem: Problem = (("service",), "there is no such service")
        raise refusals.schema_violation([problem])
    return row


async def hold_contracts(write: ConfigWrites, developer: Developer) -> None:
    """Let the contracts of a developer hold while the developer is approved, and not otherwise."""
    held = developer.status != APPROVED
    mine = {"developer": developer.id or ""}
    for application in await read_every(write, "applications", mine):
        where = {"application": application.id or ""}
        for row in await read_every(write, INSTANCES.name, where):
            if isinstance(row, ApplicationInstance) and row.held != held:
                await write.put(row.model_copy(update={"held": held}))


def check_ending(row: ApplicationInstance) -> None:
    """
    Let a developer end a contract that holds or waits: what an admin has refused stays known.

    Raises:
        Refused: It was refused, or is suspended.
    """
    if row.status not in {APPROVED, PENDING} or row.suspended:
        raise refusals.say(403, "only an admin can change this contract")


async def was_refused(reads: ConfigReads, developer: str, service: str) -> bool:
    """Whether an admin has refused, revoked or suspended a contract of a developer with a service."""
    for application in await read_every(
        reads, "applications", {"developer": developer}
    ):
        where = {"application": application.id or ""}
        for row in await read_every(reads, INSTANCES.name, where):
            if (
                isinstance(row, ApplicationInstance)
                and row.service == service
                and (row.status in {REJECTED, REVOKED} or row.suspended)
            ):
                return True
    return False


async def reopen_contracts(write: ConfigWrites, application: Application) -> None:
    """Let what was approved wait for approval again."""
    where = {"application": application.id or ""}
    for row in await read_every(write, INSTANCES.name, where):
        if isinstance(row, ApplicationInstance) and row.status == APPROVED:
            await write.put(row.model_copy(update={"status": PENDING}))
