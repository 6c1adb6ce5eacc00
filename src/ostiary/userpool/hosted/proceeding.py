"""What follows a step of a sign-in: the next page, the client, or the beginning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from ostiary.userpool import messages
from ostiary.userpool.auth import factors, steps
from ostiary.userpool.auth.outcome import Challenge, Outcome, Proven
from ostiary.userpool.hosted.login_page import show_login
from ostiary.userpool.hosted.session import read_session
from ostiary.userpool.hosted.step import FIELD, Step, drop_step, keep_step, read_step
from ostiary.userpool.hosted.visit import Visit
from ostiary.userpool.refusal import AccountError
from ostiary.web.replies import redirect

NEW_PASSWORD: Final = "/changePassword"  # noqa: S105 - a path
CODE: Final = "/mfa"
CHOOSE: Final = "/mfa/choose"
SET_UP: Final = "/mfa/setup"
PAGE_OF: Final[Mapping[str, str]] = {
    steps.NEW_PASSWORD: NEW_PASSWORD,
    factors.SMS: CODE,
    factors.EMAIL: CODE,
    factors.SMS_FIRST: CODE,
    factors.TOTP: CODE,
    factors.SELECT: CHOOSE,
    factors.SETUP: SET_UP,
}
# Of these a person can only make the best by starting again.
_OVER: Final = frozenset(
    {messages.SESSION_WRONG, messages.SESSION_EXPIRED, messages.SESSION_SPENT}
)


async def proceed(visit: Visit, outcome: Outcome) -> Response:
    """The next page, by its address: a reload asks again and sends nothing twice."""
    if isinstance(outcome, Proven):
        response = await visit.finish(outcome.user)
        drop_step(visit, response)
        return response
    if not isinstance(outcome, Challenge) or outcome.session is None:
        raise RuntimeError("the engine answered the pages as if they were the API")
    response = redirect(visit.url(PAGE_OF[outcome.name]))
    keep_step(visit, response, outcome.session)
    return response


def begin_again(visit: Visit, error: AccountError) -> Response:
    """The sign-in form, with what ended the sign-in."""
    over = error.message in _OVER
    response = show_login(visit, error=messages.STEP_OVER if over else error.message)
    drop_step(visit, response)
    return response


async def load_step(visit: Visit, page: str) -> Step | Response:
    """
    The step that a page is about, or where to go instead.

    Who comes back to a step that was taken goes on to the client.
    """
    questions = (name for name, path in PAGE_OF.items() if path == page)
    step = await read_step(visit, *questions)
    if step is not None and visit.request.method == "GET":
        return step
    if step is not None and visit.is_own_form:
        mine = visit.form.get(FIELD) == step.mark
        return step if mine else redirect(visit.url(page))
    if step is not None:
        return redirect(visit.url(page))
    if await read_session(visit.services, visit.site, visit.request) is not None:
        return redirect(visit.url("/oauth2/authorize"))
    if visit.request.method == "GET":
        return redirect(visit.url("/login"))
    return show_login(visit, error=messages.STEP_OVER)
