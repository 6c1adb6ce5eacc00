"""
Steps of sign-in as replies of the portal.

Spec: oidc-plugin §18; portal §2.3.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, assert_never

from starlette.responses import JSONResponse, Response

from ostiary.http.head import Field
from ostiary.http.negotiate import is_navigation
from ostiary.pages import render_error
from ostiary.portal.chrome import STYLES, Chrome
from ostiary.signin.values import (
    Allowed,
    ConfirmLogout,
    Refused,
    Respond,
    SendAway,
    Step,
)
from ostiary.web.replies import page

_TEXTS: Final = {
    "login_failed": (
        "Sign-in failed",
        "The identity provider did not complete the sign-in. Nothing was changed; you can try again.",
    ),
    "login_expired": (
        "The sign-in took too long",
        "For your safety a started sign-in is valid for a short time only. Please start again.",
    ),
    "callback_mismatch": (
        "This sign-in does not belong here",
        "The answer from the identity provider does not match a sign-in that this browser started.",
    ),
    "provider_unreachable": (
        "The identity provider cannot be reached",
        "Sign-in needs the identity provider, and it does not answer as it should. Please try again in a moment.",
    ),
    "store_unavailable": (
        "Sign-in is not available right now",
        "Your session cannot be checked at the moment. Please try again in a few seconds.",
    ),
    "forbidden": (
        "You may not sign in here",
        "You are known to the identity provider, but lack something that this portal asks for.",
    ),
}
_OTHER: Final = (
    "Sign-in failed",
    "The sign-in could not be completed. Please try again; if that does not help, tell whoever runs this portal.",
)
CONFIRM: Final = "Another site asked to sign you out here. Nothing has happened yet."


def frame_page(body: bytes, chrome: Chrome, *, status: int = 200) -> Response:
    """A page of a portal: its own files, and forms that end in its own workspace."""
    return page(
        body,
        status=status,
        styles=STYLES,
        has_own_files=True,
        has_own_referrer=True,
        form_homes=chrome.form_homes,
    )


def add_fields(response: Response, fields: Iterable[Field]) -> Response:
    """The same with fields of sign-in."""
    response.raw_headers += [(name.lower(), value) for name, value in fields]
    return response


def carry_out(step: Step, *, wants_page: bool, home: str, request_id: str) -> Response:
    """
    A step that is not "let through" as a reply.

    Args:
        wants_page: Whether a person looks at it.
        home: Where a person goes on.
    """
    match step:
        case SendAway():
            response = Response(
                status_code=step.status,
                headers={
                    "Location": step.location,
                    "Cache-Control": "no-store",
                    "Referrer-Policy": "no-referrer",
                },
            )
            # The step says `no-store` as well.
            return add_fields(
                response, (f for f in step.fields if f[0].lower() == b"set-cookie")
            )
        case Respond():
            reply = Response(step.body, media_type="application/json")
            return add_fields(reply, step.fields)
        case ConfirmLogout():
            return page(
                render_error(
                    status=403,
                    title="Do you want to sign out?",
                    message=CONFIRM,
                    action_url=step.action,
                    action_label="Sign out" if step.action else None,
                    request_id=request_id,
                ),
                status=403,
            )
        case Refused():
            return _refuse(
                step, wants_page=wants_page, home=home, request_id=request_id
            )
        case Allowed():
            raise AssertionError("whoever is let in needs no reply of the door's")
        case _:
            assert_never(step)


def _refuse(step: Refused, *, wants_page: bool, home: str, request_id: str) -> Response:
    if wants_page:
        title, text = _TEXTS.get(step.code, _OTHER)
        body = render_error(
            status=step.status,
            title=title,
            message=text,
            action_url=step.login_url or home,
            action_label="Try again" if step.login_url else "Back to the portal",
            request_id=request_id,
        )
        response = page(body, status=step.status)
    else:
        told = {"message": step.message}
        if step.login_url:
            told["login_url"] = step.login_url
        response = JSONResponse(told, status_code=step.status)
        response.headers["Cache-Control"] = "no-store"
    if step.retry_after_s is not None:
        response.headers["Retry-After"] = str(step.retry_after_s)
    return add_fields(
        response, (f for f in step.fields if f[0].lower() == b"set-cookie")
    )


def looks_for_page(method: str, fields: Iterable[Field]) -> bool:
    """Whether a person looks at the answer (D9)."""
    return is_navigation(method.encode("ascii", "replace"), tuple(fields))
