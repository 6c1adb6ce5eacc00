"""The groups of a user, in the order in which tokens name them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ostiary.model.pool import Pool, RecordKind, User
from ostiary.userpool.services import Services

MAX_GROUPS_OF_USER: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group: its name, its precedence (0 is best, None worst), its role."""

    name: str
    precedence: int | None
    role_arn: str | None


def find_preferred_role(groups: tuple[Group, ...]) -> str | None:
    """The role of the best precedence; None where two different ones tie."""
    ranked = [g for g in groups if g.role_arn is not None and g.precedence is not None]
    if not ranked:
        roles = {g.role_arn for g in groups if g.role_arn is not None}
        return roles.pop() if len(roles) == 1 else None
    best = min(g.precedence for g in ranked if g.precedence is not None)
    roles = {g.role_arn for g in ranked if g.precedence == best and g.role_arn}
    return roles.pop() if len(roles) == 1 else None


async def load_groups(services: Services, pool: Pool, user: User) -> tuple[Group, ...]:
    """The user's groups by precedence, then by name."""
    store = services.config.store
    members = await store.list_records(
        pool_id=pool.id,
        kind=RecordKind.MEMBER,
        owner=user.username,
        limit=MAX_GROUPS_OF_USER,
    )
    found = []
    for member in members:
        group = await store.load_record(
            pool_id=pool.id, kind=RecordKind.GROUP, name=member.name
        )
        if group is not None:
            found.append(
                Group(
                    name=group.name,
                    precedence=group.value.get("Precedence"),
                    role_arn=group.value.get("RoleArn"),
                )
            )
    worst = float("inf")
    return tuple(
        sorted(
            found,
            key=lambda g: (worst if g.precedence is None else g.precedence, g.name),
        )
    )
