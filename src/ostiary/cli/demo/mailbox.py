"""
The demo's mailbox: an SMTP server that keeps what it is sent, and pages that show it.

Nothing leaves the machine and nothing is stored: the last 200 mails stand in memory. Waiting
for a mail is a page too (`/wait`), so that neither people nor programs have to poll.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Final
from urllib.parse import urlencode

from aiosmtpd.smtp import SMTP, Envelope, Session
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ostiary.pages import render, render_error
from ostiary.web.replies import json_reply, page

KEPT: Final = 200
SIZE_LIMIT: Final = 1024 * 1024
WAIT_S: Final = 15.0
_CODE: Final = re.compile(r"(?<!\d)(?:\d{6}|\d{8})(?!\d)")
# A page elsewhere must not read codes by pointing a name of its own at this machine.
LOOPBACK_HOSTS: Final = ("127.0.0.1", "localhost", "*.localhost")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail as it arrived."""

    id: int
    sender: str
    recipients: tuple[str, ...]
    subject: str
    text: str
    html: str | None
    received_at: datetime

    @property
    def code(self) -> str | None:
        """The six digits that the mail carries, if it carries exactly one such number."""
        found = set(_CODE.findall(self.text))
        return found.pop() if len(found) == 1 else None

    def is_to(self, address: str) -> bool:
        """Tell whether the mail was sent to an address, in any spelling of its letters."""
        return any(r.casefold() == address.casefold() for r in self.recipients)


def _part(mail: EmailMessage, kind: str) -> str | None:
    found = mail.get_body((kind,))
    if found is None:
        return None
    try:
        content = found.get_content()
    except (LookupError, ValueError):
        # An unknown charset is no reason to lose the mail.
        payload = found.get_payload(decode=True)
        content = (
            payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
        )
    return str(content).replace("\r\n", "\n")


class Mailbox:
    """The last mails, and those who wait for the next."""

    def __init__(self, *, now: Callable[[], datetime] | None = None) -> None:
        self._now = now or (lambda: datetime.now(UTC))
        self._mails: deque[Mail] = deque(maxlen=KEPT)
        self._count = 0
        self._arrived = asyncio.Condition()

    @property
    def last_id(self) -> int:
        return self._count

    def list_mails(self, address: str | None = None) -> tuple[Mail, ...]:
        """The mails to an address, or all; newest first."""
        return tuple(
            m for m in reversed(self._mails) if address is None or m.is_to(address)
        )

    def find_mail(self, mail_id: int) -> Mail | None:
        return next((m for m in self._mails if m.id == mail_id), None)

    async def add(
        self, *, sender: str, recipients: tuple[str, ...], content: bytes
    ) -> Mail:
        """Keep a mail, and tell those who wait."""
        parsed = message_from_bytes(content, policy=policy.default)
        self._count += 1
        mail = Mail(
            id=self._count,
            sender=str(parsed.get("From", sender)),
            recipients=recipients,
            subject=str(parsed.get("Subject", "")) or "(no subject)",
            text=_part(parsed, "plain") or "",
            html=_part(parsed, "html"),
            received_at=self._now(),
        )
        async with self._arrived:
            self._mails.append(mail)
            self._arrived.notify_all()
        return mail

    async def wait(
        self, *, after: int, address: str | None, timeout_s: float
    ) -> Mail | None:
        """The newest mail after an id, as soon as there is one; None after the timeout."""

        def find() -> Mail | None:
            mails = self.list_mails(address)
            return mails[0] if mails and mails[0].id > after else None

        try:
            async with asyncio.timeout(timeout_s), self._arrived:
                return await self._arrived.wait_for(find)
        except TimeoutError:
            return None


class _Handler:
    """What the SMTP server does with a mail."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(  # noqa: N802 (the name that aiosmtpd calls)
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        content = envelope.content or b""
        await self._mailbox.add(
            sender=envelope.mail_from or "",
            recipients=tuple(envelope.rcpt_tos),
            content=content if isinstance(content, bytes) else content.encode(),
        )
        return "250 OK"


async def serve_smtp(
    mailbox: Mailbox, *, host: str = "127.0.0.1", port: int = 0
) -> asyncio.Server:
    """Start the SMTP server on the running loop; its socket tells the port when 0 is asked."""
    loop = asyncio.get_running_loop()

    def build() -> Any:  # Any: aiosmtpd has no types
        return SMTP(
            _Handler(mailbox),
            hostname="mailbox.localhost",
            ident="Ostiary demo mailbox",
            data_size_limit=SIZE_LIMIT,
            enable_SMTPUTF8=True,
            loop=loop,
        )

    return await loop.create_server(build, host, port)


def _to_ses(mail: Mail) -> dict[str, object]:
    return {
        "Id": str(mail.id),
        "Source": mail.sender,
        "Destination": {"ToAddresses": list(mail.recipients)},
        "Subject": mail.subject,
        "Body": {"text_part": mail.text, "html_part": mail.html},
        "Timestamp": mail.received_at.strftime("%Y-%m-%dT%H:%M:%S"),
    }


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else 0


class _Pages:
    """The mailbox's endpoints."""

    def __init__(
        self, mailbox: Mailbox, *, landing_url: str | None, wait_s: float
    ) -> None:
        self._mailbox = mailbox
        self._landing_url = landing_url
        self._wait_s = wait_s

    async def show_list(self, request: Request) -> Response:
        address = request.query_params.get("email") or None
        return page(
            render(
                "mailbox.html",
                mails=self._mailbox.list_mails(address),
                address=address or "",
                last_id=self._mailbox.last_id,
                waited="waited" in request.query_params,
                landing_url=self._landing_url,
            )
        )

    async def show_mail(self, request: Request) -> Response:
        mail = self._mailbox.find_mail(_number(request.path_params["mail_id"]))
        if mail is not None:
            body = render("mail.html", mail=mail, landing_url=self._landing_url)
            return page(body)
        body = render_error(
            status=404,
            title="This mail is not here",
            message=f"The mailbox keeps the last {KEPT} mails while the demo runs.",
            action_url="/",
            action_label="Open the mailbox",
            request_id="",
        )
        return page(body, status=404)

    async def wait(self, request: Request) -> Response:
        """Answer when a mail has come, by sending the browser to it."""
        address = request.query_params.get("email") or None
        mail = await self._mailbox.wait(
            after=_number(request.query_params.get("after")),
            address=address,
            timeout_s=self._wait_s,
        )
        again = {"waited": "1"} | ({"email": address} if address else {})
        location = f"/mails/{mail.id}" if mail else f"/?{urlencode(again)}"
        return Response(
            status_code=303,
            headers={"Location": location, "Cache-Control": "no-store"},
        )

    async def list_json(self, request: Request) -> Response:
        """The shape that stand-ins for Amazon SES answer with; oldest first, as they do."""
        address = request.query_params.get("email") or None
        mails = self._mailbox.list_mails(address)
        return json_reply({"messages": [_to_ses(m) for m in reversed(mails)]})


def mailbox_app(
    mailbox: Mailbox, *, landing_url: str | None = None, wait_s: float = WAIT_S
) -> Starlette:
    """The mailbox's pages, and its list for programs at `/_aws/ses`."""
    pages = _Pages(mailbox, landing_url=landing_url, wait_s=wait_s)
    return Starlette(
        routes=[
            Route("/", pages.show_list),
            Route("/wait", pages.wait),
            Route("/mails/{mail_id}", pages.show_mail),
            Route("/_aws/ses", pages.list_json),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=list(LOOPBACK_HOSTS))
        ],
    )
