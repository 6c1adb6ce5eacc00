"""
Refreshing the tokens of a session: one worker asks the provider, all take what it got.

A refresh token that is rotated works once. What came back is kept for a while under the session
and the token that was used, sealed: for the other tabs, for other workers, and for the person
whose browser went away before the answer. Whoever is told that a token has been used waits for
what it was changed into, before anybody is signed out.

Spec: oidc-plugin §9.8 and §10; decision D6; OpenID Connect Core 1.0 §12; RFC 9700 §4.14.2.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import replace

from ostiary.jose.errors import BrokenSeal, JoseError
from ostiary.oidc.errors import OidcError, ProviderError, TokenRefused
from ostiary.oidc.rp.tokens import TokenSet
from ostiary.ports.fetch import FetchFailed
from ostiary.ports.shared import SharedUnavailable
from ostiary.sessions.keys import Sealer
from ostiary.sessions.session import (
    Session,
    SessionInvalid,
    dump_session,
    load_session,
)
from ostiary.signin.issuer import Issuers, Provider, ProviderUnavailable
from ostiary.signin.live import Bounded
from ostiary.signin.once import Once, StillWaiting, patience_s
from ostiary.signin.party import Party
from ostiary.signin.session_client import find_client
from ostiary.signin.tokens import Granted, TokenClient
from ostiary.signin.values import Toolbox

KEPT_S = 300
HOPS = 100  # of tokens that last for 3 s, so many have been kept at most
MAX_UNKEPT = 1024
REREADS = 5
REREAD_AFTER_S = 0.2
_PURPOSE = b"ostiary refreshed"
_REFUSED = b"refused"


class Refresher:
    """
    Refreshes the sessions of every party of a worker.

    `reread` tells what a session's store has of it now, `end` ends one everywhere.
    """

    def __init__(
        self,
        tools: Toolbox,
        once: Once,
        issuers: Issuers,
        tokens: TokenClient,
        *,
        sealer: Callable[[Party, bytes], Sealer],
        reread: Callable[[Party, Session], Awaitable[Session | None]],
        end: Callable[[Party, Session], Awaitable[None]],
    ) -> None:
        self._tools = tools
        self._issuers = issuers
        self._tokens = tokens
        self._sealer = sealer
        self._reread = reread
        self._end = end
        self._once = once
        # Until when, and what: results that the node's shared state did not take.
        self._unkept: Bounded[tuple[float, bytes]] = Bounded(MAX_UNKEPT)

    async def refresh_if_due(
        self, party: Party, session: Session, now: float
    ) -> Session:
        """
        The session, with new tokens when the access token is over or nearly so.

        Raises:
            SessionInvalid: It is over and cannot be refreshed, or the provider refused for good.
            ProviderUnavailable: A refresh is due and the provider cannot do it now.
            SharedUnavailable: The node's shared state is away.
        """
        due = session.expires_at
        if due is None:
            return session
        leeway = party.config.leeway
        if session.refresh_token is None or not party.config.refresh_tokens:
            if now >= due + leeway:
                raise SessionInvalid(
                    "the access token has expired and cannot be refreshed"
                )
            return session
        if now < due - leeway:
            return session
        found = session
        try:
            for _ in range(HOPS):
                found = await self._refresh_once(party, found)
                # Whoever refreshed it may have had another configuration.
                found = find_client(party, found)
                if found.rolled_at >= now or not _is_over(party, found, now):
                    break  # what was kept of an earlier refresh may be over by now
        except ProviderUnavailable:
            if now < due + leeway:
                return session  # early by the leeway: the token still works
            raise
        if _is_over(party, found, now):
            raise SessionInvalid("the access token has expired and cannot be refreshed")
        return found

    async def _refresh_once(self, party: Party, session: Session) -> Session:
        named = f"{session.id}\x00{session.refresh_token}".encode()
        mark = hashlib.sha256(named).hexdigest()[:40]
        # Before the lease: the others need not wait for what everybody can load.
        provider = await self._issuers.load(party)
        try:
            return await self._once.do(
                f"refreshing:{mark}",
                look=lambda: self._look(party, session, mark),
                make=lambda: self._refresh(party, provider, session, mark),
                wait_s=patience_s(party),
            )
        except StillWaiting as error:
            raise ProviderUnavailable(str(error)) from error

    async def _look(self, party: Party, session: Session, mark: str) -> Session | None:
        found = await self._tools.shared.get(f"refreshed:{mark}")
        if found is None and (found := self._find_unkept(mark)) is None:
            return None
        if found == _REFUSED:
            raise SessionInvalid("the refresh was refused")
        try:
            sealer = self._sealer(party, _PURPOSE)
            kept = load_session(sealer.open(found, binding=mark.encode()))
        except BrokenSeal as error:
            raise SessionInvalid("invalid refreshed session") from error
        # A token that is not rotated has been used and can be used again.
        is_rotated = kept.refresh_token != session.refresh_token
        if not is_rotated and _is_over(party, kept, self._tools.clock.now()):
            return None
        return kept

    def _find_unkept(self, mark: str) -> bytes | None:
        ends, sealed = self._unkept.get(mark.encode()) or (0, None)
        return sealed if self._tools.clock.now() < ends else None

    async def _refresh(
        self, party: Party, provider: Provider, session: Session, mark: str
    ) -> Session:
        shared, now = self._tools.shared, self._tools.clock.now()
        try:
            tokens = (await self._ask(party, provider, session)).tokens
        except ProviderError as error:
            if error.error != "invalid_grant":
                # Too many requests, a wrong secret: no reason to sign anybody out.
                raise ProviderUnavailable(
                    f"the refresh failed: {error.detail}"
                ) from error
            theirs = await self._find_theirs(party, session, mark)
            if theirs is not None:
                return await self._keep(party, theirs, mark)
            self._tools.log("info", f"the refresh was refused: {error.detail}")
            await shared.set(f"refreshed:{mark}", _REFUSED, ttl_s=KEPT_S)
            await self._end(party, session)
            raise SessionInvalid("the refresh was refused") from error
        except TokenRefused as error:
            self._tools.log(
                "error", f"the refreshed tokens were refused: {error.detail}"
            )
            raise SessionInvalid("the refreshed tokens were refused") from error
        except (OidcError, JoseError, FetchFailed) as error:
            detail = error.reason if isinstance(error, FetchFailed) else error.detail
            raise ProviderUnavailable(f"the refresh failed: {detail}") from error
        fresh = replace(
            session,
            rolled_at=now,
            touched_at=now,
            access_token=tokens.access_token,
            id_token=tokens.id_token,
            refresh_token=tokens.refresh_token,
            expires_at=tokens.expires_at,
        )
        return await self._keep(party, fresh, mark)

    async def _keep(self, party: Party, fresh: Session, mark: str) -> Session:
        """
        The refreshed session, left where `_look` finds it.

        Where the others cannot have it, this worker does: the token that was sent is used up.
        """
        sealed = self._sealer(party, _PURPOSE).seal(
            dump_session(fresh),
            binding=mark.encode(),
            nonce=self._tools.entropy.bytes(12),
        )
        try:
            await self._tools.shared.set(f"refreshed:{mark}", sealed, ttl_s=KEPT_S)
        except SharedUnavailable as error:
            self._tools.log("error", f"a refreshed session was not kept: {error}")
            ends = self._tools.clock.now() + KEPT_S
            self._unkept.put(mark.encode(), (ends, sealed))
        return fresh

    async def _find_theirs(
        self, party: Party, session: Session, mark: str
    ) -> Session | None:
        """
        What somebody else has got, who used the token first.

        Another worker, whose lease was lost; another node on the same store.
        """
        for _ in range(REREADS):
            if (kept := await self._look(party, session, mark)) is not None:
                return kept
            stored = await self._reread(party, session)
            if stored is not None and stored.refresh_token != session.refresh_token:
                return stored
            await asyncio.sleep(REREAD_AFTER_S)  # it may be about to write it down
        return None

    async def _ask(self, party: Party, provider: Provider, session: Session) -> Granted:
        client = party.client(session.client)
        if client is None:
            raise SessionInvalid("the session's client is not configured any more")
        old = TokenSet(
            access_token=session.access_token,
            expires_at=session.expires_at,
            id_token=session.id_token,
            refresh_token=session.refresh_token,
        )
        return await self._tokens.refresh(party, provider, client, old)


def _is_over(party: Party, session: Session, now: float) -> bool:
    ends = session.expires_at
    return ends is not None and now >= ends + party.config.leeway
