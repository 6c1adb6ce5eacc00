"""
The first factor: whether a password is a person's, how often one may try, who may go on.

An attempt is counted before the secret is looked at, and attempts at one name take turns.

Spec: cognito §3.9 (lock-out), §3.11 (existence).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from ostiary.model.pool import Attempts, PasswordRecord, Pool, User, UserStatus
from ostiary.userpool import lockout, messages, passwords
from ostiary.userpool.decoy import write_in_vain
from ostiary.userpool.hashing import run_apart
from ostiary.userpool.lookup import find_user
from ostiary.userpool.nobody import find_stranger
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.services import Services
from ostiary.userpool.turns import LineTooLong
from ostiary.web import hashes

_DAY_S: Final = 86400
_WEEK: Final = 7


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One attempt at a name: the user, if there is one, and whether the secret was right."""

    user: User | None = field(repr=False)
    hides_existence: bool
    right: bool = False

    def end(self) -> User:
        """
        The user, proven.

        Raises:
            AccountError: The secret was wrong, there is no such user, or they have no password
                because they were imported.
        """
        if self.user is None and not self.hides_existence:
            raise AccountError("UserNotFoundException", messages.USER_MISSING)
        if _was_imported(self.user) and not self.hides_existence:
            raise AccountError(
                "PasswordResetRequiredException", messages.RESET_REQUIRED
            )
        if self.user is None or not self.right:
            raise AccountError("NotAuthorizedException", messages.SIGN_IN_WRONG)
        return self.user


def _was_imported(user: User | None) -> bool:
    """Whether somebody came without a password, and is to choose one."""
    return (
        user is not None
        and user.password is None
        and user.status is UserStatus.RESET_REQUIRED
    )


async def make_record(
    services: Services, *, pool_id: str, username: str, password: str
) -> PasswordRecord:
    """What is kept of a password, made off the event loop."""
    entropy = services.config.entropy
    return await run_apart(
        partial(
            passwords.make_record,
            pool_id=pool_id,
            username=username,
            password=password,
            argon2_salt=entropy.bytes(hashes.SALT_BYTES),
            srp_salt=entropy.bytes(hashes.SALT_BYTES),
            cost=services.config.hash_cost,
        )
    )


async def is_right(
    services: Services, password: str, record: PasswordRecord | None
) -> bool:
    """Tell whether a password is the recorded one; as slow without a record."""
    given = password[: passwords.MAX_LENGTH + 1]
    cost = services.config.hash_cost
    return await run_apart(partial(passwords.is_right, given, record, cost=cost))


@asynccontextmanager
async def begin_attempt(
    services: Services, pool: Pool, *, name: str, hides_existence: bool
) -> AsyncIterator[Attempt]:
    """
    An attempt that is counted already; `right` set within the block clears the counters.

    Raises:
        AccountError: Locked out, or too many wait under this name.
    """
    # As of its arrival: an attempt that has waited for those before it is not judged later.
    now, key = services.now(), pool.settings.login_key(name)
    update_attempts = services.config.store.update_attempts
    try:
        async with services.turns.take((pool.id, key)):
            user, allowed = await find_user(services, pool, name), True
            if user is not None:
                allowed = await update_attempts(
                    pool_id=pool.id,
                    username=user.username,
                    rule=lambda attempts: lockout.begin_attempt(attempts, now=now),
                )
            elif hides_existence:
                sub = find_stranger(services, pool, name)
                allowed = services.strangers.begin_attempt(
                    pool_id=pool.id, login_key=sub, now=now
                )
                await write_in_vain(services, pool.id, sub)
            if not allowed:
                raise AccountError("NotAuthorizedException", messages.SIGN_IN_LOCKED)
            attempt = Attempt(user=user, hides_existence=hides_existence)
            yield attempt
            if user is not None and attempt.right:
                await update_attempts(
                    pool_id=pool.id,
                    username=user.username,
                    rule=lambda _: (Attempts(), None),
                )
    except LineTooLong as error:
        raise AccountError("NotAuthorizedException", messages.SIGN_IN_LOCKED) from error


async def prove_password(
    services: Services, pool: Pool, *, name: str, password: str, hides_existence: bool
) -> User:
    """
    The user whose name and password these are, whatever their state.

    Raises:
        AccountError: They are nobody's, or the user is locked out.
    """
    async with begin_attempt(
        services, pool, name=name, hides_existence=hides_existence
    ) as attempt:
        record = attempt.user.password if attempt.user else None
        attempt.right = await is_right(services, password, record)
    return attempt.end()


def check_may_sign_in(user: User, pool: Pool, *, now: float) -> None:
    """
    Refuse who has proven a password and may not go on with it.

    Raises:
        AccountError: Disabled, to be reset, or the temporary password is over.
    """
    if not user.enabled:
        raise AccountError("NotAuthorizedException", messages.USER_DISABLED)
    if user.status is UserStatus.RESET_REQUIRED:
        raise AccountError("PasswordResetRequiredException", messages.RESET_REQUIRED)
    if user.status is UserStatus.FORCE_CHANGE_PASSWORD:
        days = pool.settings.Policies.PasswordPolicy.TemporaryPasswordValidityDays
        if now >= user.password_set_at + (days or _WEEK) * _DAY_S:
            raise AccountError("NotAuthorizedException", messages.TEMPORARY_EXPIRED)


async def sign_in(
    services: Services, pool: Pool, *, name: str, password: str, hides_existence: bool
) -> User:
    """
    The user whose name and password these are, and who may go on.

    Raises:
        AccountError: They are not, the user is locked out or disabled, or must reset.
    """
    user = await prove_password(
        services, pool, name=name, password=password, hides_existence=hides_existence
    )
    check_may_sign_in(user, pool, now=services.now())
    return user
