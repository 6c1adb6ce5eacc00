"""
The hosted session: a browser that is signed in at a pool's pages, for one hour.

The cookie holds a random secret; the store knows only its hash.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from ostiary.model.pool import HostedSession, User, UserStatus
from ostiary.userpool.identifiers import hash_token, new_token
from ostiary.userpool.services import Services
from ostiary.userpool.site import Site
from ostiary.web.cookies import delete_cookie, read_cookie, set_cookie

COOKIE: Final = "cognito"
LIFETIME_S: Final = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSession:
    """A session and its user, who may still sign in."""

    user: User
    auth_time: int


async def start_session(
    services: Services, site: Site, user: User, response: Response
) -> None:
    """Sign a browser in: always with a new secret, so that none can be planted beforehand."""
    secret, now = new_token(services.config.entropy), services.now()
    await services.config.store.add_hosted_session(
        HostedSession(
            id_hash=hash_token(secret),
            pool_id=site.pool.id,
            username=user.username,
            auth_time=int(now),
            expires_at=now + LIFETIME_S,
        )
    )
    set_cookie(response, COOKIE, secret, path=site.cookie_path, max_age_s=LIFETIME_S)


async def read_session(
    services: Services, site: Site, request: Request
) -> LiveSession | None:
    """The browser's session at this pool, if it lives."""
    secret = read_cookie(request, COOKIE)
    if secret is None:
        return None
    store = services.config.store
    found = await store.load_hosted_session(hash_token(secret))
    if (
        found is None
        or found.pool_id != site.pool.id
        or services.now() >= found.expires_at
    ):
        return None
    user = await store.load_user(pool_id=site.pool.id, username=found.username)
    if user is None or not user.enabled or user.status is not UserStatus.CONFIRMED:
        return None
    return LiveSession(user=user, auth_time=found.auth_time)


async def end_session(
    services: Services, site: Site, request: Request, response: Response
) -> None:
    """Sign the browser out, here and in the store."""
    secret = read_cookie(request, COOKIE)
    if secret is not None:
        await services.config.store.delete_hosted_session(hash_token(secret))
    delete_cookie(response, COOKIE, path=site.cookie_path)
