"""The sign-up page, and the page for the mailed code that follows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from ostiary.model.pool import User, UserStatus
from ostiary.userpool import accounts, messages
from ostiary.userpool.accounts import Newcomer
from ostiary.userpool.delivery import choose_verification
from ostiary.userpool.hosted.sign_in import show_login
from ostiary.userpool.hosted.visit import PENDING, Visit
from ostiary.userpool.lookup import find_user
from ostiary.userpool.passwords import describe_policy
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.verification import send_confirmation
from ostiary.web.cookies import delete_cookie
from ostiary.web.replies import redirect

_AUTOCOMPLETE: Final = {
    "email": "email",
    "given_name": "given-name",
    "family_name": "family-name",
    "middle_name": "additional-name",
    "name": "name",
    "nickname": "nickname",
    "phone_number": "tel",
    "website": "url",
    "birthdate": "bday",
    "gender": "sex",
    "address": "street-address",
}
_TYPES: Final = {"email": "email", "phone_number": "tel", "website": "url"}


def field_name(attribute: str) -> str:
    """The form's name for an attribute, as automated clients know it."""
    return f"requiredAttributes[{attribute}]"


def _fields(visit: Visit, wrong: str | None, message: str) -> list[dict[str, object]]:
    settings = visit.site.pool.settings
    fields = [
        {
            "id": f"signUp-{attribute}",
            "name": field_name(attribute),
            "label": attribute.replace("_", " ").capitalize(),
            "type": _TYPES.get(attribute, "text"),
            "value": visit.form.get(field_name(attribute), ""),
            "autocomplete": _AUTOCOMPLETE.get(attribute, "off"),
            "error": message if wrong == attribute else "",
            "required": True,
        }
        for attribute in settings.required_attributes
    ]
    if settings.has_email_names:
        return sorted(fields, key=lambda f: f["name"] != field_name("email"))
    username: dict[str, object] = {
        "id": "signUpUsername",
        "name": "username",
        "label": "Username",
        "type": "text",
        "value": visit.form.get("username", ""),
        "autocomplete": "username",
        "error": message if wrong == "username" else "",
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
        password_rules=describe_policy(
            visit.site.pool.settings.Policies.PasswordPolicy
        ),
    )


async def get_signup(visit: Visit) -> Response:
    """Show the form."""
    return show_signup(visit)


def _attributes(visit: Visit) -> Mapping[str, str]:
    asked = visit.site.pool.settings.required_attributes
    given = {a: visit.form.get(field_name(a), "").strip() for a in asked}
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
    visit.remember_pending(response, user)
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
    return show_confirm(visit, user=await visit.read_pending())


async def post_confirm(visit: Visit) -> Response:
    """
    Check the code. The browser that signed up is signed in at once, by this very code.

    Any other browser only knows a name and a code, not the password, and must sign in. So
    must this one when someone else has used the code: whoever signs up with another
    person's address would be signed in as that person.
    """
    pending = await visit.read_pending()
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
    return await visit.finish(confirmed)


async def post_resend(visit: Visit) -> Response:
    """Mail a new code to the address this browser signed up with."""
    user = await visit.read_pending()
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
