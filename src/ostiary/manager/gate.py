"""
Who may open the Manager: never more people than may use the Admin API.

Names that lead here and are not ours, and pages of other sites, get nothing. Where nobody signs in
only this machine is let in, unless the Admin API is open to other machines as well.

Spec: decisions D25 (hosts), 0041; Fetch Metadata §2.4.
"""

from __future__ import annotations

import ipaddress
import logging
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from ostiary.http.url import MalformedUrl, split_host
from ostiary.manager.attempts import Attempts
from ostiary.manager.config import (
    ManagerConfig,
    OpenDoor,
    Person,
    ProviderDoor,
    TokenDoor,
)
from ostiary.manager.provider import DEBUGGER, REGISTER, SIGN_IN
from ostiary.manager.reception import Reception
from ostiary.manager.sessions import SessionList, Sessions, name_session
from ostiary.web.cookies import delete_cookie, read_cookie, set_cookie

_LOG: Final = logging.getLogger(__name__)
# What proxies add: somebody else may be behind whoever asks.
_FORWARDED: Final = (
    "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via",
    "cf-connecting-ip", "true-client-ip",
)  # fmt: skip
TOO_MANY: Final = "Too many wrong tokens from your address. Wait, and try again."
UNKNOWN: Final = "This is not the token of an enabled RBAC user."
CLOSED: Final = (
    "Nobody signs in here (enforce_rbac is off), so the Manager answers only to browsers on the "
    "gateway's own machine. To open it to others, set enforce_rbac = on and password, and sign in "
    "with an RBAC token."
)
SHUT: Final = (
    "The Admin API listens nowhere (admin_listen is off) and nobody signs in (enforce_rbac is off), so "
    "the Manager is shut, too. Set enforce_rbac = on and password to sign in with an RBAC token."
)


class NotAdmitted(Exception):
    """The Manager does not answer this request. `can_follow`: a click on our own page helps."""

    code = "not_admitted"

    def __init__(self, text: str, *, can_follow: bool = False) -> None:
        super().__init__(text)
        self.can_follow = can_follow


def read_address(request: Request) -> str:
    """Where a request comes from; empty where the server does not say."""
    return request.client.host if request.client else ""


