"""
The token endpoint: requests for every grant we use, and the judging of its reply.

Spec: RFC 6749 §4.1.3, §5, §6; §2.3.1 (client authentication); OpenID Connect Core 1.0 §9.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from urllib.parse import quote_plus

from ostiary.http.exchange import IncomingReply, OutgoingRequest
from ostiary.http.forms import Pairs, build_form
from ostiary.jose.encoding import parse_json_object
from ostiary.jose.errors import MalformedToken
from ostiary.oidc.errors import MalformedReply, ProviderError

MAX_REPLY_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCredentials:
    """Who we are to the provider, and how we say so."""

    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    method: str = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSet:
    """Tokens with the absolute time (Unix seconds) at which the access token ends."""

    access_token: str = field(repr=False)
    expires_at: float | None
    id_token: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)


def choose_auth_method(
    secret: str | None, configured: str | None, supported: tuple[str, ...]
) -> str:
    """The method for a client: configured, else the first supported we can do, else basic."""
    if configured is not None:
        return configured
    if secret is None:
        return "none"
    usable = ("client_secret_basic", "client_secret_post")
    return next((m for m in supported if m in usable), "client_secret_basic")


def _post(
    endpoint: str, client: ClientCredentials, pairs: list[tuple[str, str]], extra: Pairs
) -> OutgoingRequest:
    fields = [
        ("Accept", "application/json"),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ]
    if client.method == "client_secret_basic" and client.client_secret is not None:
        # RFC 6749 §2.3.1 asks for form encoding inside Basic.
        pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
        fields.append(
            ("Authorization", "Basic " + base64.b64encode(pair.encode()).decode())
        )
    else:
        pairs.append(("client_id", client.client_id))
        if client.method == "client_secret_post" and client.client_secret is not None:
            pairs.append(("client_secret", client.client_secret))
    names = {name for name, _ in pairs}
    pairs += [(k, v) for k, v in extra if k not in names]
    return OutgoingRequest(
        method="POST",
        url=endpoint,
        fields=tuple(fields),
        body=build_form(pairs).encode(),
    )


def code_request(
    endpoint: str,
    client: ClientCredentials,
    *,
    code: str,
    redirect_uri: str,
    verifier: str | None,
    extra: Pairs = (),
) -> OutgoingRequest:
    """The request that changes a code into tokens."""
    pairs = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", redirect_uri),
    ]
    if verifier is not None:
        pairs.append(("code_verifier", verifier))
    return _post(endpoint, client, pairs, extra)


def refresh_request(
    endpoint: str, client: ClientCredentials, *, refresh_token: str, extra: Pairs = ()
) -> OutgoingRequest:
    """
    The request that renews tokens.

    No scope is sent: RFC 6749 §6 reads that as the scope granted before.
    """
    pairs = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)]
    return _post(endpoint, client, pairs, extra)


def revocation_request(
    endpoint: str,
    client: ClientCredentials,
    *,
    token: str,
    hint: str,
    name: str = "token",
) -> OutgoingRequest:
    """The request that revokes a token (RFC 7009 §2.1)."""
    return _post(endpoint, client, [(name, token), ("token_type_hint", hint)], ())


def _text(document: dict[str, object], name: str) -> str | None:
    value = document.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise MalformedReply(f"{name} in the token reply is not a text")
    return value


def _lifetime(document: dict[str, object]) -> float | None:
    value = document.get("expires_in")
    if value is None:
        return None
    try:
        seconds = float(value) if isinstance(value, int | float | str) else -1.0
    except (ValueError, OverflowError):
        seconds = -1.0
    if isinstance(value, bool) or not 0 <= seconds < 1e9:
        raise MalformedReply("expires_in in the token reply is not a number of seconds")
    return seconds


def read_token_response(reply: IncomingReply, now: float) -> TokenSet:
    """
    Turn the token endpoint's reply into tokens with absolute expiry, or say what is wrong.

    Spec: RFC 6749 §5.1, §5.2.

    Args:
        now: Unix time in seconds at which the reply arrived.

    Raises:
        ProviderError: The provider answered with an OAuth error; its word is kept.
        MalformedReply: Not JSON, no access_token, or a token_type we do not know.
    """
    if len(reply.body) > MAX_REPLY_BYTES:
        raise MalformedReply("the token reply is over 256 KB")
    try:
        document = parse_json_object(reply.body)
    except MalformedToken as error:
        raise MalformedReply(
            f"the token endpoint answered {reply.status} with something that is {error.detail}"
        ) from error
    failure = document.get("error")
    if reply.status != 200 or failure is not None:
        if isinstance(failure, str) and reply.status < 500:
            description = document.get("error_description")
            raise ProviderError(
                failure, description if isinstance(description, str) else None
            )
        raise MalformedReply(f"the token endpoint answered with status {reply.status}")
    access_token = _text(document, "access_token")
    if access_token is None:
        raise MalformedReply("the token reply has no access_token")
    if (_text(document, "token_type") or "").lower() != "bearer":
        raise MalformedReply("the token reply's token_type is not Bearer")
    lifetime = _lifetime(document)
    return TokenSet(
        access_token=access_token,
        expires_at=None if lifetime is None else now + lifetime,
        id_token=_text(document, "id_token"),
        refresh_token=_text(document, "refresh_token"),
    )
