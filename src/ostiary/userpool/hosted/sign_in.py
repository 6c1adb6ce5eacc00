"""The sign-in page."""

from __future__ import annotations

from starlette.responses import Response

from ostiary.model.pool import UserStatus
from ostiary.userpool import messages
from ostiary.userpool.hosted.visit import Visit
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.signing_in import sign_in
from ostiary.web.replies import redirect


def show_login(
    visit: Visit,
    *,
    username: str = "",
    error: str = "",
    notice: str = "",
    status: int = 200,
) -> Response:
    """The sign-in form."""
    closed = visit.site.pool.settings.AdminCreateUserConfig.AllowAdminCreateUserOnly
    return visit.show(
        "login.html",
        status=status,
        action=visit.url("/login"),
        username=username or visit.authorization.login_hint or "",
        error=error,
        notice=notice,
        forgot_url=visit.url("/forgotPassword"),
        signup_url=None if closed else visit.url("/signup"),
    )


async def get_login(visit: Visit) -> Response:
    """Show the form."""
    return show_login(visit)


async def post_login(visit: Visit) -> Response:
    """Check name and password; on success back to the client with a code."""
    name = visit.form.get("username", "")
    if not visit.is_own_form:
        return show_login(visit, username=name, error=messages.FORM_STALE, status=403)
    try:
        user = await sign_in(
            visit.services,
            visit.site.pool,
            name=name,
            password=visit.form.get("password", ""),
            hides_existence=visit.hides_existence,
        )
    except AccountError as error:
        return show_login(visit, username=name, error=error.message)
    if user.status is UserStatus.UNCONFIRMED:
        response = redirect(visit.url("/confirm"))
        visit.remember_pending(response, user)
        return response
    return await visit.finish(user)
