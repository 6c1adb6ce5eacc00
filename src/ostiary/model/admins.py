"""
People who run the gateway: admins, who are RBAC users with an address, and groups of a provider.

All of them are rows of the workspace `default`, whatever they may do elsewhere: nobody who may
change one workspace alone gets at what somebody is known by in others.

Spec: portal §§1.5 (statuses), 2.7.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from ostiary.model.access import UserName
from ostiary.model.fields import NonEmpty, Uuid
from ostiary.model.portal import Email
from ostiary.model.row import Row

APPROVED: Final = 0
REJECTED: Final = 2
REVOKED: Final = 3
INVITED: Final = 4
# Pending and unverified admins are nothing that anything here makes.
ADMIN_STATUS_NAMES: Final[Mapping[int, str]] = {
    APPROVED: "APPROVED",
    1: "PENDING",
    REJECTED: "REJECTED",
    REVOKED: "REVOKED",
    INVITED: "INVITED",
    5: "UNVERIFIED",
}
# The kept token of an RBAC user who has none: no hash is like it.
NO_TOKEN: Final = "!"  # noqa: S105 - the opposite of one

# What an admin has who has no registration link.
NO_LINK: Final[Mapping[str, None]] = {
    "invitation": None,
    "invited_until": None,
    "linked_by": None,
}


def _check_status(value: int) -> int:
    if value not in ADMIN_STATUS_NAMES:
        known = ", ".join(f"{k} ({v.lower()})" for k, v in ADMIN_STATUS_NAMES.items())
        raise ValueError(f"must be one of {known}")
    return value


class Admin(Row):
    """
    Somebody who may sign in to the Manager, as `rbac_user`.

    `email` or `username` is what a provider knows them by. `invited_by` is the workspace that
    invited them, None for `default`: no other one but `default` decides about who they are.
    `invitation` is the SHA-256 of what their registration link holds, which is good until
    `invited_until`, in Unix seconds, while `linked_by`, the workspace that made it, may still
    decide about them. `epoch` counts what ends their sessions: other names, addresses, statuses.
    """

    username: UserName
    email: Email | None = None
    custom_id: NonEmpty | None = None
    status: Annotated[int, AfterValidator(_check_status)] = INVITED
    rbac_token_enabled: bool = True
    rbac_user: Uuid
    invited_by: Uuid | None = None
    invitation: NonEmpty | None = Field(default=None, repr=False)
    invited_until: int | None = None
    linked_by: Uuid | None = None
    epoch: int = 0


class Group(Row):
    """A group as the provider calls it: whoever is in it has its roles."""

    name: UserName
    comment: NonEmpty | None = None


class GroupRole(Row):
    """A group's having a role of a workspace, None for `default`."""

    group: Uuid
    role: Uuid
    workspace: Uuid | None = None
