"""
Opening, renewing and ending sessions: cookies in, cookies out, with every worker agreeing.

Spec: oidc-plugin §10; decisions D6, D13, D14; security tests T-J12, T-K10.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from ostiary.http.cookies import build_delete_cookie, parse_cookies
from ostiary.http.head import Field, find_all
from ostiary.jose.encoding import encode_base64url
from ostiary.oidc.rp.tokens import TokenSet
from ostiary.sessions.cookie import chunk_names
from ostiary.sessions.keys import Sealer
from ostiary.sessions.session import (
    Session,
    SessionInvalid,
    check_session,
    decide_renewal,
    quiet_until,
    renew,
)
from ostiary.signin.backchannel import read_marks
from ostiary.signin.claims import Identity
from ostiary.signin.flow import note_cause
from ostiary.signin.issuer import Issuers
from ostiary.signin.live import ENDED_CHANNEL, Live, LiveSession, digest
from ostiary.signin.once import Once
from ostiary.signin.party import Party
from ostiary.signin.refresh import Refresher
from ostiary.signin.session_client import find_client
from ostiary.signin.storage import Read, Storage, longest_use_s, seconds_left
from ostiary.signin.tokens import TokenClient, read_claims
from ostiary.signin.values import Allowed, SigninRequest, Toolbox

# For how long a session is not looked at again: one in a store, and any.
LOCAL_S = 5.0
LISTED_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedSession:
    """
    A good session of this request; `must_save` when its cookie has to be written again.

    `remembered` is the persistent session that it was made from, where its own had ended.
    """

    session: Session
    identity: Identity
    marks: tuple[str, ...] = ()
    text: str | None = field(repr=False)
    must_save: bool = False
    has_new_tokens: bool = False
    remembered: Session | None = None
    ends_heard: int = -1


class SessionKeeper:
    """What one worker does with sessions."""

    def __init__(
        self,
        tools: Toolbox,
        once: Once,
        live: Live,
        issuers: Issuers,
        tokens: TokenClient,
    ) -> None:
        self._tools = tools
        self._live = live
        self._sealers: dict[bytes, Sealer] = {}
        self._storage = Storage(tools, self.sealer)
        self._refresher = Refresher(
            tools,
            once,
            issuers,
            tokens,
            sealer=self.sealer,
            reread=self._storage.reread,
            end=self.end,
        )

    def sealer(self, party: Party, purpose: bytes = b"ostiary session") -> Sealer:
        """The sealer of a party: the node's ring, or its own `session_secret`."""
        key = party.fingerprint + purpose
        if key not in self._sealers:
            self._sealers[key] = Sealer(party.own_ring or self._tools.ring, purpose)
        return self._sealers[key]

    async def open(
        self,
        request: SigninRequest,
        party: Party,
        cookies: Sequence[tuple[str, str]],
        *,
        refresh: bool = True,
    ) -> OpenedSession:
        """
        The request's session, its tokens refreshed when due (and when asked to).

        Raises:
            SessionInvalid: There is none, or it has ended.
            SharedUnavailable: That cannot be known now.
            ProviderUnavailable: A refresh is due and the provider cannot do it now.
        """
        ends_heard = self._live.ends_heard
        now = self._tools.clock.now()
        remembered = None
        try:
            found = await self._storage.read(request, party, cookies)
            session = found.session
            check_session(session, party.timeouts, now)
        except SessionInvalid as error:
            if party.remember_timeouts is None:
                raise
            found, remembered = await self._remember(request, party, cookies, error)
            session = found.session
        session = find_client(party, session)
        identity = self.identify(session)
        marks = self.marks(party, session)
        await self._check_ends(session, marks)
        kind = decide_renewal(session, party.timeouts, now)
        if "session" in (party.config.disable_session or ()):
            kind = "keep"
        current = renewed = renew(session, kind, now)
        if refresh:
            current = await self._refresher.refresh_if_due(party, current, now)
        if current is not renewed or self._live.ends_heard != ends_heard:
            # That took its time: whoever logged out meanwhile has logged out.
            ends_heard = self._live.ends_heard
            await self._check_ends(session, marks)
        return OpenedSession(
            session=current,
            identity=identity if current is session else self.identify(current),
            marks=marks,
            text=found.text if current is session and remembered is None else None,
            must_save=current != session or remembered is not None,
            has_new_tokens=current.access_token != session.access_token,
            remembered=remembered,
            ends_heard=ends_heard,
        )

    @staticmethod
    def marks(party: Party, session: Session) -> tuple[str, ...]:
        """What a session and its streams end by."""
        return (session.id, *read_marks(party, session))

    async def _remember(
        self,
        request: SigninRequest,
        party: Party,
        cookies: Sequence[tuple[str, str]],
        reason: SessionInvalid,
    ) -> tuple[Read, Session]:
        """
        A new session from the persistent one, and that one with its clock put forward.

        Raises:
            SessionInvalid: There is none, or it has ended too.
        """
        assert party.remember_timeouts is not None
        now = self._tools.clock.now()
        try:
            found = await self._storage.read(request, party, cookies, "remember")
        except SessionInvalid:
            raise reason from None
        check_session(found.session, party.remember_timeouts, now)
        # Before its time is made new: an order may have come since it began.
        marks = (found.session.id, *read_marks(party, found.session))
        await self._check_ends(found.session, marks)
        kept = replace(found.session, rolled_at=now, touched_at=now)
        fresh = replace(kept, created_at=now)
        return replace(found, session=fresh), kept

    async def _check_ends(self, session: Session, marks: tuple[str, ...]) -> None:
        """
        Ask whether it was ended: by its id, or by the provider after it had begun.

        Raises:
            SessionInvalid: It was.
            SharedUnavailable: That cannot be known now.
        """
        for mark in marks:
            found = await self._tools.shared.get(f"ended:{mark}")
            if found is None:
                continue
            # Whoever has a new session at the provider has another sid, but the same sub.
            by_person = mark.startswith("sub:")
            if not by_person or session.created_at <= json.loads(found):
                raise SessionInvalid("session was ended")

    @staticmethod
    def identify(session: Session) -> Identity:
        """Who a session is, from the tokens that were verified when it was made."""
        return Identity(
            access_token=session.access_token,
            access_claims=read_claims(session.access_token),
            id_token=session.id_token,
            id_claims=read_claims(session.id_token),
            refresh_token=session.refresh_token,
            session_id=session.id,
        )

    def new_session(
        self,
        tokens: TokenSet,
        *,
        subject: str,
        sid: str | None,
        client: int,
        method: str,
    ) -> Session:
        """A session that starts now. `sid` is the provider's name for its own."""
        now = self._tools.clock.now()
        return Session(
            id=encode_base64url(self._tools.entropy.bytes(32)),
            created_at=now,
            rolled_at=now,
            touched_at=now,
            subject=subject,
            sid=sid,
            method=method,
            client=client,
            access_token=tokens.access_token,
            id_token=tokens.id_token,
            refresh_token=tokens.refresh_token,
            expires_at=tokens.expires_at,
        )

    async def save(
        self, request: SigninRequest, party: Party, opened: OpenedSession
    ) -> tuple[Field, ...]:
        """
        Set-Cookie for a session that has changed.

        Raises:
            SessionTooLarge: It does not fit into nine cookies.
            SharedUnavailable: Its store cannot be written.
        """
        present = party.names(request.scheme).session_chunks
        session, kept = opened.session, opened.remembered
        fields = await self._storage.write(
            request,
            party,
            session,
            present,
            tokens=opened.has_new_tokens or kept is not None,
            starts=kept is not None,
        )
        if kept is None and opened.has_new_tokens and party.remember_timeouts:
            kept = await self._find_kept(request, party)
        if kept is None:
            return fields
        tokens = replace(session, created_at=kept.created_at, rolled_at=kept.rolled_at)
        remember = await self._storage.write(
            request, party, tokens, (), slot="remember"
        )
        return (*fields, *remember)

    async def _find_kept(self, request: SigninRequest, party: Party) -> Session | None:
        """The persistent session beside a session, which must learn of its new tokens."""
        cookies = parse_cookies(find_all(request.fields, b"cookie"))
        try:
            found = await self._storage.read(request, party, cookies, "remember")
        except SessionInvalid:
            return None
        return found.session

    async def start(
        self,
        request: SigninRequest,
        party: Party,
        session: Session,
        present: Collection[str],
    ) -> tuple[Field, ...]:
        """
        Set-Cookie for a new session, and removal of what the browser has of another.

        Raises:
            SessionTooLarge: It does not fit into nine cookies.
            SharedUnavailable: Its store cannot be written.
        """
        session = find_client(party, session)
        fields = await self._storage.write(request, party, session, present)
        if party.remember_timeouts is None:
            return fields
        remember = await self._storage.write(
            request, party, session, present, slot="remember"
        )
        return (*fields, *remember)

    @staticmethod
    def delete_cookies(
        party: Party, scheme: str, present: Collection[str] | None
    ) -> tuple[Field, ...]:
        """Set-Cookie that removes a session's cookies: those present, or the first when unknown."""
        names = party.names(scheme)
        known = names.session_chunks
        if party.remember_timeouts is not None:
            known += chunk_names(names.remember)
        wanted = known if present is None else [n for n in known if n in present]
        return tuple(
            (b"Set-Cookie", build_delete_cookie(n, names.session_attributes))
            for n in wanted
        )

    def give_up(
        self,
        request: SigninRequest,
        party: Party,
        cookies: Sequence[tuple[str, str]],
        reason: str,
    ) -> tuple[Field, ...]:
        """Set-Cookie for a session that was refused: its removal; why, if it had just begun."""
        if reason == "missing session cookie":
            return ()
        noted = note_cause(party.names(request.scheme), cookies, reason)
        if not party.config.unauthorized_destroy_session:
            return noted
        present = {name for name, _ in cookies}
        return (*self.delete_cookies(party, request.scheme, present), *noted)

    async def allow(
        self,
        request: SigninRequest,
        party: Party,
        opened: OpenedSession,
        admitted: Allowed,
    ) -> Allowed:
        """
        Let a session's request through; remember it when nothing has to be written.

        Raises:
            SessionInvalid: It was ended while its owner was being judged.
            SessionTooLarge, SharedUnavailable: As `save`.
        """
        if opened.ends_heard != self._live.ends_heard:
            await self._check_ends(opened.session, opened.marks)
        fields = admitted.downstream_fields
        if opened.must_save:
            fields += await self.save(request, party, opened)
        answer = replace(
            admitted,
            subject=opened.session.subject,
            session=opened.session,
            marks=opened.marks,
            downstream_fields=fields,
        )
        # An end that was heard since the session was looked up may have been this one's.
        if opened.ends_heard != self._live.ends_heard:
            return answer
        now = self._tools.clock.now()
        self._live.seen.note(
            party, opened.session, opened.identity, opened.marks, now=now
        )
        if (
            opened.text is not None
            and not party.is_bound
            and not party.asks_user_info
            and not opened.must_save
        ):
            key = digest(party.fingerprint, opened.text)
            # Other nodes may end it in its store; and whoever is here is listed as here.
            most = LISTED_S if party.store is None else LOCAL_S
            quiet = min(self._quiet_until(party, opened.session), now + most)
            self._live.sessions.put(
                key,
                LiveSession(
                    session=opened.session,
                    quiet_until=quiet,
                    consumers=request.consumers,
                    answer=answer,
                ),
            )
        return answer

    @staticmethod
    def _quiet_until(party: Party, session: Session) -> float:
        """Until when nothing is due: no check, no new cookie, no refresh."""
        quiet = quiet_until(session, party.timeouts)
        due = session.expires_at
        return quiet if due is None else min(quiet, due - party.config.leeway)

    async def end(
        self, party: Party, session: Session, *, for_good: bool = False
    ) -> None:
        """
        End a session everywhere: its cookie, though still sealed, opens nothing any more.

        With `for_good` not either where other clocks apply, now or after a change of this party's.

        Raises:
            SharedUnavailable: The others could not be told, or its record may still be there.
        """
        # No cookie of an ended session is renewed: the shortest clock from now on outlives all.
        now = self._tools.clock.now()
        ttl = longest_use_s(party) if for_good else seconds_left(party, session, now)
        if party.remember_timeouts is not None:
            ttl = max(ttl, seconds_left(party, session, now, "remember"))
        await self._tools.shared.set(f"ended:{session.id}", b"1", ttl_s=ttl)
        try:
            await self._storage.forget(party, session)
        finally:
            self._live.forget_session(session.id)
            await self._tools.shared.publish(ENDED_CHANNEL, session.id.encode())
