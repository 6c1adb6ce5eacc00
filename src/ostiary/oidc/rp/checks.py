"""
The rules for a token one by one, for people: what was expected, what came, and whether it fits.

Nothing is decided here; `verify` decides. Texts and secrets of a token are never shown, only the
claims that rules are about.

Spec: OpenID Connect Core 1.0 §3.1.3.7, RFC 7519 §4.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ostiary.jose.errors import JoseError
from ostiary.jose.jwt import parse_header
from ostiary.jose.keys import KeySet
from ostiary.oidc.claims import is_same_issuer, read_audience, read_text, read_time
from ostiary.oidc.errors import TokenRefused
from ostiary.oidc.rp.verify import Rules

_SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One rule, and how it went."""

    name: str
    passed: bool
    expected: str
    got: str


def _shown(value: object) -> str:
    return "nothing" if value is None else str(value)[:_SHOWN]


def check_key(token: str, keys: KeySet, rules: Rules) -> tuple[Check, ...]:
    """Whether the algorithm is allowed and a key of the provider fits."""
    try:
        header = parse_header(token)
    except JoseError as error:
        return (
            Check(name="form", passed=False, expected="a signed JWT", got=error.detail),
        )
    known = ", ".join(_shown(key.kid) for key in keys.keys[:10]) or "none"
    return (
        Check(
            name="alg",
            passed=header.alg in rules.algorithms,
            expected=", ".join(sorted(rules.algorithms)),
            got=_shown(header.alg),
        ),
        Check(
            name="kid",
            passed=bool(keys.fitting(header.kid, header.alg)),
            expected=f"one of the provider's keys: {known}",
            got=_shown(header.kid),
        ),
    )


def _time(claims: Mapping[str, object], name: str) -> float | None:
    try:
        return read_time(claims, name)
    except TokenRefused:
        return None


def check_claims(
    claims: Mapping[str, object],
    rules: Rules,
    *,
    audience: tuple[str, ...],
    now: float,
) -> tuple[Check, ...]:
    """
    The issuer, the audience and the times of a token.

    Args:
        audience: Of whom one must be in `aud`; empty when nothing is asked of it.
        now: Unix time in seconds.
    """
    found = []
    issuer = read_text(claims, "iss")
    found.append(
        Check(
            name="iss",
            passed=issuer is None
            or any(is_same_issuer(issuer, i) for i in rules.issuers),
            expected=" or ".join(rules.issuers),
            got=_shown(claims.get("iss")),
        )
    )
    if audience:
        try:
            present = read_audience(claims) or ()
        except TokenRefused:
            present = ()
        alone = read_text(claims, "client_id")
        fits = bool(set(present) & set(audience)) or (not present and alone in audience)
        found.append(
            Check(
                name="aud",
                passed=fits,
                expected=" or ".join(audience),
                got=_shown(", ".join(present))
                if present
                else f"nothing, client_id {_shown(alone)}",
            )
        )
    clock = f"our clock says {now:.0f}, leeway {rules.leeway_s:.0f} s"
    expires, issued, begins = (_time(claims, name) for name in ("exp", "iat", "nbf"))
    limits = (
        ("exp", expires, expires is None or now < expires + rules.leeway_s, "later"),
        ("iat", issued, issued is None or issued <= now + rules.leeway_s, "earlier"),
        ("nbf", begins, begins is None or now >= begins - rules.leeway_s, "earlier"),
    )
    for name, value, passed, side in limits:
        if name in claims:
            got = (
                "not a time" if value is None else f"{value:.0f} ({value - now:+.0f} s)"
            )
            found.append(
                Check(
                    name=name,
                    passed=passed and value is not None,
                    expected=f"{side} than now: {clock}",
                    got=got,
                )
            )
    return tuple(found)
