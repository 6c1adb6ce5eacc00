"""
How often the codes of one person may be guessed and sent: per user, over all sessions.

A session dies after three wrong codes, but who knows the password, or needs none, could begin as many
as they like. Guesses are counted before a code is looked at; a right one clears them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeVar

from ostiary.model.pool import CodeKind, MailedCode, User
from ostiary.userpool import messages
from ostiary.userpool.decoy import write_in_vain
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.services import Services

GUESSES_PER_HOUR: Final = 15
SENDS_PER_HOUR: Final = 30
_HOUR_S: Final = 3600
T = TypeVar("T")


def _add_guess(kept: MailedCode, *, now: float) -> tuple[MailedCode, bool]:
    if now - kept.tries_since >= _HOUR_S:
        kept = replace(kept, tries=0, tries_since=now)
    allowed = kept.tries < GUESSES_PER_HOUR
    return replace(kept, tries=kept.tries + allowed), allowed


def _add_send(kept: MailedCode, *, now: float) -> tuple[MailedCode, bool]:
    if now - kept.sends_since >= _HOUR_S:
        kept = replace(kept, sends=0, sends_since=now)
    allowed = kept.sends < SENDS_PER_HOUR
    return replace(kept, sends=kept.sends + allowed), allowed


async def _change(
    services: Services, user: User, rule: Callable[[MailedCode], tuple[MailedCode, T]]
) -> T:
    return await services.config.store.update_code(
        pool_id=user.pool_id, username=user.username, kind=CodeKind.FACTOR, rule=rule
    )


async def count_guess(services: Services, user: User) -> None:
    """
    Count one more guess at a code of a user.

    Raises:
        AccountError: NotAuthorizedException: too many this hour.
    """
    now = services.now()
    if not await _change(services, user, lambda kept: _add_guess(kept, now=now)):
        raise AccountError("NotAuthorizedException", messages.SIGN_IN_LOCKED)


async def count_guess_of_nobody(services: Services, nobody: User) -> None:
    """
    Count a guess at a code that was sent to nobody.

    Raises:
        AccountError: As `count_guess`.
    """
    now = services.now()
    await write_in_vain(services, nobody.pool_id, nobody.username)
    if not services.strangers.update_code(
        pool_id=nobody.pool_id,
        login_key=nobody.sub,
        rule=lambda kept: _add_guess(kept, now=now),
    ):
        raise AccountError("NotAuthorizedException", messages.SIGN_IN_LOCKED)


async def forget_guesses(services: Services, user: User) -> None:
    """Forget the guesses: one was right."""
    await _change(services, user, lambda kept: (replace(kept, tries=0), None))


async def count_send(services: Services, user: User) -> None:
    """
    Count one more code that is sent to a user.

    Raises:
        AccountError: LimitExceededException: too many this hour.
    """
    now = services.now()
    if not await _change(services, user, lambda kept: _add_send(kept, now=now)):
        raise AccountError("LimitExceededException", messages.TRIES_EXCEEDED)
