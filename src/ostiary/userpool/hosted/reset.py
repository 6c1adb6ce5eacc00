"""
The pages for a forgotten password.

They answer alike for every name, so that nobody learns who has an account.
"""

from __future__ import annotations

import logging
from typing import Final

from starlette.responses import Response

from ostiary.model.pool import Pool
from ostiary.userpool import messages
from ostiary.userpool.hosted.login_page import show_login
from ostiary.userpool.hosted.visit import Visit
from ostiary.userpool.lookup import find_user
from ostiary.userpool.migration import migrate
from ostiary.userpool.recovery import reset_password, send_reset_code
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.services import Services

_log: Final = logging.getLogger(__name__)


def show_forgot(visit: Visit, *, error: str = "", status: int = 200) -> Response:
    """The form that asks for the name."""
    return visit.show(
        "forgot.html",
        status=status,
        action=visit.url("/forgotPassword"),
        username=visit.form.get("username", ""),
        error=error,
    )


def _show_reset(
    visit: Visit, *, error: str = "", password_error: str = "", status: int = 200
) -> Response:
    return visit.show(
        "reset.html",
        status=status,
        action=visit.url("/confirmforgotPassword"),
        username=visit.form.get("username", ""),
        error=error,
        password_error=password_error,
        password_rules=visit.password_rules,
    )


async def get_forgot(visit: Visit) -> Response:
    """Show the form that asks for the name."""
    return show_forgot(visit)


async def post_forgot(visit: Visit) -> Response:
    """Mail a code if there is someone to mail it to; look the same if not."""
    if not visit.is_own_form:
        return show_forgot(visit, error=messages.FORM_STALE, status=403)
    name = visit.form.get("username", "")
    # Not awaited: the time that looking up and mailing take would tell who exists.
    visit.services.errands.begin(
        _mail_reset(visit.services, visit.site.pool, name, visit.client.id)
    )
    return _show_reset(visit)


async def _mail_reset(
    services: Services, pool: Pool, name: str, client_id: str
) -> None:
    try:
        user = await find_user(services, pool, name) or await migrate(
            services, pool, name, password=None, client_id=client_id
        )
        if user is not None:
            await send_reset_code(services, pool, user, client_id=client_id)
    except AccountError as error:
        # Nowhere to send it, a limit, or a failure: each would tell that the user exists.
        _log.info("reset code not mailed: %s", error.code)


async def get_reset(visit: Visit) -> Response:
    """Show the form for the code and the new password."""
    return _show_reset(visit)


async def post_reset(visit: Visit) -> Response:
    """Set the new password, then ask to sign in with it."""
    if not visit.is_own_form:
        return _show_reset(visit, error=messages.FORM_STALE, status=403)
    password = visit.form.get("password", "")
    if password != visit.form.get("confirmPassword", ""):
        return _show_reset(visit, password_error=messages.PASSWORDS_DIFFER)
    name, pool = visit.form.get("username", ""), visit.site.pool
    try:
        await reset_password(
            visit.services,
            pool,
            await find_user(visit.services, pool, name),
            code=visit.form.get("confirmation_code", ""),
            password=password,
            client_id=visit.client.id,
        )
    except AccountError as error:
        if error.field == "password":
            return _show_reset(visit, password_error=error.message)
        return _show_reset(visit, error=visit.code_refusal(error))
    return show_login(visit, username=name, notice=messages.PASSWORD_CHANGED)
