"""
Logging out from elsewhere: the provider posts a logout token, and sessions end everywhere.

Nothing lists the sessions of a person. An order leaves a mark with its time in the node's shared
state, and a session that began before it, and carries that mark, opens nothing any more.

Spec: OpenID Connect Back-Channel Logout 1.0 §2.5-2.8; decision D14.
"""

from __future__ import annotations

import hashlib
import json

from ostiary.jose.errors import JoseError
from ostiary.oidc.errors import OidcError, TokenRefused
from ostiary.oidc.rp.logout_token import LogoutOrder, verify_logout_token
from ostiary.sessions.session import Session
from ostiary.signin import refusals
from ostiary.signin.arguments import Arguments
from ostiary.signin.issuer import Issuers
from ostiary.signin.live import ENDED_CHANNEL, Live
from ostiary.signin.party import Party
from ostiary.signin.storage import longest_use_s
from ostiary.signin.tokens import build_rules
from ostiary.signin.values import Refused, Respond, Toolbox

ARGUMENT = "logout_token"


def build_mark(party: Party, kind: str, value: str) -> str:
    """The name under which an order for a `sid` or a `sub` of a provider is known."""
    # Whoever takes another's keys for the issuer's is not heard by those who do not.
    text = f"{party.provider_key}\x00{kind}\x00{value}"
    return f"{kind}:{hashlib.sha256(text.encode()).hexdigest()[:40]}"


def read_marks(party: Party, session: Session) -> tuple[str, ...]:
    """The marks that orders of the provider for this session bear."""
    if not party.hears_logout:
        return ()
    named = (("sid", session.sid), ("sub", session.subject))
    return tuple(build_mark(party, kind, value) for kind, value in named if value)


class BackChannel:
    """Hears the provider's orders, for every party of a worker."""

    def __init__(self, tools: Toolbox, live: Live, issuers: Issuers) -> None:
        self._tools = tools
        self._live = live
        self._issuers = issuers

    async def run(self, party: Party, arguments: Arguments) -> Respond | Refused:
        """
        Carry out an order, or say why not. Never says whether anybody was logged in.

        Raises:
            ProviderUnavailable: The keys are not known and cannot be fetched.
            SharedUnavailable: The others could not be told.
        """
        tokens = [value for name, value in arguments.body if name == ARGUMENT]
        try:
            if len(tokens) != 1:
                raise TokenRefused("invalid_request", "logout_token is there twice")
            order = await self._verify(party, tokens[0])
            used = hashlib.sha256(f"{party.issuer}\x00{order.jti}".encode()).hexdigest()
            if await self._tools.shared.get(f"jti:{used}") is not None:
                raise TokenRefused("invalid_jti", "the logout token was used before")
        except (OidcError, JoseError) as error:
            self._tools.log("warn", f"back-channel logout refused: {error.detail}")
            return refusals.bad_logout_token(error.detail)
        # Ended first: an order that could not be carried out may be sent again.
        await self._end(party, order)
        ttl = max(1.0, order.ends_at - self._tools.clock.now())
        await self._tools.shared.set(f"jti:{used}", b"1", ttl_s=ttl)
        self._tools.log("info", "logged out by the provider")
        return Respond(body=b"", fields=(refusals.NO_STORE,))

    async def _verify(self, party: Party, token: str) -> LogoutOrder:
        provider = await self._issuers.load(party)
        rules = build_rules(party, provider)
        return await self._issuers.judge(
            party,
            provider,
            lambda keys: verify_logout_token(
                token, keys, rules, now=self._tools.clock.now()
            ),
        )

    async def _end(self, party: Party, order: LogoutOrder) -> None:
        """With a `sid` only that session of the provider ends, else all of the person (§2.7)."""
        kind = "sid" if order.sid is not None else "sub"
        value = order.sid if order.sid is not None else order.sub
        mark = build_mark(party, kind, value or "")
        shared, now = self._tools.shared, self._tools.clock.now()
        ttl = longest_use_s(party)
        await shared.set(f"ended:{mark}", json.dumps(now).encode(), ttl_s=ttl)
        self._live.forget_session(mark)
        await shared.publish(ENDED_CHANNEL, mark.encode())
