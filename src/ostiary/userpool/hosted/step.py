"""
Where a sign-in stands between two pages: the challenge's session, in a cookie of this browser.

It is the sealed session of the API, never in an address. A form names the step it was made for,
so that one from an earlier page or another tab is not taken for an answer to this one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from starlette.responses import Response

from ostiary.model.pool import User
from ostiary.userpool.auth.sessions import State, open_session
from ostiary.userpool.hosted.engine import build_request
from ostiary.userpool.hosted.visit import Visit
from ostiary.userpool.identifiers import hash_token
from ostiary.userpool.refusal import AccountError
from ostiary.web.cookies import delete_cookie, read_cookie, set_cookie

COOKIE: Final = "sign-in-step"
FIELD: Final = "step"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is asked now, and of whom; `user` None for a name that nobody has."""

    state: State
    session: str = field(repr=False)
    user: User | None

    @property
    def mark(self) -> str:
        """What the step's forms carry. It tells nothing and opens nothing."""
        return hash_token(self.state.id)[:16]

    @property
    def username(self) -> str:
        return self.user.username if self.user else self.state.username


def keep_step(visit: Visit, response: Response, session: str) -> None:
    """Let this browser answer the question that a session is about."""
    set_cookie(
        response,
        COOKIE,
        session,
        path=visit.site.cookie_path,
        max_age_s=visit.client.settings.AuthSessionValidity * 60,
    )


def drop_step(visit: Visit, response: Response) -> None:
    """There is no question any more."""
    delete_cookie(response, COOKIE, path=visit.site.cookie_path)


async def read_step(visit: Visit, *questions: str) -> Step | None:
    """The browser's step, if it is one of these questions, of this client, and not over."""
    session = read_cookie(visit.request, COOKIE)
    try:
        state = open_session(build_request(visit, {}), session, *questions)
    except AccountError:
        return None
    user = await visit.services.config.store.load_user(
        pool_id=visit.site.pool.id, username=state.username
    )
    return Step(state=state, session=session or "", user=user)
