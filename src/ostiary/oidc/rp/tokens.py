"""
The token endpoint: the arguments of every grant we use, and the judging of its reply.

Spec: RFC 6749 §4, §5, §6; RFC 7009 §2.1.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ostiary.http.exchange import IncomingReply
from ostiary.jose.encoding import parse_json_object
from ostiary.jose.errors import MalformedToken
from ostiary.oidc.errors import MalformedReply, ProviderError

MAX_REPLY_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSet:
    """Tokens with the absolute time (Unix seconds) at which the access token ends."""

    access_token: str = field(repr=False)
    expires_at: float | None
    id_token: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)


def code_request(
    *, code: str, redirect_uri: str, verifier: str | None
) -> list[tuple[str, str]]:
    """What changes a code into tokens (RFC 6749 §4.1.3)."""
    pairs = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", redirect_uri),
    ]
    if verifier is not None:
        pairs.append(("code_verifier", verifier))
    return pairs


def refresh_request(*, refresh_token: str) -> list[tuple[str, str]]:
    """
    What renews tokens.

    No scope is sent: RFC 6749 §6 reads that as the scope granted before.
    """
    return [("grant_type", "refresh_token"), ("refresh_token", refresh_token)]


def password_request(
    *, username: str, password: str, scope: str | None
) -> list[tuple[str, str]]:
    """What changes a user's name and password into tokens (RFC 6749 §4.3.2)."""
    pairs = [
        ("grant_type", "password"),
        ("username", username),
        ("password", password),
    ]
    return [*pairs, ("scope", scope)] if scope else pairs


def client_credentials_request(*, scope: str | None) -> list[tuple[str, str]]:
    """What gives a client tokens of its own (RFC 6749 §4.4.2)."""
    pairs = [("grant_type", "client_credentials")]
    return [*pairs, ("scope", scope)] if scope else pairs


def revocation_request(
    *, token: str, hint: str, name: str = "token"
) -> list[tuple[str, str]]:
    """What revokes a token (RFC 7009 §2.1)."""
    return [(name, token), ("token_type_hint", hint)]


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