def is_loopback_address(address: str) -> bool:
    """Whether a peer is this machine."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return found.is_loopback or (mapped is not None and mapped.is_loopback)


def _admits_strangers(door: OpenDoor, request: Request) -> bool:
    """Whether other machines are let in at the address of ours that was connected to."""
    if not door.admits_strangers or door.only_at is None:
        return door.admits_strangers
    server = request.scope.get("server") or ("", None)
    return server[0] in door.only_at


def _is_loopback_host(host: str) -> bool:
    try:
        name = split_host(host)[0]
    except MalformedUrl:
        return False
    return (
        name == "localhost"
        or name.endswith(".localhost")
        or is_loopback_address(name.strip("[]"))
    )


def check_browser(request: Request, *, is_open: bool = False) -> None:
    """
    Refuse what another site's page asks for; a link that a person follows may pass with a click.

    Args:
        is_open: Whether people come from another site on purpose: sent back by their provider.

    Raises:
        NotAdmitted: It is one.
    """
    said = request.headers.get("sec-fetch-site")
    is_visit = (
        request.method == "GET" and request.headers.get("sec-fetch-mode") == "navigate"
    )
    if is_visit and is_open:
        return
    if said == "cross-site" or (said == "same-site" and not is_visit):
        text = "Another site led here. The Manager opens from its own pages only."
        raise NotAdmitted(text, can_follow=is_visit)
    if request.method == "GET" and "origin" in request.headers:
        raise NotAdmitted("Scripts of pages may not read the Manager.")


@dataclass(slots=True)
class Gate:
    """The door of one Manager."""

    config: ManagerConfig
    sessions: Sessions | None = field(init=False)
    # What the Admin API says of itself and that stays while the node runs: asked for once.
    known: dict[str, Any] = field(default_factory=dict, repr=False)
    _attempts: Attempts = field(default_factory=Attempts, repr=False)

    def __post_init__(self) -> None:
        door = self.config.door
        self.sessions = (
            None
            if isinstance(door, OpenDoor)
            else Sessions(self.config, door.people, SessionList(self.config.shared))
        )

    @property
    def reception(self) -> Reception | None:
        """Where admins sign in at their provider, if they do."""
        door = self.config.door
        return door.reception if isinstance(door, ProviderDoor) else None

    def is_answer(self, request: Request) -> bool:
        """Whether a provider sends somebody back with this request."""
        return self.reception is not None and self.reception.is_answer(request)

    @property
    def asks(self) -> bool:
        """Whether people sign in here."""
        return self.sessions is not None

    def is_exposed(self, request: Request) -> bool:
        """Whether somebody is let in from another machine without signing in."""
        return not self.asks and self._is_stranger(request)

    @staticmethod
    def _is_stranger(request: Request) -> bool:
        return not is_loopback_address(read_address(request)) or any(
            name in request.headers for name in _FORWARDED
        )

    def check(self, request: Request) -> None:
        """
        See that a request may be answered at all, signed in or not.

        Raises:
            NotAdmitted: It may not.
        """
        reason = self.config.guard.refuse_host(request.headers.get("host", ""))
        if reason is not None:
            raise NotAdmitted(f"{reason[:1].upper()}{reason[1:]}.")
        door = self.config.door
        if isinstance(door, OpenDoor) and door.is_shut:
            raise NotAdmitted(SHUT)
        if (
            isinstance(door, OpenDoor)
            and not _admits_strangers(door, request)
            and self._is_stranger(request)
        ):
            raise NotAdmitted(CLOSED)
        path = request.scope["path"]
        # After signing out the provider sends people there; a link may be in a mail.
        is_open = path in {REGISTER, DEBUGGER} or (
            self.reception is not None and path == SIGN_IN
        )
        check_browser(request, is_open=is_open or self.is_answer(request))

    def is_encrypted(self, request: Request) -> bool:
        """Whether the browser speaks TLS, with us or with what `admin_gui_url` says is before us."""
        if request.scope["scheme"] == "https":
            return True
        host = request.headers.get("host", "").lower()
        return self.config.home == f"https://{host}"

    def may_sign_in(self, request: Request) -> bool:
        """Whether a token can be typed here: never where a network could read it."""
        # A name such as `kong-ee` may lead to this machine by its hosts file.
        return (
            self.is_encrypted(request)
            or not self._is_stranger(request)
            or _is_loopback_host(request.headers.get("host", ""))
        )

    def cookie_name(self, request: Request) -> str:
        """What the cookie of a session is called."""
        return (
            "__Host-ostiary-manager"
            if self.is_encrypted(request)
            else "ostiary-manager"
        )

    async def knows(self, request: Request) -> Person | None:
        """Who has signed in with this browser. Raises SharedUnavailable."""
        if self.sessions is None:
            return None
        return await self.sessions.find(read_cookie(request, self.cookie_name(request)))

    def name_session(self, request: Request) -> str:
        """How a list of sessions calls that of a browser."""
        return name_session(read_cookie(request, self.cookie_name(request)) or "")

    async def admit(self, token: str, *, address: str) -> Person | str:
        """Whose token it is; else what to say."""
        door = self.config.door
        assert isinstance(door, TokenDoor)
        if not self._attempts.begin(address, now=self.config.clock.now()):
            _LOG.warning("the Manager: too many wrong tokens from %s", address)
            return TOO_MANY
        person = await door.people.find(token) if token else None
        if person is None:
            _LOG.warning("the Manager: a wrong token from %s", address)
            return UNKNOWN
        self._attempts.clear(address)
        _LOG.info("the Manager: %s signed in from %s", person.id, address)
        return person

    def count_attempt(self, address: str) -> bool:
        """Count a guess of a link; tell whether it may go on."""
        return self._attempts.begin(address, now=self.config.clock.now())

    def forget_attempt(self, address: str) -> None:
        """It was no guess."""
        self._attempts.clear(address)

    async def remember(
        self, request: Request, response: Response, person: Person, hint: str = ""
    ) -> None:
        """Sign a browser in; whatever session it had ends. Raises SharedUnavailable."""
        assert self.sessions is not None
        name = self.cookie_name(request)
        await self.sessions.end(read_cookie(request, name))
        set_cookie(
            response,
            name,
            await self.sessions.begin(person, hint),
            path="/",
            max_age_s=None,
            same_site="Strict",
            secure=self.is_encrypted(request),
        )

    async def end(self, request: Request) -> str:
        """End the session of a browser; its hint. Raises SharedUnavailable."""
        if self.sessions is None:
            return ""
        return await self.sessions.end(read_cookie(request, self.cookie_name(request)))

    def forget(self, request: Request, response: Response) -> None:
        """Let a browser forget its session, which has ended."""
        name = self.cookie_name(request)
        delete_cookie(
            response,
            name,
            path="/",
            same_site="Strict",
            secure=self.is_encrypted(request),
        )
