"""
A sign-up that waits for its code: which browser began it, and as whom.

Spec: cognito §1.4 (`/confirm`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Final

from starlette.responses import Response

from ostiary.jose.errors import JoseError
from ostiary.model.pool import User
from ostiary.userpool.hosted.visit import PENDING, Visit
from ostiary.web.cookies import read_cookie, set_cookie

_PENDING_S: Final = 3600
_PURPOSE: Final = "pending sign-up, bound to a password"


def remember_pending(visit: Visit, response: Response, user: User) -> None:
    """Let this browser, and no other, be signed in when the mailed code is right."""
    until = visit.services.now() + _PENDING_S
    text = json.dumps([user.pool_id, user.username, until, _password_digest(user)])
    sealed = visit.services.vault.wrap(text.encode(), purpose=_PURPOSE)
    set_cookie(
        response,
        PENDING,
        base64.urlsafe_b64encode(sealed).decode("ascii"),
        path=visit.site.cookie_path,
        max_age_s=_PENDING_S,
    )


async def read_pending(visit: Visit) -> User | None:
    """The user that this browser signed up as, or proved the password of."""
    cookie = read_cookie(visit.request, PENDING)
    if cookie is None:
        return None
    try:
        sealed = base64.b64decode(cookie, altchars=b"-_", validate=True)
        text = visit.services.vault.unwrap(sealed, purpose=_PURPOSE)
    except (JoseError, ValueError):
        return None
    pool_id, username, expires_at, digest = json.loads(text)
    if pool_id != visit.site.pool.id or visit.services.now() >= expires_at:
        return None
    user = await visit.services.config.store.load_user(
        pool_id=pool_id, username=username
    )
    if user is None or not hmac.compare_digest(_password_digest(user), digest):
        return None
    return user


def _password_digest(user: User) -> str:
    # A new password ends what the old one had proven.
    kept = user.password.argon2 if user.password else ""
    return hashlib.sha256(kept.encode("ascii")).hexdigest()
