"""
The Developer Portal of a node: its two apps, what they work with, and their end.

Spec: architecture §4 (control serves the portal); portal §1.1.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from typing import Any, Final

from starlette.types import ASGIApp

from ostiary.adapters.app_clients import CognitoClients, Pool
from ostiary.adapters.fetch import AiohttpFetch
from ostiary.adapters.redis import RedisStores
from ostiary.adapters.smtp import SmtpMailer
from ostiary.adapters.system import SystemClock, SystemEntropy
from ostiary.admin.inside import InsideClient
from ostiary.node.behind import BehindProxies
from ostiary.node.client_keys import KeyFile
from ostiary.node.own_gateway import NodeGateway
from ostiary.node.role import FINISH_S, LEVELS, Orders
from ostiary.node.stores import LateSessions, LateStore
from ostiary.portal.accounts import Accounts
from ostiary.portal.api import create_api
from ostiary.portal.desk import Desk
from ostiary.portal.door import OWN_PLACE, Door
from ostiary.portal.gui import create_gui
from ostiary.portal.hashing import Hashing
from ostiary.portal.kept_mails import KeptMails
from ostiary.portal.library import Library
from ostiary.portal.mailed import MailedLinks
from ostiary.portal.outbox import Outbox
from ostiary.portal.pace import Pace
from ostiary.portal.sessions import KeptSessions, Sessions
from ostiary.portal.signing_in import SignIns
from ostiary.portal.site import Site
from ostiary.portal.tokens import MailedTokens
from ostiary.portal.tryit.sending import TryIt
from ostiary.ports.fetch import Fetch
from ostiary.ports.session_store import SessionStore, StorePlace
from ostiary.ports.shared import Shared
from ostiary.settings import Settings
from ostiary.signin.authenticate import Signin
from ostiary.signin.values import Toolbox

_LOG: Final = logging.getLogger("ostiary.portal")


def _log(level: str, line: str) -> None:
    _LOG.log(LEVELS[level], "%s", line)


class _Stores:
    """Opens the node's own database for sessions, and Redis where one is named."""

    def __init__(self, own: SessionStore, others: RedisStores) -> None:
        self._own = own
        self._others = others

    def open(self, place: StorePlace) -> SessionStore:
        return self._own if place == OWN_PLACE else self._others.open(place)


def _build_clients(settings: Settings, fetch: Fetch) -> CognitoClients | None:
    pool_id = settings.portal_user_pool_id
    if pool_id is None:
        return None
    region = pool_id.partition("_")[0]
    pool = Pool(
        url=settings.portal_user_pool_url
        or f"https://cognito-idp.{region}.amazonaws.com",
        pool_id=pool_id,
        access_key=settings.portal_user_pool_access_key,
        secret_key=settings.portal_user_pool_secret_key,
        scopes=settings.portal_user_pool_scopes,
    )
    return CognitoClients(pool, fetch, SystemClock().now)


def _build_mailer(settings: Settings) -> SmtpMailer:
    return SmtpMailer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        sender=settings.portal_emails_from or settings.smtp_sender,
        username=settings.smtp_username,
        password=settings.smtp_password,
        start_tls=settings.smtp_starttls or None,
        use_tls=settings.smtp_ssl,
    )


class NodePortal:
    """The portal as control runs it."""

    def __init__(self, orders: Orders, store: LateStore, shared: Shared) -> None:
        settings = orders.settings
        self._orders = orders
        self._store = store
        clock = SystemClock()
        trusted = settings.lua_ssl_trusted_certificate
        ca_file = None if trusted in {None, "system"} else trusted
        self._fetch = AiohttpFetch(ca_file=ca_file)
        self.app_clients = _build_clients(settings, self._fetch)
        self._redis = RedisStores(ca_file=ca_file)
        self._gateway = NodeGateway(settings, store, orders.prefix)
        mailer = _build_mailer(settings)
        marks = LateSessions(store, clock)
        self.kept_sessions = KeptSessions(marks, orders.ring)
        kept = KeptMails(marks, SystemEntropy(), orders.ring, node=orders.node_id)
        self._outbox = Outbox(mailer, kept=kept)
        self._hashing = Hashing(SystemEntropy())
        self._tokens = MailedTokens(orders.ring, clock.now)
        self.desk = Desk(
            settings, store, self._outbox, mailer,
            hashing=self._hashing, tokens=self._tokens,
        )  # fmt: skip
        self._signin = Signin(
            Toolbox(
                fetch=self._fetch,
                shared=shared,
                clock=clock,
                entropy=SystemEntropy(),
                ring=orders.ring,
                log=_log,
                stores=_Stores(marks, self._redis),
                client_keys=KeyFile(orders.prefix, orders.database_key),
            )
        )

    def sites(
        self, admin: ASGIApp
    ) -> Iterator[tuple[Any, list[tuple[str, socket.socket]]]]:
        """The apps and the sockets that they are served on; mails that were kept go out."""
        clock = SystemClock()
        library = Library(self._store)
        accounts = Accounts(InsideClient(admin), clock.now)
        self._outbox.start()
        marks = LateSessions(self._store, clock)
        sessions = Sessions(marks, clock, SystemEntropy(), self._orders.ring)
        site = Site(
            store=self._store,
            portals=self.desk,
            door=Door(self._signin),
            accounts=accounts,
            admin=InsideClient(admin),
            sign_ins=SignIns(self._store, marks, sessions, self._hashing, clock.now),
            mailed=MailedLinks(
                self._store, accounts, self.desk, self._tokens, clock.now
            ),
            pace=Pace(clock.now),
            clock=clock,
            entropy=SystemEntropy(),
            trying=TryIt(self._gateway, clock.now) if self._gateway.is_there else None,
        )
        for app, name in (
            (create_gui(site, library), "portal_gui"),
            (create_api(site, library), "portal_api"),
        ):
            behind = BehindProxies(app, self._orders.settings)
            yield behind, self._orders.take_sockets(name)

    def forget_sessions(self) -> None:
        """Look at every session anew: word of an end may have been missed."""
        self._signin.forget_sessions()

    async def close(self) -> None:
        """Let connections go."""
        await self._signin.close(FINISH_S)
        await self._outbox.close()
        await self._fetch.close()
        await self._gateway.close()
        await self._redis.close()
