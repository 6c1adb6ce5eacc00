"""Finding people by what they, or an administrator, call them."""

from __future__ import annotations

from ostiary.model.pool import Pool, User
from ostiary.userpool import messages
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.services import Services


async def find_user(services: Services, pool: Pool, name: str) -> User | None:
    """The user with this sign-in name, alias, username or `sub`."""
    store, key = services.config.store, pool.settings.login_key(name)
    found = await store.find_user(pool_id=pool.id, login_key=key)
    # Always asked, so that a stranger's name takes as long as a user's.
    named = await store.load_user(pool_id=pool.id, username=name)
    return found or named


async def load_named_user(services: Services, pool: Pool, name: str) -> User:
    """
    The user that an administrator names.

    Raises:
        AccountError: UserNotFoundException.
    """
    user = await services.config.store.load_user(pool_id=pool.id, username=name)
    if user is None:
        user = await find_user(services, pool, name)
    if user is None:
        raise AccountError("UserNotFoundException", messages.USER_MISSING)
    return user
