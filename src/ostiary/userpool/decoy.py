"""What is done for a name that nobody has for its time alone: as much as for a user's."""

from __future__ import annotations

from typing import Final

from ostiary.model.pool import ChallengeUse
from ostiary.userpool.identifiers import hash_token
from ostiary.userpool.services import Services

_KEPT_S: Final = 60


async def write_in_vain(services: Services, *name: str) -> None:
    """
    Write to the store, as counting an attempt or a try of a user does.

    A transaction that changes nothing is over sooner than one that does: the row is one of
    those that are cleared away when their time is over.
    """
    await services.config.store.use_challenge(
        hash_token("\0".join(("in vain", *name))),
        expires_at=services.now() + _KEPT_S,
        rule=lambda use: (ChallengeUse(tries=use.tries + 1), None),
    )
