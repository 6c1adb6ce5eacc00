"""
Claims that the provider tells when asked about a token: introspection and user info.

Both may come as plain JSON or inside a JWT that the provider signed.

Spec: RFC 7662 §2, RFC 9701 §5, OpenID Connect Core 1.0 §5.3.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ostiary.http.exchange import IncomingReply, OutgoingRequest
from ostiary.http.forms import Pairs, add_query
from ostiary.jose.encoding import parse_json_object
from ostiary.jose.errors import JoseError
from ostiary.jose.jwt import is_compact_jws
from ostiary.jose.keys import KeySet
from ostiary.oidc.claims import Claims, read_audience, read_text, read_time
from ostiary.oidc.errors import MalformedReply, TokenRefused
from ostiary.oidc.rp.client_auth import TextFields
from ostiary.oidc.rp.verify import Rules, check_issuer, check_times, verify_signature

MAX_REPLY_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldClaims:
    """
    What an endpoint told about a token. `jwt` is the signed form it came in, if it did.

    `kept_until` is when the endpoint is asked again (Unix time).
    """

    claims: Claims = field(repr=False)
    expires_at: float | None
    jwt: str | None = field(default=None, repr=False)
    kept_until: float = 0.0


def introspection_request(
    *, token: str, hint: str | None, name: str = "token"
) -> list[tuple[str, str]]:
    """The question about a token (RFC 7662 §2.1)."""
    pairs = [(name, token)]
    return [*pairs, ("token_type_hint", hint)] if hint else pairs


def userinfo_request(
    endpoint: str,
    *,
    access_token: str,
    accept: str = "application/json",
    extra: Pairs = (),
    fields: TextFields = (),
) -> OutgoingRequest:
    """The question about the person of an access token (Core §5.3.1)."""
    own = (("Accept", accept), ("Authorization", f"Bearer {access_token}"))
    replaced = {name.lower() for name, _ in fields}
    return OutgoingRequest(
        method="GET",
        url=add_query(endpoint, extra),
        fields=(*((k, v) for k, v in own if k.lower() not in replaced), *fields),
    )


def _read(
    reply: IncomingReply, what: str, keys: KeySet, rules: Rules
) -> tuple[Claims, str | None]:
    """The claims of a reply, the signature of a signed one verified."""
    if reply.status != 200:
        raise MalformedReply(
            f"invalid status code received from the {what} endpoint ({reply.status})"
        )
    if len(reply.body) > MAX_REPLY_BYTES:
        raise MalformedReply(f"the {what} reply is over 256 KB")
    text = reply.body.strip().decode("ascii", "replace")
    kind = reply.fields.get("content-type", "").partition(";")[0].strip().lower()
    # A JWT without its media type is taken too; an object with two dots in it is none.
    is_signed = kind.endswith("jwt") or (
        kind != "application/json" and not text.startswith("{") and is_compact_jws(text)
    )
    if is_signed:
        return verify_signature(text, keys, rules).claims, text
    try:
        return parse_json_object(reply.body), None
    except JoseError as error:
        raise MalformedReply(f"the {what} reply is {error.detail}") from error


def read_introspection(
    reply: IncomingReply,
    keys: KeySet,
    rules: Rules,
    *,
    now: float,
    check_active: bool = True,
) -> ToldClaims:
    """
    What an introspection endpoint said of a token that may be used now.

    Spec: RFC 7662 §2.2, RFC 9701 §5 and §8.1.

    Raises:
        MalformedReply: The endpoint failed.
        JoseError: The signature of a signed reply.
        TokenRefused: The token is not active, out of date, or of another issuer.
    """
    what = "introspection result"
    claims, jwt = _read(reply, "introspection", keys, rules)
    if jwt is not None:
        check_issuer(claims, rules, what, required=True)
        inner = claims.get("token_introspection", claims)
        if not isinstance(inner, dict):
            raise MalformedReply("token_introspection is not an object")
        audience = read_audience(claims)
        if inner is not claims and not set(audience or ()) & set(rules.client_ids):
            raise TokenRefused(
                "invalid_aud", f"invalid aud claim was specified for {what}"
            )
        claims = inner
    if check_active and claims.get("active") is not True:
        raise TokenRefused("token_inactive", "the token is not active")
    check_issuer(claims, rules, what, required=False)
    for_whom = read_audience(claims)
    anybody = rules.audiences_required or rules.any_audience
    if (
        for_whom is not None
        and not anybody
        and not set(for_whom) & set(rules.client_ids)
    ):
        raise TokenRefused("invalid_aud", f"invalid aud claim was specified for {what}")
    expires = check_times(claims, rules, now, what, required=False)
    return ToldClaims(claims=claims, expires_at=expires, jwt=jwt)


def read_userinfo(
    reply: IncomingReply,
    keys: KeySet,
    rules: Rules,
    *,
    subject: str | None,
    now: float,
) -> ToldClaims:
    """
    What the user-info endpoint said; `sub` must be the one we know (Core §5.3.2).

    Args:
        subject: The `sub` of the ID token; None when there was none.
        now: Unix time in seconds at which the reply arrived.

    Raises:
        MalformedReply: The endpoint failed.
        JoseError: The signature of a signed reply.
        TokenRefused: It is about somebody else, signed for somebody else, or signed for another
            time.
    """
    what = "user info"
    claims, jwt = _read(reply, "userinfo", keys, rules)
    if jwt is not None:
        check_issuer(claims, rules, what, required=False)
        audience = read_audience(claims)
        if audience is not None and not set(audience) & set(rules.client_ids):
            raise TokenRefused(
                "invalid_aud", f"invalid aud claim was specified for {what}"
            )
        # A JWT that has ended must not be processed (RFC 7519 §4.1.4, §4.1.5): else one from
        # long ago could be played back. `iat` says only when it was made. In plain JSON, which
        # comes straight from the provider, `exp` is a claim like others (Core §5.1 defines
        # none): it ends how long the reply is kept, and refuses nobody.
        signed = {name: claims[name] for name in ("exp", "nbf") if name in claims}
        check_times(signed, rules, now, what, required=False)
    told = read_text(claims, "sub")
    if not told or (subject is not None and told != subject):
        raise TokenRefused("invalid_sub", f"invalid sub claim was specified for {what}")
    return ToldClaims(claims=claims, expires_at=read_time(claims, "exp"), jwt=jwt)
