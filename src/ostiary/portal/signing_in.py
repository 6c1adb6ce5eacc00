"""
Who signs in at the portal itself: by address and password, or by a key.

Whoever is wrong is told the same, after the same time: nobody learns which addresses are known.
What is known of a developer beyond that is told only to whoever has the right password.

Spec: portal §§1.2 (login attempts), 1.6 (`/auth`), 6.1 (enumeration); decision 0046.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Final

from starlette.requests import Request

from ostiary.http.head import Field
from ostiary.model.portal import Developer, DeveloperSecret, read_email
from ostiary.portal.accounts import TooOften
from ostiary.portal.config import Portal
from ostiary.portal.door import DoorClosed, Read, SignedIn
from ostiary.portal.familiar import Familiar
from ostiary.portal.hashing import Hashing, hash_key
from ostiary.portal.sessions import OwnSession, Sessions
from ostiary.ports.config_store import ConfigStore
from ostiary.ports.session_store import SessionStore
from ostiary.ports.shared import SharedUnavailable
from ostiary.web.buckets import Buckets, network_of

_LOG: Final = logging.getLogger("ostiary.portal")
# An office behind one address on a Monday morning, and not a program that guesses.
NETWORK_BURST: Final = 30
_NETWORK_PER_S: Final = 1 / 10
# Of one account from one network, and from all that it was never used from: guessing a password takes ages, its owner waits half a minute.
ACCOUNT_BURST: Final = 20
_ACCOUNT_PER_S: Final = 1 / 30
# Locked until the password is another: of an epoch, which ends then.
_NOBODY: Final = "nobody"
_LOCKED_FOR_S: Final = 10 * 366 * 24 * 3600.0


class SignIns:
    """Signs developers in and out of portals without a provider."""

    def __init__(
        self,
        store: ConfigStore,
        marks: SessionStore,
        sessions: Sessions,
        hashing: Hashing,
        now: Callable[[], float],
    ) -> None:
        self._store = store
        self._marks = marks
        self._sessions = sessions
        self._hashing = hashing
        self._now = now
        self._networks = Buckets(_NETWORK_PER_S, burst=NETWORK_BURST)
        self._accounts = Buckets(_ACCOUNT_PER_S, burst=ACCOUNT_BURST)
        self._pairs = Buckets(_ACCOUNT_PER_S, burst=ACCOUNT_BURST)
        self._familiar = Familiar()
        self._counting = asyncio.Lock()

    def count(self, portal: Portal, client_ip: str, account: str) -> None:
        """
        Count an attempt: of a network, and for an account, be there one or not.

        What strangers try does not stop networks from which the account was used.

        Raises:
            TooOften: There were too many.
        """
        now, network, whose = self._now(), network_of(client_ip), (portal.id, account)
        asked: list[tuple[Buckets, Hashable]] = [
            (self._networks, network),
            (self._pairs, (whose, network)),
        ]
        if not self._familiar.has(whose, network):
            asked.append((self._accounts, whose))
        for buckets, who in asked:
            if not buckets.take(who, now=now):
                raise TooOften(buckets.wait_s(who, now=now))

    async def check_password(
        self, portal: Portal, email: str, password: str, client_ip: str
    ) -> Developer | None:
        """
        The developer of an address and a password, whatever their status; None where it is wrong.

        Raises:
            TooOften: Somebody asks too often.
            StoreUnavailable, DoorClosed: It cannot be known now.
        """
        known = read_email(email.strip())
        self.count(portal, client_ip, known or "")
        rows = self._store.within(portal.id)
        found = (
            None if known is None else await rows.find("developers", {"email": known})
        )
        developer = found if isinstance(found, Developer) else None
        return await self._check(portal, developer, password, client_ip)

    async def check_old(
        self, portal: Portal, developer: Developer, password: str, client_ip: str
    ) -> bool:
        """
        Whether whoever is signed in knows their password; a wrong one counts as one at the door.

        Raises:
            TooOften, StoreUnavailable, DoorClosed: As `check_password`.
        """
        self.count(portal, client_ip, developer.email)
        return await self._check(portal, developer, password, client_ip) is not None

    async def _check(
        self, portal: Portal, developer: Developer | None, password: str, client_ip: str
    ) -> Developer | None:
        # For nobody the same is done as for somebody: time tells no more than the answer.
        where = {"developer": _NOBODY if developer is None else developer.id or ""}
        rows = self._store.within(portal.id)
        secret = await rows.find("developer_secrets", where)
        kept = secret.password if isinstance(secret, DeveloperSecret) else None
        may_try = await self._take_attempt(portal, developer)
        try:
            is_right = await self._hashing.is_right(password, kept)
        except asyncio.CancelledError:
            if may_try:
                with suppress(DoorClosed):
                    await self._give_back(portal, developer)
            raise
        except BaseException:
            # What was not judged was no wrong password; what is locked stays so.
            if may_try:
                await self._give_back(portal, developer)
            raise
        if developer is None or not is_right or not may_try:
            _LOG.info("a wrong password at the portal of %s", portal.name)
            return None
        await self._forget_attempts(portal, developer)
        self._familiar.remember((portal.id, developer.email), network_of(client_ip))
        return developer

    async def check_key(
        self, portal: Portal, key: str, client_ip: str
    ) -> Developer | None:
        """
        The developer of a key, whatever their status; None where there is none.

        Raises:
            TooOften, StoreUnavailable: As `check_password`.
        """
        self.count(portal, client_ip, f"key {network_of(client_ip)}")
        rows = self._store.within(portal.id)
        secret = await rows.find("developer_secrets", {"key": hash_key(key)})
        if not isinstance(secret, DeveloperSecret):
            _LOG.info("a wrong key at the portal of %s", portal.name)
            return None
        found = await rows.get("developers", secret.developer)
        return found if isinstance(found, Developer) else None

    async def _take_attempt(self, portal: Portal, developer: Developer | None) -> bool:
        """Count an attempt before it is made; False where the account is locked."""
        most = portal.own.attempts if portal.own is not None else 0
        if not most:
            return True
        key = _mark(developer)
        try:
            async with self._counting:
                said = await self._marks.get(key)
                before = int(said) if said is not None else 0
                # Written in any case: a locked account answers no sooner than others.
                more = str(min(before + 1, most)).encode()
                await self._marks.set(key, more, ttl_s=_LOCKED_FOR_S)
        except SharedUnavailable as error:
            raise DoorClosed(str(error)) from error
        return before < most

    async def _give_back(self, portal: Portal, developer: Developer | None) -> None:
        if portal.own is None or not portal.own.attempts:
            return
        key = _mark(developer)
        try:
            async with self._counting:
                said = await self._marks.get(key)
                left = str(max(int(said or 1) - 1, 0)).encode()
                await self._marks.set(key, left, ttl_s=_LOCKED_FOR_S)
        except SharedUnavailable as error:
            raise DoorClosed(str(error)) from error

    async def _forget_attempts(self, portal: Portal, developer: Developer) -> None:
        if portal.own is None or not portal.own.attempts:
            return
        try:
            await self._marks.delete(_mark(developer))
        except SharedUnavailable as error:
            raise DoorClosed(str(error)) from error

    async def begin(
        self, request: Request, portal: Portal, developer: Developer
    ) -> tuple[Field, ...]:
        """
        A session for whoever has just proven who they are, under a new id; its cookie.

        Raises:
            DoorClosed: It cannot be kept now.
        """
        await self._sessions.end(request, portal)
        _LOG.info(
            "developer %s signs in at the portal of %s", developer.id, portal.name
        )
        return (
            await self._sessions.begin(portal, developer.id or "", developer.epoch),
        )

    async def read(self, request: Request, portal: Portal) -> Read:
        """
        Who is signed in.

        Raises:
            DoorClosed: It cannot be known now.
        """
        session = await self._sessions.read(request, portal)
        return Read() if session is None else Read(who=_read_who(session))

    async def end(self, request: Request, portal: Portal) -> tuple[Field, ...]:
        """
        Sign out; what removes the cookie.

        Raises:
            DoorClosed: It cannot be done now.
        """
        return (await self._sessions.end(request, portal),)


def _mark(developer: Developer | None) -> str:
    """Where wrong attempts are counted: a new password begins a new epoch, and a new count."""
    if developer is None:
        return f"portal-attempts:{_NOBODY}"
    return f"portal-attempts:{developer.id}:{developer.epoch}"


def _read_who(session: OwnSession) -> SignedIn:
    return SignedIn(
        value=None,
        name=None,
        is_verified=True,
        session_id="",
        expires_at=session.expires_at,
        developer_id=session.developer,
        epoch=session.epoch,
    )
