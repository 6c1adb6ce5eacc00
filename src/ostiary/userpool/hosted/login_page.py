"""The sign-in form, which other pages end at too."""

from __future__ import annotations

from starlette.responses import Response

from ostiary.userpool.hosted.engine import find_code_ways
from ostiary.userpool.hosted.visit import Visit


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
        code_ways=find_code_ways(visit),
        forgot_url=visit.url("/forgotPassword"),
        signup_url=None if closed else visit.url("/signup"),
    )
