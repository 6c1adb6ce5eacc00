"""The sign-up page, and the page for the mailed code that follows it."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from ostiary.model.pool import User, UserStatus
from ostiary.model.pool_settings import STANDARD_ATTRIBUTES, PoolSettings
from ostiary.userpool import accounts, messages
from ostiary.userpool.accounts import Newcomer
from ostiary.userpool.delivery import choose_verification
from ostiary.userpool.hosted.engine import finish_sign_up
from ostiary.userpool.hosted.fields import Field, build_fields, field_name, read_fields
from ostiary.userpool.hosted.login_page import show_login
from ostiary.userpool.hosted.pending import read_pending, remember_pending
from ostiary.userpool.hosted.proceeding import proceed
from ostiary.userpool.hosted.visit import PENDING, Visit
from ostiary.userpool.lookup import find_user
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.verification import send_confirmation
from ostiary.web.cookies import delete_cookie
from ostiary.web.replies import redirect


def _asked(settings: PoolSettings) -> tuple[str, ...]:
    """What the form asks for: an address stands for the name wherever it can be one."""
    wanted = {*settings.required_attributes}
    if settings.has_email_names:
        wanted.add("email")
    return tuple(name for name in STANDARD_ATTRIBUTES if name in wanted)


def _fields(visit: Visit, wrong: str | None, message: str) -> list[Field]:
    settings = visit.site.pool.settings
    fields = build_fields(visit, _asked(settings), wrong=wrong, message=message)
    if settings.has_email_names:
        return sorted(fields, key=lambda f: f["name"] != field_name("email"))
    username: Field = {
        "id": "signUpUsername",
        "name": "username",
        "label": visit.words.say("Username"),
        "type": "text",
        "value": visit.form.get("username", ""),
        "autocomplete": "username",
        "error": visit.words.say(message) if wrong == "username" else "",
        "required": True,
    }
    return [username, *fields]


def show_signup(
    visit: Visit, *, error: AccountError | None = None, status: int = 200
) -> Response:
    """The sign-up form, with what was wrong beside the field it is about."""
    wrong, message = (error.field, error.message) if error else (None, "")
    fields = _fields(visit, wrong, message)
    named = wrong == "password" or any(f["error"] for f in fields)
    return visit.show(
        "signup.html",
        status=status,
        action=visit.url("/signup"),
        fields=fields,
        error="" if named else message,
        password_error=message if wrong == "password" else "",
        password_rules=visit.password_rules,
    )


async def get_signup(visit: Visit) -> Response:
    """Show the form."""
    return show_signup(visit)


def _attributes(visit: Visit) -> Mapping[str, str]:
    given = read_fields(visit, _asked(visit.site.pool.settings))
    if visit.site.pool.settings.has_email_names and not given["email"]:
        given["email"] = visit.form.get("username", "").strip()
    return given


async def post_signup(visit: Visit) -> Response:
    """Store the user, mail a code, and go on to the page that asks for it."""
    if not visit.is_own_form:
        stale = AccountError("InvalidParameterException", messages.FORM_STALE)
        return show_signup(visit, error=stale, status=403)
    pool, attributes = visit.site.pool, _attributes(visit)
    by_email = pool.settings.has_email_names
    try:
        user = await accounts.sign_up(
            visit.services,
            pool,
            Newcomer(
                name=attributes["email"]
                if by_email
                else visit.form.get("username", ""),
                password=visit.form.get("password", ""),
                attributes=attributes,
                client_id=visit.client.id,
            ),
        )
    except AccountError as error:
        return show_signup(visit, error=error)
    try:
        await send_confirmation(visit.services, pool, user, client_id=visit.client.id)
    except AccountError as error:
        response = show_confirm(visit, user=user, error=error.message)
    else:
        response = redirect(visit.url("/confirm"))
    remember_pending(visit, response, user)
    return response


def show_confirm(
    visit: Visit,
    *,
    user: User | None,
    error: str = "",
    notice: str = "",
    status: int = 200,
) -> Response:
    """The form for the mailed code."""
    sent = choose_verification(visit.site.pool, user.attributes) if user else None
    return visit.show(
        "confirm.html",
        status=status,
        action=visit.url("/confirm"),
        resend_action=visit.url("/resendcode"),
        destination=sent.masked if sent else "",
        username=visit.form.get("username", ""),
        error=error,
        notice=notice,
    )


async def get_confirm(visit: Visit) -> Response:
    """Show the form."""
    return show_confirm(visit, user=await read_pending(visit))


async def post_confirm(visit: Visit) -> Response:
    """
    Check the code. The browser that signed up is signed in at once, by this very code.

    Any other browser only knows a name and a code, not the password, and must sign in. So
    must this one when someone else has used the code: whoever signs up with another
    person's address would be signed in as that person.
    """
    pending = await read_pending(visit)
    if not visit.is_own_form:
        return show_confirm(visit, user=pending, error=messages.FORM_STALE, status=403)
    if pending is not None and pending.status is not UserStatus.UNCONFIRMED:
        response = redirect(visit.url("/login"))
        delete_cookie(response, PENDING, path=visit.site.cookie_path)
        return response
    user = pending or await find_user(
        visit.services, visit.site.pool, visit.form.get("username", "")
    )
    try:
        confirmed = await accounts.confirm(
            visit.services,
            visit.site.pool,
            user,
            visit.form.get("code", ""),
            client_id=visit.client.id,
        )
    except AccountError as error:
        return show_confirm(visit, user=pending, error=visit.code_refusal(error))
    if pending is None or not confirmed.enabled:
        return show_login(visit, notice=messages.CONFIRMED)
    try:
        return await proceed(visit, await finish_sign_up(visit, confirmed))
    except AccountError as error:
        return show_login(visit, error=error.message)


async def post_resend(visit: Visit) -> Response:
    """Mail a new code to the address this browser signed up with."""
    user = await read_pending(visit)
    if not visit.is_own_form:
        return show_confirm(visit, user=user, error=messages.FORM_STALE, status=403)
    if user is None or user.status is not UserStatus.UNCONFIRMED:
        return redirect(visit.url("/login"))
    try:
        await send_confirmation(
            visit.services,
            visit.site.pool,
            user,
            source="ResendCode",
            client_id=visit.client.id,
        )
    except AccountError as error:
        return show_confirm(visit, user=user, error=error.message)
    return show_confirm(visit, user=user, notice=messages.CODE_SENT)
