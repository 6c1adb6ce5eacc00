"""
Every operation of the API: what carries it out, or why it is left out.

Each area of the API brings its own table of operations; the model says what they take.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from ostiary.userpool import messages
from ostiary.userpool.api import (
    admin_users,
    authentication,
    branding,
    client_secrets,
    clients,
    devices,
    domains,
    groups,
    identity_providers,
    mfa,
    monitoring,
    passkeys,
    pool_details,
    pool_mfa,
    pools,
    resource_servers,
    self_service,
    sign_up,
    terms,
    ui_customization,
    user_import,
    users,
)
from ostiary.userpool.api.caller import Call, Operations, Shape
from ostiary.userpool.api.errors import ApiError
from ostiary.userpool.api.left_out import LEFT_OUT
from ostiary.userpool.api.service import OperationShape, load_service

Run = Callable[[Call, Any], Awaitable[Shape]]  # Any: what the model has checked
_AREAS: Final[tuple[Operations, ...]] = (
    pools.OPERATIONS,
    pool_details.OPERATIONS,
    pool_mfa.OPERATIONS,
    domains.OPERATIONS,
    clients.OPERATIONS,
    client_secrets.OPERATIONS,
    groups.OPERATIONS,
    resource_servers.OPERATIONS,
    identity_providers.OPERATIONS,
    ui_customization.OPERATIONS,
    branding.OPERATIONS,
    terms.OPERATIONS,
    monitoring.OPERATIONS,
    user_import.OPERATIONS,
    users.OPERATIONS,
    admin_users.OPERATIONS,
    sign_up.OPERATIONS,
    self_service.OPERATIONS,
    authentication.OPERATIONS,
    mfa.OPERATIONS,
    passkeys.OPERATIONS,
    devices.OPERATIONS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An operation as the model describes it, and what carries it out."""

    shape: OperationShape
    run: Run


def _collect() -> dict[str, Operation]:
    shapes = load_service().operations
    runs: dict[str, Run] = {}
    for area in _AREAS:
        assert not runs.keys() & area.keys()  # each operation has one room
        runs |= area
    return {name: Operation(shape=shapes[name], run=run) for name, run in runs.items()}


OPERATIONS: Final[dict[str, Operation]] = _collect()


def find_operation(name: str) -> Operation:
    """
    The operation of this name.

    Raises:
        ApiError: The service has none, or it is left out here.
    """
    found = OPERATIONS.get(name)
    if found is not None:
        return found
    known = load_service().operations.get(name)
    if known is None:
        text = messages.OPERATION_UNKNOWN.format(name[:128])
        raise ApiError("UnknownOperationException", text)
    if name not in LEFT_OUT:
        text = messages.OPERATION_LATER.format(name)
        raise ApiError("UnknownOperationException", text)
    usual = "OperationNotEnabledException"
    code = usual if usual in known.errors else "NotAuthorizedException"
    raise ApiError(code, messages.OPERATION_LEFT_OUT.format(name, LEFT_OUT[name]))
