"""
Signing in with an RBAC token or at a provider, and signing out.

Spec: portal §2.7; decisions 0041, 0047.
"""

from __future__ import annotations

import re
from typing import Final

from starlette.responses import Response

from ostiary.manager.config import Person
from ostiary.manager.forms import Sheet
from ostiary.manager.gate import TOO_MANY, read_address
from ostiary.manager.visit import Visit
from ostiary.ports.admin_client import Operator
from ostiary.web.replies import redirect

# No RBAC user has this id.
_NOBODY: Final = "00000000-0000-0000-0000-000000000000"
HOME: Final = "/workspaces"
# A page of ours, and nothing that a browser could read as another site's address.
_NEXT: Final = re.compile(r"/(?!/|auth/)[\w/.~%+ -]*")


def read_next(text: str) -> str:
    """The page that somebody came for; the first page for anything else."""
    return text if _NEXT.fullmatch(text) and text != "/" else HOME


def _show(visit: Visit, *, wanted: str, error: str = "", status: int = 200) -> Response:
    return visit.show(
        "manager-sign-in.html",
        status=status,
        sheet=Sheet(errors={"token": (error,)} if error else {}),
        next=read_next(wanted),
        may_sign_in=visit.gate.may_sign_in(visit.request),
        at_provider=visit.gate.reception is not None,
    )


async def get_sign_in(visit: Visit) -> Response:
    """Ask for the token."""
    if visit.person is not None or not visit.gate.asks:
        return redirect(read_next(visit.query("next")))
    return _show(visit, wanted=visit.query("next"))


async def post_sign_in(visit: Visit) -> Response:
    """Let in whoever has one."""
    wanted = visit.form.get("next")
    if visit.gate.reception is not None:
        return _show(visit, wanted=wanted, status=403)  # tokens are worth nothing here
    if not visit.gate.asks:
        return redirect(read_next(wanted))
    if not visit.gate.may_sign_in(visit.request):
        return _show(visit, wanted=wanted, status=403)
    found = await visit.gate.admit(
        visit.form.get("token"), address=read_address(visit.request)
    )
    if isinstance(found, str):
        if found != TOO_MANY:  # nobody fills the log faster than tokens may be guessed
            await tell_failure(visit)
        return _show(visit, wanted=wanted, error=found, status=403)
    response = redirect(read_next(wanted))
    await visit.gate.remember(visit.request, response, found)
    await tell_audit(visit, found, "GET")
    return response


async def get_sign_out(visit: Visit) -> Response:
    """Ask whether somebody is leaving."""
    return visit.show("manager-sign-out.html")


async def post_sign_out(visit: Visit) -> Response:
    """Forget the browser, and have the provider forget it where somebody signed in there."""
    hint = await visit.gate.end(visit.request)
    if visit.person is not None:
        await tell_audit(visit, visit.person, "DELETE")
    reception = visit.gate.reception
    away = None
    if reception is not None and visit.person is not None:
        away = await reception.goodbye(hint)
    if away is None:
        response = redirect("/auth/sign-in?done=signed-out")
    else:
        response = show_onward(visit, away, "You are signed out here")
    visit.gate.forget(visit.request, response)
    return response


def show_onward(visit: Visit, url: str, title: str) -> Response:
    """
    A page of ours that leads on by itself.

    No redirect: what comes from another site is not sent a cookie that is ours alone, and forms
    may not end at another site.
    """
    return visit.show("manager-onward.html", title=title, url=url)


async def tell_failure(visit: Visit) -> None:
    """Have the audit log say that somebody could not come in: `GET /auth` with 401."""
    operator = Operator(
        site="kong-manager",
        client_ip=read_address(visit.request) or "127.0.0.1",
        user=_NOBODY,
    )
    await visit.config.admin.call(operator, "GET", "/auth")


async def tell_audit(visit: Visit, person: Person, method: str) -> None:
    """Have the audit log say that somebody came (`GET /auth`) or went (`DELETE /auth`)."""
    operator = Operator(
        site="kong-manager",
        client_ip=read_address(visit.request) or "127.0.0.1",
        user=person.id,
        workspace=person.workspace,
    )
    query = {"session_logout": "true"} if method == "DELETE" else None
    await visit.config.admin.call(operator, method, "/auth", query=query)
