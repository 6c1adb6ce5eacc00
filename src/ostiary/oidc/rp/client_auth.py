"""
How we tell an endpoint of the provider who we are.

Spec: RFC 6749 §2.3.1, RFC 7523 §2.2 and §3, OpenID Connect Core 1.0 §9.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from urllib.parse import quote_plus

from ostiary.http.exchange import OutgoingRequest
from ostiary.http.forms import Pairs, build_form

ASSERTION_METHODS = frozenset({"client_secret_jwt", "private_key_jwt"})
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_LIFETIME_S = 60
TextFields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCredentials:
    """Who we are to the provider, and how we say so. `assertion` is a signed JWT (RFC 7523)."""

    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    method: str = "none"
    assertion: str | None = field(default=None, repr=False)


def choose_auth_method(
    configured: str | None,
    supported: tuple[str, ...],
    *,
    has_secret: bool,
    has_key: bool,
) -> str:
    """The method of a client: configured, else the first supported we can do, else basic."""
    if configured is not None:
        return configured
    if not has_secret and not has_key:
        return "none"
    usable = ["client_secret_basic", "client_secret_post"] if has_secret else []
    usable += ["private_key_jwt"] if has_key else []
    usual = "client_secret_basic" if has_secret else "private_key_jwt"
    return next((method for method in supported if method in usable), usual)


def build_assertion_claims(
    client_id: str, *, audience: str, jti: str, now: float
) -> dict[str, object]:
    """
    The claims of a client assertion, good for a minute.

    Spec: RFC 7523 §3, OpenID Connect Core 1.0 §9.
    """
    return {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": jti,
        "iat": int(now),
        "exp": int(now) + ASSERTION_LIFETIME_S,
    }


def post_form(
    endpoint: str,
    client: ClientCredentials,
    pairs: list[tuple[str, str]],
    *,
    extra: Pairs = (),
    fields: TextFields = (),
    accept: str = "application/json",
) -> OutgoingRequest:
    """
    A form for an endpoint, with the client's authentication.

    Extra arguments never replace ours; extra header fields may (Kong's `*_headers_*`).
    """
    sent = [
        ("Accept", accept),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ]
    secret = client.client_secret
    if client.method in ASSERTION_METHODS and client.assertion is not None:
        pairs.append(("client_assertion_type", ASSERTION_TYPE))
        pairs.append(("client_assertion", client.assertion))
    elif client.method == "client_secret_basic" and secret is not None:
        # RFC 6749 §2.3.1 asks for form encoding inside Basic.
        pair = f"{quote_plus(client.client_id)}:{quote_plus(secret)}"
        basic = base64.b64encode(pair.encode()).decode()
        sent.append(("Authorization", f"Basic {basic}"))
    else:
        pairs.append(("client_id", client.client_id))
        if client.method == "client_secret_post" and secret is not None:
            pairs.append(("client_secret", secret))
    names = {name for name, _ in pairs}
    pairs += [(k, v) for k, v in extra if k not in names]
    replaced = {name.lower() for name, _ in fields}
    return OutgoingRequest(
        method="POST",
        url=endpoint,
        fields=(*((k, v) for k, v in sent if k.lower() not in replaced), *fields),
        body=build_form(pairs).encode(),
    )
