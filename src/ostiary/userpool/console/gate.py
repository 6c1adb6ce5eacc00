"""
Who may open the console: this machine's own pages, or whoever has shown the token.

A name that leads here and is not ours, and a page of another site, get nothing (decision 0029).

Spec: Fetch Metadata §2.4; RFC 6265bis §4.1.3 (`__Host-`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import json
import logging
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from ostiary.http.url import MalformedUrl, split_host
from ostiary.jose.errors import JoseError
from ostiary.model.pool import Attempts
from ostiary.userpool import lockout
from ostiary.userpool.api.caller import check_host
from ostiary.userpool.api.errors import ApiError
from ostiary.userpool.config import ConsoleConfig, LoopbackOnly, TokenSignIn
from ostiary.userpool.identifiers import hash_token, new_uuid
from ostiary.userpool.services import Services
from ostiary.web.cookies import delete_cookie, read_cookie, set_cookie

COOKIE: Final = "__Host-console"
LIFETIME_S: Final = 8 * 3600
_PURPOSE: Final = "console session"
_KEPT: Final = 10_000
_log: Final = logging.getLogger(__name__)


class Refused(Exception):
    """The console does not answer this request; the text says why, `can_follow` whether a click helps."""

    code = "console_refused"

    def __init__(self, text: str, *, can_follow: bool = False) -> None:
        super().__init__(text)
        self.can_follow = can_follow


def is_loopback_name(host: str) -> bool:
    """Tell whether a Host can only mean this machine."""
    try:
        name, _ = split_host(host)
    except MalformedUrl:
        return False
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def check_browser(request: Request) -> None:
    """
    Refuse what another site's page asks for; a link that a person follows from a neighbour may pass.

    Raises:
        Refused: It is one.
    """
    said = request.headers.get("sec-fetch-site")
    is_visit = (
        request.method == "GET" and request.headers.get("sec-fetch-mode") == "navigate"
    )
    if said == "cross-site" or (said == "same-site" and not is_visit):
        text = "Another site led here. The console opens from its own pages only."
        raise Refused(text, can_follow=is_visit)
    if request.method == "GET" and "origin" in request.headers:
        raise Refused("Scripts of pages may not read the console.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    """A sign-in at the console, as its cookie tells of it."""

    id: str
    until: int

    @property
    def mark(self) -> str:
        """Under what the store knows that it was ended."""
        return hash_token(f"{_PURPOSE} {self.id}")


@dataclass(slots=True)
class Gate:
    """The door of one console."""

    services: Services
    config: ConsoleConfig
    _attempts: OrderedDict[str, Attempts] = field(
        default_factory=OrderedDict, repr=False
    )

    @property
    def asks(self) -> bool:
        """Whether people sign in here."""
        return isinstance(self.config.access, TokenSignIn)

    def check(self, request: Request) -> None:
        """
        See that a request may be answered at all, signed in or not.

        Raises:
            Refused: It may not.
        """
        host = request.headers.get("host", "")
        try:
            check_host(self.services.config, host)
        except ApiError as error:
            raise Refused(error.message) from error
        if isinstance(self.config.access, LoopbackOnly) and not is_loopback_name(host):
            raise Refused("Without sign-in the console answers loopback names only.")
        check_browser(request)

    def admit(self, given: str, *, address: str) -> str | None:
        """
        Let somebody in who shows the token; else say why not.

        Guesses cost time: after five at one address the wait doubles, up to 15 minutes.
        """
        access = self.config.access
        assert isinstance(access, TokenSignIn)
        now = self.services.now()
        if not self._begin_attempt(address, now):
            _log.warning("console: too many wrong tokens from %s", address)
            return "Too many wrong tokens. Please wait, and try again."
        if not hmac.compare_digest(given.encode(), access.token.encode()):
            _log.warning("console: a wrong token from %s", address)
            return "This is not the console's token."
        self._attempts.pop(address, None)
        _log.info("console: signed in from %s", address)
        return None

    def _begin_attempt(self, address: str, now: float) -> bool:
        before = self._attempts.pop(address, Attempts())
        self._attempts[address], allowed = lockout.begin_attempt(before, now=now)
        if len(self._attempts) > _KEPT:
            self._attempts.popitem(last=False)
        return allowed

    def remember(self, response: Response) -> None:
        """Sign a browser in for eight hours, or until the token changes."""
        until = int(self.services.now()) + LIFETIME_S
        session_id = new_uuid(self.services.config.entropy)
        text = json.dumps([until, self._token_mark(), session_id])
        sealed = self.services.vault.wrap(text.encode(), purpose=_PURPOSE)
        value = base64.urlsafe_b64encode(sealed).decode("ascii")
        set_cookie(response, COOKIE, value, path="/", max_age_s=LIFETIME_S)

    async def forget(self, request: Request, response: Response) -> None:
        """Sign a browser out: copies of its cookie are no good any more, at no process of the store."""
        session = self._read_session(request)
        if session is not None:
            await self.services.config.store.use_challenge(
                session.mark,
                expires_at=session.until,
                rule=lambda use: (replace(use, spent=True), None),
            )
        delete_cookie(response, COOKIE, path="/")

    async def knows(self, request: Request) -> bool:
        """Tell whether a browser is signed in, or need not be."""
        if isinstance(self.config.access, LoopbackOnly):
            return True
        session = self._read_session(request)
        if session is None:
            return False
        return not (await self.services.config.store.load_challenge(session.mark)).spent

    def _read_session(self, request: Request) -> _Session | None:
        """A browser's session, ended or not; None where its cookie is none of ours, or over."""
        cookie = read_cookie(request, COOKIE)
        try:
            sealed = base64.b64decode(cookie or "", altchars=b"-_", validate=True)
            text = self.services.vault.unwrap(sealed, purpose=_PURPOSE)
            until, mark, session_id = json.loads(text)
        except (JoseError, ValueError):
            return None
        stands = hmac.compare_digest(mark, self._token_mark())
        if not stands or self.services.now() >= until:
            return None
        return _Session(id=str(session_id), until=until)

    def _token_mark(self) -> str:
        access = self.config.access
        token = access.token if isinstance(access, TokenSignIn) else ""
        return hashlib.sha256(f"console {token}".encode()).hexdigest()
