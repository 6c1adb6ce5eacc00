"""
Who may do what with the Admin API: users, roles, and what roles allow or forbid.

Spec: gateway §1.16; portal §3.5 (order of rules); decision D22 (whole segments).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from ostiary.model.fields import SET, NonEmpty, Uuid, one_of
from ostiary.model.row import Row
from ostiary.model.workspaces import DEFAULT_WORKSPACE, Workspace, workspace_of

Action = Literal["read", "create", "update", "delete"]
ACTIONS: Final[tuple[Action, ...]] = ("create", "delete", "read", "update")
EVERYTHING: Final = "*"
SUPER_ADMIN: Final = "super-admin"
_ACCESS: Final = "rbac"
# What gives roles as well: whoever must not touch the one must not touch the others.
_LIKE_ACCESS: Final = frozenset({"admins", "groups"})


def _split_actions(value: object) -> object:
    """Kong takes actions as a text with commas, too, and `*` for all of them."""
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    if isinstance(value, list | tuple) and EVERYTHING in value:
        return ACTIONS
    return tuple(value) if isinstance(value, list) else value


def _sort_actions(value: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(value)))


def _check_name(value: str) -> str:
    if not value.isprintable() or "," in value:
        raise ValueError("must have no commas or control characters")
    return value


def _check_endpoint(value: str) -> str:
    if value != EVERYTHING and not value.startswith("/"):
        value = f"/{value}"
    if "//" in value or (value.endswith("/") and value != "/"):
        raise ValueError("must have no empty segments")
    return value


Actions = Annotated[
    tuple[Annotated[str, one_of(*ACTIONS)], ...],
    SET,
    Field(min_length=1),
    BeforeValidator(_split_actions),
    AfterValidator(_sort_actions),
]


UserName = Annotated[NonEmpty, AfterValidator(_check_name)]


class RbacUser(Row):
    """Somebody with a token; what is kept of it is a hash."""

    name: UserName
    user_token: NonEmpty = Field(repr=False)
    user_token_ident: NonEmpty | None = None
    enabled: bool = True
    comment: NonEmpty | None = None


class RbacRole(Row):
    """What several users may do. `is_default` is a role of one user alone."""

    name: UserName
    comment: NonEmpty | None = None
    is_default: bool = False


class RbacUserRole(Row):
    """A user's having a role."""

    user: Uuid
    role: Uuid


class RbacRoleEndpoint(Row):
    """What a role may do, or must not, with paths of the Admin API in a workspace."""

    role: Uuid
    workspace: NonEmpty
    endpoint: Annotated[NonEmpty, AfterValidator(_check_endpoint)]
    actions: Actions = ACTIONS
    negative: bool = False
    comment: NonEmpty | None = None


class RbacRoleEntity(Row):
    """What a role may do, or must not, with one row; `*` is every one."""

    role: Uuid
    entity_id: NonEmpty
    entity_type: NonEmpty
    actions: Actions = ACTIONS
    negative: bool = False
    comment: NonEmpty | None = None


def read_action(method: str) -> Action:
    """What a request with this method is about to do."""
    match method:
        case "GET" | "HEAD" | "OPTIONS":
            return "read"
        case "POST":
            return "create"
        case "DELETE":
            return "delete"
    return "update"


def _fits(rule: RbacRoleEndpoint, steps: Sequence[str]) -> bool:
    wanted = rule.endpoint.removeprefix("/").split("/")
    is_about_access = rule.negative and wanted[0] == _ACCESS
    if is_about_access and {*steps[:1]} & _LIKE_ACCESS:
        return True
    if is_about_access and steps[:1] == [_ACCESS]:
        # Whoever may not touch it must not get at it through what is below.
        steps = steps[: len(wanted)]
        wanted = wanted[: len(steps)]
    return len(wanted) == len(steps) and all(
        step in {EVERYTHING, found} for step, found in zip(wanted, steps, strict=True)
    )


def _reaches(rule: Row, workspace: Workspace) -> bool:
    """A role of a workspace says nothing of others, but for those of `default`."""
    return workspace_of(rule) in {DEFAULT_WORKSPACE, workspace.id}


def may_call(
    rules: Iterable[RbacRoleEndpoint],
    *,
    workspace: Workspace,
    steps: Sequence[str],
    action: Action,
) -> bool:
    """
    Whether rules allow a request.

    The nearest rules decide: those of the path and workspace, of the path in any workspace, of
    any path in the workspace, of any path anywhere. Of equally near ones a negative one wins;
    where none is about it, it is forbidden. Negative rules about `/rbac` hold for all below it,
    and those about any part of it for `/admins` and `/groups`, which give roles as well.

    Args:
        steps: The decoded segments of the path, without the workspace.
    """
    names = {workspace.id, workspace.name}
    decided: dict[tuple[bool, bool], bool] = {}
    for rule in rules:
        if action not in rule.actions or not _reaches(rule, workspace):
            continue
        if rule.workspace not in {EVERYTHING, *names}:
            continue
        any_path = rule.endpoint == EVERYTHING
        if not any_path and not _fits(rule, [*steps]):
            continue
        place = (any_path, rule.workspace == EVERYTHING)
        decided[place] = decided.get(place, True) and not rule.negative
    return decided[min(decided)] if decided else False


def may_touch(
    rules: Iterable[RbacRoleEntity],
    *,
    workspace: Workspace,
    kind: str,
    entity_id: str,
    action: Action,
) -> bool:
    """Whether rules allow something with a row: those about it alone first, then those about all."""
    decided: dict[bool, bool] = {}
    for rule in rules:
        if action not in rule.actions or not _reaches(rule, workspace):
            continue
        # Ids are of one kind only: another row may have the same.
        about = (rule.entity_type, rule.entity_id)
        if rule.entity_id != EVERYTHING and about != (kind, entity_id):
            continue
        place = rule.entity_id == EVERYTHING
        decided[place] = decided.get(place, True) and not rule.negative
    return decided[min(decided)] if decided else False
