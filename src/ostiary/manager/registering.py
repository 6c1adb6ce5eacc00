"""
Whoever was invited opens their link and chooses the token that they sign in with.

The page is open to everybody, and its link is what counts: it stands in the address and in a
hidden field, and in no log of ours.

Spec: portal §2.7 (`POST /admins/register`).
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from ostiary.manager.forms import Sheet
from ostiary.manager.gate import TOO_MANY, read_address
from ostiary.manager.visit import Visit
from ostiary.ports.admin_client import Operator
from ostiary.web.replies import redirect

_SIGN_IN: Final = "/auth/sign-in"
_UNLIKE: Final = "This is not the same."


def _show(
    visit: Visit, errors: Mapping[str, tuple[str, ...]] | None = None, status: int = 200
) -> Response:
    is_posted = visit.request.method == "POST"
    said = visit.form.get if is_posted else visit.query
    return visit.show(
        "manager-register.html",
        status=status,
        sheet=Sheet(errors=errors or {}),
        username=said("username"),
        link=said("token"),
        may_sign_in=visit.gate.may_sign_in(visit.request),
    )


async def get_register(visit: Visit) -> Response:
    """The form for a token of one's own."""
    if visit.gate.reception is not None or not visit.gate.asks:
        return redirect(_SIGN_IN)
    return _show(visit)


async def post_register(visit: Visit) -> Response:
    """Keep the token that somebody chose."""
    if visit.gate.reception is not None or not visit.gate.asks:
        return redirect(_SIGN_IN)
    if not visit.gate.may_sign_in(visit.request):
        return _show(visit, status=403)
    token, again = visit.form.text("password"), visit.form.text("again")
    if not hmac.compare_digest(token.encode(), again.encode()):
        return _show(visit, {"again": (_UNLIKE,)}, 400)
    address = read_address(visit.request)
    if not visit.gate.count_attempt(address):
        return _show(visit, {"": (TOO_MANY,)}, 403)
    body = {
        "username": visit.form.get("username"),
        "token": visit.form.get("token"),
        "password": token,
    }
    operator = Operator(site="kong-manager", client_ip=address or "127.0.0.1")
    reply = await visit.config.admin.call(
        operator, "POST", "/admins/register", body=body
    )
    if not reply.is_good:
        wrong = reply.fields.get("password")
        errors = {"password": (str(wrong),)} if wrong else {"": (reply.message,)}
        return _show(visit, errors, reply.status)
    visit.gate.forget_attempt(address)
    return redirect(f"{_SIGN_IN}?done=registered")
