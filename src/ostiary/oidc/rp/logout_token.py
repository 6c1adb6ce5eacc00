"""
Logout tokens: the provider says that somebody has logged out elsewhere.

Spec: OpenID Connect Back-Channel Logout 1.0 §2.4 (the token), §2.6 (its checks).
"""

from __future__ import annotations

from dataclasses import dataclass

from ostiary.jose.keys import KeySet
from ostiary.oidc.claims import read_audience, read_text, read_time
from ostiary.oidc.errors import TokenRefused
from ostiary.oidc.rp.verify import Rules, check_issuer, check_times, verify_signature

EVENT = "http://schemas.openid.net/event/backchannel-logout"
TYPES = frozenset({"logout+jwt", "application/logout+jwt", "jwt"})
MAX_AGE_S = 600
_WHAT = "logout token"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutOrder:
    """Whose sessions end: one of the provider's (`sid`), or all of a person (`sub`)."""

    sid: str | None
    sub: str | None
    jti: str
    ends_at: float


def _refuse(claim: str, why: str) -> TokenRefused:
    return TokenRefused(
        f"invalid_{claim}", f"invalid {claim} claim ({why}) was specified for {_WHAT}"
    )


def verify_logout_token(
    token: str, keys: KeySet, rules: Rules, *, now: float
) -> LogoutOrder:
    """
    What a logout token orders. Whether its `jti` was used before is for the caller to know.

    Raises:
        JoseError: The signature.
        TokenRefused: A claim; `code` is `invalid_<claim>`.
    """
    signed = verify_signature(token, keys, rules)
    claims = signed.claims
    if signed.header.typ is not None and signed.header.typ.lower() not in TYPES:
        raise TokenRefused("invalid_typ", f"the typ is not that of a {_WHAT}")
    check_issuer(claims, rules, _WHAT, required=True)
    if not set(read_audience(claims) or ()) & set(rules.client_ids):
        raise _refuse("aud", "has none of the configured client ids")
    issued = read_time(claims, "iat")
    if issued is None:
        raise _refuse("iat", "missing")
    expires = check_times(claims, rules, now, _WHAT, required=False)
    if issued < now - MAX_AGE_S - rules.leeway_s:
        raise _refuse("iat", "older than ten minutes")
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(EVENT), dict):
        raise _refuse("events", "is not a back-channel logout")
    if "nonce" in claims:
        raise _refuse("nonce", "must not be there")
    jti = read_text(claims, "jti")
    if not jti or len(jti) > 256:
        raise _refuse("jti", "missing or too long")
    sid, sub = read_text(claims, "sid"), read_text(claims, "sub")
    if not sid and not sub:
        raise _refuse("sub", "neither sub nor sid is there")
    latest = issued + MAX_AGE_S
    return LogoutOrder(
        sid=sid or None,
        sub=sub or None,
        jti=jti,
        ends_at=(latest if expires is None else max(latest, expires)) + rules.leeway_s,
    )
