"""
How often the codes of one person may be guessed and sent: per user, over all sessions.

A session dies after three wrong codes, but who knows the password, or needs none, could begin as many
as they like. Guesses are counted before a code is looked at; a right one clears them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ostiary.model.pool import CodeKind, MailedCode, User
from ostiary.userpool import messages
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.services import Services

GUESSES_PER_HOUR: Final = 15
SENDS_PER_HOUR: Final = 30
_HOUR_S: Final = 3600


async def count_guess(services: Services, user: User) -> None:
    """
    Count one more guess at a code of a user.

    Raises:
        AccountError: NotAuthorizedException: too many this hour.
    """
    now = services.now()

    def rule(kept: MailedCode) -> tuple[MailedCode, bool]:
        if now - kept.tries_since >= _HOUR_S:
            kept = replace(kept, tries=0, tries_since=now)
        if kept.tries >= GUESSES_PER_HOUR:
            return kept, False
        return replace(kept, tries=kept.tries + 1), True

    if not await services.config.store.update_code(
        pool_id=user.pool_id, username=user.username, kind=CodeKind.FACTOR, rule=rule
    ):
        raise AccountError("NotAuthorizedException", messages.SIGN_IN_LOCKED)


async def forget_guesses(services: Services, user: User) -> None:
    """Forget the guesses: one was right."""
    await services.config.store.update_code(
        pool_id=user.pool_id,
        username=user.username,
        kind=CodeKind.FACTOR,
        rule=lambda kept: (replace(kept, tries=0), None),
    )


async def count_send(services: Services, user: User) -> None:
    """
    Count one more code that is sent to a user.

    Raises:
        AccountError: LimitExceededException: too many this hour.
    """
    now = services.now()

    def rule(kept: MailedCode) -> tuple[MailedCode, bool]:
        if now - kept.sends_since >= _HOUR_S:
            kept = replace(kept, sends=0, sends_since=now)
        if kept.sends >= SENDS_PER_HOUR:
            return kept, False
        return replace(kept, sends=kept.sends + 1), True

    if not await services.config.store.update_code(
        pool_id=user.pool_id, username=user.username, kind=CodeKind.FACTOR, rule=rule
    ):
        raise AccountError("LimitExceededException", messages.TRIES_EXCEEDED)
