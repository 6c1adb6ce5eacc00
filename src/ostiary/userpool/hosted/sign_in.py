"""The sign-in page: name and password, or a code in its place."""

from __future__ import annotations

from starlette.responses import Response

from ostiary.model.pool import UserStatus
from ostiary.userpool import messages
from ostiary.userpool.auth import steps
from ostiary.userpool.hosted.engine import (
    ask_code,
    build_request,
    find_code_ways,
    prove,
)
from ostiary.userpool.hosted.login_page import show_login
from ostiary.userpool.hosted.pending import remember_pending
from ostiary.userpool.hosted.proceeding import proceed
from ostiary.userpool.hosted.reset import show_forgot
from ostiary.userpool.hosted.step import drop_step
from ostiary.userpool.hosted.visit import Visit
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.signing_in import check_may_sign_in
from ostiary.web.replies import redirect


async def get_login(visit: Visit) -> Response:
    """Show the form."""
    return show_login(visit)


async def post_login(visit: Visit) -> Response:
    """Check name and password; go on to the next question, or back to the client."""
    name = visit.form.get("username", "")
    if not visit.is_own_form:
        return show_login(visit, username=name, error=messages.FORM_STALE, status=403)
    way = visit.form.get("first_factor")
    try:
        if way in find_code_ways(visit) and way is not None:
            return await proceed(visit, await ask_code(visit, name, way))
        return await _sign_in(visit, name)
    except AccountError as error:
        if error.code == "PasswordResetRequiredException":
            return show_forgot(visit, error=error.message)
        return show_login(visit, username=name, error=error.message)


async def _sign_in(visit: Visit, name: str) -> Response:
    request = build_request(visit, {})
    user = await prove(visit, request, name, visit.form.get("password", ""))
    check_may_sign_in(user, visit.site.pool, now=visit.services.now())
    if user.status is UserStatus.UNCONFIRMED:
        response = redirect(visit.url("/confirm"))
        remember_pending(visit, response, user)
        return response
    return await proceed(visit, await steps.go_on(request, user))


async def post_start_over(visit: Visit) -> Response:
    """Forget the sign-in that was under way."""
    response = redirect(visit.url("/login"))
    if visit.is_own_form:
        drop_step(visit, response)
    return response
