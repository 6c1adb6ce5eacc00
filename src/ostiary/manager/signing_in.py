"""Signing in with an RBAC token, and signing out."""

from __future__ import annotations

import re
from typing import Final

from starlette.responses import Response

from ostiary.manager.forms import Sheet
from ostiary.manager.gate import read_address
from ostiary.manager.visit import Visit
from ostiary.web.replies import redirect

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
    )


async def get_sign_in(visit: Visit) -> Response:
    """Ask for the token."""
    if visit.person is not None or not visit.gate.asks:
        return redirect(read_next(visit.query("next")))
    return _show(visit, wanted=visit.query("next"))


async def post_sign_in(visit: Visit) -> Response:
    """Let in whoever has one."""
    wanted = visit.form.get("next")
    if not visit.gate.asks:
        return redirect(read_next(wanted))
    if not visit.gate.may_sign_in(visit.request):
        return _show(visit, wanted=wanted, status=403)
    found = await visit.gate.admit(
        visit.form.get("token"), address=read_address(visit.request)
    )
    if isinstance(found, str):
        return _show(visit, wanted=wanted, error=found, status=403)
    response = redirect(read_next(wanted))
    await visit.gate.remember(visit.request, response, found)
    return response


async def get_sign_out(visit: Visit) -> Response:
    """Ask whether somebody is leaving."""
    return visit.show("manager-sign-out.html")


async def post_sign_out(visit: Visit) -> Response:
    """Forget the browser."""
    response = redirect("/auth/sign-in?done=signed-out")
    await visit.gate.forget(visit.request, response)
    return response
