"""
New passwords: forgotten ones, changed ones, ones set by an administrator.

Spec: cognito §3.5, §3.9, §3.11.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from ostiary.model.pool import (
    Attempts,
    CodeKind,
    PasswordRecord,
    Pool,
    Record,
    RecordKind,
    User,
)
from ostiary.model.pool import UserStatus as Status
from ostiary.userpool import messages
from ostiary.userpool.accounts import ask_post_confirmation, change_user, check_password
from ostiary.userpool.decoy import write_in_vain
from ostiary.userpool.delivery import Destination, choose_recovery
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.services import Services
from ostiary.userpool.signing_in import is_right, make_record
from ostiary.userpool.triggers import NO_CLIENT
from ostiary.userpool.verification import send_new_code, try_code

_RESETTABLE: Final = frozenset({Status.CONFIRMED, Status.RESET_REQUIRED})


def find_recovery(pool: Pool, user: User) -> Destination:
    """
    Where a code for a new password may go.

    Raises:
        AccountError: Nowhere, for the reason it says.
    """
    if not user.enabled:
        raise AccountError("NotAuthorizedException", messages.USER_DISABLED)
    if user.status is Status.FORCE_CHANGE_PASSWORD:
        raise AccountError("NotAuthorizedException", messages.RESET_STATE)
    found = choose_recovery(pool, user)
    if found is None or user.status not in _RESETTABLE:
        raise AccountError("InvalidParameterException", messages.NO_RECOVERY)
    return found


async def send_reset_code(
    services: Services,
    pool: Pool,
    user: User,
    *,
    client_id: str = NO_CLIENT,
    metadata: Mapping[str, str] | None = None,
) -> Destination:
    """
    Send a code for a new password, and say where it went.

    Raises:
        AccountError: There is nowhere to send it, too many were sent, or sending failed.
    """
    destination = find_recovery(pool, user)
    await send_new_code(
        services,
        pool,
        user,
        CodeKind.RESET,
        destination,
        source="ForgotPassword",
        client_id=client_id,
        metadata=metadata,
    )
    return destination


async def reset_password(
    services: Services,
    pool: Pool,
    user: User | None,
    *,
    code: str,
    password: str,
    client_id: str = NO_CLIENT,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """
    Set a new password with the code that was sent. An unknown user looks like a wrong code.

    Raises:
        AccountError: The password breaks a rule, or the code is not right.
    """
    check_password(pool, password)
    if user is None or not user.enabled or user.status not in _RESETTABLE:
        await write_in_vain(services, pool.id, "reset")  # as a try is counted
        raise AccountError("CodeMismatchException", messages.CODE_WRONG)
    await try_code(services, user, CodeKind.RESET, code, value=_sent_to(pool, user))
    await set_password(services, pool, user, password, status=Status.CONFIRMED)
    await ask_post_confirmation(
        services,
        pool,
        user,
        source="ConfirmForgotPassword",
        client_id=client_id,
        metadata=metadata,
    )


def _sent_to(pool: Pool, user: User) -> str:
    try:
        found = choose_recovery(pool, user)
    except AccountError:
        return ""
    return found.value if found else ""


async def set_password(
    services: Services,
    pool: Pool,
    user: User,
    password: str,
    *,
    status: Status,
    instead_of: PasswordRecord | None = None,
) -> User:
    """
    The user with another password, stored; earlier failures and codes are forgotten.

    Args:
        instead_of: The password that was proven; another one meanwhile refuses the change.

    Raises:
        AccountError: InvalidPasswordException, PasswordHistoryPolicyViolationException,
            NotAuthorizedException.
    """
    check_password(pool, password)
    await _check_history(services, pool, user, password)
    record = await make_record(
        services, pool_id=pool.id, username=user.username, password=password
    )
    now, store = services.now(), services.config.store

    def change(current: User) -> User:
        if instead_of is not None and current.password != instead_of:
            raise AccountError("NotAuthorizedException", messages.SIGN_IN_WRONG)
        return replace(
            current,
            password=record,
            status=status,
            modified_at=now,
            password_set_at=now,
        )

    changed = await change_user(services, user, change)
    await store.update_code(
        pool_id=pool.id,
        username=user.username,
        kind=CodeKind.RESET,
        rule=lambda code: (replace(code, mac=None), None),
    )
    await store.update_attempts(
        pool_id=pool.id, username=user.username, rule=lambda _: (Attempts(), None)
    )
    return changed


async def _check_history(
    services: Services, pool: Pool, user: User, password: str
) -> None:
    """Refuse one of the last passwords, and remember the present one among them."""
    size = pool.settings.Policies.PasswordPolicy.PasswordHistorySize or 0
    if not size or user.password is None:
        return
    store, now = services.config.store, services.now()
    found = await store.load_record(
        pool_id=pool.id,
        kind=RecordKind.PASSWORD_HISTORY,
        owner=user.username,
        name="argon2",
    )
    earlier: list[str] = list(found.value["hashes"]) if found else []
    for kept in [user.password.argon2, *earlier][:size]:
        if await is_right(services, password, replace(user.password, argon2=kept)):
            raise AccountError(
                "PasswordHistoryPolicyViolationException", messages.HISTORY
            )
    await store.save_record(
        Record(
            pool_id=pool.id,
            kind=RecordKind.PASSWORD_HISTORY,
            owner=user.username,
            name="argon2",
            value={"hashes": [user.password.argon2, *earlier][: size - 1]},
            created_at=found.created_at if found else now,
            modified_at=now,
        )
    )
