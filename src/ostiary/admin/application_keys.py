"""
Keys of applications: made by us, shown once, kept as digests.

Spec: portal §§1.6, 1.7, 5.2.
"""

from __future__ import annotations

from typing import Final

from ostiary.admin import refusals
from ostiary.admin.autofill import new_key
from ostiary.admin.bodies import Given
from ostiary.admin.entities import Entities
from ostiary.admin.rows import read_every
from ostiary.admin.shapes import Json
from ostiary.model.applications import (
    HINT_CHARS,
    Application,
    ApplicationKey,
    digest_key,
)
from ostiary.model.kinds import EVERY_KIND
from ostiary.model.words import Problem
from ostiary.ports.config_store import ConfigReads, ConfigWrites

KEYS: Final = EVERY_KIND["application_keys"]
MAX_KEYS: Final = 20
_MAX_TTL_S: Final = 100_000_000


def take_ttl(given: Given) -> tuple[Given, int | None]:
    """
    What is given without `ttl`, and `ttl` in seconds; None where it is not said.

    Raises:
        Refused: It is no such number.
    """
    said = given.data.get("ttl")
    rest = {name: value for name, value in given.data.items() if name != "ttl"}
    if isinstance(said, str) and given.is_form and said.isdecimal() and len(said) < 12:
        said = int(said)
    if said is not None and (
        isinstance(said, bool)
        or not isinstance(said, int)
        or not 1 <= said <= _MAX_TTL_S
    ):
        text = f"value should be between 1 and {_MAX_TTL_S}"
        raise refusals.schema_violation([(("ttl",), text)])
    return Given(data=rest, is_form=given.is_form), said


def read_ttl(given: Given) -> int | None:
    """
    How long a key is to work, in seconds; None where nothing is said.

    Raises:
        Refused: It is no such number, or something else is said.
    """
    rest, said = take_ttl(given)
    unknown: list[Problem] = [((name,), "unknown field") for name in rest.data]
    if unknown:
        raise refusals.schema_violation(unknown)
    return said


def show_key(row: ApplicationKey, key: str | None = None) -> Json:
    """A key as JSON: the whole of it when it is new, its beginning afterwards."""
    shown = key or f"{row.hint}{'*' * 8}"
    return {
        "id": row.id,
        "key": shown,
        "client_id": shown,
        "application": {"id": row.application},
        "consumer": {"id": row.application},
        "created_at": row.created_at,
        "expires_at": row.expires_at,
    }


async def read_keys(
    reads: ConfigReads, application: Application
) -> list[ApplicationKey]:
    """The keys of an application, the oldest first."""
    where = {"application": application.id or ""}
    found = await read_every(reads, KEYS.name, where)
    rows = [row for row in found if isinstance(row, ApplicationKey)]
    return sorted(rows, key=lambda row: (row.created_at or 0, row.id or ""))


async def make_key(
    entities: Entities, write: ConfigWrites, application: Application, ttl: int | None
) -> tuple[ApplicationKey, str]:
    """
    A new key: its row, and the key itself, which nothing else tells.

    Args:
        ttl: In seconds.

    Raises:
        Refused: The application has as many as it may.
    """
    if len(await read_keys(write, application)) >= MAX_KEYS:
        text = f"an application has at most {MAX_KEYS} keys: delete one first"
        raise refusals.say(400, text)
    autofill = entities.autofill
    key = new_key(autofill.entropy)
    data: Json = {
        "application": {"id": application.id},
        "digest": digest_key(key),
        "hint": key[:HINT_CHARS],
        "expires_at": None if ttl is None else int(autofill.now()) + ttl,
    }
    row = await entities.add(write, KEYS, Given(data=data, is_form=False))
    assert isinstance(row, ApplicationKey)
    return row, key
