"""
Sessions of developers who sign in at the portal itself: kept in the database, named by a cookie.

The cookie holds a random id and nothing else, the database only what is made of it with the
secret: who reads one cannot make the other. A session is of one workspace and of one epoch of its
developer; what changes the password begins the next epoch.

Spec: portal §§1.2 (portal_session_conf), 1.6 (`/auth`, `/session`); decision 0046.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Final

from starlette.requests import Request

from ostiary.http.cookies import (
    CookieAttributes,
    build_delete_cookie,
    build_set_cookie,
)
from ostiary.http.head import Field
from ostiary.jose.errors import BrokenSeal
from ostiary.jose.seal import NONCE_BYTES
from ostiary.portal.config import Portal
from ostiary.portal.door import COOKIE_PREFIX, DoorClosed
from ostiary.portal.session_conf import ABSOLUTE_S, SessionConf
from ostiary.ports.clock import Clock, Entropy
from ostiary.ports.session_store import ListedStore, SessionStore
from ostiary.ports.shared import SharedUnavailable
from ostiary.sessions.keys import KeyRing, Sealer
from ostiary.web.cookies import read_cookie

_PURPOSE: Final = b"portal session"
# What keys begin with, and nothing else does.
_START: Final = "portal:"
_ID_BYTES: Final = 32
_ID: Final = re.compile(rf"[0-9a-f]{{{2 * _ID_BYTES}}}")
# How often at most the database hears that a session is in use.
_KEEP_EVERY_S: Final = 60
_KEPT_TIMES: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSession:
    """
    A session: whose, of which epoch, and when it ends without another request. Unix seconds.

    `portal` is the id of its workspace; the key is bound to that as well.
    """

    developer: str
    epoch: int
    begun_at: float
    expires_at: float = 0.0
    portal: str = ""


class KeptSessions:
    """Which sessions there are, for whoever may end them."""

    def __init__(self, store: ListedStore, ring: KeyRing) -> None:
        self._store = store
        self._sealer = Sealer(ring, _PURPOSE)

    async def find_all(self, *, most: int) -> list[tuple[str, OwnSession]]:
        """
        Sessions by their keys; a key opens none, its id is in the developer's cookie alone.

        Raises:
            SharedUnavailable: The store does not answer.
        """
        found = []
        for key, sealed, ends in await self._store.records(_START, most=most):
            session = _open(self._sealer, key, sealed)
            if session is not None:
                found.append((key, replace(session, expires_at=ends)))
        return found

    async def end(self, key: str) -> None:
        """
        End one for its next request.

        Raises:
            SharedUnavailable: It may still be there.
        """
        await self._store.delete(key)


class Sessions:
    """The sessions of every portal that signs developers in itself."""

    def __init__(
        self, store: SessionStore, clock: Clock, entropy: Entropy, ring: KeyRing
    ) -> None:
        self._store = store
        self._clock = clock
        self._entropy = entropy
        self._sealer = Sealer(ring, _PURPOSE)
        self._kept: OrderedDict[str, float] = OrderedDict()

    async def begin(self, portal: Portal, developer: str, epoch: int) -> Field:
        """
        A new session under a new id, whatever cookie came along; its cookie.

        Raises:
            DoorClosed: It cannot be kept now.
        """
        conf = _conf(portal)
        identity = self._entropy.bytes(_ID_BYTES).hex()
        key = _key(portal, conf, identity)
        now = self._clock.now()
        record = json.dumps(
            {
                "developer": developer,
                "epoch": epoch,
                "begun_at": now,
                "portal": portal.id,
            }
        )
        nonce = self._entropy.bytes(NONCE_BYTES)
        sealed = self._sealer.seal(record.encode(), binding=key.encode(), nonce=nonce)
        try:
            await self._store.set(key, sealed, ttl_s=conf.idle_s)
        except SharedUnavailable as error:
            raise DoorClosed(str(error)) from error
        name, attributes = _cookie(portal, conf)
        return b"set-cookie", build_set_cookie(name, identity, attributes)

    async def read(self, request: Request, portal: Portal) -> OwnSession | None:
        """
        The session that a request names, None for none.

        Raises:
            DoorClosed: It cannot be known now.
        """
        conf = _conf(portal)
        if (key := _read_key(request, portal, conf)) is None:
            return None
        try:
            sealed = await self._store.get(key)
            found = None if sealed is None else _open(self._sealer, key, sealed)
            if found is None:
                return None
            left = found.begun_at + ABSOLUTE_S - self._clock.now()
            ttl_s = min(float(conf.idle_s), left)
            if ttl_s <= 0 or not await self._keep(key, ttl_s):
                return None
        except SharedUnavailable as error:
            raise DoorClosed(str(error)) from error
        return replace(found, expires_at=self._clock.now() + ttl_s)

    async def _keep(self, key: str, ttl_s: float) -> bool:
        """Let a session that is used live on; the database hears of it now and then."""
        now = self._clock.now()
        every = min(_KEEP_EVERY_S, ttl_s / 10)
        if now - self._kept.get(key, 0.0) < every:
            return True
        if not await self._store.keep(key, ttl_s=ttl_s):
            return False
        self._kept[key] = now
        self._kept.move_to_end(key)
        while len(self._kept) > _KEPT_TIMES:
            self._kept.popitem(last=False)
        return True

    async def end(self, request: Request, portal: Portal) -> Field:
        """
        End the session that a request names, if there is one; what removes its cookie.

        Raises:
            DoorClosed: It cannot be ended now.
        """
        conf = _conf(portal)
        if (key := _read_key(request, portal, conf)) is not None:
            try:
                await self._store.delete(key)
            except SharedUnavailable as error:
                raise DoorClosed(str(error)) from error
        return b"set-cookie", build_delete_cookie(*_cookie(portal, conf))


def _open(sealer: Sealer, key: str, sealed: bytes) -> OwnSession | None:
    try:
        opened = sealer.open(sealed, binding=key.encode())
    except BrokenSeal:
        return None  # of a key that is not in the ring any more
    return OwnSession(**json.loads(opened))


def _conf(portal: Portal) -> SessionConf:
    assert portal.own is not None
    return portal.own.session


def _cookie(portal: Portal, conf: SessionConf) -> tuple[str, CookieAttributes]:
    """The name and the attributes of a portal's cookie."""
    is_tls = portal.gui.startswith("https:")
    secure = is_tls if conf.cookie_secure is None else conf.cookie_secure
    name = conf.cookie_name
    if name is None:
        # Told apart by their names: two portals share a host, and all paths of it.
        own = hashlib.sha256(portal.id.encode()).hexdigest()[:8]
        is_host = secure and conf.cookie_domain is None
        name = f"{'__Host-' if is_host else ''}{COOKIE_PREFIX}{own}"
    return name, CookieAttributes(
        domain=conf.cookie_domain, secure=secure, same_site=conf.same_site
    )


def _read_key(request: Request, portal: Portal, conf: SessionConf) -> str | None:
    name, _ = _cookie(portal, conf)
    identity = read_cookie(request, name)
    if identity is None or not _ID.fullmatch(identity):
        return None
    return _key(portal, conf, identity)


def _key(portal: Portal, conf: SessionConf, identity: str) -> str:
    """What a session is kept under: of its workspace, its id and the operator's secret."""
    secret = (conf.secret or "").encode()
    digest = hmac.digest(secret or b"portal", f"{portal.id} {identity}".encode(), "sha256")  # fmt: skip
    return f"{_START}{digest.hex()}"
