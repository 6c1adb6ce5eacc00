"""
The rules for a token one by one, for people: what was expected, what came, and whether it fits.

Nothing is decided here; `verify` decides. Texts and secrets of a token are never shown, only the
claims that rules are about.

Spec: OpenID Connect Core 1.0 §3.1.3.7, RFC 7519 §4.1, RFC 9068 §4.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from dataclasses import dataclass

from ostiary.jose.errors import JoseError
from ostiary.jose.jwt import TokenHeader, parse_header, read_unverified_claims
from ostiary.jose.keys import KeySet
from ostiary.oidc.claims import (
    Claims,
    is_same_issuer,
    read_audience,
    read_text,
    read_time,
)
from ostiary.oidc.errors import TokenRefused
from ostiary.oidc.rp.verify import (
    ACCESS_TYPES,
    Rules,
    check_at_hash,
    looks_like_access,
    verify_signature,
)

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


def _time(claims: Claims, name: str) -> float | None:
    try:
        return read_time(claims, name)
    except TokenRefused:
        return None


def check_claims(
    claims: Claims,
    rules: Rules,
    *,
    audience: tuple[str, ...],
    now: float,
    required: frozenset[str] = frozenset(),
) -> tuple[Check, ...]:
    """
    The issuer, the audience and the times of a token.

    Args:
        audience: Of whom one must be in `aud`; empty when nothing is asked of it.
        now: Unix time in seconds.
        required: Which of `iss`, `aud`, `exp` and `iat` must be there.
    """
    issuer = read_text(claims, "iss")
    is_ours = any(is_same_issuer(issuer or "", one) for one in rules.issuers)
    may_lack = "iss" not in claims and "iss" not in required
    found = [
        Check(
            name="iss",
            passed=may_lack if issuer is None else is_ours,
            expected=" or ".join(rules.issuers),
            got=_shown(claims.get("iss")),
        )
    ]
    if audience:
        found.append(_check_audience(claims, audience, alone="aud" not in required))
    return (*found, *_check_times(claims, rules, now, required))


def _check_audience(claims: Claims, audience: tuple[str, ...], *, alone: bool) -> Check:
    """With `alone`, `client_id` says for whom a token without `aud` was made."""
    try:
        present = read_audience(claims)
    except TokenRefused as error:
        return Check(
            name="aud", passed=False, expected=" or ".join(audience), got=error.detail
        )
    client = read_text(claims, "client_id")
    if present is None:
        return Check(
            name="aud",
            passed=alone and client in audience,
            expected=" or ".join(audience),
            got=f"nothing, client_id {_shown(client)}",
        )
    return Check(
        name="aud",
        passed=bool(set(present) & set(audience)),
        expected=" or ".join(audience),
        got=_shown(", ".join(present)),
    )


def _check_times(
    claims: Claims, rules: Rules, now: float, required: frozenset[str]
) -> Iterator[Check]:
    clock = f"our clock says {now:.0f}, leeway {rules.leeway_s:.0f} s"
    expires, issued, begins = (_time(claims, name) for name in ("exp", "iat", "nbf"))
    limits = (
        ("exp", expires, expires is not None and now < expires + rules.leeway_s, "later"),
        ("iat", issued, issued is not None and issued <= now + rules.leeway_s, "earlier"),
        ("nbf", begins, begins is not None and now >= begins - rules.leeway_s, "earlier"),
    )  # fmt: skip
    for name, value, passed, side in limits:
        if name not in claims and name not in required:
            continue
        got = "not a time" if name in claims else "nothing"
        if value is not None:
            got = f"{value:.0f} ({value - now:+.0f} s)"
        expected = f"{side} than now: {clock}"
        yield Check(name=name, passed=passed, expected=expected, got=got)


def check_signature(token: str, keys: KeySet, rules: Rules) -> Check:
    """Whether a key of the provider made the signature, and which."""
    expected = "made by a key of the provider"
    try:
        signed = verify_signature(token, keys, rules)
    except JoseError as error:
        return Check(
            name="signature", passed=False, expected=expected, got=error.detail
        )
    kid = "without a name" if signed.header.kid is None else _shown(signed.header.kid)
    got = f"made by the key {kid} (thumbprint {signed.key_thumbprint})"
    return Check(name="signature", passed=True, expected=expected, got=got)


def _read(token: str) -> tuple[TokenHeader, Claims] | Check:
    """What a token says of itself, without trust; or why nothing can be read."""
    try:
        return parse_header(token), read_unverified_claims(token)
    except JoseError as error:
        return Check(
            name="form", passed=False, expected="a signed JWT", got=error.detail
        )


def check_id_token(
    token: str,
    keys: KeySet,
    rules: Rules,
    *,
    client_id: str,
    nonce: str | None,
    access_token: str | None,
    now: float,
) -> tuple[Check, ...]:
    """
    Every rule of `verify.verify_id_token`, those after one that fails, too.

    All pass exactly where that lets the token through. What a nonce or a hash is stays untold.

    Args:
        nonce, access_token, now: As there.
    """
    read = _read(token)
    if isinstance(read, Check):
        return (read,)
    header, claims = read
    typ, use = header.typ, claims.get("token_use")
    found = [
        *check_key(token, keys, rules),
        check_signature(token, keys, rules),
        Check(
            name="typ",
            passed=not (typ or "jwt").lower().endswith("+jwt"),
            expected="JWT, or nothing",
            got=_shown(typ),
        ),
        *check_claims(
            claims,
            rules,
            audience=(client_id,),
            now=now,
            required=frozenset({"iss", "aud", "exp", "iat"}),
        ),
        Check(
            name="sub",
            passed=bool(read_text(claims, "sub")),
            expected="who the person is",
            got=_shown(claims.get("sub")),
        ),
        _check_party(claims, client_id),
    ]
    if "token_use" in claims:
        found.append(
            Check(name="token_use", passed=use == "id", expected="id", got=_shown(use))
        )
    if nonce is not None:
        found.append(
            _same("nonce", read_text(claims, "nonce"), nonce, "the one that was sent")
        )
    if rules.max_age_s is not None:
        found.append(_check_age(claims, rules, rules.max_age_s, now))
    if access_token is not None and "at_hash" in claims:
        # An algorithm without a hash of its own is not allowed, which is told above.
        fits = header.alg in rules.algorithms and check_at_hash(
            claims["at_hash"], access_token, header.alg
        )
        expected = "the hash of the access token"
        got = expected if fits else "another, or of another token"
        found.append(Check(name="at_hash", passed=fits, expected=expected, got=got))
    return tuple(found)


def _same(name: str, got: str | None, wanted: str, what: str) -> Check:
    """Compare two values that nobody needs to see."""
    passed = got is not None and hmac.compare_digest(got.encode(), wanted.encode())
    said = "nothing" if got is None else what if passed else "another one"
    return Check(name=name, passed=passed, expected=what, got=said)


def _check_party(claims: Claims, client_id: str) -> Check:
    """Of several audiences one must be named as the party that asked (Core §3.1.3.7, 4 and 5)."""
    party = claims.get("azp")
    try:
        several = len(read_audience(claims) or ()) > 1
    except TokenRefused:
        several = False
    return Check(
        name="azp",
        passed=not several if party is None else party == client_id,
        expected=client_id if several else f"{client_id}, or nothing",
        got=_shown(party),
    )


def _check_age(claims: Claims, rules: Rules, most_s: float, now: float) -> Check:
    signed_in = _time(claims, "auth_time")
    passed = signed_in is not None and now - signed_in <= most_s + rules.leeway_s
    got = "nothing" if signed_in is None else f"{now - signed_in:.0f} s ago"
    expected = f"a sign-in at most {most_s:.0f} s ago, leeway {rules.leeway_s:.0f} s"
    return Check(name="auth_time", passed=passed, expected=expected, got=got)


def check_access_token(
    token: str, keys: KeySet, rules: Rules, *, now: float
) -> tuple[Check, ...]:
    """
    Every rule of `verify.verify_access_token`, those after one that fails, too.

    All pass exactly where that lets the token through.
    """
    read = _read(token)
    if isinstance(read, Check):
        return (read,)
    header, claims = read
    judges = not rules.audiences_required and not rules.any_audience
    use, is_access = (
        claims.get("token_use"),
        looks_like_access(header.typ, claims, rules),
    )
    if judges and "aud" not in claims:
        is_access = is_access and claims.get("token_use", "access") == "access"
    return (
        *check_key(token, keys, rules),
        check_signature(token, keys, rules),
        Check(
            name="typ",
            passed=header.typ is None or header.typ.lower() in ACCESS_TYPES,
            expected=" or ".join(sorted(ACCESS_TYPES)),
            got=_shown(header.typ),
        ),
        Check(
            name="kind",
            passed=is_access,
            expected="an access token",
            got="an access token" if is_access else _tell_kind(claims, use),
        ),
        *check_claims(
            claims, rules, audience=rules.client_ids if judges else (), now=now
        ),
    )


def _tell_kind(claims: Claims, use: object) -> str:
    signs = [name for name in ("nonce", "at_hash") if name in claims]
    if use is not None and use != "access":
        return f"token_use {_shown(use)}"
    if signs:
        return f"an ID token: it has {' and '.join(signs)}"
    return "nothing that says so: neither typ at+jwt nor scope, client_id or token_use"
