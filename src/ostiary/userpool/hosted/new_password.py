"""The page on which a temporary password is replaced, and missing attributes are given."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from ostiary.userpool import messages
from ostiary.userpool.accounts import check_password
from ostiary.userpool.auth.flows import respond
from ostiary.userpool.hosted.engine import build_request
from ostiary.userpool.hosted.fields import build_fields, read_fields
from ostiary.userpool.hosted.proceeding import (
    NEW_PASSWORD,
    begin_again,
    load_step,
    proceed,
)
from ostiary.userpool.hosted.step import Step
from ostiary.userpool.hosted.visit import Visit
from ostiary.userpool.refusal import AccountError

_MAY_TRY_AGAIN: Final = frozenset(
    {
        "InvalidPasswordException",
        "InvalidParameterException",
        "PasswordHistoryPolicyViolationException",
    }
)
_ABOUT_PASSWORD: Final = _MAY_TRY_AGAIN - {"InvalidParameterException"}


def _missing(visit: Visit, step: Step) -> tuple[str, ...]:
    has = step.user.attributes if step.user else {}
    return tuple(
        name
        for name in visit.site.pool.settings.required_attributes
        if not has.get(name)
    )


def _show(visit: Visit, step: Step, error: AccountError | None = None) -> Response:
    message = error.message if error else ""
    wrong = error.field if error else None
    about_password = error is not None and error.code in _ABOUT_PASSWORD
    fields = build_fields(visit, _missing(visit, step), wrong=wrong, message=message)
    named = about_password or any(f["error"] for f in fields)
    return visit.show(
        "new-password.html",
        action=visit.url(NEW_PASSWORD),
        step=step.mark,
        fields=fields,
        password_rules=visit.password_rules,
        start_over_action=visit.url("/startOver"),
        error="" if named else message,
        password_error=message if about_password else "",
    )


async def get_new_password(visit: Visit) -> Response:
    """Show the form."""
    step = await load_step(visit, NEW_PASSWORD)
    return step if isinstance(step, Response) else _show(visit, step)


def _check(visit: Visit, given: dict[str, str]) -> str:
    # Before the engine, which lets nobody try more than a few times.
    password = visit.form.get("password", "")
    if password != visit.form.get("confirmPassword", ""):
        raise AccountError("InvalidPasswordException", messages.PASSWORDS_DIFFER)
    check_password(visit.site.pool, password)
    for name, value in given.items():
        if not value:
            text = messages.NEW_PASSWORD_ATTRIBUTE.format(name)
            raise AccountError("InvalidParameterException", text, field=name)
    return password


async def post_new_password(visit: Visit) -> Response:
    """Set the new password, and go on."""
    step = await load_step(visit, NEW_PASSWORD)
    if isinstance(step, Response):
        return step
    given = read_fields(visit, _missing(visit, step))
    try:
        password = _check(visit, given)
        parameters = {
            "USERNAME": step.username,
            "NEW_PASSWORD": password,
            **{f"userAttributes.{name}": value for name, value in given.items()},
        }
        request = build_request(visit, parameters)
        outcome = await respond(request, step.state.asked, step.session)
    except AccountError as error:
        if error.code in _MAY_TRY_AGAIN:
            return _show(visit, step, error)
        return begin_again(visit, error)
    return await proceed(visit, outcome)
