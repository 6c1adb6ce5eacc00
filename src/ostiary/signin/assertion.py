"""
Signed assertions: how an upstream knows that it was this gateway that said who the user is.

Headers alone prove nothing to an upstream that others can reach. An assertion is a short-lived
JWT of this node for one service; it is signed once and used until it is nearly over.

Spec: RFC 7519 §4.1, RFC 8725 §3.8-3.11; security test T-F8.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from ostiary.jose.jwt import sign_jwt
from ostiary.jose.keys import PrivateKey
from ostiary.ports.clock import Clock

LIFETIME_S = 300
RENEW_BEFORE_S = 60
MAX_KEPT = 4096
TYPE = "ostiary-assertion+jwt"
_Key = tuple[str, str, str, str | None]


class Assertions:
    """Makes the assertions of one node. `issuer` names it."""

    def __init__(self, key: PrivateKey, *, issuer: str, clock: Clock) -> None:
        self._key = key
        self._issuer = issuer
        self._clock = clock
        self._kept: OrderedDict[_Key, tuple[float, bytes]] = OrderedDict()

    def sign(
        self, *, subject: str, audience: str, method: str, session_id: str | None
    ) -> bytes:
        """
        An assertion about a user for one service.

        Args:
            audience: The service's id.
            method: How the user was authenticated, `session` or `bearer`.
        """
        now = self._clock.now()
        name = (subject, audience, method, session_id)
        found = self._kept.get(name)
        if found is not None and now < found[0]:
            return found[1]
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "aud": audience,
            "sub": subject,
            "iat": int(now),
            "exp": int(now) + LIFETIME_S,
            "auth_method": method,
        }
        if session_id is not None:
            claims["sid"] = session_id
        made = sign_jwt(claims, self._key, typ=TYPE).encode("ascii")
        self._kept.pop(name, None)
        self._kept[name] = (now + LIFETIME_S - RENEW_BEFORE_S, made)
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        return made
