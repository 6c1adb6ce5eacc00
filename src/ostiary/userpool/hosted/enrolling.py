"""
The page on which an authenticator app is set up before the first sign-in with it goes on.

The secret is made when the page is first shown, and stays the same however often it is.
"""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.responses import Response

from ostiary.model.pool import User
from ostiary.pages.qr import build_qr
from ostiary.userpool import messages
from ostiary.userpool.auth import enrolment, totp
from ostiary.userpool.auth.flows import respond
from ostiary.userpool.hosted.engine import build_request
from ostiary.userpool.hosted.proceeding import SET_UP, begin_again, load_step, proceed
from ostiary.userpool.hosted.step import Step, keep_step
from ostiary.userpool.hosted.visit import Visit
from ostiary.userpool.refusal import AccountError
from ostiary.web.replies import redirect

_GROUP: Final = 4


def _account(user: User) -> str:
    """What the app shows beside the code: what the user signs in with, as far as we know."""
    return user.attributes.get("email") or user.login_key or user.username


async def _show(visit: Visit, step: Step, secret: str, *, error: str = "") -> Response:
    account = _account(step.user) if step.user else step.username
    uri = totp.build_uri(secret, account=account, issuer=visit.site.pool.name)
    return visit.show(
        "authenticator.html",
        action=visit.url(SET_UP),
        step=step.mark,
        qr=await asyncio.to_thread(build_qr, uri),
        secret=secret,
        secret_groups=[secret[i : i + _GROUP] for i in range(0, len(secret), _GROUP)],
        account=account,
        start_over_action=visit.url("/startOver"),
        error=error,
    )


def _show_nothing_to_set_up(visit: Visit) -> Response:
    return visit.show(
        "no-factor.html", start_over_action=visit.url("/startOver"), step=""
    )


async def get_set_up(visit: Visit) -> Response:
    """Show the secret."""
    step = await load_step(visit, SET_UP)
    if isinstance(step, Response):
        return step
    if not visit.site.pool.mfa.has_software_tokens:
        return _show_nothing_to_set_up(visit)
    secret = enrolment.find_secret(visit.services, step.state)
    if secret is not None:
        return await _show(visit, step, secret)
    # By its address, so that the page that is shown is the one of the session with the secret.
    response = redirect(visit.url(SET_UP))
    _, session = enrolment.begin(visit.services, step.state)
    keep_step(visit, response, session)
    return response


async def post_set_up(visit: Visit) -> Response:
    """Judge the first code of the app, and go on."""
    step = await load_step(visit, SET_UP)
    if isinstance(step, Response):
        return step
    secret = enrolment.find_secret(visit.services, step.state)
    if secret is None or step.user is None:
        return redirect(visit.url(SET_UP))
    try:
        session = await enrolment.finish(
            visit.services, step.state, step.user, visit.form.get("code", ""), name=""
        )
        request = build_request(visit, {"USERNAME": step.username})
        outcome = await respond(request, step.state.asked, session)
    except AccountError as error:
        if error.code == "EnableSoftwareTokenMFAException":
            return await _show(visit, step, secret, error=messages.APP_CODE_WRONG)
        return begin_again(visit, error)
    return await proceed(visit, outcome)
