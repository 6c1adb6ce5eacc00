"""The console's own sign-in and sign-out, and its mailbox."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from ostiary.userpool.console.forms import Form, Sheet
from ostiary.userpool.console.gate import is_loopback_name
from ostiary.userpool.console.visit import HOME, Visit
from ostiary.userpool.rates import read_address
from ostiary.web.replies import redirect

# A page of the console and nothing that a browser could read as another site's address.
_NEXT: Final = re.compile(r"/console(?:/[\w/-]*)?(?:\?[\w=&%.+:-]*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownMail:
    """A message that was kept."""

    recipient: str
    subject: str
    text: str
    at: float


def read_next(text: str) -> str:
    """The page that somebody came for; the first page for anything else."""
    return text if _NEXT.fullmatch(text) else HOME


def _show(visit: Visit, *, wanted: str, error: str = "", status: int = 200) -> Response:
    host = visit.request.headers.get("host", "")
    is_plain = visit.request.scope["scheme"] == "http" and not is_loopback_name(host)
    return visit.show(
        "console-sign-in.html",
        status=status,
        sheet=Sheet(form=Form(), errors={"token": error} if error else {}),
        next=read_next(wanted),
        in_the_clear=is_plain,
    )


async def get_sign_in(visit: Visit) -> Response:
    """Ask for the token."""
    if visit.is_known:
        return redirect(read_next(visit.query("next")))
    return _show(visit, wanted=visit.query("next"))


async def post_sign_in(visit: Visit) -> Response:
    """Let in whoever has it."""
    wanted = visit.form.get("next")
    if not visit.gate.asks:
        return redirect(read_next(wanted))
    refusal = visit.gate.admit(
        visit.form.get("token"), address=read_address(visit.request)
    )
    if refusal is not None:
        return _show(visit, wanted=wanted, error=refusal, status=403)
    response = redirect(read_next(wanted))
    visit.gate.remember(response)
    return response


async def get_sign_out(visit: Visit) -> Response:
    """Ask whether somebody is leaving."""
    return visit.show("console-sign-out.html")


async def post_sign_out(visit: Visit) -> Response:
    """Forget the browser."""
    response = redirect(f"{HOME}/sign-in?done=signed-out")
    await visit.gate.forget(visit.request, response)
    return response


async def get_mail(visit: Visit) -> Response:
    """The messages that a pool for tests has kept, the newest first."""
    tools = visit.services.config.testing
    kept = tools.outbox.find(to=None) if tools else []
    mails = [
        ShownMail(
            recipient=item.message.recipient,
            subject=item.message.subject,
            text=item.message.text,
            at=item.sent_at,
        )
        for item in reversed(kept)
    ]
    return visit.show("console-mail.html", mails=mails)
